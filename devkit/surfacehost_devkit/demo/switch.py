"""The homeserver's switch: off and on again, while everything else goes on."""

import asyncio

from surfacehost_devkit.demo.board import Board
from surfacehost_devkit.demo.people import Unsayable
from surfacehost_devkit.homeserver import Homeserver, HomeserverError

STOP_S = 3.0


class Switch:
    """Stops and starts the homeserver, one at a time, and shows on the board how it is."""

    def __init__(self, homeserver: Homeserver, board: Board) -> None:
        self._homeserver = homeserver
        self._board = board
        self._lock = asyncio.Lock()
        self.show("up")

    async def off(self) -> None:
        """Stop it."""
        async with self._lock:
            self.show("stopping")
            await asyncio.to_thread(self._homeserver.stop, STOP_S)
            self.show("down")

    async def on(self) -> None:
        """Start it on the same data and address. Raises Unsayable when it does not start."""
        async with self._lock:
            if self._homeserver.running:
                return
            self.show("starting")
            try:
                await asyncio.to_thread(self._homeserver.start)
            except HomeserverError as error:
                self.show("down")
                raise Unsayable(str(error)) from error
            self.show("up")

    def show(self, state: str) -> None:
        """Say how it is."""
        self._board.put("homeserver", {"state": state, "address": self._homeserver.url})
