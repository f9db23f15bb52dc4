"""Telegram through the real process: webhooks that outlive it, groups that move, two bots side by side."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.request import urlopen

import httpx
import pytest_asyncio

from surfacehost_devkit.botapi import Account, Bot, BotApi, Chat, Pace, faults
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.ports import free_port
from surfacehost_telegram.redact import secret_of


class Street:
    """The simulator, people, and a host of two bots; one of them is talked to."""

    def __init__(self, api: BotApi, folder: Path) -> None:
        self.api = api
        self.alice: Account = api.world.person()
        self.bot: Bot = api.world.bot()
        self.other: Bot = api.world.bot("other_bot")
        self.group: Chat = api.groups.group("Team", api.world.person("Bob"))
        self.port = free_port()
        self.host = HostProcess(folder, self.settings("webhook"))

    def settings(self, mode: str) -> str:
        here = f"127.0.0.1:{self.port}"
        return f"""
            [host]
            log_level = "debug"
            [web]
            listen = "{here}"
            public_url = "http://{here}"
            [dispatch]
            park_after_attempts = 2
            park_after_s = 0.5
            [defaults]
            busy = "queue"
            dm_policy = "open"
            [surfaces.telegram]
            token = "{self.bot.token}"
            base_url = "{self.api.url}"
            mode = "{mode}"
            allow = [{self.group.id}]
            [surfaces.support]
            plugin = "telegram"
            token = "{self.other.token}"
            base_url = "{self.api.url}"
            local_mode = true
        """

    async def start(self, mode: str) -> None:
        self.host.configure(self.settings(mode))
        await asyncio.to_thread(self.host.start)
        await asyncio.to_thread(self.host.wait_ready)

    async def heard(self, chat: Chat | Account, *texts: str, bot: Bot | None = None) -> None:
        """Wait until the bot has said *texts* in *chat*, and nothing else."""

        def all_said() -> bool | None:
            return [one.text for one in self.api.world.replies(chat.id, bot=bot or self.bot)] == [*texts] or None

        try:
            await self.api.world.wait_for(all_said, timeout_s=30)
        except TimeoutError:
            said = [one.text for one in self.api.world.replies(chat.id, bot=bot or self.bot)]
            raise AssertionError(f"{said}\n{self.host.log_tail()}") from None

    async def unreadable(self) -> None:
        """See that a file which the host can't read on the disk is tried again, laid aside, and told of.

        Without the token, which is a part of where a server of one's own keeps files.
        """
        folder = self.host.folder / self.other.token / "documents"
        (folder / "a folder").mkdir(parents=True)
        elsewhere = self.host.folder / "elsewhere" / self.other.token / "documents" / "a"
        for path, why in ((folder / "a folder", "Is a directory"), (elsewhere, "there is no such folder here")):
            result = {"file_id": "F", "file_unique_id": "U", "file_path": str(path)}
            self.api.faults.plan("getFile", faults.answer(200, {"ok": True, "result": result}), times=None)
            asked = self.api.world.send_file(self.alice, b"notes", "notes.txt", bot=self.other)
            told = await self.api.world.wait_for_reply(self.alice.id, after=asked, bot=self.other, timeout_s=20)
            assert told.text.startswith("Something went wrong (ref ")
            assert f"can't be read ({why}): the host's user must be able to" in self.host.log_text()
            self.api.faults.clear("getFile")
        listed = await asyncio.to_thread(self.host.command, "inbox", "list", "--surface", "support")
        assert listed.stdout.count("Unreadable") == 2
        secret = secret_of(self.other.token)
        assert secret not in listed.stdout + self.host.log_text()
        kept = [one for one in self.host.folder.rglob("*") if one.is_file() and secret.encode() in one.read_bytes()]
        assert [one.name for one in kept] == ["settings.toml"]

    async def unfetched(self) -> None:
        """See that a file which can't be fetched while others are answered is tried again, laid aside, and told of."""
        asked = self.api.world.send_file(self.alice, b"notes", "notes.txt", bot=self.bot)
        assert asked.content.document is not None
        self.api.faults.plan(f"download {asked.content.document.path}", faults.reset(), times=None)
        while not (said := self.api.world.replies(self.alice.id, bot=self.bot)):
            other = self.api.world.write(self.api.world.person(), "hi", bot=self.bot)
            await self.api.world.wait_for_reply(other.chat, after=other, timeout_s=20)
        assert [one.text[:25] for one in said] == ["Something went wrong (ref"]
        await self.host.seen(lambda status: status["inbox"]["telegram"]["parked"] == 2)

    async def refused(self) -> None:
        """See that an address which Telegram does not take parks its bot, that it is told where, and stop the host."""
        why = "webhook can be set up only on ports 80, 88, 443 or 8443"
        self.api.faults.plan("setWebhook", faults.error(400, f"Bad Request: bad webhook: {why}"))
        self.host.configure(self.settings("webhook"))
        await asyncio.to_thread(self.host.start)
        told = f"telegram: parked: Telegram does not take the webhook: Bad webhook: {why}"
        await self.host.seen(lambda _: told in self.host.readiness()[1])
        assert self.host.readiness()[0] == 503
        before = len(self.api.world.replies(self.alice.id, bot=self.other))
        self.api.world.write(self.alice, "and the other?", bot=self.other)
        await self.api.world.wait_for(
            lambda: self.api.world.replies(self.alice.id, bot=self.other)[before:] or None, timeout_s=20
        )
        said = await asyncio.to_thread(self.host.command, "doctor")
        assert "its /readyz says why Telegram does not take it" in said.stdout
        self.host.stop()

    @property
    def secret(self) -> str:
        """What Telegram shows when it brings something."""
        return self.api.state.webhooks[self.bot.id].settings.secret_token

    async def bring(self, body: bytes, secret: str) -> int:
        """What the host says to somebody who brings *body*."""
        async with httpx.AsyncClient(trust_env=False) as client:
            address = self.api.state.webhooks[self.bot.id].settings.url
            headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
            return (await client.post(address, content=body, headers=headers)).status_code

    def kept(self) -> bytes:
        """Everything that the host has written anywhere, but its settings."""
        files = [one for one in self.host.folder.rglob("*") if one.is_file() and one.name != "settings.toml"]
        return b"\n".join(one.read_bytes() for one in files)


