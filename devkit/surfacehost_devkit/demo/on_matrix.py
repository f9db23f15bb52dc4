"""The person on Matrix: a client of the real homeserver."""

from collections.abc import Mapping
from typing import Any

from surfacehost_devkit.demo.board import Board, Note
from surfacehost_devkit.demo.people import Unsayable
from surfacehost_devkit.demo.settings import ROOMS
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.matrixperson import MatrixError, MatrixPerson, RoomEvent

MEET_S = 60.0
COLUMN = "matrix"


class OnMatrix:
    """Invites the bot, takes up what it offers, and talks in the rooms of the Space that it makes."""

    def __init__(self, person: MatrixPerson, bot: str, board: Board) -> None:
        self._person = person
        self._bot = bot
        self._board = board
        self._rooms: dict[str, str] = {}
        self._shown: object = None

    async def meet(self, homeserver: Homeserver) -> None:
        """Invite the bot, join the Space and the rooms, and wait for its greeting. Raises TimeoutError."""
        person, bot = self._person, self._bot
        await person.create_room(name="Hello", invite=[bot], direct=True)
        space = (await person.wait_invite(bot, timeout_s=MEET_S)).room_id
        await person.join(space)
        await person.wait_for(lambda: len(self._children(space)) == len(ROOMS), timeout_s=MEET_S)
        for room in self._children(space):
            name = await person.state(await person.join(room), "m.room.name")
            self._rooms[room] = str((name or {}).get("name", room))
        await person.wait_for(lambda: any(map(self._messages, self._rooms)), timeout_s=MEET_S)
        rooms = [{"id": room, "name": name} for room, name in self._rooms.items()]
        self._board.put(f"column/{COLUMN}", {"user": person.user_id, "at": homeserver.url, "rooms": rooms})

    def _children(self, space: str) -> list[str]:
        """The rooms that the Space lists so far, in its order."""
        links = {e.state_key: e.content for e in self._person.seen.events[space] if e.type == "m.space.child"}
        return sorted((room for room in links if room), key=lambda room: str(links[room].get("order", "")))

    async def say(self, text: str, room: str) -> None:
        """Send a message into *room*."""
        try:
            await self._person.send(room or next(iter(self._rooms)), text)
        except (MatrixError, ConnectionError) as error:
            raise Unsayable(f"The homeserver did not take it: {str(error) or type(error).__name__}") from error

    async def tap(self, message: str, data: str) -> None:
        """There are no buttons on Matrix."""
        raise Unsayable(f"There is no button {data!r} under {message}")

    async def follow(self) -> None:
        """Show the rooms after every sync that changed them."""
        while True:
            self._show()
            await self._person.seen.until(lambda: self._seen() != self._shown, timeout_s=float("inf"))

    def _seen(self) -> object:
        """What a change is noticed by."""
        seen = self._person.seen
        return [(len(seen.events[room]), self._bot in seen.typing[room]) for room in self._rooms]

    def _show(self) -> None:
        self._shown = self._seen()
        for room in self._rooms:
            edits = {edit.replaces: edit for edit in self._person.seen.events[room] if edit.replaces}
            for message in self._messages(room):
                self._board.put_message(COLUMN, message.event_id, self._note(message, edits.get(message.event_id)))
        typing = [room for room in self._rooms if self._bot in self._person.seen.typing[room]]
        self._board.put(f"typing/{COLUMN}", {"rooms": typing})

    def _messages(self, room: str) -> list[RoomEvent]:
        events = self._person.seen.events[room]
        return [event for event in events if event.type == "m.room.message" and event.body and not event.replaces]

    def _note(self, message: RoomEvent, edit: RoomEvent | None) -> Note:
        content: Mapping[str, Any] = message.content if edit is None else edit.content.get("m.new_content", {})
        return {
            "who": "agent" if message.sender == self._bot else "person",
            "room": message.room_id,
            "event": message.event_id,
            "at": message.at_ms / 1000,
            "text": content.get("body", ""),
            "html": content.get("formatted_body"),
            "edited": edit is not None,
        }
