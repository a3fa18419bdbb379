"""An incident as it is known without the database, and how a line of the journal changes that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from bot.incidents.severity import channel_name
from bot.journal import Line
from bot.store.incidents import Incident
from bot.store.requests import Request
from bot.store.steps import Recorded
from bot.transitions import State, after
from bot.transitions import Step as RequestStep


@dataclass(frozen=True, kw_only=True, slots=True)
class Broke:
    """Who broke a glass, why, by what right, and by which press."""

    by: str
    name: str
    why: str
    by_right_of: Mapping[str, Any]
    key: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A message that is to be said. `key` is what it would have by the outbox; a card has no `stream`."""

    key: str
    channel: str
    body: Mapping[str, Any]
    stream: str = ""
    thread_of: str | None = None


@dataclass(kw_only=True, slots=True)
class Message:
    """A message of ours in Slack, or on its way there as long as it has no `ts`."""

    channel: str
    begun_at: datetime
    """Real time."""
    ts: str | None = None


@dataclass(kw_only=True, slots=True)
class Asked:
    """A change that was asked for here, and how far it came."""

    request: Request
    by_right_of: Mapping[str, Any] = field(default_factory=dict)
    """By what whoever broke its glass might."""
    steps: dict[str, Recorded] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class Kept:
    """One incident, as it stands. `declared_here`: our database does not know it yet."""

    incident: Incident
    declared_here: bool
    names: dict[str, str]
    """People's names, by id."""
    due: Mapping[str, datetime]
    """When each clock is due that runs."""
    reached: dict[str, datetime] = field(default_factory=dict)
    """The milestones."""
    members: list[str] = field(default_factory=list)
    """Who belongs in its channel, as far as that is known."""
    steps: dict[str, Recorded] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    """By the key in their metadata: a card's subject, or a post's key."""
    set_up: bool = False
    """Whatever of its setting up did not work needs a person."""
    acknowledged_here: str = ""
    """The request by which somebody took it here."""
    pager_told: bool = False
    """PagerDuty knows of the acknowledgement."""
    requests: dict[int, Asked] = field(default_factory=dict)
    rungs: set[str] = field(default_factory=set)
    """The kinds of its clocks that have fired here."""

    def name(self, person: str) -> str:
        """What a person is called."""
        return self.names.get(person, person)


def add(kept: Kept, line: Line) -> None:
    """The incident stands as the line says. A kind that this version does not know changes nothing."""
    if line["line"] in _ADD:
        _ADD[line["line"]](kept, line)


def _channel(kept: Kept, line: Line) -> None:
    kept.incident = replace(kept.incident, channel_id=line["channel"])


def _joined(kept: Kept, line: Line) -> None:
    kept.members += [person for person in line["people"] if person not in kept.members]


def _step(kept: Kept, line: Line) -> None:
    kept.steps[line["name"]] = _recorded(line, kept.steps.get(line["name"]))


def _say(kept: Kept, line: Line) -> None:
    at = datetime.fromisoformat(line["at"])
    kept.messages.setdefault(line["message"], Message(channel=line["channel"], begun_at=at))


def _said(kept: Kept, line: Line) -> None:
    if (message := kept.messages.get(line["message"])) is not None:
        message.ts = line["ts"]


def _set_up(kept: Kept, _: Line) -> None:
    kept.set_up = True


def _pager_told(kept: Kept, _: Line) -> None:
    kept.pager_told = True


def _rung(kept: Kept, line: Line) -> None:
    kept.rungs.add(line["clock"])


def _asked(kept: Kept, line: Line) -> None:
    kept.names.setdefault(line["by"], line["name"])
    kept.requests.setdefault(line["request"], Asked(request=_request(line)))


def _went_on(kept: Kept, line: Line) -> None:
    if (asked := kept.requests.get(line["request"])) is not None:
        _go_on(kept, asked, line)


def _go_on(kept: Kept, asked: Asked, line: Line) -> None:
    request = asked.request
    if line["line"] == "request_step":
        asked.steps[line["name"]] = _recorded(line, asked.steps.get(line["name"]))
        return
    at = datetime.fromisoformat(line["at"])
    step = RequestStep.BREAK_GLASS if line["line"] == "broke" else RequestStep(line["step"])
    state = after(request.state, step)
    if state is None:
        return
    if step is RequestStep.BREAK_GLASS:
        kept.names[line["by"]] = line["name"]
        asked.by_right_of = line["by_right_of"]
        asked.request = replace(
            request, state=state, decided_at=at, broken_glass_by=line["by"], broken_glass_why=line["why"]
        )
    else:
        asked.request = replace(request, state=state, ended_at=at if state.is_final else None, result=line["result"])


def _request(line: Line) -> Request:
    at = datetime.fromisoformat(line["at"])
    return Request(
        id=line["request"],
        key=line["request_key"],
        operation=line["operation"],
        requester=line["by"],
        channel=line["channel"],
        state=State.AWAITING_APPROVAL,
        plan=line["plan"],
        quorum=1,
        asked_at=at,
        expires_at=at,
        decided_at=None,
        ended_at=None,
        reason="",
        result=None,
        incident=line["incident"],
    )


def facts(recorded: Recorded) -> dict[str, Any]:
    """A step, as a line says it."""
    return {
        "name": recorded.name,
        "state": recorded.state,
        "result": recorded.result,
        "error": recorded.error,
        "again": recorded.again,
        "at": recorded.started_at.isoformat(),
    }


def _acknowledged(kept: Kept, line: Line) -> None:
    if kept.incident.acknowledged_at is not None:
        return
    at = datetime.fromisoformat(line["at"])
    kept.names[line["by"]] = line["name"]
    kept.acknowledged_here = line["request"]
    kept.reached["acknowledged"] = at
    kept.incident = replace(kept.incident, state="acknowledged", acknowledged_by=line["by"], acknowledged_at=at)


def incident_of(line: Line) -> Incident:
    """The incident that a line declared."""
    return Incident(
        id=line["incident"],
        key=line["key"],
        severity=line["severity"],
        title=line["title"],
        private=line["private"],
        state="declared",
        declared_by=line["by"],
        declared_at=datetime.fromisoformat(line["at"]),
        acknowledged_by=None,
        acknowledged_at=None,
        channel_name=channel_name(line["incident"], line["title"]),
        channel_id=None,
    )


def _recorded(line: Line, before: Recorded | None) -> Recorded:
    begun = line["state"] == "started"
    return Recorded(
        name=line["name"],
        state=line["state"],
        result=line["result"],
        error=line["error"],
        attempts=(before.attempts if before else 0) + begun,
        started_at=datetime.fromisoformat(line["at"]),
        again=line["again"],
    )


_ADD: Final[Mapping[str, Callable[[Kept, Line], None]]] = {
    "acknowledged": _acknowledged,
    "channel": _channel,
    "joined": _joined,
    "step": _step,
    "say": _say,
    "said": _said,
    "set_up": _set_up,
    "pager_told": _pager_told,
    "rung": _rung,
    "asked": _asked,
    "broke": _went_on,
    "request_step": _went_on,
    "became": _went_on,
}
