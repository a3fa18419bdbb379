"""Who somebody is to the bot, and what that lets them do.

[pure]
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final

PERSON_ID: Final = re.compile(r"[UW][A-Z0-9]{6,}")
"""What Slack's ids of people look like."""


class Role(IntEnum):
    """What a person may ask for. Cumulative: an approver may all that a responder may."""

    NONE = 0
    VIEWER = 1
    RESPONDER = 2
    APPROVER = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """The role in lower case, as the help and the refusals say it."""
        return self.name.lower()

    @property
    def phrase(self) -> str:
        """The role with its article: `an approver`."""
        return f"{'an' if self.word[0] in 'aeiou' else 'a'} {self.word}"


class Standing(StrEnum):
    """What the workspace says a person is. Only members have rights."""

    MEMBER = "member"
    GUEST = "guest"
    STRANGER = "stranger"
    BOT = "bot"
    DEACTIVATED = "deactivated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """A person who asks for something: their Slack id, standing and role, and when the workspace last confirmed these."""

    id: str
    name: str
    standing: Standing
    role: Role
    known_at: datetime
    groups: tuple[str, ...] = ()
    """The settings' entries (user group or user ids) that the role comes from."""
    ids: frozenset[str] = frozenset()
    """Their own id, and those of the user groups they are in, as far as the settings name these."""
    named: bool = False
    """An approval rule of the settings names them, or a group of theirs."""
    confirmed: bool = field(default=False, compare=False)
    """Slack said so for this very request, and not earlier."""
    email: str = ""
    """As Slack knows it; PagerDuty knows people by it. It stands in no answer that others see, and in no log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grants:
    """The settings' lists: ids of user groups (`S…`) and of people (`U…`, `W…`); `named` are those of approval rules."""

    responders: frozenset[str]
    approvers: frozenset[str]
    admins: frozenset[str]
    named: frozenset[str] = frozenset()

    @property
    def groups(self) -> frozenset[str]:
        """The user groups among them."""
        listed = self.responders | self.approvers | self.admins | self.named
        return frozenset(id_ for id_ in listed if id_.startswith("S"))


def ids(listed: str) -> frozenset[str]:
    """Split a comma-separated setting."""
    return frozenset(part.strip() for part in listed.split(",") if part.strip())


def role_of(
    person_id: str, standing: Standing, member_of: frozenset[str], grants: Grants
) -> tuple[Role, frozenset[str]]:
    """Return a person's role, and the entries of the settings that give it.

    Everybody who is not a full member of the home workspace has no rights, whatever the lists say.
    """
    if standing is not Standing.MEMBER:
        return Role.NONE, frozenset()
    mine = member_of | {person_id}
    for role, listed in (
        (Role.ADMIN, grants.admins),
        (Role.APPROVER, grants.approvers),
        (Role.RESPONDER, grants.responders),
    ):
        if found := mine & listed:
            return role, found
    return Role.VIEWER, frozenset()
