"""``busy = "interrupt"`` and ``"reject"`` on every surface, and what they come to when the host is killed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson

from .busyclubs import BUSY, IN_GROUPS, MARK, WAITS
from .clubs import Club, club_of
from .doors import PASSWORD, Door, MatrixDoor, TelegramDoor
from .listener import Listener
from .street import Street
from .witness import Witness

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST = 20
"""How many messages are asked together."""
LATE = "There is nothing to decide any more: it was decided, or its time has passed."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent() -> AsyncIterator[Listener]:
    async with Listener.serve() as agent:
        yield agent


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Witness:
    return Witness(tmp_path_factory.mktemp("witness"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(
    tmp_path_factory: pytest.TempPathFactory, homeserver: Homeserver, agent: Listener, witness: Witness
) -> AsyncIterator[Street]:
    defaults = 'dm_policy = "open"\ngroup_policy = "open"\nrequire_mention = false\ndebounce_s = 0.3\n'
    settings = f'[defaults]\n{defaults}[agent]\nembedded = false\nurl = "{agent.url}"\n'
    ways = {"collect": "rate_per_minute = 0", "interrupt": 'busy = "interrupt"', "reject": 'busy = "reject"'}
    folder = tmp_path_factory.mktemp("modes")
    async with Street.of(folder, homeserver, settings, ways, environ=witness.environ) as street:
        yield street


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clubs(street: Street, homeserver: Homeserver) -> AsyncIterator[dict[str, Club]]:
    """A group of alice and bob at each door whose surface has groups, by the door's name."""
    account = homeserver.register(f"bob-{uuid4().hex[:8]}", PASSWORD)
    async with MatrixPerson(homeserver.url, account) as bob:
        made = {}
        for name, door in street.doors.items():
            if isinstance(door, MatrixDoor):
                made[name] = await club_of(door, bob)
            elif isinstance(door, TelegramDoor):
                made[name] = await club_of(door, door.api.world.person("Bob"))
        await asyncio.gather(*(club.come_in() for club in made.values()))
        yield made


def operators_view(street: Street, surface: str) -> list[str]:
    done = street.host.command("inbox", "list", "--state", "ignored", "--surface", surface)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if "not taken" in line]


async def test_a_message_interrupts_the_run_that_is_on(street: Street, agent: Listener) -> None:
    async def seen(street: Street, name: str, door: Door) -> None:
        await door.say(f"slow {name}")
        await agent.begun(f"slow {name}")
        await door.say(f"rather this, {name}")
        said = await door.until(lambda said: len(said) == 2)
        assert said == [MARK, f"heard: slow {name}\nrather this, {name}"]
        both = await agent.run_of(f"slow {name}\nrather this, {name}")
        assert [one["content"][0]["text"] for one in both.asked["messages"]] == both.text.splitlines()

        await door.say(f"slow and mute, {name}")
        await agent.begun(f"slow and mute, {name}")
        await door.say(f"or this, {name}")  # of what had not begun nothing is left
        said = await door.until(lambda said: len(said) == 3)
        assert said[2] == f"heard: slow and mute, {name}\nor this, {name}"

        await door.say(f"slow tool, {name}")
        acting = await agent.begun(f"slow tool, {name}")
        await door.say(f"later, {name}")
        await street.seen(lambda status: status["inbox"][name]["open"] == 2)
        acting.may_go_on.set()  # it had acted: what was begun is ended
        said = await door.until(lambda said: len(said) == 5)
        assert said[3:] == [f"a beginning heard: slow tool, {name}", f"heard: later, {name}"]

    await street.on_each("interrupt", seen)


async def test_a_message_is_not_taken_while_a_run_is_on_and_its_person_told_once(
    street: Street, agent: Listener, witness: Witness
) -> None:
    async def seen(street: Street, name: str, door: Door) -> None:
        await door.say(f"slow to reject, {name}")
        run = await agent.begun(f"slow to reject, {name}")
        for text in (f"no, {name}", f"no again, {name}", "!status"):
            await door.say(text)
        said = await door.until(lambda said: any("waiting behind it: 0" in one for one in said))
        run.may_go_on.set()
        said = await door.until(lambda said: any("heard: slow" in one for one in said))
        await door.say(f"and now, {name}")
        said = await door.until(lambda said: any("heard: and now" in one for one in said))
        assert len(said) == 4
        assert [one for one in said if one.startswith(BUSY)] == said[:1]
        assert not [text for text in agent.asked + witness.heard if text.startswith("no") and name in text]
        assert f"and now, {name}" in witness.heard  # which can hear
        assert len(await asyncio.to_thread(operators_view, street, name)) == 2

    await street.on_each("reject", seen)


