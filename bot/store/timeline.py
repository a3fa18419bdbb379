"""Table `timeline`: what happened in an incident, append-only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from bot.incidents.timeline import Kind
from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("timeline")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Something that happened. `at` is when; `recorded_at` when it was written down; `link` leads to its source."""

    id: int
    incident: int
    key: str
    kind: Kind
    actor: str
    said: str
    link: str
    at: datetime
    recorded_at: datetime
    corrects: int | None

    def __post_init__(self) -> None:
        """Accept the row's plain text."""
        object.__setattr__(self, "kind", Kind(self.kind))


async def add(  # noqa: PLR0913 -- the row's own columns
    connection: Connection,
    incident: int,
    kind: Kind,
    *,
    key: str,
    actor: str,
    said: str,
    at: datetime,
    recorded_at: datetime,
    link: str = "",
    corrects: int | None = None,
) -> int | None:
    """Write it down; None where this key was written down before. `said` holds no customer's address."""
    given = {
        "incident": incident,
        "key": key,
        "kind": kind.value,
        "actor": actor,
        "said": said,
        "link": link,
        "at": at,
        "recorded_at": recorded_at,
        "corrects": corrects,
    }
    row = await (await connection.execute(_SQL["add"], given)).fetchone()
    return None if row is None else int(row[0])


async def of(connection: Connection, incident: int) -> list[Entry]:
    """Everything that was written down, corrections too, in the order in which it happened."""
    async with connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(_SQL["of"], {"incident": incident})
        return await cursor.fetchall()


async def marked(connection: Connection, channel: str, ts: str) -> Entry | None:
    """The newest entry that marks this message, also where it was taken back since."""
    async with connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(_SQL["marked"], {"begins": f"mark:{channel}:{ts}:"})
        return await cursor.fetchone()


async def by_key(connection: Connection, incident: int, key: str) -> Entry | None:
    """The entry of this key."""
    async with connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(_SQL["by_key"], {"incident": incident, "key": key})
        return await cursor.fetchone()


async def newest(connection: Connection, incident: int, kind: Kind) -> Entry | None:
    """The last entry of that kind."""
    async with connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(_SQL["newest"], {"incident": incident, "kind": kind.value})
        return await cursor.fetchone()


async def newest_keyed(connection: Connection, incident: int, begins: str) -> Entry | None:
    """The last entry whose key begins so."""
    async with connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(_SQL["newest_keyed"], {"incident": incident, "begins": begins})
        return await cursor.fetchone()


async def told_by(connection: Connection, request: str) -> list[int]:
    """The incidents to which the request did something."""
    cursor = await connection.execute(_SQL["told_by"], {"request": request})
    return [int(row[0]) for row in await cursor.fetchall()]
