"""How it stands, told to those who work on it and to those who wait; and what is only written down."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.audit import Event
from bot.context import Context, Transaction
from bot.errors import UserError
from bot.incidents import card, moving
from bot.incidents.moving import Happening
from bot.incidents.next_steps import done_for, told_next
from bot.incidents.states import State
from bot.incidents.timeline import Kind
from bot.masking import masked_text
from bot.operation import Answer, Audience, Form, Line, Lines, Mark
from bot.store import clocks
from bot.store.database import Connection
from bot.store.incidents import Incident

LONGEST = 1500
"""Characters of an update: what is longer is read by nobody at night."""


async def update(text: str, incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """The thread and the channel read how it stands; the next update is due a while from now."""
    said = one_line(text, LONGEST)
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.UPDATE)
    if not State(before.state).is_open and before.state != State.RESOLVED:
        raise UserError(f"{before.label} is {before.state}: nobody waits for an update.", todo=moving.instead(before))
    if not done:
        every = timedelta(minutes=context.services.settings.incidents.deadlines(before.severity).update_minutes)
        is_due = State(before.state).is_open and every
        next_by = (Line(title="Next update by", when=deed.at + every),) if is_due else ()
        told = Answer(
            verdict=f"{before.label} · {deed.name}: {said}",
            evidence=(Lines(lines=(Line(title="State", text=before.state), *next_by)),),
        )
        await moving.record(
            context.services,
            transaction,
            before,
            deed,
            Happening(
                now=before,
                kind=Kind.UPDATE,
                event=Event.UPDATED,
                said=said,
                channel=told,
                thread=told,
                told=True,
            ),
        )
    due = await next_update(transaction, before)
    return Answer(
        verdict=f"Your update of {before.label} is recorded, for its thread and its channel.",
        mark=Mark.OK,
        evidence=(Lines(lines=(Line(title="The next one is due", when=due),)),) if due else (),
        offers=told_next(before, context.services, await done_for(transaction, before)),
        audience=Audience.PRIVATE,
    )


async def note(text: str, incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """The timeline holds it, and the channel reads it."""
    said = one_line(text, LONGEST)
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.NOTE)
    if not done:
        await moving.record(
            context.services,
            transaction,
            before,
            deed,
            Happening(
                now=before,
                kind=Kind.NOTE,
                event=Event.NOTED,
                said=said,
                channel=Answer(verdict=f"Note by {deed.name}: {said}"),
            ),
        )
    return Answer(verdict=f"It is in the timeline of {before.label}.", mark=Mark.OK, audience=Audience.PRIVATE)


async def form(incident: Incident, context: Context, connection: Connection) -> Form:
    """Return how it stands, and where a third party is behind it words to begin with: the runbook has users told."""
    known = await card.known_of(connection, incident)
    given = {}
    if incident.cause == "third_party":
        due = await next_update(connection, incident)
        given["text"] = template(incident, due)
    return Form(
        note=Answer(
            verdict=f"{incident.label} {incident.severity} {incident.title}",
            evidence=(Lines(lines=card.standing(incident, known)),),
            at=context.now,
        ),
        given=given,
    )


def template(incident: Incident, due: datetime | None) -> str:
    """What may be said while a third party is down, to be changed by who says it. Pure."""
    whose = incident.found or "a provider we depend on"
    share = f" About {incident.share:g} % of our users notice." if incident.share is not None else ""
    until = f" Next update by {due:%H:%M} UTC." if due else ""
    return f"The trouble is at {whose}, not with us.{share} We watch their status page and help users meanwhile.{until}"


async def next_update(connection: Connection, incident: Incident) -> datetime | None:
    """When people would have heard nothing for too long."""
    return (await clocks.running(connection, incident.subject)).get("update_overdue")


def one_line(text: str, most: int) -> str:
    """The text as one line, without addresses. Raises UserError where it is empty, or too long. Pure."""
    said = masked_text(" ".join(text.split()))
    if not said:
        raise UserError("There is nothing to say.", todo="Write a sentence.")
    if len(said) > most:
        raise UserError(f"That is {len(said):,} characters; {most:,} can be said at once.", todo="Say less, or twice.")
    return said
