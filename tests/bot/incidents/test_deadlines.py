"""Which clocks run in which state, and when they are due: the runbook's, to the minute."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.incidents.deadlines import (
    KINDS,
    NEXT,
    RUNNING,
    Clock,
    Group,
    rung_after,
    schedule,
    started,
    stopped,
)
from bot.incidents.states import State
from bot.settings import Deadlines, IncidentSettings, P0Deadlines

P0 = {clock.kind: clock for clock in schedule(P0Deadlines())}


@pytest.mark.parametrize(
    ("kind", "minutes", "level", "overdue"),
    [
        ("ack_remind", 3, 0, False),
        ("ack_again", 5, 1, True),
        ("ack_lead", 15, 2, True),
        ("ack_cto", 45, 3, True),
        ("ack_over", 105, 3, True),
        ("ack_lapse", 20, 1, True),
        ("assess_remind", 10, 0, False),
        ("assess_overdue", 15, NEXT, True),
        ("mitigate_remind", 25, 0, False),
        ("mitigate_overdue", 30, NEXT, True),
        ("update_remind", 25, 0, False),
        ("update_overdue", 30, 0, True),
        ("postmortem_half", 24 * 60, 0, False),
        ("postmortem_remind", 40 * 60, 0, False),
        ("postmortem_last", 47 * 60, 0, False),
        ("postmortem_overdue", 48 * 60, 0, True),
    ],
)
def test_a_p0_has_the_runbooks_clocks(kind: str, minutes: float, level: int, *, overdue: bool) -> None:
    """Acknowledge 5, assess 15, mitigate 30, the lead at 15, the CTO 30 later with an hour, the post-mortem 48 h."""
    clock = P0[kind]
    assert (clock.after, clock.level, clock.overdue) == (timedelta(minutes=minutes), level, overdue)
    assert clock.group is KINDS[kind]


def test_nothing_else_runs() -> None:
    """Every kind of clock is in the table above, and the severities without times have none."""
    assert P0.keys() == KINDS.keys()
    settings = IncidentSettings()
    assert [bool(schedule(settings.deadlines(code))) for code in ("P0", "P1", "P2", "P3")] == [True, True, False, False]
    assert [clock.kind for clock in schedule(Deadlines(update_minutes=60))] == ["update_remind", "update_overdue"]


@pytest.mark.parametrize("code", ["P0", "P1"])
def test_each_is_reminded_of_before(code: str) -> None:
    """What becomes overdue is said before, in the same group."""
    clocks = schedule(IncidentSettings().deadlines(code))
    for late in (clock for clock in clocks if clock.overdue and clock.group is not Group.SIGN_OF_LIFE):
        assert any(clock.after < late.after for clock in clocks if clock.group is late.group and not clock.overdue), (
            late.kind
        )


@pytest.mark.parametrize(
    ("before", "now", "ends", "begins"),
    [
        (State.DECLARED, State.ACKNOWLEDGED, [Group.ACKNOWLEDGE], [Group.SIGN_OF_LIFE]),
        (State.ACKNOWLEDGED, State.ASSESSED, [Group.SIGN_OF_LIFE, Group.ASSESS], []),
        (State.ASSESSED, State.MITIGATED, [Group.MITIGATE], []),
        (State.MITIGATED, State.RESOLVED, [Group.UPDATE], [Group.POSTMORTEM]),
        (State.ACKNOWLEDGED, State.DECLARED, [Group.SIGN_OF_LIFE], [Group.ACKNOWLEDGE]),
        (State.DECLARED, State.CANCELLED, [Group.ACKNOWLEDGE, Group.ASSESS, Group.MITIGATE, Group.UPDATE], []),
        (State.RESOLVED, State.CLOSED, [Group.POSTMORTEM], []),
        (
            State.RESOLVED,
            State.DECLARED,
            [Group.POSTMORTEM],
            [Group.ACKNOWLEDGE, Group.ASSESS, Group.MITIGATE, Group.UPDATE],
        ),
        (State.MITIGATED, State.ACKNOWLEDGED, [], [Group.SIGN_OF_LIFE, Group.ASSESS, Group.MITIGATE]),
    ],
)
def test_a_step_stops_its_clocks(before: State, now: State, ends: list[Group], begins: list[Group]) -> None:
    """What was waited for and came stops; what is waited for now begins; the rest runs on."""
    assert list(stopped(before, now)) == ends
    assert list(started(before, now)) == begins


def test_every_state_is_in_the_table() -> None:
    """And what is over, but for its post-mortem, has no clock."""
    assert set(RUNNING) == set(State)
    assert [state for state in State if not RUNNING[state]] == [State.CLOSED, State.CANCELLED, State.MERGED]


@pytest.mark.parametrize(
    ("kind", "state", "rung", "paged"),
    [
        ("ack_remind", State.DECLARED, 1, 0),
        ("ack_again", State.DECLARED, 1, 1),
        ("ack_lead", State.DECLARED, 1, 2),
        ("assess_remind", State.ACKNOWLEDGED, 1, 0),
        ("assess_overdue", State.ACKNOWLEDGED, 1, 2),
        ("assess_overdue", State.DECLARED, 2, 0),
        ("mitigate_overdue", State.ASSESSED, 2, 3),
        ("mitigate_overdue", State.ASSESSED, 3, 3),
        ("mitigate_overdue", State.DECLARED, 3, 0),
        ("update_overdue", State.ASSESSED, 1, 0),
    ],
)
def test_overdue_means_one_rung_up(kind: str, state: State, rung: int, paged: int) -> None:
    """One rung for one silence: while nobody has acknowledged, that ladder alone pages."""
    assert rung_after(P0[kind], state, rung) == paged


def test_a_short_time_is_reminded_of_in_time() -> None:
    """Five minutes before, but never before it began."""
    clocks = {clock.kind: clock for clock in schedule(Deadlines(assess_minutes=3))}
    assert clocks["assess_remind"] == Clock(
        kind="assess_remind", group=Group.ASSESS, after=timedelta(minutes=2), overdue=False
    )
