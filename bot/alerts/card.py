"""What everybody sees of an alert: how often, since when, what a rule made of it, and what can be done. Mostly pure."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from bot.ages import age
from bot.context import CardOf, Duty, Services
from bot.operation import Answer, Line, Lines, Mark, Offer
from bot.store import alerts, incidents, people
from bot.store.alerts import STORM, Alert
from bot.store.database import Connection
from bot.store.incidents import Incident

MARKS = {"firing": Mark.DOWN, "recovered": Mark.OK, "news": Mark.NONE}
SHOWN = 8
"""Alerts of a storm that are named; the others are counted."""


def card_faces(duty: Duty) -> dict[str, CardOf]:
    """What an alert's card shows."""
    return {"alert": functools.partial(card_of, duty.services)}


async def card_of(services: Services, connection: Connection, subject: str) -> Answer | None:
    """The card of an alert, or of the storm that stands for many, as it stands now."""
    alert = await alerts.get(connection, int(subject.partition(":")[2]))
    if alert is None:
        return None
    incident = await incidents.get(connection, alert.incident) if alert.incident else None
    choices = [one for one in await incidents.open_now(connection) if not one.private and one.drill is None]
    by = alert.dismissed_by or alert.muted_by
    known = await people.get(connection, by) if by else None
    name = known.name if known else by or ""
    if alert.vendor == STORM:
        return storm_card(alert, await alerts.in_storm(connection, alert.id), incident, choices)
    return card(alert, incident, choices, now=services.now(), by=name)


def card(
    alert: Alert, incident: Incident | None, choices: Sequence[Incident], *, now: datetime, by: str = ""
) -> Answer:
    """An alert's card. Pure."""
    return Answer(
        verdict=alert.title,
        mark=MARKS[alert.state],
        evidence=(Lines(lines=(*_lines(alert), *_became(alert, incident, now=now, by=by))),),
        offers=_offers(alert, incident, choices),
        section="Alert Configuration",
    )


def _lines(alert: Alert) -> list[Line]:
    lasted = f", for {age(alert.first_at, alert.ended_at)}" if alert.ended_at and alert.state == "recovered" else ""
    lines = [Line(title="From", text=f"{alert.vendor}: {alert.kind.replace('_', ' ')}{lasted}", when=alert.first_at)]
    if alert.count > 1:
        lines.append(Line(title="Said", text=f"{alert.count} times, last", when=alert.last_at))
    if alert.flaps:
        lines.append(Line(title="Flapping", text=f"it came back {alert.flaps} time{'s' if alert.flaps > 1 else ''}"))
    if alert.link:
        lines.append(Line(title="See", text=alert.link))
    return lines


def _became(alert: Alert, incident: Incident | None, *, now: datetime, by: str) -> list[Line]:
    lines = []
    if alert.verdict:
        lines.append(Line(title="Rule", text=alert.verdict))
    if incident is not None:
        lines.append(_belongs(incident))
    if alert.dismissed_by:
        lines.append(Line(title="Not actionable", text=f"says {by}"))
    elif alert.muted_until is not None and alert.muted_until > now:
        lines.append(Line(title="Muted", text=f"by {by}, until {alert.muted_until:%a %H:%M} UTC"))
    return lines


def _belongs(incident: Incident) -> Line:
    return Line(title="Belongs to", text=f"INC-{incident.id}", channel=incident.channel_id or "")


def _offers(alert: Alert, incident: Incident | None, choices: Sequence[Incident]) -> tuple[Offer, ...]:
    if alert.state != "firing" or incident is not None or alert.dismissed_by:
        return ()
    return (
        Offer(label="Declare incident", words=f"alert declare {alert.id}", style="danger"),
        *(Offer(label=f"Join INC-{one.id}", words=f"alert join {alert.id} {one.id}") for one in choices[:2]),
        Offer(label="Mute 1 h", words=f"alert mute {alert.id} 1h"),
        Offer(label="Not actionable", words=f"alert dismiss {alert.id}"),
    )


def storm_card(alert: Alert, inside: Sequence[Alert], incident: Incident | None, choices: Sequence[Incident]) -> Answer:
    """The card that stands for many alerts. Pure."""
    firing = sum(one.ended_at is None for one in inside)
    said = sum(one.count for one in inside)
    vendors = ", ".join(f"{vendor} {count}" for vendor, count in Counter(one.vendor for one in inside).most_common())
    named = tuple(Line(title=one.title, mark=MARKS[one.state]) for one in inside[-SHOWN:])
    more = (Line(title=f"… and {len(inside) - SHOWN} more"),) if len(inside) > SHOWN else ()
    lines = [Line(title="From", text=vendors, when=alert.first_at), Line(title="Said", text=f"{said} times in all")]
    if incident is not None:
        lines.append(_belongs(incident))
    state = f"{len(inside)} alerts at once, {firing} of them firing" if alert.ended_at is None else "The storm is over"
    return Answer(
        verdict=f"{state} ({len(inside)} alerts)" if alert.ended_at else state,
        mark=MARKS[alert.state],
        evidence=(Lines(lines=tuple(lines)), Lines(heading="The newest", lines=(*named, *more))),
        offers=_offers(alert, incident, choices),
        section="Alert Configuration",
    )
