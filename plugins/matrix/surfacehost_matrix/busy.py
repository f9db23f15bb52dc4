"""Signs that the bot is at work: the message is read, and it is typing. They may fail; nothing depends on them.

While the homeserver limits the account they wait, and messages go before them: see ``Pace.behind``.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator

from surfacehost import Message, NotReady
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver

TYPING_S, RENEW_S, CLEAR_S = 30, 20, 5

log = logging.getLogger(__name__)


class Busy:
    """Typing notices are one a room, however many threads are answered in it: the last one done clears it."""

    def __init__(self) -> None:
        self._working: Counter[str] = Counter()
        self._typing: set[str] = set()
        self._under_way: dict[str, set[asyncio.Task[None]]] = {}
        """Notices for a room that are asked for: what clears them must not come there before them."""

    @contextlib.asynccontextmanager
    async def with_(self, homeserver: Homeserver, message: Message) -> AsyncIterator[None]:
        """Show *message* as read and the bot as typing while the body runs; no longer, however it ends."""
        if not message.sender:  # nobody has asked, and nobody waits
            yield
            return
        room = message.chat
        self._working[room] += 1
        signs = asyncio.create_task(self._show(homeserver, message))
        try:
            yield
        finally:
            signs.cancel()
            (ended,) = await asyncio.gather(signs, return_exceptions=True)
            if isinstance(ended, Exception):
                log.error("showing signs of work in %s failed", room, exc_info=ended)
            self._working[room] -= 1
            if not self._working[room]:
                del self._working[room]
                if room in self._typing:
                    self._typing.discard(room)
                    await self._arrived(room)
                    await _clear(homeserver, room)

    async def _show(self, homeserver: Homeserver, message: Message) -> None:
        """Read at once; typing for as long as this is not cancelled, whatever becomes of one notice."""
        path = ("rooms", message.chat, "receipt", "m.read", message.id)
        try:
            # A receipt tells of one thread ("Threaded read receipts"); what is in none is in "main".
            body = {"thread_id": message.topic or "main"}
            await homeserver.pace.behind(lambda: homeserver.call("POST", *path, body=body))
        except (NotReady, Declined) as error:
            log.debug("%s in %s can't be marked as read: %s", message.id, message.chat, error)
        while True:
            self._typing.add(message.chat)  # before: one that is cancelled on its way may have arrived
            try:
                await homeserver.pace.behind(lambda: self._notify(homeserver, message.chat))
            except (NotReady, Declined) as error:
                log.debug("no typing notice in %s: %s", message.chat, error)
            await asyncio.sleep(RENEW_S)  # it is shown for 30 s

    async def _notify(self, homeserver: Homeserver, room: str) -> None:
        """Type once. Cancelled, it is on its way all the same."""
        notice = asyncio.create_task(_type(homeserver, room, typing=True))
        self._under_way.setdefault(room, set()).add(notice)
        notice.add_done_callback(lambda done: self._under_way.get(room, set()).discard(done))
        await asyncio.shield(notice)

    async def _arrived(self, room: str) -> None:
        """Wait until no notice is on its way to *room* any more, or give those up that take long."""
        if notices := self._under_way.pop(room, None):
            try:
                await asyncio.wait(notices, timeout=CLEAR_S)
            finally:
                for notice in [*notices]:
                    notice.cancel()


async def _clear(homeserver: Homeserver, room: str) -> None:
    try:
        async with asyncio.timeout(CLEAR_S):
            await homeserver.pace.behind(lambda: _type(homeserver, room, typing=False))
    except (NotReady, Declined, TimeoutError) as error:
        log.debug("the typing notice in %s ends by itself: %s", room, error)


async def _type(homeserver: Homeserver, room: str, *, typing: bool) -> None:
    body = {"typing": True, "timeout": TYPING_S * 1000} if typing else {"typing": False}
    path = ("rooms", room, "typing", homeserver.user_id)
    await homeserver.call("PUT", *path, body=body)
