"""Has somebody met anew: what was made for them is forgotten, and left as it is."""

from typing import Any

from surfacehost import Memory
from surfacehost_matrix.chats import EVERYBODY, PERSON, Notes
from surfacehost_matrix.comparing import SPACE


async def forget(memory: Memory, person: str, *, plan: bool) -> list[str]:
    """Forget what was made for *person*, or tell what that is. Their rooms stay, and stay known as theirs."""
    note: Notes | None = await memory.get(PERSON + person)
    if note is None or not (note["rooms"] or note["done"]):
        return []
    rooms = note["rooms"]
    lines = (
        [f"what was made for {person}: the Space {rooms[SPACE]} and {len(rooms) - 1} rooms"] if SPACE in rooms else []
    )
    lines += [f"{person} has been invited into the shared Space"] if not rooms else []
    changes: dict[str, Any] = {PERSON + person: _forgotten(note)}
    if person == EVERYBODY:
        invited = [key for key, one in (await memory.items(PERSON)).items() if one["done"] and not one["rooms"]]
        changes |= dict.fromkeys(invited)
        lines.append(f"that {len(invited)} people were invited into it")
    if not plan:
        await memory.set(changes)
    return lines


def _forgotten(note: Notes) -> Notes:
    """What is left of *note* once its person is to be met anew; by the turn new rooms are told from those of before."""
    former = [*note.get("former", ()), *note["rooms"].values()]
    return {"rooms": {}, "opening": "", "done": False, "former": former, "turn": note.get("turn", 0) + 1}
