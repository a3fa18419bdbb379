"""Scheduling a maintenance: what speaks against the time, what customers will read, how many; then a row and its clocks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.context import Services, Transaction
from bot.errors import UserError
from bot.maintenance import times
from bot.maintenance.keeping import ANNOUNCE, BEGIN, OVERRUN, REMIND
from bot.maintenance.texts import Occasion, spoken, text
from bot.maintenance.times import Period, UnclearTimeError
from bot.operation import Execution, Line, Outcome, Plan
from bot.store import cards, clocks, incidents, maintenances
from bot.store.maintenances import Maintenance
from bot.windows import Window, parse

LONGEST = timedelta(hours=12)


def windows_of(services: Services) -> tuple[Window, ...]:
    """The recommended windows of the settings."""
    return parse(services.settings.maintenance.windows)


async def plan(services: Services, *, start: str, lasts: timedelta, what: str, offline: bool, migration: str) -> Plan:
    """What will be announced to whom, and when. Raises UserError for a time that is none, or that is taken."""
    settings, now = services.settings.maintenance, services.now()
    notice = timedelta(hours=settings.notice_hours)
    if not timedelta(minutes=5) <= lasts <= LONGEST:
        raise UserError("A maintenance takes from five minutes to twelve hours.", todo="`--lasts 2h`")
    try:
        begins = times.read(start, now, windows_of(services), settings.timezone, notice=notice)
    except UnclearTimeError as error:
        raise UserError(f"When? {error}.", todo="`/ilab maintenance schedule next --what faster search`") from None
    period = Period(start=begins, end=begins + lasts)
    async with services.database.connection() as connection:
        taken = _taken(period, await maintenances.open_now(connection))
        grave = [one for one in await incidents.open_now(connection) if one.severity in ("P0", "P1") and not one.drill]
    if taken is not None:
        raise UserError(f"Maintenance {taken.id} is then already: {spoken(taken.start_at, taken.end_at)}.")
    against = times.objections(period, now, windows_of(services), settings.timezone, notice=notice)
    wording = text(Occasion.ANNOUNCED, what=what, start=period.start, end=period.end, offline=offline)
    lines = [
        Line(title="When", text=spoken(period.start, period.end)),
        *(Line(title="Warning", text=objection) for objection in against),
        *((Line(title="Warning", text="a P0 or P1 is open now"),) if grave else ()),
        Line(title="Site", text="shows its maintenance page meanwhile" if offline else "stays open"),
        *(
            (Line(title="Migration", text=f"{migration}: staging first, then production, each approved"),)
            if migration
            else ()
        ),
        Line(title="Customers read", text=f"“{wording.subject}”: {wording.body}"),
        Line(title="Told", text=await _audience(services)),
        Line(title="Alerts", text="those of that time are held back; recoveries pass"),
        Line(title="Undo", text="`/ilab maintenance cancel`, which tells the same people"),
    ]
    return Plan(
        effect=f"announce and carry out a maintenance on {spoken(period.start, period.end)}: {what}",
        lines=tuple(lines),
        decides={
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "what": what,
            "offline": offline,
            "migration": migration,
        },
    )


def _taken(period: Period, others: list[Maintenance]) -> Maintenance | None:
    return next((other for other in others if other.ended_at is None and period.overlaps(other.period)), None)


async def _audience(services: Services) -> str:
    vendors, parts = services.vendors(), []
    if vendors.statuspage is not None:
        parts.append("the status page")
    if vendors.resend is not None and services.product is not None and services.settings.maintenance.mail_customers:
        people = (await services.product.fetch("announcement_count"))[0]["people"]
        parts.append(f"{people:,} customers by mail, a hundred at a time")
    return " and ".join(parts) or "nobody outside: no page and no mail is configured"


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Return why the plan is no longer true, or nothing."""
    start = datetime.fromisoformat(decides["start"])
    if start <= services.now():
        return f"{start.astimezone(UTC):%Y-%m-%d %H:%M} UTC has passed."
    period = Period(start=start, end=datetime.fromisoformat(decides["end"]))
    taken = _taken(period, await services.database.call(maintenances.open_now))
    return f"Maintenance {taken.id} was scheduled for that time meanwhile." if taken else ""


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """It is scheduled, and its announcement is due. Asked again, it is the same one."""
    services = execution.services
    period = Period(start=datetime.fromisoformat(decides["start"]), end=datetime.fromisoformat(decides["end"]))
    async with services.database.transaction() as transaction:
        await maintenances.lock_all(transaction)
        known = await maintenances.by_key(transaction, execution.key)
        taken = _taken(period, await maintenances.open_now(transaction)) if known is None else None
        if taken is not None:
            return Outcome(succeeded=False, said=f"maintenance {taken.id} was scheduled for that time meanwhile")
        maintenance = known or await maintenances.add(
            transaction,
            key=execution.key,
            what=decides["what"],
            period=period,
            offline=decides["offline"],
            migration=decides["migration"],
            asked_by=execution.requester,
        )
        if known is None:
            await _begin(services, transaction, maintenance)
    services.wake()
    return Outcome(
        succeeded=True,
        said=f"maintenance {maintenance.id} is scheduled for {spoken(period.start, period.end)}, and is being announced",
    )


async def _begin(services: Services, transaction: Transaction, maintenance: Maintenance) -> None:
    slack = services.settings.slack
    channel = services.settings.maintenance.channel or (slack.incidents_channel if slack else "")
    await cards.want(transaction, maintenance.subject, channel=channel)
    now = services.now()
    await clocks.start(transaction, maintenance.subject, ANNOUNCE, due_at=now)
    remind_at = maintenance.start_at - timedelta(hours=services.settings.maintenance.remind_hours)
    if remind_at > now:
        await clocks.start(transaction, maintenance.subject, REMIND, due_at=remind_at)
    await clocks.start(transaction, maintenance.subject, BEGIN, due_at=maintenance.start_at)
    await clocks.start(transaction, maintenance.subject, OVERRUN, due_at=maintenance.end_at)
