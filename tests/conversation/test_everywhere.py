"""What the host does between a message and its answer, seen by a person on each surface, in one host."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.web.pageclient import new_chat

from surfacehost.store import people
from surfacehost.texts import say
from surfacehost_devkit.botapi import Account
from surfacehost_devkit.botapi.news import tell_tap
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.turnedclock import TurnedClock

from .doors import Door, MatrixDoor, TelegramDoor, WebDoor, language_at
from .parcels import FILES, Parcel, captions, received, send, shown_to
from .strangers import Crowd
from .street import LATE_S, SILENCE_S, SURFACES, Behaviour, Street, hear, side_by_side

pytestmark = pytest.mark.asyncio(loop_scope="module")

EDITING = ("matrix", "telegram")
"""Where people can change what they wrote, and reply to what was said."""

MENU = {"help", "new", "stop", "status", "whoami", "retry", "approve", "deny", "link", "unlink"}
"""What people are offered; `pair` is for owners."""

TOKEN = "a-token-for-programs"


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> TurnedClock:
    return TurnedClock(tmp_path_factory.mktemp("clock") / "clock")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(
    tmp_path_factory: pytest.TempPathFactory, homeserver: Homeserver, clock: TurnedClock
) -> AsyncIterator[Street]:
    folder = tmp_path_factory.mktemp("everywhere")
    settings = f'send_token = "{TOKEN}"\n'
    settings += "[defaults]\nrate_per_minute = 0\nloop_limit = 0\ndebounce_s = 0.3\n[media]\nmax_mb = 0.1\n"
    ways = {"closed": 'dm_policy = "pairing"'} | dict.fromkeys(("one", "two", "three", "four"), 'dm_policy = "open"')
    async with Street.of(folder, homeserver, settings, ways, language="ru", first=clock) as street:
        yield street


async def test_strangers_are_let_in_and_spoken_to_in_their_language(street: Street) -> None:
    for surface, owners_answer in {
        "telegram": say("ru", "pair_nobody"),  # the first who is let in is the owner
        "matrix": "Only an owner can do that.",
        "web": "Это может только владелец.",
    }.items():
        door = street.doors[f"{surface}_closed"]
        [told] = [door.greeting] if isinstance(door, MatrixDoor) else await hear(door, "впусти меня", "код")
        assert ("Передайте" in told) is (surface != "matrix")  # which does not tell what people speak
        found = re.search(r"\b[2-9A-HJ-NP-Z]{8}\b", told)
        assert found, told
        done = await asyncio.to_thread(street.host.command, "pair", "approve", found[0])
        assert done.returncode == 0, done.stderr
        assert await hear(door, "hello", "echo") == ["echo: hello"]
        assert await hear(door, "!pair list", " ") == [owners_answer]


async def test_an_owner_decides_in_the_chat_and_only_three_wait(street: Street) -> None:
    owner = street.doors["telegram_closed"]
    assert isinstance(owner, TelegramDoor)
    world = owner.api.world
    people = [world.person(name) for name in ("Ann", "Bob", "Cid", "Dan")]

    def told(person: Account) -> list[str]:
        return [one.content.text for one in world.replies(person.id, bot=owner.bot.id)]

    async def write(person: Account, text: str) -> str:
        """What *person* is told next."""
        before = len(told(person))
        world.write(person, text, bot=owner.bot.id)
        await world.wait_for(lambda: told(person)[before:] or None)
        return told(person)[-1]

    first = [await write(person, "let me in") for person in people]
    codes = [re.findall(r"\b[2-9A-HJ-NP-Z]{8}\b", text) for text in first]
    assert [len(found) for found in codes] == [1, 1, 1, 0]
    ann, bob, _, dan = people
    assert first[3] == say("en", "pairing_full", id=dan.id)
    [listed] = await hear(owner, "!pair list", str(bob.id))
    assert listed.splitlines() == [f"{code} - {person.id}" for [code], person in zip(codes[:3], people, strict=False)]
    await hear(owner, f"!pair approve {codes[0][0]}", say("ru", "pair_approved", id=ann.id))
    await hear(owner, f"!pair deny {codes[1][0]}", say("ru", "pair_denied", id=bob.id))
    world.write(bob, "and now?", bot=owner.bot.id)
    assert await write(ann, "hello") == "echo: hello"
    await street.quiet("telegram_closed")
    assert told(bob) == first[1:2]


async def test_only_three_wait_on_each_surface_and_a_code_is_good_for_an_hour(
    street: Street, clock: TurnedClock
) -> None:
    """The operator's clock is right; the host's own was slow: what it told then is so old."""

    async with AsyncExitStack() as stack:
        crowd = Crowd(stack)
        clock.turn(-people.CODE_S - 60)
        await street.on_each("closed", crowd.come)
        clock.turn(0)
        await street.on_each("closed", crowd.come_an_hour_later)


async def commands_do_not_wait_and_stop_ends_all(street: Street, name: str, door: Door) -> None:
    await door.say("!demo stream 900 0.1")
    await door.until(lambda _: re.search(r"word1 .*word3", door.growing()))
    await door.say("one more")
    await hear(door, "!status", ": 1.")
    await hear(door, "!help", "/retry")
    language = language_at(door)
    for command, words in {
        "!whoami": say(language, "whoami", id=""),
        "!unlink": say(language, "not_linked"),
        "!link": say(language, "link_code", code=""),
        "!pair list": say(language, "owners_only"),
    }.items():
        await hear(door, command, words.partition("`")[0])
    await hear(door, "!stop", ": 1.")
    await street.quiet(name)
    # It may have begun to show before: then it is the earlier message that says so now.
    await door.until(lambda said: any(one.startswith("word1") and "⏹" in one for one in said))
    assert not any("one more" in one for one in door.shown())


async def new_forgets_and_retry_asks_again(_street: Street, _name: str, door: Door) -> None:
    await hear(door, "!new", " ")
    assert await hear(door, "apples", "echo") == ["echo: apples"]
    assert await hear(door, "!retry", "echo") == ["echo: apples"]
    [remembered] = await hear(door, "!demo memory", "remember")
    assert remembered.count("apples") == 2
    await hear(door, "!new", " ")
    assert await hear(door, "!demo memory", "remember") == ["I remember nothing."]


async def what_the_agent_asks_is_decided_by_a_word_a_choice_or_a_command(
    _street: Street, _name: str, door: Door
) -> None:
    await hear(door, "!demo approve", "notes.txt?")
    assert (await hear(door, "да", "Deleted notes.txt."))[-1] == "Deleted notes.txt."
    await hear(door, "!demo approve diary.txt", "diary.txt?")
    await door.take((await door.offers())[1])
    said = await door.until(lambda said: "Denied: diary.txt is kept." in said)
    by = f" · {door.called}" if door.called else ""
    assert (
        said[-2] == f"Delete diary.txt?\n\n❌ {say(language_at(door), 'deny')}{by}"
    )  # the prompt shows what it came to
    for command, outcome in {"!approve": "Deleted letter.txt.", "!deny": "Denied: letter.txt is kept."}.items():
        await hear(door, "!demo approve letter.txt", "letter.txt?")
        assert (await hear(door, command, outcome))[-1] == outcome


async def a_choice_decides_its_own_question_in_its_own_chat(_street: Street, _name: str, door: Door) -> None:
    await hear(door, "!demo approve old.txt", "old.txt?")
    old, _ = await door.offers()
    await hear(door, "!deny", "Denied: old.txt is kept.")
    await hear(door, "!demo approve new.txt", "new.txt?")
    new, _ = await door.offers()
    await door.take(old)  # a screen that lags behind, or a finger that slips
    await door.until(lambda said: said[-1] == say(language_at(door), "too_late"))
    if isinstance(door, TelegramDoor):  # a client can send whatever it likes
        await taken_by_another(door, new[1])
    elif isinstance(door, WebDoor):
        other = new_chat()
        await door.page.tell("say", id=new_chat(), chat=other, text=new["label"], choice=new["id"], locale="en")
        assert (await door.page.wait("final", chat=other))["text"].strip() == say("en", "too_late")
    assert (await hear(door, "yes", "Deleted new.txt."))[-1] == "Deleted new.txt."


async def taken_by_another(door: TelegramDoor, token: str) -> None:
    """Somebody who is asked something else says so with *token*, which is not theirs."""
    world, bob = door.api.world, door.api.world.person("Bob")

    def heard(words: str) -> Any:
        return next((one for one in world.replies(bob.id, bot=door.bot.id) if words in one.content.text), None)

    world.write(bob, "!demo approve other.txt", bot=door.bot.id)
    tell_tap(world.state, await world.wait_for(lambda: heard("other.txt?")), bob, token)
    await world.wait_for(lambda: heard(say("en", "too_late")))
    world.write(bob, "no", bot=door.bot.id)
    await world.wait_for(lambda: heard("Denied: other.txt is kept."))


async def the_agent_says_something_unasked(_street: Street, _name: str, door: Door) -> None:
    await hear(door, "!demo later 0.5", "I'll write again", "0.5 s have passed.")
    assert await hear(door, "and now?", "echo") == ["echo: and now?"]


async def a_program_says_something_once(street: Street, _name: str, door: Door) -> None:
    [key] = re.findall(r"1/[^\s`]+/~", (await hear(door, "!status", "1/"))[0])
    first, token = len(door.shown()), {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=street.host.address, headers=token, trust_env=False) as http:
        for text, name in (("the build is done", "7"), ("the build is done", "7"), ("nothing else", "8")):
            said = await http.post("/send", json={"to": key, "text": text}, headers={"Idempotency-Key": key + name})
            assert said.status_code == httpx.codes.ACCEPTED, said.text
    done = await asyncio.to_thread(street.host.command, "send", "--to", key, "by command")
    assert done.returncode == 0, done.stderr
    await door.until(lambda said: said[first:] == ["the build is done", "nothing else", "by command"])


async def a_long_silence_is_a_line_that_the_answer_replaces(street: Street, name: str, door: Door) -> None:
    first, began = len(door.shown()), time.time()
    await door.say("!demo slow 9")
    asked_at = await street.asked_at(name, began)
    await door.until(lambda said: said[first:] == ["I waited 9 s."])
    (line_at, line), *_, (_, answer) = door.signs(asked_at)
    assert (line, answer.strip()) == (f"{say(language_at(door), 'working')} · waiting 9 s", "I waited 9 s.")
    assert SILENCE_S - 0.01 <= line_at - asked_at < SILENCE_S + LATE_S
    assert isinstance(door, WebDoor) or door.growing() in ("", "I waited 9 s.")  # of the line nothing is left


async def what_waits_can_be_changed_and_taken_back(street: Street, name: str, door: Door) -> None:
    first = len(door.shown())
    await door.say("!demo slow 2")
    await street.working(name)
    kept: Any = await door.say("wrong words")
    await door.edit(kept, "right words")
    if name.startswith("matrix"):  # a Telegram bot hears nothing of what is deleted
        await door.take_back(await door.say("a secret"))
    said = await door.until(lambda said: any("right words" in one for one in said[first:]))
    assert said[first:] == ["I waited 2 s.", "echo: right words"]


async def what_a_message_replies_to_reaches_the_agent(_street: Street, _name: str, door: Door) -> None:
    await hear(door, "pears", "echo: pears")
    await door.say("!demo context", to="echo: pears")
    await door.until(lambda said: "quote: echo: pears" in said[-1])


async def who_speaks_where_and_in_which_language_reaches_the_agent(_street: Street, name: str, door: Door) -> None:
    tells = not isinstance(door, MatrixDoor)  # it does not say what people speak, and this host speaks English
    [said] = await hear(door, "!whoami", " ")
    [own] = re.findall(("Ваш id здесь" if tells else "Your id here is") + r":? `?([^\s`]+)`?\.$", said)
    [told] = await hear(door, "!demo context", "surface: ")
    assert f"surface: {name}" in told.splitlines()
    assert told.splitlines()[-1].endswith(f"({own})")
    assert ("locale: ru" in told.splitlines()) is tells
    if isinstance(door, TelegramDoor):  # whose menu shows the commands
        await door.until(lambda _: len(door.bot.commands) == 4)
        for scope in ("all_private_chats", "all_group_chats"):
            assert {"command": "whoami", "description": "ваш id здесь"} in door.bot.commands[scope, "ru"]
            assert {one["command"] for one in door.bot.commands[scope, "ru"]} == MENU
            assert {one["command"] for one in door.bot.commands[scope, ""]} == MENU


async def files_of_every_kind_reach_the_agent_and_too_large_ones_do_not(
    _street: Street, _name: str, door: Door
) -> None:
    for size, (kind, (name, mime_type, told)) in enumerate(FILES.items(), start=10_000):
        said = await shown_to(door, Parcel(kind=kind, name=name, mime_type=mime_type, data=bytes(size)), kind)
        assert said.startswith(f"echo: {kind}\nattachment: {told} "), said
        assert said.endswith(f" ({mime_type}, {size} bytes)"), said
    large = Parcel(kind="file", name="big.bin", mime_type="application/octet-stream", data=bytes(110_000))
    said = await shown_to(door, large, "and")
    assert re.search(r"big\.bin: .*(at most 0\.1 MB|не больше 0\.1 МБ)\.\n\necho: and$", said), said


async def an_album_is_one_message(_street: Street, _name: str, door: Door) -> None:
    for words in ("both", ""):
        await send(door, Parcel(kind="image", name="", mime_type="image/jpeg", data=bytes(99)), words, album="7")
    said = await door.until(lambda said: said[-1].startswith("echo: both"))
    assert said[-1].count("attachment: image") == 2


async def files_of_the_agent_arrive_as_what_they_are(_street: Street, _name: str, door: Door) -> None:
    await hear(door, "!demo file image 0 a **green** square", "Here is")
    await hear(door, "!demo file text 40", "Here is hello.txt.")
    (picture, seen), (file, read) = await received(door, 2)
    assert (picture, file) == ("image", "file")
    assert seen.startswith(b"\x89PNG")
    assert read == (b"Hello, file!\n" * 4)[:40]
    shown = (
        "a green square" if isinstance(door, TelegramDoor) else "a **green** square"
    )  # where formatting stands apart
    assert captions(door) == [shown, ""]


BEHAVIOURS: dict[Behaviour, tuple[str, Sequence[str]]] = {
    commands_do_not_wait_and_stop_ends_all: ("two", SURFACES),
    new_forgets_and_retry_asks_again: ("one", SURFACES),
    what_the_agent_asks_is_decided_by_a_word_a_choice_or_a_command: ("two", SURFACES),
    a_choice_decides_its_own_question_in_its_own_chat: ("one", SURFACES),
    a_long_silence_is_a_line_that_the_answer_replaces: ("three", SURFACES),
    the_agent_says_something_unasked: ("four", SURFACES),
    a_program_says_something_once: ("four", SURFACES),
    what_waits_can_be_changed_and_taken_back: ("two", EDITING),
    what_a_message_replies_to_reaches_the_agent: ("one", EDITING),
    who_speaks_where_and_in_which_language_reaches_the_agent: ("one", SURFACES),
    files_of_every_kind_reach_the_agent_and_too_large_ones_do_not: ("four", SURFACES),
    an_album_is_one_message: ("four", ("telegram",)),
    files_of_the_agent_arrive_as_what_they_are: ("four", SURFACES),
}
"""As ``side_by_side`` takes them."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(street: Street) -> AsyncIterator[Mapping[Behaviour, asyncio.Task[None]]]:
    async with side_by_side(street, BEHAVIOURS, street) as seen:
        yield seen


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: str(one.__name__))
async def test_on_every_surface(seen: Mapping[Behaviour, asyncio.Task[None]], behaviour: Behaviour) -> None:
    await seen[behaviour]
