"""The person on the web: what the chat page does, over the chat page's own socket."""

import asyncio
import contextlib
import hashlib
import json
import time
from typing import Any
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin

from surfacehost_devkit.demo.board import Board, Note
from surfacehost_devkit.demo.people import Unsayable
from surfacehost_devkit.plain import NO_TLS

COLUMN = "web"
PATH = "/chat"
CHAT = "demo"
AGAIN_S = 0.3
"""How long after a lost connection the next is tried: nothing else tells when the host is back."""


class OnWeb:
    """Says a message again, with the same id, until it hears that it is stored, as the page does."""

    def __init__(self, address: str, board: Board) -> None:
        self._address = address
        self._board = board
        self._cookie = ""
        self._unsent: dict[str, tuple[str, str]] = {}
        """What is said, and the choice that it takes, by its id."""
        self._answering: set[str] = set()
        self._previews: dict[str, str] = {}
        self._socket: ClientConnection | None = None
        board.put(f"column/{COLUMN}", {"user": "a browser", "at": f"{address}{PATH}/", "rooms": []})

    async def say(self, text: str, room: str = "", *, choice: str = "") -> None:
        """Say it now, or as soon as the host is there; with *choice*, take that of a prompt."""
        if room or not text.strip():
            raise Unsayable("There is nothing to say")
        identity = str(uuid4())
        self._unsent[identity] = text, choice
        self._show(identity, {"who": "person", "text": text, "at": time.time(), "unsent": True})
        if self._socket is not None:
            with contextlib.suppress(WebSocketException):  # the connection is being lost: said again on the next one
                await self._say(self._socket, identity)

    async def tap(self, message: str, data: str) -> None:
        """Press a button under a message."""
        note = self._board.get(f"message/{COLUMN}/{message}")
        for key in (key for row in note.get("buttons", ()) for key in row):
            if key["callback_data"] == data:
                await self.say(key["text"], choice=data)
                return
        raise Unsayable(f"There is no button {data!r} under {message}")

    async def follow(self) -> None:
        """Keep connected, whatever becomes of the host."""
        while True:
            with contextlib.suppress(OSError, httpx.HTTPError, WebSocketException):  # the host is away
                await self._visit()
            self._socket = None
            await asyncio.sleep(AGAIN_S)

    async def _visit(self) -> None:
        if not self._cookie:
            self._cookie = await self._new_cookie()
        url = f"{self._address.replace('http:', 'ws:')}{PATH}/socket"
        headers = {"Cookie": self._cookie}
        async with connect(
            url, origin=Origin(self._address), additional_headers=headers, proxy=None, max_size=2**24
        ) as socket:
            await socket.send(json.dumps({"type": "open", "chat": CHAT}))
            self._socket = socket
            for identity in [*self._unsent]:
                await self._say(socket, identity)
            async for frame in socket:
                await self._take(json.loads(frame))

    async def _new_cookie(self) -> str:
        """What makes us a person to the page."""
        async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as http:
            answer = (await http.get(f"{self._address}{PATH}/")).raise_for_status()
            return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())

    async def _say(self, socket: ClientConnection, identity: str) -> None:
        text, choice = self._unsent[identity]
        frame = {"type": "say", "id": identity, "chat": CHAT, "text": text, "locale": "en"}
        frame |= {"choice": choice} if choice else {}
        await socket.send(json.dumps(frame))

    async def _take(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "said" | "final":
                self._take_line(frame)
            case "history":
                for line in frame["lines"]:
                    self._take_line(line)
                self._start_from(frame["live"])
            case "preview":
                self._preview(frame["to"], frame)
            case "typing":
                (self._answering.add if frame["on"] else self._answering.discard)(frame["to"])
                self._end_preview(frame["to"])
            case "error" if frame.get("code") == "not_ready" and self._socket is not None:
                await self._socket.close()  # and say it again, a moment later, on the next connection
            case _:
                pass
        self._board.put(f"typing/{COLUMN}", {"on": bool(self._answering)})

    def _take_line(self, line: dict[str, Any]) -> None:
        self._unsent.pop(line["id"], None)
        self._end_preview(line.get("to", ""))
        is_known = bool(self._board.get(f"message/{COLUMN}/{line['id']}"))
        if not is_known or line["who"] == "person" or line["kind"] == "decided":
            keys = [{"text": one["label"], "callback_data": one["id"]} for one in line.get("choices", ())]
            note = {name: line.get(name) for name in ("who", "text", "html", "at")}
            self._show(line["id"], note | {"buttons": [keys] if keys else []})

    def _start_from(self, live: dict[str, str]) -> None:
        """What is being answered now is only what the page says now: an earlier host may have died over the rest."""
        for to in [*self._previews]:
            self._end_preview(to)
        self._answering = set(live)
        for to, text in live.items():
            self._preview(to, {"text": text})

    def _preview(self, to: str, grown: dict[str, Any]) -> None:
        self._previews[to] = grown["text"] if "text" in grown else self._previews.get(to, "") + grown["add"]
        if self._previews[to]:
            self._show(f"live-{to}", {"who": "agent", "text": self._previews[to], "at": time.time(), "live": True})

    def _end_preview(self, to: str) -> None:
        self._previews.pop(to, None)
        self._board.drop(f"message/{COLUMN}/live-{to}")

    def _show(self, identity: str, note: Note) -> None:
        person = f"web-{hashlib.sha256(self._cookie.partition('=')[2].encode()).hexdigest()[:32]}"
        self._board.put_message(COLUMN, identity, {"room": "", "event": f"{person}/{CHAT}/{identity}", **note})
