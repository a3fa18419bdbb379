"""Table `maintenances`: windows in which the product is worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bot.maintenance.states import State
from bot.maintenance.times import Period
from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("maintenances")


@dataclass(frozen=True, kw_only=True, slots=True)
class Maintenance:
    """A maintenance as it stands. `offline`: the site shows its maintenance page meanwhile."""

    id: int
    key: str
    what: str
    start_at: datetime
    end_at: datetime
    offline: bool
    migration: str
    state: State
    asked_by: str
    started_at: datetime | None
    finished_at: datetime | None
    ended_at: datetime | None
    reason: str
    note: str
    told: dict[str, Any]

    def __post_init__(self) -> None:
        """Accept the row's plain text."""
        object.__setattr__(self, "state", State(self.state))

    @property
    def subject(self) -> str:
        """What its card and clocks are kept under, and what the status page knows it by."""
        return f"maintenance:{self.id}"

    @property
    def period(self) -> Period:
        """From when until when."""
        return Period(start=self.start_at, end=self.end_at)


async def lock_all(connection: Connection) -> None:
    """Nobody else schedules one until this transaction ends."""
    await connection.execute(_SQL["lock_all"])


async def add(
    connection: Connection, *, key: str, what: str, period: Period, offline: bool, migration: str, asked_by: str
) -> Maintenance:
    """It is scheduled; where this key scheduled one before, that is returned."""
    given = {
        "key": key,
        "what": what,
        "start_at": period.start,
        "end_at": period.end,
        "offline": offline,
        "migration": migration,
        "asked_by": asked_by,
    }
    await connection.execute(_SQL["add"], given)
    found = await by_key(connection, key)
    assert found is not None  # noqa: S101 -- it was just stored
    return found


async def by_key(connection: Connection, key: str) -> Maintenance | None:
    """The one that this key scheduled."""
    return await _one(connection, _SQL["by_key"], {"key": key})


async def get(connection: Connection, maintenance_id: int, *, lock: bool = False) -> Maintenance | None:
    """The maintenance; locked until the transaction ends where that is asked."""
    return await _one(connection, _SQL["lock"] if lock else _SQL["get"], {"id": maintenance_id})


async def open_now(connection: Connection) -> list[Maintenance]:
    """Those that are not over, the next one first."""
    return await _all(connection, _SQL["open"])


async def latest(connection: Connection) -> list[Maintenance]:
    """The last twenty by their start, newest first."""
    return await _all(connection, _SQL["latest"])


async def running(connection: Connection) -> Maintenance | None:
    """The one that is under way."""
    return await _one(connection, _SQL["running"], {})


async def move(
    connection: Connection,
    maintenance: Maintenance,
    state: State,
    *,
    started_at: datetime | None = None,
    finished_at: datetime | None = None,
    ended_at: datetime | None = None,
    reason: str = "",
) -> None:
    """Put the (locked) maintenance into a state; `bot.maintenance.states` says which may follow which."""
    given = {
        "id": maintenance.id,
        "state": state.value,
        "started_at": started_at,
        "finished_at": finished_at,
        "ended_at": ended_at,
        "reason": reason or maintenance.reason,
    }
    await connection.execute(_SQL["move"], given)


async def extend(connection: Connection, maintenance_id: int, *, end_at: datetime) -> None:
    """It takes until then."""
    await connection.execute(_SQL["extend"], {"id": maintenance_id, "end_at": end_at})


async def note(connection: Connection, maintenance_id: int, said: str) -> None:
    """What went wrong of it, for its card; empty where it is well again."""
    await connection.execute(_SQL["note"], {"id": maintenance_id, "note": said})


async def tell(connection: Connection, maintenance_id: int, told: Mapping[str, Any]) -> None:
    """On these occasions so much was told."""
    await connection.execute(_SQL["tell"], {"id": maintenance_id, "told": Jsonb(dict(told))})


async def _one(connection: Connection, statement: LiteralString, given: dict[str, Any]) -> Maintenance | None:
    async with connection.cursor(row_factory=class_row(Maintenance)) as cursor:
        await cursor.execute(statement, given)
        return await cursor.fetchone()


async def _all(connection: Connection, statement: LiteralString) -> list[Maintenance]:
    async with connection.cursor(row_factory=class_row(Maintenance)) as cursor:
        await cursor.execute(statement)
        return await cursor.fetchall()
