"""nio's machine for end-to-end encryption with its holes closed.

Each guard stands for something that any user, or a crash at the wrong moment, can do to nio 0.26:

- a to-device event or a room event that can't be decrypted, or decrypts to something odd, ends the sync;
- keys of a device that are no keys end a query for devices, and with it every send into the rooms of its owner;
- an encrypted payload of a state event's type is applied to the model of the room: rights and members can be forged;
- what one has sealed can be sent by another, and counts as said by that one;
- keys that reached the homeserver before they reached our disk are refused at every later upload;
- a key that somebody forwards is believed, or never asked for.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import vodozemac
from nio import ForwardedRoomKeyEvent  # type: ignore[import-untyped]  # nio ships no type marker
from nio.crypto import Olm  # type: ignore[import-untyped]  # likewise

from surfacehost_matrix.keystore import NO_ROOM

PRIVATE_NAMES = {
    Olm: (
        "_decrypt_megolm_no_error",
        "handle_to_device_event",
        "share_keys",
        "save_account",
        "should_share_group_session",
        "_mark_device_for_unwedging",
        "verify_json",
        "_handle_forwarded_room_key_event",
        "_import_group_session",
        "check_if_wedged",
        "handle_key_verification",
    )
}

Expected = Mapping[tuple[str, str], tuple[str, str]]
"""Who has sent what lacks a key, and with which key if that is told: by the room and the id of the session."""

log = logging.getLogger(__name__)


def guard(olm: Any, expected: Callable[[], Expected]) -> None:  # noqa: ANN401 - untyped
    """Close the holes of one machine; *expected* are the keys that were asked for."""
    _guard_room_events(olm)
    _guard_device_events(olm)
    _guard_keys(olm)
    _guard_forwarded_keys(olm, expected)
    olm.handle_key_verification = lambda _event: None  # ``identity.verification`` does that, as others understand it
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
            event.sender_key = event.sender_key or _maker(olm, room_id or event.room_id, event)
            if not event.sender_key:
                return None
            clear = decrypt(event, room_id)
        except NO_ROOM:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it raises, another user has sent it
            log.warning("%s can't be decrypted: %s", event.event_id, type(error).__name__)
            return None
        if clear is not None and _is_anothers(olm, event):
            log.warning("%s was sealed by somebody else than %s, who sends it", event.event_id, event.sender)
            return None
        source = getattr(clear, "source", None) or {}
        kind = str(source.get("type", ""))
        if "state_key" in source or (kind.startswith(("m.room.", "m.space.")) and kind != "m.room.message"):
            log.warning("%s poses as %s; state is never encrypted", event.event_id, kind)
            return None
        return clear

    olm._decrypt_megolm_no_error = decrypt_safely  # noqa: SLF001 - see PRIVATE_NAMES


def _maker(olm: Any, room_id: str, event: Any) -> str:  # noqa: ANN401 - untyped
    """The key of the device that has made the session of *event*, which does not tell; empty where we have no session.

    Somebody else may have handed on that session as theirs: who has sent the event comes first.
    """
    made = [key for key, sessions in olm.inbound_group_store[room_id].items() if event.session_id in sessions]
    theirs = {device.curve25519 for device in olm.device_store.active_user_devices(event.sender)}
    return next((key for key in made if key in theirs), next(iter(made), ""))


def _is_anothers(olm: Any, event: Any) -> bool:  # noqa: ANN401 - untyped
    """Whether a device of another one than the sender has made the session of *event*, as far as we know devices.

    Whoever sends an event again, or a homeserver that names another sender, would put words into somebody's mouth
    (specification, "Validation of incoming decrypted events").
    """
    makers = {device.user_id for device in olm.device_store if device.curve25519 == event.sender_key}
    return bool(makers) and event.sender not in makers


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


def _guard_forwarded_keys(olm: Any, expected: Callable[[], Expected]) -> None:  # noqa: ANN401 - untyped
    """Take a key that was asked for from the device that has made it, and from nobody else.

    A forwarded key bears no signature of the session's maker: whoever forwards it can make up whose it is, and with it
    what that person has said (specification, "Key requests"). nio takes them from verified devices of ours alone, and
    asks by itself whenever it stumbles over an event: ``keyrequests`` does that, once.
    """

    def take(sender: str, sender_key: str, payload: dict[str, Any]) -> Any:  # noqa: ANN401 - one of nio's events
        event = ForwardedRoomKeyEvent.from_dict(payload, sender, sender_key)
        if not isinstance(event, ForwardedRoomKeyEvent):
            return event
        content, signing_key = payload["content"], payload["keys"]["ed25519"]
        is_makers = content["sender_key"] == sender_key and content["sender_claimed_ed25519_key"] == signing_key
        wanted_of, wanted_key = expected().get((event.room_id, event.session_id), ("", ""))
        if not is_makers or wanted_of != sender or wanted_key not in ("", sender_key):
            log.warning("%s forwards a key that is not theirs, or was not asked for", sender)
            return None
        session = olm._import_group_session(  # noqa: SLF001 - see PRIVATE_NAMES
            content["session_key"], signing_key, sender_key, event.room_id, []
        )
        if session is None or session.id != event.session_id:
            return None
        if olm.inbound_group_store.add(session):
            olm.save_inbound_group_session(session)
        return event

    def note_wedged(event: Any) -> None:  # noqa: ANN401 - one of nio's events
        device = olm.device_store[event.sender].get(event.device_id)
        if device is None:
            olm.users_for_key_query.add(event.sender)
        elif device in olm.wedged_devices:  # asked again once there is a new session with it
            olm.key_re_requests_events[(device.user_id, device.device_id)].append(event)

    olm._handle_forwarded_room_key_event = take  # noqa: SLF001 - see PRIVATE_NAMES
    olm.check_if_wedged = note_wedged


def _ask_anew(olm: Any, event: Any) -> None:  # noqa: ANN401 - untyped
    """Start a new session with a device whose message was made for a one-time key that we don't have (any more)."""
    try:
        olm._mark_device_for_unwedging(event.sender, event.sender_key)  # noqa: SLF001 - see PRIVATE_NAMES
    except Exception as error:  # noqa: BLE001 - likewise
        log.warning("no new session with %s: %s", event.sender, type(error).__name__)
