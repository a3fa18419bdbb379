"""All that a post-mortem is made of, as values.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

NOWHERE: Final = "nowhere"
"""The source of what nothing counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """Something that was counted in the time of the incident, where, and when; `unknown` says why it was not."""

    name: str
    value: str = ""
    source: str
    at: datetime
    unknown: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspect:
    """Something that changed before the incident or during it."""

    at: datetime
    title: str
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What PagerDuty did or was told: somebody was `notified`, or it was `acknowledged` or `resolved`."""

    at: datetime
    what: str
    who: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What was asked of vendors and of the product when the incident was over, for the time from `since` to `until`."""

    since: datetime
    until: datetime
    figures: tuple[Figure, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    suspects_unknown: tuple[str, ...] = ()
    pages: tuple[Page, ...] = ()
    pages_unknown: str = ""

    @property
    def lacks(self) -> bool:
        """Something could not be measured: it may be, later."""
        return bool(
            self.suspects_unknown
            or self.pages_unknown
            or any(one.unknown for one in self.figures if one.source != NOWHERE)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Spell:
    """How grave it was, for how long, and who said so."""

    severity: str
    since: datetime
    until: datetime
    by: str
    row: int
    """Of the audit."""

    @property
    def lasted(self) -> timedelta:
        """How long it was that grave."""
        return self.until - self.since


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """A milestone: who recorded it, and where it was corrected why, and what was believed before."""

    name: str
    at: datetime
    by: str
    reason: str = ""
    before: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """What a step was allowed after declaring, and what it took; None where it was never reached."""

    step: str
    allowed: timedelta
    took: timedelta | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Signal:
    """An alert of the incident."""

    number: int
    vendor: str
    title: str
    first_at: datetime
    ended_at: datetime | None
    count: int
    link: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """An entry of the timeline, as it counts now."""

    at: datetime
    kind: str
    who: str
    said: str
    link: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """Something that was asked for because of the incident, and what became of it."""

    number: int
    what: str
    asked_by: str
    asked_at: datetime
    approved_by: tuple[str, ...]
    state: str
    result: str = ""
    reason: str = ""
    ended_at: datetime | None = None
    glass_by: str = ""
    glass_why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """An action item."""

    number: int
    said: str
    owner: str
    due_at: datetime | None
    state: str
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """What the server wrote just before it was declared, as it was saved then."""

    said: str
    lines: tuple[str, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Where the records stand in the audit, and how its chain ends: by that it can be checked later."""

    rows: tuple[int, ...]
    head: int
    hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """One incident, when it is over or so far."""

    label: str
    title: str
    severity: str
    state: str
    private: bool
    drill: bool
    score: tuple[str, ...]
    """How a drill went; nothing of a real one."""
    declared_by: str
    source: str
    """`person` or `alert`."""
    until: datetime
    """When it was over; while it is open, now."""
    is_over: bool
    due_at: datetime | None
    version: int
    written_at: datetime
    measured: Measured
    spells: tuple[Spell, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    cause: str = ""
    reached: tuple[Reached, ...] = ()
    allowed: tuple[Allowed, ...] = ()
    silence: Allowed | None = None
    """The longest time in which people heard nothing, and what was allowed."""
    signals: tuple[Signal, ...] = ()
    timeline: tuple[Moment, ...] = ()
    actions: tuple[Action, ...] = ()
    items: tuple[Item, ...] = ()
    users: str = ""
    """A draft for users, where they may be told."""
    log: Excerpt | None = None
    proof: Proof | None = None
    finished: str = ""
    """Who said that it is done, when, and where what people wrote stands."""
