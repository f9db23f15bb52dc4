"""A simulator for each test, python-telegram-bot as its client, aiogram's models as its judge."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable

import aiogram.types
import pytest
from pydantic import BaseModel, TypeAdapter
from telegram.ext import ExtBot
from telegram.request import HTTPXRequest

from surfacehost_devkit.botapi import Account, Bot, BotApi, Groups, Pace, World, door
from surfacehost_devkit.botapi.desk import serve_call
from surfacehost_devkit.botapi.params import Params
from surfacehost_devkit.botapi.state import State
from surfacehost_devkit.botapi.updates import UpdateQueue
from surfacehost_devkit.faults import Answer

# The real server still writes these, the documentation (and so aiogram) no longer names them.
LEGACY = {
    "all_members_are_administrators",
    "new_chat_participant",
    "new_chat_member",
    "left_chat_participant",
    "can_manage_voice_chats",
    "can_send_media_messages",
    "accepted_gift_types",
}
RESULTS: dict[str, TypeAdapter[object]] = {
    "getme": TypeAdapter(aiogram.types.User),
    "sendmessage": TypeAdapter(aiogram.types.Message),
    "senddocument": TypeAdapter(aiogram.types.Message),
    "sendphoto": TypeAdapter(aiogram.types.Message),
    "sendvoice": TypeAdapter(aiogram.types.Message),
    "sendaudio": TypeAdapter(aiogram.types.Message),
    "sendvideo": TypeAdapter(aiogram.types.Message),
    "sendanimation": TypeAdapter(aiogram.types.Message),
    "sendmediagroup": TypeAdapter(list[aiogram.types.Message]),
    "editmessagetext": TypeAdapter(aiogram.types.Message),
    "editmessagereplymarkup": TypeAdapter(aiogram.types.Message),
    "getchat": TypeAdapter(aiogram.types.ChatFullInfo),
    "getchatmember": TypeAdapter(aiogram.types.ResultChatMemberUnion),
    "getchatmembercount": TypeAdapter(int),
    "createforumtopic": TypeAdapter(aiogram.types.ForumTopic),
    "getfile": TypeAdapter(aiogram.types.File),
    "getmycommands": TypeAdapter(list[aiogram.types.BotCommand]),
    "getwebhookinfo": TypeAdapter(aiogram.types.WebhookInfo),
    "getupdates": TypeAdapter(list[aiogram.types.Update]),
}


def strangers(value: object) -> set[str]:
    """Fields that no model knows, at any depth."""
    if isinstance(value, list | tuple):
        return {name for one in value for name in strangers(one)}
    if not isinstance(value, BaseModel):
        return set()
    found = set(value.model_extra or {})
    for name in type(value).model_fields:
        found |= strangers(getattr(value, name))
    return found - LEGACY


@pytest.fixture(autouse=True)
def judge(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Validate every update and every result of every test with aiogram's models; counts what it saw, by kind too."""
    seen: Counter[str] = Counter()
    real_put = UpdateQueue.put

    def put(queue: UpdateQueue, kind: str, body: dict[str, object]) -> None:
        update = aiogram.types.Update.model_validate({"update_id": 1, kind: body})
        assert getattr(update, kind) is not None
        assert not strangers(update)
        seen.update(["updates", kind])
        real_put(queue, kind, body)

    async def serve(state: State, token: str, method: str, params: Params) -> Answer:
        answer = await serve_call(state, token, method, params)
        if answer.status == 200 and not state.calls.records[-1].fault:
            result = json.loads(answer.body)["result"]
            if method.lower() in RESULTS:
                assert not strangers(RESULTS[method.lower()].validate_python(result))
            else:
                assert result is True
            seen.update(["results", method.lower()])
        return answer

    monkeypatch.setattr(UpdateQueue, "put", put)
    monkeypatch.setattr(door, "serve_call", serve)
    return seen


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi.serve(pace=Pace(hurry_wait_s=0.2, conflict_wait_s=0.2, webhook_retry_s=0.01)) as running:
        yield running
        assert not [one for one in running.calls.records if one.outcome.startswith("simulator failed")]


@pytest.fixture
def world(api: BotApi) -> World:
    return api.world


@pytest.fixture
def groups(api: BotApi) -> Groups:
    return api.groups


@pytest.fixture
def bot(world: World) -> Bot:
    return world.bot("agent_bot")


@pytest.fixture
def alice(world: World, bot: Bot) -> Account:
    """A person who has started the bot."""
    person = world.person("Alice", username="alice_a")
    world.write(person, "/start")
    bot.queue.pending.clear()
    return person


def client_for(api: BotApi, token: str) -> ExtBot[None]:
    """A client of the real kind; unverified TLS only because building its contexts takes most of a test's time."""
    request = [HTTPXRequest(httpx_kwargs={"verify": False, "trust_env": False}) for _ in range(2)]
    return ExtBot(
        token,
        base_url=f"{api.url}/bot",
        base_file_url=f"{api.url}/file/bot",
        request=request[0],
        get_updates_request=request[1],
    )


@pytest.fixture
def connect(api: BotApi) -> Callable[[str], ExtBot[None]]:
    """Makes a client for a token, to be entered with `async with`."""
    return lambda token: client_for(api, token)


@pytest.fixture
async def client(api: BotApi, bot: Bot) -> AsyncIterator[ExtBot[None]]:
    async with client_for(api, bot.token) as running:
        yield running
