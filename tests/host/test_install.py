"""What is installed and what is not: the host in an environment of its own, and settings that can't be used."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from surfacehost_devkit.hostprocess import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``surfacehost`` of an environment that has the host and the web surface, and no other."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    wanted = [
        word for member in ("host", "agent", "render", "plugins/web") for word in ("--editable", str(ROOT / member))
    ]
    pins = str(ROOT / "constraints.txt")
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(folder / "bin/python"),
               "--constraints", pins, "--build-constraints", pins, *wanted]  # fmt: skip
    subprocess.run(command, check=True, timeout=100)
    return folder / "bin" / "surfacehost"


def test_the_host_runs_without_matrix_and_telegram(bare: Path, tmp_path: Path) -> None:
    look = "from importlib.util import find_spec; print(*map(find_spec, ['nio', 'telegram', 'surfacehost_matrix']))"
    found = subprocess.run([bare.parent / "python", "-c", look], capture_output=True, text=True, check=True)
    assert found.stdout == "None None None\n"
    (tmp_path / "settings.toml").write_text(
        '[web]\nlisten = "127.0.0.1:0"\n[surfaces.web]\n[surfaces.matrix]\nenabled = false\nhomeserver = "anything"\n'
    )
    with (tmp_path / "out").open("w") as out, subprocess.Popen([bare, "run"], cwd=tmp_path, stdout=out) as host:
        wait_until(lambda: "running at" in (tmp_path / "out").read_text(), 30)
        host.terminate()
        assert host.wait(10) == 0


def test_a_surface_that_is_not_installed_is_named(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[surfaces.matrix]\n")
    done = subprocess.run([bare, "run"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "settings.toml:1: " in done.stderr
    assert "no plugin 'matrix' is installed" in done.stderr


def test_a_command_that_is_not_installed_says_what_brings_it(bare: Path) -> None:
    done = subprocess.run([bare, "demo"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "surfacehost-devkit" in done.stderr


ERRORS = {
    "a misspelt table": ("[agnet]\n", ["settings.toml:1:", "agnet", "did you mean", "agent"]),
    "a misspelt key": ('[agent]\nulr = "ws://x"\n', ["settings.toml:2:", "agent.ulr", "did you mean 'url'"]),
    "a wrong type": (
        '[dispatch]\nthreads_per_surface = "many"\n',
        ["settings.toml:2:", "dispatch.threads_per_surface"],
    ),
    "a wrong scheme": ('[agent]\nurl = "http://x"\n', ["settings.toml:2:", "agent.url"]),
    "a missing key": ("[surfaces.telegram]\n", ["settings.toml:1:", "surfaces.telegram", "token"]),
    "a wrong choice": ('[defaults]\ndm_policy = "everyone"\n', ["settings.toml:2:", "defaults.dm_policy", "open"]),
    "broken TOML": ("[agent\n", ["settings.toml:1"]),
    "an unknown plugin": ("[surfaces.telegrm]\n", ["settings.toml:1:", "telegrm", "did you mean 'telegram'"]),
    "an unusable listen": ('[web]\nlisten = "8700"\n', ["settings.toml:2:", "web.listen"]),
    "a database from elsewhere": ('[store]\nurl = "postgresql://x"\n', ["settings.toml:2:", "store.url", "PostgreSQL"]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_every_settings_error_exits_2_naming_file_key_and_line(tmp_path: Path, name: str) -> None:
    text, wanted = ERRORS[name]
    (tmp_path / "settings.toml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "surfacehost", "run"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    for part in wanted:
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_all_errors_come_at_once_and_no_secret_with_them(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        '[agent]\nulr = "ws://x"\nrun_timeout_s = -1\n[surfaces.telegram]\ntoken = "hunter2"\nbase_url = "nonsense"\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "surfacehost", "run"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == ["2", "3", "5", "6"]
    assert "hunter2" not in done.stderr


def test_a_missing_settings_file_is_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "surfacehost", "run"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "settings.toml" in done.stderr
