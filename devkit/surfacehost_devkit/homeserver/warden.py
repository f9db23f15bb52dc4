"""Runs one command for its parent, passes signals on, and ends the command when the parent is gone.

Run as a script of its own, with the standard library only: ``python -I warden.py PARENT_PID COMMAND…``.
It stands between parent and command for two reasons. The kernel's parent-death signal is tied to the *thread* that
started the child, so a server started from a worker thread would die with that thread; here there is one thread
only. And a pid can be signalled safely only by the process that reaps it, because nobody else knows that the number
still belongs to the same process.

Standard input: one word a line, TERM, KILL, STOP or CONT; its end means that the parent is gone.
Standard output: ``pid N``, ``ready`` (the command said READY=1 as to systemd), ``stopped``, ``ended CODE``.
The command's output goes to standard error.
"""

import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(parent: int, command: list[str]) -> int:
    """Run the command until it ends; returns its exit code."""
    woken, wake = socket.socketpair()
    wake.setblocking(False)  # noqa: FBT003  it takes no keyword
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)  # the wake-up above needs a handler to be there
    with tempfile.TemporaryDirectory() as folder, selectors.DefaultSelector() as selector:
        address = str(Path(folder) / "notify")  # short: the address of such a socket has 107 bytes at most
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(address)
        child = _start(command, address)
        signal.signal(signal.SIGTERM, lambda *_: child.kill())
        _say(f"pid {child.pid}")
        for source, name in ((sys.stdin.fileno(), "order"), (notify, "notice"), (woken, "signal")):
            selector.register(source, selectors.EVENT_READ, name)
        _watch_parent(parent, selector, child)
        while child.poll() is None:
            for key, _ in selector.select():
                _act(str(key.data), selector, key, child)
        _say(f"ended {child.returncode}")
        return child.returncode


def _start(command: list[str], notify: str) -> "subprocess.Popen[bytes]":
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def die_with_warden() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return subprocess.Popen(  # noqa: S603  the parent's own command, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        env={**os.environ, "NOTIFY_SOCKET": notify},
        preexec_fn=die_with_warden,  # noqa: PLW1509  there is one thread only
    )


def _watch_parent(parent: int, selector: selectors.BaseSelector, child: "subprocess.Popen[bytes]") -> None:
    """Notice the parent's end also when a process forked from it keeps its end of standard input open."""
    if os.getppid() != parent:
        child.kill()
    elif sys.platform == "linux":
        selector.register(os.pidfd_open(parent), selectors.EVENT_READ, "orphaned")


def _act(
    what: str,
    selector: selectors.BaseSelector,
    key: selectors.SelectorKey,
    child: "subprocess.Popen[bytes]",
) -> None:
    data = b"" if what == "orphaned" else os.read(key.fd, 4096)
    if what == "notice" and b"READY=1" in data.split(b"\n"):
        _say("ready")
    elif what == "order" and data:
        for word in data.decode().split():
            _signal(word, child)
    elif what in ("order", "orphaned"):
        selector.unregister(key.fileobj)
        child.kill()


def _signal(word: str, child: "subprocess.Popen[bytes]") -> None:
    child.send_signal(getattr(signal, f"SIG{word}"))
    if word == "STOP" and child.returncode is None:
        # Until it really stands still; WNOWAIT leaves an exit code for poll().
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        _say("stopped")


def _say(line: str) -> None:
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # the parent is gone: nobody to tell, and the end of standard input says the same


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]) & 0xFF)
