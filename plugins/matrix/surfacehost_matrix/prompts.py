"""Questions that are answered by a reaction: each choice is an emoji that the bot puts on its question itself."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from surfacehost import Memory, Message, PlatformClient, Reply, Undeliverable
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.jsonparts import storable
from surfacehost_matrix.parse import Place
from surfacehost_matrix.reactions import plain, put, take_away
from surfacehost_matrix.send import Sender

PROMPT = "prompt:"
MOST, KEPT_S = 200, 7 * 86_400.0
"""Prompts whose choices are known: the newest, and no longer than a week. After that, words are understood."""

log = logging.getLogger(__name__)


class Prompts:
    """What was asked, by the id of the message that asks it; kept as notes ``prompt:<id>``."""

    def __init__(self, memory: Memory, surface: str) -> None:
        self._memory = memory
        self._surface = surface
        self._asked: dict[str, Mapping[str, Any]] = {}

    async def recall(self) -> None:
        """Read what is stored."""
        self._asked = await self._memory.items(PROMPT)

    async def ask(
        self,
        homeserver: Homeserver,
        client: PlatformClient,
        sender: Sender,
        prompt: Reply,
        room: str,
        *,
        is_first: bool,
    ) -> None:
        """Send *prompt* and put its choices on it. Raises as ``Sender.send``; a repeat asks nothing twice.

        The choices are known before they are seen: whoever reacts at once is heard.
        """
        noted = prompt.note if isinstance(prompt.note, Mapping) else {}
        event = str(noted.get("prompt") or await sender.send(homeserver, prompt, room, is_first=is_first))
        choices = [choice for choice in prompt.choices if choice.mark]
        if choices:
            marks = {plain(choice.mark): choice.id for choice in choices}
            asked = {"chat": room, "topic": prompt.event.topic, "choices": marks, "at": time.time()}
            await self._remember(PROMPT + event, asked)
        await client.note(prompt, {"prompt": event})
        for choice in choices:
            await put(homeserver, room, event, choice.mark, key=prompt.id)

    async def decide(self, homeserver: Homeserver, sender: Sender, decided: Reply, room: str) -> None:
        """Say in its place what a prompt came to, and take the offered choices away.

        A room that takes no edit, or none of us any more, does not lose the answer that follows.
        """
        try:
            event = await sender.send(homeserver, decided, room)
            if isinstance(decided.note, Mapping) and "prompt" in decided.note:
                await take_away(homeserver, room, event)
        except Undeliverable as error:
            log.info("what a prompt came to can't be shown: %s", error)

    def taken(self, raw: Mapping[str, Any], place: Place) -> Message | None:
        """The choice that the event *raw* takes by a reaction to a prompt; None for everything else."""
        content = raw.get("content")
        relation = content.get("m.relates_to") if isinstance(content, Mapping) else None
        if raw.get("type") != "m.reaction" or not isinstance(relation, Mapping):
            return None
        of, key, sender = relation.get("event_id"), relation.get("key"), raw.get("sender")
        asked = self._asked.get(PROMPT + of) if isinstance(of, str) else None
        if asked is None or asked["chat"] != place.chat or not isinstance(sender, str) or sender == place.me:
            return None
        if not isinstance(key, str) or plain(key) not in asked["choices"]:
            return None
        return Message(
            surface=self._surface,
            id=str(raw["event_id"]),
            chat=place.chat,
            sender=sender,
            sender_name=storable(place.names.get(sender, "")),
            direct=sender in place.direct_with,
            aliases=place.aliases,
            own=place.own,
            topic=asked["topic"],
            at=at / 1000 if isinstance(at := raw.get("origin_server_ts"), int) else 0.0,
            native={"event_id": of},
            text="",
            choice=asked["choices"][plain(key)],
        )

    async def _remember(self, key: str, asked: Mapping[str, Any]) -> None:
        """Keep *asked*, and drop what is old."""
        by_age = sorted(self._asked, key=lambda one: float(self._asked[one]["at"]))
        excess = max(0, len(by_age) + 1 - MOST)
        old = [one for n, one in enumerate(by_age) if n < excess or asked["at"] - self._asked[one]["at"] > KEPT_S]
        await self._memory.set({key: asked, **{one: None for one in old if one != key}})
        self._asked = {one: value for one, value in self._asked.items() if one not in old} | {key: asked}