@pytest_asyncio.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    async with BotApi.serve(pace=Pace(webhook_retry_s=0.05)) as api:
        street = Street(api, tmp_path / "host")
        try:
            yield street
        finally:
            street.host.close()


async def test_what_telegram_brings_is_answered_once_whatever_happens_to_the_host(street: Street) -> None:
    alice, world = street.alice, street.api.world
    await street.start("webhook")
    world.write(alice, "one", bot=street.bot)
    world.write(alice, "to the other", bot=street.other)
    await street.heard(alice, "echo: to the other", bot=street.other)
    await street.heard(alice, "echo: one")
    for secret, size, status in (("", 2, 403), ("guess", 2, 403), (street.secret, 1_000_001, 413)):
        assert await street.bring(b"x" * size, secret) == status
    world.write(alice, "/demo slow 1", bot=street.bot)
    await street.host.seen(lambda status: any("asked" in str(way) for way in status["ways"]))
    street.host.kill()
    for text in ("two", "three"):
        world.write(alice, text, bot=street.bot)
    await street.start("webhook")
    answers = ["echo: one", "I waited 1 s.", "echo: two", "echo: three"]
    await street.heard(alice, *answers)
    assert len(street.api.calls.of("setWebhook")) == 1
    secret = street.secret
    street.host.stop()
    world.write(alice, "four", bot=street.bot)
    await street.start("polling")
    await street.heard(alice, *answers, "echo: four")
    assert street.api.state.webhooks == {}
    assert secret not in street.host.log_text()
    street.host.stop()
    said = await asyncio.to_thread(street.host.command, "doctor")
    assert "no webhook is in the way of polling" in said.stdout
    world.write(alice, "five", bot=street.bot)
    await street.refused()
    await street.start("webhook")
    await street.heard(alice, *answers, "echo: four", "echo: five")
    said = await asyncio.to_thread(street.host.command, "doctor")
    assert "  ok    Telegram brings its updates to " in said.stdout
    assert "/webhook/telegram/" in said.stdout
    assert b"AAHsimulated" not in street.kept()


