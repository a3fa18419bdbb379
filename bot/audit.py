"""The audit's closed vocabulary, and the check of its chain.

[pure]
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

SEED: Final = hashlib.sha256(b"ilab audit").digest()
"""What the first row is chained to."""


_ADDRESS: Final = re.compile(r"[^\s@<>\"'(),;:|]+@[^\s@<>\"'(),;:|]+\.[^\s@<>\"'(),;:|.]+")
_ID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
"""What the product's accounts are numbered by."""


class Event(StrEnum):
    """Everything that can be in the audit."""

    DENIED = "denied"
    TOKEN_ISSUED = "token.issued"  # noqa: S105 -- a name
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 -- a name
    WATCH_STARTED = "watch.started"
    WATCH_STOPPED = "watch.stopped"
    REQUESTED = "request.asked"
    REFUSED = "request.refused"
    DELEGATED = "request.delegated"
    BROKE_GLASS = "request.broke_glass"
    ASKED_AGAIN = "request.asked_again"
    SETTLED = "request.settled"
    APPROVER_PAGED = "request.approver_paged"
    APPROVED = "request.approved"
    REJECTED = "request.rejected"
    WITHDRAWN = "request.withdrawn"
    EXPIRED = "request.expired"
    OUTDATED = "request.stale"
    EXECUTED = "request.executed"
    DECLARED = "incident.declared"
    ACKNOWLEDGED = "incident.acknowledged"
    RETRIED = "incident.setup_retried"
    ALERT_JOINED = "alert.joined"
    ALERT_MUTED = "alert.muted"
    ALERT_DISMISSED = "alert.dismissed"
    ASSESSED = "incident.assessed"
    UPDATED = "incident.updated"
    MITIGATED = "incident.mitigated"
    RESOLVED = "incident.resolved"
    REOPENED = "incident.reopened"
    CANCELLED = "incident.cancelled"
    MERGED = "incident.merged"
    LAPSED = "incident.acknowledgement_expired"
    RECLASSIFIED = "incident.severity"
    APPOINTED = "incident.role"
    RENAMED = "incident.title"
    SNOOZED = "incident.snoozed"
    NOTED = "incident.noted"
    CORRECTED = "incident.milestone"
    JOINED = "incident.joined"
    PUBLISHED = "incident.published"
    CLOSED = "incident.closed"
    CHANNEL_KEPT = "incident.channel_kept"
    POSTMORTEM_WRITTEN = "postmortem.written"
    TASK_ADDED = "task.added"
    TASK_GIVEN = "task.given"
    TASK_CHANGED = "task.changed"
    TASK_SNOOZED = "task.snoozed"
    TASK_DONE = "task.done"
    TASK_DROPPED = "task.dropped"
    MAINTENANCE_ASKED = "maintenance.asked"
    MAINTENANCE_MOVED = "maintenance.moved"
    ESCALATED = "incident.escalated"
    REHOUSED = "incident.rehoused"
    PRACTISED = "drill.practised"
    DRILL_CLEANED = "drill.cleaned"
    HEAD_POSTED = "audit.head_posted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What was done: one entry, to be read by people."""

    seq: int
    at: datetime
    kind: str
    actor: str
    subject: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which entries are wanted; None where it does not matter."""

    actor: str | None = None
    kind: str | None = None
    """A kind, or what kinds begin with: `request`."""
    subject: str | None = None
    text: str | None = None
    """Part of a kind, a subject or a command."""
    since: datetime | None = None
    before: int | None = None
    """Older than the entry of this number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row, as stored. `recomputed` is its canonical text made anew from its columns."""

    seq: int
    canonical: str
    prev_hash: bytes
    hash: bytes
    recomputed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    """An end of the chain that is known from elsewhere: the head's own row, or a head once posted to Slack."""

    seq: int
    hash: bytes
    where: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong with the chain, at row `seq`."""

    seq: int
    what: str


def link(prev_hash: bytes, canonical: str) -> bytes:
    """The hash of a row: SHA-256 over the hash before it and its canonical text in UTF-8."""
    return hashlib.sha256(prev_hash + canonical.encode()).digest()


def nameless(value: Any) -> Any:
    """Return it without e-mail addresses and accounts' ids: what is in the audit can never be taken out again."""
    if isinstance(value, str):
        return _ID.sub("•••", _ADDRESS.sub("•••", value))
    if isinstance(value, Mapping):
        return {nameless(name): nameless(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [nameless(held) for held in value]
    return value


class Check:
    """The check of a chain, row by row. Nothing of it is kept but its end, however long it is."""

    def __init__(self, anchors: Iterable[Anchor], *, head: Anchor | None) -> None:
        """`head` is where the chain must end; None where somebody took that away."""
        self._head = head
        self._anchors = sorted(anchors, key=lambda anchor: anchor.seq)
        self._anchored = {anchor.seq for anchor in self._anchors}
        self._known: dict[int, bytes] = {}
        self.count = 0
        self._last, self._before = 0, SEED

    def look(self, row: Row) -> Iterator[Finding]:
        """What is wrong with the next row; rows come in order of `seq`, from the first."""
        self.count += 1
        if row.seq <= self._last:
            yield Finding(seq=row.seq, what=f"row {row.seq} does not belong to the chain")
            return
        if row.seq > self._last + 1:
            yield Finding(seq=self._last + 1, what=f"{_rows(self._last + 1, row.seq - 1)} missing")
        elif row.prev_hash != self._before:
            yield Finding(seq=row.seq, what=f"row {row.seq} is not chained to row {self._last}")
        if row.canonical != row.recomputed:
            yield Finding(seq=row.seq, what=f"row {row.seq} was altered: its columns no longer say what was sealed")
        elif link(row.prev_hash, row.canonical) != row.hash:
            yield Finding(seq=row.seq, what=f"row {row.seq} was altered: its hash does not fit")
        self._last, self._before = row.seq, row.hash
        if row.seq in self._anchored:
            self._known[row.seq] = row.hash

    def end(self) -> Iterator[Finding]:
        """What is wrong with the whole, now that every row was looked at."""
        for anchor in self._anchors:
            if anchor.seq > self._last:
                yield self._cut(anchor)
            elif self._known.get(anchor.seq, anchor.hash) != anchor.hash:
                yield Finding(seq=anchor.seq, what=f"row {anchor.seq} is not the one known from {anchor.where}")
        if self._head is None:
            yield Finding(seq=self._last + 1, what="the head is missing: whether the end was cut off cannot be known")
        elif self._head.seq > self._last:
            yield self._cut(self._head)
        elif self._head.seq < self._last:
            extra = _rows(self._head.seq + 1, self._last)
            yield Finding(seq=self._head.seq + 1, what=f"{extra} beyond the head: added behind the audit's back")
        elif self._head.hash != self._before:
            yield Finding(seq=self._last, what=f"row {self._last} is not the one known from {self._head.where}")

    def _cut(self, anchor: Anchor) -> Finding:
        missing = _rows(self._last + 1, anchor.seq)
        return Finding(seq=self._last + 1, what=f"the end was cut off: {missing} missing, known from {anchor.where}")


def _rows(first: int, last: int) -> str:
    return f"row {first} is" if first == last else f"rows {first} to {last} are"


def verify(rows: Iterable[Row], anchors: Iterable[Anchor], *, head: Anchor | None) -> Iterator[Finding]:
    """Every altered, missing, foreign and cut-off row of a chain that must end at `head`."""
    check = Check(anchors, head=head)
    for row in rows:
        yield from check.look(row)
    yield from check.end()
