"""Files at the doors of a street: how a person sends one there, and what of the bot's has come."""

from dataclasses import dataclass
from typing import Any

import httpx
from tests.web.pageclient import new_chat

from .doors import Door, MatrixDoor, TelegramDoor, WebDoor

TELEGRAM = {"image": "photo", "audio": "voice", "video": "video", "file": "document"}
FILES = {
    "image": ("view.jpg", "image/jpeg", "image"),
    "audio": ("word.ogg", "audio/ogg", "audio"),
    "video": ("film.mp4", "video/mp4", "video"),
    "file": ("plan.pdf", "application/pdf", "document"),
}
"""Of each kind a name, a type, and what the agent calls it."""
TO_KIND = {shown: kind for kind, shown in TELEGRAM.items()}

FILES = {
    "image": ("view.jpg", "image/jpeg", "image"),
    "audio": ("word.ogg", "audio/ogg", "audio"),
    "video": ("film.mp4", "video/mp4", "video"),
    "file": ("plan.pdf", "application/pdf", "document"),
}
"""Of each kind a name, a type, and what the agent calls it."""


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A file as a person has it. Telegram keeps no names of photos and voice messages."""

    kind: str
    """``image``, ``audio``, ``video`` or ``file``."""
    name: str
    mime_type: str
    data: bytes


async def send(door: Door, parcel: Parcel, words: str = "", *, album: str = "") -> None:
    """Send *parcel* at *door*, with *words*; as a part of *album* on Telegram."""
    match door:
        case MatrixDoor():
            async with _matrix(door) as http:
                sent = await http.post(
                    "/_matrix/media/v3/upload", content=parcel.data, headers={"Content-Type": parcel.mime_type}
                )
            info = {"mimetype": parcel.mime_type, "size": len(parcel.data)}
            address = sent.raise_for_status().json()["content_uri"]
            content = {"msgtype": f"m.{parcel.kind}", "url": address, "filename": parcel.name, "info": info}
            await door.person.send(door.room, words or parcel.name, content=content)
        case TelegramDoor():
            door.api.world.send_media(
                door.person, TELEGRAM[parcel.kind], parcel.data, name=parcel.name, mime_type=parcel.mime_type,
                caption=words, bot=door.bot, album=album,
            )  # fmt: skip
        case WebDoor():
            async with _web(door) as http:
                sent = await http.post(
                    f"{door.path}/file?name={parcel.name}", content=parcel.data,
                    headers={"Content-Type": parcel.mime_type},
                )  # fmt: skip
            filed = sent.raise_for_status().json()["id"]
            await door.page.tell("say", id=new_chat(), chat=door.chat, text=words, files=[filed], locale=door.language)


async def shown_to(door: Door, parcel: Parcel, words: str) -> str:
    """What the agent says to *parcel* with *words*."""
    first = len(door.shown())
    await send(door, parcel, words)
    [said] = (await door.until(lambda said: len(said) > first))[first:]
    return said


async def received(door: Door, count: int) -> list[tuple[str, bytes]]:
    """The files that the bot has sent, once there are *count*: as what each is shown, and its bytes."""
    await door.until(lambda _: len(_shown(door)) >= count)
    match door:
        case MatrixDoor():
            http, folder = _matrix(door), "/_matrix/client/v1/media/download/"
        case WebDoor():
            http, folder = _web(door), f"{door.path}/file/"
        case _:
            return _shown(door)
    async with http:
        return [(kind, (await http.get(folder + where)).raise_for_status().content) for kind, where in _shown(door)]


def _shown(door: Door) -> list[tuple[str, Any]]:
    """The bot's files by now: as what each is shown, and where it is, or its bytes."""
    match door:
        case MatrixDoor():
            events = door.person.seen.events[door.room]
            found = [one.content for one in events if one.sender == door.bot.user_id and "url" in one.content]
            return [(str(one["msgtype"]).removeprefix("m."), one["url"].removeprefix("mxc://")) for one in found]
        case TelegramDoor():
            contents = [one.content for one in door.api.world.replies(door.person.id, bot=door.bot)]
            return [(TO_KIND[one.shown_as], one.document.data) for one in contents if one.document]
        case WebDoor():
            filed = [file for line in door.page.all("final") for file in line.get("files", [])]
            return [("image" if one["type"].startswith("image/") else "file", one["id"]) for one in filed]
    raise AssertionError(door)


def captions(door: Door) -> list[str]:
    """What stands under each of the bot's files by now."""
    match door:
        case MatrixDoor():
            events = door.person.seen.events[door.room]
            found = [one.content for one in events if one.sender == door.bot.user_id and "url" in one.content]
            return [one["body"] if one["body"] != one["filename"] else "" for one in found]
        case TelegramDoor():
            contents = [one.content for one in door.api.world.replies(door.person.id, bot=door.bot)]
            return [one.text for one in contents if one.document]
        case WebDoor():
            return [str(line["text"]) for line in door.page.all("final") if line.get("files")]
    raise AssertionError(door)


def _matrix(door: MatrixDoor) -> httpx.AsyncClient:
    token = {"Authorization": f"Bearer {door.person.account.access_token}"}
    return httpx.AsyncClient(base_url=door.homeserver.url, headers=token, trust_env=False)


def _web(door: WebDoor) -> httpx.AsyncClient:
    sent = {"Cookie": door.page.cookie, "Origin": door.address}
    return httpx.AsyncClient(base_url=door.address, headers=sent, trust_env=False)
