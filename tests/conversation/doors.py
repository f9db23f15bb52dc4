"""The doors of a street: a person's direct chat with the bot, on each surface."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol
from uuid import uuid4

from tests.web.pageclient import PageClient, new_chat

from surfacehost_devkit.botapi import Account as TelegramAccount
from surfacehost_devkit.botapi import Bot, BotApi, Message
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixperson import MatrixPerson

PASSWORD = "correct-horse-battery"

Seen = Callable[[list[str]], object]


class Door(Protocol):
    """A direct chat with the bot, as its person has it."""

    called: str
    """What others see its person called; empty where nobody has a name."""

    async def meet(self, host: HostProcess) -> None:
        """Come in, for the first time or after the host was started again."""

    async def say(self, text: str, *, to: str = "") -> Any:
        """Write, as a reply to what the bot said where that can be; what stands for the message."""

    async def offers(self) -> list[Any]:
        """The choices of the last prompt, once they are there; they may be taken later, too late as well."""

    async def take(self, offer: Any) -> None:
        """Take one of them."""

    async def edit(self, message: Any, text: str) -> None:
        """Write something else in place of *message*."""

    async def take_back(self, message: Any) -> None:
        """Delete *message*."""

    def shown(self) -> list[str]:
        """What the bot says in the chat by now, oldest first."""

    def growing(self) -> str:
        """What is shown of an answer that is being made."""

    def signs(self, since: float) -> list[tuple[float, str]]:
        """What was shown of answers from *since* on, finals among them, each with when: by the server's own clock."""

    def mark(self, message: Any) -> str:
        """The mark that the bot has put on *message*; empty: none."""

    def is_typing(self) -> bool:
        """Whether it is shown that an answer is being made, in whatever way."""

    async def until(self, seen: Seen) -> list[str]:
        """What is shown, once it is as *seen* says."""


class TelegramDoor:
    called = "Alice"

    def __init__(self, api: BotApi, name: str, language: str) -> None:
        self.api = api
        self.bot: Bot = api.world.bot(f"{name}_bot", can_read_all_group_messages=True)
        self.language = language
        self.person: TelegramAccount = api.world.person(self.called, language_code=language)

    def table(self) -> str:
        return f'plugin = "telegram"\ntoken = "{self.bot.token}"\nbase_url = "{self.api.url}"\n'

    async def meet(self, host: HostProcess) -> None:
        """Nothing to do: the chat is there."""

    async def say(self, text: str, *, to: str = "") -> Any:
        answered = next((one for one in reversed(self._replies()) if one.content.text == to), None)
        return self.api.world.write(self.person, text, bot=self.bot.id, reply_to=answered)

    async def offers(self) -> list[Any]:
        return telegram_offers(self._replies())

    async def take(self, offer: Any) -> None:
        self.api.world.tap(self.person, *offer, late=True)

    async def edit(self, message: Any, text: str) -> None:
        self.api.world.edit(message, text)

    async def take_back(self, message: Any) -> None:
        self.api.world.delete(message)

    def shown(self) -> list[str]:
        return [one.content.text for one in self._replies()]

    def growing(self) -> str:
        return "".join(draft.text for draft in self.api.world.drafts(self.person.id, bot=self.bot))

    def signs(self, since: float) -> list[tuple[float, str]]:
        """An empty draft is "Thinking…", which is a way to type."""
        calls = [one for one in self.api.calls.of(chat_id=self.person.id) if one.bot_id == self.bot.id]
        return [(one.started, text) for one in calls if one.started >= since and (text := one.params.get("text"))]

    def mark(self, message: Any) -> str:
        return telegram_mark(self.bot, message)

    def is_typing(self) -> bool:
        """What is said ends it, in the clients (https://core.telegram.org/bots/api#sendchataction)."""
        calls = [one.method.lower() for one in self.api.calls.of(chat_id=self.person.id) if one.bot_id == self.bot.id]
        shown = [one for one in calls if one in ("sendmessage", "sendchataction", "sendmessagedraft")]
        return bool(shown) and shown[-1] != "sendmessage"

    async def until(self, seen: Seen) -> list[str]:
        await self.api.world.wait_for(lambda: seen(self.shown()) or None, timeout_s=30)
        return self.shown()

    def _replies(self) -> list[Message]:
        return self.api.world.replies(self.person.id, bot=self.bot.id)


