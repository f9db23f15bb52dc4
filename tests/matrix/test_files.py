"""Files both ways, over a real homeserver, in clear and in encrypted rooms."""

import asyncio
import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from nio.crypto.attachments import encrypt_attachment  # type: ignore[import-untyped]  # no types
from PIL import Image
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import SmallHost

from surfacehost import Attachment, Fetches, File, Message, Reacts, Reply, TooLarge, Undeliverable
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson, RoomEvent
from surfacehost_matrix import files
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.files import _sealed
from surfacehost_matrix.pictures import size_of
from surfacehost_matrix.thumbnails import LARGE


def png(width: int, height: int, data: bytes | None = None) -> bytes:
    """A black picture, or one whose *data* is none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + chunk(b"IDAT", zlib.compress(b"\0" * (width + 1) * height) if data is None else data)
        + chunk(b"IEND", b"")
    )


def photo(width: int, height: int) -> bytes:
    """Noise, as a camera that is held upright takes it: lying on its side, and with a note of that."""
    taken, data = Image.effect_noise((width, height), 100).convert("RGB"), io.BytesIO()
    turned = Image.Exif()
    turned[0x0112] = 6
    taken.save(data, "JPEG", exif=turned)
    return data.getvalue()


def small(data: bytes) -> tuple[str | None, tuple[int, int]]:
    """What kind of picture *data* is, and its size."""
    with Image.open(io.BytesIO(data)) as picture:
        return picture.format, picture.size


def file_at(path: Path, data: bytes, mime_type: str) -> File:
    path.write_bytes(data)
    return File(path=path, name=path.name, mime_type=mime_type, size=len(data))


def reply(room: str, file: File, number: int, caption: Mapping[str, Any] | None = None) -> Reply:
    message = Message(surface="matrix", id="$question", chat=room, sender="@a:b", direct=True, text="?")
    return Reply(id=f"$question/{number}", event=message, kind="file", body=caption, file=file)


def media(server: Homeserver, url: str, token: str) -> bytes:
    address = url.replace("mxc://", f"{server.url}/_matrix/client/v1/media/download/")
    return httpx.get(address, headers={"Authorization": f"Bearer {token}"}).raise_for_status().content


async def latest(person: MatrixPerson, room: str, bot: Account, count: int) -> list[RoomEvent]:
    said = [event for event in await person.history(room) if event.sender == bot.user_id and event.body]
    assert len(said) == count + 1  # the greeting
    return said[1:]


async def test_files_go_out_once(
    host: SmallHost, chat: str, alice: MatrixPerson, bot: Account, homeserver: Homeserver, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    connection, sender = host.surface._homeserver, host.surface._sender
    assert connection is not None
    picture = file_at(tmp_path / "über.png", png(40, 30), "image/png")
    large = file_at(tmp_path / "large.bin", bytes(range(256)) * 4_000, "application/octet-stream")
    caption = host.surface.compose("the **view**")[0]
    await sender.send(connection, reply(chat, picture, 0, caption), chat)
    for repeated in (False, False, True):  # killed after the upload, after the message, likewise a day later
        await sender.send(connection, replace(reply(chat, large, 1), repeated=repeated), chat)
    assert await files._largest(connection) == 50 * 1024 * 1024  # Synapse's default
    monkeypatch.setattr(connection, "stream", refused)
    await sender.send(connection, reply(chat, large, 2), chat)
    monkeypatch.setattr(files, "_largest", at_most(1_000_000))
    await sender.send(connection, reply(chat, large, 3, caption), chat)
    with pytest.raises(Undeliverable):
        await sender.send(connection, reply(chat, replace(picture, size=1), 4), chat)

    shown, plain, by_proxy, line = await latest(alice, chat, bot, 4)
    assert shown.content["msgtype"] == "m.image"
    assert (shown.body, shown.content["filename"]) == ("the **view**", "über.png")
    assert shown.content["formatted_body"] == "<p>the <strong>view</strong></p>"
    assert shown.content["info"] == {"mimetype": "image/png", "size": picture.size, "w": 40, "h": 30}
    assert shown.content["m.mentions"] == {}
    token = alice.account.access_token
    assert await asyncio.to_thread(media, homeserver, shown.content["url"], token) == picture.path.read_bytes()
    assert (plain.content["msgtype"], plain.body) == ("m.file", "large.bin")
    assert await asyncio.to_thread(media, homeserver, plain.content["url"], token) == large.path.read_bytes()
    assert by_proxy.body == "⚠️ large.bin (1.0 MB) is too large for this homeserver."
    assert (line.content["msgtype"], line.body) == (
        "m.text",
        "the **view**\n\n⚠️ large.bin (1.0 MB) is too large for this homeserver: at most 1.0 MB.",
    )


def refused(*_: object, **_more: object) -> None:
    raise Declined(413, "", "a proxy takes less")


def at_most(size: int) -> Any:
    async def largest(_homeserver: object) -> int:
        return size

    return largest


async def test_a_large_picture_has_a_thumbnail(
    host: SmallHost, chat: str, alice: MatrixPerson, bot: Account, homeserver: Homeserver, tmp_path: Path
) -> None:
    connection, sender = host.surface._homeserver, host.surface._sender
    assert connection is not None
    large = png(30_000, 30_000, b"\0" * LARGE)  # which it would take gigabytes to look at
    odd = {"large.png": large, "broken.png": b"no picture" * 30_000, "short.jpg": photo(900, 900)[:LARGE]}
    pictures = [file_at(tmp_path / "view.jpg", photo(1600, 1200), "image/jpeg")]
    pictures += [file_at(tmp_path / name, data, "image/png") for name, data in odd.items()]
    for number, picture in enumerate(pictures):
        await sender.send(connection, reply(chat, picture, number), chat)
    view, *others = [event.content["info"] for event in await latest(alice, chat, bot, 4)]
    assert (view["w"], view["h"]) == (1200, 1600)
    thumbnail = view["thumbnail_info"]
    assert (thumbnail["w"], thumbnail["h"], thumbnail["mimetype"]) == (600, 800, "image/jpeg")
    data = await asyncio.to_thread(media, homeserver, view["thumbnail_url"], alice.account.access_token)
    assert (small(data), len(data)) == (("JPEG", (600, 800)), thumbnail["size"])
    assert [(info.get("w"), info.get("h")) for info in others] == [(30_000, 30_000), (None, None), (900, 900)]
    assert not any("thumbnail_info" in info for info in others)


async def test_into_a_room_that_is_encrypted_meanwhile_it_goes_encrypted(
    host: SmallHost, carol: SecretPerson, bot: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = str((await carol.nio.room_create(is_direct=True, invite=[bot.user_id])).room_id)
    await carol.hears("hello")
    connection, upload = host.surface._homeserver, files._upload
    assert connection is not None

    async def switched_on(*args: Any, **more: Any) -> dict[str, Any]:
        where = await upload(*args, **more)
        await carol.nio.room_put_state(room, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
        return where

    monkeypatch.setattr(files, "_upload", switched_on)
    view = file_at(tmp_path / "view.jpg", photo(1600, 1200), "image/jpeg")
    await host.surface._sender.send(connection, reply(room, view, 0), room)
    content = (await carol.hears("view.jpg")).source["content"]
    assert {"file", "thumbnail_file"} <= content.keys() | content["info"].keys()
    assert not {"url", "thumbnail_url"} & (content.keys() | content["info"].keys())


async def test_what_people_send_is_fetched(
    host: SmallHost, chat: str, alice: MatrixPerson, homeserver: Homeserver, tmp_path: Path
) -> None:
    data, into = bytes(range(256)) * 2_000, tmp_path / "in"
    sealed, keys = encrypt_attachment(data)
    plain_url, sealed_url = [await upload(homeserver, alice, one) for one in (data, sealed)]
    event = reply(chat, File(path=into, name="x", mime_type="x/x", size=0), 0).event

    async def fetch(source: Mapping[str, Any], at_most: int = len(data)) -> bytes:
        await host.surface.fetch(Attachment(name="x", source=source), event, into, at_most=at_most)
        return into.read_bytes()

    assert isinstance(host.surface, Fetches)
    assert isinstance(host.surface, Reacts)
    assert await fetch({"url": plain_url}) == data
    assert await fetch({"file": {"url": sealed_url, **keys}}) == data
    with pytest.raises(TooLarge):
        await fetch({"url": plain_url}, at_most=len(data) - 1)
    told = Attachment(name="x", size=len(data), source={"url": plain_url + "gone"})  # which is not asked for
    with pytest.raises(TooLarge):
        await host.surface.fetch(told, event, into, at_most=len(data) - 1)
    assert not into.exists()
    tampered = {"url": await upload(homeserver, alice, sealed[:-1] + b"x"), **keys}
    broken: list[Mapping[str, Any]] = [
        {"file": tampered},
        {"file": {"url": sealed_url, **keys, "iv": "short"}},
        {"file": {"url": sealed_url, **keys, "key": {"k": 7}}},
        {"file": {"url": sealed_url, **keys, "hashes": []}},
        {"file": "mxc://x/y"},
        {"file": {"url": "https://example.org/", **keys}},
        {"url": "mxc://x/../../login"},
        {"url": plain_url + "gone"},
        {},
    ]
    for source in broken:
        with pytest.raises(Undeliverable):
            await fetch(source)
        assert not into.exists()


async def upload(server: Homeserver, person: MatrixPerson, data: bytes) -> str:
    headers = {"Authorization": f"Bearer {person.account.access_token}"}
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{server.url}/_matrix/media/v3/upload", content=data, headers=headers)
    return str(answer.raise_for_status().json()["content_uri"])


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (png(7, 9), (7, 9)),
        (b"GIF89a" + struct.pack("<HH", 3, 4) + b"\0", (3, 4)),
        (b"\xff\xd8\xff\xe0\x00\x10" + b"\0" * 14 + b"\xff\xc2\x00\x11\x08\x00\x0a\x00\x14" + b"\0" * 9, (20, 10)),
        (b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + b"\x09\0\0\x04\0\0", (10, 5)),
        (b"RIFF\0\0\0\0WEBPVP8L" + b"\0" * 5 + struct.pack("<I", 9 | 4 << 14), (10, 5)),
        (b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 10 + struct.pack("<HH", 10, 5), (10, 5)),
        (b"\x89PNG\r\n\x1a\n\0", None),
        (b"\xff\xd8\xff\xe0\x00\x00", None),
        (b"<svg/>", None),
    ],
)
def test_a_picture_tells_its_size(tmp_path: Path, head: bytes, size: tuple[int, int] | None) -> None:
    (tmp_path / "picture").write_bytes(head)
    assert size_of(tmp_path / "picture") == size
    assert size_of(tmp_path / "nothing") is None


def test_what_reads_a_file_is_known_before_its_last_piece_leaves() -> None:
    keys: dict[str, Any] = {}
    known = [set(keys) for _ in _sealed(iter([b"x" * 100] * 3), keys)]
    assert known[:-1] == [set()] * (len(known) - 1)
    assert {"key", "iv", "hashes"} <= known[-1]
