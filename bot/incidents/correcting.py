"""What was wrong about an incident is set right: when a milestone was reached, and what it is called."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from bot.audit import Event
from bot.context import ClockWork, Context, Duty, Transaction
from bot.errors import ProviderError, UserError
from bot.incidents import moving
from bot.incidents.figures import Milestone, measured, out_of_order
from bot.incidents.moments import moment
from bot.incidents.moving import Happening
from bot.incidents.resolving import times
from bot.incidents.severity import channel_name
from bot.incidents.telling import tell
from bot.incidents.timeline import Kind
from bot.incidents.updating import LONGEST, one_line
from bot.operation import Answer, Audience, Line, Lines, Mark
from bot.store import clocks, incidents, milestones
from bot.store.incidents import Incident

TITLE: Final = 200
NAME: Final = "name_channel"
"""The clock whose work names the channel anew."""


async def correct(
    name: str, when: str, why: str, incident: Incident, context: Context, transaction: Transaction
) -> Answer:
    """The milestone was reached then, for a reason; what was believed before stays in the records."""
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.MILESTONE)
    at = moment(when, context.now)
    known = await milestones.of(transaction, before.id)
    if not done:
        reason = one_line(why, LONGEST)
        reached = _with_implied(name, at, known)
        wrong = out_of_order(known | reached)
        if wrong is not None and out_of_order(known) != wrong:
            raise UserError(
                f"Then “{name if wrong[1] in reached else wrong[1]}” would come before “{wrong[0]}”.",
                why="; ".join(f"{one} is {known[one]:%Y-%m-%d %H:%M}" for one in wrong if one in known and one != name)
                + " UTC.",
                todo="Correct that one first, or give the day, too.",
            )
        was = f"was {known[name]:%Y-%m-%d %H:%M}" if name in known else "was not known"
        said = f"{name.capitalize()} at {at:%Y-%m-%d %H:%M} UTC ({was}): {reason}"
        await moving.record(
            context.services,
            transaction,
            before,
            deed,
            Happening(
                now=before,
                kind=Kind.MILESTONE,
                event=Event.CORRECTED,
                said=said,
                channel=Answer(verdict=f"{before.label}, corrected by {deed.name}: {said}"),
                detail={"milestone": name, "at": at.isoformat(), "reason": reason},
                reached={Milestone(one): when for one, when in reached.items()},
                reason=reason,
            ),
        )
    return Answer(
        verdict=f"{before.label}: {name} at {at:%Y-%m-%d %H:%M} UTC.",
        mark=Mark.OK,
        evidence=(Lines(heading="Times", lines=times(measured(known | _with_implied(name, at, known)))),),
        audience=Audience.PRIVATE,
    )


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when a channel is to be named anew."""
    return {NAME: functools.partial(name_channel, duty)}


async def rename(
    title: str, incident: Incident, context: Context, transaction: Transaction, *, channel: bool = False
) -> Answer:
    """It is called that: on its cards, in the topic, and where that is asked its channel, too."""
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.TITLE)
    if not done:
        called = one_line(title, TITLE)
        said = f"{before.label} is called “{called}” now; it was “{before.title}”."
        await moving.record(
            context.services,
            transaction,
            before,
            deed,
            Happening(
                now=replace(before, title=called),
                kind=Kind.TITLE,
                event=Event.RENAMED,
                said=said,
                channel=Answer(verdict=said),
                thread=Answer(verdict=said),
                detail={"title": called},
            ),
        )
        if channel and before.channel_id:
            await clocks.start(transaction, before.subject, NAME, due_at=deed.at)
    return Answer(verdict=f"{before.label} has its new title.", mark=Mark.OK, audience=Audience.PRIVATE)


def _with_implied(name: str, at: datetime, known: Mapping[str, datetime]) -> dict[str, datetime]:
    """The milestone with those before it that were only reached because it was, in the same moment: they go along."""
    earlier = [one.value for one in Milestone][: [one.value for one in Milestone].index(name)]
    return {one: at for one in earlier if one in known and known[one] == known.get(name) and known[one] > at} | {
        name: at
    }


async def name_channel(duty: Duty, subject: str, due_at: datetime) -> None:
    """The channel is named for the title; where that name is taken or refused, the channel reads so."""
    services = duty.services
    incident = await services.database.call(lambda connection: incidents.get(connection, int(subject.split(":")[1])))
    if incident is None or not incident.channel_id:
        return
    try:
        await duty.rooms.rename(
            incident.channel_id, channel_name(incident.id, incident.title, drill=incident.drill is not None)
        )
    except ProviderError as error:
        if error.transient:
            raise
        said = Answer(
            verdict="This channel keeps its name.",
            mark=Mark.DEGRADED,
            evidence=(Lines(lines=(Line(title=error.sentences),)),),
        )
        async with services.database.transaction() as transaction:
            await tell(services, transaction, incident, key=f"{NAME}:{due_at.isoformat()}", channel=said)
