"""Table `inbox`: what came in, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("inbox")
BATCH: Final = 20
"""How many payloads are taken over at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """One payload of Slack's, with the key by which duplicates are known."""

    key: str
    kind: str
    payload: dict[str, Any]
    received_at: datetime
    attempts: int = 1


async def add(connection: Connection, received: Received, *, claimed_until: datetime) -> bool:
    """Store it; False where its key is known already."""
    cursor = await connection.execute(
        _SQL["add"],
        {
            "key": received.key,
            "kind": received.kind,
            "payload": Jsonb(received.payload),
            "received_at": received.received_at,
            "claimed_until": claimed_until,
        },
    )
    return await cursor.fetchone() is not None


async def finish(connection: Connection, key: str, *, outcome: str, done_at: datetime) -> bool:
    """Mark it done, with a word for how it ended; False where the inbox does not hold it."""
    cursor = await connection.execute(_SQL["finish"], {"key": key, "outcome": outcome, "done_at": done_at})
    return cursor.rowcount > 0


async def keep(connection: Connection, keys: Sequence[str], *, claimed_until: datetime) -> None:
    """Prolong the claims of the copy that works on these."""
    await connection.execute(_SQL["keep"], {"keys": list(keys), "claimed_until": claimed_until})


async def claim_abandoned(connection: Connection, *, real_now: datetime, claimed_until: datetime) -> list[Received]:
    """Take over what was stored and not finished by a copy that lost its claim."""
    async with connection.cursor(row_factory=class_row(Received)) as cursor:
        given = {"real_now": real_now, "claimed_until": claimed_until, "most": BATCH}
        await cursor.execute(_SQL["claim_abandoned"], given)
        return await cursor.fetchall()


async def purge(connection: Connection, *, before: datetime) -> int:
    """Delete raw payloads older than that; return how many went."""
    return (await connection.execute(_SQL["purge"], {"before": before})).rowcount
