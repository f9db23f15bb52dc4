"""What Telegram refuses the simulator refuses, in Telegram's words: the list, walked call by call."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx
import pytest

from surfacehost_devkit.botapi import Account, Bot, BotApi, Chat, Groups, World


class Scene(NamedTuple):
    """Whom and what a call may name."""

    api: BotApi
    bot: Bot
    known: Mapping[str, Any]

    async def call(self, method: str, fields: Mapping[str, Any]) -> tuple[int, str]:
        """Status and words of the answer; a value "<name>" stands for what is known by that name."""
        given = json.dumps(fields)
        for name, value in self.known.items():
            given = given.replace(f'"{name}"', json.dumps(value))
        async with httpx.AsyncClient(trust_env=False, verify=False) as http:
            answer = await http.post(f"{self.api.url}/bot{self.bot.token}/{method}", json=json.loads(given))
        return answer.status_code, answer.json().get("description", "")


@pytest.fixture
def scene(api: BotApi, world: World, groups: Groups, alice: Account, bot: Bot) -> Scene:
    forum = groups.forum("Forum", alice)
    groups.add_bot(forum, alice, as_admin=True, can_manage_topics=True)
    closed, deleted = (groups.open_topic(forum, alice, name) for name in ("Closed", "Deleted"))
    groups.close_topic(forum, alice, closed)
    groups.delete_topic(forum, deleted)
    gone, blocking = world.person("Gone"), world.person("Bert")
    for person in (gone, blocking):
        world.write(person, "/start")
    gone.deactivated = True
    world.block(blocking)
    left, quiet, plain = (_team(groups, alice, name) for name in ("Left", "Quiet", "Plain"))
    groups.remove_bot(left, alice)
    groups.set_standing(quiet, alice, "restricted", can_send=False)
    old = groups.group("Old", alice)
    groups.add_bot(old, alice)
    groups.migrate(old, alice)
    theirs = world.write(alice, "mine")
    large = world.send_file(alice, bytes(20 * 1024 * 1024 + 1), "large.bin").content.document
    assert large is not None
    ids = {
        "alice": alice.id, "gone": gone.id, "blocking": blocking.id, "stranger": world.person("Eve").id,
        "other bot": world.bot("other_bot").id, "forum": forum.id, "left": left.id, "quiet": quiet.id,
        "plain": plain.id, "old": old.id, "closed": closed.thread_id, "deleted": deleted.thread_id,
        "theirs": theirs.id, "large": large.file_id,
    }  # fmt: skip
    return Scene(api, bot, {f"<{name}>": known for name, known in ids.items()})


def _team(groups: Groups, owner: Account, name: str) -> Chat:
    chat = groups.supergroup(name, owner)
    groups.add_bot(chat, owner)
    return chat


def button(**more: str) -> dict[str, Any]:
    return {**SAY, "reply_markup": {"inline_keyboard": [[{"text": "a", **more}]]}}


HERE = {"chat_id": "<alice>"}
SAY = {**HERE, "text": "hi"}
THERE = {"chat_id": "<forum>"}
IN_FORUM = {**THERE, "text": "hi"}
THEIRS = {**HERE, "message_id": "<theirs>"}
BOLD = {"type": "bold", "offset": 1, "length": 1}
LINK = {"type": "text_link", "offset": 0, "length": 2}
FILE = {"type": "document", "media": "<large>"}
HTTPS = "https://bot.example.org"
MANY = [{"command": f"c{number}", "description": "x"} for number in range(101)]
REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    # chats
    ("sendMessage", {**SAY, "chat_id": 999_999}, 400, "chat not found"),
    ("sendMessage", {**SAY, "chat_id": "<gone>"}, 403, "user is deactivated"),
    ("sendMessage", {**SAY, "chat_id": "<blocking>"}, 403, "bot was blocked by the user"),
    ("sendMessage", {**SAY, "chat_id": "<stranger>"}, 400, "chat not found"),
    ("sendMessage", {**SAY, "chat_id": "<other bot>"}, 403, "bot can't send messages to bots"),
    ("sendMessage", {**SAY, "chat_id": "<left>"}, 403, "bot was kicked from the supergroup chat"),
    ("sendMessage", {**SAY, "chat_id": "<quiet>"}, 400, "not enough rights to send text messages to the chat"),
    ("sendMessage", {**SAY, "chat_id": "<old>"}, 400, "group chat was upgraded to a supergroup chat"),
    # topics
    ("sendMessage", {**IN_FORUM, "message_thread_id": 777}, 400, "message thread not found"),
    ("sendMessage", {**IN_FORUM, "message_thread_id": 1}, 400, "message thread not found"),
    ("sendMessage", {**IN_FORUM, "message_thread_id": "<deleted>"}, 400, "message thread not found"),
    ("sendChatAction", {**THERE, "action": "typing", "message_thread_id": 777}, 400, "message thread not found"),
    ("createForumTopic", {**THERE, "name": " "}, 400, "topic name is empty"),
    ("createForumTopic", {**THERE, "name": "Tea", "icon_color": 1}, 400, "invalid icon color specified"),
    ("createForumTopic", {"chat_id": "<plain>", "name": "Tea"}, 400, "the chat is not a supergroup forum"),
    ("createForumTopic", {**HERE, "name": "Tea"}, 400, "the chat is not a forum"),
    ("editForumTopic", {**THERE, "message_thread_id": "<deleted>", "name": "T"}, 400, "TOPIC_ID_INVALID"),
    ("editForumTopic", {**THERE, "message_thread_id": "<closed>", "name": "Closed"}, 400, "TOPIC_NOT_MODIFIED"),
    # text
    ("sendMessage", {**HERE, "text": ""}, 400, "message text is empty"),
    ("sendMessage", {**HERE, "text": "\u200b"}, 400, "text must be non-empty"),
    ("sendMessage", {**HERE, "text": "😀" * 2049}, 400, "message is too long"),
    ("sendMessage", {**SAY, "reply_parameters": {"message_id": 777}}, 400, "message to be replied not found"),
    # formatting
    ("sendMessage", {**SAY, "entities": [{"type": "bold"}]}, 400, "can't parse MessageEntity"),
    ("sendMessage", {**SAY, "entities": [{**BOLD, "offset": 5}]}, 400, "entity begins after the end"),
    ("sendMessage", {**HERE, "text": "😀", "entities": [BOLD]}, 400, "entity begins in a middle of a UTF-16 symbol"),
    ("sendMessage", {**SAY, "entities": [{**LINK, "url": "docs/x.md"}]}, 400, "entity URL"),
    ("sendMessage", {**HERE, "text": "<b>hi", "parse_mode": "HTML"}, 400, "can't parse entities"),
    ("sendMessage", {**HERE, "text": "*hi", "parse_mode": "MarkdownV2"}, 400, "can't parse entities"),
    ("sendMessage", {**SAY, "parse_mode": "Wiki"}, 400, "unsupported parse_mode"),
    # buttons
    ("sendMessage", button(callback_data="x" * 65), 400, "BUTTON_DATA_INVALID"),
    ("sendMessage", button(), 400, "can't parse inline keyboard button"),
    ("answerCallbackQuery", {"callback_query_id": "777"}, 400, "query is too old and response timeout expired"),
    # files
    ("sendDocument", {**HERE, "document": "nowhere"}, 400, "wrong remote file identifier specified"),
    ("sendDocument", {**HERE, "document": "<large>", "caption": "a" * 1025}, 400, "message caption is too long"),
    ("sendPhoto", {**HERE, "photo": "<large>"}, 400, "file is too big for a photo"),
    ("sendMediaGroup", {**HERE, "media": [FILE]}, 400, "media must include 2-10 items"),
    ("getFile", {"file_id": "<large>"}, 400, "file is too big"),
    ("getFile", {"file_id": "nothing"}, 400, "invalid file_id"),
    # what is there already
    ("editMessageText", {**SAY, "message_id": 777}, 400, "message to edit not found"),
    ("editMessageText", {**SAY, "message_id": "<theirs>"}, 400, "message can't be edited"),
    ("editMessageReplyMarkup", THEIRS, 400, "message can't be edited"),
    ("deleteMessage", {**HERE, "message_id": 777}, 400, "message to delete not found"),
    ("setMessageReaction", {**THEIRS, "reaction": [{"type": "emoji", "emoji": "⏳"}]}, 400, "REACTION_INVALID"),
    ("setMessageReaction", {**HERE, "message_id": 777}, 400, "message to react not found"),
    # drafts and actions
    ("sendMessageDraft", {**IN_FORUM, "draft_id": 7}, 400, "TEXTDRAFT_PEER_INVALID"),
    ("sendMessageDraft", {**SAY, "draft_id": 0}, 400, "RANDOM_ID_INVALID"),
    ("sendMessageDraft", {**HERE, "draft_id": 7, "text": "a" * 4097}, 400, "message is too long"),
    ("sendChatAction", {**HERE, "action": "thinking"}, 400, "wrong parameter action in request"),
    # the bot itself
    ("setMyCommands", {"commands": [{"command": "New", "description": "x"}]}, 400, "BOT_COMMAND_INVALID"),
    ("setMyCommands", {"commands": [{"command": "new", "description": ""}]}, 400, "BOT_COMMAND_DESCRIPTION_INVALID"),
    ("setMyCommands", {"commands": MANY}, 400, "BOT_COMMANDS_TOO_MUCH"),
    ("setWebhook", {"url": "http://bot.example.org"}, 400, "bad webhook: An HTTPS URL must be provided"),
    ("setWebhook", {"url": f"{HTTPS}:8700"}, 400, "bad webhook: Webhook can be set up only on ports"),
    ("setWebhook", {"url": HTTPS, "secret_token": "a key"}, 400, "secret token contains unallowed characters"),
    ("leaveChat", HERE, 400, "chat member status can't be changed in private chats"),
    ("sendSomething", SAY, 404, "method not found"),
]  # fmt: skip
KINDS = {400: "Bad Request", 403: "Forbidden", 404: "Not Found"}


async def test_what_telegram_refuses_is_refused_in_its_words(scene: Scene) -> None:
    before = {chat.id: len(chat.messages) for chat in scene.api.state.groups.values()}
    wrong = []
    for method, fields, code, words in REFUSED:
        came = await scene.call(method, fields)
        if came[0] != code or not came[1].startswith(f"{KINDS[code]}: {words}"):
            wrong.append((method, fields, came))
    assert wrong == []
    assert {chat.id: len(chat.messages) for chat in scene.api.state.groups.values()} == before
    assert scene.api.world.replies(scene.known["<alice>"], bot=scene.bot) == []


async def test_what_looks_like_it_is_taken(scene: Scene) -> None:
    """The same calls with the one thing right that was wrong."""
    for method, fields in (
        ("sendMessage", {**SAY, "reply_parameters": {"message_id": 777, "allow_sending_without_reply": True}}),
        ("sendMessage", {**HERE, "text": "😀" * 2048}),
        ("sendMessage", {**SAY, "entities": [{**LINK, "url": "https://a.io/docs/x.md"}]}),
        ("sendMessage", button(callback_data="x" * 64)),
        ("sendMessage", {**IN_FORUM, "chat_id": "<plain>", "message_thread_id": 777}),
        ("setMessageReaction", {**THEIRS, "reaction": [{"type": "emoji", "emoji": "👀"}]}),
        ("sendMessageDraft", {**HERE, "draft_id": 7, "text": ""}),
        ("sendMessageDraft", {**HERE, "draft_id": 7, "text": "a" * 4096}),
        ("setWebhook", {"url": f"{HTTPS}:8443", "secret_token": "key_-1"}),
    ):
        assert await scene.call(method, fields) == (200, ""), (method, json.dumps(fields)[:80])
