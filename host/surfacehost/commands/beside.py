"""What a command hands a surface that it makes for a moment, beside the host that may be running."""

from collections.abc import Mapping
from typing import Any

from surfacehost.settings import Settings, SurfaceTable
from surfacehost.store import notes
from surfacehost.store.beside import SqliteBeside
from surfacehost.surface import Home, Memory


class MemoryBeside:
    """``Memory`` of one surface in a database that may be a running host's; *database* None: there is none yet."""

    def __init__(self, database: SqliteBeside | None, surface: str, *, writes: bool = False) -> None:
        self._database = database
        self._surface = surface
        self._writes = writes

    async def get(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """The value of *key*, None where there is none."""
        return await self._database.look(notes.read_one, self._surface, key) if self._database else None

    async def items(self, prefix: str = "") -> dict[str, Any]:
        """Every note whose key starts with *prefix*."""
        return await self._database.look(notes.read, self._surface, prefix) if self._database else {}

    async def set(self, values: Mapping[str, Any]) -> None:
        """Write all of *values* in one transaction; None deletes. Raises PermissionError for who only looks."""
        if self._database is None or not self._writes:
            raise PermissionError(f"notes of {self._surface} are only looked at here: {', '.join(values)}")
        await self._database.tx(notes.write, self._surface, values)


def home_of(settings: Settings, table: SurfaceTable, memory: Memory) -> Home:
    """The home of a surface that is made to look at, not to listen."""
    return Home(
        name=table.name,
        data_dir=settings.folder / settings.host.data_dir / table.name,
        memory=memory,
        public_url=settings.web.public_url,
        locale=settings.host.locale,
    )
