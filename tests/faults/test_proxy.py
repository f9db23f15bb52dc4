"""The fault proxy by itself, before a small server that keeps account of what reached it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from surfacehost_devkit import faults
from surfacehost_devkit.faultproxy import FaultProxy, Passage
from surfacehost_devkit.hostprocess import wait_until
from surfacehost_devkit.lines import Lines, Listener

ITEMS = "PUT */items/*"


class Shop:
    """A server on which every call leaves a trace."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str, str]] = []
        self.listener = Listener(Starlette(routes=[Route("/{path:path}", self._keep, methods=["GET", "PUT"])]), Lines())

    async def _keep(self, request: Request) -> Response:
        self.kept.append((request.scope["raw_path"].decode(), request.url.query, (await request.body()).decode()))
        answer = {"number": len(self.kept), "key": request.headers.get("x-key")}
        return JSONResponse(answer, headers={"x-shop": "open"})


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[Shop]:
    server = Shop()
    await server.listener.open()
    yield server
    await server.listener.stop()


@pytest_asyncio.fixture
async def proxy(shop: Shop) -> AsyncIterator[FaultProxy]:
    async with FaultProxy.before(shop.listener.url) as before:
        yield before


@pytest_asyncio.fixture
async def client(proxy: FaultProxy) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=proxy.url, timeout=10, trust_env=False) as one:
        yield one


async def test_a_call_passes_as_it_is(shop: Shop, proxy: FaultProxy, client: httpx.AsyncClient) -> None:
    answer = await client.put("/a%2Fb/items/1?x=%21&y=", content=b"\xd0\xb9", headers={"x-key": "secret"})
    assert (answer.status_code, answer.json()) == (200, {"number": 1, "key": "secret"})
    assert answer.headers["x-shop"] == "open"
    assert shop.kept == [("/a%2Fb/items/1", "x=%21&y=", "й")]
    assert [(one.fault, one.status) for one in proxy.of(ITEMS)] == [("", 200)]
    assert "secret" not in repr(proxy.passages)


async def test_a_call_can_be_refused_before_it_has_been_read(shop: Shop, proxy: FaultProxy) -> None:
    proxy.faults.plan(ITEMS, faults.answer(413, "too large", unread=True))
    reader, writer = await asyncio.open_connection(*proxy.url.removeprefix("http://").split(":"))
    writer.write(b"PUT /items/1 HTTP/1.1\r\nHost: shop\r\nContent-Length: 1000\r\n\r\nthe first of it")
    async with asyncio.timeout(10):
        assert b" 413 " in await reader.readline()
        assert (await reader.read()).endswith(b"too large")  # and nothing more can come
    writer.close()
    assert not shop.kept


async def test_who_is_refused_while_still_sending_is_told_so(
    shop: Shop, proxy: FaultProxy, client: httpx.AsyncClient
) -> None:
    proxy.faults.plan(ITEMS, faults.answer(413, "too large", unread=True), times=None)
    for _ in range(20):
        assert (await client.put("/items/1", content=_pieces())).status_code == 413
    assert not shop.kept


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(30):
        yield b"x" * 65_536


@pytest.mark.parametrize(
    ("fault", "acts"),
    [
        (faults.reset(), False),
        (faults.drop_after(), True),
        (faults.half(), True),
        (faults.bad_gateway(), False),
        (faults.bad_gateway(acts=True), True),
        (faults.garbage(acts=True), True),
    ],
)
async def test_a_fault_strikes_before_or_after_the_server_has_acted(
    shop: Shop,
    proxy: FaultProxy,
    client: httpx.AsyncClient,
    fault: faults.Fault,
    acts: bool,  # noqa: FBT001  # a column of the table
) -> None:
    proxy.faults.plan(ITEMS, fault)
    with pytest.raises((httpx.TransportError, httpx.HTTPStatusError, ValueError)):
        (await client.put("/items/1")).raise_for_status().json()
    assert len(shop.kept) == acts
    assert (await client.put("/items/2")).json()["number"] == acts + 1
    assert [one.fault for one in proxy.of(ITEMS)] == [fault.kind, ""]


async def test_only_what_fits_the_pattern_is_struck(proxy: FaultProxy, client: httpx.AsyncClient) -> None:
    proxy.faults.plan(ITEMS, faults.bad_gateway(503), times=None)
    assert (await client.get("/items/1")).status_code == 200
    assert (await client.put("/other/1")).status_code == 200
    assert [(await client.put("/items/1")).status_code for _ in range(2)] == [503, 503]
    proxy.faults.clear(ITEMS)
    assert (await client.put("/items/1")).status_code == 200


async def test_a_call_hangs_until_it_is_released(shop: Shop, proxy: FaultProxy, client: httpx.AsyncClient) -> None:
    proxy.faults.plan("*", faults.hang())
    calling = asyncio.create_task(client.get("/x"))
    await asyncio.to_thread(wait_until, lambda: proxy.faults.hanging, 5)
    assert shop.kept == []
    proxy.faults.release()
    assert (await calling).json()["number"] == 1


async def test_away_it_cuts_and_refuses_everybody_and_comes_back_on_its_port(
    proxy: FaultProxy, client: httpx.AsyncClient
) -> None:
    proxy.faults.plan("*", faults.hang())
    calling = asyncio.create_task(client.get("/x"))
    await asyncio.to_thread(wait_until, lambda: proxy.faults.hanging, 5)
    await proxy.away()
    with pytest.raises(httpx.TransportError):
        await calling
    with pytest.raises(httpx.ConnectError):
        await client.get("/x")
    await proxy.back()
    assert (await client.get("/x")).status_code == 200


async def test_a_server_that_is_gone_is_a_bad_gateway(shop: Shop, proxy: FaultProxy, client: httpx.AsyncClient) -> None:
    await shop.listener.close()
    assert (await client.get("/x")).status_code == 502
    assert [one.status for one in proxy.passages] == [502]


async def test_which_calls_break_a_silence(proxy: FaultProxy) -> None:
    proxy.passages = [
        Passage(name="PUT /long", started=0.0, ended=1.0, pause_s=9.0),
        *(Passage(name="PUT /long", started=at) for at in (1.4, 1.6, 9.9, 10.1)),
        Passage(name="PUT /short", started=20.0, ended=21.0, pause_s=0.6),
        *(Passage(name="PUT /short", started=at) for at in (21.1, 21.3, 21.7)),
    ]
    assert proxy.in_pauses("PUT *") == [
        "PUT /long, 0.60 s into 9 s",
        "PUT /long, 8.90 s into 9 s",
        "PUT /short, 0.30 s into 0.6 s",
    ]
