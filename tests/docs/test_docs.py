"""The documentation says what is."""

import argparse
import inspect
import re
import tomllib
from pathlib import Path

import pytest

from surfacehost import hookspecs
from surfacehost.commands.inbox import Inbox
from surfacehost.commands_in_chat import SHOWN
from surfacehost.errors import Kind
from surfacehost.health import SurfaceHealth
from surfacehost.media import Why
from surfacehost.metrics import Figures
from surfacehost.texts import LANGUAGES
from surfacehost.ways import Step

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")])
TEXTS = ROOT / "host/surfacehost/texts"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    for target in re.findall(
        r"\]\(([^)#\s]+)[^)]*\)", re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)
    ):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_hook_is_documented_with_its_arguments_and_its_sentence() -> None:
    text = (ROOT / "docs/hooks.md").read_text()
    specs = {name: spec for name, spec in vars(hookspecs).items() if name.startswith("on_")}
    assert len(specs) == 3
    for name, spec in specs.items():
        assert f"## `{name}({', '.join(inspect.signature(spec).parameters)})`" in text
        assert (inspect.getdoc(spec) or "").replace("``", "`") in text.replace("\n", " ").replace("  ", "\n\n")


def test_every_step_of_a_messages_way_is_told_in_order() -> None:
    assert " → ".join(Step) in (ROOT / "docs/architecture.md").read_text()


def test_every_catalogue_has_every_sentence_with_the_same_blanks() -> None:
    catalogues = [tomllib.loads((TEXTS / f"{language}.toml").read_text()) for language in LANGUAGES]
    assert {f"{language}.toml" for language in LANGUAGES} == {path.name for path in TEXTS.glob("*.toml")}
    blanks = [{key: set(re.findall(r"{(\w+)}", text)) for key, text in catalogue.items()} for catalogue in catalogues]
    assert all(one == blanks[0] for one in blanks)
    assert {f"error_{kind}" for kind in Kind} <= set(catalogues[0])


def test_every_sentence_is_said_somewhere() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "host/surfacehost").rglob("*.py"))
    members = {"error": {*Kind}, "command": {*SHOWN}, "attachment": {*Why}}
    families = {f"{family}_{member}" for family, found in members.items() for member in found}
    keys = {*tomllib.loads((TEXTS / "en.toml").read_text())}
    assert {key for key in keys - families if f'"{key}"' not in code} == set()
    assert families <= keys


def test_every_row_about_the_conversation_names_what_shows_it() -> None:
    page = (ROOT / "docs/conversation.md").read_text()
    tables = re.findall(r"^\|[^\n]*\| shown by \|\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    shown = [re.findall(r"`(\w+)`", row.rpartition(" | ")[2]) for table in tables for row in table.splitlines()]
    written = {name for file in ROOT.glob("tests/**/*.py") for name in re.findall(r"def (\w+)", file.read_text())}
    assert len(tables) == 4
    assert all(shown)
    assert {name for names in shown for name in names} - written == set()


def test_the_project_names_no_package_registry() -> None:
    hosts = ["py" + "pi.org", "python" + "hosted", "registry." + "npmjs"]
    files = [path for path in ROOT.rglob("*") if path.suffix in {".py", ".md", ".toml", ".txt", ".sh"}]
    mine = [path for path in files if not {".venv", ".cache", ".git", "artefacts"} & set(path.relative_to(ROOT).parts)]
    assert len(mine) > 100
    assert [path for path in mine if any(host in path.read_text(errors="ignore") for host in hosts)] == []


@pytest.mark.parametrize("page", ["docs/runbook.md", "docs/runbook.ru.md"])
def test_the_runbook_names_every_figure_and_no_other(page: str) -> None:
    figures = Figures(at=0, troubles={"agent": ""}, healths=[SurfaceHealth("x", event_at=1, sent_at=1)], inbox={})
    told = {sample.name for metric in figures.collect() for sample in metric.samples}
    assert told == set(re.findall(r"`(surfacehost_\w+)", (ROOT / page).read_text()))


@pytest.mark.parametrize("page", ["docs/runbook.md", "docs/runbook.ru.md"])
def test_every_command_of_the_runbook_on_the_inbox_is_one(page: str) -> None:
    parser = argparse.ArgumentParser()
    Inbox.configure(parser)
    lines = re.findall(r"^    surfacehost inbox (.+?)  ", (ROOT / page).read_text(), re.MULTILINE)
    assert {parser.parse_args(line.split()).action for line in lines} == {"list", "show", "retry", "drop"}


def test_the_runbook_says_the_same_in_both_languages() -> None:
    english, russian = ((ROOT / f"docs/runbook{suffix}.md").read_text() for suffix in ("", ".ru"))
    for mark in (r"^## ", r"^\| ", r"^- ", r"^\d\. "):
        assert len(re.findall(mark, english, re.MULTILINE)) == len(re.findall(mark, russian, re.MULTILINE))
    assert re.findall(r"`/[\w./]+`", english) == re.findall(r"`/[\w./]+`", russian)
