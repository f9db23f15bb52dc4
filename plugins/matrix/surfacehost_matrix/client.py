"""matrix-nio with its retries taken out and its holes closed: nothing that another user sends can end a sync.

nio gives us what is hard (the room model, decryption, key exchange); whom to wait for and when to give up is decided
outside. Private names of nio are used on purpose, and ``PRIVATE_NAMES`` lists them: a test asserts that they exist.
"""

import contextlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakSet

import aiohttp
from nio import (  # type: ignore[import-untyped]  # nio ships no type marker
    Api,
    AsyncClient,
    AsyncClientConfig,
    ErrorResponse,
    KeysClaimResponse,
    KeysUploadResponse,
    ShareGroupSessionResponse,
    SyncResponse,
)
from nio.schemas import RoomRegex, Schemas  # type: ignore[import-untyped]  # likewise

from surfacehost import NotReady
from surfacehost_matrix import crypto, guards
from surfacehost_matrix.failures import check, reaching, read
from surfacehost_matrix.fallback import FallbackKey
from surfacehost_matrix.keystore import NO_ROOM
from surfacehost_matrix.weeding import weed

log = logging.getLogger(__name__)

OPEN = "org.surfacehost."
"""Names in a message's content that are not encrypted with it."""

PRIVATE_NAMES = {
    AsyncClient: (
        "_handle_joined_state",
        "_handle_timeline_event",
        "_handle_invited_rooms",
        "_collect_key_requests",
        "_send",
    )
}


def quiet_nio() -> None:
    """Keep nio's own log lines to what is news: at DEBUG it writes whole answers, access tokens among them."""
    logging.getLogger("nio").setLevel(logging.ERROR)


def accept_short_room_ids() -> None:
    """Let nio's schemas know ids of room version 12, which have no ``:server`` (specification, "Room version 12").

    Without it the defaults of those rooms' parts are not filled in, and one that is missing makes parsing raise.
    """
    sections = Schemas.sync["properties"]["rooms"]["properties"]
    for section in ("join", "invite", "leave"):
        patterns = sections[section]["patternProperties"]
        if RoomRegex in patterns:
            patterns["^!"] = patterns.pop(RoomRegex)


def accept_sparse_events() -> None:
    """Let nio parse encrypted events without the key and the device of their sender.

    Both are deprecated since version 1.3 of the specification (MSC3700); ``guards`` finds out the key.
    """
    Schemas.room_encrypted["properties"]["content"]["required"] = ["algorithm"]
    content = Schemas.room_megolm_encrypted["properties"]["content"]
    content["required"] = ["algorithm", "ciphertext", "session_id"]
    for name in ("sender_key", "device_id"):
        content["properties"][name] = {"type": "string", "default": ""}


