"""Groups of three people and a bot, on both surfaces, in which sixty messages are written at once."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence

from tests.both.conftest import PASSWORD
from tests.telegram.wholehost import can_show_files

from platform_agent import events, showcase
from platform_agent.demo import Call, Command
from platform_agent.events import Frame
from surfacehost_devkit.botapi import Bot, BotApi, Chat, FloodLimits, Message
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_devkit.silence import CROSSING_S
from surfacehost_telegram.budget import ChatBudget

SPEED = 6
"""How many minutes a minute has in which Telegram, and the host, count the calls of a group."""

MESSAGES, PEOPLE = 60, ("alice", "bob", "carol")

GROWING = "share_thread = false\nedit_interval_s = 0.5\n"
"""Each person has a conversation of their own: answers grow while others wait to go out."""


async def _grow(call: Call) -> AsyncIterator[Frame]:
    """An answer that is long enough to be shown before it is whole, a second later."""
    message = f"{call.turn.run_id}-answer"
    yield events.begin_text(message)
    for event in events.add_text(message, f"message {call.word(0, '')}. {'It grows. ' * 15}"):
        yield event
    await asyncio.sleep(1)
    for event in events.add_text(message, "It is whole."):
        yield event
    yield events.end_text(message)


def hurry() -> None:
    """In the host's process: its minute is as short as the simulator's, its agent has pictures and ``/demo grow``."""
    can_show_files()
    ChatBudget.RATE *= SPEED
    ChatBudget.MINUTE_S /= SPEED
    known = showcase.commands

    def commands() -> Iterator[tuple[str, Command]]:
        yield from known()
        yield "grow", Command(usage="/demo grow <number>", sentence="an answer that grows", run=_grow)

    showcase.commands = commands


def numbers(texts: Sequence[str]) -> list[int]:
    """Which messages *texts* answer."""
    return [int(number) for text in texts for number in re.findall(r"message (\d\d)\.", text)]


def all_whole_in_order(texts: Sequence[str]) -> bool:
    """Whether each person has one whole answer to each of their messages, in their order."""
    answered = numbers(texts)
    each = [[number for number in answered if number % len(PEOPLE) == which] for which in range(len(PEOPLE))]
    in_order = [list(range(which, MESSAGES, len(PEOPLE))) for which in range(len(PEOPLE))]
    return each == in_order and len(texts) == MESSAGES and all(text.endswith("It is whole.") for text in texts)


class OnTelegram:
    """A group of three people, with a bot that answers whatever is said in it."""

    def __init__(self, api: BotApi, name: str, more: str = "") -> None:
        self.api = api
        self.bot: Bot = api.world.bot(f"{name}_bot", can_read_all_group_messages=True)
        self._people = [api.world.person(one.title()) for one in PEOPLE]
        self._group: Chat = api.groups.supergroup("Team", self._people[0], self._people[1:])
        self.table = (
            f'[surfaces.{name}]\nplugin = "telegram"\ntoken = "{self.bot.token}"\nbase_url = "{api.url}"\n{more}'
        )
        self._greeting: Message
        self._alone: Message

    async def meet(self, limits: FloodLimits) -> None:
        """Have the bot come in; from now on Telegram limits what it does."""
        self.api.groups.add_bot(self._group, self._people[0])
        self._greeting = await self.api.world.wait_for_reply(self._group, timeout_s=20)
        self.api.flood.switch(limits)

    async def write(self, words: str) -> None:
        """The others write as soon as something is shown of the first answer."""
        for number in range(MESSAGES):
            person = self._people[number % len(PEOPLE)]
            self.api.world.write(person, f"{words} {number:02}.", self._group)
            await self.api.world.wait_for(lambda: self.answers() or None)

    async def ask_alone(self) -> None:
        """Beside the group, for an album of more messages than may be sent at once, and a long answer."""
        self._alone = self.api.world.write(self._people[0], f"/demo shown {'1 ' * 5}")
        await self.api.world.wait_for(lambda: self.api.calls.of("sendMediaGroup") or None, timeout_s=60)
        self.api.world.write(self._people[0], "and?")
        asked = self.api.world.write(self.api.world.person("Dave"), "/demo long 18000")
        await self.api.world.wait_for(lambda: self.api.world.replies(asked.chat)[4:] or None, timeout_s=60)

    def alone(self) -> list[Message]:
        return self.api.world.replies(self._people[0].id, after=self._alone)

    def answers(self) -> list[Message]:
        return self.api.world.replies(self._group, after=self._greeting)

    def texts(self) -> list[str]:
        return [one.text for one in self.answers()]

    def decorations_a_minute(self) -> int:
        """How many calls of one minute, at the most, said no answer: marks, typing, what is shown of growing ones.

        The minute is counted a little short: a call that came late was made sooner, in a minute that was not this one.
        """
        calls = self.api.calls.of(chat_id=self._group.id)
        times = [one.started for one in calls if not one.params.get("text", "").endswith("It is whole.")]
        minute_s = 60 / SPEED - CROSSING_S
        return max(sum(at <= other < at + minute_s for other in times) for at in times)


class OnMatrix:
    """A room of three people, with a bot that answers whatever is said in it."""

    def __init__(self, people: Sequence[MatrixPerson], bot: str, proxy: FaultProxy) -> None:
        self._people = people
        self._bot = bot
        self.proxy = proxy
        self.table = (
            f'[surfaces.matrix]\nhomeserver = "{proxy.url}"\nuser_id = "{bot}"\npassword = "{PASSWORD}"\n'
            f'invites = "allow"\n{GROWING}'
        )
        self._room = ""

    async def meet(self) -> None:
        alice, *others = self._people
        self._room = await alice.create_room(invite=[self._bot, *(one.user_id for one in others)])
        for one in others:
            await one.join(self._room)
        await alice.wait_for(self.said)

    async def write(self, words: str) -> None:
        """As on Telegram."""
        for number in range(MESSAGES):
            await self._people[number % len(PEOPLE)].send(self._room, f"{words} {number:02}.")
            await self._people[0].wait_for(self.texts)

    def said(self) -> list[str]:
        return self._people[0].seen.said(self._room, self._bot)

    def texts(self) -> list[str]:
        """Everything but the greeting, as it stands by now."""
        return self.said()[1:]

    def previews(self) -> int:
        """How often an answer was shown before it was whole."""
        events = [one for one in self._people[0].seen.events[self._room] if one.sender == self._bot]
        return sum("It grows." in one.body and "It is whole." not in one.body for one in events)
