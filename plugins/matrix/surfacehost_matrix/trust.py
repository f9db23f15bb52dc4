"""The state of trust of an account, for whoever asks how it is: what others see of it, and what it can't read.

It needs the account's access token and notes, and no key of its own, so it may be asked beside a running host.
"""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from surfacehost import Finding, Memory
from surfacehost_matrix.chats import ROOM
from surfacehost_matrix.device import Login
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.identity.crosssigning import RECOVERY_FILE, Published
from surfacehost_matrix.identity.seeds import FILE
from surfacehost_matrix.settings import MatrixSettings
from surfacehost_matrix.unread import UNREAD

FEW_KEYS = 10
"""One-time keys on offer below which somebody may soon find none."""
MOST_ROOMS = 50
"""Whose members are looked at."""


async def state_of_trust(
    homeserver: Homeserver, login: Login, settings: MatrixSettings, memory: Memory, data_dir: Path
) -> list[Finding]:
    """What there is to say about the encryption of the account that *login* is of.

    *homeserver* need not have adopted the login, nor hold the keys; *data_dir* is the surface's own. Raises NotReady
    and Declined.
    """
    look = _Look(homeserver, login.access_token)
    device_id = login.device_id or await look.device_id()
    ours, *owners = await look.people([login.user_id, *(one for one in settings.owners if one != login.user_id)])
    return [
        _cross_signing(ours, device_id, data_dir),
        _recovery(ours, settings, data_dir),
        _owners(owners, login.user_id),
        await look.one_time_keys(),
        _unread(await memory.items(UNREAD)),
        await look.unsigned_devices((key.removeprefix(ROOM) for key in await memory.items(ROOM)), login.user_id),
    ]


class _Look:
    """Asks the homeserver, with the token of a login."""

    def __init__(self, homeserver: Homeserver, token: str) -> None:
        self._homeserver = homeserver
        self._token = token

    async def device_id(self) -> str:
        return str((await self._homeserver.call("GET", "account", "whoami", token=self._token)).get("device_id", ""))

    async def people(self, users: Iterable[str]) -> list[Published]:
        wanted = [*users]
        body: Mapping[str, Mapping[str, list[str]]] = {"device_keys": {user: [] for user in wanted}}
        answer = await self._homeserver.call("POST", "keys", "query", body=body, token=self._token)
        return [Published.read(answer, user) for user in wanted]

    async def one_time_keys(self) -> Finding:
        answer = await self._homeserver.call("POST", "keys", "upload", body={}, token=self._token)
        counts = answer.get("one_time_key_counts")
        left = int(counts.get("signed_curve25519", 0)) if isinstance(counts, Mapping) else 0
        what = f"{left} one-time keys are on offer"
        if left >= FEW_KEYS:
            return Finding(level="ok", what=what)
        return Finding(
            level="warn",
            what=f"{what}: soon nobody can begin to write to the bot",
            remedy="the running host offers more",
        )

    async def unsigned_devices(self, rooms: Iterable[str], me: str) -> Finding:
        """Devices that get our keys and that their owners have not signed."""
        members: set[str] = set()
        for room in sorted(rooms)[:MOST_ROOMS]:
            members |= await self._members_if_encrypted(room)
        people = await self.people(sorted(members - {me})) if members - {me} else []
        unsigned = sum(not one.vouches_for(device) for one in people for device in one.devices)
        what = f"{unsigned} devices of {len(people)} people in encrypted rooms are not signed by their owners"
        return Finding(level="ok", what=what)

    async def _members_if_encrypted(self, room: str) -> set[str]:
        try:
            await self._homeserver.call("GET", "rooms", room, "state", "m.room.encryption", "", token=self._token)
            answer = await self._homeserver.call("GET", "rooms", room, "joined_members", token=self._token)
        except Declined as refusal:
            if blame := refusal.blames_account():
                raise blame from refusal
            return set()  # not encrypted, or we are there no more
        return set(answer.get("joined", ()))


def _cross_signing(ours: Published, device_id: str, data_dir: Path) -> Finding:
    if ours.master_key is None:
        what = "the account is not cross-signed: clients may keep their keys from the bot"
        return Finding(level="warn", what=what, remedy="start the host; if that is done, its log says why not")
    if ours.vouches_for(device_id):
        what = f"device {device_id} is signed by its account, whose master key is {ours.master_key}"
        return Finding(level="ok", what=what)
    elsewhere = "by keys that are not ours" if (data_dir / "crypto" / FILE).exists() else "elsewhere"
    return Finding(
        level="warn",
        what=f"device {device_id} is not signed: the account was cross-signed {elsewhere}",
        remedy="give the account's recovery key as recovery_key_file",
    )


def _recovery(ours: Published, settings: MatrixSettings, data_dir: Path) -> Finding:
    file = data_dir / RECOVERY_FILE
    if settings.recovery_key is not None:
        return Finding(level="ok", what="the recovery key is the one in the settings")
    if file.exists():
        return Finding(level="ok", what=f"the recovery key is in {file}", remedy="keep a copy elsewhere")
    if ours.master_key is None:
        return Finding(level="ok", what="there is no recovery key yet")
    what = "there is no recovery key here: with the data the account's signing keys would be lost"
    return Finding(level="warn", what=what, remedy="give the account's recovery key as recovery_key_file")


def _owners(owners: Iterable[Published], me: str) -> Finding:
    """Whose master key bears our signature: it is made when they have verified the bot, and shown to us alone."""
    verified = [owner.user_id for owner in owners if me in (owner.master.get("signatures") or {})]
    return Finding(level="ok", what=f"verified by {', '.join(verified)}" if verified else "verified by no owner")


def _unread(unread: Mapping[str, Mapping[str, float]]) -> Finding:
    if not unread:
        return Finding(level="ok", what="no message waits for its key")
    hours = max(0, time.time() - min(note["at"] for note in unread.values())) / 3600  # the clock may have been set
    what = f"{len(unread)} messages wait for their keys, the oldest for {hours:.1f} hours"
    return Finding(level="warn", what=what, remedy="people may write again; what is a week old is given up")
