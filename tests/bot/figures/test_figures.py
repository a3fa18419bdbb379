"""Figures: their thresholds, their words, and when a crossing is worth a word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.figures.hysteresis import Stand, after
from bot.figures.kinds import FIGURES, Level

NOW = datetime(2026, 3, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
K, W, A, U = Level.OK, Level.WARN, Level.ALERT, Level.UNKNOWN


@pytest.mark.parametrize(
    ("name", "value", "level", "spoken"),
    [
        ("p95", 640, K, "640 ms"),
        ("p95", 2000, K, "2.0 s"),
        ("p95", 2001, W, "2.0 s"),
        ("p95", 3100, A, "3.1 s"),
        ("error_share", 0.4, K, "0.4 %"),
        ("error_share", 50, W, "50 %"),
        ("errors", 10, W, "10.0 /min"),
        ("errors", 10.1, A, "10.1 /min"),
        ("completion", 80, K, "80 %"),
        ("completion", 79.9, W, "80 %"),
        ("completion", 59, A, "59 %"),
        ("payments", 94.9, A, "95 %"),
        ("connections", 86, A, "86 %"),
        ("signups", 1234, K, "1,234"),
        ("mrr", 4120.4, K, "4,120 USD"),
    ],
)
def test_a_value_against_its_thresholds(name: str, value: float, level: Level, spoken: str) -> None:
    """Beyond a threshold, not at it; low is bad where that is so."""
    assert FIGURES[name].level(value) is level
    assert FIGURES[name].spoken(value) == spoken


@pytest.mark.parametrize(
    ("measured", "levels"),
    [
        ([A, K, A, K], [K, K, K, K]),
        ([A, A], [K, A]),
        ([W, W, A, A], [K, W, W, A]),
        ([A, A, K, K, A, K, K, K], [K, A, A, A, A, A, A, K]),
        ([A, W, W], [K, K, W]),
        ([U] * 14, [K] * 14),
        ([U] * 16, [K] * 15 + [U]),
        ([U] * 16 + [K], [K] * 15 + [U, K]),
        ([A, U, A, A], [K, K, K, A]),
        ([A, A, U, U], [K, A, A, A]),
    ],
)
def test_when_a_crossing_counts(measured: list[Level], levels: list[Level]) -> None:
    """Two worse in a row, three better in a row; unknown after a quarter of an hour, and at once no more."""
    stand, found = Stand(), []
    for number, level in enumerate(measured):
        stand = after(stand, level, NOW + number * MINUTE, silence=timedelta(minutes=15))
        found.append(stand.level)
    assert found == levels


def test_thresholds_are_said() -> None:
    """In the words of the figure's unit."""
    assert FIGURES["p95"].bounds == "warn above 2.0 s, alert above 3.0 s"
    assert FIGURES["completion"].bounds == "warn below 80 %, alert below 60 %"
    assert FIGURES["signups"].bounds == ""
