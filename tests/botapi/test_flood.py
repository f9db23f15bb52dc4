"""The flood model, on a clock the test turns."""

import pytest
from telegram import InputMediaDocument
from telegram.error import RetryAfter
from telegram.ext import ExtBot

from surfacehost_devkit.botapi import Account, BotApi, FloodLimits
from surfacehost_devkit.botapi.errors import ApiError
from surfacehost_devkit.botapi.flood import Flood


class Sender:
    """Calls at the times a test wants, and what became of them."""

    def __init__(self) -> None:
        self.flood = Flood()
        self.now = 1000.0

    def send(self, chat: str = "42", method: str = "sendmessage", count: int = 1) -> int:
        """0 if it went through, else the seconds to wait."""
        try:
            self.flood.charge(7, chat, method, self.now, count)
        except ApiError as refused:
            return refused.parameters["retry_after"]
        return 0


@pytest.fixture
def sender() -> Sender:
    one = Sender()
    one.flood.switch(FloodLimits(chat_burst=3, penalty_s=5))
    return one


def test_off_until_switched_on() -> None:
    sender = Sender()
    assert [sender.send() for _ in range(100)] == [0] * 100


def test_a_burst_then_one_a_second(sender: Sender) -> None:
    assert [sender.send() for _ in range(4)] == [0, 0, 0, 1]
    sender.now += 1.0
    assert sender.send() == 0


def test_calling_during_the_wait_makes_it_longer(sender: Sender) -> None:
    assert [sender.send() for _ in range(6)] == [0, 0, 0, 1, 6, 11]
    sender.now += 10
    assert sender.send() > 0
    sender.now += 20
    assert sender.send() == 0


def test_chats_wait_for_themselves(sender: Sender) -> None:
    assert [sender.send("1") for _ in range(4)] == [0, 0, 0, 1]
    assert sender.send("2") == 0


def test_20_a_minute_in_a_group_edits_included(sender: Sender) -> None:
    for number in range(20):
        assert sender.send("-100", "sendmessage" if number % 2 else "editmessagetext") == 0
        sender.now += 1
    assert sender.send("-100") == 40
    sender.now += 40
    assert sender.send("-100") == 0


def test_an_album_is_as_many_messages(sender: Sender) -> None:
    assert sender.send("-100", "sendmediagroup", 10) == 0
    assert sender.send("-100") == 8  # of three at once seven are owed
    sender.now += 20
    assert sender.send("-100", "sendmediagroup", 9) == 0
    sender.now += 20
    assert sender.send("-100", "sendmediagroup", 2) == 20
    sender.now += 20
    assert sender.send("-100", "sendmediagroup", 2) == 0
    assert [sender.send(str(number), "sendmediagroup", 10) for number in range(3)] == [0, 0, 1]


def test_30_a_second_over_all_chats(sender: Sender) -> None:
    assert [sender.send(str(number)) for number in range(31)] == [0] * 30 + [1]


def test_what_is_free(sender: Sender) -> None:
    for method in ("answercallbackquery", "getupdates", "deletemessage"):
        assert [sender.send(method=method) for _ in range(40)] == [0] * 40


def test_drafts_have_a_measure_of_their_own(sender: Sender) -> None:
    assert [sender.send(method="sendmessagedraft") for _ in range(4)] == [0, 0, 0, 1]
    sender.now += 2
    assert sender.send() == 0


# The client warns of its own future type of `retry_after` while it builds the very exception.
@pytest.mark.filterwarnings("ignore:.*attribute `retry_after` will be of type `datetime.timedelta`")
async def test_the_client_is_told(api: BotApi, client: ExtBot[None], alice: Account) -> None:
    api.flood.switch(FloodLimits(chat_burst=2))
    await client.send_message(alice.id, "one")
    await client.send_message(alice.id, "two")
    with pytest.raises(RetryAfter):
        await client.send_message(alice.id, "three")
    record = api.calls.records[-1]
    assert (api.flood.refused, record.status, record.outcome) == (1, 429, "Too Many Requests: retry after 1")
    api.flood.switch(None)
    assert (await client.send_message(alice.id, "four")).text == "four"
    api.flood.switch(FloodLimits(bot_per_s=3))
    await client.send_message(alice.id, "five")
    with pytest.raises(RetryAfter):
        await client.send_media_group(alice.id, [InputMediaDocument(b"x") for _ in range(3)])
