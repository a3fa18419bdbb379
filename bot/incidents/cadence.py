"""Nobody hears nothing for long: who should speak is reminded, and where nobody does, the bot says what it knows."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, TypeGuard

from bot.ages import span
from bot.audit import Event
from bot.context import ClockWork, Context, Duty, Services, Transaction
from bot.errors import UserError
from bot.incidents import card, moving, timekeeping
from bot.incidents.deadlines import BEFORE, Group
from bot.incidents.moving import BOT, Happening
from bot.incidents.next_steps import next_steps
from bot.incidents.states import State
from bot.incidents.telling import mentionable, tell
from bot.incidents.timeline import Kind
from bot.operation import Answer, Audience, Line, Lines, Mark, Offer
from bot.store import clocks, incidents, timeline
from bot.store.incidents import Incident

LONGEST: Final = timedelta(hours=4)
"""For how long an update may be put off at once."""
_POSTMORTEM: Final[Mapping[str, str]] = {
    "postmortem_half": "Half of its time is over",
    "postmortem_remind": "Its time is nearly over",
    "postmortem_last": "It is due within the hour",
    "postmortem_overdue": "It is overdue",
}


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when people have heard nothing for long, and while a post-mortem is owed."""
    services = duty.services
    owed: dict[str, ClockWork] = {kind: functools.partial(postmortem, services, kind) for kind in _POSTMORTEM}
    return owed | {
        "update_remind": functools.partial(remind, services),
        "update_overdue": functools.partial(speak, services),
    }


async def remind(services: Services, subject: str, due_at: datetime) -> None:
    """Who works on it reads that an update is due soon, and may put it off under their name."""
    async with services.database.transaction() as transaction:
        incident = await incidents.get(transaction, _id(subject), lock=True)
        running = await clocks.running(transaction, subject)
        due = running.get("update_overdue")
        if not _is_awaited(incident) or due is None or "update_remind" in running:
            return  # whose clock runs anew was answered or put off meanwhile: the next one reminds of the next update
        left = max(timedelta(minutes=1), due - services.now())
        lines = [] if incident.lead else [Line(title="Nobody leads it.", text="`/ilab incident lead` makes it you.")]
        answer = Answer(
            verdict=f"{incident.label}: the next update is due within {span(left.total_seconds())}.",
            mark=Mark.DEGRADED,
            evidence=(Lines(lines=tuple(lines)),) if lines else (),
            offers=(
                Offer(label="Update…", words=f"incident update INC-{incident.id}", style="primary"),
                Offer(label="In 30 min", words=f"incident snooze INC-{incident.id} 30m"),
                *(() if incident.lead else (Offer(label="I lead", words=f"incident lead INC-{incident.id}"),)),
            ),
            mentions=_whose_turn(incident),
            reminder=True,
        )
        await tell(services, transaction, incident, key=f"update_remind:{due_at.isoformat()}", channel=answer)


async def speak(services: Services, subject: str, due_at: datetime) -> None:
    """Nobody has said anything for too long: everybody reads what is known, and the time begins anew."""
    async with services.database.transaction() as transaction:
        incident = await incidents.get(transaction, _id(subject), lock=True)
        if not _is_awaited(incident) or "update_overdue" in await clocks.running(transaction, subject):
            return  # it runs anew: somebody was heard meanwhile, or this was said before
        now = services.now()
        since = span((now - (incident.updated_at or incident.declared_at)).total_seconds())
        known = await card.known_of(transaction, incident)
        said = f"Nothing was said of {incident.label} for {since}; it is {incident.state}."
        await timeline.add(
            transaction,
            incident.id,
            Kind.CLOCK,
            key=f"update_overdue:{due_at.isoformat()}",
            actor=BOT,
            said=said,
            at=now,
            recorded_at=now,
        )
        await timekeeping.start(services, transaction, incident, (Group.UPDATE,), at=now)
        answer = Answer(
            verdict=said,
            mark=Mark.DEGRADED,
            evidence=(Lines(heading="What is known", lines=card.standing(incident, known)),),
            offers=next_steps(incident, services, known.done),
            mentions=_whose_turn(incident),
            reminder=True,
        )
        await tell(
            services,
            transaction,
            incident,
            key=f"update_overdue:{due_at.isoformat()}",
            channel=answer,
            thread=Answer(verdict=said, mark=Mark.DEGRADED, evidence=answer.evidence, reminder=True),
        )
        await moving.raise_cards(transaction, incident)


