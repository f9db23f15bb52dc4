"""Groups on the surfaces that have them, with alice and bob in each: what is said there, and what the bot says."""

from typing import Any, Protocol

from surfacehost_devkit.botapi import Account as TelegramAccount
from surfacehost_devkit.botapi import Chat
from surfacehost_devkit.matrixperson import MatrixPerson

from .doors import Door, MatrixDoor, Seen, TelegramDoor

GREETINGS = ("Hello!", "Здравствуйте!")


class Club(Protocol):
    """A group with the bot in it; *alice* is whoever has the direct chat."""

    id: str
    """As the settings name it."""

    async def come_in(self) -> None:
        """Wait until the bot is in, and listens."""

    async def say(self, text: str, *, by: str = "alice", addressed: bool = False, to: str = "") -> Any:
        """Write, with a mention of the bot or as a reply to what it said if told so; what stands for the message."""

    async def command(self, name: str) -> None:
        """Give the bot this command, as people do in a group where it answers when it is addressed."""

    def mark(self, message: Any) -> str:
        """The mark that the bot has put on *message*; empty: none."""

    def shown(self) -> list[str]:
        """What the bot says there by now, its greeting left out."""

    async def until(self, seen: Seen) -> list[str]:
        """What is shown, once it is as *seen* says."""


class TelegramClub:
    def __init__(self, door: TelegramDoor, bob: TelegramAccount) -> None:
        self._door = door
        self._people = {"alice": door.person, "bob": bob}
        self._chat: Chat = door.api.groups.supergroup("Club", door.person, [bob])
        self._chat.members[door.bot.id] = self._chat.member(door.bot.account).standing("member")
        self.id = str(self._chat.id)

    async def come_in(self) -> None:
        """Nothing to wait for: it has been here before the host listened."""

    async def say(self, text: str, *, by: str = "alice", addressed: bool = False, to: str = "") -> Any:
        world, name = self._door.api.world, self._door.bot.account.username
        answered = next((one for one in reversed(world.replies(self._chat)) if one.content.text == to), None)
        text = f"@{name} {text}" if addressed else text
        return world.write(self._people[by], text, self._chat, reply_to=answered)

    async def command(self, name: str) -> None:
        await self.say(f"/{name}@{self._door.bot.account.username}")

    def mark(self, message: Any) -> str:
        marks = message.reactions.get(self._door.bot.id, [])
        return str(marks[0]["emoji"]) if marks else ""

    def shown(self) -> list[str]:
        return [one.content.text for one in self._door.api.world.replies(self._chat)]

    async def until(self, seen: Seen) -> list[str]:
        await self._door.api.world.wait_for(lambda: seen(self.shown()) or None, timeout_s=30)
        return self.shown()


class MatrixClub:
    def __init__(self, door: MatrixDoor, bob: MatrixPerson, room: str) -> None:
        self._bot = door.bot.user_id
        self._people = {"alice": door.person, "bob": bob}
        self.id = room

    async def come_in(self) -> None:
        """What was written before it came is nobody's question."""
        alice = self._people["alice"]
        await alice.wait_for(
            lambda: any(
                one.type == "m.room.member" and one.sender == self._bot and one.content["membership"] == "join"
                for one in alice.seen.events[self.id]
            )
        )

    async def say(self, text: str, *, by: str = "alice", addressed: bool = False, to: str = "") -> Any:
        seen = self._people["alice"].seen.events[self.id]  # what she has seen, bob may not have seen yet
        answered = [one.event_id for one in seen if one.body == to][-1] if to else None
        mentions = [self._bot] if addressed or to else []  # clients mention whom they reply to ("User mentions")
        return await self._people[by].send(self.id, text, mentions=mentions, reply_to=answered)

    async def command(self, name: str) -> None:
        await self.say(f"!{name}", addressed=True)

    def mark(self, message: Any) -> str:
        events = [one for one in self._people["alice"].seen.events[self.id] if one.sender == self._bot]
        gone = {one.redacts for one in events if one.type == "m.room.redaction"}
        put = [one.content.get("m.relates_to", {}) for one in events if one.event_id not in gone]
        return next((one["key"] for one in reversed(put) if "key" in one and one["event_id"] == message), "")

    def shown(self) -> list[str]:
        said = self._people["alice"].seen.said(self.id, self._bot)
        return [text for text in said if not text.startswith(GREETINGS)]

    async def until(self, seen: Seen) -> list[str]:
        await self._people["alice"].wait_for(lambda: seen(self.shown()))
        return self.shown()


async def club_of(door: Door, bob: TelegramAccount | MatrixPerson) -> Club:
    """A new group of whoever stands at *door*, with *bob* and the bot of that door."""
    if isinstance(door, TelegramDoor) and isinstance(bob, TelegramAccount):
        return TelegramClub(door, bob)
    assert isinstance(door, MatrixDoor)
    assert isinstance(bob, MatrixPerson)
    room = await door.person.create_room(invite=[door.bot.user_id, bob.user_id])
    await bob.join(room)
    return MatrixClub(door, bob, room)
