"""The short form of the storm: killed once at every step, and at random moments, under load on both surfaces."""

from pathlib import Path

import pytest

from surfacehost_devkit.chaos import MatrixSide, Storm, TelegramSide, at_any_moment, at_every_point

pytestmark = pytest.mark.timeout(400)  # some seventy lives


async def test_killed_at_every_step_of_a_matrix_message(
    folder: Path, matrix: MatrixSide, telegram: TelegramSide
) -> None:
    async with Storm.over(folder, [matrix, telegram]) as storm:
        await storm.rage([*at_every_point(matrix, 1)])
        assert storm.missed == []
        assert {name: verdict.examples for name, verdict in (await storm.calm()).items()} == CLEAN


async def test_killed_at_every_step_of_a_telegram_message(folder: Path, telegram: TelegramSide) -> None:
    async with Storm.over(folder, [telegram]) as storm:  # the other two have both: lives with Matrix cost twice as much
        await storm.rage([*at_every_point(telegram, 1)])
        assert storm.missed == []
        assert {name: verdict.examples for name, verdict in (await storm.calm()).items()} == {"telegram": []}


async def test_killed_at_any_moment(folder: Path, matrix: MatrixSide, telegram: TelegramSide) -> None:
    async with Storm.over(folder, [matrix, telegram]) as storm:
        await storm.rage([*at_any_moment(12)])
        verdicts = await storm.calm()
    assert {name: verdict.examples for name, verdict in verdicts.items()} == CLEAN
    assert all(verdict.asked > 10 for verdict in verdicts.values())


CLEAN: dict[str, list[str]] = {"matrix": [], "telegram": []}
