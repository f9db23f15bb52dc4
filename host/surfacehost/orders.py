"""What a person tells the host itself, done and answered: ``/stop`` and its like."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from importlib.metadata import version

from surfacehost.admission import is_owner
from surfacehost.agent.client import AgentSessionClient
from surfacehost.behaviour import Behaviour
from surfacehost.commands_in_chat import HUSH, SHOWN, command_of, words_of
from surfacehost.conversation import Said, thread_of
from surfacehost.events import Event, Message
from surfacehost.linking import Linking
from surfacehost.store import people, waiting
from surfacehost.store.inbox import Entry
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.texts import language_of, literal, say

Stop = Callable[[Event], Awaitable[bool]]
"""Stops the run of an event, and tells whether there was one."""


class Orders:
    """Obeys, for all surfaces."""

    def __init__(self, agent: AgentSessionClient, database: SqliteDatabase, locale: str) -> None:
        self._agent = agent
        self._database = database
        self._linking = Linking(database)
        self._locale = locale

    async def obey(self, entry: Entry, message: Message, behaviour: Behaviour, stop: Stop) -> Said | None:
        """What the host itself says to *message*, having done it; None for what is the agent's."""
        language = language_of(message.locale, self._locale)
        is_theirs = is_owner(message.sender, behaviour, entry.role)
        match command_of(message):
            case None:
                return None
            case "new":
                return Said(text=say(language, "new"), kind="notice", generation=entry.generation + 1)
            case "stop":
                may_stop_all = message.direct or is_theirs
                text = await self._stop(entry, message, language, stop, may_stop_all=may_stop_all)
            case "status":
                text = await self._status(entry, language)
            case "whoami":
                text = say(language, "whoami", id=message.sender)
            case "pair":
                text = await self._pair(entry, message, language) if is_theirs else say(language, "owners_only")
            case "link" | "unlink" as command:
                text = await self._linking.obey(command, entry, message, language)
            case "retry":
                text = say(language, "nothing_to_retry")  # there was none, or it would have been asked
            case "help":
                text = _help(language, is_owner=is_theirs)
            case _:  # start: what Telegram's clients send when a person opens the chat
                text = say(language, "greeting")
        return Said(text=text, kind="notice")

    async def meant(self, entry: Entry, message: Message) -> Message:
        """*message* itself; for ``/retry`` the last question of the same person, to be asked as a run of its own."""
        if command_of(message) != "retry":
            return message
        for said in await self._database.tx(waiting.latest, entry):
            if command_of(said) is None and not said.choice:
                return replace(message, text=said.text, attachments=said.attachments, quote=said.quote)
        return message

    async def _stop(self, entry: Entry, message: Message, language: str, stop: Stop, *, may_stop_all: bool) -> str:
        """Give up what waits and stop what runs; in a group what others asked is theirs, and an owner's.

        What runs was perhaps asked before chats were linked, or unlinked: it is stopped where it was asked.
        """
        person = None if may_stop_all else message.sender
        queue = await self._database.tx(waiting.give_up, entry, person=person)
        is_anothers = any(person not in (None, event.sender) for event in queue.running)
        was_running = not is_anothers and any([await stop(event) for event in queue.running])
        lines = [say(language, "given_up", count=queue.count)] if queue.count else []
        if is_anothers:
            lines.append(say(language, "stop_not_yours"))
        elif not (was_running or queue.has_run or lines or message.id.endswith(HUSH)):
            lines.append(say(language, "nothing_to_stop"))
        return "\n".join(lines)

    async def _status(self, entry: Entry, language: str) -> str:
        await self._agent.probe()
        agent = say(language, "status_down" if self._agent.trouble else "status_up")
        queue = await self._database.tx(waiting.queue, entry)
        lines = [say(language, "status", agent=agent, thread=thread_of(entry))]
        if queue.running:
            lines.append(say(language, "status_busy", count=queue.count))
        return "\n".join([*lines, f"surfacehost {version('surfacehost')}"])

    async def _pair(self, entry: Entry, message: Message, language: str) -> str:
        """Do what an owner decides about who asks to be let in on the same surface."""
        match words_of(message):
            case ["list"]:
                asking = await self._database.tx(people.waiting, message.surface, now=time.time())
                return "\n".join(map(_line, asking)) or say(language, "pair_nobody")
            case ["approve", code]:
                return await self._decide(entry, language, code, is_welcome=True)
            case ["deny", code]:
                return await self._decide(entry, language, code, is_welcome=False)
        return say(language, "pair_usage")

    async def _decide(self, entry: Entry, language: str, code: str, *, is_welcome: bool) -> str:
        try:
            person = await self._database.tx(people.decide, entry, code, now=time.time(), is_welcome=is_welcome)
        except people.TooManyCodes:
            return say(language, "too_many_codes")
        if person is None:
            return say(language, "pair_unknown")
        return say(language, "pair_approved" if is_welcome else "pair_denied", id=literal(person.person))


def _help(language: str, *, is_owner: bool) -> str:
    """What is understood: the same commands, described by the same words, as platforms show in their menus."""
    lines = [f"/{name} - {say(language, f'command_{name}')}" for name in SHOWN]
    pair = ["/pair - " + say(language, "command_pair")] if is_owner else []
    return "\n".join([say(language, "help"), *lines, *pair])


def _line(asking: Mapping[str, object]) -> str:
    return f"`{asking['code']}` - {literal(str(asking['person']))}"
