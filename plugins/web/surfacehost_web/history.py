"""What was said in each conversation, as the page shows it again: numbered lines in the surface's own notes.

``chat/<person>/<chat>/<number>`` holds one line, ``chats/<person>/<chat>`` how the list of conversations shows it.
Numbers only grow, so the oldest lines can be dropped without looking.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from surfacehost import Memory

PAGE_LINES = 50
"""How many lines the page is given at once."""
PAGE_CHARS = 300_000
"""It is given fewer when they are this long together."""
TITLE_CHARS = 60
INDEXES = 500
"""Of how many conversations the numbers are kept at hand."""

Store = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was said."""

    id: str
    """A person's message: the id the page gave it. A reply: its idempotency key."""
    who: str
    """``person`` or ``agent``."""
    text: str
    kind: str = ""
    """Of a reply: answer, notice or prompt, and decided once that is."""
    to: str = ""
    """The id of the message that a reply answers."""
    at: float = field(default_factory=time.time)
    """Seconds since the epoch."""
    files: Sequence[Mapping[str, Any]] = ()
    """What came with it: id, name, type and size of each."""
    choices: Sequence[Mapping[str, str]] = ()
    """What can be said to a prompt by a button: id and label of each."""


Numbered = tuple[int, Line]
"""A line with its place in the conversation."""


@dataclass(slots=True)
class _Index:
    """What is known of a conversation without reading it again."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_sure: bool = False
    """Whether the rest is what the store holds; not so while something is being written."""
    ids: dict[int, str] = field(default_factory=dict)
    listed: dict[str, Any] | None = None
    """Its entry in the list of conversations; none: there is no such conversation (any more)."""


class History:
    """Every conversation of one surface instance."""

    def __init__(self, memory: Memory, keep: int) -> None:
        self._memory = memory
        self._keep = keep
        self._indexes: dict[tuple[str, str], _Index] = {}

    async def chats(self, person: str) -> list[dict[str, Any]]:
        """The conversations of *person*, the latest first: id, title and when something was last said."""
        prefix = f"chats/{person}/"
        found = await self._memory.items(prefix)
        listed = [{"id": key.removeprefix(prefix), **value} for key, value in found.items()]
        return sorted(listed, key=lambda chat: -chat["at"])

    async def person_in(self, chat: str) -> str:
        """Whose conversation *chat* is; empty where nobody or more than one has it, for then it can't be told."""
        listed = [key.split("/")[1:] for key in await self._memory.items("chats/")]
        people = [person for person, its_chat in listed if its_chat == chat]
        return people[0] if len(people) == 1 else ""

    async def say(self, person: str, chat: str, line: Line, store: Store) -> tuple[int, str]:
        """Let *store* write down a person's *line*, with the message itself; its number and the chat's title.

        A line that is there already is not written again.
        """
        async with self._index(person, chat) as index:
            number = _number_of(index, line.id)
            if number is None:
                number = await self._write(person, chat, index, line, store)
            return number, str((index.listed or {}).get("title", ""))

    async def answer(self, person: str, chat: str, line: Line) -> int | None:
        """Write down a reply; its number, None when the person has erased the conversation meanwhile."""
        async with self._index(person, chat) as index:
            if index.listed is None:
                return None
            number = _number_of(index, line.id)
            return await self._write(person, chat, index, line, self._memory.set) if number is None else number

    async def decide(self, person: str, chat: str, id_: str, text: str) -> Numbered | None:
        """Let the prompt with the id *id_* say what it came to; None where it is not kept any more."""
        async with self._index(person, chat) as index:
            number = _number_of(index, id_)
            if index.listed is None or number is None:
                return None
            key = _key(person, chat, number)
            line = replace(Line(**await self._memory.get(key)), text=text, kind="decided", choices=())
            await self._memory.set({key: asdict(line)})
            return number, line

    @asynccontextmanager
    async def reading(
        self, person: str, chat: str, before: int | None = None
    ) -> AsyncIterator[tuple[list[Numbered], bool]]:
        """The last lines, or the last before number *before*, and whether there are earlier ones.

        While this lasts nothing is added, so that what the page is told of later comes after what it is told here.
        """
        async with self._index(person, chat) as index:
            numbers = [number for number in sorted(index.ids) if before is None or number < before]
            chosen = numbers[-PAGE_LINES:]
            values = await asyncio.gather(*(self._memory.get(_key(person, chat, number)) for number in chosen))
            lines = _not_too_long([(number, Line(**value)) for number, value in zip(chosen, values, strict=True)])
            yield lines, len(lines) < len(numbers)

    async def forget(self, person: str, chat: str) -> list[str]:
        """Erase the conversation; the ids of the files that were in it."""
        async with self._index(person, chat) as index:
            lines = await self._memory.items(f"chat/{person}/{chat}/")
            keys = [_key(person, chat, number) for number in index.ids]
            index.is_sure = False
            await self._memory.set(dict.fromkeys([*keys, f"chats/{person}/{chat}"]))
        return [file["id"] for line in lines.values() for file in line.get("files", ())]

    async def _write(self, person: str, chat: str, index: _Index, line: Line, store: Store) -> int:
        number = max(index.ids, default=-1) + 1
        listed = _listed(index.listed, line)
        surplus = [old for old in index.ids if old <= number - self._keep]
        notes = {
            _key(person, chat, number): asdict(line),
            f"chats/{person}/{chat}": listed,
            **{_key(person, chat, old): None for old in surplus},
        }
        index.is_sure = False  # whoever is cancelled in here does not know what became of it
        await store(notes)
        index.ids = {old: id_ for old, id_ in index.ids.items() if old not in surplus} | {number: line.id}
        index.listed, index.is_sure = listed, True
        return number

    @asynccontextmanager
    async def _index(self, person: str, chat: str) -> AsyncIterator[_Index]:
        """What is known of the conversation, for one at a time."""
        index = self._indexes.pop((person, chat), None) or _Index()
        self._indexes[person, chat] = index  # last used, last in the dictionary
        async with index.lock:
            if not index.is_sure:
                prefix = f"chat/{person}/{chat}/"
                lines = await self._memory.items(prefix)
                index.ids = {int(key.removeprefix(prefix)): value["id"] for key, value in lines.items()}
                index.listed = await self._memory.get(f"chats/{person}/{chat}")
                index.is_sure = True
            yield index
        self._drop_unused()

    def _drop_unused(self) -> None:
        for key in list(self._indexes)[: max(0, len(self._indexes) - INDEXES)]:
            if not self._indexes[key].lock.locked():  # one that is waited for must stay the only one
                del self._indexes[key]


