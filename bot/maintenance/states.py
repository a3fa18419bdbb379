"""A maintenance's states, and the one table of how it may pass from one to another.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a maintenance stands."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    WATCHING = "watching"
    """The work is done, the site is open, and what follows is watched."""
    DONE = "done"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """What happens to a maintenance."""

    START = "start"
    FINISH = "finish"
    COMPLETE = "complete"
    CANCEL = "cancel"


TRANSITIONS: Final[Mapping[State, Mapping[Step, State]]] = {
    State.SCHEDULED: {Step.START: State.RUNNING, Step.CANCEL: State.CANCELLED},
    State.RUNNING: {Step.FINISH: State.WATCHING},
    State.WATCHING: {Step.COMPLETE: State.DONE},
    State.DONE: {},
    State.CANCELLED: {},
}


def after(state: State, step: Step) -> State | None:
    """The state that the step leads to, or None where it is not possible now."""
    return TRANSITIONS[state].get(step)
