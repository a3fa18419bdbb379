"""When a request that waits is reminded of: at first soon, then ever more rarely, never after it has expired.

[pure]
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

RARER: Final = 4
"""Each reminder comes so many times as late as the one before: after 15 minutes, 1 hour, 4 hours, 16 hours."""


def reminders(asked_at: datetime, expires_at: datetime, first: timedelta) -> Iterator[datetime]:
    """The moments at which it is reminded of; `first` is how long after it was asked the first comes."""
    after = first
    while first > timedelta() and asked_at + after < expires_at:
        yield asked_at + after
        after *= RARER


def next_reminder(asked_at: datetime, expires_at: datetime, first: timedelta, *, now: datetime) -> datetime | None:
    """The next moment after `now`; those that passed while nothing ran are one reminder, and not several."""
    return next((at for at in reminders(asked_at, expires_at, first) if at > now), None)


def last_reminder(asked_at: datetime, expires_at: datetime, first: timedelta, *, now: datetime) -> int:
    """Which of them was the last to be due by `now`: 1 for the first, 0 where none was."""
    return sum(1 for at in reminders(asked_at, expires_at, first) if at <= now)
