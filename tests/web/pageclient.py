"""The page without a browser: a cookie, a socket, and what has come through it."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from typing import Any, Self

import httpx
import websockets
from websockets.asyncio.client import ClientConnection, connect

Frame = dict[str, Any]


class PageClient:
    """One open page of a visitor."""

    def __init__(self, address: str, cookie: str | None = None, *, path: str = "/chat") -> None:
        self._address = address
        self._path = path
        self.cookie = cookie or ""
        self.frames: list[Frame] = []
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        if not self.cookie:
            self.cookie = await fetch_cookie(self._address, self._path)
        self.socket = await open_socket(self._address, self.cookie, path=self._path)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Close the page."""
        await self.socket.close()
        await self._reading

    async def tell(self, type_: str, **values: object) -> None:
        await self.socket.send(json.dumps({"type": type_, **values}))

    async def say(self, text: str, chat: str, id_: str | None = None, *, locale: str = "en") -> str:
        """Say something and wait until it is stored; the message's id."""
        id_ = id_ or str(uuid.uuid4())
        await self.tell("say", id=id_, chat=chat, text=text, locale=locale)
        await self.wait("said", id=id_)
        return id_

    async def ask(self, text: str, chat: str) -> str:
        """Say something; the text of the answer."""
        answer = await self.answer_to(await self.say(text, chat))
        return str(answer["text"])

    async def answer_to(self, id_: str) -> Frame:
        return await self.wait("final", to=id_)

    async def history(self, chat: str, **more: object) -> list[Frame]:
        """What a page that opens *chat* is shown."""
        self.forget_frames("history")
        await self.tell("open", chat=chat, **more)
        lines: list[Frame] = (await self.wait("history", chat=chat))["lines"]
        return lines

    async def wait(self, type_: str, **values: object) -> Frame:
        """The first frame of this type with these values that has come or comes."""
        wanted = {"type": type_, **values}
        async with asyncio.timeout(20), self._news:
            while True:
                for frame in self.frames:
                    if wanted.items() <= {key: value for key, value in frame.items() if key in wanted}.items():
                        return frame
                await self._news.wait()

    async def until(self, condition: Callable[[], object], timeout_s: float = 30) -> None:
        """Wait until *condition*, of what has come, holds."""
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(condition)

    def all(self, type_: str) -> list[Frame]:
        return [frame for frame in self.frames if frame["type"] == type_]

    def forget_frames(self, type_: str) -> None:
        self.frames = [frame for frame in self.frames if frame["type"] != type_]

    async def closed(self) -> int:
        """Wait until the host closes the socket; the code it gives."""
        async with asyncio.timeout(20):
            await self.socket.wait_closed()
        return self.socket.close_code or 0

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                async with self._news:
                    self.frames.append(json.loads(text) | {"came": time.time()})
                    self._news.notify_all()
        except websockets.ConnectionClosedError:
            pass  # whoever closes it so looks at the code


async def fetch_cookie(address: str, path: str = "/chat") -> str:
    """What a browser's first visit gets."""
    async with httpx.AsyncClient() as http:
        response = await http.get(f"{address}{path}/")
    return response.headers["set-cookie"].partition(";")[0]


async def open_socket(
    address: str, cookie: str, *, origin: str | None = "", path: str = "/chat", **headers: str
) -> ClientConnection:
    """The socket of a page that came from *origin*: the host's own if not said."""
    sent = {"Cookie": cookie} if cookie else {}
    return await connect(
        address.replace("http", "ws") + f"{path}/socket",
        origin=websockets.Origin(address if origin == "" else origin) if origin is not None else None,
        additional_headers=sent | {name.replace("_", "-"): value for name, value in headers.items()},
        max_size=None,
    )


def new_chat() -> str:
    return str(uuid.uuid4())
