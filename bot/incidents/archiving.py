"""The channel of an incident that is over is archived by rule: days after that, announced a day before, kept where asked.

Over is what was closed, and what is owed no post-mortem: cancelled, or the same as another.
"""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.audit import Event
from bot.context import ClockWork, Context, Duty, Services, Transaction
from bot.errors import ProviderError, UserError
from bot.incidents import moving
from bot.incidents.card import state_of
from bot.incidents.moving import BOT
from bot.incidents.states import State
from bot.incidents.telling import tell
from bot.incidents.timeline import Kind
from bot.operation import Answer, Audience, Line, Lines, Mark, Offer
from bot.store import audit, clocks, incidents, timeline
from bot.store.incidents import Incident

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.incidents")

ANNOUNCE: Final = "archive_announce"
ARCHIVE: Final = "archive"
BEFORE: Final = timedelta(days=1)
OVER: Final = (State.CLOSED, State.CANCELLED, State.MERGED)


async def plan(services: Services, transaction: Transaction, incident: Incident, *, at: datetime) -> None:
    """Its channel is announced and archived in due time, where the settings have it so."""
    after = timedelta(days=services.settings.incidents.archive_days)
    if not incident.channel_id or not after:
        return
    await clocks.start(transaction, incident.subject, ANNOUNCE, due_at=at + after - min(BEFORE, after / 3))
    await clocks.start(transaction, incident.subject, ARCHIVE, due_at=at + after)


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when a channel's time is over."""
    return {ANNOUNCE: functools.partial(announce, duty.services), ARCHIVE: functools.partial(archive, duty)}


async def announce(services: Services, subject: str, due_at: datetime) -> None:
    """Those who are in the channel read when it is archived, and how to keep it."""
    async with services.database.transaction() as transaction:
        incident = await incidents.get(transaction, int(subject.split(":")[1]))
        when = (await clocks.running(transaction, subject)).get(ARCHIVE)
        if incident is None or incident.state not in OVER or when is None:
            return
        answer = Answer(
            verdict=f"This channel is archived on {when:%Y-%m-%d %H:%M} UTC: {incident.label} is {state_of(incident)}.",
            evidence=(Lines(lines=(Line(title="What stands in it stays, and can be read and searched."),)),),
            offers=(Offer(label="Keep it open", words=f"incident keep INC-{incident.id}"),),
        )
        await tell(services, transaction, incident, key=f"{ANNOUNCE}:{due_at.isoformat()}", channel=answer)


async def archive(duty: Duty, subject: str, due_at: datetime) -> None:
    """The channel is archived; one that is archived or gone already is left alone, and one of a reopened incident, too."""
    services = duty.services
    incident = await services.database.call(lambda connection: incidents.get(connection, int(subject.split(":")[1])))
    if incident is None or incident.state not in OVER or not incident.channel_id or incident.room_lost:
        return
    if not await shut(duty, incident.id, incident.channel_id):
        return
    now = services.now()
    async with services.database.transaction() as transaction:
        await incidents.lose_room(transaction, incident.id, "archived")
        await timeline.add(
            transaction,
            incident.id,
            Kind.CLOCK,
            key=f"{ARCHIVE}:{due_at.isoformat()}",
            actor=BOT,
            said="Its channel is archived, by rule",
            at=now,
            recorded_at=now,
        )
        await moving.raise_cards(transaction, incident)


async def shut(duty: Duty, incident_id: int, channel: str) -> bool:
    """Slack has archived it; False where it refuses for good. ProviderError where that is worth another try."""
    try:
        await duty.rooms.archive(channel)
    except ProviderError as error:
        if error.transient or error.ambiguous:
            raise
        log.warning("the channel was not archived", incident=incident_id, error=error.what)
        return False
    return True


async def keep(incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """Its channel stays as it is, until somebody archives it in Slack."""
    if incident.state not in OVER or not incident.channel_id:
        raise UserError(f"No channel of {incident.label} is about to be archived.")
    await clocks.stop(transaction, incident.subject, ANNOUNCE)
    await clocks.stop(transaction, incident.subject, ARCHIVE)
    await audit.add(transaction, Event.CHANNEL_KEPT, actor=context.actor.id, subject=incident.subject, at=context.now)
    told = Answer(verdict=f"This channel stays open, says {context.actor.name}.", mark=Mark.OK)
    await tell(context.services, transaction, incident, key=f"keep:{context.request_id}", channel=told)
    return Answer(verdict=f"The channel of {incident.label} stays open.", mark=Mark.OK, audience=Audience.PRIVATE)
