"""The list of steps at which the host is killed is the list of steps that there are."""

import ast
from pathlib import Path

import pytest

import surfacehost
from surfacehost.ways import Step
from surfacehost_devkit.chaos import MatrixSide, Side, Storm, TelegramSide
from surfacehost_devkit.chaos.doom import call_name
from surfacehost_devkit.chaos.points import ASIDE, AT_START, HOST, MARKED, READS

CODE = Path(surfacehost.__file__).parent


def transactions() -> set[str]:
    """The name of every operation that the host hands to ``Database.tx``; commands are processes of their own."""
    found: set[str] = set()
    for file in {*CODE.rglob("*.py")} - {*(CODE / "commands").rglob("*.py")}:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "tx":
                operation = node.args[0]
                found.add(operation.attr if isinstance(operation, ast.Attribute) else ast.unparse(operation))
    return found


def test_no_transaction_is_forgotten() -> None:
    listed = {*HOST, *AT_START, *ASIDE, *TelegramSide.sent}
    for name in transactions() - READS:
        assert {f"{name} before", f"{name} inside"} <= listed
        assert f"{name} after" in listed or name in MARKED
    assert transactions() >= READS


def test_no_step_is_forgotten() -> None:
    assert {str(step) for step in Step} <= {*HOST}


@pytest.mark.parametrize("name", ["matrix", "telegram"])
async def test_a_message_passes_the_listed_steps_and_no_others(
    name: str, folder: Path, matrix: MatrixSide, telegram: TelegramSide
) -> None:
    side: Side = matrix if name == "matrix" else telegram
    async with Storm.over(folder, [side]) as storm:
        passed = await storm.follow(side, ["1", "2 declined"])
    quiet = {step for step in passed if step.rpartition(" ")[0] not in side.beside}
    assert quiet == {*HOST, *side.steps}


def test_the_page_about_durability_tells_every_step() -> None:
    page = (Path(__file__).parents[2] / "docs" / "durability.md").read_text()
    telegram = {**TelegramSide.fetched, **TelegramSide.brought, **TelegramSide.sent, **TelegramSide.growing}
    for point, then in {**HOST, **MatrixSide.steps, **telegram}.items():
        assert f"`{point}` | {then} |" in page


def test_a_call_has_one_name_for_everybody() -> None:
    assert call_name("/bot123456789:AAH-secret/sendMessage") == "sendMessage"
    assert call_name("/_matrix/client/v3/rooms/!a%3Ab/send/m.room.message/0123456789abcdef", "PUT") == (
        "PUT rooms/*/send/m.room.message/*"
    )
    assert call_name("/_matrix/client/v3/sync", "GET") == "GET sync"
