"""Groups on Matrix and Telegram in one host that speaks Russian: who is answered there, and how much is read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson

from .clubs import Club, club_of
from .doors import PASSWORD, Door, TelegramDoor
from .listener import Listener
from .street import GROUPS, Street
from .witness import Witness

pytestmark = pytest.mark.asyncio(loop_scope="module")

HASTY = {
    "matrix": "Я читаю не больше 6 сообщений в минуту",  # it does not tell what people speak: the host's language
    "telegram": "I read at most 6 messages a minute",
}


@dataclass(kw_only=True)
class Square:
    """The street, its groups by their doors and names, its agent, and an extension of its host."""

    street: Street
    agent: Listener
    witness: Witness
    clubs: dict[str, dict[str, Club]]

    async def on_each(self, way: str, see: Callable[[str, dict[str, Club]], Awaitable[None]]) -> None:
        """See it in the groups of both surfaces, side by side."""

        async def one(_street: Street, name: str, _door: Door) -> None:
            try:
                await see(name, self.clubs[name])
            except Exception as error:
                error.add_note(f"in groups: { {club: its.shown() for club, its in self.clubs[name].items()} }")
                raise

        await self.street.on_each(way, one, GROUPS)

    async def heard(self, club: Club, text: str, **how: Any) -> str:
        """Say *text*, and wait for the answer; the thread in which the agent was asked."""
        await club.say(text, **how)
        await club.until(lambda said: f"heard: {text}" in said)
        return (await self.agent.run_of(text)).thread


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def square(tmp_path_factory: pytest.TempPathFactory, homeserver: Homeserver) -> AsyncIterator[Square]:
    account = homeserver.register(f"bob-{uuid4().hex[:8]}", PASSWORD)
    clubs: dict[str, dict[str, Club]] = {}

    async with Listener.serve() as agent, MatrixPerson(homeserver.url, account) as bob:

        async def found(doors: dict[str, Door]) -> dict[str, str]:
            for name, door in doors.items():
                other = door.api.world.person("Bob") if isinstance(door, TelegramDoor) else bob
                wanted = ("named", "loose", "foreign") if name.endswith("_talk") else ("open",)
                clubs[name] = {club: await club_of(door, other) for club in wanted}
            return {name: table(clubs[name]) for name in doors}

        settings = (
            '[host]\nlocale = "ru"\n[defaults]\ndm_policy = "open"\ndebounce_s = 0.3\n'
            f'[agent]\nembedded = false\nurl = "{agent.url}"\n'
        )
        ways = dict.fromkeys(("talk", "much"), "")
        folder = tmp_path_factory.mktemp("groups")
        witness = Witness(folder)
        more: dict[str, Any] = {"more": found, "environ": witness.environ}
        async with Street.of(folder, homeserver, settings, ways, surfaces=GROUPS, **more) as street:
            square = Square(street=street, agent=agent, witness=witness, clubs=clubs)
            await asyncio.gather(*(club.come_in() for one in clubs.values() for club in one.values()))
            yield square


def table(clubs: dict[str, Club]) -> str:
    if "open" in clubs:
        return 'group_policy = "open"\nrequire_mention = false\nloop_limit = 3\nrate_per_minute = 6\n'
    loose = "require_mention = false, share_thread = false"
    return f'groups = [{{ id = "{clubs["named"].id}" }}, {{ id = "{clubs["loose"].id}", {loose} }}]\n'


async def it_answers_where_it_may_and_when_it_is_addressed(square: Square) -> None:
    async def seen(name: str, clubs: dict[str, Club]) -> None:
        named, loose, foreign = clubs.values()
        await foreign.say(f"anybody here, {name}?", addressed=True)
        await named.say(f"not for it, {name}", by="bob")
        threads = [
            await square.heard(named, f"for it, {name}", addressed=True),
            await square.heard(named, f"and this, {name}", by="bob", to=f"heard: for it, {name}"),
        ]
        assert threads[0] == threads[1]
        own = [await square.heard(loose, f"by {who}, {name}", by=who) for who in ("alice", "bob")]
        assert own[0] != own[1]
        await named.command("status")
        said = await named.until(lambda said: len(said) == 3)
        assert threads[0] in said[2].replace("`", "")
        await square.street.quiet(name)
        assert foreign.shown() == []
        heard = "\n".join([*square.agent.asked, *square.witness.heard])
        assert not [text for text in (f"anybody here, {name}?", f"not for it, {name}") if text in heard]
        assert any(text.endswith(f"and this, {name}") for text in square.witness.heard)  # which can hear

    await square.on_each("talk", seen)


async def it_is_silent_in_a_loop_and_says_once_what_is_too_much(square: Square) -> None:
    async def seen(name: str, clubs: dict[str, Club]) -> None:
        club = clubs["open"]
        for number in (1, 2, 3):
            await square.heard(club, f"ping {number}, {name}")
            await square.street.quiet(name)
        await club.say(f"ping 4, {name}")  # nobody is so quick, time after time
        await square.heard(club, f"I am here too, {name}", by="bob")
        await square.heard(club, f"ping 5, {name}")
        await club.say(f"slow b1, {name}", by="bob")
        run = await square.agent.run_of(f"slow b1, {name}")
        for number in range(2, 8):
            await club.say(f"b{number}, {name}", by="bob")
        [told] = hasty(await club.until(hasty))
        assert told.startswith(HASTY[name.partition("_")[0]])
        run.may_go_on.set()
        await club.until(lambda said: any(f"b5, {name}" in one for one in said))
        await square.heard(club, f"me still, {name}")
        assert hasty(club.shown()) == [told]
        everything = "\n".join(square.agent.asked)
        assert not [text for text in ("ping 4", "b6", "b7") if f"{text}, {name}" in everything]

    def hasty(said: list[str]) -> list[str]:
        return [one for one in said if "heard: " not in one and one != "a beginning"]

    await square.on_each("much", seen)


SEEN: tuple[Callable[[Square], Coroutine[Any, Any, None]], ...] = (
    it_answers_where_it_may_and_when_it_is_addressed,
    it_is_silent_in_a_loop_and_says_once_what_is_too_much,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def begun(square: Square) -> AsyncIterator[dict[object, asyncio.Task[None]]]:
    """All of it, side by side: it is seen at doors of its own."""
    tasks: dict[object, asyncio.Task[None]] = {see: asyncio.create_task(see(square)) for see in SEEN}
    yield tasks
    await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("behaviour", SEEN, ids=lambda one: str(one.__name__))
async def test_in_groups(begun: dict[object, asyncio.Task[None]], behaviour: object) -> None:
    await begun[behaviour]
