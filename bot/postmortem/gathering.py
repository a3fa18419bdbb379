"""What our own records hold of an incident, brought together for its post-mortem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from bot.audit import Entry as Row
from bot.audit import Event
from bot.context import Services
from bot.drills import scored
from bot.incidents import card
from bot.incidents.drafts import draft
from bot.incidents.figures import Milestone, with_defaults
from bot.incidents.marks import standing
from bot.incidents.states import State
from bot.incidents.telling import spoken
from bot.incidents.timeline import Kind
from bot.incidents.visibility import goes_outside
from bot.markdown import minute
from bot.postmortem.facts import (
    Action,
    Allowed,
    Excerpt,
    Facts,
    Item,
    Measured,
    Moment,
    Proof,
    Reached,
    Signal,
    Spell,
)
from bot.store import alerts, audit, milestones, people, postmortems, requests, steps, tasks, timeline
from bot.store.database import Connection
from bot.store.incidents import Incident
from bot.store.requests import Request
from bot.store.timeline import Entry

PARTS: Final = (("Lead", "lead"), ("Communications", "communications"), ("Scribe", "scribe"))
STEPS: Final = (
    ("Acknowledge", Milestone.ACKNOWLEDGED, "acknowledge_minutes"),
    ("Assess", Milestone.ASSESSED, "assess_minutes"),
    ("Mitigate", Milestone.MITIGATED, "mitigate_minutes"),
)
"""Steps that the settings allow a time, counted from declaring."""
ABOUT_IT: Final = (Kind.POSTMORTEM, Kind.CLOSED)
"""What the post-mortem itself causes."""
AFTERWARDS: Final = (Kind.TASK, Kind.CLOCK, Kind.SET_UP)
"""What happens about an incident that is over belongs to its tasks and reminders, not to what happened."""


async def span(connection: Connection, incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """From when to when it lasted, as far as is known; while it is open, until now."""
    known = with_defaults(await milestones.of(connection, incident.id))
    ended = known.get(Milestone.RESOLVED, incident.ended_at)
    over = ended if ended is not None and not State(incident.state).is_open else now
    return known.get(Milestone.STARTED, incident.declared_at), max(over, incident.declared_at)


async def gather(
    services: Services, connection: Connection, incident: Incident, measured: Measured, *, version: int
) -> Facts:
    """All of it as it is known now."""
    names = _Names(connection)
    entries = standing(await timeline.of(connection, incident.id))
    asked = await requests.of_incident(connection, incident.id)
    rows = await audit.of(connection, [incident.subject, *(f"request:{one.id}" for one in asked)])
    settings = services.settings.incidents.deadlines(incident.severity)
    owed = timedelta(hours=settings.postmortem_hours)
    known = await milestones.of(connection, incident.id)
    return Facts(
        label=incident.label,
        title=incident.title,
        severity=incident.severity,
        state=incident.state,
        private=incident.private,
        drill=incident.drill is not None,
        score=tuple(f"{one.title}: {one.text}" for one in await scored.score_lines(services, connection, incident)),
        declared_by=await names.of(incident.declared_by),
        source=incident.source,
        until=measured.until,
        is_over=not State(incident.state).is_open,
        due_at=incident.ended_at + owed if owed and incident.ended_at else None,
        version=version,
        written_at=services.now(),
        finished=await _finished(connection, incident, names),
        measured=measured,
        spells=await _spells(incident, rows, measured.until, names),
        roles={part: await names.of(who) for part, name in PARTS if (who := getattr(incident, name))},
        cause=card.cause(incident) if incident.cause else "",
        reached=await _reached(connection, incident, names),
        allowed=_allowed(known, settings),
        silence=_silence(entries, known, timedelta(minutes=settings.update_minutes), measured.until),
        signals=tuple(
            Signal(
                number=one.id,
                vendor=one.vendor,
                title=one.title,
                first_at=one.first_at,
                ended_at=one.ended_at,
                count=one.count,
                link=one.link,
            )
            for one in await alerts.of_incident(connection, incident.id)
        ),
        timeline=tuple(
            [
                Moment(
                    at=one.at,
                    kind=one.kind.value,
                    who=await names.of(one.actor),
                    said=spoken(incident, one.said),
                    link=one.link,
                )
                for one in entries
                if _belongs(one, measured.until)
            ]
        ),
        actions=tuple([await _action(connection, one, names) for one in asked]),
        items=tuple(
            [
                Item(
                    number=one.id,
                    said=one.said,
                    owner=await names.of(one.owner) if one.owner else "",
                    due_at=one.due_at,
                    state=one.state,
                    kind=one.kind or "",
                )
                for one in await tasks.of(connection, incident.id)
            ]
        ),
        users=draft(incident).body if goes_outside(incident) else "",
        log=await _log(connection, incident),
        proof=await _proof(connection, rows),
    )


async def _finished(connection: Connection, incident: Incident, names: _Names) -> str:
    done = await postmortems.done(connection, incident.id)
    if done is None:
        return ""
    where = f"; what people wrote stands at {done.where}" if done.where else ""
    return f"done, says {await names.of(done.by)}, since {minute(done.at)}{where}"


class _Names:
    """What people are called; each is looked up once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, str] = {}

    async def of(self, person: str) -> str:
        if person not in self._known:
            self._known[person] = await people.name_of(self._connection, person)
        return self._known[person]


