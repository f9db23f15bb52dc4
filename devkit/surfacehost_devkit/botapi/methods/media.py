"""Files as documents, photos and sounds."""

import struct
from collections.abc import Callable
from functools import partial

from surfacehost_devkit.botapi.entities import FormattedText, units
from surfacehost_devkit.botapi.errors import ApiError, bad_request
from surfacehost_devkit.botapi.keyboards import read_markup
from surfacehost_devkit.botapi.methods.call import Call, Method
from surfacehost_devkit.botapi.methods.sending import send
from surfacehost_devkit.botapi.model import Content, Json, StoredFile

_MOST_CAPTION = 1024
_MOST_UPLOAD = 50 * 1024 * 1024
_MOST_PHOTO = 10 * 1024 * 1024
_WIDEST, _MOST_SLENDER = 10_000, 20
"""A photo's width and height in sum, and how many times the one may be the other (Bot API, sendPhoto)."""
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM")


def _send_media(kind: str, call: Call) -> Json:
    """An upload or a file id; URLs are not fetched."""
    named = call.params.text(kind) or kind
    if named == kind and kind not in call.params.files:
        raise bad_request(f"there is no {kind} in the request")
    stored = stored_file(call, named)
    caption = captioned(call)
    if kind == "photo":
        check_photo(stored.data)
    content = Content(
        text=caption.text,
        entities=caption.entities,
        markup=read_markup(call.params),
        document=stored,
        shown_as=kind,
    )
    return send(call, content)


def captioned(call: Call) -> FormattedText:
    """The caption that the call gives, which must fit."""
    caption = call.formatted("caption", "caption_entities")
    if units(caption.text) > _MOST_CAPTION:
        raise bad_request("message caption is too long")
    return caption


def stored_file(call: Call, named: str) -> StoredFile:
    """The file that came with the call under this name, or that the server has under this id."""
    upload = call.params.files.get(named.removeprefix("attach://"))
    if upload is None:
        if named.startswith(("http://", "https://")):
            raise bad_request("failed to get HTTP URL content")
        if named not in call.state.files:
            raise bad_request("wrong remote file identifier specified: Wrong string length")
        return call.state.files[named]
    if not upload.data:
        raise bad_request("file must be non-empty")
    if len(upload.data) > _MOST_UPLOAD:
        raise ApiError(413, "Request Entity Too Large")
    return call.state.store_file(upload.name, upload.content_type, upload.data)


def check_photo(data: bytes) -> None:
    """Refuse what is no picture, or one of a shape that is not shown as a photo; only PNG is measured."""
    if len(data) > _MOST_PHOTO:
        raise bad_request("file is too big for a photo")
    if not data.startswith(_PICTURES):
        raise bad_request("IMAGE_PROCESS_FAILED")
    if data.startswith(_PICTURES[0]) and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        longer, shorter = max(width, height), max(1, min(width, height))
        if width + height > _WIDEST or longer > shorter * _MOST_SLENDER:
            raise bad_request("PHOTO_INVALID_DIMENSIONS")


def _method(kind: str) -> Callable[[Call], Json]:
    return partial(_send_media, kind)


METHODS: dict[str, Method] = {
    "sendDocument": _method("document"),
    "sendPhoto": _method("photo"),
    "sendVoice": _method("voice"),
    "sendAudio": _method("audio"),
    "sendVideo": _method("video"),
    "sendAnimation": _method("animation"),
}
