"""One host with every surface on, and a person at each door: the same conversation seen on all of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from tests.web.pageclient import PageClient, new_chat

from surfacehost_devkit.botapi import Account as TelegramAccount
from surfacehost_devkit.botapi import Bot, BotApi, Message
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_devkit.ports import free_port

PASSWORD = "correct-horse-battery"
SURFACES = ("matrix", "telegram", "web")
GROUPS = ("matrix", "telegram")
"""Where there are groups."""

Seen = Callable[[list[str]], object]


class Door(Protocol):
    """A direct chat with the bot, as its person has it."""

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

    async def until(self, seen: Seen) -> list[str]:
        """What is shown, once it is as *seen* says."""


class TelegramDoor:
    def __init__(self, api: BotApi, name: str, language: str) -> None:
        self.api = api
        self.bot: Bot = api.world.bot(f"{name}_bot", can_read_all_group_messages=True)
        self.person: TelegramAccount = api.world.person("Alice", language_code=language)

    def table(self) -> str:
        return f'plugin = "telegram"\ntoken = "{self.bot.token}"\nbase_url = "{self.api.url}"\n'

    async def meet(self, host: HostProcess) -> None:
        """Nothing to do: the chat is there."""

    async def say(self, text: str, *, to: str = "") -> Any:
        answered = next((one for one in reversed(self._replies()) if one.content.text == to), None)
        return self.api.world.write(self.person, text, bot=self.bot.id, reply_to=answered)

    async def offers(self) -> list[Any]:
        prompt = next(one for one in reversed(self._replies()) if one.content.markup)
        rows: Any = (prompt.content.markup or {})["inline_keyboard"]
        return [(prompt, button["callback_data"]) for row in rows for button in row]

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

    async def until(self, seen: Seen) -> list[str]:
        await self.api.world.wait_for(lambda: seen(self.shown()) or None, timeout_s=30)
        return self.shown()

    def _replies(self) -> list[Message]:
        return self.api.world.replies(self.person.id, bot=self.bot.id)


class MatrixDoor:
    def __init__(self, homeserver: Homeserver, person: MatrixPerson) -> None:
        self.homeserver = homeserver
        self.person = person
        self.bot: Account = homeserver.register(f"agent-{uuid4().hex[:8]}", PASSWORD)
        self.room = ""
        self.greeting = ""
        """What the bot says when it comes: left out of what is shown."""

    def table(self) -> str:
        account = f'user_id = "{self.bot.user_id}"\npassword = "{PASSWORD}"\n'
        return f'plugin = "matrix"\nhomeserver = "{self.homeserver.url}"\n{account}invites = "allow"\n'

    async def meet(self, host: HostProcess) -> None:  # noqa: ARG002 - the door of the web needs it
        """Make the chat."""
        if not self.room:
            self.room = await self.person.create_room(direct=True, invite=[self.bot.user_id])
            await self.person.wait_for(self._said)
            self.greeting = self._said()[0]

    async def say(self, text: str, *, to: str = "") -> Any:
        said = [one.event_id for one in self.person.seen.events[self.room] if to and one.body == to]
        return await self.person.send(self.room, text, reply_to=said[-1] if said else None)

    async def offers(self) -> list[Any]:
        """A choice is a reaction that the bot has put there to be joined, each by itself."""
        await self.person.wait_for(lambda: len(self._offers()) >= 2)
        return self._offers()

    async def take(self, offer: Any) -> None:
        await self.person.react(self.room, *offer)

    async def edit(self, message: Any, text: str) -> None:
        await self.person.edit(self.room, message, text)

    async def take_back(self, message: Any) -> None:
        await self.person.redact(self.room, message)

    def shown(self) -> list[str]:
        return self._said()[1:]

    def growing(self) -> str:
        """A message like any other, which changes."""
        return self.shown()[-1] if self.shown() else ""

    async def until(self, seen: Seen) -> list[str]:
        await self.person.wait_for(lambda: seen(self.shown()))
        return self.shown()

    def _said(self) -> list[str]:
        return self.person.seen.said(self.room, self.bot.user_id)

    def _offers(self) -> list[tuple[str, str]]:
        """The reactions of the bot's under what it said last: on what, and which."""
        events = [event for event in self.person.seen.events[self.room] if event.sender == self.bot.user_id]
        last = [event.event_id for event in events if event.type == "m.room.message" and not event.replaces][-1]
        found = (event.content.get("m.relates_to", {}) for event in events if event.type == "m.reaction")
        return [(last, one["key"]) for one in found if one.get("event_id") == last]