def _belongs(entry: Entry, until: datetime) -> bool:
    """Whether it is told in the timeline: not the post-mortem itself, and of what came after only what people say of it."""
    if entry.kind in ABOUT_IT:
        return False
    return entry.at <= until or entry.kind not in AFTERWARDS


async def _spells(incident: Incident, rows: Sequence[Row], until: datetime, names: _Names) -> tuple[Spell, ...]:
    """How grave it was from when to when, by the audit, which nobody can change."""
    said: list[tuple[str, Row]] = []
    for row in rows:
        if row.subject == incident.subject and row.kind == Event.DECLARED.value:
            said.append((str(row.detail.get("severity", "")), row))
        elif row.subject == incident.subject and row.kind == Event.RECLASSIFIED.value:
            said.append((str(row.detail.get("after", "")), row))
    ends = [row.at for _, row in said[1:]] + [max(until, said[-1][1].at)] if said else []
    return tuple(
        [
            Spell(severity=severity, since=row.at, until=end, by=await names.of(row.actor), row=row.seq)
            for (severity, row), end in zip(said, ends, strict=True)
        ]
    )


async def _reached(connection: Connection, incident: Incident, names: _Names) -> tuple[Reached, ...]:
    """Each milestone as it is known now, with the reason of its correction and what was believed before."""
    found: dict[str, Reached] = {}
    for name, at, by, reason in await milestones.history(connection, incident.id):
        before = found.pop(name, None)
        if at is not None:
            found[name] = Reached(
                name=name, at=at, by=await names.of(by), reason=reason, before=before.at if before and reason else None
            )
    return tuple(found.values())


def _allowed(known: Mapping[str, datetime], settings: object) -> tuple[Allowed, ...]:
    """What each step was allowed and took, counted from declaring. Pure."""
    declared = known.get(Milestone.DECLARED)
    found = []
    for step, milestone, setting in STEPS:
        minutes: float = getattr(settings, setting)
        if minutes:
            reached = known.get(milestone)
            took = reached - declared if reached and declared else None
            found.append(Allowed(step=step, allowed=timedelta(minutes=minutes), took=took))
    return tuple(found)


def _silence(
    entries: Sequence[Entry], known: Mapping[str, datetime], allowed: timedelta, until: datetime
) -> Allowed | None:
    """The longest time while it was open in which nobody said anything to those who wait. Pure."""
    declared = known.get(Milestone.DECLARED)
    if not allowed or declared is None:
        return None
    told = (Kind.UPDATE, Kind.STATUS_PAGE, Kind.ACKNOWLEDGED, Kind.ASSESSED, Kind.MITIGATED, Kind.RESOLVED)
    said = sorted({declared, *(one.at for one in entries if one.kind in told and declared <= one.at <= until), until})
    longest = max((later - earlier for earlier, later in pairwise(said)), default=timedelta(0))
    return Allowed(step="Update", allowed=allowed, took=longest)


async def _action(connection: Connection, request: Request, names: _Names) -> Action:
    approvers = await requests.approvers(connection, request.id)
    glass = request.broken_glass_by
    return Action(
        number=request.id,
        what=str(request.plan["effect"]),
        asked_by=await names.of(request.requester),
        asked_at=request.asked_at,
        approved_by=tuple([await names.of(who) for who in approvers]),
        state=request.state.label,
        result=str((request.result or {}).get("said", "")),
        reason=request.reason,
        ended_at=request.ended_at,
        glass_by=await names.of(glass) if glass else "",
        glass_why=request.broken_glass_why,
    )


async def _log(connection: Connection, incident: Incident) -> Excerpt | None:
    """What the server wrote just before it was declared, as its setting up saved it."""
    saved = (await steps.all_of(connection, incident.subject)).get("log")
    if saved is None or saved.result is None:
        return None
    at = saved.result.get("at")
    return Excerpt(
        said=str(saved.result.get("said", "")),
        lines=tuple(str(line) for line in saved.result.get("lines", ())),
        at=datetime.fromisoformat(at) if at else None,
    )


async def _proof(connection: Connection, rows: Sequence[Row]) -> Proof | None:
    head = await audit.head(connection)
    if head is None:
        return None
    return Proof(rows=tuple(row.seq for row in rows), head=head.seq, hash=head.hash.hex())
