"""What the public is told of an incident, to begin with: no title of ours, no cause by name, no promise.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.incidents.states import State

if TYPE_CHECKING:
    from bot.store.incidents import Incident

PUBLIC: Final = ("investigating", "identified", "monitoring", "resolved")
"""Statuspage's states of an incident, in the order in which they come."""
_STATES: Final[Mapping[State, str]] = {
    State.DECLARED: "investigating",
    State.ACKNOWLEDGED: "investigating",
    State.ASSESSED: "identified",
    State.MITIGATED: "monitoring",
}
_AFFECTED: Final = {"P0": "major_outage", "P1": "partial_outage"}
_CAUSES: Final = {
    "deployment": "We have found the cause in a recent change of ours, and are taking it back.",
    "third_party": "The cause lies with a provider that we depend on. We are in touch with them and limit the effects.",
    "database": "We have found the cause in our database, and are working on it.",
}
_FOUND: Final = "We have found the cause, and are working on a fix."
NEXT: Final = "We will say more within 30 minutes."


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A post on the status page, before anybody has agreed to it."""

    state: str
    name: str
    body: str


def draft(incident: Incident, components: Sequence[str] = ()) -> Draft:
    """What can be said of the incident as it stands, of these parts of the product or of all of it."""
    what = " and ".join(filter(None, (", ".join(components[:-1]), *components[-1:]))) or "InterviewLab"
    state = public_state(incident)
    said = {
        "investigating": f"We are looking into a problem with {what}. {NEXT}",
        "identified": f"There is a problem with {what}. {_CAUSES.get(incident.cause or '', _FOUND)} {NEXT}",
        "monitoring": f"A fix for the problem with {what} is in place, and we are watching it. "
        "If it still does not work for you, please write to us.",
        "resolved": f"The problem with {what} is solved. We are sorry for the trouble.",
    }
    return Draft(state=state, name=f"Problem with {what}", body=said[state])


def public_state(incident: Incident) -> str:
    """How Statuspage calls the incident's state."""
    return _STATES.get(State(incident.state), "resolved")


def component_state(incident: Incident, state: str) -> str:
    """How the parts that are affected stand: by severity, until it is resolved."""
    return "operational" if state == "resolved" else _AFFECTED.get(incident.severity, "degraded_performance")
