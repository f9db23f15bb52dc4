"""Sends whose outcome is unknown, and sends repeated after a crash."""

import time
from dataclasses import replace

import pytest
from tests.telegram.conftest import Desk, texts

from surfacehost import Message, NotReady, Uncertain
from surfacehost_devkit.botapi import Account, Bot, BotApi, Chat, Fault, faults
from surfacehost_telegram.readback import COUNTS, MessageIds

DONE = {
    "answer lost": faults.drop_after(),
    "half an answer": faults.half(),
    "garbage, done": faults.garbage(acts=True),
    "not ok, done": faults.not_ok(acts=True),
    "502 page, done": faults.bad_gateway(acts=True),
    "500, done": faults.error(500, "Internal Server Error", acts=True),
    "silence, done": faults.hang(acts=True),
}
NOT_DONE = {
    "reset": faults.reset(),
    "garbage": faults.garbage(),
    "not ok": faults.not_ok(),
    "502 page": faults.bad_gateway(),
    "500": faults.error(500, "Internal Server Error"),
    "silence": faults.hang(),
}


pytestmark = pytest.mark.usefixtures("hurry")


def places(api: BotApi) -> tuple[Account, Bot, list[Chat | Account]]:
    """Alice, and the two kinds of counting: her private chat and a supergroup."""
    alice, bot = api.world.person(), api.world.bot()
    team = api.groups.supergroup("Team", alice)
    team.members[bot.id] = team.member(bot.account).standing("member")
    return alice, bot, [alice, team]


@pytest.mark.parametrize("where", [0, 1], ids=["private", "supergroup"])
@pytest.mark.parametrize("fault", [*DONE.values(), *NOT_DONE.values()], ids=[*DONE, *NOT_DONE])
async def test_an_unknown_outcome_is_looked_up(fault: Fault, where: int, desk: Desk, api: BotApi) -> None:
    alice, bot, chats = places(api)
    chat = chats[where]
    async with desk.host(desk.surface(bot)) as host:
        api.faults.plan("sendMessage", fault)
        api.world.write(alice, "/ask", chat.id)
        await host.until(lambda: host.settled)
    assert texts(api, chat) == ["echo: /ask"]
    assert "nobody knows whether Telegram took a message" in host.told()
    assert "AAH" not in host.told()
    assert len(api.calls.of("sendMessage")) == (1 if fault in DONE.values() else 2)


@pytest.mark.parametrize("where", [0, 1], ids=["private", "supergroup"])
@pytest.mark.parametrize("fault", [faults.drop_after(), faults.reset()], ids=["done", "not done"])
async def test_others_talk_in_between(fault: Fault, where: int, desk: Desk, api: BotApi) -> None:
    alice, bot, chats = places(api)
    chat = chats[where]
    bob = api.world.person("Bob")
    api.groups.join(chats[1].id, bob)

    async def think(message: Message) -> None:
        if message.sender == str(alice.id) and not api.faults.used:
            for number in range(4):
                api.world.write(bob, f"/noise {number}", chats[1].id)
                api.world.write(bob, f"noise {number}")
            api.faults.plan("sendMessage", fault)

    async with desk.host(desk.surface(bot)) as host:
        host.client.thinking = think
        asked = api.world.write(alice, "/ask", chat.id)
        await host.until(lambda: f"{chat.id}:{asked.id}" in host.settled)
    assert texts(api, chat).count("echo: /ask") == 1


