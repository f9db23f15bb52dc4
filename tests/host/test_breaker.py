"""An agent that can't be reached is not asked by everybody: one looks, after a while."""

import pytest

from surfacehost.agent.breaker import Breaker
from surfacehost.errors import Kind, PlatformError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def fail(breaker: Breaker, kind: Kind) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        async with breaker.guard():
            raise PlatformError(kind, "because")
    return caught.value


async def test_a_breaker_opens_lets_one_probe_and_closes() -> None:
    clock = Clock()
    breaker = Breaker(threshold=3, cooldown_s=10, clock=clock)
    for _ in range(3):
        await fail(breaker, Kind.UNREACHABLE)
    assert "not tried" in str(await fail(breaker, Kind.INTERNAL))
    clock.now = 11
    async with breaker.guard():  # the probe; meanwhile nobody else is let through
        assert "not tried" in str(await fail(breaker, Kind.INTERNAL))
    async with breaker.guard():
        pass
    assert breaker.reason == ""


def is_open(breaker: Breaker) -> bool:
    """Whether it is: asked anew each time, which a type checker does not expect of a property."""
    return breaker.is_open


async def test_a_failed_probe_doubles_the_pause_and_other_failures_do_not_trip() -> None:
    clock = Clock()
    breaker = Breaker(threshold=1, cooldown_s=10, clock=clock)
    for _ in range(5):
        await fail(breaker, Kind.QUOTA)
    assert not is_open(breaker)
    await fail(breaker, Kind.TIMEOUT)
    clock.now = 11
    await fail(breaker, Kind.TIMEOUT)
    clock.now = 25
    assert is_open(breaker)
    clock.now = 32
    assert not is_open(breaker)
