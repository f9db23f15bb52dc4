"""What is put into a chat: a text with its buttons, or files with a caption."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity
from telegram.error import ChatMigrated

from surfacehost import Choice, Event, Reply
from surfacehost_render.telegram.entities import units
from surfacehost_telegram.bot import Oversized
from surfacehost_telegram.instead import instead
from surfacehost_telegram.outcome import Outcome, may_be_of_a_file, outcome
from surfacehost_telegram.upload import ALBUM, ANSWER, DOCUMENT, Upload

CAPTION, MESSAGE = 1024, 4096
"""The longest caption and text, in UTF-16 units; a longer caption is a message of its own (Bot API, sendDocument)."""
A_ROW, ROW_CHARS = 3, 24
"""How many buttons stand beside each other, as long as their labels are no longer than this in all."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message to be, or an album, which is several that are shown as one."""

    chat: str
    text: str = ""
    """Of the message, or the caption of its files."""
    entities: tuple[Mapping[str, Any], ...] = ()
    topic: int | None = None
    answers: int | None = None
    """The message it is shown as a reply to."""
    locale: str = ""
    """The language of who asked."""
    choices: tuple[Choice, ...] = field(default=())
    """What its buttons say."""
    files: tuple[Upload, ...] = ()
    stored: str = ""
    """What its file, or the one that it is told instead of, is called on the host's disk; of an album, the first."""

    @property
    def is_album(self) -> bool:
        """Whether it is more than one message."""
        return len(self.files) > 1

    @property
    def messages(self) -> int:
        """How many messages it is."""
        return max(1, len(self.files))

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
    letters, bare = [first], replace(first, text="", entities=(), answers=None)
    files = _files_of(reply)
    if files and units(first.text) <= CAPTION:
        letters = [_with_file(first, files.pop(0), most_bytes)]
    return [*letters, *(_with_file(bare, file, most_bytes) for file in files)]


def together(letters: Sequence[Letter], most_bytes: int) -> Letter:
    """The first of *letters*, as an album with those behind it that may stand in one: at the most so many bytes."""
    files: list[Upload] = []
    for letter in letters[:ALBUM]:
        more = [*files, *letter.files]
        is_caption = not files or not letter.text
        if not (is_caption and letter.files and sum(one.size for one in more) <= most_bytes and _is_album(more)):
            break
        files = more
    return replace(letters[0], files=tuple(files)) if files else letters[0]


def _is_album(files: Sequence[Upload]) -> bool:
    """Whether *files* may be shown as one; a single one always may."""
    return len(files) == 1 or (bool(files[0].album) and len({one.album for one in files}) == 1)


def _with_file(letter: Letter, file: Upload, most_bytes: int) -> Letter:
    letter = replace(letter, stored=file.content.name if isinstance(file.content, Path) else "")
    if file.size <= most_bytes:
        return replace(letter, files=(file,))
    log.warning("%s has %d bytes, too much for Telegram; chat %s is told so", file.name, file.size, letter.chat)
    return without_file(letter, file, is_too_large=True)


def topic_of(event: Event) -> int | None:
    """The topic that what is said to *event* goes to; only chats that have topics may be told one."""
    return int(event.topic) if event.topic else None


def _files_of(reply: Reply) -> list[Upload]:
    if reply.file is not None:
        return [Upload.of(file) for file in reply.album or (reply.file,)]
    if document := (reply.body or {}).get("document"):
        return [Upload.text(document["name"], document["text"])]
    return []


def without_file(letter: Letter, file: Upload, *, is_too_large: bool) -> Letter:
    """In place of a *file* that Telegram does not take: its caption, and a sentence about it."""
    told, marks = instead(file, letter.locale, is_too_large=is_too_large)
    above = f"{letter.text}\n\n" if letter.text else ""
    moved = tuple({**one, "offset": one["offset"] + units(above)} for one in marks)
    return replace(letter, text=above + told, entities=letter.entities + moved, files=())


def correct(letter: Letter, error: Exception) -> Letter | None:
    """What to send in place of *letter*, which certainly was not sent; none where nothing can be put right."""
    match outcome(error):
        case Outcome.WAIT:
            return letter  # the limiter holds the next call back until the chat is open again
        case Outcome.FORMATTING | Outcome.TOO_LONG:
            return _simpler(letter, error)
        case Outcome.FILE | Outcome.REFUSED if len(letter.files) == 1 and may_be_of_a_file(error):
            return _other_than(letter, letter.files[0], error)
        case Outcome.TOPIC_GONE if letter.topic is not None:
            log.warning("topic %s of chat %s is gone; its answer goes to the chat", letter.topic, letter.chat)
            return replace(letter, topic=None)
        case Outcome.MOVED if isinstance(error, ChatMigrated):
            log.info("group %s is now supergroup %s", letter.chat, error.new_chat_id)
            return replace(letter, chat=str(error.new_chat_id), answers=None)  # ids do not carry over
    return None


def _simpler(letter: Letter, error: Exception) -> Letter | None:
    """What to send in place of a text that Telegram does not take, none where that is as simple as can be."""
    if outcome(error) is Outcome.TOO_LONG and not letter.files:
        log.warning("chat %s gets a message as a document: %s", letter.chat, error)
        return replace(letter, text="", entities=(), files=(Upload.text(ANSWER, letter.text),))
    if letter.entities:
        log.warning("chat %s gets a message without formatting: %s", letter.chat, error)
        return replace(letter, entities=())
    return None


def _other_than(letter: Letter, file: Upload, error: Exception) -> Letter:
    """What to send in place of a file that Telegram does not take as what it was sent."""
    if file.method != DOCUMENT:
        log.info("chat %s gets %s as a document: %s", letter.chat, file.name, error)
        return replace(letter, files=(replace(file, method=DOCUMENT),))
    log.warning("chat %s is told of a file that Telegram does not take: %s", letter.chat, error)
    if isinstance(error, FileNotFoundError):
        file = replace(file, url="")  # nobody else would find it there
    return without_file(letter, file, is_too_large=isinstance(error, Oversized))
