"""Marks on people's messages: none stays behind, though the host is killed while they stand."""

from tests.both.conftest import unique
from tests.conversation.doors import matrix_mark, telegram_mark
from tests.faults.conftest import Stage

from surfacehost_devkit import faults


async def test_a_mark_goes_though_the_host_is_killed_while_it_stands(stage: Stage) -> None:
    """In a group that of a message that is answered, in direct chats that of one that still waits."""
    stage.host.configure(stage.settings(defaults='dm_policy = "open"\ngroup_policy = "open"\nrequire_mention = false'))
    await stage.start()
    await stage.ready()
    world, bot, alice, me = stage.api.world, stage.telegram_bot, stage.alice, stage.bot.user_id
    direct = await stage.meet()
    room = await alice.create_room(name=unique("club"), invite=[me])
    await alice.wait_for(lambda: alice.seen.said(room, me))
    club = stage.api.groups.supergroup("Club", stage.ann)
    club.members[bot.id] = club.member(bot.account).standing("administrator")

    def marks() -> list[str]:
        on_matrix = [matrix_mark(alice, where, me, one) for where, one in ((room, asked), (direct, waits))]
        return [*on_matrix, *(telegram_mark(bot, one) for one in (written, sits))]

    for text in ("!demo slow 7", "and this"):
        waits = await alice.send(direct, text)
        sits = world.write(stage.ann, text, bot=bot.id)
    asked = await alice.send(room, "!demo slow 7")
    written = world.write(stage.ann, "!demo slow 7", club)
    await stage.seen(lambda _: marks() == ["👀", "⏳", "👀", "👀"])
    stage.proxy.faults.plan("PUT */redact/*", faults.bad_gateway(), times=None)
    stage.api.faults.plan("setMessageReaction", faults.bad_gateway(), times=None)
    await stage.seen(lambda status: all(one["open"] == 2 for one in status["inbox"].values()))
    assert marks() == ["👀", "⏳", "👀", "👀"]
    stage.host.kill()
    for planned in (stage.proxy.faults, stage.api.faults):
        planned.clear()
    await stage.start()
    await stage.at_rest()
    await stage.seen(lambda _: not any(marks()))
    assert alice.seen.said(direct, me)[1:] == ["I waited 7 s.", "echo: and this"]
    assert alice.seen.said(room, me)[1:] == ["I waited 7 s."]
    for where, answers in ((stage.ann.id, ["I waited 7 s.", "echo: and this"]), (club, ["I waited 7 s."])):
        assert [one.content.text for one in world.replies(where, bot=bot.id)] == answers
