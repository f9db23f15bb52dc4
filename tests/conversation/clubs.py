"""Groups on the surfaces that have them, with alice and bob in each: what is said there, and what the bot says."""

import time
from typing import Any, Protocol

from surfacehost_devkit.botapi import Account as TelegramAccount
from surfacehost_devkit.botapi import Chat
from surfacehost_devkit.matrixperson import MatrixPerson

from .doors import Door, MatrixDoor, Seen, TelegramDoor, matrix_mark, matrix_offers, telegram_mark, telegram_offers

QUIET_S = 2.5
"""How long nothing was sent to a Telegram chat in which there is room for decoration again."""

GREETINGS = ("Hello!", "Здравствуйте!")


class Club(Protocol):
    """A group with the bot in it; *alice* is whoever has the direct chat."""

    id: str
    """As the settings name it."""
    ids: dict[str, str]
    """Those of its people, likewise."""

    async def come_in(self) -> None:
        """Wait until the bot is in, and listens."""

    async def say(self, text: str, *, by: str = "alice", addressed: bool = False, to: str = "") -> Any:
        """Write, with a mention of the bot or as a reply to what it said if told so; what stands for the message."""

    async def edit(self, message: Any, text: str) -> None:
        """Alice says *text* instead of *message*, which is hers."""

    async def command(self, name: str) -> None:
        """Give the bot this command, as people do in a group where it answers when it is addressed."""

    async def offers(self) -> list[Any]:
        """The choices of the last prompt, once they are there."""

    async def take(self, offer: Any, *, by: str) -> None:
        """Take one of them."""

    def mark(self, message: Any) -> str:
        """The mark that the bot has put on *message*; empty: none."""

    def has_room(self) -> bool:
        """Whether the surface's limits leave room for another mark: Telegram's do once the chat was quiet."""

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
        self.ids = {name: str(person.id) for name, person in self._people.items()}

    async def come_in(self) -> None:
        """Nothing to wait for: it has been here before the host listened."""

    async def say(self, text: str, *, by: str = "alice", addressed: bool = False, to: str = "") -> Any:
        world, name = self._door.api.world, self._door.bot.account.username
        answered = next((one for one in reversed(world.replies(self._chat)) if one.content.text == to), None)
        text = f"@{name} {text}" if addressed else text
        return world.write(self._people[by], text, self._chat, reply_to=answered)

    async def edit(self, message: Any, text: str) -> None:
        self._door.api.world.edit(message, text)

    async def command(self, name: str) -> None:
        await self.say(f"/{name}@{self._door.bot.account.username}")

    async def offers(self) -> list[Any]:
        return telegram_offers(self._door.api.world.replies(self._chat))

    async def take(self, offer: Any, *, by: str) -> None:
        self._door.api.world.tap(self._people[by], *offer, late=True)

    def mark(self, message: Any) -> str:
        return telegram_mark(self._door.bot, message)

    def has_room(self) -> bool:
        calls = self._door.api.calls.of(chat_id=self._chat.id)
        return all(one.ended and time.time() - one.ended > QUIET_S for one in calls)

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
        self.ids = {name: person.user_id for name, person in self._people.items()}

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

    async def edit(self, message: Any, text: str) -> None:
        await self._people["alice"].edit(self.id, message, text)

    async def command(self, name: str) -> None:
        await self.say(f"!{name}", addressed=True)

    async def offers(self) -> list[Any]:
        return await matrix_offers(self._people["alice"], self.id, self._bot)

    async def take(self, offer: Any, *, by: str) -> None:
        await self._people[by].react(self.id, *offer)

    def mark(self, message: Any) -> str:
        return matrix_mark(self._people["alice"], self.id, self._bot, message)

    def has_room(self) -> bool:
        return True

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