async def test_earlier_parts_are_not_taken_for_the_lost_one(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        host.client.says = lambda _message: "\n\n".join(f"{letter} " * 2000 for letter in "abc")
        api.faults.plan("sendMessage", faults.delay(0))
        api.faults.plan("sendMessage", faults.reset())
        api.faults.plan("sendMessage", faults.drop_after())
        api.world.write(alice, "tell")
        await host.until(lambda: host.settled)
    assert [text[0] for text in texts(api, alice)] == ["a", "b", "c"]


async def test_a_group_that_moved_in_between_gets_it_again(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    group = api.groups.group("Team", alice)
    group.members[bot.id] = group.member(bot.account).standing("member")
    moved: list[Chat] = []

    async def think(_message: Message) -> None:
        if api.faults.used and not moved:
            moved.append(api.groups.migrate(group, alice))

    async with desk.host(desk.surface(bot)) as host:
        host.client.thinking = think
        api.faults.plan("sendMessage", faults.reset())
        api.world.write(alice, "/ask", group)
        await host.until(lambda: host.settled)
    assert texts(api, moved[0]) == ["echo: /ask"]


async def test_what_had_arrived_before_its_group_moved_does_not_come_again(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    group = api.groups.group("Team", alice)
    group.members[bot.id] = group.member(bot.account).standing("member")
    async with desk.host(desk.surface(bot)) as host:
        api.world.write(alice, "/ask", group)
        await host.until(lambda: host.settled)
    [reply] = host.client.sent
    new = api.groups.migrate(group, alice)
    desk.memory.values[f"moved:{group.id}"] = str(new.id)
    surface = desk.surface(bot)
    await surface._bot.connect()
    await surface._sender.send(replace(reply, repeated=True, note=host.client.notes[reply.id]), host.client)
    assert (texts(api, group), texts(api, new)) == (["echo: /ask"], [])


async def test_earlier_parts_are_known_after_a_crash(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        host.client.says = lambda _message: "\n\n".join(f"{letter} " * 2000 for letter in "ab")
        api.faults.plan("sendMessage", faults.delay(0))
        api.faults.plan("sendMessage", faults.hang())
        api.world.write(alice, "tell")
        await api.world.wait_for(lambda: api.faults.hanging or None)
    [event] = host.put.events.values()
    assert isinstance(event, Message)
    await desk.surface(bot).on_message(event, host.client)
    assert [text[0] for text in texts(api, alice)] == ["a", "b"]


async def test_a_message_from_before_a_crash_is_found(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.faults.plan("sendMessage", faults.hang(acts=True))
        api.world.write(alice, "hi")
        await api.world.wait_for(lambda: texts(api, alice) or None)
    [event] = host.put.events.values()
    surface = desk.surface(bot)  # what the first one knew in memory is gone
    host.client.surface = surface
    assert isinstance(event, Message)
    await surface.on_message(event, host.client)
    assert texts(api, alice) == ["echo: hi"]
    assert len(host.client.sent) == 1


async def test_what_was_known_to_have_arrived_before_a_crash_is_not_looked_for(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    host.client.sent.clear()  # the host dies before it has marked what the surface knows to have arrived
    [event] = host.put.events.values()
    assert isinstance(event, Message)
    await desk.surface(bot).on_message(event, host.client)
    assert texts(api, alice) == ["echo: hi"]
    assert api.calls.of("editMessageReplyMarkup") == []


async def test_what_arrived_is_known_also_when_the_host_could_not_mark_it(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    surface = desk.surface(bot)
    async with desk.host(surface) as host:
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
        host.client.sent.clear()  # its disk was full at that moment
        [event] = host.put.events.values()
        assert isinstance(event, Message)
        await surface.on_message(event, host.client)
    assert texts(api, alice) == ["echo: hi"]


async def test_what_had_not_got_as_far_as_a_call_is_sent_without_a_look(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    surface = desk.surface(bot)
    async with desk.host(surface) as host:

        async def think(message: Message) -> None:
            host.client.tried.add(f"{message.id}/answer/0")

        host.client.thinking = think
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    assert texts(api, alice) == ["echo: hi"]
    assert api.calls.of("editMessageReplyMarkup") == []


async def test_it_is_found_in_a_busy_account(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    crowd = [api.world.person(f"Person {number}") for number in range(30)]
    async with desk.host(desk.surface(bot)) as host:

        async def think(message: Message) -> None:
            if message.sender == str(alice.id) and not api.faults.used:
                for person in crowd:  # between the question and the call: none of it is Alice's
                    api.world.write(person, "noise")
                api.faults.plan("sendMessage", faults.drop_after())
            elif message.sender == str(alice.id):  # by the second attempt it has heard of that
                await api.world.wait_for(lambda: len(host.put.events) > len(crowd) or None)

        host.client.thinking = think
        asked = api.world.write(alice, "/ask")
        await host.until(lambda: f"{alice.id}:{asked.id}" in host.settled)
    assert texts(api, alice) == ["echo: /ask"]


@pytest.mark.parametrize("restored", [False, True])
async def test_behind_a_burst_from_before_a_restart_it_is_found(desk: Desk, api: BotApi, *, restored: bool) -> None:
    """The messages of the burst are told to nobody again, and in an older copy many more have come since."""
    alice, bot = api.world.person(), api.world.bot()
    bob = api.world.person("Bob")

    async def think(message: Message) -> None:
        if not api.faults.used and message.text == "hi":
            for number in range(12):
                api.world.write(alice, f"/noise {number}")
            api.faults.plan("sendMessage", faults.hang(acts=True))

    async with desk.host(desk.surface(bot)) as host:
        host.client.thinking = think
        api.world.write(alice, "hi")
        await api.world.wait_for(lambda: texts(api, alice) or None)
        await api.world.wait_for(lambda: len(host.put.events) == 13 or None)
    for number in range(100):
        api.world.write(bob, f"much is said since {number}")
    surface = desk.surface(bot, restored_at=time.time() if restored else 0.0)
    if restored:
        surface._fetch._ids.see(str(bob.id), api.world.write(bob, "hello").id)
    host.client.surface = surface
    event = next(iter(host.put.events.values()))
    assert isinstance(event, Message)
    await surface.on_message(event, host.client)
    assert texts(api, alice) == ["echo: hi"]
    assert len(api.calls.of("editMessageReplyMarkup")) <= 13


async def test_behind_what_others_wrote_before_a_restart_it_is_found(desk: Desk, api: BotApi) -> None:
    """The call is carried out late, and what came meanwhile is told to nobody again."""
    alice, bot = api.world.person(), api.world.bot()
    bob = api.world.person("Bob")
    async with desk.host(desk.surface(bot)) as host:
        api.faults.plan("sendMessage", faults.hang())
        api.world.write(alice, "hi")
        await api.world.wait_for(lambda: api.faults.hanging or None)
        for number in range(12):
            api.world.write(bob, f"noise {number}")
        await api.world.wait_for(lambda: len(host.put.events) == 13 or None)
    api.faults.release()
    await api.world.wait_for(lambda: texts(api, alice) or None)
    host.client.surface = desk.surface(bot)
    event = next(iter(host.put.events.values()))
    assert isinstance(event, Message)
    await host.client.surface.on_message(event, host.client)
    assert texts(api, alice) == ["echo: hi"]


async def test_a_look_that_was_broken_off_goes_on_where_it_was_and_ends(desk: Desk, api: BotApi) -> None:
    alice, bob, bot = api.world.person(), api.world.person("Bob"), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.faults.plan("sendMessage", faults.reset())
        api.faults.plan("editMessageReplyMarkup", faults.delay(0), times=3)
        api.faults.plan("editMessageReplyMarkup", faults.reset())

        async def think(_message: Message) -> None:
            if len(host.failures) == 2:  # others go on meanwhile: the look is no longer for that
                for _ in range(30):
                    api.world.write(bob, "noise")

        host.client.thinking = think
        api.world.write(alice, "hi")
        await host.until(lambda: f"{alice.id}:1" in host.settled)
    looked = [int(str(call.params["message_id"])) for call in api.calls.of("editMessageReplyMarkup")]
    assert looked[3] == looked[4]
    assert looked[4:] == sorted({*looked[3:]})
    assert len(looked) == 9
    assert texts(api, alice) == ["echo: hi"]


async def test_again_may_double(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot, delivery="again")) as host:
        api.faults.plan("sendMessage", faults.drop_after())
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    assert texts(api, alice) == ["echo: hi"] * 2
    assert api.calls.of("editMessageReplyMarkup") == []


@pytest.mark.parametrize(("fault", "arrived"), [(faults.drop_after(), 1), (faults.reset(), 0)])
async def test_once_may_lose(
    fault: Fault, arrived: int, desk: Desk, api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot, delivery="once")) as host:
        api.faults.plan("sendMessage", fault)
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    assert len(texts(api, alice)) == arrived
    assert host.failures == []
    assert "may be lost" in caplog.text


async def test_once_after_a_crash(desk: Desk, api: BotApi, caplog: pytest.LogCaptureFixture) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot, delivery="once")) as host:
        api.faults.plan("sendMessage", faults.hang())
        api.world.write(alice, "hi")
        await api.world.wait_for(lambda: api.faults.hanging or None)
    [event] = host.put.events.values()
    assert isinstance(event, Message)
    await desk.surface(bot, delivery="once").on_message(event, host.client)
    assert texts(api, alice) == []
    assert "may be lost" in caplog.text


@pytest.mark.parametrize("delivery", ["probe", "again", "once"])
async def test_what_never_left_is_sent_again(delivery: str, desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    surface = desk.surface(bot, delivery=delivery)
    async with desk.host(surface) as host:

        async def think(_message: Message) -> None:
            if host.failures:
                await api.back()
            else:
                await api.away()
                await host.until(lambda: host.waits)  # by now the connections are known to be gone

        host.client.thinking = think
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    assert [type(error) for error in host.failures] == [NotReady]
    assert texts(api, alice) == ["echo: hi"]
    assert api.calls.of("editMessageReplyMarkup") == []


@pytest.mark.parametrize("fault", [faults.reset(), faults.error(401, "Unauthorized"), faults.too_many(300)])
async def test_a_refused_look_leaves_it_uncertain(fault: Fault, desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.faults.plan("sendMessage", faults.drop_after())
        api.faults.plan("editMessageReplyMarkup", fault)
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled or len(host.failures) > 2)
    assert texts(api, alice) == ["echo: hi"]
    assert {type(error) for error in host.failures} == {Uncertain}


def test_ids_that_are_worth_a_look() -> None:
    ids = MessageIds()
    assert ids.unknown("-1001234567890", after=7) == [*range(8, 16)]
    for number in (8, 9, 11):
        ids.see("-1001234567890", number)
        ids.see("-100", 3)  # a basic group
    assert ids.unknown("-1001234567890", after=7) == [10, *range(12, 20)]
    assert ids.unknown("42", after=0) == [1, 2, *range(4, 12)]
    ids.see("42", 50_000)
    assert ids.unknown("42", after=0) == [1, 2, *range(4, 42)]
    assert ids.unknown("42", after=49_999) == [*range(50_001, 50_009)]
    assert ids.unknown("42", after=0, long_ago=True) == [1, 2, *range(4, 62)]


def test_in_which_groups_it_was_quiet_for_long_is_forgotten() -> None:
    ids, groups = MessageIds(), [f"-100{number:010}" for number in range(COUNTS)]
    for group in [*groups, groups[0]]:
        ids.see(group, 1)
        ids.see(group, 3)
    assert ids.unknown(groups[1], after=0) == [2, *range(4, 12)]
    ids.see("42", 3)
    assert ids.unknown(groups[0], after=0) == [2, *range(4, 12)]
    assert ids.unknown(groups[1], after=0) == [*range(1, 12)]  # the ids are looked at, as far as they went
    assert len(ids._seen) == COUNTS


def test_albums_that_are_tried_for_long_are_expected_once() -> None:
    ids = MessageIds()
    ids.see("42", 100)
    for _ in range(60):
        assert ids.expect("42", 10) == {"expected": 110}
    assert ids.unknown("43", after=100) == [*range(101, 119)]
    ids.see("43", 104)
    assert ids.expect("42", 10) == {"expected": 114}  # they would stand behind what has come meanwhile
    assert ids.expect("44", 2) == {"expected": 116}
    ids.see("42", 116, reply="r")
    assert ids.expect("44", 2) == {"expected": 118}
    for chat in range(50, 70):
        ids.expect(str(chat), 10)
    assert ids.expect("44", 2) == {"expected": 116 + 50}  # no more can be under way
