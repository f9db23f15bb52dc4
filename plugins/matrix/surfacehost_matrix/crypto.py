"""End-to-end encryption: nio's machine with its holes closed, and what it needs done between syncs.

Each guard stands for something that any user, or a crash at the wrong moment, can do to nio 0.26:

- a to-device event or a room event that can't be decrypted, or decrypts to something odd, ends the sync;
- keys of a device that are no keys end a query for devices, and with it every send into the rooms of its owner;
- an encrypted payload of a state event's type is applied to the model of the room: rights and members can be forged;
- keys that reached the homeserver before they reached our disk are refused at every later upload;
- a send that is cancelled while it hands out keys blocks every later send into the room;
- keys that a full disk did not take are in use as if they were stored, until the next start.
"""

import asyncio
import fcntl
import logging
import os
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import peewee  # type: ignore[import-untyped]  # peewee ships no types
import vodozemac
from nio import ErrorResponse  # type: ignore[import-untyped]  # nio ships no type marker
from nio.crypto import Olm  # type: ignore[import-untyped]  # likewise

from surfacehost import NotReady

PRIVATE_NAMES = {
    Olm: (
        "_decrypt_megolm_no_error",
        "handle_to_device_event",
        "share_keys",
        "save_account",
        "should_share_group_session",
        "_mark_device_for_unwedging",
        "verify_json",
    )
}

UNREADABLE = (vodozemac.PickleException, vodozemac.LibolmPickleException, peewee.DatabaseError)
"""What opening a store of keys raises when it is damaged or its secret is another one."""
NO_ROOM = (peewee.OperationalError, sqlite3.OperationalError)
"""What using it raises when the disk is full or failing. Of nobody else's making, so no guard lets it pass."""
NETWORK = (aiohttp.ClientError, OSError)  # of which TimeoutError is one

log = logging.getLogger(__name__)


@contextmanager
def store(folder: Path) -> Iterator[str]:
    """Hold the folder of the keys for this process alone; gives the secret that they are stored under.

    Two processes on one store destroy each other's sessions. Raises NotReady when another one holds it, or the disk
    has no room for it.
    """
    with _stored(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NotReady(f"another process uses the keys in {folder}") from error
        with _stored(folder):
            secret = _secret(folder / "secret")
        yield secret
    finally:
        os.close(lock)  # and with it the lock goes


@contextmanager
def _stored(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotReady(f"the keys can't be stored in {folder}: {error.strerror}") from error


@contextmanager
def storing() -> Iterator[None]:
    """Turn what a full disk does to the store of keys into NotReady."""
    try:
        yield
    except NO_ROOM as error:
        raise NotReady(f"the keys can't be stored: {error}") from error


def _secret(file: Path) -> str:
    """The secret in *file*, made the first time; never changed, or the keys are lost."""
    if not file.exists():
        draft = file.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32))
        draft.replace(file)
    return file.read_text()


def inherit(olm: Any, folder: Path, device_id: str) -> None:  # noqa: ANN401 - untyped
    """Give *olm* what an earlier device of the account, whose store is in *folder* as well, can read in rooms."""
    store = olm.store
    if not (folder / f"{store.user_id}_{device_id}.db").exists():
        return
    earlier = type(store)(store.user_id, device_id, str(folder), pickle_key=store.pickle_key)
    try:
        for session in earlier.load_inbound_group_sessions():
            if olm.inbound_group_store.add(session):
                olm.save_inbound_group_session(session)
    finally:
        earlier.database.close()


def guard(olm: Any) -> None:  # noqa: ANN401 - untyped
    """Close the holes of one machine."""
    _guard_room_events(olm)
    _guard_device_events(olm)
    _guard_keys(olm)
    share = olm.share_keys

    def share_saved() -> Any:  # noqa: ANN401 - untyped
        content = share()
        olm.save_account()  # before the upload, or a crash leaves keys on the homeserver that nobody has
        return content

    olm.share_keys = share_saved


def _guard_room_events(olm: Any) -> None:  # noqa: ANN401 - untyped
    decrypt = olm._decrypt_megolm_no_error  # noqa: SLF001 - see PRIVATE_NAMES

    def decrypt_safely(event: Any, room_id: str | None = None) -> Any:  # noqa: ANN401 - untyped
        try:
            clear = decrypt(event, room_id)
        except NO_ROOM:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it raises, another user has sent it
            log.warning("%s can't be decrypted: %s", event.event_id, type(error).__name__)
            return None
        source = getattr(clear, "source", None) or {}
        kind = str(source.get("type", ""))
        if "state_key" in source or (kind.startswith(("m.room.", "m.space.")) and kind != "m.room.message"):
            log.warning("%s poses as %s; state is never encrypted", event.event_id, kind)
            return None
        return clear

    olm._decrypt_megolm_no_error = decrypt_safely  # noqa: SLF001 - see PRIVATE_NAMES


def _guard_device_events(olm: Any) -> None:  # noqa: ANN401 - untyped
    handle = olm.handle_to_device_event

    def handle_safely(event: Any) -> Any:  # noqa: ANN401 - untyped
        try:
            return handle(event)
        except NO_ROOM:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it raises, another user has sent it
            log.warning("a key message by %s can't be read: %s", event.sender, type(error).__name__)
            if isinstance(error, vodozemac.SessionCreationException):
                _ask_anew(olm, event)
            return None

    olm.handle_to_device_event = handle_safely


def _guard_keys(olm: Any) -> None:  # noqa: ANN401 - untyped
    verify = olm.verify_json

    def verify_safely(signed: Any, user_key: str, user_id: str, device_id: str) -> bool:  # noqa: ANN401 - JSON
        """Whether *signed*, a device or a one-time key, is signed by its owner, and its keys are keys."""
        try:
            for name, key in [*signed.get("keys", {}).items(), ("curve25519:", signed.get("key"))]:
                if name.startswith("curve25519:") and key is not None:
                    vodozemac.Curve25519PublicKey.from_base64(key)
            return bool(verify(signed, user_key, user_id, device_id))
        except Exception as error:  # noqa: BLE001 - whatever it raises, another user has published it
            log.warning("a key of device %s of %s is none: %s", device_id, user_id, type(error).__name__)
            return False

    olm.verify_json = verify_safely


def _ask_anew(olm: Any, event: Any) -> None:  # noqa: ANN401 - untyped
    """Start a new session with a device whose message was made for a one-time key that we don't have (any more)."""
    try:
        olm._mark_device_for_unwedging(event.sender, event.sender_key)  # noqa: SLF001 - see PRIVATE_NAMES
    except Exception as error:  # noqa: BLE001 - likewise
        log.warning("no new session with %s: %s", event.sender, type(error).__name__)


async def tend(nio: Any) -> None:  # noqa: ANN401 - untyped
    """What encryption needs between two syncs: answer key messages, keep one-time keys on offer, know new devices.

    What fails is still due after the next sync. The network's errors pass.
    """
    await _try("answering key messages", nio.send_to_device_messages)
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
