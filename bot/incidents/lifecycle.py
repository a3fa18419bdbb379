"""An incident's life once it is declared: acknowledged, and what happens while nobody does."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import TYPE_CHECKING, Final

import structlog

from bot.ages import age
from bot.audit import Event
from bot.context import Announce, CardOf, ClockWork, Context, Duty, Services, Transaction
from bot.errors import ProviderError, UserError
from bot.incidents.severity import ACKNOWLEDGE_WITHIN, LADDER, SEVERITIES
from bot.operation import Answer, Audience, Line, Lines, Mark, Offer
from bot.store import audit, cards, clocks, incidents, people, steps
from bot.store.database import Connection
from bot.store.incidents import Incident

if TYPE_CHECKING:  # it imports httpx, which a terminal does without
    from bot.providers.pagerduty import PagerDuty

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.incidents")

TELL_ACKNOWLEDGED: Final = "tell_acknowledged"
TITLES: Final = {
    "channel": "Channel",
    "card": "Card in the channel",
    "people": "People invited",
    "topic": "Topic",
    "bookmarks": "Bookmarks",
    "pin": "Card pinned",
    "page": "On-call paged",
    "snapshot": "First snapshot of health",
    "changes": "What changed",
}
_STEP_MARKS: Final = {"done": Mark.OK, "failed": Mark.DOWN, "started": Mark.NONE}


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when an incident's clocks are due."""
    pager = duty.services.vendors().pagerduty
    ladder: dict[str, ClockWork] = {
        kind: functools.partial(unacknowledged, duty.services, duty.announce, pager, level) for kind, _, level in LADDER
    }
    return {TELL_ACKNOWLEDGED: functools.partial(tell_acknowledged, duty.services, duty.announce, pager)} | ladder


def card_faces(_: Duty) -> dict[str, CardOf]:
    """What an incident's cards show, in #incidents and in its own channel."""
    return {"incident": card_of, "room": card_of}


