"""Tables `alerts` and `alert_deliveries`: what vendors and our own watcher say, one row as long as it is one thing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg.rows import class_row

from bot.alerts.folding import Standing
from bot.alerts.reading import Course, Signal
from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("alerts")
STORM: Final = "ilab.storm"
"""The vendor of the alert that stands for many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """An alert as it stands."""

    id: int
    fingerprint: str
    vendor: str
    kind: str
    title: str
    link: str
    state: str
    first_at: datetime
    last_at: datetime
    changed_at: datetime
    ended_at: datetime | None
    count: int
    flaps: int
    storm: int | None
    incident: int | None
    rule: str | None
    verdict: str
    muted_until: datetime | None
    muted_by: str | None
    dismissed_by: str | None
    held_by: int | None = None
    """The maintenance in which it began: nobody is told of it before that ends."""

    @property
    def subject(self) -> str:
        """What its card and clocks are kept under: those of its storm, where it is one of many."""
        return f"alert:{self.storm or self.id}"

    @property
    def standing(self) -> Standing:
        """What a new signal is compared with."""
        return Standing(is_open=self.ended_at is None, changed_at=self.changed_at, ended_at=self.ended_at)


async def lock(connection: Connection) -> None:
    """Signals are folded one at a time, until this transaction ends."""
    await connection.execute(_SQL["lock"])


async def note_delivery(connection: Connection, key: str, *, at: datetime) -> bool:
    """The delivery is counted in this transaction; False where it was counted before."""
    return await (await connection.execute(_SQL["note_delivery"], {"key": key, "at": at})).fetchone() is not None


async def newest(connection: Connection, fingerprint: str) -> Alert | None:
    """The newest alert with this fingerprint, locked."""
    return await _one(connection, _SQL["newest"], {"fingerprint": fingerprint})


async def open_(connection: Connection, signal: Signal, *, storm: int | None = None) -> int:
    """An alert begins; news has ended with its beginning."""
    given = {
        "fingerprint": signal.fingerprint,
        "vendor": signal.vendor,
        "kind": signal.kind,
        "title": signal.title,
        "link": signal.link,
        "state": signal.course.value,
        "at": signal.at,
        "ended_at": signal.at if signal.course is Course.NEWS else None,
        "storm": storm,
    }
    row = await (await connection.execute(_SQL["open"], given)).fetchone()
    assert row is not None  # noqa: S101 -- an insert returns its row
    return int(row[0])


async def repeat(connection: Connection, alert_id: int, signal: Signal) -> None:
    """It was said once more."""
    given = {"id": alert_id, "at": signal.at, "title": signal.title, "link": signal.link}
    await connection.execute(_SQL["repeat"], given)


async def recover(connection: Connection, alert_id: int, *, at: datetime) -> None:
    """It is well again."""
    await connection.execute(_SQL["recover"], {"id": alert_id, "at": at})


async def come_back(connection: Connection, alert_id: int, signal: Signal) -> None:
    """It was well for a moment, and fires again."""
    await connection.execute(_SQL["come_back"], {"id": alert_id, "at": signal.at, "title": signal.title})


async def get(connection: Connection, alert_id: int, *, lock: bool = False) -> Alert | None:
    """The alert; locked until the transaction ends where that is asked."""
    return await _one(connection, _SQL["lock_one"] if lock else _SQL["get"], {"id": alert_id})


async def opened_since(connection: Connection, since: datetime) -> int:
    """How many began after that."""
    row = await (await connection.execute(_SQL["opened_since"], {"since": since})).fetchone()
    return 0 if row is None else int(row[0])


async def storm_now(connection: Connection) -> Alert | None:
    """The alert that stands for many, while there is one."""
    return await _one(connection, _SQL["storm_now"], {})


async def in_storm(connection: Connection, storm: int) -> list[Alert]:
    """Those for which it stands."""
    return await _all(connection, _SQL["in_storm"], {"storm": storm})


async def firing(connection: Connection) -> list[Alert]:
    """What fires now, newest first; one stands for a storm."""
    return await _all(connection, _SQL["firing"], {})


async def latest(connection: Connection, *, most: int) -> list[Alert]:
    """The newest, whatever became of them."""
    return await _all(connection, _SQL["latest"], {"most": most})


async def of_incident(connection: Connection, incident: int) -> list[Alert]:
    """Those that belong to an incident."""
    return await _all(connection, _SQL["of_incident"], {"incident": incident})


async def join(connection: Connection, alert_id: int, incident: int) -> None:
    """It belongs to the incident, with all that it stands for."""
    await connection.execute(_SQL["join"], {"id": alert_id, "incident": incident})


async def judge(connection: Connection, alert_id: int, *, rule: str | None, verdict: str) -> None:
    """A rule was applied, with this result; None where it may yet be applied."""
    await connection.execute(_SQL["judge"], {"id": alert_id, "rule": rule, "verdict": verdict})


async def mute(connection: Connection, alert_id: int, *, until: datetime, by: str) -> None:
    """Its fingerprint is not spoken of until then."""
    await connection.execute(_SQL["mute"], {"id": alert_id, "until": until, "by": by})


async def dismiss(connection: Connection, alert_id: int, *, by: str) -> None:
    """Somebody found that there is nothing to do."""
    await connection.execute(_SQL["dismiss"], {"id": alert_id, "by": by})


async def muted(connection: Connection, fingerprint: str, *, now: datetime) -> bool:
    """Whether somebody muted this fingerprint, and that lasts."""
    row = await (await connection.execute(_SQL["muted"], {"fingerprint": fingerprint, "now": now})).fetchone()
    return bool(row and row[0])


async def hold(connection: Connection, alert_id: int, maintenance: int) -> None:
    """It began in a maintenance, and is held back until that ends."""
    await connection.execute(_SQL["hold"], {"id": alert_id, "maintenance": maintenance})


async def held(connection: Connection, maintenance: int) -> list[Alert]:
    """What began in that maintenance."""
    return await _all(connection, _SQL["held"], {"maintenance": maintenance})


async def release(connection: Connection, maintenance: int) -> None:
    """What still fires is held back no more."""
    await connection.execute(_SQL["release"], {"maintenance": maintenance})


async def purge(connection: Connection, *, before: datetime) -> int:
    """Forget the keys of old deliveries; return how many."""
    return (await connection.execute(_SQL["purge"], {"before": before})).rowcount


async def _one(connection: Connection, statement: LiteralString, given: dict[str, Any]) -> Alert | None:
    async with connection.cursor(row_factory=class_row(Alert)) as cursor:
        await cursor.execute(statement, given)
        return await cursor.fetchone()


async def _all(connection: Connection, statement: LiteralString, given: dict[str, Any]) -> list[Alert]:
    async with connection.cursor(row_factory=class_row(Alert)) as cursor:
        await cursor.execute(statement, given)
        return await cursor.fetchall()
