"""Roles from the settings' lists, in a table."""

from __future__ import annotations

import pytest

from bot.people import Grants, Role, Standing, ids, role_of

GRANTS = Grants(
    responders=frozenset({"S0RESPOND", "U0RITA"}),
    approvers=frozenset({"S0APPROVE", "U0ABE", "W0AVA"}),
    admins=frozenset({"S0ADMINS", "U0ADA"}),
)


@pytest.mark.parametrize(
    ("person", "groups", "role", "by"),
    [
        ("U0NOBODY", set(), Role.VIEWER, set()),
        ("U0NOBODY", {"S0OTHER"}, Role.VIEWER, set()),
        ("U0NOBODY", {"S0RESPOND"}, Role.RESPONDER, {"S0RESPOND"}),
        ("U0RITA", set(), Role.RESPONDER, {"U0RITA"}),
        ("U0RITA", {"S0RESPOND"}, Role.RESPONDER, {"U0RITA", "S0RESPOND"}),
        ("U0NOBODY", {"S0APPROVE"}, Role.APPROVER, {"S0APPROVE"}),
        ("W0AVA", set(), Role.APPROVER, {"W0AVA"}),
        ("U0RITA", {"S0APPROVE"}, Role.APPROVER, {"S0APPROVE"}),
        ("U0ADA", {"S0RESPOND", "S0APPROVE"}, Role.ADMIN, {"U0ADA"}),
        ("U0NOBODY", {"S0RESPOND", "S0APPROVE", "S0ADMINS"}, Role.ADMIN, {"S0ADMINS"}),
        ("", set(), Role.VIEWER, set()),
    ],
)
def test_the_highest_role_counts_and_says_where_it_comes_from(
    person: str, groups: set[str], role: Role, by: set[str]
) -> None:
    """By a group or by name, the highest list that holds a member gives the role."""
    assert role_of(person, Standing.MEMBER, frozenset(groups), GRANTS) == (role, by)


@pytest.mark.parametrize("standing", [standing for standing in Standing if standing is not Standing.MEMBER])
def test_lists_give_nothing_to_whoever_is_no_member(standing: Standing) -> None:
    """A guest in the admins' list has no rights."""
    assert role_of("U0ADA", standing, frozenset({"S0ADMINS"}), GRANTS) == (Role.NONE, frozenset())


def test_roles_are_cumulative() -> None:
    """Each role may what those before it may."""
    assert Role.NONE < Role.VIEWER < Role.RESPONDER < Role.APPROVER < Role.ADMIN
    assert [role.word for role in Role] == ["none", "viewer", "responder", "approver", "admin"]


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("", set()),
        (" , ,", set()),
        ("S0RESPOND", {"S0RESPOND"}),
        (" S0RESPOND ,U0RITA,\nW0AVA,", {"S0RESPOND", "U0RITA", "W0AVA"}),
    ],
)
def test_a_list_is_split_at_commas(listed: str, found: set[str]) -> None:
    """Spaces and empty places do not matter."""
    assert ids(listed) == found


def test_groups_are_told_from_people() -> None:
    """Only ids of user groups are asked for at Slack."""
    assert GRANTS.groups == {"S0RESPOND", "S0APPROVE", "S0ADMINS"}
