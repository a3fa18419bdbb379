"""Table `members`: who is in the channel of an incident."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("members")


async def add(connection: Connection, incident: int, person: str, *, at: datetime) -> None:
    """The person is in its channel."""
    await connection.execute(_SQL["add"], {"incident": incident, "person": person, "at": at})


async def drop(connection: Connection, incident: int, person: str) -> None:
    """The person is in its channel no more."""
    await connection.execute(_SQL["drop"], {"incident": incident, "person": person})


async def memberships(connection: Connection, person: str) -> frozenset[int]:
    """The incidents in whose channels the person is."""
    cursor = await connection.execute(_SQL["memberships"], {"person": person})
    return frozenset(int(row[0]) for row in await cursor.fetchall())


async def of(connection: Connection, incident: int) -> list[str]:
    """Who is in the incident's channel, or belongs there."""
    cursor = await connection.execute(_SQL["of"], {"incident": incident})
    return [str(row[0]) for row in await cursor.fetchall()]
