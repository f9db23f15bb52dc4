"""Every setting of the host does something, in the real process; those that other tests show stand elsewhere."""

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.sync.server import ServerConnection, serve

from .logbook import OPEN, Book


@contextmanager
def talking_to(tmp_path: Path, agent: str, settings: str = OPEN) -> Iterator[Book]:
    """A host whose ``[agent]`` table is *agent*."""
    book = Book(tmp_path, f"{settings}[agent]\n{agent}\n")
    (book.folder / "said.jsonl").touch()
    with book.host:
        yield book


@contextmanager
def agent(tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[Any]]]:
    """An agent that answers ``yes, …`` to whatever frame it gets; its address, and what it was told."""
    told: list[Any] = []

    def talk(socket: ServerConnection) -> None:
        assert socket.request is not None
        for frame in map(str, socket):
            told.append((socket.request.headers.get("Authorization"), frame))
            text = json.loads(frame)["text"] if frame.startswith("{") else frame
            socket.send(f"yes, {text}")

    with serve(talk, "127.0.0.1", 0, ssl=tls) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        scheme = "wss" if tls else "ws"
        yield f"{scheme}://127.0.0.1:{server.socket.getsockname()[1]}", told
        server.shutdown()
        thread.join()


def test_url_token_file_and_context(tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "key").write_text("open-sesame\n")
    with (
        agent() as (url, told),
        talking_to(tmp_path, f'embedded = false\nurl = "{url}"\ntoken_file = "key"') as book,
    ):
        assert book.ask("hi", locale="ru") == "yes, hi"
        assert "open-sesame" not in book.host.log_text()
    (authorization, frame) = told[0]
    assert authorization == "Bearer open-sesame"
    assert {one["description"]: one["value"] for one in json.loads(frame)["context"]} == {
        "surface": "logbook", "locale": "ru",
    }  # fmt: skip


def test_dialect_text(tmp_path: Path) -> None:
    with agent() as (url, told), talking_to(tmp_path, f'embedded = false\nurl = "{url}"\ndialect = "text"') as book:
        assert book.ask("hi") == "yes, hi"
    assert told == [(None, "hi")]


@pytest.mark.parametrize("is_trusted", [True, False])
def test_tls_ca_file(tmp_path: Path, *, is_trusted: bool) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    (tmp_path / "host").mkdir()
    authority.cert_pem.write_to_path(tmp_path / "host" / "ca.pem")
    with agent(tls) as (url, _):
        table = f'embedded = false\nurl = "{url}"\n' + ('tls_ca_file = "ca.pem"' if is_trusted else "")
        with talking_to(tmp_path, table) as book:
            heard = book.ask("hi")
            assert heard == "yes, hi" if is_trusted else "can't reach the assistant" in heard
            assert ("agent.tls_ca_file" in book.host.readiness()[1]) is not is_trusted


def test_the_clocks(tmp_path: Path) -> None:
    clocks = "first_event_timeout_s = 0.5\nsilence_timeout_s = 0.7\nrun_timeout_s = 2"
    with talking_to(tmp_path, clocks) as book:
        for said in ("/demo silent 60 nothing", "/demo silent 60 start", "/demo stream 1000 0.1"):
            assert "took too long to answer" in book.ask(said)
        logged = book.host.log_text()
    for cause in ("said nothing for 0.5 s", "said nothing for 0.7 s", "not done after 2 s"):
        assert cause in logged


def test_connections_are_bounded_and_idle_ones_closed(tmp_path: Path) -> None:
    with talking_to(tmp_path, "max_connections = 1\nidle_close_s = 0.1") as book:
        asked = [book.say("/demo slow 1", who) for who in ("ann", "bob")]
        assert [book.hear(one) for one in asked] == ["I waited 1 s."] * 2


def test_an_unanswered_handshake_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        table = f'embedded = false\nurl = "ws://127.0.0.1:{deaf.getsockname()[1]}"\nconnect_timeout_s = 0.3'
        with talking_to(tmp_path, table) as book:
            assert "took too long" in book.ask("hi")


class _Provider(http.server.BaseHTTPRequestHandler):
    """Says ``I am <model>`` in one piece, to whoever has the key."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != "Bearer sk-made-up-key":
            self.send_error(401)
            return
        said = {"index": 0, "delta": {"content": f"I am {body['model']}"}, "finish_reason": "stop"}
        piece = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": body["model"], "choices": [said]}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(f"data: {json.dumps(piece)}\n\ndata: [DONE]\n\n".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("key", "heard"), [("sk-made-up-key", "I am parrot-1"), ("sk-wrong", "isn't set up correctly")]
)
def test_the_reference_agent_over_a_provider(tmp_path: Path, key: str, heard: str) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Provider) as provider:
        thread = threading.Thread(target=provider.serve_forever)
        thread.start()
        base = f"http://127.0.0.1:{provider.server_address[1]}/v1"
        table = f'[agent.reference]\nbackend = "openai"\nbase_url = "{base}"\nmodel = "parrot-1"\napi_key = "{key}"'
        with talking_to(tmp_path, table) as book:
            assert heard in book.ask("who are you?")
            assert key not in book.host.log_text()
        provider.shutdown()
        thread.join()


def test_the_hosts_own_language_and_places(tmp_path: Path) -> None:
    settings = (
        f'[host]\nlocale = "ru"\nlog_level = "error"\ndata_dir = "data"\n[store]\nurl = "sqlite:///{tmp_path}/x.db"\n'
    )
    with talking_to(tmp_path, "embedded = true", settings + OPEN) as book:
        assert "Ассистент: на связи." in book.ask("/status")
        assert "Assistant: reachable." in book.ask("/status", "bob", locale="en-GB")
        assert (tmp_path / "x.db").exists()
        assert " INFO " not in book.host.log_text()


def test_nobody_is_answered_where_direct_messages_are_off(tmp_path: Path) -> None:
    with talking_to(tmp_path, "embedded = true", '[defaults]\ndm_policy = "disabled"\nowners = ["ann"]\n') as book:
        said = book.say("hello?")
        book.host.wait_for(lambda status: status["surfaces"][0]["heard_at"] is not None and not status["inbox"])
        assert book.answers(said) == []
