"""The books of the company: deterministic, plausible, with the people of the runbook."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.product.books import CASES, keep_books

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


def test_the_same_moment_gives_the_same_books() -> None:
    """Two runs tell the same story, down to the ids."""
    assert keep_books(NOW) == keep_books(NOW)


def test_ids_do_not_depend_on_the_moment() -> None:
    """A case keeps its id whenever the database was seeded."""
    later = keep_books(NOW + timedelta(days=3))
    assert {name: one.id for name, one in keep_books(NOW).cases.items()} == {
        name: one.id for name, one in later.cases.items()
    }


def test_every_case_is_there_and_addresses_are_lower_case() -> None:
    """Each case has a customer under the stored form of its address; no address appears twice."""
    books = keep_books(NOW)
    assert {name: one.email for name, one in books.cases.items()} == {
        name: text.lower() for name, text in CASES.items()
    }
    assert len(books.by_email) == len(books.customers) == 3000


def test_nothing_happens_after_the_moment_of_the_books() -> None:
    """Nobody came, confirmed or bought in the future, and nobody bought before they came."""
    books = keep_books(NOW)
    assert all(one.created_at <= NOW and (one.confirmed_at or NOW) <= NOW for one in books.customers)
    assert all(one.customer.created_at <= one.at <= NOW for one in books.purchases)
    assert NOW - books.customers[-1].created_at < timedelta(hours=6)


def test_most_payments_succeed_and_most_of_them_were_granted() -> None:
    """The success of payments is above the runbook's 98 %, and only the cases' paid sessions lack their entitlement."""
    books = keep_books(NOW)
    outcomes = Counter(one.outcome for one in books.purchases)
    paid = outcomes["paid"] + outcomes["refunded"]
    assert paid / (paid + outcomes["declined"]) > 0.98
    lacking = {one.customer.email for one in books.purchases if one.paid and one.granted == 0}
    cases = ["paid_no_credits", "manual_grant", "webhook_unsent", "webhook_unheard", "webhook_badly_signed"]
    cases += ["entitlement_vanished", "two_payments_lost", "subscription_lost"]
    assert lacking == {CASES[name] for name in cases}


def test_two_hundred_people_have_the_same_first_name() -> None:
    """A search for a first name finds more than a card can show."""
    assert sum(one.full_name.startswith("Alex ") for one in keep_books(NOW).customers) == 200


def test_small_books_have_all_cases() -> None:
    """The staging twin is small, and has everybody from the runbook."""
    books = keep_books(NOW, size=250)
    assert len(books.customers) == 250
    assert set(books.cases) == set(CASES)


@pytest.mark.parametrize("hours", range(0, 24 * 14, 41))
def test_payments_are_within_the_runbooks_threshold(hours: int) -> None:
    """Whenever the sandbox is made, more than 98 % of its week's payments succeed: it warns of what is broken in it alone."""
    now = NOW + timedelta(hours=hours)
    tried = [one for one in keep_books(now).purchases if now - timedelta(days=7) < one.at]
    paid, declined = sum(one.paid for one in tried), sum(one.outcome == "declined" for one in tried)
    assert paid + declined >= 20
    assert paid / (paid + declined) > 0.98
