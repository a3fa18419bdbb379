"""A watch speaks on change, and not about a flicker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.health.changes import as_told, changes
from bot.health.check import Report
from bot.health.readings import Group, Reading, State
from bot.health.verdict import verdict

START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
EVERY = timedelta(seconds=30)


def report(at: datetime, **states: State) -> Report:
    """A report of that moment."""
    readings = tuple(
        Reading(name=name, title=name.capitalize(), group=Group.PRODUCT, state=state, reason="so", checked_at=at)
        for name, state in states.items()
    )
    return Report(readings=readings, verdict=verdict(readings), taken_at=at, took=0.1)


def watched(*states: str) -> list[str]:
    """What a watch says of the site, with a report every 30 s, step by step; empty where it is silent."""
    told = report(START, site=State(states[0]))
    said = []
    for step, state in enumerate(states[1:], start=1):
        now = report(START + step * EVERY, site=State(state))
        said.append(" ".join(f"{change.before.state}→{change.after.state}" for change in changes(told, now)))
        told = as_told(told, now)
    return said


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["ok", "ok", "ok"], ["", ""]),
        (["ok", "down", "down", "ok", "ok"], ["ok→down", "", "down→ok", ""]),
        (["ok", "unknown", "ok"], ["", ""]),
        (["ok", "unknown", "unknown", "unknown", "unknown", "unknown"], ["", "", "", "ok→unknown", ""]),
        (["down", "unknown", "ok"], ["", "down→ok"]),
        (["down", "unknown", "down"], ["", ""]),
        (["ok", "degraded", "ok", "degraded", "ok"], ["", "", "", ""]),
        (["ok", "degraded", "degraded", "degraded"], ["", "ok→degraded", ""]),
        (["ok", "degraded", "down"], ["", "ok→down"]),
        (["down", "degraded", "ok"], ["down→degraded", "degraded→ok"]),
        (["degraded", "down", "ok"], ["degraded→down", "down→ok"]),
        (["unknown", "ok"], ["unknown→ok"]),
    ],
)
def test_what_a_watch_says(states: list[str], said: list[str]) -> None:
    """Down and ok at once; degraded the second time; "could not check" after two minutes."""
    assert watched(*states) == said


def test_parts_that_come_or_go_are_no_change() -> None:
    """The settings changed, not the company."""
    before, after = report(START, site=State.OK), report(START + EVERY, api=State.DOWN)
    assert changes(before, after) == []
    assert [reading.name for reading in as_told(before, after).readings] == ["api"]


def test_a_change_is_one_sentence() -> None:
    """What it was, what it is, and why."""
    change = changes(report(START, site=State.OK), report(START + EVERY, site=State.DOWN))[0]
    assert change.sentence == "Site: ok → down (so)"
