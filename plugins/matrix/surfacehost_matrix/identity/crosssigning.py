"""The account's cross-signing: made once, published once, and every device of ours signed with it.

Each step is a look and then a write that may be repeated, in an order that loses nothing at a kill: recovery key and
seeds are on the disk before the homeserver hears of them, and the seeds are in the secret storage before they are
published. What somebody else has made for the account is never replaced.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from surfacehost import NotReady
from surfacehost_matrix import keystore
from surfacehost_matrix.failures import Declined, ProofWanted
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.identity.recovery import read_recovery_key, write_recovery_key
from surfacehost_matrix.identity.seeds import Seeds, is_signed, public_key
from surfacehost_matrix.identity.storage import SecretStorage, key_id
from surfacehost_matrix.private import write_private
from surfacehost_matrix.settings import MatrixSettings

RECOVERY_FILE = "recovery-key"
"""In the surface's own folder, beside the folder of the keys: who loses that has this."""

log = logging.getLogger(__name__)


class Standing(StrEnum):
    """How the account's cross-signing is to us."""

    OURS = "ours"
    """We hold the keys, and our device is signed."""
    FOREIGN = "foreign"
    """The account has keys that we don't hold."""
    UNPUBLISHED = "unpublished"
    """The homeserver did not take ours."""


@dataclass(frozen=True, slots=True)
class Published:
    """What the homeserver shows of a person: cross-signing keys and devices."""

    user_id: str
    master: Mapping[str, Any]
    self_signing: Mapping[str, Any]
    devices: Mapping[str, Mapping[str, Any]]

    @classmethod
    async def of(cls, homeserver: Homeserver, user_id: str) -> Self:
        """Ask for it. Raises NotReady or Declined."""
        answer = await homeserver.call("POST", "keys", "query", body={"device_keys": {user_id: []}})
        return cls.read(answer, user_id)

    @classmethod
    def read(cls, answer: Mapping[str, Any], user_id: str) -> Self:
        """What the *answer* to a query says of one person."""
        parts = [answer.get(part) for part in ("master_keys", "self_signing_keys", "device_keys")]
        of_user = [part.get(user_id) if isinstance(part, Mapping) else None for part in parts]
        master, self_signing, devices = (part if isinstance(part, Mapping) else {} for part in of_user)
        return cls(user_id, master, self_signing, {k: v for k, v in devices.items() if isinstance(v, Mapping)})

    @property
    def master_key(self) -> str | None:
        """The public key that stands for the person."""
        return public_key(self.master)

    def vouches_for(self, device_id: str) -> bool:
        """Whether the person has signed the device: master key over self-signing key over device."""
        master, signing = self.master_key, public_key(self.self_signing)
        if master is None or signing is None or device_id not in self.devices:
            return False
        return is_signed(self.self_signing, self.user_id, master) and is_signed(
            self.devices[device_id], self.user_id, signing
        )


