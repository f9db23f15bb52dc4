"""sendMessage and what refuses it."""

import httpx
import pytest
from telegram import LinkPreviewOptions, ReplyParameters
from telegram.error import BadRequest, ChatMigrated, Forbidden
from telegram.ext import ExtBot

from surfacehost_devkit.botapi import Account, Bot, BotApi, Groups, World

Client = ExtBot[None]


async def test_a_message_reaches_the_person(client: Client, world: World, alice: Account) -> None:
    sent = await client.send_message(alice.id, "hello")
    assert (sent.text, sent.chat.id, sent.from_user and sent.from_user.username) == ("hello", alice.id, "agent_bot")
    reply = await world.wait_for_reply(alice.id)
    assert (reply.id, reply.text) == (sent.message_id, "hello")


async def test_dates_are_seconds_of_now(client: Client, api: BotApi, alice: Account) -> None:
    sent = await client.send_message(alice.id, "hello")
    assert abs(sent.date.timestamp() - api.state.clock.wall()) < 5


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "Message text is empty"),
        ("   \n ", "Text must be non-empty"),
        ("\u200b\u200d", "Text must be non-empty"),
        ("a" * 4097, "Message is too long"),
        ("😀" * 2049, "Message is too long"),
        ("a" * 33_000, "Text is too long"),
    ],
)
async def test_texts_that_are_refused(client: Client, alice: Account, text: str, error: str) -> None:
    with pytest.raises(BadRequest) as refused:
        await client.send_message(alice.id, text)
    assert refused.value.message == error


@pytest.mark.parametrize("text", ["a" * 4096, "😀" * 2048])
async def test_4096_units_fit(client: Client, alice: Account, text: str) -> None:
    assert (await client.send_message(alice.id, text)).text == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("  hi \n", "hi"), ("a\tb", "a b"), ("a\r\nb", "a\nb"), ("a\u202eb\u2028", "ab"), ("x\x00y", "x y")],
)
async def test_texts_are_cleaned_and_trimmed(client: Client, alice: Account, text: str, shown: str) -> None:
    assert (await client.send_message(alice.id, text)).text == shown


@pytest.mark.parametrize("chat_id", [999_999, -100_999, "@nobody_there", "abc"])
async def test_unknown_chats(client: Client, chat_id: int | str) -> None:
    with pytest.raises(BadRequest, match="Chat not found"):
        await client.send_message(chat_id, "hello")


async def test_an_empty_chat_id(api: BotApi, bot: Bot) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{api.url}/bot{bot.token}/sendMessage", json={"text": "hello"})
    assert answer.json()["description"] == "Bad Request: chat_id is empty"


async def test_a_person_who_blocked_the_bot(client: Client, world: World, alice: Account) -> None:
    world.block(alice)
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await client.send_message(alice.id, "hello")
    world.unblock(alice)
    assert (await client.send_message(alice.id, "hello")).text == "hello"


async def test_a_person_who_never_started_the_bot(client: Client, world: World, groups: Groups) -> None:
    stranger = world.person("Bob")
    with pytest.raises(BadRequest, match="Chat not found"):
        await client.send_message(stranger.id, "hello")
    groups.add_bot(groups.group("Team", stranger), stranger)
    with pytest.raises(Forbidden, match="bot can't initiate conversation with a user"):
        await client.send_message(stranger.id, "hello")


async def test_a_deactivated_person(client: Client, alice: Account) -> None:
    alice.deactivated = True
    with pytest.raises(Forbidden, match="user is deactivated"):
        await client.send_message(alice.id, "hello")


async def test_another_bot(client: Client, world: World) -> None:
    other = world.bot("other_bot")
    with pytest.raises(Forbidden, match="bot can't send messages to bots"):
        await client.send_message(other.id, "hello")


@pytest.mark.parametrize("kind", ["group", "supergroup"])
async def test_a_bot_that_was_thrown_out(client: Client, groups: Groups, alice: Account, kind: str) -> None:
    chat = groups.group("Team", alice) if kind == "group" else groups.supergroup("Team", alice)
    groups.add_bot(chat, alice)
    assert (await client.send_message(chat.id, "hello")).chat.title == "Team"
    groups.remove_bot(chat, alice)
    with pytest.raises(Forbidden, match=f"bot was kicked from the {kind} chat"):
        await client.send_message(chat.id, "hello")


