"""The card of an incident: what everybody sees of it, in #incidents and in its own channel, edited in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bot.ages import age
from bot.context import CardOf, Duty, Services
from bot.incidents import status_page
from bot.incidents.deadlines import KINDS, Group
from bot.incidents.next_steps import done_for, next_steps
from bot.incidents.severity import SEVERITIES
from bot.incidents.states import CAUSES, State
from bot.incidents.telling import marked
from bot.incidents.timeline import Kind
from bot.incidents.visibility import has_room
from bot.operation import Answer, Line, Lines, Mark, Offer
from bot.roster import numbers
from bot.store import clocks, incidents, milestones, on_call, people, postmortems, steps, timeline
from bot.store.database import Connection
from bot.store.incidents import Incident

SECTION: Final = "P0 Response Procedure"
TITLES: Final = {
    "page": "On-call paged",
    "channel": "Channel",
    "card": "Card in the channel",
    "on_call": "On-call found",
    "people": "People invited",
    "topic": "Topic",
    "bookmarks": "Bookmarks",
    "pin": "Card pinned",
    "snapshot": "First snapshot of health",
    "changes": "What changed",
    "log": "Server log saved",
}
_STEP_MARKS: Final = {"done": Mark.OK, "failed": Mark.DOWN, "started": Mark.NONE}
_STATE_MARKS: Final = {State.DECLARED: Mark.DOWN, State.RESOLVED: Mark.OK, State.CLOSED: Mark.OK}
_DUE: Final[Mapping[str, str]] = {
    "ack_again": "Acknowledge",
    "assess_overdue": "Assess",
    "mitigate_overdue": "Mitigate",
    "update_overdue": "Next update",
    "postmortem_overdue": "Post-mortem",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What a card shows besides the incident itself."""

    names: Mapping[str, str]
    """By id."""
    steps: Mapping[str, steps.Recorded]
    due: Mapping[str, datetime]
    """When each clock is due that runs."""
    reached: Mapping[str, datetime]
    """The milestones."""
    update: str = ""
    """The last update."""
    updated_at: datetime | None = None
    postmortem: tuple[str, str] = ("", "")
    """Where people read its post-mortem, and how that stands."""
    done: frozenset[str] = frozenset()
    """The commands that succeeded because of it."""
    numbers: tuple[Line, ...] = ()
    """Whom to call by telephone, where nobody was paged."""


def card_faces(duty: Duty) -> dict[str, CardOf]:
    """What an incident's cards show, in #incidents and in its own channel."""

    async def card_of(connection: Connection, subject: str) -> Answer | None:
        incident = await incidents.get(connection, int(subject.partition(":")[2]))
        if incident is None:
            return None
        known = await known_of(connection, incident)
        paged = known.steps.get("page")
        if paged is not None and paged.state == "failed" and incident.acknowledged_at is None:
            known = replace(known, numbers=numbers(await on_call.everybody(connection), duty.services.now()))
        return card(incident, known, duty.services)

    return {"incident": card_of, "room": card_of}


async def known_of(connection: Connection, incident: Incident) -> Known:
    """All that a card shows."""
    parts = (
        incident.declared_by,
        incident.acknowledged_by,
        incident.lead,
        incident.communications,
        incident.scribe,
    )
    newest = await timeline.newest(connection, incident.id, Kind.UPDATE)
    ended = State(incident.state) in (State.RESOLVED, State.CLOSED)
    return Known(
        names={part: await people.name_of(connection, part) for part in parts if part},
        steps=await steps.all_of(connection, incident.subject),
        due=await clocks.running(connection, incident.subject),
        reached=await milestones.of(connection, incident.id),
        update=newest.said if newest else "",
        updated_at=newest.at if newest else None,
        done=await done_for(connection, incident),
        postmortem=await postmortems.standing(connection, incident.id) if ended else ("", ""),
    )


