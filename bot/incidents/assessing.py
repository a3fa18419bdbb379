"""What it is, and how many it hits: from then on everybody knows what is done about it."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from bot.audit import Event
from bot.context import ClockWork, Context, Duty, Services, Transaction
from bot.incidents import moving
from bot.incidents.evidence import gather, in_one_line, to_be_kept
from bot.incidents.figures import Milestone
from bot.incidents.moving import Happening
from bot.incidents.next_steps import told_next
from bot.incidents.states import CAUSES, State, Step, after, measures_for
from bot.incidents.telling import tell
from bot.incidents.timeline import Kind
from bot.incidents.updating import one_line
from bot.operation import Answer, Audience, Line, Lines, Mark, Offer
from bot.store import clocks, incidents, timeline
from bot.store.incidents import Incident

FOUND: Final = 300
EVIDENCE: Final = "keep_evidence"
"""The clock whose work keeps what was known when it was assessed: vendors' logs are gone in an hour to a day."""
_RUNBOOK: Final = {
    "deployment": "The runbook: roll back immediately.",
    "third_party": "The runbook: tell users, and their support.",
    "database": "The runbook: restore from a backup if needed.",
    "other": "The runbook names no measure for this: say what you try, in an update.",
}


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done once an incident is assessed."""
    return {EVIDENCE: functools.partial(keep_evidence, duty.services)}


async def assess(
    cause: str, share: float | None, found: str, incident: Incident, context: Context, transaction: Transaction
) -> Answer:
    """The cause and the share of users are known, and what the runbook says for that cause is offered."""
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.ASSESSED)
    now = before
    if not done:
        state = moving.step(before, Step.ASSESS)
        now = replace(
            moving.taken(before, deed),
            state=state,
            cause=cause,
            share=None if share is None else Decimal(f"{round(share, 1):g}"),
            found=one_line(found, FOUND) if found.strip() else "",
        )
        said = _said(now)
        told = Answer(
            verdict=f"{now.label} is assessed by {deed.name}: {said}",
            mark=Mark.DEGRADED,
            evidence=(Lines(lines=(Line(title=_RUNBOOK[cause]),)),),
            offers=_offers(now, context),
        )
        now = await moving.record(
            context.services,
            transaction,
            before,
            deed,
            Happening(
                now=now,
                kind=Kind.ASSESSED,
                event=Event.ASSESSED,
                said=f"Assessed: {said}",
                channel=told,
                thread=replace(told, offers=()),
                detail={"cause": cause, "share": share},
                reached=await moving.reaching(
                    transaction, before, Milestone.ACKNOWLEDGED, Milestone.ASSESSED, at=deed.at
                ),
                told=True,
            ),
        )
        await clocks.start(transaction, now.subject, EVIDENCE, due_at=deed.at)
    return Answer(
        verdict=f"{now.label} is assessed: {_said(now)}",
        mark=Mark.OK,
        evidence=(Lines(lines=(Line(title=_RUNBOOK[cause]),)),),
        offers=_offers(now, context),
        section="Quick Rollback" if cause == "deployment" else "P0 Response Procedure",
        audience=Audience.PRIVATE,
    )


async def keep_evidence(services: Services, subject: str, due_at: datetime) -> None:
    """The channel and the timeline hold what was known when it was assessed, each once."""
    incident = await services.database.call(lambda connection: incidents.get(connection, int(subject.split(":")[1])))
    if incident is None:
        return
    found = await gather(services, incident)
    key = f"{EVIDENCE}:{due_at.isoformat()}"
    async with services.database.transaction() as transaction:
        await timeline.add(
            transaction,
            incident.id,
            Kind.HEALTH,
            key=key,
            actor=moving.BOT,
            said=in_one_line(found),
            at=found.at,
            recorded_at=services.now(),
        )
        if incident.channel_id:
            answer = replace(to_be_kept(found), verdict=f"Evidence when {incident.label} was assessed: {found.said}")
            await tell(services, transaction, incident, key=key, channel=answer)


def offer(incident: Incident) -> tuple[Offer, ...]:
    """To assess it, where that is possible now. Pure."""
    if after(State(incident.state), Step.ASSESS) is None:
        return ()
    return (Offer(label="Assess…", words=f"incident assess INC-{incident.id}", style="primary"),)


def _said(incident: Incident) -> str:
    share = "" if incident.share is None else f", about {incident.share:g} % of the users"
    found = f" ({incident.found})" if incident.found else ""
    return f"{CAUSES[incident.cause or 'other']}{share}{found}"


def _offers(incident: Incident, context: Context) -> tuple[Offer, ...]:
    """What the runbook says for the cause comes first, also where it stands further already. Pure."""
    measures = measures_for(incident.cause, context.services.registry.by_words)
    steps = told_next(incident, context.services)
    return (*measures, *(step for step in steps if step not in measures))
