"""The on-call changes while an incident is open: its channel hears who has come, and the one who comes reads how it stands."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.context import ClockWork, Duty
from bot.incidents import card, moving
from bot.incidents.card import Known
from bot.incidents.telling import tell
from bot.incidents.timeline import Kind
from bot.incidents.visibility import has_room
from bot.operation import Answer, Line, Lines
from bot.roster import HAND_OVER, rung
from bot.store import incidents, members, on_call, timeline
from bot.store.incidents import Incident
from bot.store.on_call import OnDuty

LAST: Final = 3
"""Entries of the timeline that the note repeats."""


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when somebody has come on call."""
    return {HAND_OVER: functools.partial(hand_over, duty)}


async def hand_over(duty: Duty, subject: str, due_at: datetime) -> None:
    """Who has come on call is in the channel, and everybody there reads the hand-over note, once."""
    services, now = duty.services, duty.services.now()
    async with services.database.connection() as connection:
        incident = await incidents.get(connection, int(subject.partition(":")[2]))
        come = [one for one in await on_call.everybody(connection) if one.changed_at >= due_at]
        if incident is None or not incident.is_open or not come:
            return
        known = await card.known_of(connection, incident)
        last = [entry for entry in await timeline.of(connection, incident.id) if entry.kind is not Kind.SET_UP][-LAST:]
    found = await duty.rooms.people([one.email for one in come])
    if incident.channel_id and has_room(incident):
        refused = await duty.rooms.invite(incident.channel_id, list(found.values()))
    else:
        refused = {}
    key = f"hand-over:{due_at.isoformat()}"
    answer = note(incident, known, come, [Line(title=entry.said, when=entry.at) for entry in last])
    async with services.database.transaction() as transaction:
        for person in found.values():
            if person not in refused and incident.channel_id:
                await members.add(transaction, incident.id, person, at=now)
        await timeline.add(
            transaction,
            incident.id,
            Kind.ROLE,
            key=key,
            actor=moving.BOT,
            said=answer.verdict,
            at=due_at,
            recorded_at=now,
        )
        said = Answer(verdict=answer.verdict, evidence=answer.evidence, mentions=tuple(found.values()))
        await tell(services, transaction, incident, key=key, channel=said)


def note(incident: Incident, known: Known, come: Sequence[OnDuty], last: Sequence[Line]) -> Answer:
    """What the one who comes must know. Pure."""
    who = "; ".join(
        f"{rung(one.level)}: {one.name}" + (f", who takes over from {one.replaced}" if one.replaced else "")
        for one in come
    )
    return Answer(
        verdict=f"On call now for {incident.label}: {who}.",
        evidence=(
            Lines(heading="How it stands", lines=card.standing(incident, known)),
            *((Lines(heading="What happened last", lines=tuple(last)),) if last else ()),
        ),
    )
