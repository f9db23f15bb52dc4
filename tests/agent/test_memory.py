"""One thread's memory is never seen in another, whatever their names."""

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.agent.contract_client import Connect, connected

from platform_agent import AgentServer, Said
from platform_agent.server import thread_id_of
from platform_agent.threads import Thread, Threads

NASTY = [
    "1/web/a/b/~",
    "1/web/a/b/~/2",
    "1/web/a/b",
    "1/web/a/b/",
    "1/web/A/b/~",
    "1/web/a~2Fb/~",
    "1/web/a%2Fb/~",
    "1/web/a%252Fb/~",
    "1/web/a+b/~",
    "1/web/a b/~",
    "1/web/a%20b/~",
    " 1/web/a/b/~",
    "1/web/a/b/~ ",
    "é",
    "e\u0301",
    "É",
    "ﬁ",
    "fi",
    "a\u200bb",
    "ab",
    "a\x00b",
    "\ufffd",
    "a&thread_id=b",
    "a#b",
    "a?b",
    "a;b",
    "..",
    "../a",
    "__class__",
    "\U0001f44b",
    "\U0001f44b\U0001f3fd",
    "0",
    "00",
    "None",
    "я" * 1000,
    "я" * 999,
]

thread_ids = st.one_of(
    st.sampled_from(NASTY),
    st.text(alphabet="/~%+a A2F&=#;\u0301é", min_size=1, max_size=12),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
)


@given(thread_id=thread_ids)
def test_the_id_comes_out_of_the_query_as_it_went_in(thread_id: str) -> None:
    assert thread_id_of(f"/?thread_id={quote(thread_id, safe='')}") == thread_id
    assert thread_id_of(f"/any/path?x=1&thread_id={quote_plus(thread_id)}&y") == thread_id


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?",
        "/?thread_id",
        "/?thread_id=",
        "/?thread_id=a&thread_id=b",
        "/?Thread_id=a",
        "/?thread_id=%FF",
        "/?thread_id=%C0%AF",
        "/?thread_id=%ED%A0%80",
        f"/?thread_id={'a' * 4097}",
    ],
)
def test_ids_that_could_be_confused_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="thread_id"):
        thread_id_of(path)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(thread_ids, min_size=2, max_size=8, unique=True))
@example(names=NASTY)
async def test_what_one_thread_said_no_other_remembers(names: list[str]) -> None:
    async with AgentServer.serve() as server:
        for number, name in enumerate(names):
            async with connected(server.url, name) as client:
                await client.say(f"secret {number}")
        for number, name in enumerate(names):
            async with connected(server.url, name) as client:
                assert await client.say("/demo memory") == f"I remember:\n1. secret {number}"


async def test_memory_outlives_the_connection(connecting: Connect) -> None:
    for number in range(3):
        async with connecting() as client:
            await client.say(f"part {number}")
    async with connecting() as client:
        assert await client.say("/demo memory") == "I remember:\n1. part 0\n2. part 1\n3. part 2"


async def test_the_least_recently_used_thread_is_forgotten_first() -> None:
    async with AgentServer.serve(max_threads=3) as server:
        for name in ("a", "b", "c", "a", "d"):
            async with connected(server.url, name) as client:
                await client.say(f"I am {name}")
        assert [thread.id for thread in server.threads] == ["c", "a", "d"]


async def test_a_thread_with_a_run_is_not_forgotten() -> None:
    async with AgentServer.serve(max_threads=2) as server, connected(server.url, "busy") as busy:
        await busy.send_run("/demo silent 60 start", run_id="r")
        await busy.frame()
        for name in ("a", "b", "c"):
            async with connected(server.url, name) as client:
                await client.say("hi")
        assert [thread.id for thread in server.threads] == ["busy", "c"]
        await busy.abort("r")
        await busy.rest()


async def test_an_idle_connection_whose_thread_was_forgotten_begins_anew() -> None:
    async with AgentServer.serve(max_threads=1) as server, connected(server.url, "a") as client:
        await client.say("hi")
        async with connected(server.url, "b") as other:
            await other.say("hi")
        assert await client.say("/demo memory") == "I remember nothing."
        async with connected(server.url, "a") as again:
            assert await again.say("/demo memory") == "I remember:\n1. /demo memory"


@given(texts=st.lists(st.text(min_size=1, max_size=30), max_size=40))
def test_memory_is_bounded_and_keeps_the_newest(texts: list[str]) -> None:
    thread = Thread(id="t", max_messages=7, max_chars=50)
    for text in texts:
        thread.remember(Said("user", text))
    kept = [said.text for said in thread.said]
    assert kept == texts[len(texts) - len(kept) :]
    assert len(kept) <= 7
    assert sum(map(len, kept)) <= 50 or len(kept) == 1
    assert bool(kept) == bool(texts)


def test_threads_are_told_apart_by_identity_of_text_alone() -> None:
    threads = Threads(1000)
    assert len({id(threads.open(name)) for name in NASTY}) == len(NASTY) == len(threads)
