"""What people say in a storm, and what they are to hear: every line of every answer tells which one it is.

A message is ``17``, or ``17 long``, ``17 slow``, ``17 declined``, ``17 album``. Its answer has the lines ``17:1 of 3``
and so on, those of an album behind the first in a file each, or is the host's sentence for a request that the agent
declines. So what somebody has heard, in the order in which they heard it, shows what is missing, what came twice and
what came too early, down to a part of an answer.
"""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DECLINED = "The assistant declined to answer this."
"""How the sentence of an error of the kind ``content_refused`` begins."""

LINES = 3
"""How many lines an answer has that is long, or an album."""

_MARK = re.compile(rf"(\d+):(\d+) of (\d+)|{re.escape(DECLINED)}")
_FILLING = "Whoever reads this far has heard it all, and heard it once. "


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One mark of what was heard: line *line* of *of* of the answer to *number*; all 0: a declining sentence."""

    number: int = 0
    line: int = 0
    of: int = 0


def text_of(number: int) -> str:
    """What somebody says as their message *number*: mostly short, now and then long, slow or declined."""
    kind = random.choices(("", " long", " slow", " declined"), (80, 6, 7, 7))[0]  # noqa: S311 - no secret
    return f"{number}{kind}"


def answer_to(text: str, part_chars: int) -> str | None:
    """The agent's answer to *text*, two parts where it is long and a part holds *part_chars*; None: it declines."""
    number, _, kind = text.partition(" ")
    if kind == "declined":
        return None
    if kind == "album":
        return f"{number}:1 of {LINES}"
    lines = LINES if kind == "long" else 1
    filling = "\n\n" + _FILLING * (part_chars // 2 // len(_FILLING)) if kind == "long" else ""
    return "\n\n".join(f"{number}:{line} of {lines}{filling}" for line in range(1, lines + 1))


def files_to(text: str) -> list[str]:
    """What is in the files of the agent's answer to *text*."""
    number, _, kind = text.partition(" ")
    return [f"{number}:{line} of {LINES}" for line in range(2, LINES + 1)] if kind == "album" else []


def wanted(texts: Iterable[str]) -> list[Line]:
    """What somebody who said *texts* is to hear."""
    heard: list[Line] = []
    for text in texts:
        number, _, kind = text.partition(" ")
        lines = LINES if kind in ("long", "album") else 1
        heard += [Line()] if kind == "declined" else [Line(int(number), n, lines) for n in range(1, lines + 1)]
    return heard


def heard(texts: Sequence[str]) -> list[Line]:
    """The marks in what a bot has said, in order."""
    return [
        Line() if mark[1] is None else Line(*map(int, mark.groups())) for text in texts for mark in _MARK.finditer(text)
    ]
