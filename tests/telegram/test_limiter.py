"""The budget of a chat: arithmetic first, then the calls that go through it."""

import asyncio
from itertools import pairwise
from time import monotonic

import pytest

from surfacehost_devkit.fakes import FakeMemory
from surfacehost_telegram.bot import FRAME, MAX_UPLOADS, MESSAGE, Flooded, Turn
from surfacehost_telegram.budget import BotBudget, ChatBudget
from surfacehost_telegram.limiter import ChatBudgets, Dropped


def take(budget: ChatBudget, now: float, *, frame: bool = False) -> float:
    """Take one call as soon as there is room; when that was."""
    now += budget.wait(now, FRAME if frame else MESSAGE)
    budget.spend(now)
    return now


def test_three_at_once_then_one_a_second() -> None:
    budget, now = ChatBudget(group=False, now=0.0), 0.0
    times = [now := take(budget, now) for _ in range(6)]
    assert times[:3] == [0.0, 0.0, 0.0]
    assert [round(later - earlier, 2) for earlier, later in pairwise(times[2:])] == [1.11] * 3


def test_a_group_takes_eighteen_a_minute() -> None:
    budget, now = ChatBudget(group=True, now=0.0), 0.0
    times = [now := take(budget, now) for _ in range(19)]
    assert times[17] < 20
    assert times[18] == 60.0


def test_an_album_takes_as_much_as_its_messages() -> None:
    budget, bot = ChatBudget(group=True, now=0.0), BotBudget()
    assert budget.wait(0.0, Turn(messages=10)) == 0
    budget.spend(0.0, Turn(messages=10))
    assert budget.wait(0.0) == pytest.approx(8 / 0.9)  # of a burst of three seven are owed
    assert budget.wait(20.0, Turn(messages=8)) == 0
    assert budget.wait(20.0, Turn(messages=9)) == 40
    budget.spend(20.0, Turn(messages=8))
    assert budget.wait(40.0) == 20
    for _ in range(2):
        assert bot.wait(0.0, messages=10) == 0
        bot.spend(0.0, messages=10)
    assert bot.wait(0.0, messages=7) == 0
    assert bot.wait(0.5, messages=8) == 0.5


def test_frames_leave_room() -> None:
    budget, now = ChatBudget(group=True, now=0.0), 0.0
    for _ in range(8):
        now = take(budget, now, frame=True) + 5
    assert budget.wait(now, FRAME) > 10
    assert budget.wait(now) == 0
    budget.spend(now)
    budget.spend(now)
    assert budget.wait(now) == 0


def test_a_mark_is_put_where_there_is_room_to_take_it_away_and_that_takes_no_others_room() -> None:
    budget, now = ChatBudget(group=True, now=0.0), 0.0
    mark, taken_away = Turn(is_frame=True, promises=True), Turn(is_promised=True)
    for _ in range(4):
        now += budget.wait(now, mark)
        budget.spend(now, mark)
    assert now < 10 < budget.wait(now, FRAME)
    for _ in range(10):
        now = take(budget, now)
    assert now < 20 < budget.wait(now)
    for _ in range(4):
        now += budget.wait(now, taken_away)
        budget.spend(now, taken_away)
    assert now < 25
    assert budget.wait(now, taken_away) > 30  # nobody promised that one


def test_a_penalty_shuts_the_chat() -> None:
    budget = ChatBudget(group=False, now=0.0)
    budget.shut(0.0, 5)
    assert budget.wait(1.0) == pytest.approx(4.3)
    assert budget.wait(5.3) == 0
    assert not budget.is_idle(5.0)
    assert budget.is_idle(5.3)


def test_drafts_are_counted_apart_and_shut_as_well() -> None:
    budget = ChatBudget(group=False, now=0.0)
    for _ in range(3):
        budget.spend(0.0)
    assert budget.draft_wait(0.0) == 0
    budget.spend(0.0, draft=True)
    assert 0.3 < budget.draft_wait(0.0) < 0.4
    budget.shut(0.0, 5)
    assert budget.draft_wait(1.0) == pytest.approx(4.3)


def test_all_chats_together_take_fewer_than_thirty_a_second() -> None:
    budget = BotBudget()
    for _ in range(18):
        assert budget.wait(0.0, frame=True) == 0
        budget.spend(0.0)
    assert budget.wait(0.0, frame=True) == 1.0  # the rest is for messages
    for _ in range(9):
        assert budget.wait(0.5) == 0
        budget.spend(0.5)
    assert budget.wait(0.5) == 0.5
    assert budget.wait(1.0) == 0
    assert budget.wait(1.0, frame=True) == 0


