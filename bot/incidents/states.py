"""An incident's states, the one table of how it may pass from one to another, and what its card offers in each.

[pure]
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final

from bot.operation import Offer


class State(StrEnum):
    """Where an incident stands."""

    DECLARED = "declared"
    ACKNOWLEDGED = "acknowledged"
    ASSESSED = "assessed"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"

    @property
    def is_open(self) -> bool:
        """Somebody must still do something about the fault itself."""
        return self in OPEN


class Step(StrEnum):
    """What happens to an incident."""

    ACKNOWLEDGE = "acknowledge"
    LAPSE = "lapse"
    """Whoever acknowledged it was not heard of since."""
    ASSESS = "assess"
    MITIGATE = "mitigate"
    RESOLVE = "resolve"
    CLOSE = "close"
    """Its post-mortem is done, or a reason says why there is none."""
    CANCEL = "cancel"
    MERGE = "merge"
    REOPEN = "reopen"


OPEN: Final = (State.DECLARED, State.ACKNOWLEDGED, State.ASSESSED, State.MITIGATED)

# A tired person may skip a step: who resolves what nobody acknowledged has it, too. Assessing late or again changes what
# is known, not where it stands. What did not hold is reopened, to whoever has it; what was over, to everybody.
TRANSITIONS: Final[Mapping[State, Mapping[Step, State]]] = {
    State.DECLARED: {
        Step.ACKNOWLEDGE: State.ACKNOWLEDGED,
        Step.ASSESS: State.ASSESSED,
        Step.MITIGATE: State.MITIGATED,
        Step.RESOLVE: State.RESOLVED,
        Step.CANCEL: State.CANCELLED,
        Step.MERGE: State.MERGED,
    },
    State.ACKNOWLEDGED: {
        Step.LAPSE: State.DECLARED,
        Step.ASSESS: State.ASSESSED,
        Step.MITIGATE: State.MITIGATED,
        Step.RESOLVE: State.RESOLVED,
        Step.CANCEL: State.CANCELLED,
        Step.MERGE: State.MERGED,
    },
    State.ASSESSED: {
        Step.ASSESS: State.ASSESSED,
        Step.MITIGATE: State.MITIGATED,
        Step.RESOLVE: State.RESOLVED,
        Step.CANCEL: State.CANCELLED,
        Step.MERGE: State.MERGED,
    },
    State.MITIGATED: {
        Step.ASSESS: State.MITIGATED,
        Step.RESOLVE: State.RESOLVED,
        Step.REOPEN: State.ACKNOWLEDGED,
        Step.CANCEL: State.CANCELLED,
        Step.MERGE: State.MERGED,
    },
    State.RESOLVED: {
        Step.ASSESS: State.RESOLVED,
        Step.CLOSE: State.CLOSED,
        Step.REOPEN: State.DECLARED,
        Step.MERGE: State.MERGED,
    },
    State.CLOSED: {Step.REOPEN: State.DECLARED},
    State.CANCELLED: {Step.REOPEN: State.DECLARED},
    State.MERGED: {Step.REOPEN: State.DECLARED},
}


def after(state: State, step: Step) -> State | None:
    """The state that the step leads to, or None where it is not possible now."""
    return TRANSITIONS[state].get(step)


_VERIFIED: Final = "Health is looked at first. Where all is well, everybody is told that it is over."
_NEXT: Final[Mapping[State, tuple[tuple[str, str], ...]]] = {
    State.DECLARED: (("Acknowledge", "ack"), ("Assess…", "assess"), ("Update…", "update")),
    State.ACKNOWLEDGED: (("Assess…", "assess"), ("Update…", "update"), ("Mitigated…", "mitigate")),
    State.ASSESSED: (("Mitigated…", "mitigate"), ("Update…", "update"), ("Resolve", "resolve")),
    State.MITIGATED: (("Resolve", "resolve"), ("Update…", "update"), ("Fault is back…", "reopen")),
    State.RESOLVED: (("Post-mortem", "postmortem"), ("Fault is back…", "reopen")),
    State.CLOSED: (("Post-mortem", "postmortem"),),
    State.CANCELLED: (("Reopen…", "reopen"),),
    State.MERGED: (("Reopen…", "reopen"),),
}
"""The buttons of each state; one that ends in dots opens a form."""

CAUSES: Final[Mapping[str, str]] = {
    "deployment": "a deployment",
    "third_party": "a third party",
    "database": "the database",
    "other": "something else",
}

_MEASURES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "deployment": (("Roll back", "rollback"),),
    "third_party": (("Vendors' contacts", "contacts"),),
    "database": (("Backups", "db backups"), ("Health of the database", "db health")),
    "other": (("Maintenance mode", "maintenance on"),),
}
"""What the runbook says for each cause: roll back at once; tell users, and the vendor; restore where that is needed."""


def offers(
    state: State, incident: int, *, cause: str | None, commands: Collection[str], done: Collection[str] = ()
) -> tuple[Offer, ...]:
    """The next steps, the likeliest first; once the cause is known, what the runbook says for it comes before them.

    What was `done` already comes last: who presses it again takes back one deployment more.
    """
    possible = measures_for(cause, commands) if state is State.ASSESSED else ()
    measures = tuple(one for one in possible if one.words not in done)
    again = tuple(replace(one, style="") for one in possible if one.words in done)
    named = [(label, word) for label, word in _NEXT[state] if _command(word) in commands]
    steps = [
        Offer(
            label=label,
            words=f"{_command(word)} INC-{incident}",
            style="" if measures or number or not state.is_open else "primary",
            confirm=_VERIFIED if word == "resolve" else "",
        )
        for number, (label, word) in enumerate(named)
    ]
    return (*measures, *steps, *again)


def measures_for(cause: str | None, commands: Collection[str]) -> tuple[Offer, ...]:
    """What can be done about a cause, of the commands that there are."""
    return tuple(
        Offer(label=label, words=words, style="" if number else "primary")
        for number, (label, words) in enumerate(_MEASURES.get(cause or "", ()))
        if words in commands
    )


def _command(word: str) -> str:
    return word if word == "postmortem" else f"incident {word}"