class MatrixDoor:
    def __init__(self, homeserver: Homeserver, person: MatrixPerson, *, greets: bool = True) -> None:
        self.homeserver = homeserver
        self.url = homeserver.url
        """Where the bot reaches it."""
        self._greets = greets
        self.person = person
        self.called = person.user_id[1:].partition(":")[0]  # a homeserver's name for who has not chosen one
        self.bot: Account = homeserver.register(f"agent-{uuid4().hex[:8]}", PASSWORD)
        self.room = ""
        self.greeting = ""
        """What the bot says when it comes: left out of what is shown."""

    def table(self) -> str:
        account = f'user_id = "{self.bot.user_id}"\npassword = "{PASSWORD}"\n'
        return f'plugin = "matrix"\nhomeserver = "{self.url}"\n{account}invites = "allow"\n'

    async def meet(self, host: HostProcess) -> None:  # noqa: ARG002 - the door of the web needs it
        """Make the chat."""
        if not self.room:
            self.room = await self.person.create_room(direct=True, invite=[self.bot.user_id])
            await self.person.wait_for(self._said if self._greets else lambda: self.is_in(self.room))
            self.greeting = self._said()[0] if self._greets else ""

    async def say(self, text: str, *, to: str = "") -> Any:
        said = [one.event_id for one in self.person.seen.events[self.room] if to and one.body == to]
        return await self.person.send(self.room, text, reply_to=said[-1] if said else None)

    async def offers(self) -> list[Any]:
        """A choice is a reaction that the bot has put there to be joined, each by itself."""
        return await matrix_offers(self.person, self.room, self.bot.user_id)

    async def take(self, offer: Any) -> None:
        await self.person.react(self.room, *offer)

    async def edit(self, message: Any, text: str) -> None:
        await self.person.edit(self.room, message, text)

    async def take_back(self, message: Any) -> None:
        await self.person.redact(self.room, message)

    def shown(self) -> list[str]:
        return self._said()[self._greets :]

    def growing(self) -> str:
        """A message like any other, which changes."""
        return self.shown()[-1] if self.shown() else ""

    def signs(self, since: float) -> list[tuple[float, str]]:
        events = [one for one in self.person.seen.events[self.room] if one.sender == self.bot.user_id and one.body]
        said = [(one.at_ms / 1000, one.content.get("m.new_content", one.content)["body"]) for one in events]
        return [(at, text) for at, text in said if at >= since]

    def mark(self, message: Any) -> str:
        return matrix_mark(self.person, self.room, self.bot.user_id, message)

    def is_typing(self) -> bool:
        return self.bot.user_id in self.person.seen.typing[self.room]

    async def until(self, seen: Seen) -> list[str]:
        await self.person.wait_for(lambda: seen(self.shown()))
        return self.shown()

    def is_in(self, room: str) -> bool:
        """Whether the bot has come into *room*."""
        events = self.person.seen.events[room]
        return any(one.sender == self.bot.user_id and one.content.get("membership") == "join" for one in events)

    def _said(self) -> list[str]:
        return self.person.seen.said(self.room, self.bot.user_id)


