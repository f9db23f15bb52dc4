"""What the page says over its socket, read strictly; what it hears is made where it happens."""

import json
import re
from dataclasses import dataclass
from typing import Any

MAX_FRAME_CHARS = 200_000
"""Longest frame the page may send; the longest message fits with every character escaped."""
MAX_TEXT_CHARS = 32_000
"""Longest message of a person."""
MAX_FILES = 10
"""How many files come with one message."""

_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_CHOICE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}")


class BadFrame(Exception):
    """The page said something that no version of it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """A message. The page makes its *id* and says it again, with the same one, until it hears that it is stored."""

    id: str
    chat: str
    text: str
    locale: str
    files: tuple[str, ...] = ()
    """Ids of files that were uploaded before."""
    choice: str = ""
    """The choice of a prompt that was taken; *text* is then only what the page shows of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The answer that is being made in *chat* is wanted no longer."""

    id: str
    chat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Show *chat*: its last messages, or those before the one with the number *before*."""

    chat: str
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Erase *chat*."""

    chat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chats:
    """Tell which conversations there are."""


Frame = Say | Stop | Open | Forget | Chats


def read_frame(text: str) -> Frame:
    """The frame that *text* is. Raises BadFrame."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFrame("not JSON") from error
    if not isinstance(frame, dict):
        raise BadFrame("not an object")
    match frame.get("type"):
        case "say":
            return _say(frame)
        case "stop":
            return Stop(id=_id(frame, "id"), chat=_id(frame, "chat"))
        case "open":
            return Open(chat=_id(frame, "chat"), before=_number(frame, "before"))
        case "forget":
            return Forget(chat=_id(frame, "chat"))
        case "chats":
            return Chats()
        case _:
            raise BadFrame("no known type")


def _id(frame: dict[str, Any], name: str) -> str:
    value = frame.get(name)
    if not (isinstance(value, str) and _ID.fullmatch(value)):
        raise BadFrame(f"{name} is no id")
    return value


def _say(frame: dict[str, Any]) -> Say:
    files, text = _files(frame), _text(frame)
    if not (text.strip() or files):
        raise BadFrame("neither text nor files")
    choice = frame.get("choice", "")
    if choice and not (isinstance(choice, str) and _CHOICE.fullmatch(choice)):
        raise BadFrame("choice is none")
    return Say(
        id=_id(frame, "id"), chat=_id(frame, "chat"), text=text, locale=_locale(frame), files=files, choice=choice
    )


def _files(frame: dict[str, Any]) -> tuple[str, ...]:
    files = frame.get("files", [])
    if not (isinstance(files, list) and len(files) <= MAX_FILES and all(isinstance(one, str) for one in files)):
        raise BadFrame(f"files are not up to {MAX_FILES} ids")
    return tuple(files)


def _text(frame: dict[str, Any]) -> str:
    text = frame.get("text")
    if not (isinstance(text, str) and len(text) <= MAX_TEXT_CHARS):
        raise BadFrame(f"text is not up to {MAX_TEXT_CHARS} characters")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # JSON can spell half a character


def _locale(frame: dict[str, Any]) -> str:
    locale = frame.get("locale", "")
    return locale if isinstance(locale, str) and _LOCALE.fullmatch(locale) else ""


def _number(frame: dict[str, Any], name: str) -> int | None:
    value = frame.get(name)
    if value is not None and not (type(value) is int and 0 <= value < 2**53):
        raise BadFrame(f"{name} is no number")
    return value
