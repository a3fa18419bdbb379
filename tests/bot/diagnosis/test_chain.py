"""The verdict over a chain, in tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.diagnosis.chain import Link, Unchecked, answer, link_of, unchecked
from bot.health.readings import Group, Reading, State
from bot.operation import Mark, Offer

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
WELL = Link(title="Auth", text="fine", mark=Mark.OK)
MEND = Offer(label="Confirm", words="user confirm a@example.com")
BROKEN = Link(
    title="Address", text="no", mark=Mark.DOWN, broke="it was never confirmed", todo="Confirm it.", offers=(MEND,)
)
BANNED = Link(title="Ban", text="yes", mark=Mark.DOWN, broke="the account is banned.")
SLOW = Link(title="Database", text="slow", mark=Mark.DEGRADED, broke="the database is slow")
DARK = unchecked("Mail", Unchecked(why="Resend is silent."))


@pytest.mark.parametrize(
    ("links", "verdict", "mark"),
    [
        ((WELL,), "Signing in: all is well.", Mark.OK),
        ((WELL, BROKEN), "Signing in breaks at “Address”: it was never confirmed.", Mark.DOWN),
        (
            (BROKEN, BANNED),
            "Signing in breaks at “Address”: it was never confirmed; and also: the account is banned.",
            Mark.DOWN,
        ),
        (
            (BANNED, BROKEN, SLOW, DARK),
            "Signing in breaks at “Ban”: the account is banned; and also: it was never confirmed. "
            "1 of 4 links could not be checked.",
            Mark.DOWN,
        ),
        ((WELL, SLOW), "Signing in: nothing is broken, but the database is slow.", Mark.DEGRADED),
        (
            (WELL, DARK),
            "Signing in: nothing that I could check is broken. 1 of 2 links could not be checked.",
            Mark.UNKNOWN,
        ),
    ],
)
def test_what_broke_comes_first(links: tuple[Link, ...], verdict: str, mark: Mark) -> None:
    """Every break in the order of the chain, then what strains; what nobody could look at is counted, never well."""
    said = answer(links, what="Signing in", well="all is well.", commands=("user confirm",), at=NOW)
    assert (said.verdict, said.mark) == (verdict, mark)


def test_only_what_there_is_is_offered_and_once() -> None:
    """A mend whose command is not there is left out; one that two links offer stands once."""
    twice = (BROKEN, Link(title="Other", text="no", mark=Mark.DOWN, broke="so", offers=(MEND,)))
    missing = Offer(label="Maintenance", words="maintenance on")
    said = answer(twice, what="It", well="", offers=(missing, MEND), commands=("user confirm",), at=NOW)
    assert said.offers == (MEND,)
    assert [line.title for line in said.evidence[0].lines] == ["Confirm it."]


@pytest.mark.parametrize(
    ("state", "reason", "alert", "breaks", "mark"),
    [
        (State.OK, "answers", False, False, Mark.OK),
        (State.DOWN, "answers 503", False, False, Mark.DOWN),
        (State.DEGRADED, "slow: 4 s", False, True, Mark.DEGRADED),
        (State.DEGRADED, "too many requests (429)", False, False, Mark.DEGRADED),
        (State.DEGRADED, "too many requests (429)", False, True, Mark.DOWN),
        (State.DEGRADED, "58 of 60 connections", True, False, Mark.DOWN),
        (State.UNKNOWN, "no answer", False, True, Mark.UNKNOWN),
        (State.NOT_CONFIGURED, "set ILAB_X", False, True, Mark.UNKNOWN),
    ],
)
def test_a_health_check_as_a_link(state: State, reason: str, *, alert: bool, breaks: bool, mark: Mark) -> None:
    """What is slow strains; what is down, or beyond the alert, breaks; what is not known is not well."""
    reading = Reading(name="x", title="X", group=Group.PRODUCT, state=state, reason=reason, alert=alert, checked_at=NOW)
    assert link_of(reading, "X", breaks=breaks).mark is mark
