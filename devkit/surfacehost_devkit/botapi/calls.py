"""The log of every call, for audits of what a bot really did."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

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
            for record in self.records
            if record.number > after
            and (not wanted or record.method.lower() == wanted)
            and (chat_id is None or record.chat_id == str(chat_id))
        ]
