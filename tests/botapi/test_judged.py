"""Whatever the simulator can send has been before the judge: a new kind of it that nobody looked at fails here."""

import ast
import struct
from collections import Counter
from pathlib import Path

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    ReplyParameters,
)
from telegram.ext import ExtBot
from tests.botapi.judge import RESULTS

from surfacehost_devkit.botapi import Account, Bot, BotApi, Chat, Groups, World, media, news
from surfacehost_devkit.botapi.methods import METHODS
from surfacehost_devkit.botapi.model import Status

Client = ExtBot[None]

STANDINGS: tuple[Status, ...] = ("administrator", "restricted", "kicked", "left", "member")
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(8) + struct.pack(">II", 8, 8)


def told_kinds() -> set[str]:
    """Every kind of update that the simulator makes, read out of its code."""
    calls = [one for one in ast.walk(ast.parse(Path(news.__file__).read_text())) if isinstance(one, ast.Call)]
    puts = [one for one in calls if isinstance(one.func, ast.Attribute) and one.func.attr == "put"]
    tells = [one for one in calls if isinstance(one.func, ast.Name) and one.func.id == "_tell"]
    named = [*(one.args[0] for one in puts), *(one.args[2] for one in tells)]
    return {str(one.value) for one in named if isinstance(one, ast.Constant)}


def people_write(world: World, alice: Account, team: Chat) -> None:
    for where in (None, team):
        said = world.write(alice, "see https://example.org and /start", where)
        world.write(alice, "well", where, reply_to=said, quote="example")
        world.edit(said, "changed")
        for kind in media.MEDIA:
            world.send_media(alice, kind, b"x", where, caption="see", album="7")
        for mime_type in ("image/webp", "video/webm", "application/x-tgsticker"):
            world.send_media(alice, "sticker", b"x", where, mime_type=mime_type)
        world.send_file(alice, b"x", "a.txt", where)
        places = (media.location(1, 2), media.venue("Tower", "Square 1", 1, 2))
        for fields in (*places, media.contact("Bob", "+49"), media.dice(4), media.poll("Tea?", "yes", "no")):
            world.send_fields(alice, fields, where)


def groups_change(groups: Groups, world: World, alice: Account, bot: Bot) -> Chat:
    bob = world.person("Bob", last_name="B", username="bob_b")
    public = groups.supergroup("Public", alice, [bob], username="a_public_group")
    small = groups.group("Small", alice)
    team = groups.forum("Team", alice, [bob])
    for chat in (public, small, team):
        groups.add_bot(chat, alice, bot, as_admin=True, can_manage_topics=True)
    for status in STANDINGS:
        groups.set_standing(public, alice, status, bot)
    groups.remove_bot(public, alice, bot)
    groups.migrate(small, alice)
    topic = groups.open_topic(team, alice, "Tea")
    world.write(alice, "in a topic", team, topic=topic)
    groups.rename_topic(team, alice, topic, "Coffee")
    groups.close_topic(team, alice, topic)
    groups.reopen_topic(team, alice, topic)
    world.block(alice)
    world.unblock(alice)
    return team


async def the_bot_calls(client: Client, world: World, alice: Account, team: Chat) -> None:
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="yes")]])
    asked = await client.send_message(alice.id, "Tea?", reply_markup=keyboard)
    shown = world.private_chat(alice).messages[asked.message_id]
    tap = world.tap(alice, shown, "yes")
    world.react(alice, shown, "👍")
    await client.answer_callback_query(tap.query_id)
    await client.edit_message_text("Coffee?", alice.id, asked.message_id, reply_markup=keyboard)
    await client.edit_message_reply_markup(alice.id, asked.message_id)
    await client.set_message_reaction(alice.id, asked.message_id, "👍")
    await client.send_message(alice.id, "<b>so</b>", "HTML", reply_parameters=ReplyParameters(asked.message_id))
    for send in (client.send_voice, client.send_audio, client.send_video, client.send_animation, client.send_document):
        await send(alice.id, b"x", caption="see")
    document = (await client.send_photo(alice.id, PICTURE)).photo[0]
    await client.get_file(document.file_id)
    for kind in (InputMediaPhoto, InputMediaVideo, InputMediaAudio, InputMediaDocument):
        await client.send_media_group(alice.id, [kind(PICTURE, caption="see"), kind(PICTURE)])
    await client.send_chat_action(alice.id, "typing")
    await client.send_message_draft(alice.id, 7, "so far")
    world.stop_draft(alice)
    await client.delete_message(alice.id, asked.message_id)
    made = await client.create_forum_topic(team.id, "Ideas")
    await client.edit_forum_topic(team.id, made.message_thread_id, name="Plans")
    await client.close_forum_topic(team.id, made.message_thread_id)
    await client.reopen_forum_topic(team.id, made.message_thread_id)
    for chat in (alice.id, team.id):
        await client.get_chat(chat)
    await client.get_chat_member(team.id, client.id)
    await client.get_chat_member_count(team.id)
    await client.leave_chat(team.id)


async def the_bot_arranges(client: Client) -> None:
    await client.set_my_commands([("new", "start afresh")])
    await client.get_my_commands()
    await client.delete_my_commands()
    await client.get_updates()
    await client.set_webhook("http://127.0.0.1:9/x")
    await client.get_webhook_info()
    await client.delete_webhook()


async def test_nothing_goes_past_the_judge(
    api: BotApi, client: Client, alice: Account, bot: Bot, judge: Counter[str]
) -> None:
    team = groups_change(api.groups, api.world, alice, bot)
    people_write(api.world, alice, team)
    await the_bot_calls(client, api.world, alice, team)
    await the_bot_arranges(client)
    assert {kind for kind in told_kinds() if not judge[kind]} == set()
    assert len(told_kinds()) == 6
    assert {method for method in METHODS if not judge[method.lower()]} == set()
    assert {*RESULTS} <= {method.lower() for method in METHODS}
