"""Several files as one message, and what is no album."""

from typing import Any

import httpx
import pytest
from telegram import InputMediaAudio, InputMediaDocument, InputMediaPhoto, InputMediaVideo, ReplyParameters
from telegram.error import BadRequest, Forbidden, NetworkError
from telegram.ext import ExtBot
from tests.telegram.shown import picture

from surfacehost_devkit.botapi import Account, Bot, BotApi, Groups, World, faults

Client = ExtBot[None]

FILE = b"bytes"


def photos(count: int) -> list[Any]:
    return [InputMediaPhoto(picture()) for _ in range(count)]


async def test_an_album_is_messages_with_ids_behind_each_other(client: Client, world: World, alice: Account) -> None:
    asked = world.write(alice, "show me")
    album = await client.send_media_group(
        alice.id, [InputMediaPhoto(picture()), InputMediaVideo(FILE, caption="film"), *photos(8)],
        reply_parameters=ReplyParameters(asked.id),
    )  # fmt: skip
    assert [one.message_id for one in album] == [*range(asked.id + 1, asked.id + 11)]
    assert len({one.media_group_id for one in album}) == 1
    assert [one.caption for one in album] == [None, "film", *[None] * 8]
    assert {one.reply_to_message.message_id for one in album if one.reply_to_message} == {asked.id}
    shown = world.replies(alice.id, after=asked)
    assert [one.content.shown_as for one in shown] == ["photo", "video", *["photo"] * 8]
    again = await client.send_media_group(alice.id, [InputMediaPhoto(one.photo[0].file_id) for one in album[2:4]])
    assert again[0].media_group_id != album[0].media_group_id


async def test_an_album_goes_to_its_topic(client: Client, groups: Groups, alice: Account, bot: Bot) -> None:
    team = groups.forum("Team", alice)
    groups.add_bot(team, alice, bot)
    topic = groups.open_topic(team, alice, "Tea")
    album = await client.send_media_group(team.id, photos(2), message_thread_id=topic.thread_id)
    assert [one.message_thread_id for one in album] == [topic.thread_id] * 2
    groups.close_topic(team, alice, topic)
    with pytest.raises(BadRequest, match="Topic_closed"):
        await client.send_media_group(team.id, photos(2), message_thread_id=topic.thread_id)


REFUSED: dict[str, tuple[list[Any], str]] = {
    "one alone": (photos(1), "Media must include 2-10 items"),
    "eleven": (photos(11), "Too many messages to send as an album"),
    "a photo and a document": ([*photos(1), InputMediaDocument(FILE)], "Document can't be mixed"),
    "a film and a sound": ([InputMediaVideo(FILE), InputMediaAudio(FILE)], "Audio can't be mixed"),
    "a caption too long": ([*photos(1), InputMediaPhoto(picture(), caption="x" * 1025)], "Message caption is too long"),
    "an empty file": ([InputMediaDocument(FILE), InputMediaDocument(b"")], "File must be non-empty"),
    "a picture too long": (
        [*photos(1), InputMediaPhoto(picture(9000, 9)), *photos(1)],
        'Failed to send message #2 with the error message "photo_invalid_dimensions"',
    ),
    "no picture": ([InputMediaPhoto(FILE), *photos(1)], 'Failed to send message #1 .* "image_process_failed"'),
    "an address": ([*photos(1), InputMediaPhoto("http://127.0.0.1:9/a.png")], "Failed to get http url content"),
}


async def test_all_or_nothing(client: Client, world: World, alice: Account) -> None:
    for media, reason in REFUSED.values():
        with pytest.raises(BadRequest, match=f"(?i){reason}"):
            await client.send_media_group(alice.id, media)
    assert world.replies(alice.id) == []


NO_LISTS = {
    "": 'parameter "media" is required',
    "[": "can't parse media JSON object",
    "{}": "expected an Array of InputMedia",
    "[]": "there are no messages to send",
    "[7]": "can't parse InputMedia: expected an Object",
    '[{"media": "attach://a"}]': "can't parse InputMedia: can't find field \"type\"",
    '[{"type": "photo"}]': "can't parse InputMedia: media not found",
    '[{"type": "photo", "media": "attach://a"}]': "can't parse InputMedia: media not found",
    '[{"type": "animation", "media": "F"}]': (
        "can't parse InputMedia: type \"animation\" can't be used in sendMediaGroup"
    ),
    '[{"type": "voice", "media": "F"}]': 'can\'t parse InputMedia: type "voice" is unsupported',
}


async def test_what_is_no_list_of_files(api: BotApi, alice: Account, bot: Bot) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        for media, reason in NO_LISTS.items():
            asked = {"chat_id": alice.id, "media": media}
            answer = await http.post(f"{api.url}/bot{bot.token}/sendMediaGroup", data=asked)
            assert answer.json() == {"ok": False, "error_code": 400, "description": f"Bad Request: {reason}"}


async def test_who_may_not_and_what_is_lost(client: Client, api: BotApi, world: World, alice: Account) -> None:
    world.block(alice)
    with pytest.raises(Forbidden):
        await client.send_media_group(alice.id, photos(2))
    world.unblock(alice)
    api.faults.plan("sendMediaGroup", faults.drop_after())
    with pytest.raises(NetworkError):
        await client.send_media_group(alice.id, photos(2))
    assert len(world.replies(alice.id)) == 2
