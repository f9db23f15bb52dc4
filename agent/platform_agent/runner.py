"""Begins runs, one at a time in each thread and each `runId` once, and sees every one to its end."""

import asyncio
import logging
from contextlib import aclosing
from functools import partial

from platform_agent import events
from platform_agent.backend import AgentError, Backend
from platform_agent.events import Event
from platform_agent.runs import Run
from platform_agent.threads import Said, Thread, Threads
from platform_agent.wire import Turn

_log = logging.getLogger(__name__)


class Runner:
    """The backend's runs in all threads; they go on when the client that asked has gone."""

    def __init__(self, backend: Backend, *, max_threads: int, run_timeout_s: float) -> None:
        self.threads = Threads(max_threads)
        self._backend = backend
        self._run_timeout_s = run_timeout_s
        self._tasks: set[asyncio.Task[Event]] = set()

    def begin(self, thread_id: str, turn: Turn) -> Run:
        """The run of this turn: a new one, or the one that this `runId` already has."""
        thread = self.threads.open(thread_id)
        if known := thread.answers.get(turn.run_id):
            return known
        if thread.answers.was_forgotten(turn.run_id):
            raise AgentError("lost", "this run is over and its answer is no longer kept")
        if thread.running is not None:
            raise AgentError("busy", "another run is going on in this thread")
        run = thread.running = Run(turn.run_id)
        thread.answers.put(run)
        run.task = asyncio.create_task(self._perform(thread, turn, run))
        self._tasks.add(run.task)
        run.task.add_done_callback(partial(self._settle, thread, turn, run))
        return run

    async def _perform(self, thread: Thread, turn: Turn, run: Run) -> Event:
        """Collect the run's frames; the ending is returned, to be added when the thread is free for the next run."""
        try:
            async with (
                asyncio.timeout(self._run_timeout_s),
                aclosing(self._backend.run(thread, turn)) as frames,
            ):
                async for frame in frames:
                    if isinstance(frame, dict) and frame["type"] in events.ENDINGS:
                        return frame
                    run.add(frame)
        except AgentError as error:
            _log.warning("run %s failed as %s: %s (%s)", run.id, error.code, error, error.detail)
            return events.failed(
                error.code, str(error), run_id=run.id, retry_after=error.retry_after, detail=error.detail
            )
        except TimeoutError:
            return events.failed("timeout", "the run took too long", run_id=run.id)
        except Exception as error:  # noqa: BLE001 - the server outlives any defect of a backend; the log has it whole
            _log.exception("the backend failed in run %s", run.id)
            return events.failed("internal", f"the backend failed: {type(error).__name__}", run_id=run.id)
        return events.finished(run.id)

    def _settle(self, thread: Thread, turn: Turn, run: Run, task: asyncio.Task[Event]) -> None:
        """End the run, free the thread and remember the turn, in one step that nothing can come between."""
        self._tasks.discard(task)
        ending = events.finished(run.id, "cancelled") if task.cancelled() else task.result()
        run.end(ending)
        thread.running = None
        if run.started:
            thread.remember(Said("user", turn.text), Said("assistant", run.answer))
        else:
            thread.answers.drop(run)

    def abort(self, thread_id: str, run_id: str | None) -> None:
        """Stop the run that is going on in the thread, if it is this one; without an id, whichever it is."""
        run = self.threads.open(thread_id).running
        if run is not None and run.task is not None and run_id in (None, run.id):
            run.task.cancel()

    async def stop(self) -> None:
        """Cancel every run and wait until all have ended."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