class WebDoor:
    called = ""

    def __init__(self, stack: AsyncExitStack, path: str, language: str) -> None:
        self.path = path
        self.chat = new_chat()
        self.page: PageClient
        self.address = ""
        self.language = language
        self._stack = stack
        self._cookie: str | None = None
        self._lines: list[dict[str, Any]] = []

    def table(self) -> str:
        return f'plugin = "web"\npath = "{self.path}"\n'

    async def meet(self, host: HostProcess) -> None:
        """Open the page; another one after a restart, which shows what was said."""
        self.address = host.address
        page = PageClient(self.address, self._cookie, path=self.path)
        self.page = await self._stack.enter_async_context(page)
        self._lines = await self.page.history(self.chat) if self._cookie else []
        self._cookie = self.page.cookie
        await self.page.tell("open", chat=self.chat)

    async def say(self, text: str, *, to: str = "") -> Any:  # noqa: ARG002 - there are no replies on the page
        return await self.page.say(text, self.chat, locale=self.language)

    async def offers(self) -> list[Any]:
        found: list[Any] = next(line["choices"] for line in reversed(self.page.all("final")) if line.get("choices"))
        return found

    async def take(self, offer: Any) -> None:
        said = {"text": offer["label"], "choice": offer["id"], "locale": self.language}
        await self.page.tell("say", id=new_chat(), chat=self.chat, **said)

    async def edit(self, message: Any, text: str) -> None:
        raise NotImplementedError("there are no edits on the page")

    async def take_back(self, message: Any) -> None:
        raise NotImplementedError("nothing is taken back on the page")

    def shown(self) -> list[str]:
        """A line that was changed stands where it stood."""
        lines = {line["id"]: line for line in [*self._lines, *self.page.all("final")] if line.get("who") == "agent"}
        return [str(line["text"]).strip() for line in lines.values()]

    def growing(self) -> str:
        return "".join(str(frame.get("text", frame.get("add"))) for frame in self.page.all("preview"))

    def signs(self, since: float) -> list[tuple[float, str]]:
        """The host has no clock that the page would see: when it came is as near."""
        frames = [*self.page.all("preview"), *(one for one in self.page.all("final") if one.get("who") == "agent")]
        came = [(one["came"], str(one.get("text", one.get("add")))) for one in frames]
        return [(at, text) for at, text in came if at >= since]

    def mark(self, message: Any) -> str:  # noqa: ARG002 - there are no marks on the page
        return ""

    def is_typing(self) -> bool:
        return sum(1 if frame["on"] else -1 for frame in self.page.all("typing")) > 0

    async def until(self, seen: Seen) -> list[str]:
        await self.page.until(lambda: seen(self.shown()))
        return self.shown()


def language_at(door: Door) -> str:
    """Where people speak Russian, what each is spoken to in: Matrix does not say, and the host's own is English."""
    return "en" if isinstance(door, MatrixDoor) else "ru"


def telegram_offers(replies: Sequence[Message]) -> list[tuple[Message, str]]:
    """The buttons of the last of *replies* that has any: below what, and what they send."""
    prompt = next(one for one in reversed(replies) if one.content.markup)
    rows: Any = (prompt.content.markup or {})["inline_keyboard"]
    return [(prompt, button["callback_data"]) for row in rows for button in row]


async def matrix_offers(person: MatrixPerson, room: str, bot: str) -> list[tuple[str, str]]:
    """The reactions of *bot* under what it said last, once there are two or more: on what, and which."""

    def there() -> list[tuple[str, str]]:
        events = [event for event in person.seen.events[room] if event.sender == bot]
        last = [event.event_id for event in events if event.type == "m.room.message" and not event.replaces][-1]
        found = (event.content.get("m.relates_to", {}) for event in events if event.type == "m.reaction")
        return [(last, one["key"]) for one in found if one.get("event_id") == last]

    await person.wait_for(lambda: len(there()) >= 2)
    return there()


def telegram_mark(bot: Bot, message: Message) -> str:
    """The mark of *bot* on *message*; empty: none."""
    marks = message.reactions.get(bot.id, [])
    return str(marks[0]["emoji"]) if marks else ""


def matrix_mark(person: MatrixPerson, room: str, bot: str, message: str) -> str:
    """The mark of *bot* on *message*, as *person* sees it; empty: none."""
    events = [one for one in person.seen.events[room] if one.sender == bot]
    gone = {one.redacts for one in events if one.type == "m.room.redaction"}
    put = [one.content.get("m.relates_to", {}) for one in events if one.event_id not in gone]
    return next((one["key"] for one in reversed(put) if "key" in one and one["event_id"] == message), "")
