"""docs/telegram.md, walked by a stranger who does what it says, and held against the code that it speaks of."""

import asyncio
import re
import tomllib
from collections.abc import AsyncIterator, Sequence
from inspect import get_annotations
from pathlib import Path
from textwrap import dedent

import pytest
import pytest_asyncio

from surfacehost_devkit.botapi import Account, Bot, BotApi, Message
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.ports import free_port
from surfacehost_telegram import TelegramSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/telegram.md").read_text()
PLUGIN = "\n".join(path.read_text() for path in (ROOT / "plugins/telegram/surfacehost_telegram").rglob("*.py"))
A_TOKEN, A_CODE, AN_ADDRESS = "123456789:AAF…", "K7WQ2MXN", "https://bot.example.org"
"""What the page has in place of one's own."""


def section(title: str) -> str:
    """What stands under a heading of the second level."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(title: str) -> list[str]:
    """The indented blocks of a section, as they would be copied."""
    found = re.findall(r"^(?: {4,}.*\n|\n(?= {4}))+", section(title), re.MULTILINE)
    return [dedent(block).strip() + "\n" for block in found]


class Stranger:
    """Somebody with the repository's settings and a new bot. Only where Telegram is they are told beside the page."""

    def __init__(self, api: BotApi, folder: Path) -> None:
        self.api = api
        self.bot: Bot = api.world.bot(has_topics_enabled=True)
        self.person: Account = api.world.person()
        self.address = f"127.0.0.1:{free_port()}"
        there = {"SURFACES__TELEGRAM__BASE_URL": api.url, "WEB__LISTEN": self.address}
        environ = {f"SURFACEHOST_{name}": value for name, value in there.items()}
        self.host = HostProcess(folder, (ROOT / "settings.toml").read_text(), environ)

    def writes(self, name: str, block: str, *instead: tuple[str, str]) -> None:
        """Copy *block* into a file of the settings, with one's own in place of what it shows."""
        for shown, own in instead:
            assert shown in block
            block = block.replace(shown, own)
        path = self.host.folder / name
        path.touch(mode=0o600)
        path.write_text(block)

    async def runs(self, *words: str) -> str:
        """What a command says, which succeeds."""
        assert words[0] == "surfacehost"
        done = await asyncio.to_thread(self.host.command, *words[1:])
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    async def starts(self) -> None:
        await asyncio.to_thread(self.host.start)
        await asyncio.to_thread(self.host.wait_ready)

    async def asks(self, text: str) -> Message:
        asked = self.api.world.write(self.person, text)
        return await self.api.world.wait_for_reply(self.person.id, after=asked, timeout_s=20)


@pytest_asyncio.fixture
async def stranger(tmp_path: Path) -> AsyncIterator[Stranger]:
    async with BotApi.serve() as api:
        stranger = Stranger(api, tmp_path / "host")
        try:
            yield stranger
        finally:
            stranger.host.close()


async def test_a_stranger_connects_a_bot_and_has_an_answer(stranger: Stranger) -> None:
    secret, enabled, approve = blocks("Connect a bot in five minutes")
    stranger.writes(".secrets.toml", secret, (A_TOKEN, stranger.bot.token))
    settings = stranger.host.folder / "settings.toml"
    before = tomllib.loads(settings.read_text())["surfaces"]["telegram"]
    table, said = enabled.strip().split("\n")
    [changed] = tomllib.loads(said)
    assert not before[changed]
    own = re.sub(rf"({re.escape(table)}\n){changed} *= *\w+", rf"\1{said}", settings.read_text())
    settings.write_text(own)
    assert tomllib.loads(own)["surfaces"]["telegram"] == before | {changed: True}
    checks, runs = re.findall(r"`(surfacehost \w+)`", section("Connect a bot in five minutes"))[:2]
    assert (await stranger.runs(*checks.split())).strip().endswith("ok")
    assert runs == "surfacehost run"
    await stranger.starts()
    told = (await stranger.asks("hello")).text
    [code] = re.findall(r"\b[2-9A-HJ-NP-Z]{8}\b", told)
    assert str(stranger.person.id) in told  # for whoever would rather write it into `owners`
    assert "owner" in await stranger.runs(*approve.replace(A_CODE, code).split())
    assert (await stranger.asks("hello")).text == "echo: hello"
    assert "Traceback" not in stranger.host.log_text()


async def test_a_stranger_has_updates_brought_and_topics_made(stranger: Stranger) -> None:
    """With the blocks of both sections, and group and address of one's own."""
    [topics], [webhook] = blocks("Topics"), blocks("Webhooks")
    bob = stranger.api.world.person("Bob")
    forum = stranger.api.groups.forum("Forum", bob)
    stranger.api.groups.add_bot(forum, bob, stranger.bot, as_admin=True, can_manage_topics=True)
    [groups] = re.findall(r"`(topic_groups = \[.*?\])`", section("Topics"))
    stranger.writes(".secrets.toml", f'[surfaces.telegram]\ntoken = "{stranger.bot.token}"\n')
    stranger.writes(
        "settings.local.toml",
        f'{webhook}{groups}\nenabled = true\nowners = ["{stranger.person.id}"]\n{topics}',
        (AN_ADDRESS, f"http://{stranger.address}"),
        ("-1001234567890", str(forum.id)),
    )
    await stranger.starts()
    assert (await stranger.asks("hello")).text == "echo: hello"
    chat = stranger.api.world.private_chat(stranger.person)
    for place in (chat, forum):
        made = await stranger.api.world.wait_for(
            lambda place=place: [*place.topics.values()] if len(place.topics) == 2 else None  # type: ignore[misc]
        )
        assert [topic.name for topic in made] == ["Ideas", "Tea"]
    assert stranger.api.calls.of("getUpdates") == []
    [path] = re.findall(rf"`{AN_ADDRESS}(/webhook/\w+/)`", section("Webhooks"))
    assert stranger.api.state.webhooks[stranger.bot.id].settings.url == f"http://{stranger.address}{path}"


def rows(title: str) -> Sequence[str]:
    """The first columns of a section's table."""
    return re.findall(r"^\| ([^|]*?) \|", section(title), re.MULTILINE)[1:]


def test_it_names_every_setting_and_no_other() -> None:
    named = re.findall(r"`(\w+)`", " ".join(rows("Settings")))
    assert set(named) == {*get_annotations(TelegramSettings)} - {"model_config"} | {"token_file"}


@pytest.mark.parametrize("sign", rows("When something is wrong"))
def test_what_it_says_the_log_tells_is_told(sign: str) -> None:
    words = max(re.split(r"…|\(.*?\):?|,", sign), key=len).strip().removesuffix(" at")
    assert words in PLUGIN or sign.startswith("bot was blocked")  # which are Telegram's own words
