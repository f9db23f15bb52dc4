"""The commands that speak of settings."""

import argparse
import json
import os
from pathlib import Path
from typing import Any, Protocol

import jsonschema  # type: ignore[import-untyped]  # its types are a distribution of their own
import pytest
from tests.settings.toys import Shelf

from surfacehost.commands.check import Check
from surfacehost.commands.config import Config
from surfacehost.commands.surfaces import Surfaces

TEXT = """\
[defaults]
owners = ["@alice:example.org"]
[surfaces.toy]
token = "s3cret-0123"
[surfaces.quiet]
enabled = false
plugin = "other"
"""


class Run(Protocol):
    def __call__(self, command: Any, *arguments: str) -> tuple[int, str, str]: ...


@pytest.fixture
def run(shelf: Shelf, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on TEXT, with the toy plugins: status, standard output, standard error."""
    for name in os.environ:
        if name.startswith("SURFACEHOST_"):
            monkeypatch.delenv(name)
    Path("settings.toml").write_text(TEXT)

    def run_command(command: Any, *arguments: str) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        command.configure(parser)
        args = parser.parse_args(arguments)
        args.finder = shelf
        status = command.run(args)
        assert isinstance(status, int)
        return status, *capsys.readouterr()

    return run_command


def test_check_says_ok(run: Run) -> None:
    status, out, err = run(Check)
    assert (status, out) == (0, "ok\n")
    assert err.startswith("warning: settings.toml:4: surfaces.toy.token: a secret; ")


@pytest.mark.parametrize("command", [(Check,), (Config, "show"), (Surfaces, "list")])
def test_wrong_settings_are_status_2_and_every_problem(run: Run, command: tuple[Any, ...]) -> None:
    Path("broken.toml").write_text('[agent]\nurl = "x"\n[surfaces.toy]\n')
    status, out, err = run(*command, "--settings", "broken.toml")
    assert (status, out) == (2, "")
    assert [line.split(": ")[:2] for line in err.splitlines()] == [
        ["broken.toml:2", "agent.url"],
        ["broken.toml:3", "surfaces.toy.token"],
    ]


def test_config_show_tells_value_and_source(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURFACEHOST_AGENT__URL", "ws://agent:1")
    status, out, _ = run(Config, "show")
    lines = {line.split(" = ")[0]: line for line in out.splitlines()}
    assert status == 0
    assert lines["agent.url"].endswith("# env SURFACEHOST_AGENT__URL")
    assert lines["agent.embedded"].startswith("agent.embedded = true ")
    assert lines["agent.embedded"].endswith("# default")
    assert lines["surfaces.toy.token"].startswith('surfaces.toy.token = "**********" ')
    assert lines["surfaces.toy.owners"].endswith("# settings.toml:2")
    assert lines["surfaces.quiet.enabled"].endswith("# settings.toml:6")
    assert "s3cret" not in out


def test_config_show_as_json(run: Run) -> None:
    _, out, _ = run(Config, "show", "--json")
    rows = {row["key"]: row for row in json.loads(out)}
    assert rows["surfaces.toy.token"] == {
        "key": "surfaces.toy.token",
        "value": "**********",
        "source": "settings.toml:4",
    }
    assert rows["dispatch.threads_per_surface"]["value"] == 64


@pytest.fixture
def schema(run: Run, shelf: Shelf) -> dict[str, Any]:
    shelf.broken.clear()
    status, out, _ = run(Config, "schema")
    assert status == 0
    made: dict[str, Any] = json.loads(out)
    jsonschema.Draft202012Validator.check_schema(made)
    return made


@pytest.mark.parametrize(
    ("table", "fits"),
    [
        ({"agent": {"url": "ws://x", "token_file": "t"}}, True),
        ({"agent": {"urll": "ws://x"}}, False),
        ({"agnet": {}}, False),
        ({"surfaces": {"toy": {"token_file": "t", "corner": {"key_file": "k"}}}}, True),
        ({"surfaces": {"toy": {"tokn": "t"}}}, False),
        ({"surfaces": {"second": {"plugin": "toy", "size": 4}}}, True),
        ({"surfaces": {"Second": {}}}, False),
        ({"surfaces": {"nowhere": {"enabled": False, "whatever": 1}}}, True),
    ],
)
def test_the_schema_knows_what_check_refuses(schema: dict[str, Any], table: dict[str, Any], *, fits: bool) -> None:
    assert jsonschema.Draft202012Validator(schema).is_valid(table) is fits


def test_the_schema_of_a_broken_plugin_is_status_1(run: Run) -> None:
    status, out, err = run(Config, "schema")
    assert (status, out) == (1, "")
    assert "thread" in err


def test_surfaces_list(run: Run) -> None:
    status, out, _ = run(Surfaces, "list")
    assert status == 0
    assert out.splitlines() == [
        "installed plugins: old, other, torn, toy",
        "toy    on   plugin toy",
        "quiet  off  plugin other",
    ]


def test_surfaces_list_as_json(run: Run) -> None:
    _, out, _ = run(Surfaces, "list", "--json")
    assert json.loads(out)["surfaces"] == [
        {"name": "toy", "plugin": "toy", "enabled": True},
        {"name": "quiet", "plugin": "other", "enabled": False},
    ]
