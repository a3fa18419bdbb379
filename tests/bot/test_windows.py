"""Windows of the week, as the settings name them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from bot.settings import DeploySettings
from bot.windows import covering, opening, parse

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "hours", "spoken"),
    [
        (4, 11.99, None),
        (4, 12, "Friday from 12:00"),
        (4, 23.99, "Friday from 12:00"),
        (5, 0, "Saturday"),
        (6, 23.9, "Sunday"),
        (7, 0, None),
        (1, 2, None),
    ],
)
def test_the_default_is_friday_afternoon_and_the_weekend(days: int, hours: float, spoken: str | None) -> None:
    """From Friday noon to the end of Sunday, by the minute."""
    window = covering(parse(DeploySettings().avoid), MONDAY + timedelta(days=days, hours=hours))
    assert (window.spoken if window else None) == spoken


def test_in_another_time_zone() -> None:
    """Friday noon in Tokyo is three in the night in UTC."""
    windows = parse("fri 12:00-24:00")
    assert covering(windows, MONDAY + timedelta(days=4, hours=3), "Asia/Tokyo")
    assert not covering(windows, MONDAY + timedelta(days=4, hours=16), "Asia/Tokyo")


def test_ranges_of_days_and_parts_of_days() -> None:
    """`sat-mon` goes over the end of the week; a part of a day says both its ends."""
    assert [window.day for window in parse("sat-mon")] == [5, 6, 0]
    assert parse(" Tue  02:00-04:00 ,")[0].spoken == "Tuesday 02:00 to 04:00"
    assert parse("") == ()


@pytest.mark.parametrize(
    "wrong", ["friday", "xyz", "fri 12-24", "fri 14:00-12:00", "fri 12:00-25:00", "fri 12:70-13:00"]
)
def test_what_is_no_window_is_refused_at_the_start(wrong: str) -> None:
    """The settings refuse it with a sentence, before anybody relies on it."""
    with pytest.raises(ValidationError, match=r"is no window|does not end"):
        DeploySettings(avoid=wrong)
    with pytest.raises(ValidationError, match="no time zone"):
        DeploySettings(timezone="Mars/Olympus")


@pytest.mark.parametrize(
    ("at", "begins"),
    [
        ("2026-11-25T10:00", "2026-12-01T02:00"),
        ("2026-12-01T01:59", "2026-12-01T02:00"),
        ("2026-12-01T02:00", "2026-12-08T02:00"),
        ("2026-12-01T05:00", "2026-12-08T02:00"),
    ],
)
def test_when_the_next_begins(at: str, begins: str) -> None:
    """The next time that it begins, which is next week where it has begun today."""
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    found = opening(parse("tue 02:00-04:00"), moment)
    assert found == datetime.fromisoformat(begins).replace(tzinfo=UTC)
    assert opening((), moment) is None
