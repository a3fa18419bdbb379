"""May this person do this? The one place that decides.

[pure]
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.operation import Operation
from bot.people import Actor, Role, Standing


@dataclass(frozen=True, kw_only=True, slots=True)
class Allow:
    """Go on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deny:
    """Refused: `why` names what is missing, `todo` what to do about it."""

    why: str
    todo: str


_NO_RIGHTS = {
    Standing.GUEST: "Guests of the workspace have no rights here.",
    Standing.STRANGER: "People of other workspaces have no rights here.",
    Standing.BOT: "Bots have no rights here.",
    Standing.DEACTIVATED: "This account is deactivated.",
    Standing.UNKNOWN: "I could not find out who you are, and unknown people have no rights.",
}


def decide(operation: Operation, actor: Actor) -> Allow | Deny:
    """Return whether the actor may run the operation now."""
    if actor.standing is not Standing.MEMBER:
        ask = "Try again in a minute." if actor.standing is Standing.UNKNOWN else "Ask a member of the team."
        return Deny(why=_NO_RIGHTS[actor.standing], todo=ask)
    if actor.role < operation.who:
        article = "an" if operation.who in (Role.ADMIN, Role.APPROVER) else "a"
        return Deny(
            why=f"`{operation.words}` needs {article} {operation.who.word}; you are a {actor.role.word}.",
            todo="The roles come from Slack user groups: ask an admin to add you to one.",
        )
    return Allow()