async def acknowledge(incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """Somebody has it: its clocks stop, and everybody reads who and how fast."""
    locked = await incidents.get(transaction, incident.id, lock=True)
    if locked is None or locked.state == "acknowledged":
        by = await _name(transaction, (locked or incident).acknowledged_by or "")
        raise UserError(f"INC-{incident.id} is acknowledged already, by {by}.")
    now = context.now
    await incidents.acknowledge(transaction, incident.id, by=context.actor.id, at=now)
    for kind, _, _ in LADDER:
        await clocks.stop(transaction, incident.subject, kind)
    await _changed(transaction, incident)
    await clocks.start(transaction, incident.subject, TELL_ACKNOWLEDGED, due_at=now)
    await audit.add(transaction, Event.ACKNOWLEDGED, actor=context.actor.id, subject=incident.subject, at=now)
    context.services.wake()
    return Answer(
        verdict=f"You have INC-{incident.id}. Acknowledged {age(incident.declared_at, now)} after it was declared.",
        audience=Audience.PRIVATE,
    )


async def unacknowledged(
    services: Services, announce: Announce, pager: PagerDuty | None, level: int, subject: str, due_at: datetime
) -> None:
    """A clock of the ladder fell due, and nobody has acknowledged: it is said, and the level's people are paged."""
    incident = await services.database.call(lambda connection: incidents.get(connection, _id(subject)))
    if incident is None or incident.state != "declared":
        return
    paged = ""
    if level and pager is not None:
        try:
            await pager.raise_to(incident.page_key, level)
            paged = f"Level {level} of the on-call policy is paged."
        except ProviderError as error:
            paged = f"Paging level {level} failed: {error.what}"
            log.warning("escalation failed", incident=incident.id, level=level, error=error.what)
    late = " That is later than it should be: nothing was running." if _late(services, due_at) else ""
    waited = age(incident.declared_at, services.now())
    answer = Answer(
        verdict=f"INC-{incident.id} is not acknowledged, {waited} after it was declared.",
        mark=Mark.DOWN,
        evidence=(
            Lines(lines=(Line(title=paged + late or f"The runbook allows {ACKNOWLEDGE_WITHIN.seconds // 60} min."),)),
        ),
        offers=(Offer(label="Acknowledge", words=f"incident ack {incident.id}", style="primary"),),
    )
    await tell(services, announce, incident, key=f"unacknowledged:{level}", answer=answer)


async def tell_acknowledged(
    services: Services, announce: Announce, pager: PagerDuty | None, subject: str, _due_at: datetime
) -> None:
    """Everybody reads who has it, and PagerDuty pages no further."""
    async with services.database.connection() as connection:
        incident = await incidents.get(connection, _id(subject))
        if incident is None or incident.acknowledged_at is None:
            return
        name = await _name(connection, incident.acknowledged_by or "")
    note = ""
    if pager is not None and SEVERITIES[incident.severity].room:
        try:
            await pager.acknowledge(incident.page_key)
        except ProviderError as error:
            note = f"PagerDuty could not be told: {error.what}"
    took = age(incident.declared_at, incident.acknowledged_at)
    answer = Answer(
        verdict=f"INC-{incident.id} is acknowledged by {name}, after {took}.",
        mark=Mark.OK,
        evidence=(Lines(lines=(Line(title=note),)),) if note else (),
    )
    await tell(services, announce, incident, key="acknowledged", answer=answer)


async def tell(services: Services, announce: Announce, incident: Incident, *, key: str, answer: Answer) -> None:
    """Say it in the thread under the incident's card, and in its channel where it has one."""
    slack = services.settings.slack
    assert slack is not None  # noqa: S101 -- an incident was declared, so there is a workspace
    async with services.database.transaction() as transaction:
        await announce(
            transaction,
            stream=f"{incident.subject}:thread",
            key=f"{incident.subject}:thread:{key}",
            channel=slack.incidents_channel,
            answer=answer,
            thread_of=incident.subject,
        )
        if incident.channel_id:
            await announce(
                transaction,
                stream=incident.subject,
                key=f"{incident.subject}:{key}",
                channel=incident.channel_id,
                answer=answer,
            )


async def card_of(connection: Connection, subject: str) -> Answer | None:
    """The card of an incident as it stands now, in #incidents and in its own channel."""
    incident = await incidents.get(connection, _id(subject))
    if incident is None:
        return None
    recorded = await steps.all_of(connection, incident.subject)
    declared = "an alert" if incident.source == "alert" else await _name(connection, incident.declared_by)
    acknowledged = await _name(connection, incident.acknowledged_by) if incident.acknowledged_by else ""
    return card(incident, recorded, declared=declared, acknowledged=acknowledged)


def card(incident: Incident, recorded: dict[str, steps.Recorded], *, declared: str, acknowledged: str) -> Answer:
    """What everybody sees of an incident. Pure."""
    severity = SEVERITIES[incident.severity]
    lines = [
        Line(title="Severity", text=f"{severity.code} {severity.word}: {severity.means}"),
        Line(title="Declared", text=f"by {declared}", when=incident.declared_at),
    ]
    if incident.channel_id:
        lines.append(Line(title="Channel", channel=incident.channel_id))
    if incident.acknowledged_at is not None:
        took = age(incident.declared_at, incident.acknowledged_at)
        who = f"by {acknowledged}, after {took}"
        lines.append(Line(title="Acknowledged", text=who, mark=Mark.OK, when=incident.acknowledged_at))
    elif severity.room:
        lines.append(Line(title="Not acknowledged", text="the runbook allows 5 min", mark=Mark.DOWN))
    failed = any(step.state == "failed" for step in recorded.values())
    setting_up = tuple(
        Line(title=title, text=_why(recorded[name]), mark=_STEP_MARKS[recorded[name].state])
        for name, title in TITLES.items()
        if name in recorded
    )
    offers = []
    if incident.acknowledged_at is None:
        offers.append(Offer(label="Acknowledge", words=f"incident ack {incident.id}", style="primary"))
    if failed:
        offers.append(Offer(label="Retry what failed", words=f"incident retry {incident.id}"))
    offers.append(Offer(label="Status", words="status"))
    return Answer(
        verdict=f"INC-{incident.id} {incident.severity} {incident.title}",
        mark=Mark.DEGRADED if incident.acknowledged_at else Mark.DOWN,
        evidence=(Lines(lines=tuple(lines)), *((Lines(heading="Set up", lines=setting_up),) if setting_up else ())),
        offers=tuple(offers),
        section="P0 Response Procedure",
    )


def _why(step: steps.Recorded) -> str:
    return f"{step.error or ''} It is tried again by itself.".strip() if step.again else step.error or ""


async def changed(services: Services, incident: Incident) -> None:
    """Its cards are shown anew."""
    async with services.database.transaction() as transaction:
        await _changed(transaction, incident)


async def _changed(transaction: Transaction, incident: Incident) -> None:
    for subject in (incident.subject, incident.room):
        await cards.raise_if_there(transaction, subject)


async def _name(connection: Connection, person: str) -> str:
    known = await people.get(connection, person)
    return known.name if known else person


def _late(services: Services, due_at: datetime) -> bool:
    return (services.now() - due_at).total_seconds() > 60


def _id(subject: str) -> int:
    return int(subject.partition(":")[2])
