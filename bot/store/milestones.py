"""Table `milestones`: the moments from which every time metric of an incident is computed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("milestones")


async def put(
    connection: Connection,
    incident: int,
    name: str,
    *,
    key: str,
    at: datetime | None,
    by: str,
    recorded_at: datetime,
    reason: str = "",
) -> None:
    """It was reached then, as far as is known now; the newest word counts. Told twice under one key, it is told once.

    Without a moment it was not reached after all.
    """
    given = {
        "incident": incident,
        "name": name,
        "key": key,
        "at": at,
        "by": by,
        "reason": reason,
        "recorded_at": recorded_at,
    }
    await connection.execute(_SQL["set"], given)


async def of_all(connection: Connection, incidents: Sequence[int]) -> dict[int, dict[str, datetime]]:
    """The same of several incidents, by their numbers."""
    found: dict[int, dict[str, datetime]] = {}
    for incident, name, at in await (
        await connection.execute(_SQL["of_all"], {"incidents": list(incidents)})
    ).fetchall():
        found.setdefault(incident, {})[name] = at
    return found


async def of(connection: Connection, incident: int) -> dict[str, datetime]:
    """When each milestone was reached, as it is known now."""
    cursor = await connection.execute(_SQL["of"], {"incident": incident})
    return dict(await cursor.fetchall())


async def history(connection: Connection, incident: int) -> list[tuple[str, datetime | None, str, str]]:
    """All that was ever believed, in the order in which it was: name, moment, who recorded it, and why it was corrected."""
    cursor = await connection.execute(_SQL["history"], {"incident": incident})
    return [(row[0], row[1], row[2], row[3]) for row in await cursor.fetchall()]
