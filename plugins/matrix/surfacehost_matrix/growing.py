"""An answer while it grows: a message that is replaced until the answer is whole.

What the host notes of it is all that a restart needs. Before the first preview leaves, the transaction it has: whatever
is final then goes out under the same one first, which tells what became of it. After that, the id of its event.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from surfacehost import NotReady, PlatformClient, Reply, Undeliverable
from surfacehost_matrix.content import compose, mentioned, relation, replacing, text
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.reactions import redact
from surfacehost_matrix.send import Sender
from surfacehost_matrix.sent import transaction
from surfacehost_render import close_open_fences

COMPOSE_IN_THREAD = 20_000
"""From this many characters on composing takes long enough to hold up the loop."""

log = logging.getLogger(__name__)


class Growing:
    """The previews of one answer. They may fail, and are then left out: nothing that happens to them costs the answer.

    A preview never waits for the homeserver's limit: after a refusal there are no more of this answer.
    """

    def __init__(self, sender: Sender, homeserver: Homeserver, client: PlatformClient, room: str) -> None:
        self._sender = sender
        self._homeserver = homeserver
        self._client = client
        self._room = room
        self._event = ""
        self._shown: Mapping[str, Any] = {}
        self._is_over = False

    async def show(self, preview: Reply) -> None:
        """Show *preview*, in place of the one before it."""
        lock = self._sender.lock(self._room)
        if self._is_over or lock.locked():
            return
        try:
            body = await _first_part(preview.body)
            if body is None or body == self._shown:
                return
            async with lock:
                await (self._replace if self._event else self._begin)(preview, body)
        except (NotReady, Declined, Undeliverable) as error:
            log.debug("no more previews in %s: %s", self._room, error)
            self._is_over = True

    async def withdraw(self, note: Any = None) -> None:  # noqa: ANN401 - JSON
        """Take back what was shown, of which the host may have kept *note*: nothing will replace it."""
        event = self._event or (note.get("event") if isinstance(note, Mapping) else "")
        self.replaced()
        if event:
            await redact(self._homeserver, self._room, str(event))

    def replaced(self) -> None:
        """The answer has taken the place of what was shown."""
        self._event, self._is_over = "", True

    async def _begin(self, preview: Reply, body: Mapping[str, Any]) -> None:
        noted = preview.note if isinstance(preview.note, Mapping) else {}
        if event := noted.get("event"):  # shown before the host was ended
            self._event = str(event)
            await self._replace(preview, body)
            return
        mark = transaction(preview.id, "preview")
        await self._client.note(preview, {"preview": mark})
        await self._post(self._new(preview, body, mark), mark, body)
        if self._event:
            await self._client.note(preview, {"preview": mark, "event": self._event})

    async def _replace(self, preview: Reply, body: Mapping[str, Any]) -> None:
        mark = transaction(preview.id, "preview", str(body["body"]))
        # Clients that know no edits show each as a message: one that says no more than that there is one.
        await self._post(replacing(self._event, self._new(preview, body, mark), fallback="* …"), mark, body)

    def _new(self, preview: Reply, body: Mapping[str, Any], mark: str) -> dict[str, Any]:
        mentions = mentioned(preview.event, self._room, is_first=True)
        return text(body, mark=mark, mentions=mentions) | relation(preview.event, self._room, is_first=True)

    async def _post(self, content: Mapping[str, Any], mark: str, body: Mapping[str, Any]) -> None:
        event = await self._homeserver.pace.spare(
            lambda: self._homeserver.send_message(self._room, content, transaction=mark)
        )
        if event is None:
            self._is_over = True
            return
        self._event = self._event or event
        self._shown = body


async def _first_part(markdown: str) -> Mapping[str, Any] | None:
    """What the first message of the answer is so far; None as long as there is nothing to see."""
    whole = close_open_fences(markdown)
    parts = compose(whole) if len(whole) < COMPOSE_IN_THREAD else await asyncio.to_thread(compose, whole)
    return parts[0] if parts else None
