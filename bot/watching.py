"""`status watch`: looks again and again, and speaks only when what it last said is no longer true."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Any, Final

from bot.context import Announce, ClockWork, Duty, Services, Transaction
from bot.health.changes import Change, as_told, changes
from bot.health.check import Report
from bot.health.readings import Group, Reading, State
from bot.health.verdict import verdict
from bot.operation import Answer, Line, Lines, Offer
from bot.store import clocks, watches

CLOCK: Final = "watch"
SECTION: Final = "Health Checks"
"""Of the runbook, also for the commands."""
NEWS_FOR: Final = timedelta(minutes=30)
"""How long a change that could not be said yet is worth saying."""


async def begin(
    transaction: Transaction,
    report: Report,
    *,
    channel: str,
    person: str,
    request: str,
    now: datetime,
    until: datetime,
) -> bool:
    """Start a watch, or move the end of the one that runs; True where one ran."""
    watch_id, extended = await watches.start(
        transaction,
        channel=channel,
        person=person,
        request=request,
        at=now,
        until=until,
        seen=_packed(report),
    )
    await clocks.start(transaction, _subject(watch_id), CLOCK, due_at=now)
    return extended


async def stop(transaction: Transaction, *, channel: str, now: datetime) -> int | None:
    """End the channel's watch and return how often it spoke; None where none ran."""
    ended = await watches.end_in(transaction, channel, at=now)
    if ended is None:
        return None
    watch_id, announced = ended
    await clocks.stop(transaction, _subject(watch_id))
    return announced


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when a watch's clock is due."""
    return {CLOCK: functools.partial(look, duty.services, duty.announce)}


async def look(services: Services, announce: Announce, subject: str, _due_at: datetime) -> None:
    """Look once: say what changed, start the next clock, or end the watch. Run twice, it says nothing twice."""
    watch_id = int(subject.removeprefix("watch:"))
    report = await services.health().report()
    async with services.database.transaction() as transaction:
        watch = await watches.get(transaction, watch_id)
        if watch is None:
            return
        now = services.now()
        stream = f"watch:{watch.channel}"
        if now >= watch.until:
            await watches.end(transaction, watch_id, at=now)
            await announce(
                transaction,
                stream=stream,
                key=f"{subject}:end",
                channel=watch.channel,
                answer=_farewell(watch, report),
                expires_at=now + NEWS_FOR,
            )
            return
        before = _unpacked(watch.seen, watch.started_at)
        found = changes(before, report)
        if found:
            await announce(
                transaction,
                stream=stream,
                key=f"{subject}:{watch.changes + 1}",
                channel=watch.channel,
                answer=news(found, report),
                expires_at=now + NEWS_FOR,
            )
        await watches.note(transaction, watch_id, seen=_packed(as_told(before, report)), announced=1 if found else 0)
        interval = timedelta(seconds=services.settings.status.watch_interval_seconds)
        await clocks.start(transaction, subject, CLOCK, due_at=min(now + interval, watch.until))


def news(found: list[Change], report: Report) -> Answer:
    """What is said when something changed."""
    lines = tuple(
        Line(title=change.sentence, mark=change.after.state.mark, at=change.after.checked_at) for change in found
    )
    return Answer(
        verdict=report.verdict.headline,
        mark=report.verdict.state.mark,
        evidence=(Lines(heading="Changed", lines=lines),),
        offers=(Offer(label="Status", words="status"), Offer(label="Stop watching", words="status unwatch")),
        at=report.taken_at,
        section=SECTION,
    )


def spoken(times: int) -> str:
    """How often a watch spoke, in words."""
    if not times:
        return "nothing changed"
    return "I spoke once" if times == 1 else f"I spoke {times} times"


def _farewell(watch: watches.Watch, report: Report) -> Answer:
    return Answer(
        verdict=f"The watch is over: {spoken(watch.changes)}. {report.verdict.headline}",
        mark=report.verdict.state.mark,
        offers=(Offer(label="Watch again", words="status watch"),),
        at=report.taken_at,
    )


def _subject(watch_id: int) -> str:
    return f"watch:{watch_id}"


def _packed(report: Report) -> dict[str, Any]:
    """What a later look needs of a report, as JSON."""
    return {
        reading.name: {
            "title": reading.title,
            "group": reading.group.value,
            "state": reading.state.value,
            "reason": reading.reason,
            "at": reading.checked_at.isoformat(),
        }
        for reading in report.readings
    }


def _unpacked(seen: dict[str, Any], at: datetime) -> Report:
    """The report that was packed, as far as it is compared."""
    readings = tuple(
        Reading(
            name=name,
            title=part["title"],
            group=Group(part["group"]),
            state=State(part["state"]),
            reason=part["reason"],
            checked_at=datetime.fromisoformat(part["at"]),
        )
        for name, part in seen.items()
    )
    return Report(readings=readings, verdict=verdict(readings), taken_at=at, took=0)
