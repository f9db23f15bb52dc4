"""Whether a client is silent for as long as a platform that refused a call asked for."""

CROSSING_S = 0.5
"""What was on its way when a refusal was given could not know of it; so long at the most, on a machine that is busy."""
CROSSING_SHARE = 1 / 3
"""Nor longer than this part of a short silence, or nothing would be left of it."""


def breaks_silence(started: float, *, refused: float, silence_s: float) -> bool:
    """Whether a call *started* in the *silence_s* seconds after one was *refused*; times in Unix seconds."""
    crossing_s = min(CROSSING_S, silence_s * CROSSING_SHARE)
    return refused + crossing_s < started < refused + silence_s
