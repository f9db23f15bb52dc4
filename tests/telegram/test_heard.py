"""What people send beside plain text, from the simulator to the host's inbox."""

from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from tests.telegram.conftest import Desk, Host

from surfacehost import Edit, Message
from surfacehost_devkit.botapi import BotApi, media


def heard(host: Host) -> list[Message]:
    return [event for event in host.put.events.values() if isinstance(event, Message)]


async def test_what_people_send(desk: Desk, api: BotApi) -> None:
    alice, bot, world = api.world.person(), api.world.bot(), api.world
    async with desk.host(desk.surface(bot)) as host:
        for kind in media.MEDIA:
            world.send_media(alice, kind, mime_type="audio/ogg", name=f"{kind}.bin", caption=kind)
        world.send_fields(alice, media.poll("Tea?", "yes", "no"))
        said = world.write(alice, "to be or not to be")
        world.write(alice, "not", reply_to=said, quote="not to be")
        world.edit(said, "tea or coffee")
        await host.until(lambda: len(host.put.events) == len(media.MEDIA) + 4)
    *files, poll, first, quoting = heard(host)
    assert all(one.attachments[0].source["file_id"] in api.state.files for one in files)
    assert all(one.attachments[0].size == 5 for one in files)
    assert [one.attachments[0].kind for one in files] == [
        *("image", "video", "sticker", "video", "video", "voice", "audio", "file")
    ]
    assert (poll.text, poll.attachments) == ("Tea?\n- yes\n- no", ())
    assert quoting.quote == "not to be"
    [edit] = [event for event in host.put.events.values() if isinstance(event, Edit)]
    assert (edit.of, edit.text) == (first.id, "tea or coffee")


async def test_a_tap_and_a_stop(desk: Desk, api: BotApi) -> None:
    alice, bot, world = api.world.person(), api.world.bot(), api.world
    surface = desk.surface(bot)
    async with desk.host(surface) as host:
        asked = world.write(alice, "hi")
        await host.until(lambda: host.settled)
        answer = await world.wait_for_reply(alice.id, after=asked)
        buttons = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="yes_1")]])
        await surface._bot.edit_message_reply_markup(alice.id, answer.id, reply_markup=buttons)
        world.tap(alice, answer, "yes_1")
        await world.wait_for_reply(alice.id, after=answer)  # an answer takes the chat's draft away
        await surface._bot.send_message_draft(alice.id, 7, "so far")
        world.stop_draft(alice)
        await host.until(lambda: len(host.put.events) == 3)
    _, tap, stop = heard(host)
    assert (tap.choice, tap.sender, str(tap.key)) == ("yes_1", str(alice.id), str(stop.key))
    assert tap.native["callback_query_id"] in api.state.taps
    assert (stop.text, stop.sender) == ("/stop", str(alice.id))


async def test_a_group_that_moved_is_no_invitation(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    old = api.groups.group("Team", alice)
    old.members[bot.id] = old.member(bot.account).standing("member")
    async with desk.host(desk.surface(bot)) as host:
        host.client.welcome = False
        new = api.groups.migrate(old, alice)
        new.members.pop(bot.id)
        api.groups.add_bot(new, alice, bot)  # Telegram may tell that the bot is in the new chat now
        await host.until(lambda: host.settled)
    assert new.member(bot.account).status == "member"
    assert host.put.moved == {str(old.id): str(new.id)}
