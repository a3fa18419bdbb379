"""Table `incidents`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, LiteralString

from psycopg import AsyncCursor

from bot.incidents.severity import GRAVE
from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("incidents")


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """An incident as it stands."""

    id: int
    key: str
    severity: str
    title: str
    state: str
    declared_by: str
    declared_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    channel_name: str
    channel_id: str | None
    private: bool = False
    drill: str | None = None
    source: str = "person"
    lead: str | None = None
    lead_by: str | None = None
    communications: str | None = None
    scribe: str | None = None
    cause: str | None = None
    share: Decimal | None = None
    merged_into: int | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None
    rung: int = 1
    room_lost: str | None = None
    """What became of its channel; None while that takes messages."""
    """The highest level of the on-call policy that was paged."""
    found: str = ""
    """What was found when it was assessed."""

    @property
    def label(self) -> str:
        """What it is called wherever something is said of it; a drill says that it is one, every time."""
        return f"INC-{self.id}" if self.drill is None else f"DRILL INC-{self.id}"

    @property
    def number(self) -> str:
        """How it is named in a command's words."""
        return f"INC-{self.id}"

    @property
    def is_open(self) -> bool:
        """Somebody still has to do something about it, besides its post-mortem."""
        return self.ended_at is None

    @property
    def is_grave(self) -> bool:
        """A P0 or P1 that is open."""
        return self.is_open and self.severity in GRAVE

    @property
    def subject(self) -> str:
        """What its steps, clocks and cards are kept under."""
        return f"incident:{self.id}"

    @property
    def room(self) -> str:
        """What its card in its own channel is kept under."""
        return f"room:{self.id}"

    @property
    def page_key(self) -> str:
        """What PagerDuty knows it by: paged twice, it is one incident there.

        Of what declared it and not of its number: while our database is silent, no number is sure.
        """
        return f"ilab-inc-{hashlib.sha256(self.key.encode()).hexdigest()[:12]}"


_FIELDS: Final = frozenset(field.name for field in fields(Incident))


def _row(cursor: AsyncCursor[Any]) -> Callable[[Sequence[Any]], Incident]:
    """Make rows incidents. Columns that a newer bot has added are none of ours: both may run on one table."""
    names = [column.name for column in cursor.description or ()]
    known = [(place, name) for place, name in enumerate(names) if name in _FIELDS]
    return lambda values: Incident(**{name: values[place] for place, name in known})


async def add(
    connection: Connection,
    *,
    key: str,
    severity: str,
    title: str,
    by: str,
    at: datetime,
    private: bool = False,
    number: int | None = None,
) -> int | None:
    """Declare it; None where this key has declared one before. `number`: it was given one without the database."""
    given = {
        "key": key,
        "severity": severity,
        "title": title,
        "by": by,
        "at": at,
        "private": private,
        "number": number,
    }
    row = await (await connection.execute(_SQL["add"], given)).fetchone()
    return None if row is None else int(row[0])


async def lock_declaring(connection: Connection) -> None:
    """One declaration at a time until the transaction ends: the second of two sees the first."""
    await connection.execute(_SQL["lock_declaring"])


async def name_channel(connection: Connection, incident_id: int, name: str) -> None:
    """Freeze the name its channel will have."""
    await connection.execute(_SQL["name_channel"], {"id": incident_id, "name": name})


async def of_an_alert(connection: Connection, incident_id: int) -> None:
    """No person declared it."""
    await connection.execute(_SQL["of_an_alert"], {"id": incident_id})


async def of_a_drill(connection: Connection, incident_id: int, scenario: str) -> None:
    """It is only played."""
    await connection.execute(_SQL["of_a_drill"], {"id": incident_id, "scenario": scenario})


async def claim_channel(connection: Connection, incident_id: int, channel: str) -> None:
    """The channel is this incident's; the database refuses one that is another's."""
    await connection.execute(_SQL["claim_channel"], {"id": incident_id, "channel": channel})


async def lose_room(connection: Connection, incident_id: int, became: str | None) -> None:
    """Its channel takes no more messages, for this reason; None: it does again."""
    await connection.execute(_SQL["lose_room"], {"id": incident_id, "became": became})


async def leave_room(connection: Connection, incident_id: int, *, name: str) -> None:
    """It has no channel, and this is what the next one will be called."""
    await connection.execute(_SQL["leave_room"], {"id": incident_id, "name": name})


async def get(connection: Connection, incident_id: int, *, lock: bool = False) -> Incident | None:
    """The incident; locked until the transaction ends where that is asked."""
    return await _one(connection, _SQL["lock"] if lock else _SQL["get"], {"id": incident_id})


async def by_key(connection: Connection, key: str) -> Incident | None:
    """The incident that this key declared."""
    return await _one(connection, _SQL["by_key"], {"key": key})


async def by_page(connection: Connection, page_key: str) -> Incident | None:
    """The incident that PagerDuty knows by this key."""
    return await _one(connection, _SQL["by_page"], {"page_key": page_key})


async def by_channel(connection: Connection, channel: str) -> Incident | None:
    """The incident whose channel this is."""
    return await _one(connection, _SQL["by_channel"], {"channel": channel})


async def save(connection: Connection, incident: Incident) -> None:
    """The incident, which is locked, stands so from now on; what never changes of it is left alone."""
    await connection.execute(_SQL["save"], asdict(incident))


async def open_now(connection: Connection) -> list[Incident]:
    """Those that are neither resolved nor ended otherwise, newest first."""
    async with connection.cursor(row_factory=_row) as cursor:
        await cursor.execute(_SQL["open"])
        return await cursor.fetchall()


async def declared_since(connection: Connection, since: datetime) -> list[Incident]:
    """Those declared from then on, newest first."""
    async with connection.cursor(row_factory=_row) as cursor:
        await cursor.execute(_SQL["declared_since"], {"since": since})
        return await cursor.fetchall()


async def private_ones(connection: Connection) -> list[Incident]:
    """Those that not everybody may know of."""
    async with connection.cursor(row_factory=_row) as cursor:
        await cursor.execute(_SQL["private"])
        return await cursor.fetchall()


async def search(
    connection: Connection,
    *,
    text: str = "",
    severity: str | None = None,
    since: datetime | None = None,
    state: str | None = None,
    before: int | None = None,
) -> list[Incident]:
    """The last two hundred that fit, newest first. The text stands in their title or in their timeline.

    `state`: `open` is all that are not over. `before`: older than that.
    """
    like = "".join(f"\\{sign}" if sign in "\\%_" else sign for sign in text)
    given = {
        "severity": severity,
        "since": since,
        "state": state,
        "before": before,
        "text": f"%{like}%" if text else None,
    }
    async with connection.cursor(row_factory=_row) as cursor:
        await cursor.execute(_SQL["search"], given)
        return await cursor.fetchall()


async def _one(connection: Connection, statement: LiteralString, given: dict[str, object]) -> Incident | None:
    async with connection.cursor(row_factory=_row) as cursor:
        await cursor.execute(statement, given)
        return await cursor.fetchone()
