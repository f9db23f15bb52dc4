"""An answer while it grows: read at the agent's pace, shown at the surface's.

Whoever reads the agent writes into a ``Growth`` and never waits for whoever shows it. ``previews`` gives the newest of
it whenever one is due; those that it overtook are never seen. Nothing here can cost the answer itself.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from surfacehost.behaviour import Behaviour
from surfacehost.events import Event
from surfacehost.surface import Capabilities, Pace

STATUS_AFTER_S = 8.0
"""After so long without a word of the answer a line says that the agent is at work."""

MOST_BY_OWN_INTERVAL = 100
"""How many previews there may be where the operator sets the interval and the surface would allow fewer."""

MAX_LABEL_CHARS = 60


def pace_of(capabilities: Capabilities, behaviour: Behaviour, event: Event) -> Pace | None:
    """At which pace answers to *event* are shown while they grow; None: not at all."""
    if behaviour.stream in ("final", "off"):
        return None
    in_groups = capabilities.previews_in_groups or capabilities.previews
    pace = capabilities.previews if event.direct else in_groups
    if pace is None or not behaviour.edit_interval_s:
        return pace
    most = None if pace.most is None else max(pace.most, MOST_BY_OWN_INTERVAL)
    return replace(pace, intervals_s=(behaviour.edit_interval_s,), most=most)


class Growth:
    """An answer so far."""

    def __init__(self) -> None:
        self.asked_at = time.monotonic()
        self.text = ""
        self.text_since = 0.0
        """When its first character came, on the monotonic clock."""
        self.doing = ""
        """What the agent is at, in a word; empty when it doesn't say."""
        self.is_over = False
        self.has_acted = False
        """Whether the agent has used a tool: to stop it would leave something half done."""
        self.has_begun = False
        """Whether the agent has said anything at all."""
        self._bell = asyncio.Event()
        self._start = asyncio.Event()

    def begin(self) -> None:
        """The agent is at it."""
        self.has_begun = True
        self._start.set()

    async def begun(self) -> bool:
        """Whether the agent has begun, once that is known."""
        await self._start.wait()
        return self.has_begun

    @property
    def age_s(self) -> float:
        """Seconds since the agent was asked."""
        return time.monotonic() - self.asked_at

    def grow(self, text: str) -> None:
        """The answer is *text* by now."""
        if text and not self.text:
            self.text_since = time.monotonic()
        self.text = text
        self._bell.set()

    def work(self, label: str, *, is_tool: bool) -> None:
        """The agent is at *label* by now: the name of a tool, or a few words of its own."""
        self.has_acted = self.has_acted or is_tool
        self.doing = " ".join(label.split())[:MAX_LABEL_CHARS] or self.doing
        self._bell.set()

    def end(self, *_: object) -> None:
        """There will be no more of it."""
        self.is_over = True
        self._bell.set()
        self._start.set()

    async def news(self, at_most_s: float | None) -> None:
        """Return when there is more than at the last return, or after *at_most_s* seconds."""
        try:
            async with asyncio.timeout(at_most_s):
                await self._bell.wait()
        except TimeoutError:
            return
        self._bell.clear()


async def previews(growth: Growth, pace: Pace, status: Callable[[str], str]) -> AsyncGenerator[str, None]:
    """What to show of *growth*, each when it is due, until the answer is whole.

    *status* makes the line that is shown while there is nothing else, of what the agent is at.
    """
    schedule = _Schedule(growth, pace)
    while not growth.is_over:
        wait_s = schedule.wait_s()
        if wait_s is not None and wait_s <= 0:
            yield schedule.show() or status(growth.doing)
        else:
            await growth.news(wait_s)


class _Schedule:
    """When the next preview of an answer is due."""

    def __init__(self, growth: Growth, pace: Pace) -> None:
        self._growth = growth
        self._pace = pace
        self._count = 0
        self._text = ""
        """What was shown of the answer last."""
        self._doing: str | None = None
        """What the last status line said; None: there was none yet."""
        self._not_before = growth.asked_at + pace.quiet_s

    def wait_s(self) -> float | None:
        """Seconds until the next one is due; None: not before there is something new."""
        due_at = self._text_due_at() if self._growth.text else self._status_due_at()
        return None if due_at is None else max(due_at, self._not_before) - time.monotonic()

    def show(self) -> str:
        """Count one that is shown now; the text of it, empty for a status line."""
        interval_s = self._pace.intervals_s[min(self._count, len(self._pace.intervals_s) - 1)]
        self._count += 1
        self._not_before = time.monotonic() + interval_s
        self._text = self._growth.text
        if not self._text:
            self._doing = self._growth.doing
        return self._text

    def _text_due_at(self) -> float | None:
        growth, pace = self._growth, self._pace
        is_spent = pace.most is not None and self._count >= pace.most
        if is_spent or len(growth.text) - len(self._text) < pace.least_chars:
            return None
        is_first = not self._text and len(growth.text) < pace.first_chars
        return growth.text_since + pace.first_s if is_first else growth.text_since

    def _status_due_at(self) -> float | None:
        """Of a limited number of previews half may be status lines: the rest is for the answer."""
        is_spent = self._pace.most is not None and self._count >= self._pace.most // 2
        if is_spent or self._doing == self._growth.doing:
            return None
        return self._growth.asked_at + STATUS_AFTER_S
