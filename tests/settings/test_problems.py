"""Every problem at once, each with its place."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field
from tests.settings.toys import Complain, Load, Shelf

from surfacehost import Behaviour
from surfacehost.settings.loading import TABLES

BAD = """\
token = "x"
[platfrom]
[host]
data_dirr = "var"
log_level = "loud"
[store]
url = "postgresql://u:pa55word@db/x"
[agent]
url = "http://localhost:8000"
tls_ca_file = "nope.pem"
request_timout_s = 5
run_timeout_s = 0
silence_timeout_s = inf
max_connections = "many"
[agent.reference]
backend = "openai"
base_url = "https://api.example.org"
[web]
listen = "8700"
[dispatch]
threads_per_surface = 0
[defaults]
allow = "everyone"
[surfaces.Toy]
[surfaces.toyy]
[surfaces.torn]
[surfaces.old]
[surfaces.toy]
size = [1]
mode = "sideways"
  [surfaces.toy.corner]
  color = "red"
[surfaces.second]
plugin = "othre"
"""


def test_all_come_at_once_in_the_order_of_the_file(problems: Complain) -> None:
    assert problems(BAD, env={"SURFACEHOST_AGENT__URLL": "x"}) == [
        "settings.toml:1: unknown setting 'token'",
        "settings.toml:2: unknown table [platfrom]",
        "settings.toml:4: host.data_dirr: unknown setting 'data_dirr' - did you mean 'data_dir'?",
        "settings.toml:5: host.log_level: should be 'debug', 'info', 'warning' or 'error'",
        "settings.toml:7: store.url: PostgreSQL is not supported by this version",
        "settings.toml:9: agent.url: should be a URL such as wss://host:port (ws or wss)",
        "settings.toml:10: agent.tls_ca_file: Path does not point to a file",
        "settings.toml:11: agent.request_timout_s: unknown setting 'request_timout_s' - did you mean 'run_timeout_s'?",
        "settings.toml:12: agent.run_timeout_s: should be greater than 0",
        "settings.toml:13: agent.silence_timeout_s: should be a finite number",
        "settings.toml:14: agent.max_connections: should be a valid integer, unable to parse string as an integer",
        'settings.toml:15: agent.reference: backend = "openai" also needs model, api_key',
        "settings.toml:19: web.listen: should be host:port, such as 127.0.0.1:8700; 0.0.0.0 is every interface",
        "settings.toml:21: dispatch.threads_per_surface: should be greater than or equal to 1",
        'settings.toml:23: defaults.allow: should be a list, such as ["a", "b"]',
        "settings.toml:24: surfaces.Toy: a surface's name is a lower-case letter, then up to 31 of a-z, 0-9 and _",
        "settings.toml:25: surfaces.toyy: no plugin 'toyy' is installed - did you mean 'toy'?",
        "settings.toml:26: surfaces.torn: plugin 'torn': No module named 'thread'",
        "settings.toml:27: surfaces.old: plugin 'old': it was written for contract 0",
        "settings.toml:28: surfaces.toy.token: is required, here, as token_file or in the environment",
        "settings.toml:29: surfaces.toy.size: should be a valid integer",
        "settings.toml:30: surfaces.toy.mode: should be 'fast' or 'slow'",
        "settings.toml:32: surfaces.toy.corner.color: unknown setting 'color' - did you mean 'colour'?",
        "settings.toml:34: surfaces.second.plugin: no plugin 'othre' is installed - did you mean 'other'?",
        "env SURFACEHOST_AGENT__URLL: agent.urll: unknown setting 'urll' - did you mean 'url'?",
    ]


def test_the_layer_that_said_it_is_named(problems: Complain) -> None:
    assert problems(
        "[agent]\nrun_timeout_s = 1\nidle_close_s = 1\n",
        local="[agent]\nidle_close_s = -1\n",
        env={"SURFACEHOST_AGENT__RUN_TIMEOUT_S": "-3", "SURFACEHOST_AGNET__URL": "x"},
    ) == [
        "settings.local.toml:2: agent.idle_close_s: should be greater than 0",
        "env SURFACEHOST_AGNET__URL: unknown table [agnet] - did you mean 'agent'?",
        "env SURFACEHOST_AGENT__RUN_TIMEOUT_S: agent.run_timeout_s: should be greater than 0",
    ]


def test_a_wrong_default_is_reported_once_and_where_it_was_said(problems: Complain) -> None:
    text = '[defaults]\ndm_policy = "everyone"\n[surfaces.toy]\ntoken = "t0ken!"\n[surfaces.other]\ntoken = "o7her!"\n'
    (problem,) = problems(text)
    assert problem == "settings.toml:2: defaults.dm_policy: should be 'pairing', 'allowlist', 'open' or 'disabled'"


def test_a_default_that_one_surface_does_not_take_is_shown_at_its_own_line(problems: Complain, shelf: Shelf) -> None:
    class Closed(shelf.plugins["toy"].Settings):  # type: ignore[misc]  # a class found at run time
        group_policy: str = Field("disabled", pattern="^disabled$")

    shelf.plugins["closed"] = type("Closed", (), {"Settings": Closed})
    (problem,) = problems('[defaults]\ngroup_policy = "open"\n[surfaces.closed]\ntoken = "t0ken!"\n')
    assert problem == "settings.toml:2: surfaces.closed.group_policy: String should match pattern '^disabled$'"


@pytest.mark.parametrize("text", ["agent = 5", "surfaces = 5", "[surfaces]\ntoy = 5", "[[surfaces.toy]]", "[[agent]]"])
def test_a_value_in_place_of_a_table(problems: Complain, text: str) -> None:
    (problem,) = problems(text)
    assert problem.endswith(": should be a table")


def test_did_you_mean_knows_the_files_of_secrets(problems: Complain) -> None:
    (problem,) = problems('[agent]\ntokenfile = "x"\n')
    assert problem.endswith("did you mean 'token_file'?")


def test_nothing_close_is_no_guess(problems: Complain) -> None:
    assert problems("[surfaces.zzz]\n") == [
        "settings.toml:1: surfaces.zzz: no plugin 'zzz' is installed; installed: old, other, torn, toy"
    ]


@pytest.mark.parametrize(
    "listen",
    ["", "8700", ":8700", "localhost", "localhost:", "localhost:x", "localhost:65536", "::1:8700", "[::1:8700",
     "[nope]:1", "localhost:²", "http://localhost:8700"],
)  # fmt: skip
def test_addresses_that_are_none(problems: Complain, listen: str) -> None:
    (problem,) = problems(f'[web]\nlisten = "{listen}"\n')
    assert problem.startswith("settings.toml:2: web.listen: ")


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("localhost:0", "localhost", 0), ("[::1]:8700", "::1", 8700), ("0.0.0.0:1", "0.0.0.0", 1)],
)
def test_addresses(loaded: Load, listen: str, host: str, port: int) -> None:
    web = loaded(f'[web]\nlisten = "{listen}"\n').web
    assert (web.host, web.port) == (host, port)


@pytest.mark.parametrize("url", ["localhost:8000", "ws://", "ws://a:b:c", "ws://a:99999", "ws://[x", "ws://a/#x", ""])
def test_agent_urls_that_are_none(problems: Complain, url: str) -> None:
    (problem,) = problems(f'[agent]\nurl = "{url}"\n')
    assert problem.startswith("settings.toml:2: agent.url: ")


@pytest.mark.parametrize("url", ["mysql://x", "sqlite://x", "sqlite:///", "var/x.db"])
def test_store_urls_that_are_none(problems: Complain, url: str) -> None:
    assert problems(f'[store]\nurl = "{url}"\n') == ["settings.toml:2: store.url: should be empty or sqlite:///path"]


def test_a_model_server_of_ones_own_needs_no_key(loaded: Load) -> None:
    text = '[agent.reference]\nbackend = "openai"\nbase_url = "http://localhost:11434/v1"\nmodel = "small"\n'
    assert loaded(text).agent.reference.api_key is None


def test_nothing_can_be_changed(loaded: Load) -> None:
    settings = loaded("")
    with pytest.raises(ValueError, match="frozen"):
        settings.agent.url = "ws://other"
    with pytest.raises(AttributeError):
        settings.folder = Path()  # type: ignore[misc]  # the mistake under test


def test_every_setting_of_the_host_is_described() -> None:
    models: list[type[BaseModel]] = [model for model in TABLES.values() if model is not Behaviour]
    for model in models:
        assert ConfigDict(**model.model_config)["extra"] == "forbid"
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
