"""How grave it is, corrected: what that severity would have done is done now, and what it would not have done stops."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import datetime
from typing import Final

from bot.audit import Event
from bot.context import ClockWork, Context, Duty, Services, Transaction
from bot.errors import UserError
from bot.incidents import moving, paging
from bot.incidents.declaring import SET_UP
from bot.incidents.moving import BOT, Happening
from bot.incidents.next_steps import next_steps
from bot.incidents.severity import SEVERITIES
from bot.incidents.states import State
from bot.incidents.telling import tell
from bot.incidents.timeline import Kind
from bot.incidents.updating import LONGEST, one_line
from bot.incidents.visibility import has_room
from bot.operation import Answer, Audience, Line, Lines, Mark
from bot.store import clocks, incidents, timeline
from bot.store.incidents import Incident

PAGE: Final = "page_graver"
"""The clock whose work pages for what became grave after somebody had acknowledged it."""


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when an incident became graver."""
    return {PAGE: functools.partial(page, duty.services)}


async def reclassify(severity: str, why: str, incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """It is as grave as that. Its clocks begin anew with that severity's times; a P0 or P1 sets itself up."""
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.SEVERITY)
    now = before
    if not done:
        if before.severity == severity:
            raise UserError(f"{before.label} is a {severity} already.", todo=moving.instead(before))
        reason = one_line(why, LONGEST) if why.strip() else ""
        now = replace(before, severity=severity, rung=1)
        effect = _effect(before, now)
        told = Answer(
            verdict=f"{now.label} is a {severity} now, said {deed.name}; it was a {before.severity}.",
            mark=Mark.DOWN if severity < before.severity else Mark.DEGRADED,
            evidence=(Lines(lines=tuple(Line(title=part) for part in (reason, effect) if part)),),
            offers=next_steps(now, context.services),
        )
        now = await moving.record(
            context.services,
            transaction,
            before,
            deed,
            Happening(
                now=now,
                kind=Kind.SEVERITY,
                event=Event.RECLASSIFIED,
                said=f"{before.severity} → {severity}" + (f": {reason}" if reason else ""),
                channel=told,
                thread=told,
                detail={"before": before.severity, "after": severity, "reason": reason},
            ),
        )
        if State(now.state).is_open and _pages(now) and not _pages(before):
            await clocks.start(transaction, now.subject, SET_UP, due_at=deed.at)
            if now.acknowledged_at is not None:
                await clocks.start(transaction, now.subject, PAGE, due_at=deed.at)
    return Answer(
        verdict=f"{now.label} is a {now.severity} now.",
        mark=Mark.OK,
        evidence=(Lines(lines=(Line(title=_effect(before, now)),)),) if before.severity != now.severity else (),
        audience=Audience.PRIVATE,
    )


async def page(services: Services, subject: str, due_at: datetime) -> None:
    """Whoever is on call is paged, although somebody has it: it was not so grave when they took it."""
    incident = await services.database.call(lambda connection: incidents.get(connection, int(subject.split(":")[1])))
    if incident is None or not State(incident.state).is_open:
        return
    paged = await paging.raise_to(services, incident, 1, kind=PAGE, due_at=due_at)
    if paged is None:
        return
    async with services.database.transaction() as transaction:
        key = f"{PAGE}:{due_at.isoformat()}"
        now = services.now()
        await timeline.add(
            transaction, incident.id, Kind.PAGED, key=key, actor=BOT, said=paged.said, at=now, recorded_at=now
        )
        answer = Answer(verdict=paged.said, mark=Mark.NONE if paged.worked else Mark.DOWN)
        await tell(services, transaction, incident, key=key, channel=answer)


def _pages(incident: Incident) -> bool:
    return SEVERITIES[incident.severity].room


def _effect(before: Incident, now: Incident) -> str:
    """What the change sets going, in a sentence. Pure."""
    if not State(now.state).is_open:
        return ""
    if _pages(now) and not _pages(before):
        room = "" if before.channel_id or has_room(before) else "its channel, "
        page = " and the page" if now.drill is None else ""
        return f"I set up {room}the people{page}; the clocks of a {now.severity} begin now."
    if _pages(before) and not _pages(now):
        return f"The clocks of a {before.severity} stop. The channel stays, and who was paged stays paged."
    return f"The clocks of a {now.severity} begin now." if _pages(now) else ""
