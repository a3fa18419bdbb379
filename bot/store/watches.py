"""Table `watches`: channels in which `status watch` speaks on change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("watches")


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """A running watch. `seen` is what it last announced, for the pure comparison in `bot.health.changes`."""

    id: int
    channel: str
    person: str
    started_at: datetime
    until: datetime
    seen: dict[str, Any]
    changes: int


async def start(
    connection: Connection,
    *,
    channel: str,
    person: str,
    request: str,
    at: datetime,
    until: datetime,
    seen: dict[str, Any],
) -> tuple[int, bool]:
    """Watch the channel until then; return the watch's id, and whether one was running already.

    The same request, run again after a crash, leaves the watch as it is: it may have ended meanwhile.
    """
    known = await (await connection.execute(_SQL["by_request"], {"request": request})).fetchone()
    if known is not None:
        return int(known[0]), False
    cursor = await connection.execute(
        _SQL["start"],
        {"channel": channel, "person": person, "request": request, "at": at, "until": until, "seen": Jsonb(seen)},
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 -- an upsert without a condition always returns
    return int(row[0]), bool(row[1])


async def get(connection: Connection, watch_id: int) -> Watch | None:
    """The watch, locked, while it runs."""
    async with connection.cursor(row_factory=class_row(Watch)) as cursor:
        await cursor.execute(_SQL["get"], {"id": watch_id})
        return await cursor.fetchone()


async def note(connection: Connection, watch_id: int, *, seen: dict[str, Any], announced: int) -> None:
    """Remember what was seen, and how many changes were announced."""
    await connection.execute(_SQL["note"], {"id": watch_id, "seen": Jsonb(seen), "announced": announced})


async def end_in(connection: Connection, channel: str, *, at: datetime) -> tuple[int, int] | None:
    """End the watch in a channel; return its id and how many changes it announced, or None where none ran."""
    row = await (await connection.execute(_SQL["end_in"], {"channel": channel, "at": at})).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


async def end(connection: Connection, watch_id: int, *, at: datetime) -> None:
    """End it."""
    await connection.execute(_SQL["end"], {"id": watch_id, "at": at})
