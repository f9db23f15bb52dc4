"""Chats that got another id: a Telegram group that became a supergroup, say. Their conversations go on.

Nothing that is stored is renamed. A conversation keeps the name it began under, for its lane, its generation and the
agent alike, and the new id becomes another way to it: so a move may come at any moment, also while the conversation
is being worked on.
"""

from collections.abc import Mapping
from dataclasses import replace

from surfacehost.store.transaction import Transaction
from surfacehost.threads import decode, encode


async def read(tx: Transaction, surface: str) -> dict[str, str]:
    """Where chats of *surface* come from: the present id to the first one."""
    rows = await tx.rows("select chat, was from moved where surface = :surface", surface=surface)
    return {row["chat"]: row["was"] for row in rows}


async def write(tx: Transaction, surface: str, moved: Mapping[str, str]) -> None:
    """Write down that chats have *moved*, old id to new. What is known stays as it is.

    A chat in which people have been heard already keeps its conversations: news that late would tear them apart.
    """
    for old, new in moved.items():
        known = await read(tx, surface)
        if old == new or await _has_been_heard(tx, surface, new):
            continue
        await tx.run(
            "insert into moved (surface, chat, was) values (:surface, :chat, :was)"
            " on conflict (surface, chat) do nothing",
            surface=surface, chat=new, was=known.get(old, old),
        )  # fmt: skip


def lane_of(lane: str, known: Mapping[str, str], fast: str) -> str:
    """The lane to which *lane* leads, where the chats in *known* come from others; *fast* may stand behind it."""
    key = decode(lane.removesuffix(fast)) if known else None
    if key is None or key.chat not in known:
        return lane
    return encode(replace(key, chat=known[key.chat])) + (fast if lane.endswith(fast) else "")


async def _has_been_heard(tx: Transaction, surface: str, chat: str) -> bool:
    """Looks through everything there ever was: a chat moves once in its life."""
    rows = await tx.rows(
        "select distinct rtrim(lane, '#') as lane from inbox"
        " where surface = :surface and body like :message and state <> 'parked'",
        surface=surface, message='{"kind":"Message"%',
    )  # fmt: skip
    return any(decode(row["lane"]).chat == chat for row in rows)
