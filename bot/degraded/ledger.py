"""What is known of incidents without the database: a mirror of what it last held, and the journal's lines since.

The journal's lines are facts, each on disk before what it tells of is relied on. Read again after a crash they give the
same ledger, and from there everything goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from bot.incidents.severity import slug
from bot.journal import Journal, Line
from bot.store.incidents import Incident
from bot.store.steps import Recorded

FIRST_NUMBER: Final = 100_000
NUMBERS: Final = 900_000


def number_of(key: str) -> int:
    """The number of an incident that is declared without the database: six digits, and for one payload always the same.

    The database counts from 1 and will not come that far: so the number stays when the incident is brought in, with the
    channel that is named after it, and every button.
    """
    return FIRST_NUMBER + int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % NUMBERS


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
    rungs: set[str] = field(default_factory=set)
    """The kinds of its clocks that have fired here."""

    def name(self, person: str) -> str:
        """What a person is called."""
        return self.names.get(person, person)


class Ledger:
    """All incidents that this copy knows without the database. Whatever changes is written before it counts."""

    def __init__(
        self, journal: Journal, mirrored: Iterable[Kept], due: Callable[[Incident], Mapping[str, datetime]]
    ) -> None:
        """Begin with what the database last held, and bring in what the journal has since.

        `due` says when the clocks of an incident are due that was declared just now.
        """
        self._journal = journal
        self._due = due
        self._kept = {kept.incident.id: kept for kept in mirrored}
        for line in journal.lines():
            self._apply(line)

    def __iter__(self) -> Iterator[Kept]:
        """Newest first."""
        return iter(sorted(self._kept.values(), key=lambda kept: kept.incident.declared_at, reverse=True))

    def get(self, number: int) -> Kept | None:
        """The incident of that number."""
        return self._kept.get(number)

    def at(self, channel: str, thread_ts: str) -> Kept | None:
        """The incident whose channel that is, or under whose card the thread stands."""
        for kept in self if channel else ():
            card = kept.messages.get(kept.incident.subject)
            under = bool(thread_ts) and card is not None and (card.channel, card.ts) == (channel, thread_ts)
            if under or kept.incident.channel_id == channel:
                return kept
        return None

    def by_key(self, key: str) -> Kept | None:
        """The incident that this payload declared."""
        return next((kept for kept in self if kept.incident.key == key), None)

    def declare(self, incident: Incident, *, name: str, message: str) -> Kept:
        """It is declared, by somebody of that name, perhaps from a message; once for its key."""
        self._note(
            "declared",
            incident,
            severity=incident.severity,
            title=incident.title,
            private=incident.private,
            message=message,
            by=incident.declared_by,
            name=name,
            at=incident.declared_at.isoformat(),
        )
        return self._kept[incident.id]

    def acknowledge(self, incident: Incident, *, by: str, name: str, request: str, at: datetime) -> None:
        """Somebody has it."""
        self._note("acknowledged", incident, by=by, name=name, request=request, at=at.isoformat())

    def set_up(self, incident: Incident) -> None:
        """Nothing of its setting up is tried again by itself."""
        self._note("set_up", incident)

    def pager_told(self, incident: Incident) -> None:
        """PagerDuty knows that somebody has it."""
        self._note("pager_told", incident)

    def rung(self, incident: Incident, kind: str, *, at: datetime) -> None:
        """A clock of its ladder has fired."""
        self._note("rung", incident, clock=kind, at=at.isoformat())

    def channel(self, incident: Incident, channel: str) -> None:
        """This is its channel."""
        self._note("channel", incident, channel=channel)

    def joined(self, incident: Incident, people: Collection[str], *, at: datetime) -> None:
        """They are in its channel."""
        self._note("joined", incident, people=sorted(people), at=at.isoformat())

    def step(self, incident: Incident, recorded: Recorded) -> None:
        """A step began, or ended."""
        self._note(
            "step",
            incident,
            name=recorded.name,
            state=recorded.state,
            result=recorded.result,
            error=recorded.error,
            again=recorded.again,
            at=recorded.started_at.isoformat(),
        )

    def say(self, incident: Incident, message: Wanted, *, at: datetime) -> None:
        """A message is on its way."""
        self._note(
            "say",
            incident,
            message=message.key,
            channel=message.channel,
            body=message.body,
            stream=message.stream,
            thread_of=message.thread_of,
            at=at.isoformat(),
        )

    def said(self, incident: Incident, key: str, *, ts: str) -> None:
        """The message stands in Slack."""
        self._note("said", incident, message=key, ts=ts)

    def _note(self, kind: str, incident: Incident, /, **facts: Any) -> None:
        line = {"line": kind, "incident": incident.id, "key": incident.key, **facts}
        self._journal.write(line)
        self._apply(line)

    def _apply(self, line: Line) -> None:
        if line["line"] == "declared":
            self._declared(line)
        elif (kept := self._kept.get(line.get("incident", 0))) is not None:
            _add(kept, line)

    def _declared(self, line: Line) -> None:
        if line["incident"] in self._kept:
            return
        incident = _incident(line)
        self._kept[incident.id] = Kept(
            incident=incident,
            declared_here=True,
            names={line["by"]: line["name"]},
            due=self._due(incident),
            reached={"declared": incident.declared_at},
            members=[incident.declared_by],
        )


def _add(kept: Kept, line: Line) -> None:
    match line["line"]:
        case "acknowledged":
            _acknowledged(kept, line)
        case "channel":
            kept.incident = replace(kept.incident, channel_id=line["channel"])
        case "joined":
            kept.members += [person for person in line["people"] if person not in kept.members]
        case "step":
            kept.steps[line["name"]] = _recorded(line, kept.steps.get(line["name"]))
        case "say":
            at = datetime.fromisoformat(line["at"])
            kept.messages.setdefault(line["message"], Message(channel=line["channel"], begun_at=at))
        case "said":
            if (message := kept.messages.get(line["message"])) is not None:
                message.ts = line["ts"]
        case "set_up" | "pager_told" as fact:
            setattr(kept, fact, True)
        case "rung":
            kept.rungs.add(line["clock"])


def _acknowledged(kept: Kept, line: Line) -> None:
    if kept.incident.acknowledged_at is not None:
        return
    at = datetime.fromisoformat(line["at"])
    kept.names[line["by"]] = line["name"]
    kept.acknowledged_here = line["request"]
    kept.reached["acknowledged"] = at
    kept.incident = replace(kept.incident, state="acknowledged", acknowledged_by=line["by"], acknowledged_at=at)


def _incident(line: Line) -> Incident:
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


def channel_name(number: int, title: str) -> str:
    """What its channel is called."""
    return f"inc-{number}-{slug(title)}"


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
