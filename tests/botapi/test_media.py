"""What people send beside text: as the server tells it, and as it is fetched."""

from typing import Any

import pytest
from telegram import Update
from telegram.ext import ExtBot

from surfacehost_devkit.botapi import Account, Bot, World, media

Client = ExtBot[None]


@pytest.mark.parametrize("kind", media.MEDIA)
async def test_every_kind_of_file_is_told_and_fetched(kind: str, client: Client, world: World, alice: Account) -> None:
    sent = world.send_media(alice, kind, b"what it is", mime_type="video/webm", caption="see", album="7")
    [update] = await client.get_updates()
    assert update.message is not None
    assert (update.message.caption, update.message.media_group_id) == ("see", "7")
    file: Any = getattr(update.message, kind)
    file = file[-1] if kind == "photo" else file
    assert file.file_size == 10
    assert await (await file.get_file()).download_as_bytearray() == b"what it is"
    world.edit(sent, "seen")
    assert (await client.get_updates(offset=-1))[0].edited_message is not None


async def test_what_is_no_file(client: Client, world: World, alice: Account) -> None:
    for fields in (
        media.location(52.5, 13.4),
        media.venue("Tower", "Square 1", 52.5, 13.4),
        media.contact("Bob", "+4930123"),
        media.dice(4),
        media.poll("Tea?", "yes", "no"),
    ):
        world.send_fields(alice, fields)
    updates = await client.get_updates()
    kinds = ("location", "venue", "contact", "dice", "poll")
    assert all(getattr(one.message, kind) for one, kind in zip(updates, kinds, strict=True))


async def test_a_part_is_quoted(client: Client, world: World, alice: Account) -> None:
    said = world.write(alice, "🎩 to be or not to be")
    world.write(alice, "not", reply_to=said, quote="not to be")
    message = (await client.get_updates())[-1].message
    assert message is not None
    assert message.quote is not None
    assert (message.quote.text, message.quote.position) == ("not to be", 12)


async def test_the_stop_button_of_a_draft(client: Client, world: World, alice: Account, bot: Bot) -> None:
    await client.send_message_draft(alice.id, 7, "so far")
    world.stop_draft(alice)
    [(_, raw)] = bot.queue.pending
    assert Update.de_json(raw, client).api_kwargs["stopped_message_generation"]["draft_id"] == 7
