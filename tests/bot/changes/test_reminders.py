"""When a request is reminded of: ever more rarely, never after it has expired, once for what was missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.changes.reminders import last_reminder, next_reminder, reminders

ASKED = datetime(2026, 3, 1, 3, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """So long after it was asked."""
    return ASKED + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("first", "lasts", "when"),
    [
        (15, 24 * 60, [15, 60, 240, 960]),
        (3, 24 * 60, [3, 12, 48, 192, 768]),
        (15, 60, [15]),
        (15, 10, []),
        (0, 24 * 60, []),
    ],
)
def test_all_of_them(first: float, lasts: float, when: list[float]) -> None:
    """Each four times as late as the one before."""
    found = list(reminders(ASKED, at(lasts), timedelta(minutes=first)))
    assert found == [at(minutes) for minutes in when]


@pytest.mark.parametrize(
    ("now", "last", "following"),
    [(0, 0, 15), (14, 0, 15), (15, 1, 60), (59, 1, 60), (300, 3, 960), (960, 4, None), (1439, 4, None)],
)
def test_which_is_due(now: float, last: int, following: float | None) -> None:
    """By a moment, and the next after it: what passed while nothing ran is one."""
    given = (ASKED, at(24 * 60), timedelta(minutes=15))
    assert last_reminder(*given, now=at(now)) == last
    assert next_reminder(*given, now=at(now)) == (None if following is None else at(following))
