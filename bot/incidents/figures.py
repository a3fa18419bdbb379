"""Every time that is measured of an incident is the difference of two of its milestones.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Milestone(StrEnum):
    """A moment of an incident, in the order in which they come."""

    STARTED = "started"
    """The fault began, as far as is known."""
    DETECTED = "detected"
    """An alert or a person noticed."""
    DECLARED = "declared"
    ACKNOWLEDGED = "acknowledged"
    ASSESSED = "assessed"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A time from one milestone to another."""

    name: str
    short: str
    since: Milestone
    until: Milestone


METRICS: Final = (
    Metric(name="Time to detect", short="TTD", since=Milestone.STARTED, until=Milestone.DETECTED),
    Metric(name="Time to acknowledge", short="TTA", since=Milestone.DECLARED, until=Milestone.ACKNOWLEDGED),
    Metric(name="Time to assess", short="", since=Milestone.DECLARED, until=Milestone.ASSESSED),
    Metric(name="Time to mitigate", short="TTM", since=Milestone.STARTED, until=Milestone.MITIGATED),
    Metric(name="Time to resolve", short="TTR", since=Milestone.STARTED, until=Milestone.RESOLVED),
)


def measured(milestones: Mapping[str, datetime]) -> dict[str, timedelta]:
    """Each time by its name; what lacks a milestone is left out, which is not the same as no time at all.

    How long nobody noticed is known only where somebody said when it started.
    """
    known = with_defaults(milestones)
    return {
        metric.name: known[metric.until] - known[metric.since]
        for metric in METRICS
        if metric.since in known
        and metric.until in known
        and (metric.until is not Milestone.DETECTED or Milestone.STARTED in milestones)
    }


def with_defaults(milestones: Mapping[str, datetime]) -> dict[str, datetime]:
    """The milestones, where nobody said when it started, or was noticed: then not later than it was declared."""
    known = dict(milestones)
    if Milestone.DECLARED in known:
        known.setdefault(Milestone.DETECTED, known[Milestone.DECLARED])
    if Milestone.DETECTED in known:
        known.setdefault(Milestone.STARTED, known[Milestone.DETECTED])
    return known


def out_of_order(milestones: Mapping[str, datetime]) -> tuple[str, str] | None:
    """Two milestones of which the later one comes first; None where all are in order."""
    present = [(name, milestones[name]) for name in Milestone if name in milestones]
    for number, (name, at) in enumerate(present):
        for later, its in present[number + 1 :]:
            if its < at:
                return str(name), str(later)
    return None
