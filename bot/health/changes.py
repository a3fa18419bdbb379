"""What changed between two reports, for those who watch: it speaks only on change, and not about a flicker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bot.health.check import Report
from bot.health.readings import Reading, State

PATIENCE: Final = {State.UNKNOWN: timedelta(seconds=120), State.DEGRADED: timedelta(seconds=45)}
"""How long a part must not have been as it was before the new state is said. Down and ok are said at once.

With a watch's 30 s: degraded is said the second time in a row, "could not check" after two minutes of it.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A part that is not as it was."""

    before: Reading
    after: Reading

    @property
    def sentence(self) -> str:
        """The change in one line of plain text."""
        return f"{self.after.title}: {self.before.state.label} → {self.after.state.label} ({self.after.reason})"


def changes(before: Report, after: Report) -> list[Change]:
    """Return what a watcher should be told, in the order of the report.

    `before` is not the last report but the last one *as told*: pass what `as_told` returned for it. Parts that came or
    went with the settings are no change.
    """
    known = {reading.name: reading for reading in before.readings}
    return [
        Change(before=known[reading.name], after=reading)
        for reading in after.readings
        if reading.name in known and _to_be_told(known[reading.name], reading, after.taken_at)
    ]


def as_told(before: Report, after: Report) -> Report:
    """Return what the next report is to be compared with: `after`, but what was held back stays as it was.

    So a part that goes from ok to "could not check" and back is never mentioned, and one that goes from down to
    "could not check" to ok is announced as well again.
    """
    known = {reading.name: reading for reading in before.readings}
    readings = tuple(
        known[reading.name]
        if reading.name in known and _held_back(known[reading.name], reading, after.taken_at)
        else reading
        for reading in after.readings
    )
    return replace(after, readings=readings)


def _to_be_told(before: Reading, after: Reading, now: datetime) -> bool:
    return before.state is not after.state and not _held_back(before, after, now)


def _held_back(before: Reading, after: Reading, now: datetime) -> bool:
    """Whether the new state may yet turn out a flicker. From down to degraded is a step of a recovery, said at once."""
    if before.state is after.state or (before.state is State.DOWN and after.state is State.DEGRADED):
        return False
    patience = PATIENCE.get(after.state)
    return patience is not None and now - before.checked_at < patience
