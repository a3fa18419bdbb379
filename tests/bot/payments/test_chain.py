"""The chain of a payment: each combination of what was found, and what it is called."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.operation import Mark
from bot.payments.chain import (
    Cause,
    Chain,
    Entitlement,
    Evidence,
    HandGrant,
    Held,
    ServerLog,
    Unchecked,
    Written,
    judge,
)
from bot.providers.stripe_shapes import CheckoutSession, StripeEvent, WebhookEndpoint, money

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
BORN = NOW - timedelta(hours=3)
SESSION = CheckoutSession(
    id="cs_1",
    status="complete",
    payment_status="paid",
    created=BORN,
    amount=3900,
    currency="usd",
    reference="p1",
    email="a@example.com",
    customer="cus_1",
    payment_intent="pi_1",
    subscription="",
    price="price_1",
    metadata={},
)
EVENT = StripeEvent(
    id="evt_1", type="checkout.session.completed", created=BORN, pending_webhooks=1, about="cs_1", links={}
)
ENDPOINT = WebhookEndpoint(id="we_1", url="https://x", status="enabled", events=("checkout.session.*",))
NO_LOG = ServerLog(lines=(), since=BORN - timedelta(minutes=1))
GIVEN = Entitlement(id="e", at=BORN, status="active", tier="professional", left=5)
BY_HAND = HandGrant(id="h", at=NOW, left=5, reason="sorry", names_it=False)
NOTHING = Held(entitlements=(), by_hand=(), is_known=True)
SILENT = Unchecked(why="silence")

FAILED = Written(at=BORN, status=500, message="checkout.session.completed cs_1 failed: boom")
TAKEN = Written(at=BORN, status=200, message="checkout.session.completed cs_1 granted")
REFUSED = Written(at=BORN, status=400, message="Invalid signature")


def found(**changed: Any) -> Evidence:
    """What was found of a payment that nobody delivered, with some of it changed."""
    return replace(
        Evidence(session=SESSION, event=EVENT, endpoint=ENDPOINT, log=NO_LOG, held=NOTHING),
        **changed,
    )


def log(*lines: Written) -> ServerLog:
    """A log that reaches far enough."""
    return ServerLog(lines=lines, since=BORN - timedelta(minutes=1))


def held(*given: Entitlement, by_hand: tuple[HandGrant, ...] = (), is_known: bool = True) -> Held:
    """What the product holds."""
    return Held(entitlements=given, by_hand=by_hand, is_known=is_known)


DELIVERED = replace(EVENT, pending_webhooks=0)
YOUNG = replace(EVENT, created=NOW - timedelta(minutes=2))
OFF = replace(ENDPOINT, status="disabled")
OPEN = replace(SESSION, status="open", payment_status="unpaid")


@pytest.mark.parametrize(
    ("changed", "causes"),
    [
        ({}, [Cause.UNDELIVERED]),
        ({"session": OPEN}, [Cause.NEVER_PAID]),
        ({"session": replace(OPEN, status="expired")}, [Cause.NEVER_PAID]),
        ({"session": replace(OPEN, status="complete")}, [Cause.PENDING]),
        ({"session": replace(SESSION, payment_status="no_payment_required"), "held": held(GIVEN)}, [Cause.OK]),
        ({"event": None}, [Cause.NEVER_SENT]),
        ({"event": None, "held": held(GIVEN)}, [Cause.OK]),
        ({"event": None, "session": replace(SESSION, created=NOW - timedelta(minutes=1))}, [Cause.ON_ITS_WAY]),
        ({"event": None, "session": replace(SESSION, created=NOW - timedelta(days=31))}, [Cause.NOT_GRANTED]),
        ({"event": SILENT}, [Cause.NOT_GRANTED]),
        ({"event": SILENT, "log": log(FAILED)}, [Cause.HANDLER_FAILED]),
        ({"event": YOUNG}, [Cause.ON_ITS_WAY]),
        ({"event": YOUNG, "log": log(FAILED)}, [Cause.HANDLER_FAILED]),
        ({"endpoint": OFF}, [Cause.NEVER_SENT]),
        ({"endpoint": None}, [Cause.NEVER_SENT]),
        ({"endpoint": replace(ENDPOINT, events=("charge.refunded",))}, [Cause.NEVER_SENT]),
        ({"endpoint": SILENT}, [Cause.UNDELIVERED]),
        ({"log": log(FAILED)}, [Cause.HANDLER_FAILED]),
        ({"log": log(FAILED), "endpoint": OFF}, [Cause.HANDLER_FAILED, Cause.SHUT]),
        ({"log": log(REFUSED)}, [Cause.BAD_SIGNATURE]),
        ({"log": log(replace(REFUSED, at=NOW))}, [Cause.UNDELIVERED]),
        ({"log": log(TAKEN)}, [Cause.NO_ENTITLEMENT]),
        ({"event": DELIVERED, "log": log(TAKEN)}, [Cause.NO_ENTITLEMENT]),
        ({"event": DELIVERED, "log": log(TAKEN, FAILED)}, [Cause.NO_ENTITLEMENT]),
        ({"event": DELIVERED}, [Cause.NEVER_SENT]),
        ({"event": DELIVERED, "log": SILENT}, [Cause.NO_ENTITLEMENT]),
        ({"event": DELIVERED, "log": SILENT, "held": SILENT}, [Cause.UNKNOWN]),
        ({"held": SILENT}, [Cause.UNDELIVERED]),
        ({"held": held(GIVEN)}, [Cause.OK]),
        ({"held": held(GIVEN), "log": log(FAILED), "endpoint": OFF}, [Cause.OK]),
        ({"held": held(GIVEN), "refunded": 3900}, [Cause.REFUNDED]),
        ({"held": held(replace(GIVEN, left=0, status="revoked")), "refunded": 3900}, [Cause.OK]),
        ({"held": held(GIVEN, GIVEN)}, [Cause.TWICE]),
        ({"held": held(GIVEN, GIVEN), "refunded": 3900}, [Cause.TWICE]),
        ({"held": held(GIVEN, replace(GIVEN, left=0, status="revoked"))}, [Cause.OK]),
        ({"held": held(GIVEN, by_hand=(replace(BY_HAND, names_it=True),))}, [Cause.TWICE]),
        ({"held": held(GIVEN, by_hand=(BY_HAND,))}, [Cause.OK]),
        ({"held": held(by_hand=(replace(BY_HAND, names_it=True),))}, [Cause.BY_HAND]),
        ({"held": held(by_hand=(BY_HAND,))}, [Cause.UNDELIVERED]),
        ({"held": held(is_known=False), "log": log(FAILED)}, [Cause.NO_CUSTOMER, Cause.HANDLER_FAILED]),
        ({"session": SILENT, "event": SILENT, "endpoint": SILENT, "held": held(GIVEN)}, [Cause.UNKNOWN]),
        ({"session": SILENT, "event": SILENT, "endpoint": SILENT}, [Cause.UNKNOWN]),
    ],
)
def test_what_a_payment_is_called(changed: dict[str, Any], causes: list[Cause]) -> None:
    """The first cause is where the chain broke; others that hold besides follow it."""
    chain = judge(found(**changed), NOW)
    assert list(chain.causes) == causes
    assert chain.verdict.startswith(f"{causes[0].value.capitalize()}: ")
    assert chain.verdict.endswith(".")


def chains() -> list[Chain]:
    """The chains of all combinations of some findings."""
    return [
        judge(found(session=session, event=event, log=written, held=holds), NOW)
        for session in (SESSION, OPEN, SILENT)
        for event in (EVENT, DELIVERED, YOUNG, None, SILENT)
        for written in (NO_LOG, log(FAILED), log(TAKEN), log(REFUSED), SILENT)
        for holds in (NOTHING, held(GIVEN), held(GIVEN, GIVEN), held(by_hand=(BY_HAND,)), SILENT)
    ]


def test_could_not_check_is_never_ok() -> None:
    """Whatever was found: a link that could not be checked is not shown as well, and without the product nothing is."""
    for chain in chains():
        for link in chain.links:
            assert ("could not check" in link.said) == (link.mark is Mark.UNKNOWN)
        if any(link.title == "Entitlement" and link.mark is Mark.UNKNOWN for link in chain.links):
            assert chain.mark is not Mark.OK


def test_it_is_ok_only_where_something_was_given() -> None:
    """A green verdict has a green entitlement below it."""
    for chain in chains():
        if chain.mark is Mark.OK:
            assert chain.links[-1].title == "Entitlement"
            assert chain.links[-1].mark is Mark.OK


def test_what_was_given_by_hand_since_is_said() -> None:
    """Who mends it reads that somebody may have done so already."""
    chain = judge(found(held=held(by_hand=(BY_HAND,))), NOW)
    assert "something was given by hand since (sorry, 5 left): look before giving again" in chain.links[-1].said


@pytest.mark.parametrize(
    ("amount", "currency", "said"), [(3900, "usd", "39.00 USD"), (500, "jpy", "500 JPY"), (None, "usd", "")]
)
def test_money(amount: int | None, currency: str, said: str) -> None:
    """Amounts are in the currency's smallest unit, which not every currency has."""
    assert money(amount, currency) == said
