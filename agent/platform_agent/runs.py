"""Runs: every frame of one is kept, so that whoever comes with its `runId` reads it from the beginning."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator

from platform_agent import events, wire
from platform_agent.events import Event, Frame, Hangup, Raw


class Run:
    """One run and its frames so far; it goes on whether or not anyone follows it."""

    def __init__(self, run_id: str) -> None:
        self.id = run_id
        self.started = False
        self.ended = False
        self.task: asyncio.Task[Event] | None = None
        self._frames: list[str | bytes | Hangup] = []
        self._open = events.OpenParts()
        self._said: list[str] = []
        self._news = asyncio.Event()

    @property
    def answer(self) -> str:
        """The assistant's words so far."""
        return "".join(self._said)

    @property
    def size(self) -> int:
        """Characters kept, for the limit on stored answers."""
        return sum(len(frame) for frame in self._frames if not isinstance(frame, Hangup))

    def add(self, frame: Frame) -> None:
        """Keep a frame and wake those who follow; nothing comes after the ending."""
        if self.ended:
            return
        if isinstance(frame, dict):
            self._note(frame)
            self._frames.append(wire.encode(frame))
        else:
            self._frames.append(frame.frame if isinstance(frame, Raw) else frame)
        self._news.set()
        self._news = asyncio.Event()

    def _note(self, event: Event) -> None:
        self._open.note(event)
        self.started = self.started or event["type"] == "RUN_STARTED"
        self.ended = event["type"] in events.ENDINGS
        if event["type"] == "TEXT_MESSAGE_CONTENT":
            self._said.append(event["delta"])

    def end(self, ending: Event) -> None:
        """Add the last event; before a RUN_FINISHED, AG-UI wants a beginning, and an end to everything begun."""
        if ending["type"] == "RUN_FINISHED":
            for event in [] if self.started else [events.started(self.id)]:
                self.add(event)
            for event in self._open.closing():
                self.add(event)
        self.add(ending)

    def follow(self) -> AsyncIterator[str | bytes | Hangup]:
        """The frames from the first to the ending, waiting for those to come.

        A hang-up happens once, to those who are there: whoever comes later reads past it.
        """
        return self._follow(len(self._frames))

    async def _follow(self, already: int) -> AsyncIterator[str | bytes | Hangup]:
        index = 0
        while True:
            news = self._news
            while index < len(self._frames):
                frame = self._frames[index]
                index += 1
                if not (isinstance(frame, Hangup) and index <= already):
                    yield frame
            if self.ended:
                return
            await news.wait()


class Answers:
    """The runs of a thread by `runId`: the last few with their frames, and many more ids so that none runs twice."""

    def __init__(self, *, keep: int = 16, keep_chars: int = 262_144, keep_ids: int = 1000) -> None:
        self._keep, self._keep_chars, self._keep_ids = keep, keep_chars, keep_ids
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._forgotten: OrderedDict[str, None] = OrderedDict()

    def get(self, run_id: str) -> Run | None:
        """The run of this id, if its frames are still kept."""
        return self._runs.get(run_id)

    def was_forgotten(self, run_id: str) -> bool:
        """Whether this id ran once and its answer is no longer kept."""
        return run_id in self._forgotten

    def drop(self, run: Run) -> None:
        """Forget a run that was refused before it began: its id may come again."""
        self._runs.pop(run.id, None)

    def put(self, run: Run) -> None:
        """Keep a run; the oldest answers beyond the limits shrink to their ids."""
        self._runs[run.id] = run
        chars = sum(kept.size for kept in self._runs.values())
        while len(self._runs) > 1 and (len(self._runs) > self._keep or chars > self._keep_chars):
            run_id, oldest = self._runs.popitem(last=False)
            chars -= oldest.size
            self._forgotten[run_id] = None
        while len(self._forgotten) > self._keep_ids:
            self._forgotten.popitem(last=False)
