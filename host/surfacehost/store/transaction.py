"""What an operation may use of the transaction it runs in."""

from collections.abc import Mapping
from typing import Any, Protocol

from surfacehost.errors import NotReady, SurfacehostError

Row = Mapping[str, Any]


class StoreFailed(NotReady):
    """The database did not take the change; nothing of it was stored."""


class StoreRefused(SurfacehostError):
    """The database can't be used by this process; someone has to look at it."""


class Fenced(SurfacehostError):
    """Someone else took this over; what was being done must be dropped."""


class Transaction(Protocol):
    """An open transaction; everything done through it is kept or undone together."""

    node: str
    """This incarnation of the host: what it owns carries this name."""

    async def rows(self, sql: str, **values: object) -> list[Row]:
        """The rows that *sql* gives; ``:name`` stands for a value."""

    async def run(self, sql: str, **values: object) -> int:
        """Run *sql*; how many rows it changed."""
