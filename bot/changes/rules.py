"""What the settings say of one command's approvals, over what the command itself declares."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from bot.errors import NotConfiguredError
from bot.operation import Change, Registry
from bot.people import Role, ids
from bot.settings import ApprovalRule, ApprovalSettings, RoleSettings
from bot.store.incidents import Incident

_NOTHING: Final = ApprovalRule()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """How one command is approved. `listed` are who may, where the settings name them: nobody else then may."""

    quorum: int
    lasts: timedelta
    listed: frozenset[str]


def rule_of(change: Change[Any], approvals: ApprovalSettings) -> Rule:
    """How this command is approved."""
    given = approvals.rules.get(change.words, _NOTHING)
    lasts = change.expires_after
    if given.expires_after_hours is not None:
        lasts = timedelta(hours=given.expires_after_hours)
    return Rule(quorum=given.quorum or change.quorum, lasts=lasts, listed=ids(given.approvers))


def called(change: Change[Any], rule: Rule, roles: RoleSettings) -> tuple[str, ...]:
    """The ids of the people and user groups who are called to approve it."""
    listed = rule.listed or ids(roles.admins if change.approver is Role.ADMIN else roles.approvers)
    return tuple(sorted(listed))


def first_reminder(approvals: ApprovalSettings, incident: Incident | None) -> timedelta:
    """How long after it was asked a request is first reminded of: sooner where an incident is grave."""
    grave = incident is not None and incident.is_grave
    return timedelta(minutes=approvals.remind_in_incident_after_minutes if grave else approvals.remind_after_minutes)


def check(approvals: ApprovalSettings, registry: Registry) -> None:
    """Raise NotConfiguredError where a rule could never do what somebody meant by it."""
    changes = {operation.words: operation for operation in registry if isinstance(operation, Change)}
    for words, rule in approvals.rules.items():
        if words not in changes:
            near = difflib.get_close_matches(words, changes, n=1)
            what = "which needs no approval" if words in registry.by_words else "and there is no such command"
            raise NotConfiguredError(
                f"ILAB_APPROVALS__RULES has a rule for “{words}”, {what}.",
                why=f"Did you mean “{near[0]}”?" if near else "",
                todo=f"Rules are for {', '.join(sorted(changes))}.",
            )
        strange = sorted(id_ for id_ in ids(rule.approvers) if id_[:1] not in ("S", "U", "W") or not id_.isalnum())
        if strange:
            raise NotConfiguredError(
                f"ILAB_APPROVALS__RULES names “{strange[0]}” among the approvers of “{words}”, and that is no id.",
                todo="User groups are S…, people U… or W…: in Slack, “Copy group ID” and “Copy member ID”.",
            )
        people = ids(rule.approvers)
        enough = rule.quorum or changes[words].quorum
        if people and not any(id_.startswith("S") for id_ in people) and len(people) < enough:
            raise NotConfiguredError(
                f"ILAB_APPROVALS__RULES asks for {enough} approvals of “{words}”, and names {len(people)} who may give one.",
                todo="Name more people or a user group, or ask for fewer approvals.",
            )
