"""Files that come with events, without a homeserver."""

from typing import Any

import pytest
from tests.matrix.events import DIRECT, PLACE, event, read_message

from surfacehost import Attachment, Message
from surfacehost.events import dump_event, load_event

SEALED = {"url": "mxc://ex.org/s", "v": "v2", "iv": "i", "key": {"k": "K", "alg": "A256CTR"}, "hashes": {"sha256": "h"}}


def received(msgtype: str, body: Any, /, **content: Any) -> Message:
    message = read_message(event(body, msgtype=msgtype, **content), PLACE)
    assert message is not None
    assert load_event(dump_event(message)) == message
    return message


def test_files_come_with_what_it_takes_to_fetch_them() -> None:
    info = {"mimetype": "image/png", "size": 70}
    image = received("m.image", "cat.png", url="mxc://ex.org/abc", info=info)
    assert image.text == ""
    assert image.attachments == (
        Attachment(name="cat.png", mime_type="image/png", size=70, kind="image", source={"url": "mxc://ex.org/abc"}),
    )
    (sealed,) = received("m.file", "a.pdf", file=SEALED | {"odd": [[[]]]}, url="mxc://ex.org/other").attachments
    assert sealed.source["url"] == sealed.source["file"]["url"] == "mxc://ex.org/s"
    assert (sealed.source["file"]["key"]["k"], sealed.source["file"]["hashes"]) == ("K", {"sha256": "h"})
    assert "odd" not in sealed.source["file"]


@pytest.mark.parametrize(
    ("msgtype", "more", "kind"),
    [
        ("m.image", {}, "image"),
        ("m.video", {}, "video"),
        ("m.file", {}, "file"),
        ("m.audio", {}, "audio"),
        ("m.audio", {"org.matrix.msc3245.voice": {}}, "voice"),
        ("m.audio", {"m.voice": {}}, "voice"),
        ("m.file", {"org.matrix.msc3245.voice": {}}, "file"),
    ],
)
def test_what_kind_of_file_it_is(msgtype: str, more: dict[str, Any], kind: str) -> None:
    (attachment,) = received(msgtype, "x", url="mxc://ex.org/abc", **more).attachments
    assert attachment.kind == kind


@pytest.mark.parametrize(
    ("body", "more", "text", "name"),
    [
        ("cat.png", {}, "", "cat.png"),
        ("my cat", {"filename": "cat.png"}, "my cat", "cat.png"),
        ("cat.png", {"filename": "cat.png"}, "", "cat.png"),
        ("Helper: look", {"filename": "cat.png"}, "look", "cat.png"),
        ("../../etc/passwd", {}, "", "_.._etc_passwd"),
        ("c:\\x\n\0y.exe", {}, "", "c:_x_\ufffdy.exe"),
        ("", {}, "", "image"),
        (7, {"filename": ["x"]}, "", "image"),
        ("..", {}, "", "image"),
        ("long" * 100 + ".png", {}, "", ("long" * 100 + ".png")[-200:]),
    ],
)
def test_a_caption_is_what_is_not_the_name(body: Any, more: dict[str, Any], text: str, name: str) -> None:
    message = received("m.image", body, url="mxc://ex.org/abc", **more)
    assert (message.text, message.attachments[0].name) == (text, name)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"url": "https://ex.org/x"},
        {"url": "mxc://ex.org/a/../b"},
        {"url": "mxc://ex.org/a?x=1"},
        {"url": 7},
        {"file": {"url": "file:///etc/passwd"}, "url": "mxc://ex.org/a"},
    ],
)
def test_what_can_not_be_fetched_is_no_file(content: dict[str, Any]) -> None:
    assert read_message(event("x", msgtype="m.image", **content), PLACE) is None


@pytest.mark.parametrize(("info", "size"), [({"size": -1}, 0), ({"size": True}, 0), ({"size": 1e9}, 0), ([], 0)])
def test_odd_figures_about_a_file_are_left_out(info: Any, size: int) -> None:
    (attachment,) = received("m.file", "x", url="mxc://ex.org/abc", info=info).attachments
    assert (attachment.size, attachment.mime_type) == (size, "application/octet-stream")


def test_a_sticker_is_a_message_with_a_file() -> None:
    content = {"body": "waving", "url": "mxc://ex.org/abc", "info": {"mimetype": "image/webp"}}
    sticker = read_message(event() | {"type": "m.sticker", "content": content}, DIRECT)
    assert sticker is not None
    assert (sticker.attachments[0].kind, sticker.attachments[0].name, sticker.text) == ("sticker", "waving", "")
    assert sticker.addressed
