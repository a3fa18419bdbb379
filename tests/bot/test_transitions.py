"""A request's states: the whole table, and what never follows from what."""

from __future__ import annotations

import pytest

from bot.transitions import TRANSITIONS, State, Step, after

FINAL = {State.DENIED, State.REJECTED, State.WITHDRAWN, State.EXPIRED, State.STALE, State.SUCCEEDED, State.FAILED}


@pytest.mark.parametrize("state", list(State))
def test_every_state_is_in_the_table(state: State) -> None:
    """Final states lead nowhere, and all others lead on."""
    assert state.is_final == (state in FINAL)
    assert (TRANSITIONS[state] == {}) == (state in FINAL)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("step", list(Step))
def test_a_step_leads_where_the_table_says(state: State, step: Step) -> None:
    """Only what was approved ever runs, and only what ran ends as done, failed or unknown."""
    reached = after(state, step)
    if reached is State.EXECUTING:
        assert (state, step) == (State.AWAITING_APPROVAL, Step.APPROVE)
    if reached in (State.SUCCEEDED, State.FAILED):
        assert state in (State.EXECUTING, State.UNKNOWN)
    if reached is State.UNKNOWN:
        assert (state, step) == (State.EXECUTING, Step.LOSE)


def test_every_state_can_be_reached() -> None:
    """From `received`, by the steps of the table."""
    reached, frontier = set(), {State.RECEIVED}
    while frontier:
        reached |= frontier
        frontier = {target for state in frontier for target in TRANSITIONS[state].values()} - reached
    assert reached == set(State)
