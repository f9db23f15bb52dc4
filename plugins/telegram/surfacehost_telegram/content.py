"""What a message says beside its text: files as attachments, everything else as a line that reads in any language."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import telegram

from surfacehost import Attachment, MediaKind

_PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")


def text_of(message: telegram.Message) -> str:
    """The text or the caption, and a line for whatever else can be said in words."""
    words = message.text or message.caption or ""
    return "\n".join(filter(None, [words, *_lines(message)]))


def attachments_of(message: telegram.Message) -> tuple[Attachment, ...]:
    """The files that came with it, at most one: an album is as many messages. None of them is fetched."""
    return tuple(_attachments(message))[:1]


def quote_of(message: telegram.Message) -> str:
    """What it is a reply to: the part that the person marked, else the whole text."""
    if message.quote is not None:
        return message.quote.text
    reply = message.reply_to_message
    return "" if reply is None or reply.forum_topic_created is not None else text_of(reply)


def _lines(message: telegram.Message) -> Iterator[str]:
    if message.sticker is not None:
        yield message.sticker.emoji or ""
    if message.venue is not None:  # Telegram gives its location a second time, as the message's own
        yield f"{message.venue.title}, {message.venue.address}"
    if message.location is not None:
        place = message.location
        yield f"geo:{round(place.latitude, 6)},{round(place.longitude, 6)}"  # RFC 5870
    if message.contact is not None:
        contact = message.contact
        yield " ".join(filter(None, [contact.first_name, contact.last_name, contact.phone_number]))
    if message.poll is not None:
        yield "\n- ".join([message.poll.question, *(option.text for option in message.poll.options)])
    if message.dice is not None:
        yield f"{message.dice.emoji} {message.dice.value}"


_FILES: tuple[tuple[str, str, str, MediaKind], ...] = (
    ("animation", "animation.mp4", "video/mp4", "video"),  # first: Telegram names it a second time, as a document
    ("video", "video.mp4", "video/mp4", "video"),
    ("video_note", "video_note.mp4", "video/mp4", "video"),
    ("voice", "voice.ogg", "audio/ogg", "voice"),
    ("audio", "audio.mp3", "audio/mpeg", "audio"),
    ("document", "file", "application/octet-stream", "file"),
)
"""What a message may bring, and what it is called where Telegram does not say."""


def _attachments(message: telegram.Message) -> Iterator[Attachment]:
    if message.photo:
        yield _attachment(
            max(message.photo, key=lambda one: one.width * one.height), "photo.jpg", "image/jpeg", "image"
        )
    if message.sticker is not None:
        yield _sticker(message.sticker)
    for field, name, mime_type, kind in _FILES:
        if (file := getattr(message, field)) is not None:
            yield _attachment(file, name, mime_type, kind)


def _attachment(file: Any, name: str, mime_type: str, kind: MediaKind) -> Attachment:  # noqa: ANN401 - any of Telegram's
    """*file* with what Telegram says of it, and *name* and *mime_type* where it says nothing."""
    told = str(getattr(file, "file_name", None) or "").replace("\\", "/")
    mime_type = getattr(file, "mime_type", None) or mime_type
    return Attachment(
        name=PurePosixPath(told).name or name,
        mime_type=mime_type,
        size=file.file_size or 0,
        kind="image" if mime_type in _PICTURES and kind != "sticker" else kind,
        source={"file_id": file.file_id},
    )


def _sticker(sticker: telegram.Sticker) -> Attachment:
    """Its three formats: https://core.telegram.org/stickers."""
    if sticker.is_animated:
        return _attachment(sticker, "sticker.tgs", "application/x-tgsticker", "sticker")
    if sticker.is_video:
        return _attachment(sticker, "sticker.webm", "video/webm", "sticker")
    return _attachment(sticker, "sticker.webp", "image/webp", "sticker")
