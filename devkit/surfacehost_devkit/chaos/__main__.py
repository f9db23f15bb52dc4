"""The long form: ``python -m surfacehost_devkit.chaos [--random N] [--each N] [--webhook] …``; see ``make chaos``.

Prints a line for each step at which the host was killed, then the table of what became of every message. Exit status 1
when anything was lost, doubled or out of order.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from surfacehost_devkit.botapi import BotApi
from surfacehost_devkit.chaos.audit import Verdict
from surfacehost_devkit.chaos.eager import be_eager
from surfacehost_devkit.chaos.sides import MatrixSide, Side, TelegramSide
from surfacehost_devkit.chaos.storm import Death, Storm, at_any_moment, at_every_point
from surfacehost_devkit.homeserver import Homeserver, install
from surfacehost_devkit.matrixperson import MatrixPerson

PASSWORD = "correct-horse-battery"  # noqa: S105 - of users that exist for an hour, on this machine


def main() -> int:
    """Storm as the words say; 0 when the host kept its promises."""
    parser = argparse.ArgumentParser(prog="python -m surfacehost_devkit.chaos", description=__doc__)
    parser.add_argument("--random", type=int, default=500, help="kills at any moment (default: %(default)s)")
    parser.add_argument("--each", type=int, default=50, help="kills at each step (default: %(default)s)")
    parser.add_argument("--surface", action="append", choices=("matrix", "telegram"), help="steps of this one only")
    parser.add_argument("--point", action="append", help="this step only")
    parser.add_argument("--delivery", default="probe", help="Telegram's setting of that name (default: %(default)s)")
    parser.add_argument("--edits", action="store_true", help="Telegram's chats take no drafts: answers grow by edits")
    parser.add_argument("--webhook", action="store_true", help="Telegram brings its updates instead of being asked")
    parser.add_argument("--report", type=Path, help="write the result there as JSON as well")
    words = parser.parse_args()
    verdicts, kills, windows = asyncio.run(_storm(words))
    report = {"kills": kills, "windows": windows, "surfaces": {name: asdict(one) for name, one in verdicts.items()}}
    if words.report:
        words.report.parent.mkdir(parents=True, exist_ok=True)
        words.report.write_text(json.dumps(report, indent=1) + "\n")
    _print_table(verdicts, kills, windows)
    return 0 if all(verdict.is_clean for verdict in verdicts.values()) else 1


async def _storm(words: argparse.Namespace) -> tuple[dict[str, Verdict], int, dict[str, int]]:
    with tempfile.TemporaryDirectory(prefix="surfacehost-chaos-") as folder:
        async with AsyncExitStack() as stack:
            mode = "webhook" if words.webhook else "polling"
            sides = await stack.enter_async_context(
                stage(Path(folder), delivery=words.delivery, takes_drafts=not words.edits, mode=mode)
            )
            first = be_eager if words.edits else None
            storm = await stack.enter_async_context(Storm.over(Path(folder) / "host", sides, first=first))
            wanted = [side for side in sides if side.name in (words.surface or [one.name for one in sides])]
            deaths = [
                death
                for side in wanted
                for death in at_every_point(side, words.each)
                if not words.point or (death.towards or death.point) in words.point
            ]
            verdicts = await _rage(storm, [*deaths, *at_any_moment(words.random)])
            log = storm.lives.log.read_text(errors="replace")
            said = [text for side in sides for one in side.conversations for text in await side.heard(one)]
            windows = {
                "found": log.count("already, as message"),
                "sent again": log.count("has not arrived in chat"),
                "placeholders left": said.count("…"),
            }
            return verdicts, len(storm.deaths), windows


async def _rage(storm: Storm, deaths: Iterable[Death]) -> dict[str, Verdict]:
    """Step by step, each with a calm end, so that what went wrong is seen where it did."""
    verdicts: dict[str, Verdict] = {}
    for (surface, point), group in groupby(deaths, key=lambda death: (death.surface, death.towards or death.point)):
        await storm.rage([*group])
        verdicts = await storm.calm()
        state = "clean" if all(one.is_clean for one in verdicts.values()) else _what_is_wrong(verdicts)
        _say(f"{len(storm.deaths):5} kills  {surface or 'both':9} {point or 'any moment':45} {state}")
    for death in storm.missed:
        _say(f"not reached: {death}")
    return verdicts


def _what_is_wrong(verdicts: dict[str, Verdict]) -> str:
    return "; ".join(f"{name}: {asdict(one)}" for name, one in verdicts.items() if not one.is_clean)


@asynccontextmanager
async def stage(
    folder: Path, *, delivery: str = "probe", chats: int = 6, takes_drafts: bool = True, mode: str = "polling"
) -> AsyncIterator[Sequence[Side]]:
    """Both built-in surfaces with everything behind them: a homeserver, the Bot API simulator, people."""
    async with AsyncExitStack() as stack:
        homeserver = await stack.enter_async_context(Homeserver(folder / "homeserver", synapse=install()))
        api = await stack.enter_async_context(BotApi.serve())
        bot = await asyncio.to_thread(homeserver.register, "agent", PASSWORD)
        alice = await asyncio.to_thread(homeserver.register, "alice", PASSWORD)
        person = await stack.enter_async_context(MatrixPerson(homeserver.url, alice))
        yield [
            MatrixSide(person, homeserver.url, bot.user_id, PASSWORD, chats=chats),
            TelegramSide(api, chats=chats, delivery=delivery, takes_drafts=takes_drafts, mode=mode),
        ]


def _print_table(verdicts: dict[str, Verdict], kills: int, windows: dict[str, int]) -> None:
    _say("")
    _say("| surface | kills | messages | lost | doubled | out of order | asked again | … though stored |")
    _say("|---|---|---|---|---|---|---|---|")
    for name, one in verdicts.items():
        numbers = (kills, one.asked, one.lost, one.doubled, one.out_of_order, one.asked_again, one.asked_in_vain)
        _say(f"| {name} | {' | '.join(map(str, numbers))} |")
    _say(f"\nTelegram sends that were looked for: {windows['found']} had arrived, {windows['sent again']} had not.")
    _say(f"Placeholders left in chats: {windows['placeholders left']}.")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
