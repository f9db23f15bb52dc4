"""What Telegram's looking for lost answers costs where none is lost: run `python bench/delivery.py`.

The same messages are sent by `delivery = "again"`, which keeps no account of what is under way in a chat, and by
`"probe"`, which does: on a real database, to a Telegram that answers at once. Printed are milliseconds and
transactions for each message, and the ratio.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from surfacehost import Home, Message, Reply
from surfacehost.inlet import StoredMemory
from surfacehost.store import notes as stored
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost_devkit.fakes import FakeClient
from surfacehost_telegram import TelegramSettings, TelegramSurface
from surfacehost_telegram.budget import BotBudget, ChatBudget

ROUNDS, MESSAGES, CHATS = 5, 200, 20


class Counted(SqliteDatabase):
    """Counts its transactions."""

    count = 0

    async def tx(self, operation: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - handed on
        """As inherited."""
        self.count += 1
        return await super().tx(operation, *args, **kwargs)


class Noting(FakeClient):
    """Keeps what is noted of replies in the database, as the real one does."""

    database: SqliteDatabase

    async def note(self, reply: Reply, value: Any, *, notes: Mapping[str, Any] | None = None) -> None:  # noqa: ANN401
        """Write both in one transaction."""
        await self.database.tx(stored.write, "bench", {f"reply:{reply.event.chat}": value, **(notes or {})})


class Prompt:
    """Stands for Telegram."""

    ids = itertools.count(100)

    async def __call__(self, *_: object, **__: object) -> tuple[int, bytes]:
        """What it says to a send."""
        number = next(self.ids)
        chat = '{"id": 1, "type": "private", "first_name": "A"}'
        return 200, f'{{"ok": true, "result": {{"message_id": {number}, "date": 1, "chat": {chat}}}}}'.encode()


async def sends(folder: Path, delivery: str) -> tuple[float, float]:
    """Milliseconds and transactions for each message, a few chats side by side."""
    async with Counted(folder / f"{delivery}.db") as database:
        home = Home(name="bench", data_dir=folder, memory=StoredMemory(database, "bench"))
        settings = TelegramSettings.model_validate({"token": "1:AAH", "delivery": delivery})
        surface = TelegramSurface(home, settings)
        surface._bot._lines[1].do_request = Prompt()  # type: ignore[method-assign]
        surface._sender._ids.caught_up()
        client = Noting(surface)
        client.database = database

        async def write(chat: int) -> None:
            for number in range(MESSAGES // CHATS):
                event = Message(
                    surface="bench", id=f"{chat}:{number}", chat=f"{chat}", sender="1", direct=True, text=""
                )
                body = {"text": "hello", "entities": []}
                await surface._sender.send(Reply(id=event.id, event=event, kind="answer", body=body), client)

        await asyncio.gather(*(write(chat) for chat in range(1, CHATS + 1)))  # every chat is known then
        before, began = database.count, time.perf_counter()
        await asyncio.gather(*(write(chat) for chat in range(1, CHATS + 1)))
        return (time.perf_counter() - began) * 1000 / MESSAGES, (database.count - before) / MESSAGES


async def main() -> None:
    """Both ways by turns, and the middle of several rounds."""
    ChatBudget.RATE, ChatBudget.BURST = 1e6, 1e6
    BotBudget.A_SECOND = 10**6
    found: dict[str, list[tuple[float, float]]] = {"again": [], "probe": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            for delivery, rounds in found.items():
                (Path(folder) / f"{number}").mkdir(exist_ok=True)
                rounds.append(await sends(Path(folder) / f"{number}", delivery))
    for delivery, rounds in found.items():
        print(f"{delivery:8} {median(ms for ms, _ in rounds):7.2f} ms {rounds[-1][1]:6.1f} transactions")
    ratios = [probe[0] / again[0] for again, probe in zip(found["again"], found["probe"], strict=True)]
    print(f"{'ratio':8} {median(ratios):7.2f}")


if __name__ == "__main__":
    asyncio.run(main())