async def test_a_bot_that_may_not_speak(client: Client, groups: Groups, alice: Account) -> None:
    chat = groups.supergroup("Team", alice)
    groups.add_bot(chat, alice)
    groups.set_standing(chat, alice, "restricted", can_send=False)
    with pytest.raises(BadRequest, match="Not enough rights to send text messages to the chat"):
        await client.send_message(chat.id, "hello")


async def test_a_migrated_group_names_its_successor(client: Client, groups: Groups, alice: Account) -> None:
    old = groups.group("Team", alice)
    groups.add_bot(old, alice)
    new = groups.migrate(old, alice)
    with pytest.raises(ChatMigrated) as moved:
        await client.send_message(old.id, "hello")
    assert moved.value.new_chat_id == new.id
    assert (await client.send_message(new.id, "hello")).chat.id == new.id


async def test_a_public_supergroup_by_name(client: Client, groups: Groups, alice: Account) -> None:
    groups.add_bot(groups.supergroup("Team", alice, username="the_team"), alice)
    assert (await client.send_message("@The_Team", "hello")).chat.username == "the_team"


async def test_replies(client: Client, world: World, alice: Account) -> None:
    asked = world.write(alice, "question")
    sent = await client.send_message(alice.id, "answer", reply_parameters=ReplyParameters(asked.id))
    assert sent.reply_to_message is not None
    assert sent.reply_to_message.text == "question"
    world.delete(asked)
    with pytest.raises(BadRequest, match="Message to be replied not found"):
        await client.send_message(alice.id, "answer", reply_to_message_id=asked.id)
    lenient = await client.send_message(
        alice.id, "answer", reply_to_message_id=asked.id, allow_sending_without_reply=True
    )
    assert lenient.reply_to_message is None


async def test_message_ids(client: Client, world: World, groups: Groups, alice: Account) -> None:
    bob = world.person("Bob")
    world.write(bob, "hello")
    small, large = groups.group("Small", alice), groups.supergroup("Large", alice)
    groups.add_bot(small, alice)
    groups.add_bot(large, alice)
    shared = [(await client.send_message(chat_id, "x")).message_id for chat_id in (alice.id, bob.id, small.id)]
    own = [(await client.send_message(large.id, "x")).message_id for _ in range(2)]
    assert shared[1:] == [shared[0] + 1, shared[0] + 2]
    assert own == [3, 4]  # behind the messages that it was made and that the bot came


async def test_link_preview_options_come_back(client: Client, alice: Account) -> None:
    sent = await client.send_message(
        alice.id, "see example.com", link_preview_options=LinkPreviewOptions(is_disabled=True)
    )
    assert sent.link_preview_options is not None
    assert sent.link_preview_options.is_disabled


@pytest.mark.parametrize("encoding", ["query", "form", "multipart", "json"])
async def test_all_encodings(api: BotApi, bot: Bot, alice: Account, encoding: str) -> None:
    fields = {"chat_id": str(alice.id), "text": "hé 😀"}
    address = f"{api.url}/bot{bot.token}/SENDMESSAGE"
    async with httpx.AsyncClient(trust_env=False) as http:
        if encoding == "query":
            answer = await http.get(address, params=fields)
        elif encoding == "form":
            answer = await http.post(address, data=fields)
        elif encoding == "multipart":
            answer = await http.post(address, data=fields, files={"unused": b"x"})
        else:
            answer = await http.post(address, json=fields | {"chat_id": alice.id})
    assert answer.json()["result"]["text"] == "hé 😀"


async def test_text_that_is_no_utf8(api: BotApi, bot: Bot, alice: Account) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await http.post(
            f"{api.url}/bot{bot.token}/sendMessage", content=f"chat_id={alice.id}&text=%ff", headers=form
        )
    assert answer.json()["description"] == "Bad Request: strings must be encoded in UTF-8"


async def test_a_body_that_is_no_json(api: BotApi, bot: Bot) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"{api.url}/bot{bot.token}/sendMessage", content="{", headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 400
