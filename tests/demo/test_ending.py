"""However the demo ends, it says why and leaves nothing running; here it ends before it is up."""

import signal
import socket
from pathlib import Path

import pytest
from tests.demo.demoprocess import DemoProcess, Process

from surfacehost_devkit.homeserver import cache_folder
from surfacehost_devkit.hostprocess import wait_until

FOUND_S = 60
GONE_S = 10


def wait_for_child(demo: DemoProcess, words: str) -> list[Process]:
    """The demo's children, once one whose command has *words* in it is there."""
    demo.wait_until(
        lambda: any(words in one.command and "warden.py" not in one.command for one in demo.children), FOUND_S
    )
    return demo.children


def wait_gone(children: list[Process]) -> None:
    wait_until(
        lambda: not any(one.lives for one in children), GONE_S, lambda: str([one for one in children if one.lives])
    )


@pytest.mark.usefixtures("synapse_cache")
@pytest.mark.parametrize("words", ["synapse.app.homeserver", "surfacehost run"])
def test_sigterm_while_it_starts_ends_all_of_it(tmp_path: Path, words: str) -> None:
    with DemoProcess(tmp_path, "--port", "0") as demo:
        children = wait_for_child(demo, words)
        assert demo.end(signal.SIGTERM, GONE_S) == 0
        assert [one for one in children if one.lives] == []
        assert "Traceback" not in demo.said


@pytest.mark.usefixtures("synapse_cache")
def test_children_die_with_a_demo_that_is_killed(tmp_path: Path) -> None:
    with DemoProcess(tmp_path, "--port", "0", "--data", "kept") as demo:
        children = wait_for_child(demo, "surfacehost run")
        assert any("synapse" in one.command for one in children)
        assert demo.end(signal.SIGKILL) == -signal.SIGKILL
        wait_gone(children)


def test_a_homeserver_that_does_not_start_is_shown_with_its_log(synapse_cache: Path, tmp_path: Path) -> None:
    """The installed environment, but with a Python that only complains."""
    broken = tmp_path / "cache" / synapse_cache.parents[1].relative_to(cache_folder())
    (broken / "bin").mkdir(parents=True)
    (broken / ".complete").touch()
    python = broken / "bin" / "python"
    python.write_text("#!/bin/sh\necho no database today\nexit 3\n")
    python.chmod(0o755)
    with DemoProcess(tmp_path, "--port", "0", SURFACEHOST_CACHE=str(tmp_path / "cache")) as demo:
        assert demo.ended(30) == 1
        assert "Synapse did not start" in demo.said
        assert "no database today" in demo.said
        assert "Traceback" not in demo.said


def test_a_host_that_does_not_start_is_shown_with_its_log(synapse_cache: Path, tmp_path: Path) -> None:
    """Its interpreter finds a surface plugin that can't be imported."""
    assert synapse_cache.exists()
    (tmp_path / "surfacehost_telegram.py").write_text("raise ImportError('no Telegram today')\n")
    with DemoProcess(tmp_path, "--port", "0", PYTHONPATH=str(tmp_path)) as demo:
        demo.wait_until(lambda: demo.children, FOUND_S)
        assert demo.ended(FOUND_S) == 1
        assert "the host ended with code" in demo.said
        assert "no Telegram today" in demo.said
        assert "Traceback" not in demo.said.partition("surfacehost demo:")[0]


def test_a_port_that_is_taken_is_said_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with DemoProcess(tmp_path, "--port", str(port)) as demo:
            assert demo.ended(20) == 1
            assert f"port {port} can't be had" in demo.said


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine").touch()
    with DemoProcess(tmp_path, "--port", "0", "--data", "kept") as demo:
        assert demo.ended(20) == 1
        assert "kept is not empty" in demo.said
    assert [one.name for one in (tmp_path / "kept").iterdir()] == ["mine"]
