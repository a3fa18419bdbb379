"""Who may do what: every role against every operation there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.app import registry
from bot.operation import Operation
from bot.people import Actor, Role, Standing
from bot.policy import Allow, Deny, asks_anew, decide, decide_approval

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


@pytest.mark.parametrize(
    ("words", "listed", "role", "ids", "decided"),
    [
        ("grant", (), Role.RESPONDER, (), Deny),
        ("grant", (), Role.APPROVER, (), Allow),
        ("grant", (), Role.ADMIN, (), Allow),
        ("user delete", (), Role.APPROVER, (), Deny),
        ("grant", ("S0LEGAL01",), Role.ADMIN, ("S0ADMINS1",), Deny),
        ("grant", ("S0LEGAL01",), Role.VIEWER, ("S0LEGAL01",), Allow),
        ("grant", ("U0SOMEONE",), Role.RESPONDER, ("U0SOMEONE",), Allow),
    ],
)
def test_who_may_approve(words: str, listed: tuple[str, ...], role: Role, ids: tuple[str, ...], decided: type) -> None:
    """Whom the settings name for a command, and nobody else; where they name nobody, who has its role."""
    somebody = replace(actor(role), ids=frozenset(ids))
    decision = decide_approval(registry().by_words[words], frozenset(listed), somebody)
    assert isinstance(decision, decided)


def test_who_may_approve_is_a_member() -> None:
    """Whatever the settings name."""
    guest = replace(actor(Role.ADMIN), standing=Standing.GUEST, ids=frozenset({"U0SOMEONE"}))
    assert isinstance(decide_approval(registry().by_words["grant"], frozenset({"U0SOMEONE"}), guest), Deny)


@pytest.mark.parametrize("words", ["approve", "deny", "approvals break-glass", "user confirm"])
def test_where_a_minute_is_too_long(words: str) -> None:
    """Where a press decides that something happens at once, Slack is asked at the press."""
    assert asks_anew(registry().by_words[words])


def test_where_it_is_not() -> None:
    """What only asks for a second person, or for nothing that there is."""
    assert not asks_anew(registry().by_words["grant"])
    assert not asks_anew(None)


def test_whom_a_rule_names_reaches_its_commands() -> None:
    """A responder whom a rule names may come as far as the press; nobody else may, nor they any other command."""
    named = replace(actor(Role.RESPONDER), named=True)
    by_words = registry().by_words
    assert isinstance(decide(by_words["approve"], named), Allow)
    assert isinstance(decide(by_words["approve"], actor(Role.RESPONDER)), Deny)
    assert isinstance(decide(by_words["audit"], named), Deny)
