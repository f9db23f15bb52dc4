"""The device that the account speaks through: who it is, which keys it has, and what it can read."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nio import (  # type: ignore[import-untyped]  # nio ships no type marker
    EncryptionError,
    ErrorResponse,
    Event,
    LocalProtocolError,
    MegolmEvent,
)

from surfacehost import NotReady, Refused
from surfacehost_matrix.failures import check, reaching, read
from surfacehost_matrix.guards import Expected
from surfacehost_matrix.identity.seeds import Seeds
from surfacehost_matrix.keystore import UNREADABLE, inherit, keeping, storing, take_up
from surfacehost_matrix.pace import Pace
from surfacehost_matrix.requests import CALL_S, Requests

LONGEST_NAME = 255
"""Characters by which a key or a device may be called; real ones take 43, and a request for a key repeats them."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A device of the account and the secret that speaks for it."""

    user_id: str
    device_id: str
    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    """What the next access token is asked for with; empty: this one lasts."""
    expires_at: float = 0.0
    """When the access token does, in seconds since the epoch; 0: nobody said."""


class Device(Requests):
    """One device of an account, once it has adopted a login."""

    def __init__(self, url: str, user_id: str, keys: Path, pace: Pace | None = None, *, encrypts: bool) -> None:
        """Speak to *url*; the keys are in the folder *keys* where it *encrypts*."""
        super().__init__(url, pace)
        self.user_id = user_id
        self.encrypts = encrypts
        self._keys = keys
        self._secret = ""
        self.turn = 0
        """How often the keys were taken up."""

    def adopt(self, login: Login) -> None:
        """Go on as the device of *login*. Raises Refused when its keys can't be read, NotReady without room."""
        self._token = login.access_token
        try:
            with storing():
                self.nio.restore_login(login.user_id, login.device_id, login.access_token)
            self.turn = take_up(self._keys) if self.encrypts else 0
        except UNREADABLE as error:
            raise Refused(
                f"the keys in {self._keys} can't be read: {error}; remove the folder to begin anew"
            ) from error

    def renew(self, login: Login) -> None:
        """Go on with another access token of the same device."""
        self._token = self.nio.access_token = login.access_token

    def inherit(self, device_id: str) -> None:
        """Take over the keys of rooms that the account's earlier device *device_id* had been given."""
        with storing():
            inherit(self.nio.olm, self._keys, device_id)

    async def collect_keys(self, since: str | None) -> None:
        """Take the keys that wait for the device, and nothing else."""
        only_keys: dict[str, Any] = {"room": {"rooms": []}, "presence": {"types": []}, "account_data": {"types": []}}
        while since is not None:
            response = await self._nio(self.nio.sync(timeout=0, sync_filter=only_keys, since=since))
            since = response.next_batch if response.to_device_events else None

    @property
    def identity_key(self) -> str:
        """The public key that others encrypt to for this device."""
        return str(self.nio.olm.account.identity_keys["curve25519"])

    @property
    def device_id(self) -> str:
        """Which device of the account we are."""
        return str(self.nio.device_id)

    @property
    def device_keys(self) -> dict[str, str]:
        """The device's public keys as they are published."""
        keys = self.nio.olm.account.identity_keys
        return {f"{kind}:{self.device_id}": keys[kind] for kind in ("curve25519", "ed25519")}

    def devices_of(self, user_id: str) -> dict[str, str]:
        """The devices of a person that we know, and the public key that each is encrypted to by."""
        return {device.id: device.curve25519 for device in self.nio.device_store.active_user_devices(user_id)}

    def expect_keys(self, expected: Expected) -> None:
        """Take forwarded keys where they are *expected*, and nowhere else."""
        self.nio.expected = expected

    def load_seeds(self) -> Seeds | None:
        """The account's signing keys as we hold them. Raises Refused when they can't be read."""
        try:
            return Seeds.load(self._keys, self._secret)
        except ValueError as error:
            raise Refused(f"the account's signing keys in {self._keys} can't be read: {error}") from error

    def save_seeds(self, seeds: Seeds) -> None:
        """Hold *seeds* beside the device's keys. Raises NotReady without room."""
        with keeping(self._keys):
            seeds.save(self._keys, self._secret)

    def publish_keys(self) -> None:
        """Have the device's keys published after the next sync, even if that was done before."""
        self.nio.olm.account.shared = False

    def decrypt(self, room: str, raw: Mapping[str, Any]) -> Any | None:  # noqa: ANN401 - one of nio's events
        """The event that *raw* is in clear; None as long as its key is missing."""
        event = _sealed(raw)
        if self.nio.olm is None or event is None:
            return None
        event.room_id = room
        with storing():
            return self.nio.olm._decrypt_megolm_no_error(event)  # noqa: SLF001 - see guards.PRIVATE_NAMES

    def is_sealed(self, raw: Mapping[str, Any]) -> bool:
        """Whether *raw* can be read once its key has come; not where it names a key by what no key is called."""
        if self.nio.olm is None or (event := _sealed(raw)) is None:
            return False
        names = (event.session_id, event.sender_key, event.device_id)
        return all(len(str(name or "")) <= LONGEST_NAME for name in names)

    def _in_clear(self, room: str, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        clear = self.decrypt(room, raw) if raw.get("type") == "m.room.encrypted" else None
        return getattr(clear, "source", None) or raw

    async def _nio(self, call: Awaitable[Any], limit_s: float = CALL_S) -> Any:  # noqa: ANN401 - nio's responses
        with reaching(self.url), storing():
            async with asyncio.timeout(limit_s):
                try:
                    answer = await call
                except (LocalProtocolError, EncryptionError) as error:
                    # Among others "not logged in": nio drops the token on a soft logout.
                    raise NotReady(f"nio can't do this now: {error}") from error
                transport = answer.transport_response
                body = None if 200 <= transport.status < 300 else await read(transport)
        check(self.url, transport.status, transport.headers, body)
        if isinstance(answer, ErrorResponse):
            raise NotReady(f"{self.url} gives an answer that is no Matrix")
        return answer


def _sealed(raw: Mapping[str, Any]) -> Any | None:  # noqa: ANN401 - nio's MegolmEvent
    try:
        event = Event.parse_event(dict(raw))
    except Exception as error:  # noqa: BLE001 - whatever it raises, another user has sent it
        log.warning("%s can't be parsed: %s", raw.get("event_id"), type(error).__name__)
        return None
    return event if isinstance(event, MegolmEvent) else None
