"""Files in chats and encrypted rooms, both ways, through one real ``surfacehost run``."""

import asyncio
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from nio.crypto.attachments import decrypt_attachment  # type: ignore[import-untyped]  # no types
from tests.host.sendingagent import LARGE
from tests.host.test_files import website
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import direct_chat
from tests.matrix.test_files import media, small, upload
from tests.matrix.test_recordings import FILM, OPUS, mp4, ogg
from tests.matrix.wholehost import Whole, contents_read_by, whole_host

from platform_agent.showcase import picture
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson

SENT: dict[str, tuple[str, str, bytes, dict[str, int]]] = {
    "word.ogg": ("audio/ogg", "m.audio", ogg(OPUS, 312 + 2 * 48_000), {"duration": 2000}),
    "song.mp3": ("audio/mpeg", "m.audio", b"sound" * 1000, {}),
    "film.mp4": ("video/mp4", "m.video", mp4(0), FILM),
    "plan.pdf": ("application/pdf", "m.file", b"%PDF" * 1000, {}),
}
"""Files of an agent's: their types, as what Matrix shows them, what is in them, and what it tells of them."""


@contextmanager
def sent_files() -> Iterator[str]:
    """The address that files of ``SENT`` are at."""
    with website({f"/{name}": (200, {}, data) for name, (_, _, data, _) in SENT.items()}) as site:
        yield site


def check_shown(name: str, content: Mapping[str, Any]) -> None:
    """*content* shows a file of ``SENT`` with its caption, as what it is."""
    mime_type, kind, data, measures = SENT[name]
    assert (content["msgtype"], content["filename"]) == (kind, name)
    assert content["info"] == {"mimetype": mime_type, "size": len(data), **measures}
    assert (content["body"], content["formatted_body"]) == ("what it **is**", "<p>what it <strong>is</strong></p>")
    assert (content.get("org.matrix.msc3245.voice") == {}) is (name == "word.ogg")


