"""Work beside messages: tried again as long as there is hope, and never anybody's trouble."""

import asyncio

import pytest

from surfacehost import NotReady, Undeliverable, beside


async def test_it_is_done_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    errors = [NotReady("not yet", retry_after=0.01), NotReady("nor now", retry_after=0)]
    done = asyncio.Event()

    async def work() -> None:
        if errors:
            raise errors.pop(0)
        done.set()

    caplog.set_level("INFO")
    async with beside(work), asyncio.timeout(5):
        await done.wait()
    assert [one.getMessage() for one in caplog.records] == [
        "what stands beside messages has to wait: not yet",
        "what stands beside messages has to wait: nor now",
    ]


@pytest.mark.parametrize(("error", "level"), [(Undeliverable("no rights"), "WARNING"), (ValueError("a bug"), "ERROR")])
async def test_what_cannot_be_done_is_told_once(error: Exception, level: str, caplog: pytest.LogCaptureFixture) -> None:
    tried = asyncio.Event()

    async def work() -> None:
        tried.set()
        raise error

    async with beside(work), asyncio.timeout(5):
        await tried.wait()
        await asyncio.sleep(0)
    assert [one.levelname for one in caplog.records] == [level]


async def test_it_ends_with_the_block() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with beside(work):
        await asyncio.sleep(0)
    assert ended.is_set()
