"""Secrets: three ways in, no way out."""

import tomllib
from pathlib import Path

from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.settings.toys import Complain, Load, Shelf, ToySettings

from surfacehost.settings import Settings, load, rows

SECRET = "s3cret-0123"

ANY_TEXT = hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example writes the files anew
    deadline=None,
)


def _token(settings: Settings) -> str:
    toy = settings.surfaces["toy"].settings
    assert isinstance(toy, ToySettings)
    return toy.token.get_secret_value()


def _file(name: str, text: str = SECRET, mode: int = 0o600) -> Path:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_beside_the_settings_holds_it(loaded: Load, folder: Path) -> None:
    _file("toy_token", SECRET + "\r\n\n")
    settings = loaded('[surfaces.toy]\ntoken_file = "toy_token"\n')
    assert _token(settings) == SECRET
    assert settings.sources["surfaces.toy.token"] == f"settings.toml:2, {folder / 'toy_token'}"
    assert settings.warnings == ()


def test_only_line_ends_are_taken_off(loaded: Load) -> None:
    _file("toy_token", f"  {SECRET}\t \n")
    assert _token(loaded('[surfaces.toy]\ntoken_file = "toy_token"\n')) == f"  {SECRET}\t "


def test_the_credentials_directory_comes_second(loaded: Load, folder: Path) -> None:
    _file("credentials/toy_token", mode=0o644)
    env = {"CREDENTIALS_DIRECTORY": str(folder / "credentials"), "SURFACEHOST_SURFACES__TOY__TOKEN_FILE": "toy_token"}
    settings = loaded("", env=env)
    assert _token(settings) == SECRET
    assert settings.warnings == ()
    _file("toy_token", "nearer")
    assert _token(loaded("", env=env)) == "nearer"


def test_an_absolute_path_and_a_template(loaded: Load, folder: Path) -> None:
    _file("toy_token")
    assert _token(loaded(f'[surfaces.toy]\ntoken_file = "{folder / "toy_token"}"\n')) == SECRET
    text = '[host]\ndata_dir = "x"\n[surfaces.toy]\ntoken_file = "@format {this.host.data_dir}/../toy_token"\n'
    (folder / "x").mkdir()
    assert _token(loaded(text)) == SECRET


def test_secrets_of_tables_inside_tables(loaded: Load, folder: Path) -> None:
    _file("key")
    toy = loaded(
        '[surfaces.toy]\ntoken = "t0ken!"\n[surfaces.toy.corner]\nkey_file = "key"\n'
        '[[surfaces.toy.corners]]\n[[surfaces.toy.corners]]\nkey_file = "key"\n[agent]\ntoken_file = "key"\n'
    )
    settings = toy.surfaces["toy"].settings
    assert isinstance(settings, ToySettings)
    assert settings.corner
    assert settings.corner.key == settings.corners[1].key == toy.agent.token
    assert toy.sources["surfaces.toy.corners.1.key"] == f"settings.toml:7, {folder / 'key'}"


def test_files_that_give_no_secret(problems: Complain, folder: Path) -> None:
    _file("empty", "\n")
    Path("binary").write_bytes(b"\xff")
    Path("folder").mkdir()
    lines = problems(
        '[surfaces.a]\ntoken_file = "missing"\n[surfaces.b]\ntoken_file = "empty"\n'
        '[surfaces.c]\ntoken_file = "binary"\n'
        '[surfaces.d]\ntoken_file = "folder"\n[surfaces.e]\ntoken_file = 5\n[surfaces.f]\ntoken_file = ""\n',
        env={f"SURFACEHOST_SURFACES__{name}__PLUGIN": "toy" for name in "ABCDEF"},
    )
    assert lines == [
        f"settings.toml:2: surfaces.a.token_file: no such file: {folder}/missing, /run/secrets/missing",
        "settings.toml:4: surfaces.b.token_file: the file is empty",
        "settings.toml:6: surfaces.c.token_file: does not hold UTF-8 text",
        "settings.toml:8: surfaces.d.token_file: can't be read: Is a directory",
        "settings.toml:10: surfaces.e.token_file: should be the path of a file",
        "settings.toml:12: surfaces.f.token_file: should be the path of a file",
    ]


def test_two_ways_at_once_are_one_too_many(problems: Complain) -> None:
    _file("toy_token")
    (problem,) = problems(
        '[surfaces.toy]\ntoken_file = "toy_token"\n', env={"SURFACEHOST_SURFACES__TOY__TOKEN": "other"}
    )
    assert problem == (
        "settings.toml:2: surfaces.toy.token_file: token is set as well (env SURFACEHOST_SURFACES__TOY__TOKEN); "
        "it can only be one of the two"
    )