async def test_what_comes_meanwhile_is_acknowledged_once_and_asked_together(street: Street, agent: Listener) -> None:
    async def seen(street: Street, name: str, door: Door) -> None:
        await door.say(f"slow, {name}")
        run = await agent.begun(f"slow, {name}")
        waits = await door.say(f"one, {name}")
        await door.say(f"two, {name}")
        acknowledged = [
            "I've got that. I'll answer it, with whatever else you write meanwhile, when I'm done with what I'm at."
        ]
        if name.startswith("web"):
            assert await door.until(lambda said: said) == acknowledged
        else:  # a mark says it
            await door.until(lambda _: door.mark(waits) == WAITS[name.partition("_")[0]])
            await street.seen(lambda status: status["inbox"][name]["open"] == 3)
        run.may_go_on.set()
        said = await door.until(lambda said: any("two" in one for one in said))
        answers = [f"a beginning heard: slow, {name}", f"heard: one, {name}\ntwo, {name}"]
        assert said == (acknowledged if name.startswith("web") else []) + answers
        await door.until(lambda _: not door.mark(waits))

    await street.on_each("collect", seen)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def in_groups(
    street: Street, agent: Listener, clubs: dict[str, Club]
) -> AsyncIterator[dict[object, asyncio.Task[None]]]:
    """Each is seen in groups of its own, so all are seen at once."""
    tasks: dict[object, asyncio.Task[None]] = {one: asyncio.create_task(one(street, agent, clubs)) for one in IN_GROUPS}
    yield tasks
    await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("behaviour", IN_GROUPS, ids=lambda one: str(one.__name__))
async def test_in_groups(in_groups: dict[object, asyncio.Task[None]], behaviour: object) -> None:
    await in_groups[behaviour]


async def test_so_many_are_asked_together_at_most_and_none_is_dropped(street: Street, agent: Listener) -> None:
    async def seen(street: Street, name: str, door: Door) -> None:
        await door.say(f"slow to count, {name}")
        run = await agent.begun(f"slow to count, {name}")
        texts = [f"{number} of {name}" for number in range(MOST + 2)]
        for text in texts:
            await door.say(text)
        await street.seen(lambda status: status["inbox"][name]["open"] == MOST + 3)
        run.may_go_on.set()
        for together in (texts[:MOST], texts[MOST:]):
            await agent.run_of("\n".join(together))
        await door.until(lambda said: "\n".join(texts[MOST:]) in said[-1])

    await street.on_each("collect", seen)


async def test_killed_while_it_gives_way_or_turns_away(street: Street, agent: Listener) -> None:
    agent.heeds_abort = False
    doors = [name for name in street.doors if not name.endswith("collect")]
    before = {name: len(street.doors[name].shown()) for name in doors}

    async def begin(_street: Street, name: str, door: Door) -> None:
        await door.say(f"slow, {name}")
        await agent.begun(f"slow, {name}")
        await door.say(f"more, {name}")

    async def interrupted(_street: Street, name: str, door: Door) -> None:
        said = await door.until(lambda said: len(said) == before[name] + 2)
        assert said[-2:] == [MARK, f"heard: slow, {name}\nmore, {name}"]

    async def rejected(_street: Street, name: str, door: Door) -> None:
        (await agent.run_of(f"slow, {name}")).may_go_on.set()
        said = await door.until(lambda said: len(said) == before[name] + 2)
        assert sum(one.startswith(BUSY) for one in said[-2:]) == 1
        assert f"a beginning heard: slow, {name}" in said[-2:]

    for way in ("interrupt", "reject"):
        await street.on_each(way, begin)
    await street.seen(lambda status: all(status["inbox"].get(name, {}).get("open") for name in doors))
    street.host.kill()
    agent.heeds_abort = True
    await street.open()
    await street.on_each("interrupt", interrupted)
    await street.on_each("reject", rejected)
    await street.seen(lambda status: not any(counts["open"] for counts in status["inbox"].values()))
    assert {agent.asked.count(f"slow, {name}") for name in doors} == {2}  # again, under the same run id


async def test_what_the_agent_asks_and_says_unasked_holds_when_killed(street: Street, agent: Listener) -> None:
    offers: dict[str, list[Any]] = {}

    async def told(_street: Street, name: str, door: Door) -> None:
        await door.say(f"hi, {name}")
        await door.until(lambda said: said[-1:] == [f"heard: hi, {name}"])
        await agent.tell((await agent.run_of(f"hi, {name}")).thread, f"news-{name}", f"by the way, {name}")

    async def heard(_street: Street, name: str, door: Door) -> None:
        await door.say(f"what else, {name}")
        said = await door.until(lambda said: {f"by the way, {name}", f"heard: what else, {name}"} <= {*said})
        assert said.count(f"by the way, {name}") == 1

    async def asked(_street: Street, name: str, door: Door) -> None:
        await door.say(f"choose{' soon' * name.endswith('reject')}, {name}")
        await door.until(lambda said: said[-1:] and said[-1].startswith("Which size?"))
        offers[name] = await door.offers()

    async def decided(_street: Street, name: str, door: Door) -> None:
        await door.take(offers[name][1])
        said = await door.until(lambda said: 'heard: {"size": "large"}' in said)
        assert said[-2].startswith("Which size?\n\n2️⃣ large")
        await door.take(offers[name][0])  # on a screen that had not yet been told
        await door.until(lambda said: said[-1] == LATE)

    async def expired(_street: Street, name: str, door: Door) -> None:
        await door.until(lambda said: "Which size?\n\n⌛ Nobody decided in time." in said)
        await door.until(lambda said: said[-1] == "heard: null")  # the agent has been told
        await door.take(offers[name][1])
        await door.until(lambda said: said[-1] == LATE)

    async with asyncio.TaskGroup() as group:
        for way, see in {"interrupt": told, "collect": asked, "reject": asked}.items():
            group.create_task(street.on_each(way, see))
    street.host.kill()
    await street.open()
    async with asyncio.TaskGroup() as group:
        for way, see in {"interrupt": heard, "collect": decided, "reject": expired}.items():
            group.create_task(street.on_each(way, see))
    await agent.all_confirmed()
