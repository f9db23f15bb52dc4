"""A Space and its rooms as the settings declare them, and how what is there differs from that. Nothing is sent here.

Rooms are *restricted*: who is in the Space may join them, so one invitation is enough and the homeserver's limit on
invitations is never met (client-server specification, "Restricted rooms"). What the settings don't say is left alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from surfacehost_matrix.settings import Look, PowerLevels

Key = tuple[str, str]
"""Type and state key of a state event."""
State = Mapping[Key, Mapping[str, Any]]
"""A room's state: the content of each event."""

CHILD, PARENT, LEVELS = "m.space.child", "m.space.parent", "m.room.power_levels"
UPGRADED: Key = ("m.room.tombstone", "")
"""What the state of a room has where another one takes its place ("Room upgrades")."""
NO_PLACE_TO_WRITE = 100
"""The level for messages in a Space itself."""
MODERATOR = 50
"""The level of who may invite into a Space for everybody (a homeserver's preset: anybody in it)."""

_CALLED = {"m.room.name": "name", "m.room.topic": "topic", "m.room.avatar": "avatar", CHILD: "place in the Space",
           PARENT: "link to the Space", LEVELS: "power levels", "m.room.join_rules": "who may join"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One state event that has to be sent into *room*, called *name*."""

    room: str
    name: str
    key: Key
    content: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.name}: {_CALLED.get(self.key[0], self.key[0])}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A Space or one of its rooms as it should be."""

    settings: Look
    part: str
    """What it is in the tree: stands in its mark, and in the notes."""
    name: str
    avatar: str = ""
    is_space: bool = False
    is_shared: bool = False
    """Whether it is for everybody: who is in it is answered, so that only the bot decides who comes in."""

    def state(self, *, space: str, via: str, there: State) -> State:
        """What its state should hold, given what *there* is now; *space*: where it belongs, empty for the Space."""
        wanted: dict[Key, Mapping[str, Any]] = {("m.room.name", ""): {"name": self.name}}
        if self.settings.topic:
            wanted["m.room.topic", ""] = {"topic": self.settings.topic}
        if self.avatar:
            wanted["m.room.avatar", ""] = {"url": self.avatar}
        if space:
            rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}
            wanted["m.room.join_rules", ""] = rule
            wanted[PARENT, space] = {"via": [via], "canonical": True}
        if levels := there.get((LEVELS, "")):
            wanted[LEVELS, ""] = _levels(self.settings.power_levels, levels, self._silent())
        return wanted

    def _silent(self) -> dict[str, int]:
        """The power levels where the settings don't say."""
        written = {"events_default": NO_PLACE_TO_WRITE} if self.is_space else {}
        return written | ({"invite": MODERATOR} if self.is_shared else {})

    def creation(self, mark: Mapping[str, Any], *, space: str, via: str) -> dict[str, Any]:
        """The body of ``createRoom``. The power levels of people come later, on top of the homeserver's own.

        The bot does not list itself: as creator it needs no entry, and room version 12 refuses one.
        """
        state = [
            {"type": kind, "state_key": key, "content": content}
            for (kind, key), content in self.state(space=space, via=via, there={}).items()
            if kind != "m.room.name"
        ]
        body: dict[str, Any] = {"preset": "private_chat", "name": self.name, "initial_state": [*state, mark]}
        if self.is_space:
            body |= {
                "creation_content": {"type": "m.space"},
                "power_level_content_override": {"events_default": NO_PLACE_TO_WRITE},
            }
        return body


def links(rooms: Iterable[str], *, via: str) -> State:
    """What the Space's state should hold about *rooms*, in this order."""
    return {
        (CHILD, room): {"via": [via], "order": f"{order:04}", "suggested": True} for order, room in enumerate(rooms)
    }


def differences(room: str, name: str, wanted: State, there: State) -> list[Change]:
    """What has to be sent into *room* so that it is as *wanted*. What its events say beyond that is left as it is."""
    return [
        Change(room, name, key, content)
        for key, content in wanted.items()
        if {field: there.get(key, {}).get(field) for field in content} != content
    ]


def state_of(events: Iterable[Any]) -> State:
    """What a homeserver's answer to ``/state`` says; events that are none are left out."""
    return {
        (event["type"], event["state_key"]): event["content"]
        for event in events
        if isinstance(event, dict) and isinstance(event.get("content"), dict) and {"type", "state_key"} <= event.keys()
    }


def _levels(declared: PowerLevels, there: Mapping[str, Any], silent: Mapping[str, int]) -> Mapping[str, Any]:
    """The whole content: a homeserver takes it whole or not at all."""
    said = declared.model_dump(exclude_none=True, exclude={"users", "events"})
    inside = {
        name: {**there.get(name, {}), **getattr(declared, name)}
        for name in ("users", "events")
        if getattr(declared, name)
    }
    return {**there, **silent, **said, **inside}