def _key(person: str, chat: str, number: int) -> str:
    return f"chat/{person}/{chat}/{number:010d}"


def _number_of(index: _Index, id_: str) -> int | None:
    return next((number for number, known in index.ids.items() if known == id_), None)


def _not_too_long(lines: list[Numbered]) -> list[Numbered]:
    """The last of *lines* that fit, one at least."""
    room, first = PAGE_CHARS, len(lines)
    while first > 0 and (room > 0 or first == len(lines)):
        first -= 1
        room -= len(lines[first][1].text)
    return lines[first:]


def _listed(before: Mapping[str, Any] | None, line: Line) -> dict[str, Any]:
    """The entry of the list after *line*: a conversation is called what was first said in it that is no command."""
    title = str((before or {}).get("title", ""))
    is_named = title and not title.startswith("/")
    return {"title": title if is_named or line.who != "person" else _title(line.text or _names(line)), "at": line.at}


def _names(line: Line) -> str:
    return ", ".join(file["name"] for file in line.files)


def _title(text: str) -> str:
    """The first words of *text*."""
    words = " ".join(text.split())
    if len(words) <= TITLE_CHARS:
        return words
    cut = words[: TITLE_CHARS - 1]
    return (cut.rpartition(" ")[0] if " " in cut[TITLE_CHARS // 2 :] else cut).rstrip(" ,.;:-") + "…"
