"""May this person do this? The one place that decides.

[pure]
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from bot.operation import Change, Operation
from bot.people import Actor, Standing


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


def asks_anew(operation: Operation | None) -> bool:
    """Return whether a role may not be a minute old for this: where it decides that something happens at once."""
    alone = isinstance(operation, Change) and operation.quorum == 0
    return operation is not None and (operation.anew or alone)


def decide(operation: Operation, actor: Actor) -> Allow | Deny:
    """Return whether the actor may run the operation now."""
    if actor.standing is not Standing.MEMBER:
        ask = "Try again in a minute." if actor.standing is Standing.UNKNOWN else "Ask a member of the team."
        return Deny(why=_NO_RIGHTS[actor.standing], todo=ask)
    if actor.role < operation.who and not (operation.named_too and actor.named):
        return Deny(
            why=f"`{operation.words}` needs {operation.who.phrase}; you are {actor.role.phrase}.",
            todo="The roles come from Slack user groups: ask an admin to add you to one.",
        )
    return Allow()


def decide_approval(
    change: Change[Any], listed: AbstractSet[str], actor: Actor, *, are: str = "you are"
) -> Allow | Deny:
    """Return whether the actor may approve, deny or hand on a request for this change; who asked for it is not looked at.

    `listed` are the people and user groups whom the settings name for it; with none it is the role the change declares.
    `are` is how a refusal speaks of the actor.
    """
    if actor.standing is not Standing.MEMBER:
        return Deny(why=_NO_RIGHTS[actor.standing], todo="Ask another approver.")
    if listed:
        if actor.ids & listed:
            return Allow()
        return Deny(
            why=f"The settings name who may approve `{change.words}`, and {are} not among them.",
            todo="Its card mentions who may.",
        )
    if actor.role < change.approver:
        return Deny(
            why=f"Approving `{change.words}` needs {change.approver.phrase}; {are} {actor.role.phrase}.",
            todo="Its card mentions who may.",
        )
    return Allow()
