"""An owner verifies the bot: both compare seven emoji, and from then on each vouches for the other.

Client-server specification, "Key verification framework". The bot answers requests, to its device or in a room, and
starts none. Owners alone: every step is an event that the bot sends, and in a room those count towards its rate limit.

The bot has no eyes, so the owner compares for both: it shows its emoji in the chat and in the log, and says that they
are the same when the owner's client has said so. A command (``/verify yes``) would prove no more than that: it comes by
the same way. Who can change what stands in the chat can show any emoji there, so the log, which only the operator
reads, is what to compare with when the homeserver is not trusted.

What goes on here is not kept: a verification that a restart interrupts is cancelled, and the owner asks again.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from surfacehost import NotReady, Undeliverable
from surfacehost_matrix.chats import Chats
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.identity.crosssigning import CrossSigning, Published, upload_signature
from surfacehost_matrix.identity.sas import METHOD, Broken, Comparison, Party
from surfacehost_matrix.jsonparts import seconds

KINDS = "m.key.verification."
FAILURE = "org.surfacehost.failure"
"""The code of what is our own fault: the specification has none for it, and lets us name one."""
LIFE_S = 600.0
"""How long after its request a verification is over, whatever happened (specification: ten minutes)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event of a verification."""

    sender: str
    kind: str
    """Such as ``start``."""
    id: str
    """Which verification it belongs to."""
    content: Mapping[str, Any]
    room: str = ""
    """None when it was sent to our device."""
    at: float = 0.0
    """When it was sent, in seconds since the epoch, as far as it says."""


def read_step(raw: Mapping[str, Any], room: str = "", *, me: str) -> Step | None:
    """The step that *raw* is; None for anything else, or what is not for us."""
    content, sender, kind = raw.get("content"), raw.get("sender"), str(raw.get("type", ""))
    if not isinstance(content, Mapping) or not isinstance(sender, str) or sender == me:
        return None
    identity, stamp = content.get("transaction_id"), content.get("timestamp")
    if room:
        relation = content.get("m.relates_to")
        identity, stamp = relation.get("event_id") if isinstance(relation, Mapping) else "", raw.get("origin_server_ts")
        if kind == "m.room.message" and content.get("to") == me:
            kind, identity = str(content.get("msgtype", "")), raw.get("event_id")
    if not kind.startswith(KINDS) or not isinstance(identity, str) or not identity:
        return None
    kind = kind.removeprefix(KINDS)
    return Step(sender=sender, kind=kind, id=identity, content=content, room=room, at=seconds(stamp))


@dataclass(slots=True)
class Flow:
    """A verification that is going on."""

    request: Step
    device_id: str
    person: Published
    began: float = field(default_factory=time.monotonic)
    comparison: Comparison | None = None


class Verification:
    """All that are going on with one account."""

    def __init__(self, owners: Sequence[str], crosssigning: CrossSigning, chats: Chats) -> None:
        self._owners = frozenset(owners)
        self._crosssigning = crosssigning
        self._chats = chats
        self._flows: dict[tuple[str, str], Flow] = {}
        self._due: asyncio.Queue[Step] = asyncio.Queue()

    def hear(self, steps: Iterable[Step]) -> None:
        """Take *steps* up; they are answered by ``run``, so that no sync waits for it."""
        for step in steps:
            if step.sender in self._owners:
                self._due.put_nowait(step)
            elif step.kind == "request":
                log.info("%s asks to verify the bot, and is no owner: not answered", step.sender)

    async def run(self, homeserver: Homeserver) -> None:
        """Answer what is heard, one after another, until cancelled."""
        self._flows.clear()
        while True:
            step = await self._due.get()
            try:
                await self._take(homeserver, step)
            except Broken as broken:
                await self._cancel(homeserver, step, broken)
            except (NotReady, Declined, Undeliverable) as error:
                log.warning("the verification with %s is broken off: %s", step.sender, error)
                self._flows.pop((step.sender, step.id), None)
            except Exception:
                log.exception("a verification with %s fails; others go on", step.sender)
                await self._cancel(homeserver, step, Broken(FAILURE, "The bot can't go on: ask again"))

    async def _take(self, homeserver: Homeserver, step: Step) -> None:
        key = step.sender, step.id
        self._flows = {one: flow for one, flow in self._flows.items() if time.monotonic() - flow.began < LIFE_S}
        if step.kind == "request":
            await self._agree(homeserver, step)
        elif step.kind in ("cancel", "done"):
            if self._flows.pop(key, None):
                log.info("the verification with %s ends: %s", step.sender, step.content.get("reason", step.kind))
        elif flow := self._flows.get(key):
            await self._go_on(homeserver, flow, step)
        elif step.kind in ("start", "key", "mac") and not _is_old(step):
            raise Broken("m.unknown_transaction", "The verification is not known here (any more): ask again")

    async def _agree(self, homeserver: Homeserver, step: Step) -> None:
        device_id, methods = step.content.get("from_device"), step.content.get("methods")
        if (step.sender, step.id) in self._flows:
            return
        if _is_old(step):
            told = (
                "%s asked to verify the bot %.0f minutes ago by this machine's clock: not answered; is the clock right?"
            )
            log.warning(told, step.sender, (time.time() - step.at) / 60)
            return
        if not isinstance(methods, list) or METHOD not in methods:
            raise Broken("m.unknown_method", "The bot compares emoji, and nothing else")
        person = await Published.of(homeserver, step.sender)
        if not isinstance(device_id, str) or device_id not in person.devices:
            raise Broken("m.invalid_message", "The device is not known")
        flow = self._flows[step.sender, step.id] = Flow(step, device_id, person)
        await self._send(homeserver, flow, "ready", {"from_device": homeserver.device_id, "methods": [METHOD]})

    async def _go_on(self, homeserver: Homeserver, flow: Flow, step: Step) -> None:
        match step.kind:
            case "start" if flow.comparison is None and step.content.get("from_device") == flow.device_id:
                us, them = self._us(homeserver), _them(flow)
                flow.comparison = Comparison(flow.request.id, us, them)
                await self._send(homeserver, flow, "accept", flow.comparison.accept(step.content))
            case "key" if flow.comparison:
                ours, emoji = flow.comparison.exchange(step.content.get("key"))
                await self._send(homeserver, flow, "key", ours)
                await self._show(homeserver, flow, emoji)
            case "mac" if flow.comparison:
                vouched = flow.comparison.check(step.content)
                await self._send(homeserver, flow, "mac", flow.comparison.vouch())
                await self._vouch_for(homeserver, flow.person, vouched)
                await self._send(homeserver, flow, "done", {})
                del self._flows[step.sender, step.id]
            case "start" | "key" | "mac":
                raise Broken("m.unexpected_message", f"{step.kind} is not due")

    async def _show(self, homeserver: Homeserver, flow: Flow, emoji: Sequence[tuple[str, str]]) -> None:
        """Let the owner see our emoji: in the log, and in the chat where there is one."""
        text = " · ".join(f"{symbol} {name}" for symbol, name in emoji)
        log.info("verification with %s: compare %s", flow.request.sender, text)
        room = flow.request.room or next(iter(self._chats.direct_chats(flow.request.sender)), None)
        if room is not None:
            notice = {"msgtype": "m.notice", "body": text, "m.mentions": {}}
            transaction = _transaction(flow.request.id, "emoji")
            await homeserver.paced(lambda: homeserver.send_message(room, notice, transaction=transaction))

    async def _vouch_for(self, homeserver: Homeserver, person: Published, vouched: frozenset[str]) -> None:
        """Sign the owner's master key, if that is among what was compared."""
        seeds = self._crosssigning.seeds
        master = person.master_key
        if seeds is None or master is None or f"ed25519:{master}" not in vouched:
            log.info("%s is verified for this device alone", person.user_id)
            return
        signed = seeds.user_signing.sign(homeserver.user_id, person.master)
        await upload_signature(homeserver, person.user_id, master, signed)
        log.info("%s is verified, and the bot vouches for them", person.user_id)

    async def _cancel(self, homeserver: Homeserver, step: Step, broken: Broken) -> None:
        log.warning("the verification with %s is cancelled: %s", step.sender, broken)
        flow = self._flows.pop((step.sender, step.id), None)
        device_id = flow.device_id if flow else str(step.content.get("from_device") or "*")
        content = {"code": broken.code, "reason": broken.reason}
        try:
            await _send(homeserver, step, device_id, "cancel", content)
        except (NotReady, Declined, Undeliverable) as error:
            log.warning("%s could not be told so: %s", step.sender, error)

    async def _send(self, homeserver: Homeserver, flow: Flow, kind: str, content: Mapping[str, Any]) -> None:
        await _send(homeserver, flow.request, flow.device_id, kind, content)

    def _us(self, homeserver: Homeserver) -> Party:
        """Our device, and the account where it is ours to speak for."""
        name = f"ed25519:{homeserver.device_id}"
        keys = {name: homeserver.device_keys[name]}
        if seeds := self._crosssigning.seeds:
            keys[f"ed25519:{seeds.master.public}"] = seeds.master.public
        return Party(homeserver.user_id, homeserver.device_id, keys)


