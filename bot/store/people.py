"""Table `people`: what Slack last said of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from bot.people import Standing
from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("people")


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A person, as the workspace described them at `checked_at`. `member_of` holds the user groups we asked about."""

    id: str
    name: str
    standing: Standing
    member_of: frozenset[str]
    checked_at: datetime
    email: str = ""

    def __post_init__(self) -> None:
        """Accept the row's plain types."""
        object.__setattr__(self, "standing", Standing(self.standing))
        object.__setattr__(self, "member_of", frozenset(self.member_of))


async def put(connection: Connection, known: Known) -> None:
    """Keep it, unless something newer is kept."""
    await connection.execute(
        _SQL["put"],
        {
            "id": known.id,
            "name": known.name,
            "standing": known.standing.value,
            "member_of": sorted(known.member_of),
            "checked_at": known.checked_at,
            "email": known.email,
        },
    )


async def forget(connection: Connection, person_id: str) -> None:
    """Keep nothing of somebody whom Slack does not know any more."""
    await connection.execute(_SQL["forget"], {"id": person_id})


async def get(connection: Connection, person_id: str) -> Known | None:
    """What was kept, whatever its age."""
    async with connection.cursor(row_factory=class_row(Known)) as cursor:
        await cursor.execute(_SQL["get"], {"id": person_id})
        return await cursor.fetchone()


async def named(connection: Connection, name: str) -> list[str]:
    """The ids of those who are known by this name, whatever its case."""
    cursor = await connection.execute(_SQL["named"], {"name": name})
    return [row[0] for row in await cursor.fetchall()]


async def name_of(connection: Connection, person_id: str) -> str:
    """What they are called, as far as is known; else their id."""
    known = await get(connection, person_id)
    return known.name if known else person_id


async def introduce(connection: Connection, person_id: str, *, name: str, at: datetime) -> None:
    """Somebody of whom nothing is kept acted as a member then; their groups are not known until Slack is asked."""
    await connection.execute(_SQL["introduce"], {"id": person_id, "name": name, "at": at})
