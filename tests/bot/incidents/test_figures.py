"""Every time of an incident is the difference of two milestones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.incidents.figures import METRICS, Milestone, measured, out_of_order, with_defaults

T0 = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


def at(**minutes: float) -> dict[str, datetime]:
    """Milestones, in minutes after two o'clock."""
    return {name: T0 + timedelta(minutes=after) for name, after in minutes.items()}


@pytest.mark.parametrize(
    ("milestones", "times"),
    [
        ({}, {}),
        (at(declared=0), {}),
        (at(declared=0, acknowledged=4), {"Time to acknowledge": 4}),
        (at(started=-3, declared=0), {"Time to detect": 3}),
        (
            at(started=-10, detected=-2, declared=0, acknowledged=4, assessed=12, mitigated=20, resolved=50),
            {
                "Time to detect": 8,
                "Time to acknowledge": 4,
                "Time to assess": 12,
                "Time to mitigate": 30,
                "Time to resolve": 60,
            },
        ),
        # nobody said when it started: it was not later than somebody noticed
        (at(detected=-2, declared=0, resolved=50), {"Time to resolve": 52}),
        # a step that was skipped has no time, which is not no time at all
        (at(declared=0, resolved=50), {"Time to resolve": 50}),
    ],
)
def test_times_are_differences(milestones: dict[str, datetime], times: dict[str, float]) -> None:
    """Each from its two milestones, and none from anything else."""
    assert measured(milestones) == {name: timedelta(minutes=minutes) for name, minutes in times.items()}


def test_every_milestone_is_measured() -> None:
    """Each milestone bounds a time."""
    assert {metric.since for metric in METRICS} | {metric.until for metric in METRICS} == set(Milestone)
    assert with_defaults({}) == {}


@pytest.mark.parametrize(
    ("milestones", "found"),
    [
        (at(declared=0, acknowledged=4, resolved=9), None),
        (at(declared=0, acknowledged=4, resolved=3), ("acknowledged", "resolved")),
        (at(started=1, declared=0), ("started", "declared")),
        (at(), None),
    ],
)
def test_an_order_that_cannot_be_is_named(milestones: dict[str, datetime], found: tuple[str, str] | None) -> None:
    """A correction that puts one milestone before an earlier one says which two."""
    assert out_of_order(milestones) == found
