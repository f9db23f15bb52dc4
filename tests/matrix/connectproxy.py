"""A small real HTTP proxy for TLS: it takes CONNECT alone (RFC 9110, section 9.3.6), from who knows its password."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator


class ConnectProxy:
    """Counts the tunnels it has opened and those it has refused."""

    def __init__(self, credentials: str) -> None:
        self._wanted = f"proxy-authorization: basic {base64.b64encode(credentials.encode()).decode()}".lower()
        self._lines: set[asyncio.Task[None]] = set()
        self.url = ""
        self.tunnels: list[str] = []
        self.refused = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def serve(cls, credentials: str) -> AsyncIterator["ConnectProxy"]:
        proxy = cls(credentials)
        async with await asyncio.start_server(proxy._take, "127.0.0.1", 0) as server:
            proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            try:
                yield proxy
            finally:
                for line in proxy._lines:
                    line.cancel()
                await asyncio.gather(*proxy._lines, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            method, target, _ = head[0].split()
            if method != "CONNECT" or self._wanted not in [line.lower() for line in head]:
                self.refused += 1
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
            else:
                self.tunnels.append(target)
                await self._tunnel(target, reader, writer)
        writer.close()

    async def _tunnel(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = target.rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
        finally:
            far_writer.close()
            with contextlib.suppress(OSError):
                await far_writer.wait_closed()  # what is still on its way there would keep it open


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
