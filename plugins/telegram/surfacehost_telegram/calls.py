"""The calls that put a letter into a chat, and that put right what can be put right."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from typing import Any

from telegram import (
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)
from telegram.error import BadRequest
from telegram.request import BaseRequest

from surfacehost_telegram.bot import FRAME_S, UPLOAD_S, Bot, Flooded, Turn
from surfacehost_telegram.letter import Letter, correct
from surfacehost_telegram.limiter import PATIENCE_S

TRIES = 5
"""Calls for one letter at the most; each after the first corrects something or follows a penalty."""

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)

Ids = Sequence[int]
"""Of the messages that a letter is: several, if it is an album."""

Before = Callable[[], Awaitable[None]]
"""What is done right before a call: what is not noted was never handed to Telegram."""


class OnlyAFile(Exception):
    """A text that Telegram finds too long is a file, and no message can be edited into that."""


async def deliver(letter: Letter, call: Callable[[Letter], Awaitable[Ids]]) -> tuple[str, Ids]:
    """Where *call* brought *letter*, and its ids there. What can't be put right is raised as it came."""
    patience, tries = PATIENCE_S, 0
    while True:
        try:
            return letter.chat, await call(letter)
        except Exception as error:
            tries += 1
            patience -= error.seconds if isinstance(error, Flooded) else 0
            corrected = correct(letter, error) if patience >= 0 else None
            if corrected is None or tries == TRIES:
                raise
            letter = corrected


async def post(bot: Bot, letter: Letter, before: Before, *, is_frame: bool = False) -> Ids:
    """Send *letter* as a new message, or as several that are shown as one; their ids."""
    turn = Turn(is_frame=is_frame, messages=letter.messages, is_upload=bool(letter.files), before=before)
    quote = ReplyParameters(letter.answers, allow_sending_without_reply=True) if letter.answers else None
    if letter.is_album:
        return await _post_album(bot, letter, turn, quote)
    if letter.files:
        return await _post_file(bot, letter, turn, quote)
    message = await bot.send_message(
        letter.chat,
        letter.text,
        entities=letter.marks(),
        message_thread_id=letter.topic,
        reply_parameters=quote,
        reply_markup=letter.keyboard(),
        link_preview_options=NO_PREVIEW,
        rate_limit_args=turn,
    )
    return [message.message_id]


async def _post_file(bot: Bot, letter: Letter, turn: Turn, quote: ReplyParameters | None) -> Ids:
    [file] = letter.files
    send: dict[str, tuple[str, Callable[..., Awaitable[Message]]]] = {
        "sendPhoto": ("photo", bot.send_photo),
        "sendAnimation": ("animation", bot.send_animation),
        "sendVideo": ("video", bot.send_video),
        "sendVoice": ("voice", bot.send_voice),
        "sendAudio": ("audio", bot.send_audio),
        "sendDocument": ("document", bot.send_document),
    }
    name, method = send[file.method]
    with file.opened() as content:
        given: dict[str, Any] = {name: content}
        message = await method(
            letter.chat,
            **given,
            **_around_files(letter, turn, quote),
        )
    return [message.message_id]


async def _post_album(bot: Bot, letter: Letter, turn: Turn, quote: ReplyParameters | None) -> Ids:
    """One call: all of them are sent, or none."""
    shown: dict[str, Callable[..., Any]] = {
        "sendPhoto": InputMediaPhoto,
        "sendVideo": InputMediaVideo,
        "sendAudio": InputMediaAudio,
        "sendDocument": InputMediaDocument,
    }
    with ExitStack() as opened:
        messages = await bot.send_media_group(
            letter.chat,
            [shown[file.method](opened.enter_context(file.opened(attach=True))) for file in letter.files],
            **_around_files(letter, turn, quote),
        )
    return [message.message_id for message in messages]


def _around_files(letter: Letter, turn: Turn, quote: ReplyParameters | None) -> dict[str, Any]:
    """What is told of files beside themselves, one or several."""
    return {
        "caption": letter.text or None,
        "caption_entities": letter.marks(),
        "message_thread_id": letter.topic,
        "reply_parameters": quote,
        "read_timeout": UPLOAD_S,
        "write_timeout": UPLOAD_S,
        "rate_limit_args": turn,
    }


async def edit(bot: Bot, message_id: int, letter: Letter, *, is_frame: bool = False) -> Ids:
    """Make the message *message_id* say what *letter* says; its id. Buttons that the letter has not are taken away.

    Raises OnlyAFile for a letter that has one.
    """
    if letter.files:
        raise OnlyAFile
    try:
        await bot.edit_message_text(
            letter.text,
            letter.chat,
            message_id,
            entities=letter.marks(),
            reply_markup=letter.keyboard(),
            link_preview_options=NO_PREVIEW,
            read_timeout=FRAME_S if is_frame else BaseRequest.DEFAULT_NONE,
            rate_limit_args=Turn(is_frame=is_frame),
        )
    except BadRequest as error:
        if "not modified" not in error.message.casefold():  # else an earlier edit did arrive
            raise
    return [message_id]
