from pathlib import Path
from typing import Any

import pydantic
import pytest

from surfacehost import SettingsError
from surfacehost.plugins import EntryPoints
from surfacehost.settings import load
from surfacehost_telegram import TelegramSettings

TOKEN = "123456789:AAFexampleexampleexampleexample_-xyz"


def _settings(**table: Any) -> TelegramSettings:
    return TelegramSettings(**table)


def test_defaults() -> None:
    settings = _settings(token=TOKEN)
    assert settings.base_url == "https://api.telegram.org"
    assert settings.delivery == "probe"
    assert TOKEN not in repr(settings)
    assert TOKEN not in settings.model_dump_json()


@pytest.mark.parametrize("token", ["", "hello", "123456789", "123456789:", ":AAF", "123:AA/../x", "123:AA\n"])
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="is no bot token"):
        _settings(token=token)


@pytest.mark.parametrize("url", ["", "api.telegram.org", "ftp://x", "http://", "https://x/?a=b", "https://x/#a"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="must be an http"):
        _settings(token=TOKEN, base_url=url)


def test_an_address_ends_without_a_slash() -> None:
    assert _settings(token=TOKEN, base_url="http://127.0.0.1:8081/").base_url == "http://127.0.0.1:8081"


def test_a_webhook_needs_a_public_address(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    table = f'[surfaces.telegram]\ntoken = "{TOKEN}"\nmode = "webhook"\n'
    file.write_text(table)
    with pytest.raises(SettingsError) as wrong:
        load(file, finder=EntryPoints(), environ={})
    [problem] = wrong.value.problems
    assert problem.startswith(f"{file}:3: surfaces.telegram.mode: needs public_url in the table [web]: where the ")
    file.write_text(f'{table}[web]\npublic_url = "https://bot.example.org/"\n')
    assert load(file, finder=EntryPoints(), environ={}).surfaces["telegram"].settings.needs_public_url == "mode"
