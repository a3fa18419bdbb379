"""Table `tasks`: what is to be done because of an incident, by whom, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg.rows import class_row

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("tasks")


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A task as it stands."""

    id: int
    incident: int
    key: str
    said: str
    kind: str | None
    owner: str | None
    due_at: datetime | None
    since: datetime
    """When its owner or its date was last set."""
    added_by: str
    added_at: datetime
    state: str
    ended_by: str | None
    ended_at: datetime | None
    ended_why: str

    @property
    def is_open(self) -> bool:
        """Somebody still has to do it."""
        return self.state == "open"

    @property
    def subject(self) -> str:
        """What its clocks are kept under."""
        return f"task:{self.id}"

    @property
    def label(self) -> str:
        """What it is called wherever something is said of it."""
        return f"Task {self.id}"


async def add(  # noqa: PLR0913 -- the row's own columns
    connection: Connection,
    *,
    key: str,
    incident: int,
    said: str,
    kind: str | None,
    owner: str | None,
    due_at: datetime | None,
    by: str,
    at: datetime,
) -> Task | None:
    """It is to be done; None where this key has asked for it before."""
    given = {
        "incident": incident,
        "key": key,
        "said": said,
        "kind": kind,
        "owner": owner,
        "due_at": due_at,
        "by": by,
        "at": at,
    }
    found = await _all(connection, _SQL["add"], given)
    return found[0] if found else None


async def get(connection: Connection, task_id: int, *, lock: bool = False) -> Task | None:
    """The task; locked until the transaction ends where that is asked."""
    found = await _all(connection, _SQL["lock"] if lock else _SQL["get"], {"id": task_id})
    return found[0] if found else None


async def by_key(connection: Connection, key: str) -> Task | None:
    """The task that this key asked for."""
    found = await _all(connection, _SQL["by_key"], {"key": key})
    return found[0] if found else None


async def of(connection: Connection, incident: int) -> Sequence[Task]:
    """Those of an incident, in the order in which they were added."""
    return await _all(connection, _SQL["of"], {"incident": incident})


async def unfinished(connection: Connection, owner: str = "") -> Sequence[Task]:
    """What is still to be done, by everybody or by one; what is due first comes first, two hundred at most."""
    if owner:
        return await _all(connection, _SQL["open_of"], {"owner": owner})
    return await _all(connection, _SQL["open"], {})


async def save(connection: Connection, task: Task) -> None:
    """The task, which is locked, stands so from now on; its words never change."""
    await connection.execute(_SQL["save"], asdict(task))


async def _all(connection: Connection, statement: LiteralString, given: dict[str, Any]) -> list[Task]:
    async with connection.cursor(row_factory=class_row(Task)) as cursor:
        await cursor.execute(statement, given)
        return await cursor.fetchall()
