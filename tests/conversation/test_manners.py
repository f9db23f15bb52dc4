"""Who is not answered, how much is read, and how the bot behaves while it works: the same on each surface."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest
import pytest_asyncio

from surfacehost.runs import RESTART_WITHIN_S
from surfacehost.texts import say
from surfacehost_devkit.homeserver import Homeserver

from .doors import Door, MatrixDoor, TelegramDoor, WebDoor, language_at
from .listener import MORE, Listener, Run
from .street import GROUPS, LATE_S, QUIET_S, SURFACES, Street, hear, side_by_side
from .witness import Witness

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAYS = {
    "listed": 'dm_policy = "allowlist"\nallow = ["somebody else"]',
    "disabled": 'dm_policy = "disabled"\nallow = ["*"]',
    "queue": 'busy = "queue"\nrate_per_minute = 6',
    "talk": "rate_per_minute = 0\nloop_limit = 0",
    "edge": "rate_per_minute = 0\nloop_limit = 3",
    "pieces": "rate_per_minute = 0\nloop_limit = 0\ndebounce_s = 3",
}


class Manners:
    """The street, its agent, and what an extension of its host has heard."""

    def __init__(self, street: Street, agent: Listener, witness: Witness) -> None:
        self.street = street
        self.agent = agent
        self.witness = witness

    def done(self, name: str) -> int:
        """How many events of the surface *name* are done with, whatever became of them."""
        query = "select count(*) from inbox where surface = ? and state not in ('waiting', 'answered')"
        with closing(sqlite3.connect(self.street.host.folder / "var" / "surfacehost.db")) as store:
            return int(store.execute(query, [name]).fetchone()[0])

    async def aged(self, run: Run, seconds: float) -> None:
        """Wait until *run* is so old."""
        await self.street.seen(lambda status: status["at"] > run.at + seconds)

    async def over(self, name: str, door: Door, count: int, *messages: Any) -> None:
        """Wait until so many are, and who said *messages* sees whatever was said before."""
        await self.street.seen(lambda _: self.done(name) >= count)
        if isinstance(door, MatrixDoor):
            seen = door.person.seen.events[door.room]
            await door.person.wait_for(lambda: {*messages} <= {one.event_id for one in seen})
        elif isinstance(door, WebDoor):
            await door.page.history(door.chat)

    def unheard(self, *texts: str) -> bool:
        """Whether neither the agent nor the extension has heard any of *texts*."""
        everything = "\n".join([*self.agent.asked, *self.witness.heard])
        return not any(text in everything for text in texts)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def manners(tmp_path_factory: pytest.TempPathFactory, homeserver: Homeserver) -> AsyncIterator[Manners]:
    folder = tmp_path_factory.mktemp("manners")
    witness = Witness(folder)

    async def called(doors: dict[str, Door]) -> dict[str, str]:
        """Whoever has a name is called what the settings allow: ids alone count."""
        return {
            name: f'{WAYS["listed"][:-1]}, "{door.called}"]'
            for name, door in doors.items()
            if name.endswith("_listed") and door.called
        }

    async with Listener.serve() as agent:
        settings = f'[defaults]\ndm_policy = "open"\ndebounce_s = 0.3\n[agent]\nembedded = false\nurl = "{agent.url}"\n'
        more: dict[str, Any] = {"language": "ru", "environ": witness.environ, "more": called}
        async with Street.of(folder, homeserver, settings, WAYS, **more) as street:
            yield Manners(street, agent, witness)


async def a_stranger_is_told_their_id_once_and_heard_by_nobody(manners: Manners, name: str, door: Door) -> None:
    is_invited = isinstance(door, MatrixDoor)
    messages = [await door.say(text) for text in (f"let me in, {name}", f"please, {name}", "!status")]
    await manners.over(name, door, 3 + is_invited, *messages)
    told = [door.greeting] if isinstance(door, MatrixDoor) else door.shown()
    before, after = say(language_at(door), "stranger", id="|").split("|")
    assert len(told) == 1
    assert told[0].startswith(before)
    assert told[0].endswith(after)
    assert door.shown() == ([] if is_invited else told)
    assert manners.unheard(f"let me in, {name}", f"please, {name}")


async def nobody_hears_anything_where_direct_chats_are_off(manners: Manners, name: str, door: Door) -> None:
    messages = [await door.say(text) for text in (f"anybody here, {name}?", "!status")]
    await manners.over(name, door, 2 + isinstance(door, MatrixDoor), *messages)
    assert door.shown() == []
    assert manners.unheard(f"anybody here, {name}?")


async def each_waits_for_its_turn_and_what_is_too_much_is_said_once(manners: Manners, name: str, door: Door) -> None:
    language, street = language_at(door), manners.street
    await door.say(f"slow 1, {name}")
    run = await manners.agent.begun(f"slow 1, {name}")
    for number in (2, 3):
        await door.say(f"{number}, {name}")
    waits, hasty = say(language, "waits"), say(language, "hasty", count=6)
    if isinstance(door, WebDoor):  # elsewhere a mark says it
        assert await door.until(lambda said: said) == [waits]
    await street.seen(lambda status: status["inbox"][name]["open"] == 3)
    run.may_go_on.set()
    await door.until(lambda said: f"heard: 3, {name}" in said)
    for number in range(4, 9):
        await door.say(f"{number}, {name}")
    said = await door.until(lambda said: {hasty, f"heard: 6, {name}"} <= {*said})
    await street.quiet(name)
    said.remove(hasty)  # it is said at once, before or after what still waits for its answer
    said = [one for one in said if one != waits]  # which is said again where answers are slow to come
    assert said == [f"a beginning heard: slow 1, {name}", *(f"heard: {n}, {name}" for n in range(2, 7))]
    assert manners.unheard(f"7, {name}", f"8, {name}")
    assert f"6, {name}" in manners.witness.heard  # which can hear


async def it_types_until_the_answer_is_there_and_nothing_is_shown_too_soon(
    manners: Manners, name: str, door: Door
) -> None:
    first, began = len(door.shown()), time.time()
    await door.say(f"slow and mute, {name}")
    run = await manners.agent.begun(f"slow and mute, {name}")
    await door.until(lambda _: door.is_typing())
    run.may_go_on.set()
    await door.until(lambda said: said[first:] == [f"heard: slow and mute, {name}"] and not door.is_typing())
    assert {text.strip() for _, text in door.signs(began)} == {f"heard: slow and mute, {name}"}

    began, beginning = time.time(), f"a beginning{MORE}"
    await door.say(f"slow and long, {name}")
    asked_at = await manners.street.asked_at(name, began)
    run = await manners.agent.begun(f"slow and long, {name}")
    await door.until(lambda _: door.growing().endswith(beginning))
    quiet_s = 0.0 if isinstance(door, WebDoor) else QUIET_S  # the page shows each word as it comes
    assert quiet_s - 0.01 <= door.signs(began)[0][0] - asked_at < quiet_s + LATE_S
    run.may_go_on.set()
    whole = f"{beginning} heard: slow and long, {name}"
    await door.until(lambda said: said[first + 1 :] == [whole] and not door.is_typing())
    await manners.street.quiet(name)
    assert len(door.shown()) == first + 2
    assert not door.is_typing()
    assert not isinstance(door, TelegramDoor) or door.growing() == ""


async def what_is_being_answered_can_be_changed_until_it_has_acted(manners: Manners, name: str, door: Door) -> None:
    first, done = len(door.shown()), manners.done(name)
    message = await door.say(f"slow words, {name}")
    run = await manners.agent.begun(f"slow words, {name}")
    await door.edit(message, f"other words, {name}")
    await door.until(lambda said: said[first:] == [f"heard: other words, {name}"])
    assert run.stopped.is_set()
    assert (await manners.agent.run_of(f"other words, {name}")).asked["runId"] != run.asked["runId"]

    message = await door.say(f"slow tool, {name}")
    run = await manners.agent.begun(f"slow tool, {name}")
    await door.edit(message, f"never, {name}")
    await manners.over(name, door, done + 3)
    run.may_go_on.set()
    await door.until(lambda said: said[first + 1 :] == [f"a beginning heard: slow tool, {name}"])
    assert manners.unheard(f"never, {name}")

    if isinstance(door, MatrixDoor):  # a Telegram bot hears nothing of what is deleted
        message = await door.say(f"slow secret, {name}")
        run = await manners.agent.begun(f"slow secret, {name}")
        await door.take_back(message)
        await door.until(lambda said: said[first + 2 :] == [f"a beginning\n\n{say('en', 'stopped')}"])
        assert run.stopped.is_set()


async def a_run_gets_too_old_to_begin_anew(manners: Manners, name: str, door: Door) -> None:
    first, done = len(door.shown()), manners.done(name)
    message = await door.say(f"slow and young, {name}")
    run = await manners.agent.begun(f"slow and young, {name}")
    await manners.aged(run, RESTART_WITHIN_S - 7)
    await door.edit(message, f"slow and old, {name}")
    run = await manners.agent.begun(f"slow and old, {name}")
    await manners.aged(run, RESTART_WITHIN_S + 0.5)
    await door.edit(message, f"too late, {name}")
    await manners.over(name, door, done + 2)
    run.may_go_on.set()
    await door.until(lambda said: said[first:] == [f"a beginning heard: slow and old, {name}"])
    assert manners.unheard(f"too late, {name}")


async def another_bot_is_not_answered_for_ever(manners: Manners, name: str, door: Door) -> None:
    for number in (1, 2, 3):
        await hear(door, f"ping {number}, {name}", f"heard: ping {number}, {name}")
        await manners.street.quiet(name)
    await manners.over(name, door, 4, await door.say(f"ping 4, {name}"))  # nobody is so quick, time after time
    assert door.shown() == [f"heard: ping {number}, {name}" for number in (1, 2, 3)]
    assert manners.unheard(f"ping 4, {name}")


async def of_what_is_asked_together_the_first_can_be_changed(manners: Manners, name: str, door: Door) -> None:
    first, done = len(door.shown()), manners.done(name)
    await door.say(f"slow before, {name}")
    run = await manners.agent.begun(f"slow before, {name}")
    head, other = await door.say(f"wrong, {name}"), await door.say(f"slow and, {name}")
    await manners.street.seen(lambda status: status["inbox"][name]["open"] == 3)
    run.may_go_on.set()
    await manners.agent.begun(f"wrong, {name}\nslow and, {name}")
    await door.edit(other, f"not heeded, {name}")
    await manners.over(name, door, done + 2)
    await door.edit(head, f"right, {name}")
    together = f"right, {name}\nslow and, {name}"
    (await manners.agent.begun(together)).may_go_on.set()
    said = await door.until(lambda said: len(said) == first + 2 and said[-1].endswith(f"heard: {together}"))
    assert said[first:] == [f"a beginning heard: slow before, {name}", f"a beginning heard: {together}"]
    assert manners.unheard(f"not heeded, {name}")


async def a_text_that_comes_in_pieces_is_one_run(manners: Manners, name: str, door: Door) -> None:
    """Telegram's clients cut at 4,096 characters; on Matrix and the web people send what they paste in several."""
    first, pieces = len(door.shown()), ["x" * 4000, "y" * 4000, f"its end, {name}"]
    for text in pieces:
        await door.say(text)
    run = await manners.agent.run_of("\n".join(pieces))
    assert [one["content"][0]["text"] for one in run.asked["messages"]] == pieces
    said = await door.until(lambda said: any(one.endswith(f"its end, {name}") for one in said))
    assert "".join(said[first:]).count(f"its end, {name}") == 1
    assert not {*pieces} & {*manners.agent.asked}


