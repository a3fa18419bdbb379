"""A request's states, and the one table of how it may pass from one to another.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a request for a change stands."""

    RECEIVED = "received"
    """Understood and permitted, not yet planned: it is stored with what planning makes of it."""
    DENIED = "denied"
    AWAITING_APPROVAL = "awaiting_approval"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    STALE = "stale"
    EXECUTING = "executing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Nothing leads on from here."""
        return not TRANSITIONS[self]

    @property
    def label(self) -> str:
        """The state as people read it."""
        return self.value.replace("_", " ")


class Step(StrEnum):
    """What happens to a request."""

    REFUSE = "refuse"
    """The plan says that this cannot be done, or must not."""
    PLAN = "plan"
    APPROVE = "approve"
    """The last approval that was needed, with the plan still true."""
    BREAK_GLASS = "break glass"
    """Somebody who may runs it alone, with the plan still true."""
    REJECT = "reject"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    OUTDATE = "outdate"
    """The plan no longer matches reality."""
    SUCCEED = "succeed"
    FAIL = "fail"
    LOSE = "lose"
    """Whether it happened can be neither asked nor known."""
    ASK_AGAIN = "ask again"
    """A person lets it be asked once more whether it happened."""


TRANSITIONS: Final[Mapping[State, Mapping[Step, State]]] = {
    State.RECEIVED: {Step.REFUSE: State.DENIED, Step.PLAN: State.AWAITING_APPROVAL},
    State.AWAITING_APPROVAL: {
        Step.APPROVE: State.EXECUTING,
        Step.BREAK_GLASS: State.EXECUTING,
        Step.REJECT: State.REJECTED,
        Step.WITHDRAW: State.WITHDRAWN,
        Step.EXPIRE: State.EXPIRED,
        Step.OUTDATE: State.STALE,
    },
    State.EXECUTING: {
        Step.SUCCEED: State.SUCCEEDED,
        Step.FAIL: State.FAILED,
        Step.LOSE: State.UNKNOWN,
        Step.OUTDATE: State.STALE,
    },
    # a person who looked decides what became of it
    State.UNKNOWN: {
        Step.ASK_AGAIN: State.EXECUTING,
        Step.SUCCEED: State.SUCCEEDED,
        Step.FAIL: State.FAILED,
    },
    State.DENIED: {},
    State.REJECTED: {},
    State.WITHDRAWN: {},
    State.EXPIRED: {},
    State.STALE: {},
    State.SUCCEEDED: {},
    State.FAILED: {},
}


def after(state: State, step: Step) -> State | None:
    """The state that the step leads to, or None where it is not possible now."""
    return TRANSITIONS[state].get(step)
