"""Who may do what: every role against every operation there is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.app import registry
from bot.operation import Operation
from bot.people import Actor, Role, Standing
from bot.policy import Allow, Deny, decide

OPERATIONS = list(registry())
WORDS = [operation.words for operation in OPERATIONS]


def actor(role: Role, standing: Standing = Standing.MEMBER) -> Actor:
    """Somebody."""
    return Actor(id="U0SOMEONE", name="sam", standing=standing, role=role, known_at=datetime(2025, 6, 1, tzinfo=UTC))


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("operation", OPERATIONS, ids=WORDS)
def test_a_member_may_what_their_role_reaches(operation: Operation, role: Role) -> None:
    """The declared role and every higher one are allowed; every lower one is told which role is needed."""
    decision = decide(operation, actor(role))
    if role >= operation.who:
        assert isinstance(decision, Allow)
    else:
        assert isinstance(decision, Deny)
        assert f"`{operation.words}` needs " in decision.why
        assert operation.who.word in decision.why
        assert role.word in decision.why
        assert decision.todo


@pytest.mark.parametrize("standing", [standing for standing in Standing if standing is not Standing.MEMBER])
@pytest.mark.parametrize("operation", OPERATIONS, ids=WORDS)
def test_whoever_is_no_member_may_nothing(operation: Operation, standing: Standing) -> None:
    """Guests, strangers, bots, the deactivated and the unknown are refused whatever role they are said to have."""
    for role in Role:
        decision = decide(operation, actor(role, standing))
        assert isinstance(decision, Deny)
        assert decision.why
        assert decision.todo


def test_every_operation_needs_some_role() -> None:
    """Nothing is declared for people without rights."""
    assert OPERATIONS
    assert all(operation.who > Role.NONE for operation in OPERATIONS)


def test_the_unknown_are_told_to_try_again() -> None:
    """An unknown person may be a member whom Slack did not name just now; a guest stays a guest."""
    operation = OPERATIONS[0]
    unknown = decide(operation, actor(Role.NONE, Standing.UNKNOWN))
    guest = decide(operation, actor(Role.NONE, Standing.GUEST))
    assert isinstance(unknown, Deny)
    assert isinstance(guest, Deny)
    assert unknown.todo == "Try again in a minute."
    assert guest.todo != unknown.todo
