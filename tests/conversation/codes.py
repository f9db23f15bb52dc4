"""What is tried with the codes of ``/link``, by who was told them too long ago and by who never was."""

from .pairs import TOO_MANY, UNKNOWN, Pair, code_from
from .street import hear


async def nobody_else_is_served(pair: Pair) -> None:
    """Codes that are told, used by whoever was not told them, in the wrong place, and twice."""
    await pair.exchange()
    first, second = pair.codes
    for door in (pair.thief, pair.other):  # the second is good in the first chat alone, and the first is taken
        for text in (f"{second} shared", second, first):
            assert await hear(door, f"!link {text}", " ") == [UNKNOWN]
    assert await hear(pair.one, f"!link {first} shared", " ") == [UNKNOWN]
    said = len(pair.one.shown())
    for _ in range(2):
        await pair.one.say(f"!link {second} shared")
    await pair.one.until(lambda shown: len(shown) == said + 2)
    assert sorted(text == UNKNOWN for text in pair.one.shown()[said:]) == [False, True]
    one, other = await pair.conversations()
    assert one == other
    assert (await hear(pair.other, "!unlink", " "))[0] == "This chat has its own conversation again."


async def offer(pair: Pair) -> None:
    """Have a first code told."""
    pair.codes = [await code_from(pair.one, "!link")]


async def too_late_for_the_first(pair: Pair) -> None:
    """Say one that is too old, and have two new ones told."""
    assert await hear(pair.other, f"!link {pair.codes[0]}", " ") == [UNKNOWN]
    await pair.exchange()


async def too_late_for_the_second(pair: Pair) -> None:
    """Say the second of them, which is too old as well."""
    assert await pair.confirm("shared") == UNKNOWN
    one, other = await pair.conversations()
    assert one != other


async def guess(pair: Pair) -> None:
    """Guess until no code is looked at any more."""
    await offer(pair)
    [code] = pair.codes
    guesses = [
        "AAAAAAAA shared",
        "22222222 separate",
        f"{code} shared",
        "AAAAAAAA",
        "BBBBBBBB",
        code,
        f"{code} shared",
    ]
    told = [(await hear(pair.thief, f"!link {guess}", " "))[0] for guess in guesses]
    assert told == [UNKNOWN] * 5 + [TOO_MANY] * 2  # nor is the right one looked at


async def after_an_hour(pair: Pair) -> None:
    """Be heard again."""
    await offer(pair)
    assert "/link" in (await hear(pair.thief, f"!link {pair.codes[0]}", " "))[0]
