"""What surfaces remember for themselves: text keys, JSON values."""

import json
from collections.abc import Mapping
from typing import Any

from surfacehost.jsontext import dump
from surfacehost.store.transaction import Transaction

LAST = "\U0010ffff"
"""Sorts behind whatever follows a prefix; a range has an index, a pattern has none."""


async def read(tx: Transaction, surface: str, prefix: str = "") -> dict[str, Any]:
    """Every note of *surface* whose key starts with *prefix*."""
    rows = await tx.rows(
        "select key, value from note where surface = :surface and key >= :prefix and key < :behind order by key",
        surface=surface, prefix=prefix, behind=prefix + LAST,
    )  # fmt: skip
    return {row["key"]: json.loads(row["value"]) for row in rows}


async def read_one(tx: Transaction, surface: str, key: str) -> Any:  # noqa: ANN401 - JSON
    """The note *key* of *surface*, None where there is none."""
    rows = await tx.rows("select value from note where surface = :surface and key = :key", surface=surface, key=key)
    return json.loads(rows[0]["value"]) if rows else None


async def write(tx: Transaction, surface: str, values: Mapping[str, Any]) -> None:
    """Write *values*; None deletes."""
    for key, value in values.items():
        if value is None:
            await tx.run("delete from note where surface = :surface and key = :key", surface=surface, key=key)
            continue
        await tx.run(
            "insert into note (surface, key, value) values (:surface, :key, :value)"
            " on conflict (surface, key) do update set value = excluded.value",
            surface=surface, key=key, value=dump(value),
        )  # fmt: skip
