"""Ages, as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.ages import age

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
