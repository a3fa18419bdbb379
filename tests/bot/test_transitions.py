"""A request's states: the whole table, as docs/design.md draws it, and what never follows from what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.transitions import TRANSITIONS, State, Step, after

FINAL = {State.DENIED, State.REJECTED, State.WITHDRAWN, State.EXPIRED, State.STALE, State.SUCCEEDED, State.FAILED}
DESIGN = Path(__file__).parents[2] / "docs" / "design.md"


@pytest.mark.parametrize("state", list(State))
def test_every_state_is_in_the_table(state: State) -> None:
    """Final states lead nowhere, and all others lead on."""
    assert state.is_final == (state in FINAL)
    assert (TRANSITIONS[state] == {}) == (state in FINAL)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("step", list(Step))
def test_a_step_leads_where_the_table_says(state: State, step: Step) -> None:
    """Only what was approved, or taken under glass, ever runs; and only what ran ends as done, failed or unknown."""
    reached = after(state, step)
    if reached is State.EXECUTING:
        assert (state, step) in (
            (State.AWAITING_APPROVAL, Step.APPROVE),
            (State.AWAITING_APPROVAL, Step.BREAK_GLASS),
            (State.UNKNOWN, Step.ASK_AGAIN),
        )
    if reached in (State.SUCCEEDED, State.FAILED):
        assert state in (State.EXECUTING, State.UNKNOWN)
    if reached is State.UNKNOWN:
        assert (state, step) == (State.EXECUTING, Step.LOSE)


def test_every_state_can_be_reached() -> None:
    """From `received`, by the steps of the table; and every step is one of them."""
    reached, frontier = set(), {State.RECEIVED}
    while frontier:
        reached |= frontier
        frontier = {target for state in frontier for target in TRANSITIONS[state].values()} - reached
    assert reached == set(State)
    assert {step for steps in TRANSITIONS.values() for step in steps} == set(Step)


def test_the_design_draws_this_table() -> None:
    """Each row of docs/design.md is one passage, and there are no others."""
    row = re.compile(r"^\| `(?P<state>[a-z_]+)` \| (?P<step>[a-z ]+) \| `(?P<reached>[a-z_]+)` \|", re.MULTILINE)
    drawn = {(found["state"], found["step"], found["reached"]) for found in row.finditer(DESIGN.read_text("utf-8"))}
    told = {
        (state.value, step.value, reached.value)
        for state, steps in TRANSITIONS.items()
        for step, reached in steps.items()
    }
    assert told <= drawn
    assert {one for one in drawn if one[0] in set(State)} == told
