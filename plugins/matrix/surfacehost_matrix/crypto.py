"""What end-to-end encryption needs done between syncs, and before a message is sent. The network's errors pass."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from nio import ErrorResponse  # type: ignore[import-untyped]  # nio ships no type marker

from surfacehost import NotReady
from surfacehost_matrix.keystore import NO_ROOM

NETWORK = (aiohttp.ClientError, OSError)  # of which TimeoutError is one

log = logging.getLogger(__name__)


async def tend(nio: Any) -> None:  # noqa: ANN401 - untyped
    """What encryption needs between two syncs: answer key messages, keep keys on offer, know new devices.

    What fails is still due after the next sync. The network's errors pass.
    """
    await _try("answering key messages", nio.send_to_device_messages)
    await _try("offering a fallback key", nio.offer_fallback_key)  # first: nio has the other one count for it
    if nio.should_upload_keys:
        await _try("offering one-time keys", nio.keys_upload)
    if nio.should_query_keys:
        await _try("asking for devices", nio.keys_query)
    if nio.should_claim_keys:
        await _try("starting sessions", lambda: nio.keys_claim(nio.get_users_for_key_claiming()))


async def _try(what: str, call: Callable[[], Awaitable[Any]]) -> None:
    try:
        answer = await call()
        for each in answer if isinstance(answer, list) else [answer]:
            _check_answer(each)
    except (*NETWORK, *NO_ROOM):
        raise
    except NotReady as error:
        log.warning("%s failed (%s); it is tried again", what, error)
    except Exception:
        log.exception("%s failed, perhaps on what another user has published; it is tried again", what)


async def ask_devices(olm: Any, query: Callable[[], Awaitable[Any]]) -> None:  # noqa: ANN401 - untyped
    """Make nio's *query* for the devices of those whom *olm* has to know; user by user when it stumbles over one.

    Raises NotReady when the homeserver does not answer.
    """
    asked = set(olm.users_for_key_query)
    if await _takes(query):
        return
    added: set[str] = set()
    for user in asked:
        olm.users_for_key_query = {user}
        if not await _takes(query):
            log.warning("the devices of %s can't be read; nothing is encrypted for them", user)
            olm.tracked_users.add(user)  # asked again when they change
        added |= olm.users_for_key_query - asked  # by a sync meanwhile
    olm.users_for_key_query = added


async def claim(ask: Callable[[dict[str, Any]], Awaitable[Any]], users: dict[str, Any]) -> None:
    """Make nio's request for the one-time keys of *users*; user by user when it stumbles over one.

    Raises NotReady when the homeserver does not answer.
    """
    if await _takes(lambda: ask(users)):
        return
    for user, devices in users.items():
        if not await _takes(lambda user=user, devices=devices: ask({user: devices})):  # type: ignore[misc]
            log.warning("no session can be started with %s; nothing is encrypted for them", user)


async def _takes(call: Callable[[], Awaitable[Any]]) -> bool:
    """Whether nio understands the answer to *call*."""
    try:
        answer = await call()
    except (NotReady, *NETWORK, *NO_ROOM):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it raises, it is about what another user has published
        log.warning("keys of others can't be used: %s", type(error).__name__)
        return False
    _check_answer(answer)
    return not isinstance(answer, ErrorResponse)


def _check_answer(answer: Any) -> None:  # noqa: ANN401 - untyped
    if answer is not None and (status := answer.transport_response.status) >= 300:
        raise NotReady(f"the homeserver answers {status} to a request about keys")


def release_waiting(sharing: dict[str, asyncio.Event], room: str) -> None:
    """Let those go on who wait for a handing over of keys that was broken off."""
    if event := sharing.pop(room, None):
        event.set()
