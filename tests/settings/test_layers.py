"""Four layers, each over the one before."""

from pathlib import Path

import pytest
from tests.settings.toys import Complain, Load, Shelf

from surfacehost import SettingsError
from surfacehost.settings import load

TOY = '[surfaces.toy]\ntoken = "t0ken!"\n'


def test_nothing_said_is_the_defaults(loaded: Load, folder: Path) -> None:
    settings = loaded("")
    assert settings.host.data_dir == folder / "var"
    assert settings.database == folder / "var" / "surfacehost.db"
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8700)
    assert settings.agent.url == "ws://localhost:8000"
    assert settings.warnings == ("settings.toml: no surface is enabled",)


def test_a_later_layer_wins(loaded: Load) -> None:
    settings = loaded(
        '[agent]\nurl = "ws://one"\ndialect = "text"\nsilence_timeout_s = 1\nrun_timeout_s = 1\nidle_close_s = 1\n',
        local="[agent]\nsilence_timeout_s = 2\nrun_timeout_s = 2\nidle_close_s = 2\n",
        secrets="[agent]\nrun_timeout_s = 3\nidle_close_s = 3\n",
        env={"SURFACEHOST_AGENT__IDLE_CLOSE_S": "4"},
    )
    agent = settings.agent
    assert (agent.url, agent.dialect) == ("ws://one", "text")
    assert (agent.silence_timeout_s, agent.run_timeout_s, agent.idle_close_s) == (2, 3, 4)


def test_where_each_was_said_is_known(loaded: Load) -> None:
    sources = loaded(
        '[agent]\nurl = "ws://one"\n\n[defaults]\nallow = ["a"]\n' + TOY,
        secrets="\n\n[agent]\nrun_timeout_s = 3\n",
        env={"SURFACEHOST_AGENT__DIALECT": "text"},
    ).sources
    assert sources["agent.url"] == "settings.toml:2"
    assert sources["agent.run_timeout_s"] == ".secrets.toml:4"
    assert sources["agent.dialect"] == "env SURFACEHOST_AGENT__DIALECT"
    assert sources["surfaces.toy.allow"] == "settings.toml:5"
    assert "agent.token" not in sources


def test_a_secret_in_a_file_of_its_own_leaves_the_table_whole(loaded: Load) -> None:
    toy = loaded(
        '[surfaces.toy]\nsize = 9\n[surfaces.other]\ntoken = "o7her!"\n', secrets='[surfaces.toy]\ntoken = "t0ken!"\n'
    ).surfaces
    assert toy["toy"].settings.model_dump()["size"] == 9
    assert set(toy) == {"toy", "other"}


@pytest.mark.parametrize(
    "narrower",
    [
        {"local": '[defaults]\nallow = ["a"]\n'},
        {"env": {"SURFACEHOST_DEFAULTS__ALLOW": '["a"]'}},
    ],
)
def test_a_later_list_replaces_so_that_an_allowlist_can_be_narrowed(loaded: Load, narrower: dict[str, str]) -> None:
    settings = loaded('[defaults]\nallow = ["a", "b"]\n' + TOY, **narrower)  # type: ignore[arg-type]  # either layer
    assert settings.defaults.allow == settings.surfaces["toy"].settings.allow == ("a",)


def test_an_empty_list_closes_the_door(loaded: Load) -> None:
    assert loaded('[defaults]\nallow = ["*"]\n', env={"SURFACEHOST_DEFAULTS__ALLOW": "[]"}).defaults.allow == ()


def test_surfaces_keep_the_order_of_the_file(loaded: Load) -> None:
    assert list(loaded('[surfaces.zoo]\nplugin = "toy"\ntoken = "x"\n' + TOY).surfaces) == ["zoo", "toy"]


def test_a_byte_order_mark_is_no_key(shelf: Shelf) -> None:
    Path("settings.toml").write_bytes(b'\xef\xbb\xbf[host]\r\nlocale = "ru"\r\n')
    assert load(Path("settings.toml"), finder=shelf, environ={}).host.locale == "ru"


def test_settings_must_exist_but_the_files_beside_need_not(shelf: Shelf) -> None:
    with pytest.raises(SettingsError) as caught:
        load(Path("other.toml"), finder=shelf, environ={})
    assert caught.value.problems == ["other.toml: can't be read: No such file or directory"]


def test_broken_files_are_all_named_with_the_line(problems: Complain) -> None:
    assert problems("[host]\nlocale = en\n", secrets="[host\n", local='[host]\nlocale = """\n') == [
        "settings.toml:2: Invalid value",
        "settings.local.toml: Unterminated string at the end of the file",
        ".secrets.toml:1: Expected ']' at the end of a table declaration",
    ]


def test_a_file_that_is_no_text_is_named(shelf: Shelf) -> None:
    Path("settings.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError) as caught:
        load(Path("settings.toml"), finder=shelf, environ={})
    assert caught.value.problems == ["settings.toml: is not UTF-8 text"]


def test_a_named_file_takes_its_neighbours_along_and_relative_paths_start_beside_it(folder: Path, shelf: Shelf) -> None:
    (folder / "etc").mkdir()
    (folder / "etc" / "bot.toml").write_text('[store]\nurl = "sqlite:///db/a.sqlite"\n')
    (folder / "etc" / "settings.local.toml").write_text('[agent]\ntls_ca_file = "ca.pem"\n')
    (folder / "etc" / "ca.pem").touch()
    settings = load(Path("etc/bot.toml"), finder=shelf, environ={})
    assert settings.database == folder / "etc" / "db" / "a.sqlite"
    assert settings.agent.tls_ca_file == folder / "etc" / "ca.pem"
    assert settings.sources["agent.tls_ca_file"] == "etc/settings.local.toml:2"