class CrossSigning:
    """One account's; ``settle`` brings everything to where it should be, whatever was done before."""

    def __init__(self, settings: MatrixSettings, folder: Path) -> None:
        """*folder*: the surface's own, in which the recovery key lies."""
        self._settings = settings
        self._file = folder / RECOVERY_FILE
        self.seeds: Seeds | None = None
        """None as long as they are not ours to use."""

    async def settle(self, homeserver: Homeserver) -> Standing:
        """Have our device signed by the account. Raises NotReady when that may go well later, Declined when not."""
        storage = SecretStorage(homeserver)
        published = await Published.of(homeserver, homeserver.user_id)
        seeds = await self._own(homeserver, storage, published)
        if seeds is None:
            return Standing.FOREIGN
        if published.master_key is None and not await self._publish(homeserver, storage, seeds):
            return Standing.UNPUBLISHED
        await sign_device(homeserver, published, seeds)
        self.seeds = seeds
        return Standing.OURS

    async def _own(self, homeserver: Homeserver, storage: SecretStorage, published: Published) -> Seeds | None:
        """The seeds that belong to what is published; new ones where nothing is."""
        kept = homeserver.load_seeds()
        if published.master_key is None:
            return kept or await self._make(homeserver, storage)
        if kept and kept.master.public == published.master_key:
            return kept
        found = await self._recover(storage)
        if found and found.master.public == published.master_key:
            homeserver.save_seeds(found)
            log.info("the cross-signing keys of %s were taken from its secret storage", homeserver.user_id)
            return found
        log.warning(
            "%s has cross-signing keys that are not here, so its device stays unverified: give the account's recovery "
            "key as recovery_key_file",
            homeserver.user_id,
        )
        return None

    async def _make(self, homeserver: Homeserver, storage: SecretStorage) -> Seeds:
        """New seeds, on the disk; and a recovery key, unless the account has a secret storage of somebody else's."""
        if await storage.default_key() is None and self._recovery_key() is None:
            with keystore.keeping(self._file.parent):
                write_private(self._file, write_recovery_key(secrets.token_bytes(32)) + "\n")
        seeds = Seeds.make()
        homeserver.save_seeds(seeds)
        return seeds

    async def _publish(self, homeserver: Homeserver, storage: SecretStorage, seeds: Seeds) -> bool:
        recovery = self._recovery_key()
        if recovery is not None and await storage.default_key() in (None, key_id(recovery)):
            await storage.keep(recovery, seeds)
        else:
            log.warning("the account has a secret storage of its own: the cross-signing keys are in the data alone")
        password = self._settings.password.get_secret_value() if self._settings.password else None
        try:
            await publish(homeserver, seeds, password)
        except ProofWanted as wanted:
            log.warning("%s can't be cross-signed: %s", homeserver.user_id, wanted)
            return False
        log.info("%s is cross-signed; its recovery key is in %s", homeserver.user_id, self._file)
        return True

    async def _recover(self, storage: SecretStorage) -> Seeds | None:
        recovery = self._recovery_key()
        if recovery is None:
            return None
        try:
            return await storage.find(recovery)
        except ValueError as error:
            log.warning("the recovery key does not help: %s", error)
            return None

    def _recovery_key(self) -> bytes | None:
        """The one in the settings, else what we made ourselves."""
        if self._settings.recovery_key is not None:
            return read_recovery_key(self._settings.recovery_key.get_secret_value())
        try:
            return read_recovery_key(self._file.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            log.warning("%s: %s", self._file, error)
            return None


async def publish(homeserver: Homeserver, seeds: Seeds, password: str | None) -> None:
    """Make *seeds* the account's. Raises ProofWanted when the homeserver wants more than the *password*."""
    body: dict[str, Any] = seeds.published(homeserver.user_id)
    path = ("keys", "device_signing", "upload")
    try:
        await homeserver.call("POST", *path, body=body)
    except ProofWanted as wanted:  # Synapse: only when other keys are replaced
        if password is None or not wanted.takes_password:
            raise
        proof = {
            "type": "m.login.password",
            "session": wanted.session,
            "identifier": {"type": "m.id.user", "user": homeserver.user_id},
            "password": password,
        }
        await homeserver.call("POST", *path, body=body | {"auth": proof})


async def sign_device(homeserver: Homeserver, published: Published, seeds: Seeds) -> None:
    """Sign our device, unless it is. Raises NotReady while the homeserver does not show it with the keys we have."""
    device_id, user_id = homeserver.device_id, homeserver.user_id
    shown = published.devices.get(device_id)
    if shown is None or shown.get("keys") != homeserver.device_keys:
        raise NotReady("the homeserver does not show our device yet")
    if is_signed(shown, user_id, seeds.self_signing.public):
        return
    await upload_signature(homeserver, user_id, device_id, seeds.self_signing.sign(user_id, shown))
    log.info("device %s is signed by its account", device_id)


async def upload_signature(homeserver: Homeserver, user_id: str, name: str, signed: Mapping[str, Any]) -> None:
    """Publish the signature on a device or key *name* of *user_id*. Raises NotReady or Declined."""
    answer = await homeserver.call("POST", "keys", "signatures", "upload", body={user_id: {name: signed}})
    if failures := answer.get("failures"):
        raise Declined(400, "", f"the signature of {name} is not taken: {failures}")
