"""What is put into a chat: a text with its buttons, or a file with its caption."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity
from telegram.error import ChatMigrated

from surfacehost import Choice, Event, Reply
from surfacehost_render.telegram.entities import units
from surfacehost_telegram.bot import Oversized
from surfacehost_telegram.instead import instead
from surfacehost_telegram.outcome import Outcome, outcome
from surfacehost_telegram.upload import DOCUMENT, Upload

CAPTION, MESSAGE = 1024, 4096
"""The longest caption and text, in UTF-16 units; a longer caption is a message of its own (Bot API, sendDocument)."""
A_ROW, ROW_CHARS = 3, 24
"""How many buttons stand beside each other, as long as their labels are no longer than this in all."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message to be."""

    chat: str
    text: str = ""
    """Of the message, or the caption of its file."""
    entities: tuple[Mapping[str, Any], ...] = ()
    topic: int | None = None
    answers: int | None = None
    """The message it is shown as a reply to."""
    locale: str = ""
    """The language of who asked."""
    choices: tuple[Choice, ...] = field(default=())
    """What its buttons say."""
    file: Upload | None = None

    def marks(self) -> list[MessageEntity] | None:
        """Its formatting, as the library wants it."""
        return [MessageEntity.de_json(dict(entity)) for entity in self.entities] or None

    def keyboard(self) -> InlineKeyboardMarkup | None:
        """Its buttons: short ones side by side."""
        buttons = [InlineKeyboardButton(one.label, callback_data=one.id) for one in self.choices]
        if not buttons:
            return None
        is_short = len(buttons) <= A_ROW and sum(len(one.text) for one in buttons) <= ROW_CHARS
        return InlineKeyboardMarkup([buttons] if is_short else [[one] for one in buttons])


def letters_of(reply: Reply, chat: str, *, answers: int | None, most_bytes: int) -> list[Letter]:
    """The messages that *reply* is in *chat*, mostly one; files of more than *most_bytes* are told of instead."""
    body = reply.body or {}
    first = Letter(
        chat=chat,
        text=body.get("text", ""),
        entities=tuple(body.get("entities", ())),
        topic=topic_of(reply.event),
        locale=reply.event.locale,
        answers=answers if chat == reply.event.chat else None,
        choices=reply.choices if reply.kind == "prompt" else (),
    )
    file = _file_of(reply)
    if file is None:
        return [first]
    is_caption = units(first.text) <= CAPTION
    last = first if is_caption else replace(first, text="", entities=(), answers=None)
    if file.size > most_bytes:
        log.warning("%s has %d bytes, too much for Telegram; chat %s is told so", file.name, file.size, chat)
        last = without_file(last, file, is_too_large=True)
    else:
        last = replace(last, file=file)
    return [last] if is_caption else [first, last]


def topic_of(event: Event) -> int | None:
    """The topic that what is said to *event* goes to; only chats that have topics may be told one."""
    return int(event.topic) if event.topic else None


def _file_of(reply: Reply) -> Upload | None:
    if reply.file is not None:
        return Upload.of(reply.file)
    if document := (reply.body or {}).get("document"):
        return Upload.text(document["name"], document["text"])
    return None


def without_file(letter: Letter, file: Upload, *, is_too_large: bool) -> Letter:
    """In place of a *file* that Telegram does not take: its caption, and a sentence about it."""
    told, marks = instead(file, letter.locale, is_too_large=is_too_large)
    above = f"{letter.text}\n\n" if letter.text else ""
    moved = tuple({**one, "offset": one["offset"] + units(above)} for one in marks)
    return replace(letter, text=above + told, entities=letter.entities + moved, file=None)


def correct(letter: Letter, error: Exception) -> Letter | None:
    """What to send in place of *letter*, which certainly was not sent; none where nothing can be put right."""
    match outcome(error):
        case Outcome.WAIT:
            return letter  # the limiter holds the next call back until the chat is open again
        case Outcome.FORMATTING if letter.entities:
            log.warning("chat %s gets a message without formatting: %s", letter.chat, error)
            return replace(letter, entities=())
        case Outcome.FILE if letter.file is not None:
            return _other_than(letter, letter.file, error)
        case Outcome.TOPIC_GONE if letter.topic is not None:
            log.warning("topic %s of chat %s is gone; its answer goes to the chat", letter.topic, letter.chat)
            return replace(letter, topic=None)
        case Outcome.MOVED if isinstance(error, ChatMigrated):
            log.info("group %s is now supergroup %s", letter.chat, error.new_chat_id)
            return replace(letter, chat=str(error.new_chat_id), answers=None)  # ids do not carry over
    return None


def _other_than(letter: Letter, file: Upload, error: Exception) -> Letter:
    """What to send in place of a file that Telegram does not take as what it was sent."""
    if file.method != DOCUMENT:
        log.info("chat %s gets %s as a document: %s", letter.chat, file.name, error)
        return replace(letter, file=replace(file, method=DOCUMENT))
    log.warning("chat %s is told of a file that Telegram does not take: %s", letter.chat, error)
    if isinstance(error, FileNotFoundError):
        file = replace(file, url="")  # nobody else would find it there
    return without_file(letter, file, is_too_large=isinstance(error, Oversized))
