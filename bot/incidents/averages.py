"""How long incidents take on the whole: mean and median of each time, by severity and month.

[pure]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean, median
from typing import Final

from bot.incidents.figures import measured

MEANT: Final[Mapping[str, str]] = {
    "MTTA": "Time to acknowledge",
    "MTTM": "Time to mitigate",
    "MTTR": "Time to resolve",
}
"""Each figure by the metric whose mean it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """An incident of which times are known."""

    severity: str
    declared_at: datetime
    reached: Mapping[str, datetime]
    """The milestones, as they are known now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Average:
    """One figure of one severity in one month. `count`: on how many incidents it stands."""

    month: str
    severity: str
    name: str
    mean: timedelta
    median: timedelta
    count: int


def averages(past: Iterable[Past]) -> tuple[Average, ...]:
    """Each figure that stands on one incident at least: the newest month first, then by severity."""
    taken: dict[tuple[str, str, str], list[float]] = {}
    for one in past:
        times = measured(one.reached)
        month = f"{one.declared_at.astimezone(UTC):%Y-%m}"
        for name, metric in MEANT.items():
            if metric in times:
                taken.setdefault((month, one.severity, name), []).append(times[metric].total_seconds())
    found = [
        Average(
            month=month,
            severity=severity,
            name=name,
            mean=timedelta(seconds=mean(seconds)),
            median=timedelta(seconds=median(seconds)),
            count=len(seconds),
        )
        for (month, severity, name), seconds in taken.items()
    ]
    by_severity = sorted(found, key=lambda one: (one.severity, one.name))
    return tuple(sorted(by_severity, key=lambda one: one.month, reverse=True))
