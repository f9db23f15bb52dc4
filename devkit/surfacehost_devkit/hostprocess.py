"""The real ``surfacehost run`` as a child process: what a test of the host as people use it starts."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from surfacehost_devkit.forked import Forked

START_S = 30.0
LOOK_EVERY_S = 0.05
ANSWER_S = 20.0
"""How long a page of it may take: a machine that is busy starts many surfaces slowly."""

HARM = ("Traceback", " ERROR ", " CRITICAL ")
"""What a log has where something broke."""


class HostProcess:
    """One host with its own folder: settings, data and log; start, kill and start again on the same data."""

    def __init__(
        self,
        folder: Path,
        settings: str,
        environ: Mapping[str, str] | None = None,
        *,
        first: Callable[[], None] | None = None,
    ) -> None:
        """Prepare *folder*; *first* is called in the host's process before it begins, and can be pickled."""
        self.folder = folder
        self._first = first
        self.log = folder / "host.log"
        self._environ = dict(environ or {})
        self._process: Forked | None = None
        self.address = ""
        folder.mkdir(parents=True, exist_ok=True)
        self.configure(settings)

    def configure(self, settings: str) -> None:
        """Write settings.toml; a port of the web server that is free is chosen where none is named."""
        listen = "" if "[web]" in settings else '[web]\nlisten = "127.0.0.1:0"\n'
        (self.folder / "settings.toml").write_text(listen + settings)

    def start(self) -> Self:
        """Start it and wait until it says where it is. Raises AssertionError with its log when it does not.

        One that is to be killed early may have ended by then.
        """
        said = self.folder / "stdout.txt"
        said.write_text("")
        words = ["run", "--settings", str(self.folder / "settings.toml")]
        self._process = Forked(words, said=said, log=self.log, environ=os.environ | self._environ, first=self._first)
        wait_until(lambda: address_in(said) or not self.is_alive, START_S, self.log_tail)
        self.address = address_in(said)
        if not self.address:
            raise AssertionError(f"the host ended with {self.returncode}:\n{self.log_tail()}")
        return self

    @property
    def pid(self) -> int:
        """Its process id. Raises AssertionError when it was never started."""
        assert self._process is not None  # noqa: S101 - a test's mistake
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self._process is None else self._process.returncode

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command of ours on the same settings, whether the host runs or not."""
        words = (*words, "--settings", str(self.folder / "settings.toml"))
        with tempfile.TemporaryDirectory() as folder:
            said, complained = Path(folder, "said"), Path(folder, "complained")
            status = Forked([*words], said=said, log=complained, environ=os.environ | self._environ).wait(60)
            return subprocess.CompletedProcess(words, status, said.read_text(), complained.read_text())

    def kill(self) -> None:
        """SIGKILL: it gets no chance to say goodbye."""
        self._signal(signal.SIGKILL)

    def stop(self, timeout_s: float = 10.0) -> int:
        """SIGTERM, and its exit status. Raises TimeoutExpired when it takes longer than it may."""
        self._signal(signal.SIGTERM, timeout_s)
        return self.returncode or 0

    def send_signal(self, number: int) -> None:
        """Send a signal without waiting: to stop and continue it."""
        os.kill(self.pid, number)

    def close(self) -> None:
        """End it however it is doing."""
        if self.is_alive:
            self._signal(signal.SIGKILL)

    def status(self) -> dict[str, Any]:
        """Its /status.json."""
        answer: dict[str, Any] = json.loads(page_of(self.address, "/status.json")[1])
        return answer

    def readiness(self) -> tuple[int, str]:
        """Status and text of its /readyz."""
        return page_of(self.address, "/readyz")

    def wait_ready(self, timeout_s: float = 30.0) -> Self:
        """Wait until everything that is enabled says that messages can flow."""
        wait_until(lambda: self.readiness()[0] == 200, timeout_s, lambda: f"{self.readiness()[1]}\n{self.log_tail()}")
        return self

    def wait_for(self, condition: Callable[[dict[str, Any]], bool], timeout_s: float = 30.0) -> dict[str, Any]:
        """Wait until *condition* holds of its status, and give that status."""
        wait_until(lambda: condition(self.status()), timeout_s, self._explain)
        return self.status()

    async def seen(self, condition: Callable[[dict[str, Any]], object], timeout_s: float = 30.0) -> dict[str, Any]:
        """The same, in a loop of asyncio: *condition* may look at what others do in that loop."""
        deadline = time.monotonic() + timeout_s
        while not condition(status := await asyncio.to_thread(self.status)):
            if time.monotonic() > deadline:
                raise AssertionError(f"was not seen within {timeout_s:g} s\n{self._explain()}")
            await asyncio.sleep(LOOK_EVERY_S)
        return status

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """What happens inside parks no message and costs no surface its connection, and nothing breaks."""
        before, logged = _standing(self.status()), len(self.log_text())
        yield
        after, said = _standing(self.status()), self.log_text()[logged:]
        if after != before or any(harm in said for harm in HARM):
            raise AssertionError(f"{before}\n{after}\n{said}")

    @contextmanager
    def in_little_memory(self, most_bytes: int = 12_000_000) -> Iterator[None]:
        """What happens inside never needs so many more bytes than before: proc(5), ``clear_refs`` and ``VmHWM``."""
        process = Path("/proc", str(self.pid))
        (process / "clear_refs").write_text("5")
        before = _bytes_of(process, "VmRSS")
        yield
        if (more := _bytes_of(process, "VmHWM") - before) > most_bytes:
            raise AssertionError(f"{more} bytes")

    def peak_bytes(self) -> int:
        """The most memory that it has needed at any moment: proc(5), ``VmHWM``."""
        return _bytes_of(Path("/proc", str(self.pid)), "VmHWM")

    def log_text(self) -> str:
        """Everything it has logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of its log."""
        return "\n".join(self.log_text().splitlines()[-lines:])

    def _explain(self) -> str:
        return f"{json.dumps(self.status(), indent=1)}\n{self.log_tail()}"

    def _signal(self, number: int, timeout_s: float = 10.0) -> None:
        if self._process is not None and self.is_alive:
            self._process.send_signal(number)
            self._process.wait(timeout_s)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def address_in(said: Path) -> str:
    """Where a host that wrote what it *said* has its web server; empty as long as it did not say so."""
    _, _, rest = said.read_text().partition("running at ")
    return rest.partition(" ")[0] if " " in rest else ""


def page_of(address: str, path: str) -> tuple[int, str]:
    """Status and text of a page of the host at *address*. Raises OSError where there is none."""
    with closing(HTTPConnection(urlsplit(address).netloc, timeout=ANSWER_S)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def wait_until(condition: Callable[[], object], timeout_s: float, explain: Callable[[], str] = lambda: "") -> None:
    """Look until *condition* holds; what can't tell us of itself has to be looked at. Raises AssertionError."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {timeout_s:g} s\n{explain()}")
        time.sleep(LOOK_EVERY_S)


def surface_in(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """How the surface *name* is doing, by what /status.json says."""
    return next(one for one in status["surfaces"] if one["name"] == name)


def _bytes_of(process: Path, name: str) -> int:
    told = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return 1024 * int(told[name].split()[0])


def _standing(status: Mapping[str, Any]) -> Mapping[str, Any]:
    parked = {name: one["parked"] for name, one in status["inbox"].items() if one["parked"]}
    return {"parked": parked} | {one["name"]: (one["state"], one["since"]) for one in status["surfaces"]}
