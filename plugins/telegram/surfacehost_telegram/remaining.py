"""What is still to come of a reply that was broken off, also where files of it are gone from the disk by then.

The host leaves out what is gone, which moves the numbers of what is behind it. So the letters to come are known by the
names that their files have on the disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from surfacehost import PlatformClient, Reply
from surfacehost_telegram.errand import Errand, Note
from surfacehost_telegram.letter import Letter, together


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """The letters to come, and what is known of the first of them."""

    letters: list[Letter]
    part: int
    """The number of the first."""
    known: Note | None
    """What was noted of it; none: no call was made for it, or all that it was is gone."""
    at_first: int
    """How many of them are what the note is about, an album say: what is looked for is no more than that."""

    def next(self, most_bytes: int, *, is_apart: bool) -> Letter:
        """What is sent now: the first letter, or unless they come *apart* an album of at the most so many bytes."""
        return self.letters[0] if is_apart else together(self.letters[: self.at_first], most_bytes)

    def errand(self, reply: Reply, client: PlatformClient, letter: Letter, *, is_apart: bool) -> Errand:
        """To bring *letter*, which is the next."""
        return Errand(
            reply=reply,
            client=client,
            part=self.part,
            is_apart=is_apart,
            files=[one.stored for one in self.letters],
            messages=letter.messages,
            known=self.known,
        )

    def behind(self, letter: Letter) -> Self:
        """What is to come when *letter* has arrived."""
        rest, part = self.letters[letter.messages :], self.part + letter.messages
        return replace(self, letters=rest, part=part, known=None, at_first=len(rest))


def remaining(letters: Sequence[Letter], known: Note | None) -> Remaining:
    """What is to come of *letters*, by the note *known*; at the end the caption, where it tells of files now gone."""
    told, here = known or {}, [one.stored for one in letters]
    part = told.get("part", 0)
    if "files" not in told:
        return Remaining(letters=[*letters[part:]], part=part, known=known, at_first=len(letters))
    names: list[str] = told["files"]
    count = sum(name in here for name in names)  # the last ones: gone or not, their order stays
    rest = [*letters[len(letters) - count :]]
    if count < min(len(names), len(letters)) and letters[0].text:
        rest.append(replace(letters[0], files=(), stored=""))
    elif part and count == len(names) == len(letters) and rest[0].files:
        rest[0] = replace(rest[0], text="", entities=())  # what is gone had arrived
    first = sum(name in here or not name for name in names[: told.get("messages", 1)])
    if not first:
        return Remaining(letters=rest, part=part + 1, known=None, at_first=len(rest))
    return Remaining(letters=rest, part=part, known=known, at_first=first)
