"""Table `on_call`: who is on call as PagerDuty last said, level by level."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("on_call")


@dataclass(frozen=True, kw_only=True, slots=True)
class OnDuty:
    """Somebody on call at one level. `person` is PagerDuty's id; a phone may be unknown, an end is None for good."""

    level: int
    person: str
    name: str
    email: str
    phone: str
    starts_at: datetime | None
    ends_at: datetime | None
    following: str
    seen_at: datetime
    changed_at: datetime
    replaced: str


async def lock(connection: Connection) -> None:
    """One copy of the bot notes who is on call at a time, until the transaction ends."""
    await connection.execute(_SQL["lock"])


async def everybody(connection: Connection) -> tuple[OnDuty, ...]:
    """All of them, level by level."""
    async with connection.cursor(row_factory=class_row(OnDuty)) as cursor:
        await cursor.execute(_SQL["all"])
        return tuple(await cursor.fetchall())


async def note(connection: Connection, people: Sequence[OnDuty]) -> None:
    """These are on call, and nobody else."""
    await connection.execute(_SQL["clear"])
    for one in people:
        await connection.execute(_SQL["add"], dataclasses.asdict(one))
