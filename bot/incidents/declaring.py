"""Declaring an incident: which open one it may be first, then its row, its card and its clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.ages import age
from bot.audit import Event
from bot.context import Context, Transaction
from bot.incidents import moving, visibility
from bot.incidents.figures import Milestone
from bot.incidents.finding import seen
from bot.incidents.messages import moment_of
from bot.incidents.severity import channel_name
from bot.incidents.timeline import Kind
from bot.masking import masked_text
from bot.operation import Answer, Audience, Line, Lines, Mark, Offer
from bot.store import audit, cards, clocks, incidents, members, milestones, timeline
from bot.store.database import Connection
from bot.store.incidents import Incident

SET_UP: Final = "set_up"
JOIN: Final = "join"
MINOR_FOR: Final = timedelta(hours=24)
"""How long a P2 or P3 is asked about before another is declared; a P0 or P1 is as long as it is open."""
MOST: Final = 4
"""Open incidents that are shown before another is declared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """What somebody declares. `message` is the link to the message that made them."""

    severity: str
    title: str
    private: bool = False
    drill: str | None = None
    """The scenario, where it is only played."""
    message: str = ""


async def perhaps_the_same(context: Context, connection: Connection) -> list[Incident]:
    """The open incidents that the person may know of, newest first: one of them may be the same fault."""
    found = [incident for incident in await incidents.open_now(connection) if incident.drill is None]
    return [
        incident
        for incident in await seen(found, context, connection)
        if incident.severity in ("P0", "P1") or context.now - incident.declared_at < MINOR_FOR
    ]


def is_it_one_of_these(found: Sequence[Incident], now: datetime, *, another: str = "") -> Answer:
    """Show the open incidents first: joining one is one press, declaring another is one press more. Pure."""
    lines = tuple(
        Line(
            title=f"INC-{incident.id} {incident.severity}",
            text=f"{incident.title} ({incident.state}){', private' if incident.private else ''}",
            mark=Mark.DEGRADED if incident.acknowledged_at else Mark.DOWN,
            at=incident.declared_at,
        )
        for incident in found
    )
    if len(found) == 1:
        verdict = (
            f"INC-{found[0].id} was declared {age(found[0].declared_at, now)} ago and is open: is it the same fault?"
        )
    else:
        verdict = f"{len(found)} incidents are open: is it one of these?"
    joins = tuple(
        Offer(
            label=f"Join INC-{incident.id}",
            words=f"incident join {incident.id}",
            style="primary" if incident is found[0] else "",
        )
        for incident in found[:MOST]
    )
    more = (Offer(label="Declare another", words=another, style="danger"),) if another else ()
    return Answer(verdict=verdict, evidence=(Lines(lines=lines),), offers=(*joins, *more), audience=Audience.PRIVATE)


async def declare(
    wanted: Declaration,
    context: Context,
    transaction: Transaction,
    *,
    number: int | None = None,
    sets_up: bool = True,
) -> Answer:
    """The incident is declared, its card is wanted and its clocks run; a job sets the rest up, where `sets_up`.

    `number`: it has one already, of the time in which our database was silent.
    """
    incident_id = await incidents.add(
        transaction,
        key=context.request_id,
        severity=wanted.severity,
        title=wanted.title,
        by=context.actor.id,
        at=context.now,
        private=wanted.private,
        number=number,
    )
    if incident_id is not None:
        name = channel_name(incident_id, wanted.title, drill=wanted.drill is not None)
        await incidents.name_channel(transaction, incident_id, name)
        if wanted.drill is not None:
            await incidents.of_a_drill(transaction, incident_id, wanted.drill)
        incident = await incidents.get(transaction, incident_id)
        assert incident is not None  # noqa: S101 -- it was just stored
        await moving.begin(context.services, transaction, incident_id, moving.deed_of(context))
        await _write_down(incident, wanted, context, transaction)
        if sets_up:
            await set_going(incident, context, transaction)
    declared = await incidents.by_key(transaction, context.request_id)
    assert declared is not None  # noqa: S101 -- it was just declared, or before
    return _told(declared, context)


