"""Messages that are changed or taken back while they still wait for their key: the host has not got them yet."""

from collections.abc import Mapping
from typing import Any

from surfacehost import Edit, Event, Redaction
from surfacehost_matrix.chats import Chats, Notes
from surfacehost_matrix.jsonparts import content_of
from surfacehost_matrix.parse import Place
from surfacehost_matrix.reading import Reader
from surfacehost_matrix.unread import UNREAD


async def overtaking(
    event: Event, raw: Mapping[str, Any], place: Place, reader: Reader, chats: Chats, pending: Notes
) -> Event:
    """*event*, read from *raw*; for an edit of what waits for its key that message, as it is now.

    What it changes or takes back waits no more, which is added to *pending*, what is about to be noted. Whose
    redactions count the homeserver has decided; an edit counts from who has written the message. Raises NotReady.
    """
    if not isinstance(event, Edit | Redaction):
        return event
    key = UNREAD + event.of
    note = (chats.unread.all() | pending).get(key)
    if not note or note["room"] != event.chat:
        return event
    overtaken: Event | None = event
    if isinstance(event, Edit):
        is_theirs = event.sender == note["event"]["sender"]
        overtaken = await reader.read(_with_its_words(note["event"], raw), place) if is_theirs else None
    if overtaken is None:
        return event
    pending[key] = None
    return overtaken


def _with_its_words(sealed: Mapping[str, Any], edit: Mapping[str, Any]) -> dict[str, Any]:
    """The message *sealed* in clear as *edit* has left it; what it is a reply to stands outside of what is sealed."""
    told = content_of(sealed)
    relation = {"m.relates_to": told["m.relates_to"]} if "m.relates_to" in told else {}
    return {**edit, "event_id": sealed["event_id"], "content": {**content_of(edit)["m.new_content"], **relation}}