async def snooze(lasts: timedelta, incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """The next update is due then, said under the name of who put it off."""
    if not timedelta(minutes=1) <= lasts <= LONGEST:
        raise UserError("An update can be put off for a minute to four hours.", todo="`/ilab incident snooze 45m`")
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.CLOCK)
    if not State(before.state).is_open:
        raise UserError(f"{before.label} is {before.state}: no update is due.", todo=moving.instead(before))
    due = deed.at + lasts
    if not done:
        said = f"{deed.name}: the next update of {before.label} by {due:%H:%M} UTC."
        told = Answer(verdict=said)
        await moving.record(
            context.services,
            transaction,
            before,
            deed,
            Happening(now=before, kind=Kind.CLOCK, event=Event.SNOOZED, said=said, channel=told, thread=told),
        )
        await timekeeping.stop(transaction, before, (Group.UPDATE,))
        await clocks.start(transaction, before.subject, "update_remind", due_at=due - min(BEFORE, lasts / 3))
        await clocks.start(transaction, before.subject, "update_overdue", due_at=due)
        await moving.raise_cards(transaction, before)
    return Answer(
        verdict=f"The next update of {before.label} is due by {due:%H:%M} UTC, in your name.",
        mark=Mark.OK,
        audience=Audience.PRIVATE,
    )


async def postmortem(services: Services, kind: str, subject: str, due_at: datetime) -> None:
    """It is resolved, and its post-mortem is owed: said to those who had a part, and every day once it is overdue."""
    async with services.database.transaction() as transaction:
        incident = await incidents.get(transaction, _id(subject), lock=True)
        if incident is None or incident.state != State.RESOLVED or incident.ended_at is None:
            return
        now = services.now()
        hours = services.settings.incidents.deadlines(incident.severity).postmortem_hours
        due = incident.ended_at + timedelta(hours=hours)
        if _overtaken(services, incident, kind, now):
            return
        said = f"The post-mortem of {incident.label} is owed by {due:%Y-%m-%d %H:%M} UTC. {_POSTMORTEM[kind]}."
        key = f"{kind}:{due_at.isoformat()}"
        await timeline.add(transaction, incident.id, Kind.CLOCK, key=key, actor=BOT, said=said, at=now, recorded_at=now)
        overdue = kind == "postmortem_overdue"
        if overdue:
            await clocks.start(transaction, subject, kind, due_at=now + timedelta(days=1))
        answer = Answer(
            verdict=said,
            mark=Mark.DOWN if overdue else Mark.DEGRADED,
            offers=next_steps(incident, services),
            section="P0 Response Procedure",
            mentions=_whose_turn(incident),
            reminder=True,
        )
        await tell(services, transaction, incident, key=key, channel=answer, thread=answer if overdue else None)


def _overtaken(services: Services, incident: Incident, kind: str, now: datetime) -> bool:
    """Whether a later reminder is due by now, as after hours in which nothing ran: only the last one speaks. Pure."""
    ended = incident.ended_at or now
    passed = [
        clock.kind
        for clock in timekeeping.clocks_of(services, incident)
        if clock.kind in _POSTMORTEM and now >= ended + clock.after
    ]
    return bool(passed) and kind != passed[-1]


def _whose_turn(incident: Incident) -> tuple[str, ...]:
    """Who should speak: whoever speaks to the outside, else leads, else has it. Pure."""
    return mentionable(incident.communications, incident.lead, incident.acknowledged_by)[:1]


def _is_awaited(incident: Incident | None) -> TypeGuard[Incident]:
    """Whether people wait to hear of it."""
    return incident is not None and State(incident.state).is_open


def _id(subject: str) -> int:
    return int(subject.partition(":")[2])
