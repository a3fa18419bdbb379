"""Table `steps`: what was begun for a subject, and what it found or made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("steps")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """A step as it was recorded. `started`: it was begun, and nobody knows how far it came."""

    name: str
    state: str
    result: dict[str, Any] | None
    error: str | None
    attempts: int
    started_at: datetime
    again: bool = False
    """It failed because somebody was silent, and is tried again by itself."""


async def all_of(connection: Connection, subject: str) -> dict[str, Recorded]:
    """Every step of the subject, by name."""
    async with connection.cursor(row_factory=class_row(Recorded)) as cursor:
        await cursor.execute(_SQL["all"], {"subject": subject})
        return {step.name: step for step in await cursor.fetchall()}


async def start(connection: Connection, subject: str, name: str, *, at: datetime) -> None:
    """It begins now: from here on its effect may be there."""
    await connection.execute(_SQL["start"], {"subject": subject, "name": name, "at": at})


async def finish(connection: Connection, subject: str, name: str, result: dict[str, Any]) -> None:
    """Its effect is there, and this is what it made."""
    await connection.execute(_SQL["finish"], {"subject": subject, "name": name, "result": Jsonb(result)})


async def fail(connection: Connection, subject: str, name: str, error: str, *, again: bool = False) -> None:
    """It did not work; `again`: for a reason that passes, so that it is tried again by itself."""
    given = {"subject": subject, "name": name, "error": error, "again": again}
    await connection.execute(_SQL["fail"], given)


async def bring(connection: Connection, subject: str, step: Recorded) -> None:
    """It was recorded without the database; what is done here already stays done."""
    given = {
        "subject": subject,
        "name": step.name,
        "state": step.state,
        "result": None if step.result is None else Jsonb(step.result),
        "error": step.error,
        "again": step.again,
        "started_at": step.started_at,
    }
    await connection.execute(_SQL["bring"], given)


async def forget(connection: Connection, subject: str, names: Collection[str]) -> None:
    """These are to be done anew, as if they never had been."""
    await connection.execute(_SQL["forget"], {"subject": subject, "names": list(names)})
