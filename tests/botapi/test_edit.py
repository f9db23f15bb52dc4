"""Edits, deletions, reactions, buttons."""

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, ReactionTypeEmoji
from telegram.error import BadRequest
from telegram.ext import ExtBot

from surfacehost_devkit.botapi import Account, Bot, BotApi, Groups, World

Client = ExtBot[None]


def said(api: BotApi) -> str:
    """Why the last call was refused, in the server's exact words (the client changes their case)."""
    return api.calls.records[-1].outcome.removeprefix("Bad Request: ")


BUTTONS = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="yes")]])


async def test_an_edit_keeps_its_history(client: Client, world: World, alice: Account) -> None:
    sent = await client.send_message(alice.id, "one")
    edited = await client.edit_message_text("two", alice.id, sent.message_id)
    assert (getattr(edited, "text", None), getattr(edited, "message_id", None)) == ("two", sent.message_id)
    shown = await world.wait_for_reply(alice.id, where=lambda one: one.text == "two")
    assert [version.text for version in shown.versions] == ["one", "two"]


async def test_the_same_again_is_not_modified(client: Client, alice: Account) -> None:
    sent = await client.send_message(alice.id, "<b>one</b>", parse_mode="HTML", reply_markup=BUTTONS)
    with pytest.raises(BadRequest) as refused:
        await client.edit_message_text(
            "*one*", alice.id, sent.message_id, parse_mode="MarkdownV2", reply_markup=BUTTONS
        )
    assert refused.value.message == (
        "Message is not modified: specified new message content and reply markup are exactly the same "
        "as a current content and reply markup of the message"
    )
    without_buttons = await client.edit_message_text("one", alice.id, sent.message_id)
    assert getattr(without_buttons, "reply_markup", None) is None


async def test_what_cannot_be_edited(client: Client, world: World, alice: Account) -> None:
    asked = world.write(alice, "question")
    sent = await client.send_message(alice.id, "answer")
    with pytest.raises(BadRequest, match="Message to edit not found"):
        await client.edit_message_text("x", alice.id, 999)
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await client.edit_message_text("x", alice.id, asked.id)
    with pytest.raises(BadRequest, match="Message is too long"):
        await client.edit_message_text("x" * 4097, alice.id, sent.message_id)
    await client.delete_message(alice.id, sent.message_id)
    with pytest.raises(BadRequest, match="Message to edit not found"):
        await client.edit_message_text("x", alice.id, sent.message_id)


async def test_editing_markup_tells_whose_message_it_is(client: Client, world: World, alice: Account) -> None:
    asked = world.write(alice, "question")
    sent = await client.send_message(alice.id, "answer")
    for number, error in (
        (sent.message_id, "is not modified"),
        (asked.id, "can't be edited"),
        (sent.message_id + 1, "not found"),
    ):
        with pytest.raises(BadRequest, match=error):
            await client.edit_message_reply_markup(alice.id, number)
    marked = await client.edit_message_reply_markup(alice.id, sent.message_id, reply_markup=BUTTONS)
    assert getattr(marked, "reply_markup", None) == BUTTONS


async def test_deleting(client: Client, world: World, groups: Groups, alice: Account) -> None:
    sent = await client.send_message(alice.id, "one")
    assert await client.delete_message(alice.id, sent.message_id)
    assert world.replies(alice.id) == []
    with pytest.raises(BadRequest, match="Message to delete not found"):
        await client.delete_message(alice.id, sent.message_id)
    team = groups.supergroup("Team", alice)
    groups.add_bot(team, alice)
    hers = world.write(alice, "mine", team)
    with pytest.raises(BadRequest, match="Message can't be deleted"):
        await client.delete_message(team.id, hers.id)
    groups.set_standing(team, alice, "administrator")
    assert await client.delete_message(team.id, hers.id)


async def test_reactions_both_ways(client: Client, world: World, bot: Bot, alice: Account) -> None:
    asked = world.write(alice, "question")
    assert await client.set_message_reaction(alice.id, asked.id, "👀")
    assert asked.reactions[bot.id] == [{"type": "emoji", "emoji": "👀"}]
    with pytest.raises(BadRequest, match="Reaction_invalid"):
        await client.set_message_reaction(alice.id, asked.id, ReactionTypeEmoji("🧀"))
    with pytest.raises(BadRequest, match="Message to react not found"):
        await client.set_message_reaction(alice.id, 999, "👍")
    await client.get_updates(offset=-1, timeout=0, allowed_updates=["message", "message_reaction"])
    bot.queue.pending.clear()
    world.react(alice, asked, "👍")
    (update,) = await client.get_updates(timeout=1)
    assert update.message_reaction is not None
    assert update.message_reaction.new_reaction[0].to_dict() == {"type": "emoji", "emoji": "👍"}


async def test_a_tap_is_answered_once(client: Client, world: World, alice: Account) -> None:
    await client.send_message(alice.id, "sure?", reply_markup=BUTTONS)
    shown = await world.wait_for_reply(alice.id)
    tap = world.tap(alice, shown, "yes")
    (update,) = await client.get_updates(timeout=1)
    query = update.callback_query
    assert query is not None
    assert (query.data, query.from_user.id, query.id) == ("yes", alice.id, tap.query_id)
    assert query.message is not None
    assert query.message.message_id == shown.id
    assert await client.answer_callback_query(query.id, "Done")
    assert (tap.answered, tap.text) == (True, "Done")
    with pytest.raises(BadRequest, match="Query is too old and response timeout expired or query id is invalid"):
        await client.answer_callback_query(query.id)
    with pytest.raises(ValueError, match="no button"):
        world.tap(alice, shown, "no")
    await client.edit_message_text("sure.", alice.id, shown.id)
    with pytest.raises(ValueError, match="no button"):
        world.tap(alice, shown, "yes")
    world.tap(alice, shown, "yes", late=True)
    (update,) = await client.get_updates(offset=update.update_id + 1, timeout=1)
    assert update.callback_query is not None
    assert update.callback_query.data == "yes"


@pytest.mark.parametrize(
    ("markup", "error"),
    [
        ("[]", "object expected as reply markup"),
        ("{", "can't parse reply keyboard markup JSON object"),
        ('{"inline_keyboard": [{}]}', "must be an Array of Arrays"),
        ('{"inline_keyboard": [[{"text": "x"}]]}', "Text buttons are unallowed in the inline keyboard"),
        ('{"inline_keyboard": [[{"text": "x", "url": "nowhere"}]]}', "inline keyboard button URL 'nowhere' is invalid"),
        ('{"inline_keyboard": [[{"text": "x", "callback_data": "%s"}]]}' % ("d" * 65), "BUTTON_DATA_INVALID"),
    ],
)
async def test_markup_that_is_refused(api: BotApi, client: Client, alice: Account, markup: str, error: str) -> None:
    with pytest.raises(BadRequest):
        await client.send_message(alice.id, "x", api_kwargs={"reply_markup": markup})
    assert error in said(api)
