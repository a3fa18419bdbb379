"""Tables `postmortems` and `postmortem_versions`: what was measured, what was written, and who said that it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("postmortems")


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One version as it was written; `place` says where it stands, once it does."""

    incident: int
    number: int
    written_at: datetime
    by: str
    sections: Mapping[str, str]
    prompts: Sequence[str]
    whole: str
    added: str
    place: str | None
    document: str
    link: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """Who said that it is done, when, and where people finished it."""

    by: str
    at: datetime
    where: str


async def standing(connection: Connection, incident: int) -> tuple[str, str]:
    """Where people read it, and how it stands: done, or which draft. Empty where it stands nowhere."""
    row = await (await connection.execute(_SQL["published"], {"incident": incident})).fetchone()
    finished = await done(connection, incident)
    there = (finished.where if finished else "") or (row[0] if row else "")
    how = "done" if finished else f"draft {row[1]}" if row else ""
    return (there, how) if there else ("", "")


async def measured(connection: Connection, incident: int) -> Mapping[str, Any] | None:
    """What was measured, as it was kept."""
    row = await (await connection.execute(_SQL["measured"], {"incident": incident})).fetchone()
    return None if row is None else dict(row[0])


async def keep_measured(connection: Connection, incident: int, found: Mapping[str, Any]) -> None:
    """This was measured; the newest counts."""
    await connection.execute(_SQL["keep_measured"], {"incident": incident, "measured": Jsonb(found)})


async def done(connection: Connection, incident: int) -> Done | None:
    """Who said that it is done, where somebody did."""
    row = await (await connection.execute(_SQL["done"], {"incident": incident})).fetchone()
    return None if row is None else Done(by=row[0], at=row[1], where=row[2])


async def finish(connection: Connection, incident: int, *, by: str, at: datetime, where: str) -> None:
    """It is done, and stands there."""
    await connection.execute(_SQL["finish"], {"incident": incident, "by": by, "at": at, "where": where})


async def reopen(connection: Connection, incident: int) -> None:
    """It is not done after all."""
    await connection.execute(_SQL["reopen"], {"incident": incident})


async def newest(connection: Connection, incident: int) -> Version | None:
    """The newest version, published or not."""
    async with connection.cursor(row_factory=class_row(Version)) as cursor:
        await cursor.execute(_SQL["newest"], {"incident": incident})
        return await cursor.fetchone()


async def write(  # noqa: PLR0913 -- the row's own columns
    connection: Connection,
    incident: int,
    number: int,
    *,
    at: datetime,
    by: str,
    sections: Mapping[str, str],
    prompts: Sequence[str],
    whole: str,
    added: str,
) -> None:
    """This version is to be published; a number is given once."""
    given = {
        "incident": incident,
        "number": number,
        "at": at,
        "by": by,
        "sections": Jsonb(dict(sections)),
        "prompts": Jsonb(list(prompts)),
        "whole": whole,
        "added": added,
    }
    await connection.execute(_SQL["write"], given)


async def publish(connection: Connection, version: Version, *, place: str, document: str = "", link: str = "") -> None:
    """It stands there."""
    given = {
        "incident": version.incident,
        "number": version.number,
        "place": place,
        "document": document,
        "link": link,
    }
    await connection.execute(_SQL["publish"], given)


async def canvas(connection: Connection, incident: int) -> str:
    """The canvas in which it stands; empty where there is none."""
    row = await (await connection.execute(_SQL["canvas"], {"incident": incident})).fetchone()
    return "" if row is None else str(row[0])
