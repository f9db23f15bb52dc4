"""Which surfaces there are, and that only those are imported."""

from tests.settings.toys import Complain, Load, Shelf

TOKEN = 'token = "t0ken!"\n'


def test_only_enabled_surfaces_are_looked_for(loaded: Load, shelf: Shelf) -> None:
    settings = loaded(
        f"[surfaces.toy]\n{TOKEN}[surfaces.torn]\nenabled = false\nanything = 1\n[surfaces.nowhere]\nenabled = false\n"
    )
    assert shelf.found == ["toy"]
    assert list(settings.surfaces) == ["toy"]
    assert settings.disabled == {"torn": "torn", "nowhere": "nowhere"}


def test_the_environment_turns_a_surface_on_and_off(loaded: Load, shelf: Shelf) -> None:
    settings = loaded(
        f"[surfaces.toy]\n{TOKEN}[surfaces.other]\nenabled = false\n{TOKEN}",
        env={"SURFACEHOST_SURFACES__TOY__ENABLED": "false", "SURFACEHOST_SURFACES__OTHER__ENABLED": "true"},
    )
    assert shelf.found == ["other"]
    assert (list(settings.surfaces), settings.disabled) == (["other"], {"toy": "toy"})


def test_one_plugin_serves_several_tables(loaded: Load, shelf: Shelf) -> None:
    surfaces = loaded(f'[surfaces.toy]\n{TOKEN}[surfaces.support]\nplugin = "toy"\n{TOKEN}').surfaces
    assert [(name, table.name) for name, table in surfaces.items()] == [("toy", "toy"), ("support", "support")]
    assert all(table.plugin is shelf.plugins["toy"] for table in surfaces.values())


def test_defaults_are_laid_under_every_surface(loaded: Load) -> None:
    surfaces = loaded(
        '[defaults]\ndm_policy = "open"\nallow = [42]\nowners = ["o"]\n'
        f'[surfaces.toy]\n{TOKEN}allow = ["mine"]\n[surfaces.other]\n{TOKEN}dm_policy = "disabled"\n'
    ).surfaces
    toy, other = surfaces["toy"].settings, surfaces["other"].settings
    assert (toy.dm_policy, toy.allow, toy.owners) == ("open", ("mine",), ("o",))
    assert (other.dm_policy, other.allow, other.owners) == ("disabled", ("42",), ("o",))


def test_a_plugins_own_default_stays_where_defaults_say_nothing(loaded: Load, shelf: Shelf) -> None:
    class Open(shelf.plugins["toy"].Settings):  # type: ignore[misc]  # a class found at run time
        dm_policy: str = "open"

    shelf.plugins["open"] = type("Open", (), {"Settings": Open})
    settings = loaded(f"[defaults]\nrequire_mention = false\n[surfaces.open]\n{TOKEN}").surfaces["open"].settings
    assert (settings.dm_policy, settings.require_mention) == ("open", False)


def test_a_switch_that_is_none(problems: Complain, shelf: Shelf) -> None:
    (problem,) = problems(f'[surfaces.toy]\nenabled = "perhaps"\n{TOKEN}')
    assert problem.startswith("settings.toml:2: surfaces.toy.enabled: should be a valid boolean")
    assert shelf.found == []
