"""The log of every call, for audits of what a bot really did."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from surfacehost_devkit.silence import breaks_silence

KEPT = 20_000


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """One call: what was asked, what came of it, and when (Unix seconds); the token is not kept.

    `status` is None while it runs; `outcome` is "ok", the error's description, or the fault's kind.
    """

    number: int
    bot_id: int
    method: str
    params: Mapping[str, str]
    started: float
    status: int | None = None
    outcome: str = ""
    fault: str = ""
    ended: float = 0.0
    files: Mapping[str, int] = field(default_factory=dict)

    @property
    def chat_id(self) -> str:
        """The chat the call was about, or an empty string."""
        return self.params.get("chat_id", "")

    @property
    def penalty_s(self) -> int:
        """How many seconds of silence the answer asked for, in that chat; 0: it was no 429."""
        asked = re.search(r"retry after (\d+)", self.outcome)
        return int(asked[1]) if asked else 0


class CallLog:
    """The last calls, oldest first."""

    def __init__(self) -> None:
        self.records: deque[CallRecord] = deque(maxlen=KEPT)
        self._count = 0

    def next_number(self) -> int:
        """Number the next call; numbers go on counting when old records are dropped."""
        self._count += 1
        return self._count

    def of(self, method: str = "", *, chat_id: int | None = None, after: int = 0) -> list[CallRecord]:
        """Calls of a method (any case; empty: all), about a chat, after a record's number."""
        wanted = method.lower()
        return [
            record
            for record in list(self.records)  # a test may look at it from another thread
            if record.number > after
            and (not wanted or record.method.lower() == wanted)
            and (chat_id is None or record.chat_id == str(chat_id))
        ]

    def in_penalties(self) -> list[str]:
        """What was called about a chat while silence was wanted there, each as a line."""
        calls = [call for call in self.records if call.chat_id]
        return [
            f"{call.method} in {call.chat_id}, {call.started - refused.ended:.2f} s into {refused.penalty_s} s"
            for refused in calls
            if refused.penalty_s
            for call in calls
            if (call.bot_id, call.chat_id) == (refused.bot_id, refused.chat_id)
            and breaks_silence(call.started, refused=refused.ended, silence_s=refused.penalty_s)
        ]