async def test_a_webhook_is_set_in_the_end_and_a_file_too_large_is_a_link(street: Street) -> None:
    alice, world, host = street.alice, street.api.world, street.host
    trouble = {
        "HTTP status 502, is not one of a Bot API server": faults.bad_gateway(),
        "too many calls, Telegram wants 1 s of silence": faults.too_many(1),
        "Bad webhook: failed to resolve host": faults.error(
            400, "Bad Request: bad webhook: Failed to resolve host: try again"
        ),
    }
    elsewhere = f"https://bot.example.org/{street.bot.token}"
    theirs = f"{street.api.url}/bot{street.bot.token}/setWebhook?url={elsewhere}"
    with await asyncio.to_thread(urlopen, theirs) as done:  # httpx would log the token
        assert done.status == 200
    for fault in trouble.values():
        street.api.faults.plan("setWebhook", fault)
    street.api.faults.plan("setWebhook", faults.hang())
    host.configure(street.settings("webhook"))
    await asyncio.to_thread(host.start)
    for why in trouble:
        await host.seen(lambda _, why=why: why in host.readiness()[1])  # type: ignore[misc]
        assert host.readiness()[0] == 503
    await world.wait_for(lambda: street.api.faults.hanging or None)
    world.write(alice, "to the other", bot=street.other)
    await street.heard(alice, "echo: to the other", bot=street.other)
    assert "telegram:" in host.readiness()[1]
    street.api.faults.release()
    await asyncio.to_thread(host.wait_ready)
    world.write(alice, "one", bot=street.bot)
    await street.heard(alice, "echo: one")
    assert "which this host did not set, is replaced by ours" in host.log_text()
    assert "AAHsimulated" not in host.log_text()
    street.api.faults.plan("sendDocument", faults.answer(413, "<html>too large</html>"))
    world.write(alice, "/demo file text 40", bot=street.bot)
    told = await world.wait_for_reply(
        alice.id, bot=street.bot, where=lambda one: "is too large for Telegram" in one.content.text
    )
    [link] = [one.argument for one in told.content.entities if one.type == "text_link"]
    async with httpx.AsyncClient(trust_env=False) as client:
        assert len((await client.get(link)).content) == 40
    assert "sign=" not in host.log_text()


async def test_a_group_that_moves_keeps_its_conversation(street: Street) -> None:
    world, old = street.api.world, street.group
    bob = next(iter(old.members.values())).account
    old.members[street.bot.id] = old.member(street.bot.account).standing("member")
    await street.start("polling")
    fresh = "A fresh conversation. What is it about?"
    world.write(bob, "/new@agent_bot", old)
    await street.heard(old, fresh)
    street.bot.queue.put_raw({"message": 5})
    world.write(bob, "@agent_bot /demo slow 1", old)
    await street.host.seen(lambda status: "asked" in str(status["ways"]))
    new = street.api.groups.migrate(old, bob)
    greeted = world.write(bob, "@agent_bot hi", new)
    await street.heard(new, "I waited 1 s.", "echo: hi")
    await world.wait_for(lambda: greeted.reactions.get(street.bot.id) == [] or None)
    marks = [one.params for one in street.api.calls.of("setMessageReaction", chat_id=new.id)]
    assert {one["message_id"] for one in marks} == {str(greeted.id)}  # not of what was asked in the old chat
    assert ["👀" in str(json.loads(one.get("reaction", "[]"))) for one in marks] == [True, False]
    world.write(bob, "/status@agent_bot", new)
    status = f"Assistant: reachable. This conversation: 1/telegram/~/{old.id}/~/2."
    await world.wait_for_reply(new.id, timeout_s=20, where=lambda one: one.content.text.startswith(status))
    await street.heard(old, fresh)
    await street.host.seen(lambda status: status["inbox"]["telegram"]["parked"] == 1)
    listed = await asyncio.to_thread(street.host.command, "inbox", "list")
    assert "the surface can't read it; the log says why" in listed.stdout
    await street.unreadable()
    await street.unfetched()