@pytest.fixture(scope="module")
def whole(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_host(tmp_path_factory.mktemp("files") / "host", homeserver) as whole:
        yield whole


@pytest.fixture
def bot(whole: Whole) -> Account:
    return whole.bot


async def test_a_large_picture_comes_with_a_small_one_of_it(whole: Whole, bot: Account, alice: MatrixPerson) -> None:
    room = await direct_chat(alice, bot)
    question = await alice.send(room, "!demo file image 300000")
    (sent,) = [
        one
        for one in await alice.replies(room, after=question, from_=bot.user_id, count=2)
        if one.content["msgtype"] == "m.image"
    ]
    info, token = sent.content["info"], alice.account.access_token
    shown = await asyncio.to_thread(media, whole.homeserver, info["thumbnail_url"], token)
    assert small(shown) == ("JPEG", (info["thumbnail_info"]["w"], info["thumbnail_info"]["h"]))
    assert len(shown) == info["thumbnail_info"]["size"] < info["size"] / 2
    assert await asyncio.to_thread(media, whole.homeserver, sent.content["url"], token) == picture(300_000)


async def test_what_the_agent_sends_is_shown_as_what_it_is(whole: Whole, bot: Account, alice: MatrixPerson) -> None:
    room = await direct_chat(alice, bot)
    with sent_files() as site:
        for name, (mime_type, _, data, _) in SENT.items():
            content = await file_of(alice, room, bot, f"!demo send {name} {mime_type} {site}/{name} what it **is**")
            check_shown(name, content)
            got = await asyncio.to_thread(media, whole.homeserver, content["url"], alice.account.access_token)
            assert got == data


async def file_of(alice: MatrixPerson, room: str, bot: Account, text: str) -> Mapping[str, Any]:
    """The message that shows the file with which the bot answers *text*."""
    question = await alice.send(room, text)
    _, sent = await alice.replies(room, after=question, from_=bot.user_id, count=2)
    return sent.content


async def test_large_files_come_in_and_go_out_in_little_memory(whole: Whole, bot: Account, alice: MatrixPerson) -> None:
    room, data = await direct_chat(alice, bot), bytes(LARGE)
    film = {"msgtype": "m.video", "filename": "film.mp4", "url": await upload(whole.homeserver, alice, data)}
    with whole.process.in_little_memory():
        question = await alice.send(room, "what is it?", content=film | {"info": {"mimetype": "video/mp4"}})
        [came] = await alice.replies(room, after=question, from_=bot.user_id)
    assert came.body == f"echo: what is it?\nattachment: video film.mp4 (video/mp4, {LARGE} bytes)"
    with website({"/large.mp4": (200, {}, data)}) as site, whole.process.in_little_memory():
        content = await file_of(alice, room, bot, f"!demo send large.mp4 video/mp4 {site}/large.mp4")
    assert await asyncio.to_thread(media, whole.homeserver, content["url"], alice.account.access_token) == data


async def test_files_come_in_and_go_out_encrypted(whole: Whole, room: str, carol: SecretPerson) -> None:
    data = bytes(range(256)) * 300
    uploaded, keys = await carol.nio.upload(
        io.BytesIO(data), "audio/ogg", "voice.ogg", encrypt=True, filesize=len(data)
    )
    file = {"url": uploaded.content_uri, **keys}
    voice: dict[str, Any] = {
        "msgtype": "m.audio",
        "filename": "voice.ogg",
        "org.matrix.msc3245.voice": {},
        "file": file,
    }
    await carol.send(room, "what is it?", **voice, info={"mimetype": "audio/ogg", "size": 7})
    line = f"attachment: audio voice.ogg (audio/ogg, {len(data)} bytes)"  # of what was decrypted, not what was claimed
    await carol.hears(f"echo: what is it?\n{line}")
    assert data in [one.read_bytes() for one in (whole.process.folder / "var" / "media").rglob("*") if one.is_file()]

    await carol.send(room, "!demo file image 300000")
    sent = (await carol.hears("square.png")).source["content"]
    assert (sent["msgtype"], "url" in sent, "thumbnail_url" in sent["info"]) == ("m.image", False, False)
    assert await opened(whole, carol, sent["file"]) == picture(300_000)
    assert small(await opened(whole, carol, sent["info"]["thumbnail_file"]))[0] == "JPEG"


async def test_a_file_that_is_not_what_was_sent_is_named_and_reaches_nobody(
    whole: Whole, room: str, carol: SecretPerson
) -> None:
    data = bytes(reversed(range(256))) * 300
    uploaded, keys = await carol.nio.upload(
        io.BytesIO(data), "audio/ogg", "voice.ogg", encrypt=True, filesize=len(data)
    )
    tampered = {"url": uploaded.content_uri, **keys, "hashes": {"sha256": "A" * 43}}
    with whole.process.unharmed():
        await carol.send(room, "listen", msgtype="m.audio", filename="voice.ogg", file=tampered)
        await carol.hears("I couldn't get voice.ogg: it is gone or damaged.\n\necho: listen")
        await carol.send(room, "still there?")
        await carol.hears("echo: still there?")
    kept = (whole.process.folder / "var" / "media").rglob("*")
    assert data not in [one.read_bytes() for one in kept if one.is_file()]


async def test_what_the_agent_sends_is_shown_as_what_it_is_and_encrypted(
    whole: Whole, room: str, carol: SecretPerson, bot: Account
) -> None:
    with sent_files() as site:
        for name, (mime_type, _, data, _) in SENT.items():
            await carol.send(room, f"!demo send {name} {mime_type} {site}/{name} what it **is**")
            content = await file_read_by(carol, room, bot, name)
            check_shown(name, content)
            assert "url" not in content
            assert await opened(whole, carol, content["file"]) == data


async def file_read_by(carol: SecretPerson, room: str, bot: Account, name: str) -> dict[str, Any]:
    """The message that shows the bot's file *name*, once carol can read it."""

    def found() -> list[dict[str, Any]]:
        return [one for one in contents_read_by(carol, room, bot) if one.get("filename") == name]

    await carol.until(found, 60)
    return found()[0]


async def test_large_encrypted_files_come_in_and_go_out_in_little_memory(
    whole: Whole, room: str, carol: SecretPerson, bot: Account
) -> None:
    data = bytes(LARGE)
    uploaded, keys = await carol.nio.upload(io.BytesIO(data), "video/mp4", "film.mp4", encrypt=True, filesize=len(data))
    film: dict[str, Any] = {"msgtype": "m.video", "filename": "film.mp4", "file": {"url": uploaded.content_uri, **keys}}
    with whole.process.in_little_memory():
        await carol.send(room, "what is it?", **film, info={"mimetype": "video/mp4"})
        await carol.hears(f"echo: what is it?\nattachment: video film.mp4 (video/mp4, {len(data)} bytes)")
    with website({"/large.mp4": (200, {}, data)}) as site, whole.process.in_little_memory():
        await carol.send(room, f"!demo send large.mp4 video/mp4 {site}/large.mp4")
        content = await file_read_by(carol, room, bot, "large.mp4")
    assert await opened(whole, carol, content["file"]) == data


async def opened(whole: Whole, carol: SecretPerson, file: dict[str, Any]) -> bytes:
    """What is in an encrypted *file* of a message; it is not what the homeserver has."""
    sealed = await asyncio.to_thread(media, whole.homeserver, file["url"], carol.nio.access_token)
    data: bytes = decrypt_attachment(sealed, file["key"]["k"], file["hashes"]["sha256"], file["iv"])
    assert sealed != data
    return data
