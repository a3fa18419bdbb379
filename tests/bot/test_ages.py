"""Ages, as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.ages import age, exact

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (89 * 60, "89 min"),
        (90 * 60, "2 h"),
        (47 * 3600, "47 h"),
        (48 * 3600, "2 days"),
        (7 * 86400, "7 days"),
    ],
)
def test_an_age_has_one_unit(seconds: int, said: str) -> None:
    """The unit that a person needs, and nothing of what is still ahead."""
    assert age(NOW - timedelta(seconds=seconds), NOW) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3, "0 s"),
        (59, "59 s"),
        (60, "1 min 00 s"),
        (325, "5 min 25 s"),
        (3600, "1 h 00 min"),
        (9390, "2 h 36 min"),
        (86400, "1 day 0 h"),
        (3 * 86400 + 4 * 3600, "3 days 4 h"),
    ],
)
def test_a_length_that_is_judged_is_exact(seconds: int, said: str) -> None:
    """What is held against what was allowed is not rounded to it."""
    assert exact(timedelta(seconds=seconds)) == said