def test_an_empty_secret_is_none(problems: Complain) -> None:
    """What compose files make of a variable that nobody set."""
    (problem,) = problems("[surfaces.toy]\n", env={"SURFACEHOST_SURFACES__TOY__TOKEN": ""})
    assert problem.startswith("env SURFACEHOST_SURFACES__TOY__TOKEN: surfaces.toy.token: is empty")


def test_only_secrets_have_files(problems: Complain) -> None:
    (problem,) = problems('[surfaces.toy]\ntoken = "t0ken!"\nbase_url_file = "x"\n')
    assert "unknown setting 'base_url_file'" in problem


def test_secrets_in_the_wrong_place_are_warned_of(loaded: Load, folder: Path) -> None:
    _file("open_token", mode=0o644)
    text = f'[surfaces.toy]\ntoken = "{SECRET}"\n[surfaces.other]\ntoken_file = "open_token"\n'
    warnings = loaded(text, env={"SURFACEHOST_AGENT__TOKEN": SECRET}).warnings
    assert warnings == (
        "settings.toml:2: surfaces.toy.token: a secret; better in token_file, .secrets.toml or the environment",
        f"settings.toml:4: surfaces.other.token_file: everyone may read this secret: chmod 600 {folder}/open_token",
    )


def test_an_open_file_of_secrets_is_warned_of(loaded: Load, shelf: Shelf) -> None:
    secrets = f'[surfaces.toy]\ntoken = "{SECRET}"\n'
    assert loaded("", secrets=secrets).warnings == ()
    Path(".secrets.toml").chmod(0o644)
    (warning,) = load(Path("settings.toml"), finder=shelf, environ={}).warnings
    assert warning.endswith("a secret in a file that everyone may read: chmod 600 .secrets.toml")


def test_secrets_are_masked_everywhere(loaded: Load) -> None:
    _file("key")
    settings = loaded(
        f'[agent]\nurl = "wss://me:{SECRET}@agent.example.org"\ntoken = "{SECRET}"\n'
        f'[surfaces.toy]\ntoken = "{SECRET}"\nspare_file = "key"\ncorners = [{{ key = "{SECRET}" }}]\n'
    )
    shown = {row.key: row.value for row in rows(settings)}
    assert shown["surfaces.toy.token"] == shown["surfaces.toy.spare"] == "**********"
    assert shown["agent.url"] == "wss://**********@agent.example.org"
    assert SECRET not in str(shown)
    assert SECRET not in f"{settings.surfaces!r}{settings.surfaces!s}{settings.agent.token!r}{settings.warnings}"


def test_no_problem_repeats_a_secret(problems: Complain) -> None:
    _file("bad_file", f"bad{SECRET}")
    lines = problems(
        f'[agent]\ntoken = ["{SECRET}"]\n[agent.reference]\napi_key = {{ x = "{SECRET}" }}\n'
        f'[surfaces.toy]\ntoken = "bad{SECRET}"\ntokn = "{SECRET}"\nspare = 123456\n'
        f'[surfaces.other]\ntoken_file = "bad_file"\nbase_url = "@int @read_file bad_file"\n',
        env={"SURFACEHOST_SURFACES__TOY__TOKKEN": SECRET, "SURFACEHOST_AGENT__RUN_TIMEOUT_S": SECRET},
    )
    assert "settings.toml:6: surfaces.toy.token: ********** is no token" in lines
    assert len(lines) == 9
    assert SECRET not in "\n".join(lines)


@given(secret=st.text(min_size=1).filter(lambda text: "\x00" not in text))
@ANY_TEXT
def test_any_text_from_the_environment_arrives_as_it_is(loaded: Load, secret: str) -> None:
    assume(not secret.startswith("bad"))
    assert _token(loaded("", env={"SURFACEHOST_SURFACES__TOY__TOKEN": secret})) == secret


special = st.sampled_from(
    ["1e5", "0123", "true", "@none", "@int x", "@format {this.x}", "@read_file /etc/passwd", "[1]"]
)


@given(secret=special | st.text(min_size=1))
@ANY_TEXT
def test_any_text_from_a_file_arrives_as_it_is(loaded: Load, secret: str) -> None:
    assume(not secret.startswith("bad"))
    escaped = "".join(f"\\U{ord(character):08x}" for character in secret)
    text = f'[surfaces.toy]\ntoken = "{escaped}"\nbase_url = "@format {{this.surfaces.toy.mode}}"\nmode = "slow"\n'
    assert tomllib.loads(text)["surfaces"]["toy"]["token"] == secret
    settings = loaded(text)
    assert _token(settings) == secret
    assert settings.surfaces["toy"].settings.model_dump()["base_url"] == "slow"
