"""Files through the real process: what people send reaches the agent, what the agent sends reaches people."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from websockets.sync.server import Server, ServerConnection, serve

from surfacehost_devkit.hostprocess import wait_until
from surfacehost_devkit.turnedclock import TurnedClock

from .logbook import OPEN, Book

MEDIA = "[media]\nmax_mb = 0.001\n"
LINKS = "link_hours = 2\n"
REMOTE = '[agent]\nembedded = false\nurl = "{url}"\n'


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    made = Book(tmp_path_factory.mktemp("files"), OPEN + MEDIA)
    (made.folder / "said.jsonl").touch()
    with made.host:
        yield made


def test_the_agent_is_told_of_a_file_and_of_what_was_replied_to(book: Book) -> None:
    (book.folder / "cat.png").write_bytes(b"\x89PNG cat")
    assert book.ask("what is this?", files=["cat.png"]) == (
        "echo: what is this?\nattachment: image cat.png (image/png, 8 bytes)"
    )
    assert "quote: the sky is blue" in book.ask("/demo context", quote="the sky is blue")


def test_a_file_without_words_is_a_message(book: Book) -> None:
    (book.folder / "notes.txt").write_text("notes")
    assert book.ask("", files=["notes.txt"]) == "echo: \nattachment: document notes.txt (text/plain, 5 bytes)"


def test_what_can_not_be_had_is_said_and_the_rest_goes_on(book: Book) -> None:
    (book.folder / "big.bin").write_bytes(bytes(1001))
    (book.folder / "small.bin").write_bytes(bytes(1000))
    heard = book.ask("look", files=["big.bin", "gone.bin", "small.bin"])
    assert heard == (
        "I can't take big.bin: a file may have at most 0.001 MB.\n"
        "I couldn't get gone.bin: it is gone or damaged.\n\n"
        "echo: look\nattachment: document small.bin (application/octet-stream, 1000 bytes)"
    )
    said = "Не удалось получить gone.bin: файла больше нет или он повреждён."  # noqa: RUF001 - Russian
    assert book.ask("", files=["gone.bin"], locale="ru") == said


def test_a_file_of_the_agents_arrives_behind_its_words(book: Book) -> None:
    to = book.say("/demo file text 13")
    wait_until(lambda: len(book.answers(to)) == 2, 20, book.host.log_tail)
    words, file = book.answers(to)
    assert (words["text"], file["kind"]) == ("Here is hello.txt.", "file")
    assert file["file"] == {"name": "hello.txt", "type": "text/plain", "size": 13}
    assert (book.folder / "got hello.txt").read_text() == "Hello, file!\n"


def test_a_file_that_is_too_large_is_a_line(book: Book) -> None:
    assert book.ask("/demo file text 1001") == "Here is hello.txt.\n\n(a file, hello.txt: it has more than 0.001 MB)"


def test_a_caption_stands_under_its_file_and_a_long_one_among_the_words(book: Book) -> None:
    long = "x" * 1001
    for caption, words, under in (("see *this*", [], "see *this*"), (long, [long], None)):
        to = book.say(f"/demo file text 13 {caption}")
        wait_until(lambda to=to: len(book.answers(to)) == 2, 20, book.host.log_tail)  # type: ignore[misc]
        said, file = book.answers(to)
        assert said["text"] == "\n\n".join(["Here is hello.txt.", *words])
        assert (file["kind"], file["text"]) == ("file", under)
    left_out = "(a file, hello.txt: it has more than 0.001 MB)"
    assert book.ask("/demo file text 1001 see") == f"Here is hello.txt.\n\nsee\n\n{left_out}"


class Agent:
    """Remembers what it is asked, and answers with what it is given."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.sends: list[dict[str, Any]] = []

    def talk(self, connection: ServerConnection) -> None:
        for frame in connection:
            turn = json.loads(frame)
            self.asked.append(turn)
            run = {"runId": turn["runId"]}
            connection.send(json.dumps({"type": "RUN_STARTED", **run}))
            for value in self.sends:
                connection.send(json.dumps({"type": "CUSTOM", "name": "file", "value": value}))
            connection.send(json.dumps({"type": "TEXT_MESSAGE_CHUNK", "messageId": "m", "delta": "done"}))
            connection.send(json.dumps({"type": "RUN_FINISHED", **run, "outcome": {"type": "success"}}))

    def fetch(self, part: int = 1) -> tuple[bytes, dict[str, str]]:
        with urlopen(self.asked[-1]["messages"][0]["content"][part]["source"]["value"]) as answer:
            return answer.read(), dict(answer.headers)


@contextmanager
def serving(agent: Agent) -> Iterator[Server]:
    with serve(agent.talk, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server


@contextmanager
def website(pages: dict[str, tuple[int, dict[str, str], bytes]]) -> Iterator[str]:
    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = pages.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Book, Agent]]:
    agent = Agent()
    with serving(agent) as server:
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        folder = tmp_path_factory.mktemp("remote")
        clock = TurnedClock(folder / "clock")
        made = Book(folder, OPEN + MEDIA + LINKS + REMOTE.format(url=url), first=clock)
        (made.folder / "said.jsonl").touch()
        with made.host:
            yield made, agent


