"""Several files shown as one: `sendMediaGroup`.

What is refused, in which order and in which words: https://github.com/tdlib/telegram-bot-api,
`Client::get_input_media` and `Client::on_message_send_failed`; https://github.com/tdlib/td,
`check_message_group_message_contents`. All files are sent or none: `MessagesManager::do_send_message_group` there makes
one request once every file is uploaded, and none if one is not.
"""

import secrets
from dataclasses import replace

from surfacehost_devkit.botapi.errors import ApiError, bad_request
from surfacehost_devkit.botapi.methods.call import Call, Method
from surfacehost_devkit.botapi.methods.media import captioned, check_photo, stored_file
from surfacehost_devkit.botapi.methods.sending import send_all
from surfacehost_devkit.botapi.model import Content, Json
from surfacehost_devkit.botapi.params import Params

_FEWEST, _MOST = 2, 10
_MIXED = frozenset({"photo", "video"})
"""What may stand in one album with each other; the others only among their like (Bot API, sendMediaGroup)."""
_ATTACHED = "attach://"
_KINDS = _MIXED | {"audio", "document"}


def send_media_group(call: Call) -> list[Json]:
    """`sendMediaGroup`."""
    contents = [_content(call, one) for one in _media(call)]
    call.chat()
    _check_group(contents)
    _check_photos(contents)
    album = str(10**17 + secrets.randbelow(10**17))
    return send_all(call, [replace(one, album=album) for one in contents])


def count_of(params: Params) -> int:
    """How many messages the album of a call would be."""
    media = params.decoded("media")
    return len(media) if isinstance(media, list) else 1


def _media(call: Call) -> list[object]:
    if not call.params.text("media"):
        raise bad_request('parameter "media" is required')
    media = call.params.decoded("media")
    if media is None:
        raise bad_request("can't parse media JSON object")
    if not isinstance(media, list):
        raise bad_request("expected an Array of InputMedia")
    return media


def _content(call: Call, one: object) -> Content:
    """A file with its own caption; it came with the call, or the server has it."""
    if not isinstance(one, dict):
        raise bad_request("can't parse InputMedia: expected an Object")
    within = replace(call, params=call.params.within(one))
    kind, named = within.params.text("type"), within.params.text("media")
    caption = captioned(within)
    if not kind:
        raise bad_request("can't parse InputMedia: can't find field \"type\"")
    if not named or (named.startswith(_ATTACHED) and named.removeprefix(_ATTACHED) not in call.params.files):
        raise bad_request("can't parse InputMedia: media not found")
    if kind == "animation":
        raise bad_request("can't parse InputMedia: type \"animation\" can't be used in sendMediaGroup")
    if kind not in _KINDS:
        raise bad_request(f'can\'t parse InputMedia: type "{kind}" is unsupported')
    document = stored_file(call, named)
    return Content(text=caption.text, entities=caption.entities, document=document, shown_as=kind)


def _check_group(contents: list[Content]) -> None:
    """One file alone passes the server, and is no album; the documentation does not allow it, so neither does this."""
    if len(contents) > _MOST:
        raise bad_request("too many messages to send as an album")
    if not contents:
        raise bad_request("there are no messages to send")
    if len(contents) < _FEWEST:
        raise bad_request("media must include 2-10 items")
    kinds = {one.shown_as for one in contents}
    if len(kinds) > 1 and (alone := kinds - _MIXED):
        raise bad_request(f"{min(alone).capitalize()} can't be mixed with other media types")


def _check_photos(contents: list[Content]) -> None:
    """Refuse all where one is not shown as a photo, and say which: the server finds that out when it has them all."""
    for number, one in enumerate(contents, 1):
        if one.shown_as == "photo" and one.document is not None:
            try:
                check_photo(one.document.data)
            except ApiError as refused:
                reason = refused.description.removeprefix("Bad Request: ")
                raise bad_request(f'failed to send message #{number} with the error message "{reason}"') from None


METHODS: dict[str, Method] = {"sendMediaGroup": send_media_group}
