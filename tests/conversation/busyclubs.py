"""What people see in a group where the agent is at work for one of them, by what the surface's ``busy`` says."""

from .clubs import Club
from .doors import Door
from .listener import Listener
from .street import GROUPS, Street

MARK = "a beginning\n\n⏹ interrupted"
"""What is left of a run that gave way."""

WAITS = {"matrix": "⏳", "telegram": "👀"}
"""The mark on the first message that waits: Telegram knows no hourglass."""

BUSY = "I'm still at work on what was written before."
"""What is said to who is not heard."""


async def a_run_gives_way_to_whoever_asked_and_to_nobody_else(
    street: Street, agent: Listener, clubs: dict[str, Club]
) -> None:
    async def seen(street: Street, name: str, _door: Door) -> None:
        club = clubs[name]
        await club.say(f"slow club, {name}")
        await agent.begun(f"slow club, {name}")
        await club.say(f"me too, {name}", by="bob")
        await street.seen(lambda status: status["inbox"][name]["open"] == 2)
        await club.say(f"rather that, {name}")
        said = await club.until(lambda said: len(said) == 3)
        # Everybody keeps their place: bob's was before the message that alice is answered to.
        assert said == [MARK, f"heard: me too, {name}", f"heard: slow club, {name}\nrather that, {name}"]

        await club.say(f"slow no more, {name}")
        await agent.begun(f"slow no more, {name}")
        await club.say(f"slow bob, {name}", by="bob")
        await street.seen(lambda status: status["inbox"][name]["open"] == 2)
        other = await club.say(f"no, wait, {name}")
        run = await agent.begun(f"slow bob, {name}")
        await club.edit(other, "!whoami")  # and nothing is left to ask the first one with
        run.may_go_on.set()
        (await agent.again(f"slow no more, {name}")).may_go_on.set()
        said = await club.until(lambda said: len(said) == 7)
        bob, first = (f"a beginning heard: {text}, {name}" for text in ("slow bob", "slow no more"))
        assert said[3:6] == [MARK, bob, first]
        assert not [text for text in agent.asked if text.endswith((f"no, wait, {name}", "!whoami"))]

    await street.on_each("interrupt", seen, GROUPS)


async def what_each_person_writes_meanwhile_is_asked_together_and_who_asked_stops_it(
    street: Street, agent: Listener, clubs: dict[str, Club]
) -> None:
    async def seen(street: Street, name: str, _door: Door) -> None:
        club = clubs[name]
        asked = await club.say(f"slow club, {name}")
        run = await agent.begun(f"slow club, {name}")
        await club.until(lambda _: club.mark(asked) == "👀")
        await street.seen(lambda _: club.has_room())
        first = await club.say(f"b1, {name}", by="bob")
        for text, by in (("a1", "alice"), ("a2", "alice"), ("b2", "bob")):
            await street.seen(lambda status: status["inbox"][name]["open"] >= 2)
            await club.say(f"{text}, {name}", by=by)
        await street.seen(lambda status: status["inbox"][name]["open"] == 5)
        await club.until(lambda _: club.mark(first) == WAITS[name.partition("_")[0]])
        run.may_go_on.set()
        said = await club.until(lambda said: len(said) == 4)
        assert said == [
            f"a beginning heard: slow club, {name}", f"heard: b1, {name}",
            f"heard: a1, {name}\na2, {name}", f"heard: b2, {name}",
        ]  # fmt: skip
        await club.until(lambda _: not club.mark(asked) + club.mark(first))

        await club.say(f"slow once more, {name}")
        run = await agent.begun(f"slow once more, {name}")
        await club.say("!stop", by="bob")
        await club.until(lambda said: said[-1] == "Only who asked, or an owner, can stop what I'm working on.")
        assert not run.stopped.is_set()
        await club.say("!stop")
        await club.until(lambda said: any(one.startswith("a beginning\n\n⏹ stopped") for one in said[4:]))
        assert run.stopped.is_set()

    await street.on_each("collect", seen, GROUPS)


async def each_person_is_told_once_that_nothing_is_taken_and_who_asked_decides(
    street: Street, agent: Listener, clubs: dict[str, Club]
) -> None:
    def told(said: list[str]) -> int:
        return sum(one.startswith(BUSY) for one in said)

    async def seen(_street: Street, name: str, _door: Door) -> None:
        club = clubs[name]
        await club.say(f"slow club, {name}")
        run = await agent.begun(f"slow club, {name}")
        for by in ("bob", "alice"):
            for text in ("no", "no again"):
                await club.say(f"{text} by {by}, {name}", by=by)
        await club.until(lambda said: told(said) == 2)
        run.may_go_on.set()
        said = await club.until(lambda said: any("heard: slow" in one for one in said))
        await club.say(f"and now the club, {name}", by="bob")
        said = await club.until(lambda said: any("heard: and now" in one for one in said))
        assert len(said) == 4
        assert told(said) == 2
        assert not [text for text in agent.asked if text.startswith("no") and text.endswith(f" by bob, {name}")]

        await club.say(f"choose, {name}")
        await club.until(lambda said: said[-1].startswith("Which size?"))
        await club.say("small", by="bob")
        await club.until(lambda said: said[-1] == "That is for whoever asked to decide.")
        await club.say("small")
        await club.until(lambda said: said[-1] == 'heard: {"size": "small"}')

    await street.on_each("reject", seen, GROUPS)


IN_GROUPS = (
    a_run_gives_way_to_whoever_asked_and_to_nobody_else,
    what_each_person_writes_meanwhile_is_asked_together_and_who_asked_stops_it,
    each_person_is_told_once_that_nothing_is_taken_and_who_asked_decides,
)
