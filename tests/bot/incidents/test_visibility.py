"""Who may know of an incident, and what is said of it outside."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.incidents import visibility
from bot.operation import Audience
from bot.people import Actor, Role, Standing
from bot.store.incidents import Incident

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPEN = Incident(
    id=7, key="k", severity="P0", title="canary", state="declared", declared_by="U1", declared_at=NOW,
    acknowledged_by=None, acknowledged_at=None, channel_name="inc-7", channel_id=None,
)  # fmt: skip
PRIVATE = replace(OPEN, private=True)


def person(id_: str, role: Role = Role.APPROVER) -> Actor:
    """Somebody of that role."""
    return Actor(id=id_, name=id_, standing=Standing.MEMBER, role=role, known_at=NOW)


@pytest.mark.parametrize(
    ("incident", "actor", "memberships", "sees"),
    [
        (OPEN, person("U9", Role.VIEWER), (), True),
        (PRIVATE, person("U9"), (), False),
        (PRIVATE, person("U9"), (6, 8), False),
        (PRIVATE, person("U9", Role.VIEWER), (7,), True),
        (PRIVATE, person("U9", Role.ADMIN), (), True),
        (PRIVATE, person("U1", Role.VIEWER), (), True),
        (replace(PRIVATE, lead="U2"), person("U2"), (), True),
        (replace(PRIVATE, communications="U2"), person("U2"), (), True),
        (replace(PRIVATE, scribe="U2"), person("U2"), (), True),
        (replace(PRIVATE, acknowledged_by="U2"), person("U2"), (), False),
    ],
)
def test_who_may_know_of_it(incident: Incident, actor: Actor, memberships: tuple[int, ...], sees: bool) -> None:  # noqa: FBT001
    """A private one: its channel's members, its declarer, whoever has a part in it, administrators."""
    assert visibility.may_see(incident, actor, memberships) is sees
    assert visibility.visible([OPEN, incident], actor, memberships) == ([OPEN, incident] if sees else [OPEN])


def test_what_names_a_private_one_is_read_by_the_asker_alone() -> None:
    """In a thread an answer would be read by all who are there."""
    assert visibility.audience([OPEN]) is Audience.QUIET
    assert visibility.audience([OPEN, PRIVATE], Audience.CHANNEL) is Audience.PRIVATE


def test_what_is_said_outside() -> None:
    """The public and the pager hear nothing of a private one but that it is; a drill goes nowhere outside."""
    assert visibility.outside_name(OPEN) == "P0 canary (INC-7)"
    assert visibility.outside_name(PRIVATE) == "Private incident INC-7"
    assert visibility.goes_outside(OPEN)
    assert not visibility.goes_outside(PRIVATE)
    assert not visibility.goes_outside(replace(OPEN, drill="stripe"))
    assert not visibility.stands_in_the_open(PRIVATE)
    assert visibility.has_room(replace(PRIVATE, severity="P3"))
    assert not visibility.has_room(replace(OPEN, severity="P2"))
