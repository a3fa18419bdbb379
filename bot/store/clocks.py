"""Table `clocks`: deadlines in the bot's own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("clocks")


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A deadline that has passed, taken by this copy."""

    subject: str
    kind: str
    due_at: datetime


async def start(connection: Connection, subject: str, kind: str, *, due_at: datetime) -> None:
    """Let the clock of this kind run for the subject, from whatever state it is in."""
    await connection.execute(_SQL["start"], {"subject": subject, "kind": kind, "due_at": due_at})


async def keep(connection: Connection, subject: str, kind: str, *, now: datetime, lost_before: datetime) -> None:
    """It runs, or its job has it in hand: one that fired before `lost_before` and never came back is started anew."""
    given = {"subject": subject, "kind": kind, "now": now, "lost_before": lost_before}
    await connection.execute(_SQL["keep"], given)


async def stop(connection: Connection, subject: str, kind: str | None = None) -> None:
    """Stop one clock of the subject, or all."""
    await connection.execute(_SQL["stop"], {"subject": subject, "kind": kind})


async def take_due(connection: Connection, *, now: datetime) -> list[Due]:
    """Take what is due; each is taken by one copy, once."""
    async with connection.cursor(row_factory=class_row(Due)) as cursor:
        await cursor.execute(_SQL["take_due"], {"now": now})
        return await cursor.fetchall()


async def running(connection: Connection, subject: str) -> dict[str, datetime]:
    """When each of the subject's clocks is due that still runs, the next one first."""
    cursor = await connection.execute(_SQL["running"], {"subject": subject})
    return dict(await cursor.fetchall())


async def goes_on(connection: Connection, subject: str, kind: str, *, lost_before: datetime) -> bool:
    """Whether a clock that must always run does, or its work has only just begun."""
    given = {"subject": subject, "kind": kind, "lost_before": lost_before}
    row = await (await connection.execute(_SQL["goes_on"], given)).fetchone()
    return bool(row and row[0])


async def purge(connection: Connection, *, before: datetime) -> int:
    """Forget what was due before then and runs no more; return how many."""
    return (await connection.execute(_SQL["purge"], {"before": before})).rowcount


async def overdue(connection: Connection, *, now: datetime) -> bool:
    """Say whether anything is due that nobody has taken."""
    row = await (await connection.execute(_SQL["overdue"], {"now": now})).fetchone()
    return bool(row and row[0])
