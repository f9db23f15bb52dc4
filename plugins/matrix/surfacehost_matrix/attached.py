"""Files that come with an event: what is told of them, and where they are. Pure, like ``parse``."""

import re
from collections.abc import Mapping
from typing import Any

from surfacehost import Attachment, MediaKind
from surfacehost_matrix.jsonparts import mapping, storable, text

KINDS: Mapping[str, MediaKind] = {"m.image": "image", "m.audio": "audio", "m.video": "video", "m.file": "file"}
"""The messages that are files, by their ``msgtype``."""
STICKER = "m.sticker"
VOICE = ("org.matrix.msc3245.voice", "m.voice")
"""What marks a recording as spoken on the spot: in content, by its unstable name or the stable one."""

_MXC = re.compile(r"mxc://[^/\s?#]{1,255}/[\w-]{1,255}", re.ASCII)
_TYPE = re.compile(r"[\w.+-]{1,127}/[\w.+-]{1,127}", re.ASCII)
_PATH = re.compile(r"[/\\\x00-\x1f\x7f]+")
_NAME_CHARS = 200
_MOST_BYTES = 2**53


def attachment(content: Mapping[str, Any], kind: MediaKind) -> Attachment | None:
    """The file that *content* names; None where it names none that could be fetched.

    ``source`` has ``url``, where the file is, and ``file``, the ``EncryptedFile`` that opens it, where it is sealed
    (client-server specification, "Sending encrypted attachments").
    """
    sealed = mapping(content.get("file"))
    url = text(sealed.get("url") if sealed else content.get("url"))
    if not _MXC.fullmatch(url):
        return None
    info = mapping(content.get("info"))
    size, mime_type = info.get("size"), text(info.get("mimetype"))
    spoken = kind == "audio" and any(isinstance(content.get(mark), Mapping) for mark in VOICE)
    return Attachment(
        name=_name(text(content.get("filename")) or text(content.get("body")), kind),
        mime_type=mime_type if _TYPE.fullmatch(mime_type) else "application/octet-stream",
        size=size if isinstance(size, int) and not isinstance(size, bool) and 0 < size < _MOST_BYTES else 0,
        kind="voice" if spoken else kind,
        source={"url": url, "file": _keys(sealed)} if sealed else {"url": url},
    )


def caption(content: Mapping[str, Any]) -> str:
    """What was written under a file: ``body``, where ``filename`` names the file ("Media captions", MSC2530)."""
    body, name = text(content.get("body")), text(content.get("filename"))
    return body if name and body != name else ""


def _keys(sealed: Mapping[str, Any]) -> dict[str, Any]:
    """An ``EncryptedFile``, and nothing that may stand in it besides: it is kept with the event."""
    key, hashes = mapping(sealed.get("key")), mapping(sealed.get("hashes"))
    return {
        **{name: text(sealed.get(name)) for name in ("v", "url", "iv")},
        "key": {name: value for name in ("kty", "alg", "k") if (value := text(key.get(name)))} | _claims(key),
        "hashes": {"sha256": text(hashes.get("sha256"))},
    }


def _claims(key: Mapping[str, Any]) -> dict[str, Any]:
    """What a JSON Web Key says of its use: that it may be shown, and what it may do."""
    operations = key.get("key_ops")
    allowed = [text(one) for one in operations] if isinstance(operations, list) else []
    return {"ext": key.get("ext") is True, "key_ops": allowed[:8]}


def _name(told: str, kind: str) -> str:
    """*told* as a name that is no path."""
    name = _PATH.sub("_", storable(told)).strip(" .")
    return name[-_NAME_CHARS:] or kind
