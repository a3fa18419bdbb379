"""What is known of incidents without the database: a mirror of what it last held, and the journal's lines since.

The journal's lines are facts, each on disk before what it tells of is relied on. Read again after a crash they give the
same ledger, and from there everything goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from bot.context import Context
from bot.degraded.kept import Asked, Broke, Kept, Wanted, add, facts, incident_of
from bot.journal import Journal, Line
from bot.store.incidents import Incident
from bot.store.steps import Recorded
from bot.transitions import Step as RequestStep

FIRST_NUMBER: Final = 100_000
NUMBERS: Final = 900_000


def number_of(key: str) -> int:
    """The number of an incident that is declared without the database: six digits, and for one payload always the same.

    The database counts from 1 and will not come that far: so the number stays when the incident is brought in, with the
    channel that is named after it, and every button.
    """
    return FIRST_NUMBER + int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % NUMBERS


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
        self._note("step", incident, **facts(recorded))

    def ask(self, incident: Incident, number: int, operation: str, plan: Mapping[str, Any], context: Context) -> None:
        """A change is asked for, with its plan."""
        self._note(
            "asked",
            incident,
            request=number,
            request_key=context.request_id,
            operation=operation,
            plan=plan,
            channel=context.place.channel,
            by=context.actor.id,
            name=context.actor.name,
            at=context.now.isoformat(),
        )

    def broke(self, incident: Incident, number: int, deed: Broke) -> None:
        """Somebody broke the glass of a change: it runs."""
        self._note(
            "broke",
            incident,
            request=number,
            by=deed.by,
            name=deed.name,
            why=deed.why,
            by_right_of=dict(deed.by_right_of),
            press=deed.key,
            at=deed.at.isoformat(),
        )

    def request_step(self, incident: Incident, number: int, recorded: Recorded) -> None:
        """A step of a change began, or ended."""
        self._note("request_step", incident, request=number, **facts(recorded))

    def became(
        self, incident: Incident, number: int, step: RequestStep, result: Mapping[str, Any], *, at: datetime
    ) -> None:
        """This became of a change."""
        self._note("became", incident, request=number, step=step.value, result=dict(result), at=at.isoformat())

    def request(self, number: int) -> tuple[Kept, Asked] | None:
        """The change of that number, and the incident that it belongs to."""
        return next(((kept, kept.requests[number]) for kept in self if number in kept.requests), None)

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
            add(kept, line)

    def _declared(self, line: Line) -> None:
        if line["incident"] in self._kept:
            return
        incident = incident_of(line)
        self._kept[incident.id] = Kept(
            incident=incident,
            declared_here=True,
            names={line["by"]: line["name"]},
            due=self._due(incident),
            reached={"declared": incident.declared_at},
            members=[incident.declared_by],
        )