def card(incident: Incident, known: Known, services: Services) -> Answer:
    """What everybody sees of an incident. Pure."""
    state = State(incident.state)
    failed = any(step.state == "failed" for step in known.steps.values())
    setting_up = _setting_up(known.steps)
    offered = list(next_steps(incident, services, known.done))
    offered += status_page.offer(incident, services) if state.is_open else ()
    if incident.room_lost is not None and state.is_open:
        offered.insert(1, Offer(label="New channel", words=f"incident room {incident.number}"))
    if failed and state.is_open:
        offered.append(Offer(label="Retry what failed", words=f"incident retry {incident.id}"))
    if state.is_open:
        offered.append(Offer(label="Status", words="status"))
    groups = [Lines(lines=standing(incident, known))]
    if known.numbers:
        groups.append(Lines(heading="Nobody was paged: call them", lines=known.numbers))
    if setting_up and (failed or state is State.DECLARED):
        groups.append(Lines(heading="Set up", lines=setting_up))
    return marked(
        incident,
        Answer(
            verdict=f"{incident.label} {incident.severity} {incident.title}",
            mark=_STATE_MARKS.get(state, Mark.DEGRADED if state.is_open else Mark.NONE),
            evidence=tuple(groups),
            offers=tuple(offered),
            section=SECTION,
        ),
    )


def _setting_up(known: Mapping[str, steps.Recorded]) -> tuple[Line, ...]:
    """What is set up stands in one line, so that the buttons stay on a phone's screen; what is not, each in its own."""
    done = [title for name, title in TITLES.items() if name in known and known[name].state == "done"]
    together = (Line(title=_listed(done), mark=Mark.OK),) if done else ()
    return together + tuple(
        Line(title=title, text=_why(known[name]), mark=_STEP_MARKS[known[name].state])
        for name, title in TITLES.items()
        if name in known and known[name].state != "done"
    )


def _listed(titles: Sequence[str]) -> str:
    first, *others = titles
    return ", ".join((first, *(f"{other[:1].lower()}{other[1:]}" for other in others)))


def _why(step: steps.Recorded) -> str:
    return f"{step.error or ''} It is tried again by itself.".strip() if step.again else step.error or ""


def standing(incident: Incident, known: Known) -> tuple[Line, ...]:
    """How it stands, line by line. Pure."""
    severity = SEVERITIES[incident.severity]
    state = State(incident.state)
    lines = [
        Line(title="Severity", text=f"{severity.code} {severity.word}: {severity.means}"),
        Line(title="State", text=state_of(incident)),
        Line(title="Declared", text=f"by {_declarer(incident, known)}", when=incident.declared_at),
    ]
    if incident.private:
        lines.append(Line(title="Private", text="known to those in this channel, and to administrators"))
    elif incident.room_lost is not None:
        lines.append(
            Line(title="Its channel", text=f"is {incident.room_lost}; the thread here reads it all", mark=Mark.DOWN)
        )
    elif incident.channel_id:
        lines.append(Line(title="Channel", channel=incident.channel_id))
    lines += [
        Line(title=title, text=known.names[who])
        for title, who in (
            ("Lead", incident.lead),
            ("Communications", incident.communications),
            ("Scribe", incident.scribe),
        )
        if who
    ]
    if incident.acknowledged_at is not None:
        took = age(incident.declared_at, known.reached.get("acknowledged", incident.acknowledged_at))
        who = f"by {known.names[incident.acknowledged_by or '']}, after {took}"
        lines.append(Line(title="Acknowledged", text=who, mark=Mark.OK, when=incident.acknowledged_at))
    elif state is State.DECLARED and has_room(incident):
        lines.append(Line(title="Not acknowledged", text="nobody has it yet", mark=Mark.DOWN))
    if incident.cause:
        lines.append(Line(title="Cause", text=cause(incident)))
    lines += [
        Line(title=name.capitalize(), mark=Mark.OK, when=known.reached[name])
        for name in ("mitigated", "resolved")
        if name in known.reached
    ]
    if known.update:
        lines.append(Line(title="Last update", text=known.update, when=known.updated_at))
    there, how = known.postmortem
    if there:
        lines.append(Line(title="Post-mortem", text=how, link=there))
    if state.is_open or state is State.RESOLVED:
        lines += [Line(title=f"{_DUE[kind]} by", when=at) for kind, at in known.due.items() if _is_shown(kind)]
    return tuple(lines)


def _declarer(incident: Incident, known: Known) -> str:
    return "an alert" if incident.source == "alert" else known.names[incident.declared_by]


def _is_shown(kind: str) -> bool:
    return kind in _DUE and KINDS[kind] is not Group.SIGN_OF_LIFE


def state_of(incident: Incident) -> str:
    """Its state as people read it. Pure."""
    return f"merged into INC-{incident.merged_into}" if incident.merged_into else incident.state


def cause(incident: Incident) -> str:
    """What is behind it, as it was assessed. Pure."""
    share = f", about {incident.share:g} % of the users" if incident.share is not None else ""
    found = f": {incident.found}" if incident.found else ""
    return f"{CAUSES[incident.cause or 'other']}{share}{found}"
