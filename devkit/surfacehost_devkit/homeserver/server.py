"""A real homeserver on this machine, for tests and the demo."""

import asyncio
import contextlib
import ssl
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from surfacehost_devkit.plain import NO_TLS
from surfacehost_devkit.ports import free_port, is_free

from .admin import Account, AdminApi
from .certificates import make_certificates
from .config import RateLimits, keep_secrets, write_config
from .process import ChildProcess, Order, ProcessEnded


class HomeserverError(RuntimeError):
    """The homeserver does not do what was asked; the text says why and ends with its last log lines."""


class Homeserver:
    """Synapse on 127.0.0.1, a child process that ends with this one however this one ends.

    Methods block (a start takes one to two seconds); in a coroutine call them through ``asyncio.to_thread`` or use
    ``async with``. The address is known from the beginning and stays the same over restarts.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        *,
        synapse: Path,
        rate_limits: RateLimits = "off",
        server_name: str = "localhost",
        tls: bool = False,
        options: Mapping[str, object] | None = None,
    ) -> None:
        """Prepare a server that keeps everything in ``data_dir``; ``synapse`` is what ``install()`` returns.

        ``port`` 0 takes a free one. With ``rate_limits="stock"`` the limits are those of a Synapse nobody
        configured. With ``tls`` the server has a certificate of its own authority, see ``ca_file``.
        *options* are further ones of ``homeserver.yaml``.
        """
        self.data_dir = data_dir.absolute()
        self.port = port or free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.server_name = server_name
        self._synapse = synapse
        self._rate_limits: RateLimits = rate_limits
        self._options = dict(options or {})
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.ca_file = make_certificates(self.data_dir) if tls else None
        self._process: ChildProcess | None = None
        self._operator: Account | None = None

    @property
    def log_file(self) -> Path:
        """Where everything that Synapse says is appended."""
        return self.data_dir / "homeserver.log"

    @property
    def running(self) -> bool:
        """Whether the process is there; a paused one is."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int:
        """The process id of Synapse; raises HomeserverError when it was never started."""
        return self._started().pid

    def start(self, timeout_s: float = 60) -> None:
        """Start and wait until it answers; raises HomeserverError."""
        self._start(timeout_s, threading.Event())

    def _start(self, timeout_s: float, given_up: threading.Event) -> None:
        if self.running:
            raise HomeserverError(f"{self.url} runs already")
        # Otherwise another server on this port would answer for the one that could not start.
        if not is_free(self.port):
            raise HomeserverError(f"port {self.port} on 127.0.0.1 is taken by another program")
        config = self._write_config()
        command = [str(self._synapse), "-I", "-m", "synapse.app.homeserver", "-c", str(config)]
        self._process = ChildProcess(command, log=self.log_file, folder=self.data_dir)
        try:
            if given_up.is_set():  # before there was a process to end, see __aenter__
                self._process.order("KILL")
            self._process.wait_said("ready", timeout_s=timeout_s)
            self._check_it_answers()
        except BaseException as error:
            self.kill()
            if isinstance(error, ProcessEnded | TimeoutError | httpx.HTTPError):
                raise HomeserverError(f"Synapse did not start: {error}\n{self._log_tail()}") from error
            raise  # Ctrl-C

    def stop(self, timeout_s: float = 10) -> None:
        """End it cleanly, by force after ``timeout_s``; returns when it is gone. Nothing happens when it is."""
        self._end("TERM", timeout_s)

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would; returns when it is gone."""
        self._end("KILL", 10)

    def restart(self) -> None:
        """Stop cleanly and start again on the same data and address."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): it accepts connections and answers nothing until ``resume()``."""
        self._order("STOP")
        self._started().wait_said("stopped", timeout_s=10)

    def resume(self) -> None:
        """Let it go on after ``pause()``."""
        self._order("CONT")

    def wait(self) -> None:
        """Wait, without a limit, until it ends by itself, and raise HomeserverError then."""
        self._started().wait(timeout_s=None)
        raise HomeserverError(f"Synapse ended by itself\n{self._log_tail()}")

    def register(self, localpart: str, password: str, *, admin: bool = False) -> Account:
        """Make a user, logged in on a first device; raises AdminError (``M_USER_IN_USE``, …)."""
        return self._admin().register(localpart, password, admin=admin)

    def lift_rate_limit(self, user_id: str) -> None:
        """Let this user send events without limit, as an operator does it for a bot; it takes effect at once."""
        self.limit_rate(user_id, per_second=0, burst=0)

    def limit_rate(self, user_id: str, *, per_second: int, burst: int) -> None:
        """Let this user send *burst* events at once and so many a second; 0 of both: without limit."""
        api = self._admin()
        if self._operator is None:
            self._operator = api.operator(keep_secrets(self.data_dir).operator_password)
        api.limit_rate(user_id, self._operator, per_second=per_second, burst=burst)

    def tls_context(self) -> ssl.SSLContext:
        """What a Python client passes as ``verify`` to trust this server: its own authority when it has TLS."""
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else NO_TLS

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        given_up = threading.Event()
        starting = asyncio.ensure_future(asyncio.to_thread(self._start, 60, given_up))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # A thread cannot be cancelled: the process is ended, which ends the wait in there.
            given_up.set()
            if self._process:
                with contextlib.suppress(ProcessEnded):
                    self._process.order("KILL")
            await asyncio.gather(starting, return_exceptions=True)
            self.kill()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _write_config(self) -> Path:
        return write_config(
            self.data_dir,
            server_name=self.server_name,
            port=self.port,
            url=self.url,
            tls=self.ca_file is not None,
            rate_limits=self._rate_limits,
            options=self._options,
        )

    def _check_it_answers(self) -> None:
        with httpx.Client(verify=self.tls_context(), trust_env=False, timeout=10) as client:
            client.get(f"{self.url}/_matrix/client/versions").raise_for_status()

    def _end(self, order: Order, timeout_s: float) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessEnded):  # it ended by itself: what was wanted
            process.order(order)
            process.order("CONT")  # a paused process takes SIGTERM only when it goes on
        try:
            process.wait(timeout_s=timeout_s)
        except TimeoutError:
            if order == "KILL":
                raise
            self._end("KILL", 10)

    def _order(self, order: Order) -> None:
        try:
            self._started().order(order)
        except ProcessEnded as error:
            raise HomeserverError(f"{self.url}: {error}\n{self._log_tail()}") from error

    def _started(self) -> ChildProcess:
        if self._process is None:
            raise HomeserverError(f"{self.url} was not started")
        return self._process

    def _admin(self) -> AdminApi:
        kept = keep_secrets(self.data_dir)
        return AdminApi(self.url, registration_secret=kept.registration, verify=self.tls_context())

    def _log_tail(self) -> str:
        if not self.log_file.exists():
            return "(no log)"
        with self.log_file.open(errors="replace") as log:
            return "".join(deque(log, maxlen=15))
