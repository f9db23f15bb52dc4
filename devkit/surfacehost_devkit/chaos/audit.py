"""The judge: compares what people said with what they heard, and what the agent was asked with what was stored."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from surfacehost_devkit.chaos.script import Line


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What went wrong on one surface; all zero is what the host promises."""

    asked: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    """Lines heard before one that should have come first."""
    asked_again: int = 0
    """Runs that the agent was asked for more than once: as it should be where no answer had been stored."""
    asked_in_vain: int = 0
    """Of those, the ones whose answer was on the disk."""
    changed_run_ids: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.lost or self.doubled or self.out_of_order or self.asked_in_vain or self.changed_run_ids)

    def judge_thread(self, name: str, wanted: Sequence[Line], heard: Sequence[Line]) -> None:
        """Add what went wrong in one conversation."""
        missing, extra = Counter(wanted) - Counter(heard), Counter(heard) - Counter(wanted)
        self.lost += missing.total()
        self.doubled += extra.total()
        once = [*dict.fromkeys(line for line in heard if line.number)]
        late = sum(later < earlier for earlier, later in pairwise(once))  # by number, then line
        self.out_of_order += late
        if missing or extra or late:
            self.examples.append(f"{name}: missing {dict(missing)}, extra {dict(extra)}, {late} out of order")

    def judge_runs(self, runs: Iterable[tuple[str, str, bool]]) -> None:
        """Add what the agent saw: event, run id, and whether its answer was stored when it was asked."""
        ids: defaultdict[str, list[str]] = defaultdict(list)
        for event, run_id, was_stored in runs:
            ids[event].append(run_id)
            if was_stored:
                self.asked_in_vain += 1
                self.examples.append(f"{event} was asked again, with its answer on the disk")
        self.asked_again += sum(len(asked) - 1 for asked in ids.values())
        self.changed_run_ids += sum(len(set(asked)) > 1 for asked in ids.values())