class GuardedClient(AsyncClient):  # type: ignore[misc]  # untyped, see above
    """nio's client, asking once and telling at once."""

    def __init__(
        self, url: str, user_id: str, session: aiohttp.ClientSession, *, store: Path | None = None, secret: str = ""
    ) -> None:
        """Speak to *url* through *session*.

        *store* is where encryption keeps its keys, under *secret*; none: no encryption.
        """
        config = AsyncClientConfig(
            max_limit_exceeded=0,  # nio would sleep inside the call, and two sends could overtake each other
            max_timeouts=0,  # nio would retry for ever, bad certificates too
            request_timeout=30,
            store_sync_tokens=False,  # nio saves the token before the events are handled
            encryption_enabled=store is not None,
            pickle_key=secret or "unused",
        )
        super().__init__(url, user_id, store_path=str(store or ""), config=config)
        self.client_session = session
        self.expected: guards.Expected = {}
        """The keys that were asked for."""
        self.fallback: FallbackKey | None = None
        """The device's, once its store is open."""
        self._not_handed_over: set[str] = set()
        self._answers: WeakSet[aiohttp.ClientResponse] = WeakSet()

    async def close(self) -> None:
        """Close the connection and the store; calls that are under way fail."""
        await super().close()
        for answer in self._answers:  # aiohttp would let one that is half read wait for its time to run out
            answer.content.set_exception(aiohttp.ClientConnectionError("the connection is closed"))
        if self.store:
            self.store.database.close()

    def load_store(self) -> None:
        """Open the store of the device and guard its machine."""
        loaded = self.olm
        super().load_store()
        if self.olm is not None and self.olm is not loaded:
            guards.guard(self.olm, lambda: self.expected)
            self.fallback = FallbackKey(self.olm)

    async def send(
        self,
        method: str,
        path: str,
        data: Any = None,  # noqa: ANN401 - as nio has it
        headers: dict[str, str] | None = None,
        trace_context: object = None,  # noqa: ARG002 - nio passes it
        timeout: float | None = None,  # noqa: ASYNC109 - nio passes it
    ) -> aiohttp.ClientResponse:
        """One request; nio's own would open a new session after ``close``, which nobody closes."""
        if getattr(self.client_session, "closed", True):  # nio sets it to None once it has closed it
            raise aiohttp.ClientConnectionError("the connection is closed")
        seconds = self.config.request_timeout if timeout is None else timeout
        response: aiohttp.ClientResponse = await self.client_session.request(
            method,
            self.homeserver + path,
            data=data,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=seconds or None),
            allow_redirects=False,
        )
        self._answers.add(response)
        return response

    async def create_matrix_response(
        self,
        response_class: Any,  # noqa: ANN401 - untyped
        transport_response: aiohttp.ClientResponse,
        data: tuple[Any, ...] | None = None,
        save_to: Any = None,  # noqa: ANN401 - as nio has it
    ) -> Any:  # noqa: ANN401 - any of nio's responses
        """Parse an answer; of a sync that nio can't parse whole, what it can, and what nio leaves out."""
        with reaching(self.homeserver):  # nio takes what is no JSON for an empty object
            body = await read(transport_response)
        if response_class is KeysClaimResponse:  # nio stumbles over a refusal, as over keys of others that are none
            check(self.homeserver, transport_response.status, transport_response.headers, body)
        try:
            response = await super().create_matrix_response(response_class, transport_response, data, save_to)
        except Exception:
            if response_class is not SyncResponse:
                raise
            log.exception("a sync holds events that can't be parsed")
            weed(body)
            response = SyncResponse.from_dict(body)
            response.transport_response = transport_response
        if isinstance(response, SyncResponse):
            response.unused_fallback_keys = body.get("device_unused_fallback_key_types")
        if isinstance(response, ErrorResponse):
            # Nio drops the token then, and takes every refusal to hand keys over for it: the fields are mixed up.
            response.soft_logout = False
        return response

    async def receive_response(self, response: Any) -> None:  # noqa: ANN401 - untyped
        """Take over an answer; of what it changes about the keys everything is stored, or nothing.

        A step of a ratchet that is kept without the key that it brought would cost the key: nothing brings it again.
        """
        with self.store.database.atomic() if self.store else contextlib.nullcontext():
            await super().receive_response(response)
            if self.olm and isinstance(response, SyncResponse):
                self._learn_what_is_offered(response)

    def _learn_what_is_offered(self, response: Any) -> None:  # noqa: ANN401 - untyped
        """How many of our keys the homeserver has. nio takes 0 for "not said", and a quiet sync for one it knows."""
        if (count := response.device_key_count.signed_curve25519) is not None:
            self.olm.uploaded_key_count = count
        if self.fallback:
            self.fallback.told(getattr(response, "unused_fallback_keys", None))

    def encrypt(self, room_id: str, message_type: str, content: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Seal *content*; what begins with our own prefix stays readable for whoever has no keys: ourselves, later."""
        kind, sealed = super().encrypt(room_id, message_type, content)
        return kind, sealed | {key: value for key, value in content.items() if key.startswith(OPEN)}

    async def _handle_invited_rooms(self, response: Any) -> None:  # noqa: ANN401 - untyped
        """Invitations are read from the response; a model of rooms we are not in is of no use."""

    def _handle_joined_state(self, room_id: str, join_info: Any, encrypted_rooms: set[str]) -> None:  # noqa: ANN401
        """Event by event, so that one bad event does not hide the others, encryption being switched on among them."""
        super()._handle_joined_state(room_id, replace(join_info, state=[]), encrypted_rooms)
        for event in join_info.state:
            self._mark_encrypted(room_id, event, encrypted_rooms)
            try:
                super()._handle_joined_state(room_id, _only(join_info, event), encrypted_rooms)
            except NO_ROOM:
                raise
            except Exception:
                log.exception("a state event of %s can't be used; it is skipped", room_id)

    def _handle_timeline_event(
        self,
        event: Any,  # noqa: ANN401 - untyped
        room_id: str,
        room: Any,  # noqa: ANN401 - untyped
        encrypted_rooms: set[str],
    ) -> Any:  # noqa: ANN401 - untyped
        self._mark_encrypted(room_id, event, encrypted_rooms)
        try:
            return super()._handle_timeline_event(event, room_id, room, encrypted_rooms)
        except NO_ROOM:
            raise
        except Exception:
            log.exception("an event of %s can't be used; it is skipped", room_id)
            return None

    def _mark_encrypted(self, room_id: str, event: Any, encrypted_rooms: set[str]) -> None:  # noqa: ANN401 - untyped
        """Encryption is on once the event is there, whatever stands in it: nio ignores one with odd content."""
        source = getattr(event, "source", None) or {}
        if source.get("type") == "m.room.encryption" and source.get("state_key") == "":
            self.rooms[room_id].encrypted = True
            encrypted_rooms.add(room_id)

    async def keys_upload(self) -> Any:  # noqa: ANN401 - untyped
        """Offer one-time keys; gives up those that the homeserver has from a state of the store that is lost."""
        answer = await super().keys_upload()
        if answer.transport_response.status == 400 and "already exists" in (answer.message or ""):
            log.error(
                "the homeserver has one-time keys that our store, an older copy, does not know; they are given up"
            )
            self.olm.account.mark_keys_as_published()
            self.olm.save_account()
            answer = await super().keys_upload()
        return answer

    async def offer_fallback_key(self) -> Any:  # noqa: ANN401 - untyped
        """Offer the key for when one-time keys are used up, where it is due."""
        if self.fallback and self.fallback.is_due:
            return await self.fallback.offer(self._upload_keys)
        return None

    async def _upload_keys(self, keys: dict[str, Any]) -> Any:  # noqa: ANN401 - untyped
        return await self._send(KeysUploadResponse, *Api.keys_upload(self.access_token, keys))

    async def keys_query(self) -> None:
        """Ask for the devices of those we have to know; one user's odd devices don't hide everybody else's."""
        await crypto.ask_devices(self.olm, super().keys_query)

    async def keys_claim(self, user_set: dict[str, Any]) -> None:
        """Start sessions with devices; one user's odd keys don't keep us from everybody else."""
        await crypto.claim(super().keys_claim, user_set)

    async def _collect_key_requests(self) -> None:
        try:
            await super()._collect_key_requests()
        except NO_ROOM:
            raise
        except Exception:
            log.exception("a request for keys can't be handled")

    async def _send(self, response_class: Any, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - untyped
        if response_class is not ShareGroupSessionResponse:
            return await super()._send(response_class, *args, **more)
        room = more["response_data"][0]
        try:
            answer = await super()._send(response_class, *args, **more)
        except Exception:
            self._not_handed_over.add(room)
            raise
        if answer.transport_response.status >= 300:
            self._not_handed_over.add(room)
        return answer

    async def share_group_session(self, room_id: str, ignore_unverified_devices: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - nio's
        """Hand the room's key to its members' devices, or raise.

        nio takes keys as handed over whatever became of the requests, and blocks the room when it is cancelled.
        """
        if room_id in self.sharing_session:
            return await super().share_group_session(room_id, ignore_unverified_devices)  # which raises
        self._not_handed_over.discard(room_id)
        try:
            answer = await super().share_group_session(room_id, ignore_unverified_devices)
        except BaseException:
            crypto.release_waiting(self.sharing_session, room_id)
            self.olm.outbound_group_sessions.pop(room_id, None)
            raise
        if room_id in self._not_handed_over:
            self.olm.outbound_group_sessions.pop(room_id, None)
            raise NotReady(f"the keys of {room_id} could not be handed over")
        return answer


def _only(join_info: Any, event: Any) -> Any:  # noqa: ANN401 - untyped
    return replace(join_info, state=[event], summary=None, unread_notifications=None)