def test_a_call_counts_for_a_second_from_its_answer_on() -> None:
    budget = BotBudget()
    for number in range(27):
        budget.spend(number / 100)
    assert budget.wait(0.5) == pytest.approx(0.5)
    budget.answered(0.6, 0.0)
    budget.answered(1.4, 0.01)  # which has counted no more for a while
    assert budget.wait(1.4) == 0
    budget.answered(1.5, 0.02, messages=25)
    assert budget.wait(1.5) == pytest.approx(0.1)
    assert budget.wait(1.61, messages=3) == pytest.approx(0.89)


class Calls:
    """Something to call through the budgets; it fails as told."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.budgets = ChatBudgets(self.memory)
        self.made: list[str] = []
        self.running = self.most = 0
        self.fails: Exception | None = None
        self.full = asyncio.Event()
        """Set when eight are running."""
        self.release = asyncio.Event()
        self.release.set()

    async def make(self, chat: int | None, endpoint: str = "sendMessage", turn: Turn | None = None) -> None:
        data = {} if chat is None else {"chat_id": chat}
        await self.budgets.process_request(self._call, (str(chat),), {}, endpoint, data, turn)

    async def fill(self, group: asyncio.TaskGroup, count: int = 8) -> None:
        """Begin so many calls, each in a chat of its own; eight are under way then, until ``release``."""
        self.release.clear()
        for chat in range(count):
            group.create_task(self.make(chat))
        await self.full.wait()

    async def _call(self, chat: str) -> bool:
        self.made.append(chat)
        self.running += 1
        self.most = max(self.most, self.running)
        if self.running == 8:
            self.full.set()
        try:
            await self.release.wait()
        finally:
            self.running -= 1
        if self.fails is not None:
            raise self.fails
        return True


async def test_a_shut_chat_shuts_no_other() -> None:
    calls = Calls()
    calls.fails = Flooded(0.5)
    with pytest.raises(Flooded):
        await calls.make(1)
    calls.fails = None
    start = monotonic()
    await calls.make(2)
    assert monotonic() - start < 0.3
    with pytest.raises(Dropped):
        await calls.make(1, "sendChatAction", FRAME)
    await calls.make(1)
    assert monotonic() - start >= 0.5
    assert calls.made == ["1", "2", "1"]


async def test_a_long_penalty_is_told_without_a_call() -> None:
    calls = Calls()
    calls.fails = Flooded(3600)
    for _ in range(2):
        with pytest.raises(Flooded) as told:
            await calls.make(1)
        assert told.value.seconds == pytest.approx(3600, abs=1)
    assert calls.made == ["1"]


async def test_a_penalty_outlives_a_restart() -> None:
    calls = Calls()
    calls.fails = Flooded(3600)
    with pytest.raises(Flooded):
        await calls.make(1)
    later = Calls()
    later.memory = calls.memory
    later.budgets = ChatBudgets(later.memory)
    with pytest.raises(Flooded):
        await later.make(1)
    with pytest.raises(Dropped):
        await later.make(1, "sendMessageDraft", FRAME)
    await later.make(2)
    assert later.made == ["2"]
    penalty = later.memory.values["shut:1"]
    penalty["until"] += 10**6  # the clock was set back: never longer than Telegram said
    later.budgets = ChatBudgets(later.memory)
    with pytest.raises(Flooded) as told:
        await later.make(1)
    assert told.value.seconds < 3601
    penalty["until"] = 0.0
    later.budgets = ChatBudgets(later.memory)
    await later.make(1)
    assert later.memory.values == {}


async def test_a_penalty_holds_for_what_counts_against_nothing() -> None:
    calls = Calls()
    calls.fails = Flooded(0.3)
    with pytest.raises(Flooded):
        await calls.make(1, "deleteMessage")
    calls.fails = None
    start = monotonic()
    await calls.make(1, "deleteMessage")
    assert monotonic() - start >= 0.3
    calls.fails = Flooded(3600)
    with pytest.raises(Flooded):
        await calls.make(1, "getChat")
    with pytest.raises(Flooded):
        await calls.make(1, "leaveChat")
    assert len(calls.made) == 3


async def test_a_penalty_that_comes_while_a_call_waits_for_its_slot_holds_for_it() -> None:
    calls = Calls()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        await calls.fill(group)
        waiting = group.create_task(calls.make(0))
        await asyncio.sleep(0)
        calls.budgets._budget("0").shut(monotonic(), 0.3)
        start = monotonic()
        calls.release.set()
        await waiting
        assert monotonic() - start >= 0.3
    assert calls.made.count("0") == 2


async def test_a_penalty_holds_though_its_call_outlived_what_was_known_of_the_chat() -> None:
    calls = Calls()
    calls.fails = Flooded(3600)

    async def forget() -> None:
        calls.budgets._budgets.clear()  # as when others are written to, and this one has been idle for a second
        calls.budgets._budget("1")

    with pytest.raises(Flooded):
        await calls.make(1, turn=Turn(before=forget))
    with pytest.raises(Flooded):
        await calls.make(1)
    assert calls.made == ["1"]


async def test_a_group_that_moved_takes_its_penalty_along() -> None:
    calls = Calls()
    calls.fails = Flooded(3600)
    with pytest.raises(Flooded):
        await calls.make(-1)
    for _ in range(2):  # once more where the move could not be stored
        told = await calls.budgets.rekey("-1", "-1001")
        assert told["shut:-1"] is None
        assert told["shut:-1001"]["seconds"] == pytest.approx(3600, abs=1)
    with pytest.raises(Flooded):
        await calls.make(-1001)
    assert calls.made == ["-1"]
    later = ChatBudgets(calls.memory)  # which has made no call yet when it hears of the move
    assert "shut:-1001" in await later.rekey("-1", "-1001")


async def test_a_penalty_that_is_taken_along_shortens_none() -> None:
    calls = Calls()
    for chat, seconds in ((-1, 60), (-1001, 3600)):
        calls.fails = Flooded(seconds)
        with pytest.raises(Flooded):
            await calls.make(chat)
    told = await calls.budgets.rekey("-1", "-1001")
    assert told["shut:-1001"]["seconds"] == pytest.approx(3600, abs=1)


async def test_the_next_draft_waits_from_the_answer_to_the_last_one_on() -> None:
    calls = Calls()

    async def be_slow() -> None:
        calls.budgets._budget("1")._draft_at = monotonic()  # as when Telegram took longer than drafts are apart

    await calls.make(1, "sendMessageDraft", Turn(is_frame=True, before=be_slow))
    with pytest.raises(Dropped):
        await calls.make(1, "sendMessageDraft", FRAME)
    assert calls.made == ["1"]


async def test_a_tap_waits_for_nothing() -> None:
    calls = Calls()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        await calls.fill(group)
        with pytest.raises(Dropped):
            await calls.make(9, "editMessageText", FRAME)  # frames don't queue up
        group.create_task(calls.make(None, "answerCallbackQuery"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert calls.running == 9
        calls.release.set()


async def test_calls_without_a_chat_and_unseen_ones_are_free() -> None:
    calls = Calls()
    start = monotonic()
    for _ in range(10):
        await calls.make(None, "getMe")
        await calls.make(1, "getChat")
    assert monotonic() - start < 0.5


async def test_at_most_eight_calls_at_once() -> None:
    calls = Calls()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        await calls.fill(group, 20)
        calls.release.set()
    assert calls.most == 8
    assert len(calls.made) == 20


async def test_files_that_wait_for_a_penalty_keep_no_file_of_another_chat_waiting() -> None:
    calls, upload = Calls(), Turn(is_upload=True)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for chat in range(MAX_UPLOADS):
            calls.budgets._budget(str(chat)).shut(monotonic(), 0.3)
            group.create_task(calls.make(chat, "sendDocument", upload))
        await asyncio.sleep(0)
        await calls.make(9, "sendDocument", upload)
        assert calls.made == ["9"]


async def test_what_is_to_be_done_right_before_a_call_is_done_when_its_turn_has_come() -> None:
    calls = Calls()
    calls.fails = Flooded(0.3)
    with pytest.raises(Flooded):
        await calls.make(1)
    calls.fails = None
    start, done = monotonic(), []

    async def before() -> None:
        done.append((monotonic() - start, len(calls.made)))

    await calls.make(1, turn=Turn(before=before))
    [(after_s, made)] = done
    assert after_s >= 0.3
    assert made == 1
    assert len(calls.made) == 2