def test_the_agent_fetches_it_with_its_address_and_nobody_without(remote: tuple[Book, Agent]) -> None:
    book, agent = remote
    (book.folder / "evil.html").write_text("<script>alert(1)</script>")
    book.ask("read this", files=["evil.html"])
    body, headers = agent.fetch()
    assert body == b"<script>alert(1)</script>"
    assert headers["content-disposition"].startswith("attachment")
    assert headers["content-security-policy"].startswith("sandbox")
    url = agent.asked[-1]["messages"][0]["content"][1]["source"]["value"]
    for wrong in (url[:-1] + ("0" if url[-1] != "0" else "1"), url.split("?")[0], url.replace("until=", "until=9")):
        with pytest.raises(HTTPError, match="403"):
            urlopen(wrong)


def test_its_address_is_good_for_so_many_hours(remote: tuple[Book, Agent]) -> None:
    book, agent = remote
    (book.folder / "late.txt").write_text("late")
    clock = TurnedClock(book.folder.parent / "clock")
    book.ask("read this later", files=["late.txt"])
    clock.turn(2 * 3600 - 60)
    assert agent.fetch()[0] == b"late"
    clock.turn(2 * 3600 + 60)
    with pytest.raises(HTTPError, match="403"):
        agent.fetch()
    clock.turn(0)


def test_a_name_is_never_a_path(remote: tuple[Book, Agent]) -> None:
    book, agent = remote
    agent.sends = [_file("../../../tmp/evil.txt", "data:text/plain;base64,aGk=")]
    to = book.say("go")
    wait_until(lambda: len(book.answers(to)) == 2, 20, book.host.log_tail)
    assert book.answers(to)[1]["file"] == {"name": "evil.txt", "type": "text/plain", "size": 2}


def test_no_file_of_the_host_is_read_for_an_agent(remote: tuple[Book, Agent]) -> None:
    book, agent = remote
    secret = book.folder / "secret.txt"
    secret.write_text("hush")
    agent.sends = [_file("a", f"file://{secret}"), _file("b", str(secret)), _file("c", "ftp://127.0.0.1/x")]
    assert "hush" not in book.ask("go")
    to = book.say("again")
    assert book.hear(to).startswith("done")
    assert len(book.answers(to)) == 1


def test_a_file_on_the_web_is_taken_over_and_one_that_can_not_be_had_is_a_link(remote: tuple[Book, Agent]) -> None:
    book, agent = remote
    pages = {
        "/good": (200, {"Content-Type": "image/png"}, b"png"),
        "/moved": (302, {"Location": "/good"}, b""),
        "/large": (200, {}, bytes(5000)),
        "/gone": (404, {}, b""),
    }
    with website(pages) as site:
        agent.sends = [_file(path[1:], site + path, "image/png") for path in pages]
        agent.sends.append(_file("odd", f"{site}/a b(1).png", "image/png"))
        to = book.say("go")
        wait_until(lambda: len(book.answers(to)) == 3, 20, book.host.log_tail)
    words, *files = book.answers(to)
    assert words["text"] == f"done\n\n[large]({site}/large)\n\n[gone]({site}/gone)\n\n[odd]({site}/a%20b%281%29.png)"
    assert [one["file"]["name"] for one in files] == ["good", "moved"]


def test_a_file_that_is_gone_when_it_is_sent_is_a_sentence_and_what_is_old_goes(tmp_path: Path) -> None:
    agent = Agent()
    agent.sends = [_file("hi.txt", "data:text/plain;base64,aGk=")]
    with serving(agent) as server:
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        book = Book(tmp_path, OPEN + REMOTE.format(url=url))
        (book.folder / "said.jsonl").touch()
        (book.folder / "answers.jsonl").mkdir()  # so that nothing can be written down yet
        media = book.host.folder / "var" / "media"
        media.mkdir(parents=True)
        old, new = media / ("0" * 32), media / ("1" * 32)
        for file, days in ((old, 8), (new, 6)):
            file.write_text("kept")
            os.utime(file, times=(time.time() - days * 86_400,) * 2)
        with book.host:
            to = book.say("go")
            wait_until(lambda: list(media.glob("*.json")), 20, book.host.log_tail)
            wait_until(lambda: not old.exists(), 20, book.host.log_tail)
            assert new.exists()
            for file in media.glob("?" * 32):
                file.unlink()
            (book.folder / "answers.jsonl").rmdir()
            wait_until(lambda: len(book.answers(to)) == 2, 30, book.host.log_tail)
    assert [one["text"] for one in book.answers(to)] == ["done", "(a file, hi.txt: it is not kept any more)"]


def _file(name: str, url: str, mime_type: str = "text/plain") -> dict[str, Any]:
    kind = "data" if url.startswith("data:") else "url"
    value = url.partition(",")[2] if kind == "data" else url
    return {
        "type": "document", "source": {"type": kind, "value": value, "mimeType": mime_type}, "metadata": {"name": name},
    }  # fmt: skip
