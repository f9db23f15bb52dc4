"""How what was made for somebody differs from what the settings declare. Nothing is sent but pictures."""

from collections.abc import Collection, Mapping

from surfacehost_matrix.avatars import Avatars
from surfacehost_matrix.chats import Chats, Notes
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.rooms import server_of, state_in
from surfacehost_matrix.settings import RoomSettings, SpaceSettings
from surfacehost_matrix.tree import CHILD, PARENT, UPGRADED, Branch, Change, State, differences, links

SPACE = "space"
"""The part of a tree that the Space itself is."""


class Comparing:
    """Compares by the settings of one surface."""

    def __init__(self, space: SpaceSettings, avatars: Avatars, chats: Chats) -> None:
        self._space = space
        self._avatars = avatars
        self._chats = chats

    def space(self, note: Notes) -> str:
        """The Space of *note*, or the one that has taken its place; empty while there is none."""
        made = note["rooms"].get(SPACE, "")
        return self._chats.newest(made) if made else ""

    def branches(self, note: Notes) -> list[Branch]:
        """The Space, the rooms of the settings, and those that the person asked for."""
        names: Mapping[str, str] = note.get("names", {})
        shared = self._space.shared
        top = names.get(SPACE, self._space.name)
        declared = [
            Branch(settings=one, part=part_of(one), name=names.get(part_of(one), one.name), is_shared=shared)
            for one in self._space.rooms
        ]
        return [
            Branch(settings=self._space, part=SPACE, name=top, is_space=True, is_shared=shared),
            *declared,
            *(asked_for(part, name) for part, name in names.items() if part.startswith("chat ")),
        ]

    async def placing(self, homeserver: Homeserver, note: Notes, branch: Branch) -> list[Change]:
        """What it takes to have *branch* stand behind the others, and nothing else. Raises NotReady and Declined."""
        room, others = note["rooms"][branch.part], [one for one in self.branches(note) if one.part != branch.part]
        found = await self.differences(homeserver, note, [*others, branch])
        return [one for one in found if room == one.room or one.key == (CHILD, room)]

    async def differences(
        self, homeserver: Homeserver, note: Notes, branches: Collection[Branch], *, upload: bool = False
    ) -> list[Change]:
        """How what there is differs. Rooms that we are in no more are left out.

        One that was upgraded is left as it is; the Space leads to what has taken its place, which somebody else made.
        What has taken the place of the Space looks as they like, and leads to the rooms, as they belong to it.
        """
        space, via = self.space(note), server_of(homeserver)
        found: list[Change] = []
        reachable: dict[str, str] = {}
        top: State = {}
        for branch in branches:
            room = note["rooms"].get(branch.part)
            if branch.is_space and room != space:
                top = await state_in(homeserver, space) or {}
                continue
            there = await state_in(homeserver, room) if room else None
            if there is None:
                continue
            if UPGRADED in there:
                reachable |= {} if branch.is_space else {self._chats.newest(room): branch.name}
                continue
            dressed = await self._avatars.worn(homeserver, branch) if upload else await self._avatars.seen(branch)
            if branch.is_space:
                top = there
            else:
                reachable[room] = branch.name
            wanted = dressed.state(space="" if branch.is_space else space, via=via, there=there)
            found += [*differences(room, branch.name, wanted, there), *self._outdated(room, branch, space, there)]
        if top:
            placed = differences(space, "", links(reachable, via=via), top)
            found += [Change(space, reachable[change.key[1]], change.key, change.content) for change in placed]
        return found

    def _outdated(self, room: str, branch: Branch, space: str, there: State) -> list[Change]:
        """The links of *room* to Spaces whose place *space* has taken."""
        return [
            Change(room, branch.name, (kind, key), {})
            for (kind, key), content in there.items()
            if kind == PARENT and content and key != space and self._chats.newest(key) == space
        ]


def part_of(room: RoomSettings) -> str:
    """What a declared *room* is in its tree."""
    return f"room {room.key or room.name}"


def asked_for(part: str, name: str) -> Branch:
    """A chat that a person has asked for."""
    return Branch(settings=RoomSettings(name=name), part=part, name=name)
