"""A folder to write settings into, and what loading them gives."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.settings.toys import Complain, Load, Shelf

from surfacehost import SettingsError
from surfacehost.errors import SurfacehostError
from surfacehost.settings import Settings, load


@pytest.fixture
def shelf() -> Shelf:
    old = SurfacehostError("it was written for contract 0")
    return Shelf(broken={"torn": ImportError("No module named 'thread'"), "old": old})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, so that settings.toml is called just that."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def loaded(shelf: Shelf) -> Load:
    """Load these texts as the three files, with nothing but *env* in the environment."""

    def load_texts(text: str, *, env: Mapping[str, str] = {}, local: str = "", secrets: str = "") -> Settings:
        Path("settings.toml").write_text(text, encoding="utf-8")
        for name, content in (("settings.local.toml", local), (".secrets.toml", secrets)):
            if content:
                Path(name).write_text(content, encoding="utf-8")
                Path(name).chmod(0o600)
        return load(Path("settings.toml"), finder=shelf, environ=env)

    return load_texts


@pytest.fixture
def problems(loaded: Load) -> Complain:
    """The problems of what ``loaded`` would load; there must be some."""

    def complain(text: str, *, env: Mapping[str, str] = {}, local: str = "", secrets: str = "") -> list[str]:
        with pytest.raises(SettingsError) as caught:
            loaded(text, env=env, local=local, secrets=secrets)
        return caught.value.problems

    return complain
