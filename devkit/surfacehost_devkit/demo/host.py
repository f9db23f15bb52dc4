"""The real ``surfacehost run`` as a child: kept running, killed on demand, and watched through its own pages."""

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path

import httpx

from surfacehost_devkit.demo.board import Board
from surfacehost_devkit.demo.child import Child
from surfacehost_devkit.demo.failure import DemoFailed, log_tail
from surfacehost_devkit.demo.ways import WayBook
from surfacehost_devkit.plain import NO_TLS

START_S = 60.0
STOP_S = 4.0
DOWN_S = 4.0
"""How long it stays down after it was killed: long enough to write something meanwhile."""
LOOK_S = 0.15
"""How often its status is looked at while a page is open; nothing tells but looking."""
LOOK_UNREAD_S = 2.0


class DemoHost:
    """One host on one folder and address, over all its lives."""

    def __init__(self, folder: Path, port: int, board: Board) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.log = folder / "host.log"
        self._folder = folder
        self._board = board
        self._ways = WayBook(board)
        self._child: Child | None = None
        self._lives = 0
        self._wanted = asyncio.Event()
        self._http = httpx.AsyncClient(base_url=self.address, trust_env=False, timeout=5, verify=NO_TLS)

    async def start(self) -> None:
        """Start it and wait until everything it is to do can be done. Raises DemoFailed with its log."""
        child = await self._begin()
        try:
            async with asyncio.timeout(START_S):
                while not await self._is_ready():
                    if not child.runs:
                        raise DemoFailed(f"the host ended with code {await child.ended()}.\n{log_tail(self.log)}")
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            reasons = self._board.get("host").get("ready", {})
            problem = f"the host is not ready after {START_S:g} s: {reasons}.\n{log_tail(self.log)}"
            raise DemoFailed(problem) from None

    async def keep_running(self) -> None:
        """Start it again whenever it has ended."""
        while self._child is not None:
            code = await self._child.ended()
            self._ways.interrupt()
            self._show(state="down", code=code, back_at=time.time() + DOWN_S)
            self._wanted.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DOWN_S):
                    await self._wanted.wait()
            await self._begin()

    async def watch(self) -> None:
        """Look at its status page for ever, and show what that says."""
        while True:
            await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_UNREAD_S):
                    await self._board.read.wait()
            await asyncio.sleep(LOOK_S)

    async def kill(self) -> None:
        """SIGKILL; ``keep_running`` starts it again after a while."""
        await self.look()  # what has been settled by now was not interrupted
        if self._child is not None:
            self._child.kill()

    def start_now(self) -> None:
        """Do not wait any longer before it is started again."""
        self._wanted.set()

    async def stop(self) -> None:
        """End it for good."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop(STOP_S)
        await self._http.aclose()

    async def look(self) -> None:
        """Take its status page; when there is none it is starting or down, and that is known already."""
        try:
            report = (await self._http.get("/status.json")).raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            return
        self._ways.take(report["ways"])
        if self._child is not None and self._child.runs:
            self._show(state="up", ready=report["ready"], surfaces=report["surfaces"], inbox=report["inbox"])

    async def _is_ready(self) -> bool:
        await self.look()
        ready = self._board.get("host").get("ready")
        return ready is not None and not any(ready.values())

    async def _begin(self) -> Child:
        self._lives += 1
        self._show(state="starting")
        command = [sys.executable, "-m", "surfacehost", "run", "--settings", str(self._folder / "settings.toml")]
        self._child = await Child.start(command, log=self.log, folder=self._folder, environ=_environ())
        self._show(state="starting")
        return self._child

    def _show(self, **values: object) -> None:
        pid = self._child.pid if self._child is not None else 0
        self._board.put("host", {"address": self.address, "pid": pid, "lives": self._lives, **values})


def _environ() -> dict[str, str]:
    """Without settings of another host of this person's: those would go over ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SURFACEHOST_")}
