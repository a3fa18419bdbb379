"""All that is known of one incident, for who asks: how it stands, its times, and what happened last."""

from __future__ import annotations

from typing import Final

from bot.context import Context
from bot.incidents import card
from bot.incidents.figures import measured, with_defaults
from bot.incidents.resolving import times
from bot.incidents.telling import marked
from bot.incidents.visibility import audience
from bot.operation import Answer, Line, Lines
from bot.store import people, timeline
from bot.store.database import Connection
from bot.store.incidents import Incident

LAST: Final = 10


async def shown(incident: Incident, context: Context, connection: Connection) -> Answer:
    """The incident as it stands now."""
    known = await card.known_of(connection, incident)
    entries = await timeline.of(connection, incident.id)
    names = {entry.actor: await people.name_of(connection, entry.actor) for entry in entries[-LAST:]}
    happened = tuple(
        Line(title=f"{entry.at:%H:%M:%S}", text=f"{names[entry.actor]}: {entry.said}") for entry in entries[-LAST:]
    )
    reached = tuple(
        Line(
            title=name.capitalize(),
            text=f"{at:%Y-%m-%d %H:%M:%S} UTC" + ("" if name in known.reached else ", for all that is known"),
        )
        for name, at in sorted(with_defaults(known.reached).items(), key=lambda one: one[1])
    )
    more = f" (of {len(entries)})" if len(entries) > LAST else ""
    face = card.card(incident, known, context.services)
    shown = Answer(
        verdict=f"{face.verdict}: {card.state_of(incident)}",
        mark=face.mark,
        evidence=(
            Lines(lines=card.standing(incident, known)),
            Lines(heading="Milestones", lines=reached),
            Lines(heading="Times", lines=times(measured(known.reached))),
            Lines(heading=f"What happened last{more}, in UTC", lines=happened),
        ),
        offers=face.offers,
        section=card.SECTION,
        at=context.now,
        audience=audience([incident]),
    )
    return marked(incident, shown)