async def set_going(incident: Incident, context: Context, transaction: Transaction) -> None:
    """What its severity sets up is set up soon: its card is wanted, and its channel where it gets one."""
    settings = context.services.settings
    assert settings.slack is not None  # noqa: S101 -- the handler looked
    if visibility.stands_in_the_open(incident):
        await cards.want(transaction, incident.subject, channel=settings.slack.incidents_channel)
    if visibility.has_room(incident):
        await clocks.start(transaction, incident.subject, SET_UP, due_at=context.now)
    context.services.wake()


async def _write_down(incident: Incident, wanted: Declaration, context: Context, transaction: Transaction) -> None:
    now, person = incident.declared_at, context.actor.id
    said_at = min(moment_of(wanted.message) or now, now)
    if person != moving.BOT:
        await members.add(transaction, incident.id, person, at=now)
    if wanted.message:
        await milestones.put(
            transaction,
            incident.id,
            Milestone.DETECTED.value,
            key="declared-from",
            at=said_at,
            by=person,
            recorded_at=now,
            reason="the message that it was declared from",
        )
        await timeline.add(
            transaction,
            incident.id,
            Kind.MARKED,
            key="declared-from",
            actor=person,
            said=f"The message that it was declared from: {masked_text(wanted.title)}",
            at=said_at,
            recorded_at=now,
            link=wanted.message,
        )
    played = {"drill": wanted.drill} if wanted.drill else {}
    # the audit is read by more people than a private incident
    detail = {"severity": incident.severity} | ({"private": True} if incident.private else {"title": wanted.title})
    await audit.add(transaction, Event.DECLARED, actor=person, subject=incident.subject, at=now, detail=detail | played)


def _told(incident: Incident, context: Context) -> Answer:
    if incident.private:
        lines = [
            "I am making its private channel. Nothing of it stands in #incidents, on the status page or at PagerDuty."
        ]
        if context.place.thread_ts:
            lines.append("What you typed stands where others read it: delete that message.")
    elif visibility.has_room(incident):
        lines = ["I am setting up its channel, people, page and clocks."]
    else:
        lines = ["It is followed in the thread of #incidents."]
    return Answer(
        verdict=f"INC-{incident.id} is declared: {incident.severity} {incident.title}",
        mark=Mark.DOWN,
        evidence=(Lines(lines=tuple(Line(title=line) for line in lines)),),
        offers=(Offer(label="Acknowledge", words=f"incident ack {incident.id}", style="primary"),),
        audience=Audience.PRIVATE,
    )


async def join(incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """The person is in its channel, or will be; where it has none, they are told where it is followed."""
    slack = context.services.settings.slack
    assert slack is not None  # noqa: S101 -- an incident was declared, so there is a workspace
    verdict = f"{incident.label} {incident.severity} {incident.title}: you are being let into its channel."
    lines: tuple[Line, ...] = (Line(title="Its channel", channel=incident.channel_id),) if incident.channel_id else ()
    if not visibility.has_room(incident):
        verdict = f"INC-{incident.id} {incident.severity} {incident.title} is followed in the thread under its card."
        lines = (Line(title="Its card stands in", channel=slack.incidents_channel),)
    else:
        await members.add(transaction, incident.id, context.actor.id, at=context.now)
        await clocks.start(transaction, f"join:{incident.id}:{context.actor.id}", JOIN, due_at=context.now)
    await audit.add(transaction, Event.JOINED, actor=context.actor.id, subject=incident.subject, at=context.now)
    context.services.wake()
    return Answer(verdict=verdict, evidence=(Lines(lines=lines),) if lines else (), audience=Audience.PRIVATE)


async def retry(incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """What failed of its setting up is tried again."""
    await clocks.start(transaction, incident.subject, SET_UP, due_at=context.now)
    await audit.add(transaction, Event.RETRIED, actor=context.actor.id, subject=incident.subject, at=context.now)
    context.services.wake()
    return Answer(verdict=f"Trying again what failed of {incident.label}.", audience=Audience.PRIVATE)
