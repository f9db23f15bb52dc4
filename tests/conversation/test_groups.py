"""Groups on Matrix and Telegram in one host that speaks Russian: who is answered there, and how much is read."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from surfacehost.texts import say
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson

from .busyclubs import WAITS
from .clubs import Club, club_of
from .doors import PASSWORD, Door, TelegramDoor
from .listener import Listener
from .street import GROUPS, Street, hear
from .witness import Witness

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLUBS = {"talk": ("named", "loose", "allowed", "foreign"), "much": ("open",), "ruled": ("busy", "asked", "kept")}
"""The groups at each door, by its way."""

HASTY = {
    "matrix": "Я читаю не больше 6 сообщений в минуту",  # it does not tell what people speak: the host's language
    "telegram": "I read at most 6 messages a minute",
}


def language_in(name: str) -> str:
    """What is spoken in the groups of a door: Telegram tells what people speak, Matrix does not."""
    return "ru" if name.startswith("matrix") else "en"


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
                wanted = CLUBS[name.partition("_")[2]]
                clubs[name] = {club: await club_of(door, other) for club in wanted}
            return {name: table(clubs[name]) for name in doors}

        settings = (
            '[host]\nlocale = "ru"\n[defaults]\ndm_policy = "open"\ndebounce_s = 0.3\n'
            f'[agent]\nembedded = false\nurl = "{agent.url}"\n'
        )
        ways = dict.fromkeys(CLUBS, "")
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
    if "asked" in clubs:
        return f'group_policy = "open"\nrequire_mention = false\nowners = ["{clubs["asked"].ids["bob"]}"]\n'
    loose = "require_mention = false, share_thread = false"
    allowed = f'allow = ["{clubs["allowed"].id}"]\n'
    return f'{allowed}groups = [{{ id = "{clubs["named"].id}" }}, {{ id = "{clubs["loose"].id}", {loose} }}]\n'


async def it_answers_where_it_may_and_when_it_is_addressed(square: Square) -> None:
    async def seen(name: str, clubs: dict[str, Club]) -> None:
        named, loose, allowed, foreign = clubs.values()
        await foreign.say(f"anybody here, {name}?", addressed=True)
        await named.say(f"not for it, {name}", by="bob")
        threads = [
            await square.heard(named, f"for it, {name}", addressed=True),
            await square.heard(named, f"and this, {name}", by="bob", to=f"heard: for it, {name}"),
        ]
        assert threads[0] == threads[1]
        own = [await square.heard(loose, f"by {who}, {name}", by=who) for who in ("alice", "bob")]
        assert own[0] != own[1]
        await square.heard(allowed, f"here too, {name}", by="bob", addressed=True)
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


async def commands_are_answered_while_it_works_and_nobody_is_linked_or_let_in_there(square: Square) -> None:
    async def seen(name: str, clubs: dict[str, Club]) -> None:
        club, language = clubs["busy"], language_in(name)
        [told] = await hear(square.street.doors[name], "!link", "/link ")
        [code] = re.findall(r"/link ([2-9A-HJ-NP-Z]{8})\b", told)
        await club.say(f"slow club, {name}")
        run = await square.agent.begun(f"slow club, {name}")
        for text, by, words in (
            ("!whoami", "alice", say(language, "whoami", id=club.ids["alice"])),
            ("!whoami", "bob", say(language, "whoami", id=club.ids["bob"])),
            ("!pair list", "alice", say(language, "owners_only")),
            ("!pair list", "bob", say(language, "pair_nobody")),
            *((text, "bob", say(language, "link_direct_only")) for text in ("!link", f"!link {code}", "!unlink")),
        ):
            first = len(club.shown())
            await club.say(text, by=by)
            said = await club.until(lambda said, first=first: len(said) > first)  # type: ignore[misc]
            assert [one.replace("`", "") for one in said[first:]] == [words.replace("`", "")]
        assert not run.stopped.is_set()
        run.may_go_on.set()
        await club.until(lambda said: any(one.endswith(f"heard: slow club, {name}") for one in said))

    await square.on_each("ruled", seen)


async def an_owner_decides_for_others_and_nobody_decides_for_an_owner(square: Square) -> None:
    async def seen(name: str, clubs: dict[str, Club]) -> None:
        club = clubs["asked"]
        await asked(club, f"choose, {name}", by="alice")
        await club.take((await club.offers())[1], by="bob")
        said = await club.until(lambda said: 'heard: {"size": "large"}' in said)
        assert any(one.lower().startswith("which size?\n\n2️⃣ large · bob") for one in said)
        await asked(club, f"choose once more, {name}", by="bob")
        small, large, *_ = await club.offers()
        await club.take(large, by="alice")
        await club.until(lambda said: said[-1] == say(language_in(name), "not_yours"))
        await club.take(small, by="bob")
        await club.until(lambda said: said[-1] == 'heard: {"size": "small"}')

    await square.on_each("ruled", seen)


async def asked(club: Club, text: str, *, by: str) -> None:
    await club.say(text, by=by)
    await club.until(lambda said: bool(said) and said[-1].startswith("Which size?"))


async def what_one_of_them_is_asked_nobody_else_talks_away(square: Square) -> None:
    async def seen(name: str, clubs: dict[str, Club]) -> None:
        club, language = clubs["kept"], language_in(name)
        await asked(club, f"choose here, {name}", by="bob")
        _, large, *_ = await club.offers()
        await square.street.seen(lambda _: club.has_room())
        first = await club.say(f"a1, {name}")
        await club.until(lambda _: club.mark(first) == WAITS[name.partition("_")[0]])
        await club.say(f"a2, {name}")
        await club.say("large")
        await club.until(lambda said: said[-1] == say(language, "not_yours"))
        assert not [text for text in square.agent.asked if text.startswith((f"a1, {name}", f"a2, {name}", "large"))]
        await club.take(large, by="bob")
        said = await club.until(lambda said: said[-1] == f"heard: a1, {name}\na2, {name}")
        assert said[-2] == 'heard: {"size": "large"}'

        await asked(club, f"choose again here, {name}", by="bob")
        await club.say(f"a3, {name}")
        await square.street.seen(lambda status: status["inbox"].get(name, {}).get("open", 0) >= 1)
        await club.say(f"something else, {name}", by="bob")
        said = await club.until(lambda said: said[-1] == f"heard: a3, {name}")
        assert said[-2] == f"heard: something else, {name}"
        assert said[-3].endswith(say(language, "prompt_withdrawn"))

    await square.on_each("ruled", seen)


SEEN: tuple[Callable[[Square], Coroutine[Any, Any, None]], ...] = (
    it_answers_where_it_may_and_when_it_is_addressed,
    it_is_silent_in_a_loop_and_says_once_what_is_too_much,
    commands_are_answered_while_it_works_and_nobody_is_linked_or_let_in_there,
    an_owner_decides_for_others_and_nobody_decides_for_an_owner,
    what_one_of_them_is_asked_nobody_else_talks_away,
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
