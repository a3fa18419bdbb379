"""Break-glass: who may run a change alone, and when. Reversible mitigations of a real, open P0 or P1, and nothing else.

[pure]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.operation import Change
from bot.people import Actor
from bot.policy import Allow, Deny

if TYPE_CHECKING:
    from bot.roster import Roster
    from bot.store.incidents import Incident


def has_glass(change: Change[Any], incident: Incident | None) -> bool:
    """Whether anybody at all could break it: the change is a reversible mitigation, the incident grave, open and real."""
    return change.break_glass and incident is not None and incident.is_grave and incident.drill is None


def why_none(change: Change[Any], incident: Incident | None) -> Deny:
    """Why nobody could."""
    if not change.break_glass:
        why = f"`{change.words}` cannot be taken back by a press, so it always needs a second person."
    elif incident is None:
        why = "This request belongs to no incident."
    elif incident.drill is not None:
        why = f"INC-{incident.id} is a drill, and a drill unlocks nothing."
    else:
        why = f"INC-{incident.id} is no open P0 or P1."
    return Deny(why=why, todo="Its card mentions who may approve it.")


def appointed_by_another(incident: Incident, actor: Actor) -> bool:
    """Whether the actor leads the incident, and was not the one who said so."""
    return incident.lead == actor.id and incident.lead_by not in (None, actor.id)


def decide(incident: Incident, actor: Actor, duty: Roster | None, *, levels: int) -> Allow | Deny:
    """Return whether the actor may break the glass of a change that has one; `levels` of the policy count as on call."""
    if appointed_by_another(incident, actor):
        return Allow()
    if duty is None:
        return Deny(
            why="Nobody can say who is on call: PagerDuty does not answer, or is not configured.",
            todo="Let somebody else make you the lead: `/ilab incident lead`. Or ask an approver.",
        )
    level = duty.level_of(actor.email)
    if level is not None and level <= levels:
        return Allow()
    if not actor.email:
        why = "Slack does not tell me your e-mail address, by which PagerDuty knows you."
    elif level is None:
        why = "PagerDuty does not have you on call, and nobody else made you the lead of this incident."
    else:
        why = f"PagerDuty has you on call at level {level}; up to level {levels} may break glass."
    return Deny(why=why, todo="The person on call may, or a lead whom another person appointed. Or ask an approver.")