async def what_an_agent_that_was_away_has_to_say_waits_for_nobody(manners: Manners, name: str, door: Door) -> None:
    await hear(door, f"hi, {name}", f"heard: hi, {name}")
    thread = (await manners.agent.run_of(f"hi, {name}")).thread
    await manners.agent.hang_up(thread, 1012)  # it restarts (RFC 6455, 7.4.1)
    await manners.agent.tell(thread, f"news-{name}", f"by the way, {name}")
    await door.until(lambda said: said[-1] == f"by the way, {name}")


BEHAVIOURS: dict[Any, tuple[str, Sequence[str]]] = {
    a_stranger_is_told_their_id_once_and_heard_by_nobody: ("listed", SURFACES),
    nobody_hears_anything_where_direct_chats_are_off: ("disabled", SURFACES),
    each_waits_for_its_turn_and_what_is_too_much_is_said_once: ("queue", SURFACES),
    it_types_until_the_answer_is_there_and_nothing_is_shown_too_soon: ("talk", SURFACES),
    what_is_being_answered_can_be_changed_until_it_has_acted: ("talk", GROUPS),
    a_run_gets_too_old_to_begin_anew: ("edge", GROUPS),
    another_bot_is_not_answered_for_ever: ("edge", ("web",)),
    of_what_is_asked_together_the_first_can_be_changed: ("talk", GROUPS),
    a_text_that_comes_in_pieces_is_one_run: ("pieces", SURFACES),
    what_an_agent_that_was_away_has_to_say_waits_for_nobody: ("pieces", SURFACES),
}
"""As ``side_by_side`` takes them."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(manners: Manners) -> AsyncIterator[Mapping[Any, asyncio.Task[None]]]:
    async with side_by_side(manners.street, BEHAVIOURS, manners) as seen:
        yield seen


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: str(one.__name__))
async def test_on_every_surface(seen: Mapping[Any, asyncio.Task[None]], behaviour: Any) -> None:
    await seen[behaviour]
