"""The environment, and what dynaconf makes of single values."""

from pathlib import Path
from typing import Any

import pytest
from tests.settings.toys import Complain, Load

TOY = '[surfaces.toy]\ntoken = "t0ken!"\n'


def _toy(loaded: Load, text: str = TOY, **env: str) -> Any:
    return loaded(text, env={f"SURFACEHOST_{name}": value for name, value in env.items()}).surfaces["toy"].settings


def test_a_key_that_no_file_has_is_made(loaded: Load) -> None:
    assert _toy(loaded, "", SURFACES__TOY__TOKEN="x").token.get_secret_value() == "x"


@pytest.mark.parametrize("name", ["surfaces__toy__size", "SURFACES__TOY__SIZE", "Surfaces__Toy__Size"])
def test_names_may_have_any_case(loaded: Load, name: str) -> None:
    assert _toy(loaded, **{name: "7"}).size == 7


@pytest.mark.parametrize(
    "text", ["1e5", "0123", "1_000", "true", "2024-01-01", "12:30:00", "[1]", '"x"', "@none", "x "]
)
def test_text_stays_as_it_was_written(loaded: Load, text: str) -> None:
    toy = _toy(loaded, SURFACES__TOY__BASE_URL=text, SURFACES__TOY__SPARE=text, SURFACES__TOY__LABELS__A=text)
    assert (toy.base_url, toy.spare.get_secret_value(), toy.labels) == (text, text, {"a": text})


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("false", False), ("@bool no", False)])
def test_what_is_no_text_gets_its_type(loaded: Load, text: str, value: bool) -> None:  # noqa: FBT001 - a parameter
    assert _toy(loaded, SURFACES__TOY__REQUIRE_MENTION=text).require_mention is value


def test_lists_and_tables_are_written_as_toml(loaded: Load) -> None:
    toy = _toy(
        loaded,
        TOY + '[surfaces.toy.corner]\nkey = "k3y!"\n',
        SURFACES__TOY__ALLOW='[42, "@a:b"]',
        SURFACES__TOY__CORNERS='[{colour = "blue"}]',
        SURFACES__TOY__CORNER='{colour = "green"}',
    )
    assert toy.allow == ("42", "@a:b")
    assert toy.corners[0].colour == "blue"
    assert (toy.corner.colour, toy.corner.key.get_secret_value()) == ("green", "k3y!")


def test_a_key_of_a_table_goes_over_the_whole_table(loaded: Load) -> None:
    toy = _toy(loaded, SURFACES__TOY__CORNER='{colour = "green", key = "k3y!"}', SURFACES__TOY__CORNER__COLOUR="blue")
    assert (toy.corner.colour, toy.corner.key.get_secret_value()) == ("blue", "k3y!")


def test_a_variable_without_a_table_is_ignored_with_a_warning(loaded: Load) -> None:
    """Kubernetes makes SURFACEHOST_PORT and others beside every service called surfacehost."""
    settings = loaded(TOY, env={"SURFACEHOST_PORT": "tcp://10.0.0.1:80", "OTHER_AGENT__URL": "x"})
    assert "env SURFACEHOST_PORT: ignored, a setting is SURFACEHOST_<TABLE>__<KEY>" in settings.warnings


def test_dynaconf_reads_nothing_by_itself(loaded: Load, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("settings.yaml", "settings.json", ".env", "evil.toml"):
        Path(name).write_text('{"host": {"locale": "ru"}}' if name != "evil.toml" else '[host]\nlocale = "ru"\n')
    for name in ("SETTINGS_FILE", "SETTINGS_FILES", "INCLUDES", "SECRETS", "PRELOAD"):
        monkeypatch.setenv(f"{name}_FOR_DYNACONF", str(folder / "evil.toml"))
    monkeypatch.setenv("DYNACONF_HOST__LOCALE", "ru")
    settings = loaded('[agent]\nurl = "@format ws://{this.web.listen}"\n[web]\nlisten = "localhost:1"\n')
    assert (settings.agent.url, settings.host.locale) == ("ws://localhost:1", "auto")


def test_templates(loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_ROOT", "/srv/toy")
    Path("size").write_text("12\n")
    Path("url").write_text("https://a.example.org\n")
    toy = _toy(
        loaded,
        '[host]\ndata_dir = "@format {env[TOY_ROOT]}/var"\n' + TOY + 'size = "@int @read_file size"\n'
        'base_url = "@strip @read_file url"\nallow = ["@format {this.surfaces.toy.mode}", "@none"]\nmode = "slow"\n',
        SURFACES__TOY__CA_FILE="@format {this.host.data_dir}/ca.pem",
    )
    assert (toy.size, toy.base_url, toy.allow) == (12, "https://a.example.org", ("slow", "@none"))
    assert toy.ca_file == Path("/srv/toy/var/ca.pem")


def test_templates_that_fail_name_their_own_key_only(problems: Complain) -> None:
    assert problems(
        '[host]\ndata_dir = "@read_file nope"\n[agent]\nurl = "@format {this.nope.x}"\n' + TOY + "rooms = []\n"
        'size = "@int @format x1x"\nbase_url = "@format {0}"\n'
        '[surfaces.other]\ntoken = "t0ken!"\nmode = "@format {this.surfaces.other.mode}"\n'
    ) == [
        "settings.toml:2: host.data_dir: File nope does not exist and no default value provided.",
        "settings.toml:4: agent.url: can't interpolate variable because nope.x",
        "settings.toml:8: surfaces.toy.size: @int can't read the value",
        "settings.toml:9: surfaces.toy.base_url: the template can't be read",
        "settings.toml:12: surfaces.other.mode: the template refers to itself",
    ]


@pytest.mark.parametrize("text", ["@merge [1]", "@del", "@reset [1]", "@insert 1", "@empty", "@none", "@get host.x 1"])
def test_dynaconfs_own_ways_of_merging_are_refused(problems: Complain, text: str) -> None:
    (problem,) = problems(TOY, env={"SURFACEHOST_SURFACES__TOY__ALLOW": text})
    assert problem.startswith("env SURFACEHOST_SURFACES__TOY__ALLOW: surfaces.toy.allow: ")
