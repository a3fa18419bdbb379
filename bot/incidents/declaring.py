"""Declaring an incident: which open one it may be first, then its row, its card and its clocks."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.ages import age
from bot.audit import Event
from bot.context import Context, Transaction
from bot.incidents import moving
from bot.incidents.severity import SEVERITIES, slug
from bot.operation import Answer, Audience, Line, Lines, Mark, Offer
from bot.store import audit, cards, clocks, incidents
from bot.store.incidents import Incident

SET_UP: Final = "set_up"
YOUNG: Final = timedelta(minutes=30)
"""How long after a declaration another one is asked about first."""


async def young(context: Context, transaction: Transaction) -> Incident | None:
    """The newest incident, where it is young enough that a second declaration may mean the same fault."""
    found = await incidents.latest(transaction)
    asked_before = await incidents.by_key(transaction, context.request_id)
    if not found or asked_before is not None or context.now - found[0].declared_at > YOUNG:
        return None
    return found[0]


def is_it_the_same(incident: Incident, wanted: str, context: Context) -> Answer:
    """Show the young incident first: joining it is one press, declaring another is one press more."""
    return Answer(
        verdict=f"INC-{incident.id} was declared {age(incident.declared_at, context.now)} ago: is it the same?",
        evidence=(
            Lines(
                lines=(Line(title=f"INC-{incident.id}", text=f"{incident.severity} {incident.title}", mark=Mark.DOWN),)
            ),
        ),
        offers=(
            Offer(label=f"Acknowledge INC-{incident.id}", words=f"incident ack {incident.id}", style="primary"),
            Offer(label="Declare another", words=f"incident declare --another {wanted}", style="danger"),
        ),
        audience=Audience.PRIVATE,
    )


async def declare(severity: str, title: str, context: Context, transaction: Transaction) -> Answer:
    """The incident is declared, its card is wanted and its clocks run; a job sets the rest up."""
    settings = context.services.settings
    assert settings.slack is not None  # noqa: S101 -- the handler looked
    now = context.now
    incident_id = await incidents.add(
        transaction, key=context.request_id, severity=severity, title=title, by=context.actor.id, at=now
    )
    if incident_id is not None:
        await incidents.name_channel(transaction, incident_id, f"inc-{incident_id}-{slug(title)}")
        subject = f"incident:{incident_id}"
        await cards.want(transaction, subject, channel=settings.slack.incidents_channel)
        if SEVERITIES[severity].room:
            await clocks.start(transaction, subject, SET_UP, due_at=now)
        await moving.begin(context.services, transaction, incident_id, moving.deed_of(context))
        await audit.add(
            transaction,
            Event.DECLARED,
            actor=context.actor.id,
            subject=subject,
            at=now,
            detail={"severity": severity, "title": title},
        )
        context.services.wake()
    incident = await incidents.by_key(transaction, context.request_id)
    assert incident is not None  # noqa: S101 -- it was just declared, or before
    sets_up = "I am setting up its channel, people, page and clocks." if SEVERITIES[severity].room else ""
    return Answer(
        verdict=f"INC-{incident.id} is declared: {incident.severity} {incident.title}",
        mark=Mark.DOWN,
        evidence=(Lines(lines=(Line(title=sets_up or "It is followed in the thread of #incidents."),)),),
        offers=(Offer(label="Acknowledge", words=f"incident ack {incident.id}", style="primary"),),
        audience=Audience.PRIVATE,
    )


async def retry(incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """What failed of its setting up is tried again."""
    await clocks.start(transaction, incident.subject, SET_UP, due_at=context.now)
    await audit.add(transaction, Event.RETRIED, actor=context.actor.id, subject=incident.subject, at=context.now)
    context.services.wake()
    return Answer(verdict=f"Trying again what failed of INC-{incident.id}.", audience=Audience.PRIVATE)