class WebDoor:
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

    async def until(self, seen: Seen) -> list[str]:
        await self.page.until(lambda: seen(self.shown()))
        return self.shown()


class Street:
    """The host, and a door on each surface for each of its *ways*: a name, and what the surface's table says."""

    def __init__(self, host: HostProcess, doors: dict[str, Door]) -> None:
        self.host = host
        self.doors = doors

    @classmethod
    @asynccontextmanager
    async def of(
        cls,
        folder: Path,
        homeserver: Homeserver,
        settings: str,
        ways: dict[str, str],
        language: str = "en",
        *,
        surfaces: Sequence[str] = SURFACES,
        more: Callable[[dict[str, Door]], Awaitable[dict[str, str]]] | None = None,
    ) -> AsyncIterator["Street"]:
        """A street that is open; the people of Telegram and the web speak *language*.

        *settings* go on in the table ``[web]``. *more*, which may make groups before the host is there, tells what else
        the tables of some doors say.
        """
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(BotApi.serve())
            made: dict[str, Any] = {}
            for way in ways:
                account = homeserver.register(f"alice-{uuid4().hex[:8]}", PASSWORD)
                person = await stack.enter_async_context(MatrixPerson(homeserver.url, account))
                made[f"matrix_{way}"] = MatrixDoor(homeserver, person)
                made[f"telegram_{way}"] = TelegramDoor(api, way, language)
                made[f"web_{way}"] = WebDoor(stack, f"/{way}", language)
            made = {name: door for name, door in made.items() if name.partition("_")[0] in surfaces}
            said = {name: ways[name.partition("_")[2]] for name in made}
            said |= await more(made) if more else {}
            tables = [f"[surfaces.{name}]\n{door.table()}{said[name]}\n" for name, door in made.items()]
            listen = f'[web]\nlisten = "127.0.0.1:{free_port()}"\n'
            host = HostProcess(folder / "host", listen + settings + "".join(tables))
            stack.callback(host.close)
            street = cls(host, made)
            await street.open()
            yield street

    async def on_each(self, way: str, behaviour: "Behaviour", surfaces: Sequence[str] = SURFACES) -> None:
        """See *behaviour* on each of *surfaces*, side by side; a failure says on which."""

        async def one(name: str) -> None:
            try:
                await behaviour(self, name, self.doors[name])
            except Exception as error:
                error.add_note(f"on {name}, where the bot says {self.doors[name].shown()}")
                raise

        async with asyncio.TaskGroup() as group:
            for surface in surfaces:
                group.create_task(one(f"{surface}_{way}"))

    async def open(self) -> None:
        """Start the host, for the first time or again, and let everybody in."""
        await asyncio.to_thread(self.host.start)
        await asyncio.to_thread(self.host.wait_ready, 60)
        await asyncio.gather(*(door.meet(self.host) for door in self.doors.values()))

    async def seen(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until *condition* holds of the host's status."""
        await asyncio.to_thread(self.host.wait_for, condition)

    async def working(self, name: str) -> None:
        """Wait until the agent has been asked by the surface *name*, and is at it."""
        await self.seen(
            lambda status: any(way["surface"] == name and way["steps"][-1][0] == "asked" for way in status["ways"])
        )


Behaviour = Callable[[Street, str, Door], Awaitable[None]]
"""What is seen at a door of a street; the door's name stands between."""


async def hear(door: Door, text: str, *words: str) -> list[str]:
    """Say *text*; what is shown from then on, once each of *words* is in it."""
    first = len(door.shown())
    await door.say(text)
    said = await door.until(lambda said: all(any(word in one for one in said[first:]) for word in words))
    return said[first:]
