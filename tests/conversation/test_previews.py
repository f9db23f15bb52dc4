"""An answer while it grows: what is shown of it, and when."""

import asyncio
import time
from functools import partial

from surfacehost import Pace
from surfacehost.previews import STATUS_AFTER_S, Growth, previews

from .conftest import Page


def status(doing: str) -> str:
    return f"at {doing}"


async def next_of(growth: Growth, pace: Pace, within_s: float = 0.5) -> str | None:
    """The first preview of *growth*, None where none is due within the time."""
    stream = previews(growth, pace, status)
    try:
        return await asyncio.wait_for(anext(stream), within_s)
    except TimeoutError:
        return None


def asked(ago_s: float) -> Growth:
    growth = Growth()
    growth.asked_at -= ago_s
    return growth


async def test_the_first_preview_waits_for_its_characters_or_for_its_time() -> None:
    growth = asked(Pace().quiet_s)
    growth.grow("four")
    assert await next_of(growth, Pace(first_chars=5, first_s=9), 0.1) is None
    growth.grow("five!")
    assert await next_of(growth, Pace(first_chars=5, first_s=9)) == "five!"
    growth.text_since -= 8.9
    assert await next_of(growth, Pace(first_chars=50, first_s=9)) == "five!"  # the agent is silent meanwhile


async def test_nothing_is_shown_of_what_is_said_at_once() -> None:
    growth = asked(Pace().quiet_s - 0.3)
    growth.grow("hi")
    began = time.monotonic()
    assert await next_of(growth, Pace()) == "hi"
    assert time.monotonic() - began > 0.25


async def test_intervals_grow_and_there_are_so_many_at_most() -> None:
    growth, seen = asked(Pace().quiet_s), []
    growth.grow("a")
    began = time.monotonic()
    asyncio.get_running_loop().call_later(0.8, growth.end)
    async for text in previews(growth, Pace(intervals_s=(0.1, 0.3), most=3), status):
        seen.append((text, time.monotonic() - began))
        growth.grow(text + "a")
    assert [text for text, _ in seen] == ["a", "aa", "aaa"]
    assert seen[1][1] >= 0.1
    assert seen[2][1] >= 0.4


async def test_what_has_hardly_grown_is_not_due() -> None:
    growth = asked(Pace().quiet_s)
    growth.grow("1234")
    stream = previews(growth, Pace(least_chars=4, intervals_s=(0.01,)), status)
    assert await anext(stream) == "1234"
    growth.grow("1234567")
    asyncio.get_running_loop().call_later(0.1, growth.grow, "12345678")
    assert await anext(stream) == "12345678"


async def test_without_a_word_a_line_says_what_the_agent_is_at() -> None:
    growth = asked(STATUS_AFTER_S - 0.2)
    growth.work("search\nthe web", is_tool=True)
    stream = previews(growth, Pace(intervals_s=(0.01,), most=4), status)
    assert await anext(stream) == "at search the web"
    asyncio.get_running_loop().call_later(0.05, partial(growth.work, "read", is_tool=True))
    assert await anext(stream) == "at read"
    growth.work("a third one: of four previews two are for the answer", is_tool=False)
    asyncio.get_running_loop().call_later(0.05, growth.grow, "here")
    assert await anext(stream) == "here"
    growth.end()
    assert [text async for text in stream] == []


def test_a_slow_surface_is_shown_the_newest_and_holds_up_nobody(shared: Page) -> None:
    id_ = shared.say("/demo stream 24 0.1", "ann")
    final = shared.final(id_)
    grown = [one["text"] for one in shared.shown(id_, "preview")]
    assert 3 < len(grown) < 12  # of 24 words, at 0.3 s each
    assert all(final.startswith(text) for text in grown)
    assert grown == sorted(grown, key=len)
    [whole] = shared.shown(id_, "answer")
    assert whole["note"] == {"stands": whole["id"]}  # what was noted with the previews
    assert {one["id"] for one in shared.shown(id_, "preview")} == {whole["id"]}


def test_groups_have_a_pace_of_their_own_and_short_answers_need_no_preview(shared: Page) -> None:
    long = shared.say("/demo stream 12 0.1", "bob", chat="club", direct=False)
    assert shared.tell("hi", "carol") == "echo: hi"
    assert shared.final(long).endswith("word12")
    assert not shared.shown(long, "preview")


def test_whole_answers_only_or_an_interval_of_ones_own(pages: dict[str, Page]) -> None:
    began = time.time()
    ids = {name: pages[name].say("/demo stream 20 0.1") for name in ("plain", "own")}
    wholes = {name: pages[name].wait_shown(id_, "answer") for name, id_ in ids.items()}
    grown = {name: len(pages[name].shown(id_, "preview")) for name, id_ in ids.items()}
    assert grown["plain"] == 0
    assert 1 < grown["own"] < 5
    # Two seconds of an answer; a surface that takes half a second for a preview makes it no longer than one of them.
    assert wholes["own"]["at"] - began < 5
