"""``/link`` and ``/unlink`` between each two surfaces, by people who read both chats, and by those who read one."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from surfacehost.store import links, people
from surfacehost_devkit.agentprocess import AgentProcess
from surfacehost_devkit.chaos.doom import Doom
from surfacehost_devkit.chaos.lives import Beginning
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.hostprocess import wait_until

from .codes import after_an_hour, guess, nobody_else_is_served, offer, too_late_for_the_first, too_late_for_the_second
from .doors import Door
from .pairs import ALREADY, ELSEWHERE, LATE, PAIRS, UNKNOWN, Forward, Pair, code_from, code_in, each
from .street import Street, hear

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_SAID = ("surface: ", "milk")
"""What was asked and then given up."""


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Forward:
    return Forward(tmp_path_factory.mktemp("clock"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(
    tmp_path_factory: pytest.TempPathFactory, homeserver: Homeserver, clock: Forward
) -> AsyncIterator[Street]:
    defaults = 'dm_policy = "open"\nbusy = "interrupt"\nrate_per_minute = 0\nloop_limit = 0\ndebounce_s = 0\n'
    folder, ways = tmp_path_factory.mktemp("links"), dict.fromkeys("xyz", "")
    with AgentProcess(folder) as agent:  # which remembers what it has asked when the host is killed
        settings = f"[defaults]\n{defaults}[agent]\n{agent.settings}\n"
        async with Street.of(folder, homeserver, settings, ways, first=clock.turned) as street:
            yield street


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pairs(street: Street) -> list[Pair]:
    return [Pair(street, *names) for names in PAIRS]


async def test_two_codes_make_one_conversation_also_when_killed_between_them(street: Street, pairs: list[Pair]) -> None:
    async def begin(pair: Pair) -> None:
        pair.keys = await pair.conversations()
        await pair.exchange()

    async def share(pair: Pair) -> None:
        await hear(pair.one, f"I like tea, {pair.names}", "echo")
        assert "goes on with the conversation of this chat" in await pair.confirm("shared")
        assert f"tea, {pair.names}" in (await hear(pair.other, "!demo memory", "remember"))[0]
        one, other = await pair.conversations()
        assert one == other

    await each(pairs, begin)
    street.host.kill()
    await street.open()
    await each(pairs, share)
    listed = await asyncio.to_thread(street.host.command, "links", "list", "--json")
    assert len(json.loads(listed.stdout)) == 2 * len(pairs)
    lines = (await asyncio.to_thread(street.host.command, "links", "list")).stdout.splitlines()
    wanted = [line for one, other in (pair.keys for pair in pairs) for line in (one, f"{other}  goes on with {one}")]
    assert sorted(line.partition("  ")[2] for line in lines) == sorted(wanted)


async def test_answers_come_where_they_are_asked_for_one_run_at_a_time(street: Street, pairs: list[Pair]) -> None:
    async def see(pair: Pair) -> None:
        before = [len(door.shown()) for door in (pair.one, pair.other)]
        await pair.one.say("!demo slow 1")
        await street.working(pair.names[0])
        await pair.other.say("meanwhile")
        await pair.one.until(lambda said: said[before[0] :] == ["I waited 1 s."])
        await pair.other.until(lambda said: said[before[1] :] == ["echo: meanwhile"])
        [remembered] = await hear(pair.one, "!demo memory", "remember")
        assert remembered.splitlines()[-1].endswith("meanwhile")

    await each(pairs, see)


async def test_what_is_written_in_the_other_chat_breaks_nothing_off_and_stop_there_ends_all(
    street: Street, pairs: list[Pair]
) -> None:
    async def see(pair: Pair) -> None:
        before = [len(door.shown()) for door in (pair.one, pair.other)]
        await pair.one.say("!demo slow 4")
        await street.working(pair.names[0])
        await pair.other.say("tea")
        await street.working(pair.names[1])  # it waits for its turn
        await pair.other.say("rather coffee")  # of the two this one interrupts that of its own chat
        await pair.one.until(lambda said: said[before[0] :] == ["I waited 4 s."])
        await pair.other.until(lambda said: said[-1:] == ["echo: tea\nrather coffee"])

        await pair.one.say("!demo slow 60")
        await street.working(pair.names[0])
        await pair.one.say("!demo context")  # which stands alone: it waits, and interrupts nothing
        await street.seen(lambda status: status["inbox"][pair.names[0]]["open"] == 2)
        await pair.other.say("no milk")
        await street.working(pair.names[1])
        assert "waiting behind it: 2" in (await hear(pair.other, "!status", "waiting"))[0]
        await pair.other.say("!stop")
        await pair.one.until(lambda said: said[-1:] == ["Stopped."])
        await pair.other.until(lambda said: {*said[-2:]} == {"Stopped.", "Given up, of what was waiting: 1."})
        for name in pair.names:
            await street.quiet(name)
        assert not any(word in said for door in (pair.one, pair.other) for said in door.shown() for word in NOT_SAID)

    await each(pairs, see)


async def test_a_code_serves_once_and_nobody_else(pairs: list[Pair]) -> None:
    async def rob(pair: Pair) -> None:
        for text in (pair.codes[0], f"{pair.codes[1]} shared"):  # both were used
            for door in (pair.thief, pair.other):
                assert await hear(door, f"!link {text}", " ") == [
                    ALREADY if door is pair.other and " " not in text else UNKNOWN
                ]

    await each(pairs, rob)


async def test_whoever_unlinks_has_their_own_conversation_again_and_may_be_known_in_both(pairs: list[Pair]) -> None:
    async def see(pair: Pair) -> None:
        assert (await hear(pair.other, "!unlink", " "))[0] == "This chat has its own conversation again."
        await pair.exchange()
        assert "stay apart" in await pair.confirm("separate")
        one, other = await pair.conversations()
        assert one != other
        assert "tea" not in (await hear(pair.other, "!demo memory", " "))[0]
        people = [(await hear(door, "!demo context", "person: "))[-1] for door in (pair.one, pair.other)]
        one, other = (re.findall(r"person: (\S+)", said)[0] for said in people)
        assert one == other

    await each(pairs, see)


async def test_of_two_who_take_one_code_at_once_one_has_it_and_neither_is_linked(pairs: list[Pair]) -> None:
    async def race(pair: Pair) -> None:
        assert (await hear(pair.other, "!unlink", " "))[0] == "This chat has its own conversation again."
        code = await code_from(pair.one, "!link")
        said = await asyncio.gather(*(hear(door, f"!link {code}", " ") for door in (pair.other, pair.thief)))
        assert sorted(told == [UNKNOWN] for told in said) == [False, True]
        one, other = await pair.conversations()
        assert one != other

    await each(pairs, race)


async def test_what_is_being_answered_while_chats_are_linked_or_apart_is_answered_where_it_was_asked(
    street: Street, pairs: list[Pair]
) -> None:
    async def see(pair: Pair) -> None:
        await pair.exchange()
        await hear(pair.one, f"I like cake, {pair.names}", "echo")
        await pair.other.say("!demo slow 2")
        await street.working(pair.names[1])
        assert "goes on with the conversation of this chat" in await pair.confirm("shared")
        await pair.other.until(lambda said: said[-1] == "I waited 2 s.")
        assert f"cake, {pair.names}" in (await hear(pair.other, "!demo memory", "remember"))[0]
        await pair.other.say("!demo slow 2")
        await street.working(pair.names[1])
        assert (await hear(pair.other, "!unlink", " "))[0] == "This chat has its own conversation again."
        await pair.other.until(lambda said: said[-1] == "I waited 2 s.")
        assert "cake" not in (await hear(pair.other, "!demo memory", " "))[0]

        await pair.exchange()
        await pair.other.say("!demo slow 60")
        await street.working(pair.names[1])
        assert "goes on with the conversation of this chat" in await pair.confirm("shared")
        await pair.other.say("!stop")
        await pair.other.until(lambda said: said[-1] == "Stopped.")
        await street.quiet(pair.names[1])

        await pair.other.say("!demo slow 60")
        await street.working(pair.names[1])
        await pair.one.say("behind it")
        await street.working(pair.names[0])
        assert (await hear(pair.other, "!unlink", " "))[0] == "This chat has its own conversation again."
        await pair.other.say("!stop")
        await pair.one.until(lambda said: said[-1] == "echo: behind it")
        await pair.other.until(lambda said: said[-1] == "Stopped.")

    await each(pairs, see)


async def test_a_question_is_decided_in_its_own_chat_alone_also_after_a_restart(
    street: Street, pairs: list[Pair]
) -> None:
    offers: dict[Door, list[Any]] = {}

    async def ask(door: Door, file: str) -> None:
        await hear(door, f"!demo approve {file}", f"{file}?")
        offers[door] = await door.offers()

    async def late(door: Door, choice: int) -> None:
        await door.take(offers[door][choice])
        await door.until(lambda said: said[-1] == LATE)

    async def apart(pair: Pair) -> None:
        await pair.exchange()
        assert "stay apart" in await pair.confirm("separate")
        await asyncio.gather(ask(pair.one, "one.txt"), ask(pair.other, "two.txt"))

    async def decide(pair: Pair) -> None:
        await pair.one.take(offers[pair.one][0])
        await pair.one.until(lambda said: said[-1] == "Deleted one.txt.")
        await late(pair.one, 1)
        assert not any("Withdrawn" in said or "Deleted" in said for said in pair.other.shown())
        assert (await hear(pair.other, "no", "Denied"))[-1] == "Denied: two.txt is kept."
        await late(pair.other, 0)
        assert (await hear(pair.other, "!unlink", " "))[0] == "This chat has its own conversation again."

    async def share(pair: Pair) -> None:
        """One has a question from before, which stands; the other leaves its own behind, and its conversation."""
        await pair.exchange()
        await asyncio.gather(ask(pair.one, "three.txt"), ask(pair.other, "four.txt"))
        assert "goes on with the conversation of this chat" in await pair.confirm("shared")
        await pair.other.until(lambda said: "Delete four.txt?\n\n↩ Withdrawn." in said)
        await pair.other.until(lambda said: said[-1] == "Cancelled: four.txt is kept.")

    async def decide_where_it_was_asked(pair: Pair) -> None:
        for word in ("yes", "no", "!approve"):
            assert await hear(pair.other, word, " ") == [ELSEWHERE]
        await late(pair.other, 0)
        assert (await hear(pair.one, "yes", "Deleted"))[-1] == "Deleted three.txt."
        await ask(pair.one, "six.txt")
        assert await hear(pair.other, "never mind", "echo") == ["echo: never mind"]
        await pair.one.until(lambda said: "Delete six.txt?\n\n↩ Withdrawn." in said)
        await late(pair.one, 0)
        await ask(pair.other, "five.txt")
        assert (await hear(pair.other, "!unlink", " "))[0] == "This chat has its own conversation again."
        await pair.other.until(lambda said: "Delete five.txt?\n\n↩ Withdrawn." in said)
        await pair.other.until(lambda said: said[-1] == "Cancelled: five.txt is kept.")
        for door in (pair.one, pair.other):
            assert await hear(door, "well", "echo") == ["echo: well"]

    for before, after in ((apart, decide), (share, decide_where_it_was_asked)):
        await each(pairs, before)
        street.host.kill()
        await street.open()
        await each(pairs, after)


async def test_a_code_that_is_good_serves_nobody_who_was_not_told_the_other(pairs: list[Pair], clock: Forward) -> None:
    clock.go(people.CODE_S + 1)  # what was wrong before counts no more

    await each(pairs, nobody_else_is_served)


async def test_codes_are_good_for_ten_minutes_and_guessing_ends_for_an_hour(pairs: list[Pair], clock: Forward) -> None:
    await each(pairs, offer)
    clock.go(links.GOOD_S + 1)
    await each(pairs, too_late_for_the_first)
    clock.go(links.GOOD_S + 1)
    await each(pairs, too_late_for_the_second)
    clock.go(people.CODE_S + 1)  # what was wrong before counts no more
    await each(pairs, guess)
    clock.go(people.CODE_S + 1)
    await each(pairs, after_an_hour)


async def test_killed_behind_each_step_it_is_told_once_and_in_the_right_words(
    street: Street, pairs: list[Pair], clock: Forward
) -> None:
    one, other, code = pairs[0].one, pairs[0].other, ""
    steps = (
        ("offer", one, "!link", "within ten minutes"),
        ("claim", other, "!link {}", "That code was told to"),
        ("confirm", one, "!link {} shared", "goes on with the conversation of this chat"),
        ("undo", other, "!unlink", "This chat has its own conversation again."),
    )

    async def start(point: str) -> None:
        street.host._first = Beginning(clock.turned, Doom(point=point))
        await street.open()

    await asyncio.to_thread(street.host.kill)
    await start("offer after")
    for (_, door, text, words), (following, *_) in zip(steps, (*steps[1:], ("nothing",)), strict=True):
        count = len(door.shown())
        await door.say(text.format(code))
        await asyncio.to_thread(wait_until, lambda: not street.host.is_alive, 20, street.host.log_tail)
        assert len(door.shown()) == count
        await start(f"{following} after")
        [told] = (await door.until(lambda said, count=count: len(said) > count))[count:]  # type: ignore[misc]
        assert words in told
        code = code_in(told)
    assert await hear(one, "done?", "echo") == ["echo: done?"]
    await street.quiet(pairs[0].names[1])
    assert other.shown()[-1] == steps[-1][3]