def _them(flow: Flow) -> Party:
    """The owner as the homeserver shows them: it is what the comparison confirms."""
    person, name = flow.person, f"ed25519:{flow.device_id}"
    shown = flow.person.devices[flow.device_id].get("keys")
    keys = {name: shown[name]} if isinstance(shown, Mapping) and isinstance(shown.get(name), str) else {}
    if master := person.master_key:
        keys[f"ed25519:{master}"] = master
    return Party(person.user_id, flow.device_id, keys)


async def _send(homeserver: Homeserver, step: Step, device_id: str, kind: str, content: Mapping[str, Any]) -> None:
    """Send an event of the verification that *step* belongs to, the way it came."""
    transaction = _transaction(step.id, kind)
    if step.room:
        body = {**content, "m.relates_to": {"rel_type": "m.reference", "event_id": step.id}}
        await homeserver.paced(lambda: homeserver.send_event(step.room, KINDS + kind, body, transaction=transaction))
    else:
        body = {**content, "transaction_id": step.id}
        await homeserver.send_to_device(step.sender, device_id, KINDS + kind, body, transaction=transaction)


def _transaction(verification: str, kind: str) -> str:
    return hashlib.sha256(f"{verification} {kind}".encode()).hexdigest()[:32]


def _is_old(step: Step) -> bool:
    """Whether it was sent before all that can be going on; a step that does not say is taken as new."""
    return bool(step.at) and time.time() - step.at > LIFE_S
