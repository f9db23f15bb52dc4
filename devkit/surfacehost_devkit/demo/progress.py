"""What the person at the terminal sees while things start: a calm line for each, with the time it took."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """Lines on a terminal, where the one of what runs is overwritten, or in a file, where it is not."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._is_terminal = self._out.isatty()

    def say(self, line: str = "") -> None:
        """A line that stays."""
        self._write(f"{line}\n")

    @contextmanager
    def step(self, name: str, what: str) -> Iterator["Step"]:
        """Show that *name* is being started for as long as the block runs."""
        step = Step(self, name, what)
        step.show(what)
        try:
            yield step
        except BaseException:
            step.end("✗")
            raise
        step.end("✓")

    def overwrite(self, line: str) -> None:
        """Show *line* in place of the last one, where that can be done; else nothing."""
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"\r\x1b[2K{line[:width]}")

    def finish(self, line: str) -> None:
        """Let *line* stay in place of the one that was overwritten."""
        self._write(f"\r\x1b[2K{line}\n" if self._is_terminal else f"{line}\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


class Step:
    """One thing that is being started."""

    def __init__(self, progress: Progress, name: str, what: str) -> None:
        self.what = what
        self._progress = progress
        self._name = name
        self._began = time.monotonic()

    def show(self, doing: str) -> None:
        """Say what is being done just now."""
        self._progress.overwrite(f"  … {self._name:<11} {doing}")

    def note(self, line: str) -> None:
        """Say something that shall stay, such as why this takes so long."""
        self._progress.finish(f"  … {self._name:<11} {line}")

    def end(self, mark: str) -> None:
        """Say what came of it and how long it took."""
        self._progress.finish(f"  {mark} {self._name:<11} {self.what:<66} {time.monotonic() - self._began:5.1f} s")
