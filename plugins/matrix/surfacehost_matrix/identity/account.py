"""What an account does about its identity while it is connected, beside reading and writing."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from surfacehost import NotReady, Refused
from surfacehost_matrix.chats import Chats
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.identity.crosssigning import CrossSigning
from surfacehost_matrix.identity.verification import Verification
from surfacehost_matrix.settings import MatrixSettings

AGAIN_S = 30.0
"""Between attempts to be cross-signed, where the homeserver does not say."""

log = logging.getLogger(__name__)


class Identity:
    """Cross-signing and verification of one account. Neither ever ends its reading and writing."""

    def __init__(self, settings: MatrixSettings, folder: Path, chats: Chats) -> None:
        """*folder*: the surface's own, for the recovery key."""
        self._crosssigning = CrossSigning(settings, folder)
        self.verification = Verification(settings.owners, self._crosssigning, chats)

    @asynccontextmanager
    async def keeping(self, homeserver: Homeserver) -> AsyncIterator[None]:
        """Have the device signed, and answer who wants to verify it, while the body runs."""
        tasks = [asyncio.create_task(self._keep(homeserver))] if homeserver.encrypts else []
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, homeserver: Homeserver) -> None:
        try:
            await self._be_signed(homeserver)
            await self.verification.run(homeserver)
        except Exception:
            log.exception("cross-signing is given up until the next connection, and verification with it")

    async def _be_signed(self, homeserver: Homeserver) -> None:
        while True:
            try:
                await self._crosssigning.settle(homeserver)
            except NotReady as error:
                log.info("the device can't be cross-signed yet: %s", error)
                await asyncio.sleep(error.retry_after or AGAIN_S)
            except (Declined, Refused) as refusal:
                log.warning("the device is not cross-signed: %s", refusal)
                return
            else:
                return
