"""When the owner of a task is reminded of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.tasks.reminders import AGAIN, BEFORE, DUE, LATE, is_overtaken, put_off, schedule

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("lasts", "before"),
    [(3 * HOUR, HOUR), (3 * DAY, DAY), (10 * DAY, DAY), (timedelta(0), timedelta(0))],
)
def test_before_it_is_due(lasts: timedelta, before: timedelta) -> None:
    """A day before, and of a short time a third of it."""
    assert schedule(NOON + lasts, since=NOON) == {
        BEFORE: NOON + lasts - before,
        DUE: NOON + lasts,
        LATE: NOON + lasts + DAY,
    }


def test_put_off() -> None:
    """What falls into the time that was asked for is left out; at its end there is one reminder."""
    planned = schedule(NOON + 3 * DAY, since=NOON)
    assert put_off(planned, until=NOON + 2 * DAY + HOUR) == {
        DUE: NOON + 3 * DAY,
        LATE: NOON + 4 * DAY,
        AGAIN: NOON + 2 * DAY + HOUR,
    }
    assert put_off({}, until=NOON) == {AGAIN: NOON}


@pytest.mark.parametrize(
    ("kind", "now", "overtaken"),
    [
        (BEFORE, NOON - HOUR, False),
        (BEFORE, NOON, True),
        (DUE, NOON, False),
        (DUE, NOON + DAY, True),
        (LATE, NOON + 30 * DAY, False),
        (AGAIN, NOON + 30 * DAY, False),
    ],
)
def test_only_the_last_speaks(kind: str, now: datetime, overtaken: bool) -> None:  # noqa: FBT001
    """After hours in which nothing ran, a reminder that a later one makes needless says nothing."""
    assert is_overtaken(kind, NOON, now) is overtaken
