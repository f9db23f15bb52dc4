"""Signs of life between the items of a slow iterator."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

Item = TypeVar("Item")


async def with_heartbeat(items: AsyncGenerator[Item, None], every_s: float) -> AsyncGenerator[Item | None, None]:
    """The items, and None whenever none has come for so many seconds; closes the iterator at the end.

    Waiting is done beside the iterator: a time limit around its next step would end it for good.
    """
    try:
        while True:
            coming = asyncio.ensure_future(anext(items, None))
            try:
                while not (await asyncio.wait([coming], timeout=every_s))[0]:
                    yield None
            finally:
                if coming.cancel():
                    await asyncio.wait([coming])
            item = coming.result()
            if item is None:
                return
            yield item
    finally:
        await items.aclose()
