"""What people send beside text, field by field as the server writes it."""

from collections.abc import Callable, Mapping

from surfacehost_devkit.botapi.model import Json, StoredFile

_SIDE = {"width": 640, "height": 480}
_TIMED = {"duration": 3}


def _file(stored: StoredFile) -> Json:
    return {"file_id": stored.file_id, "file_unique_id": stored.unique_id, "file_size": len(stored.data)}


def _named(stored: StoredFile) -> Json:
    return {"file_name": stored.name, "mime_type": stored.mime_type, **_file(stored)}


def _photo(stored: StoredFile) -> Json:
    """Two sizes; the smaller one is a file of which nothing but the id is known."""
    small = {**_file(stored), "file_id": f"{stored.file_id}s", "file_unique_id": f"{stored.unique_id}s"}
    return {"photo": [{**small, "width": 64, "height": 48, "file_size": 99}, {**_file(stored), **_SIDE}]}


def _animation(stored: StoredFile) -> Json:
    """An animation stands there a second time, as a document."""
    return {"animation": {**_named(stored), **_SIDE, **_TIMED}, "document": _named(stored)}


def _sticker(stored: StoredFile) -> Json:
    is_video, is_animated = stored.mime_type == "video/webm", stored.mime_type == "application/x-tgsticker"
    kind: Json = {"type": "regular", "is_animated": is_animated, "is_video": is_video, "emoji": "🎩"}
    return {"sticker": {**_file(stored), "width": 512, "height": 512, **kind}}


MEDIA: Mapping[str, Callable[[StoredFile], Json]] = {
    "photo": _photo,
    "animation": _animation,
    "sticker": _sticker,
    "video": lambda stored: {"video": {**_named(stored), **_SIDE, **_TIMED}},
    "video_note": lambda stored: {"video_note": {**_file(stored), **_TIMED, "length": 240}},
    "voice": lambda stored: {"voice": {**_file(stored), **_TIMED, "mime_type": stored.mime_type}},
    "audio": lambda stored: {"audio": {**_named(stored), **_TIMED}},
    "document": lambda stored: {"document": _named(stored)},
}
"""What a message of each kind has in place of a text, apart from its caption."""


def location(latitude: float, longitude: float) -> Json:
    """A place on the map."""
    return {"location": {"latitude": latitude, "longitude": longitude}}


def venue(title: str, address: str, latitude: float, longitude: float) -> Json:
    """A place with a name; it stands there a second time, as a location."""
    place = location(latitude, longitude)
    return {"venue": {**place, "title": title, "address": address}, **place}


def contact(first_name: str, phone_number: str) -> Json:
    """Somebody's number."""
    return {"contact": {"phone_number": phone_number, "first_name": first_name}}


def dice(value: int) -> Json:
    """A thrown die."""
    return {"dice": {"emoji": "🎲", "value": value}}


def poll(question: str, *options: str) -> Json:
    """A poll nobody has voted in."""
    shown = [{"persistent_id": str(number), "text": text, "voter_count": 0} for number, text in enumerate(options)]
    return {
        "poll": {
            "id": "5",
            "question": question,
            "options": shown,
            "total_voter_count": 0,
            "is_closed": False,
            "is_anonymous": True,
            "type": "regular",
            "allows_multiple_answers": False,
            "allows_revoting": False,
            "members_only": False,
        }
    }
