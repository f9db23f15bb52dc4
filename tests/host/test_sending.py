"""Saying something unasked: by the command and over HTTP, with the guarantees of an answer."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.web.pageclient import PageClient, new_chat

from .logbook import Book

SETTINGS = """
[web]
listen = "127.0.0.1:0"
send_token = "s3cret-t0ken"
[defaults]
dm_policy = "open"
[surfaces.web]
"""
ANN = "1/logbook/ann/ann/~"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    made = Book(tmp_path_factory.mktemp("sending"), SETTINGS)
    (made.folder / "said.jsonl").touch()
    with made.host:
        yield made


def post(book: Book, content: Any, *, token: str = "s3cret-t0ken", key: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
    return httpx.post(f"{book.host.address}/send", content=json.dumps(content), headers=headers)


def test_a_program_says_something_once_under_its_key_and_in_its_turn(book: Book) -> None:
    slow = book.say("/demo slow 1")
    book.host.wait_for(lambda status: any(way["event"] == slow for way in status["ways"]))
    first = post(book, {"to": ANN, "text": "the *build* is done"}, key="build 7")
    again = post(book, {"to": ANN, "text": "the build is done, again"}, key="build 7")
    assert (first.status_code, first.json()["is_new"], again.json()["is_new"]) == (202, True, False)
    assert book.hear(first.json()["id"]) == "the *build* is done"
    assert [one["to"] for one in book.answers()][-2:] == [slow, first.json()["id"]]
    other = post(book, {"to": f"{ANN}/3", "text": "another"})
    assert book.hear(other.json()["id"]) == "another"
    assert len([one for one in book.answers() if "build" in one["text"]]) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"to": "ann", "text": "x"}, "no thread key"),
        ({"to": "1/nowhere/ann/ann/~", "text": "x"}, "there is no surface 'nowhere' here; there are: logbook, web"),
        ({"to": "1/logbook/ann/~/~", "text": "x"}, "names no chat"),
        ({"to": ANN, "text": " "}, "nothing to say"),
        ({"to": ANN}, "should be JSON"),
        ({"to": ANN, "text": 7}, "should be text"),
        ([], "should be JSON"),
        ({"to": ANN, "text": "x" * 1_000_001}, "more than 1000000 bytes"),
    ],
)
def test_what_can_not_be_said_is_refused_with_the_reason(book: Book, content: Any, reason: str) -> None:
    refused = post(book, content)
    assert refused.status_code == 400
    assert reason in refused.json()["error"]


def test_only_who_has_the_token_may_and_nobody_reads_it(book: Book) -> None:
    for token in ("x", "s3cret-t0keN", "s3cret"):
        assert post(book, {"to": ANN, "text": "x"}, token=token).status_code == 401
    assert httpx.post(f"{book.host.address}/send").status_code == 401
    assert httpx.get(f"{book.host.address}/send").status_code == 405
    assert "s3cret-t0ken" not in book.host.log_text() + book.host.command("config", "show").stdout


async def test_the_chat_page_shows_it_to_its_person(book: Book) -> None:
    async with PageClient(book.host.address) as alice, PageClient(book.host.address) as bob:
        chat = new_chat()
        status = await alice.ask("/status", chat)
        await bob.ask("hi", chat)  # the same name of another person's conversation
        sent = await asyncio.to_thread(post, book, {"to": status.split("`")[1], "text": "for **alice**"})
        final = await alice.wait("final", to="")
        assert final["id"] == f"{sent.json()['id']}/0"
        assert "alice" in str(await alice.history(chat))
        assert "alice" not in str(await bob.history(chat))


def test_the_command_says_it_beside_a_host_or_when_one_starts(tmp_path: Path) -> None:
    book = Book(tmp_path, '[defaults]\ndm_policy = "open"\n')
    (book.folder / "said.jsonl").touch()
    with book.host:
        done = book.host.command("send", "--to", ANN, "--key", "x", "now")
        assert "is sent by the running host" in done.stdout, done.stderr
        assert book.hear(done.stdout.split()[0]) == "now"
        assert httpx.post(f"{book.host.address}/send").status_code == 404
        book.host.kill()
        later = json.loads(book.host.command("send", "--to", ANN, "--json", "later").stdout)
        assert (later["is_new"], later["is_hosted"]) == (True, False)
        for to, text, reason in (("ann", "x", "no thread key"), (ANN, "x" * 1_000_001, "more than 1000000 bytes")):
            wrong = book.host.command("send", "--to", to, text)
            assert (wrong.returncode, reason in wrong.stderr) == (1, True)
        book.host.start()
        assert book.hear(later["id"]) == "later"
        assert len(book.answers()) == 2
