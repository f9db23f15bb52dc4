"""A simulator for each test, python-telegram-bot as its client, aiogram's models as its judge."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest
from telegram.ext import ExtBot
from telegram.request import HTTPXRequest
from tests.botapi.judge import RESULTS, judge_update, strangers

from surfacehost_devkit.botapi import Account, Bot, BotApi, Groups, Pace, World, door
from surfacehost_devkit.botapi.desk import serve_call
from surfacehost_devkit.botapi.params import Params
from surfacehost_devkit.botapi.state import State
from surfacehost_devkit.botapi.updates import UpdateQueue
from surfacehost_devkit.faults import Answer


@pytest.fixture(autouse=True)
def judge(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Validate every update and every result of every test with aiogram's models; counts what it saw, by kind too."""
    seen: Counter[str] = Counter()
    real_put = UpdateQueue.put

    def put(queue: UpdateQueue, kind: str, body: dict[str, object]) -> None:
        judge_update({"update_id": 1, kind: body})
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
