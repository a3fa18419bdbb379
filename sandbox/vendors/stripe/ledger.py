"""What has happened on the account: purchases, their events, and which of these reached the product."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from sandbox.product.books import PACKAGES, Books, Customer, Purchase
from sandbox.vendors.stripe import objects
from sandbox.vendors.stripe.objects import Json, seconds

KEPT: Final = 30 * 86_400
"""Seconds that Stripe keeps events."""
BEAT: Final = 240
"""Seconds between two of the events that come by themselves."""
YOUNGEST: Final = 60
"""Seconds that the youngest of them is old at least."""
SUBSCRIBED: Final = (
    "checkout.session.completed",
    "charge.refunded",
    "customer.updated",
    "customer.subscription.deleted",
    "payment_intent.payment_failed",
)
"""The types that the product's endpoint wants."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Event:
    """An event without its body: enough to list, to filter and to find."""

    created: int
    id: str
    type: str
    purchase: Purchase | None = None
    customer: Customer | None = None


class Ledger:
    """The account. `now` is passed in, in the bot's time."""

    def __init__(self, books: Books) -> None:
        """Open the account with what the books know."""
        self.books = books
        self.purchases: list[Purchase] = list(books.purchases)
        self.refunds: list[Json] = []
        self.deleted: set[str] = set()
        self.undelivered: set[str] = set()
        self.delivered: set[str] = set()
        self._made_here: list[Event] = []  # of what was done in this sandbox, not of the books
        for purchase in self.purchases:
            if purchase.outcome == "refunded":
                half = purchase.at + (books.now - purchase.at) / 2
                self._refund(purchase, purchase.package.cents, seconds(half), "requested_by_customer", {})
            # an event that nobody was to get, or that was answered 200, is delivered as far as Stripe knows
            if purchase.paid and purchase.granted == 0 and purchase.fate not in ("unsent", "vanished"):
                self.undelivered.add(f"evt_{purchase.suffix}cs")
        self._refunds_of_books = len(self.refunds)
        self._regulars = [one for one in books.customers if one.stripe_id]

    # finding

    @cached_property
    def customers(self) -> dict[str, Customer]:
        """All customers by their id here, those made meanwhile not included."""
        return {one.stripe_id: one for one in self.books.customers if one.stripe_id}

    def purchase(self, key: str) -> Purchase | None:
        """Find a purchase by the id of its session, payment intent, charge, subscription or refund."""
        number = key.removeprefix("cs_test_a1")[:6] if key.startswith("cs_") else key.partition("3Ilab")[2][:6]
        index = int(number) - 1 if number.isdigit() else -1
        found = self.purchases[index] if 0 <= index < len(self.purchases) else None
        known = found and key in (
            found.session_id,
            *(f"{kind}_{found.suffix}" for kind in ("pi", "ch", "sub", "in", "pm")),
        )
        return found if known else None

    def refunded(self, purchase: Purchase) -> int:
        """Return how many cents of a purchase were given back."""
        return sum(refund["amount"] for refund in self.refunds if refund["charge"] == f"ch_{purchase.suffix}")

    # writing

    def buy(self, customer: Customer, package_key: str, now: float) -> Event:
        """Record a purchase of this moment, and return its `checkout.session.completed`, undelivered."""
        package = next(package for package in PACKAGES if package.key == package_key)
        one = customer if customer.stripe_id else replace(customer, stripe_id=f"cus_Ilab{customer.number:06d}")
        self.customers.setdefault(one.stripe_id, one)
        at = datetime.fromtimestamp(int(now) - 2, UTC)  # its last event comes two seconds later: now
        purchase = Purchase(
            number=len(self.purchases) + 1, customer=one, package=package, at=at, left=package.interviews
        )
        self.purchases.append(purchase)
        events = events_of(purchase, now)
        self._made_here += events
        self.undelivered.update(event.id for event in events if event.type in SUBSCRIBED)
        return next(event for event in events if event.type == "checkout.session.completed")

    def decline(self, customer: Customer, now: float) -> list[Event]:
        """Record that somebody tried to pay at this moment and was refused; return what Stripe tells of it."""
        at = datetime.fromtimestamp(int(now), UTC)
        purchase = Purchase(
            number=len(self.purchases) + 1, customer=customer, package=PACKAGES[0], at=at, outcome="declined"
        )
        self.purchases.append(purchase)
        events = events_of(purchase, now)
        self._made_here += events
        return events

    def refund(self, purchase: Purchase, cents: int, now: float, reason: str | None, metadata: Json) -> Json:
        """Record a refund of this moment, and its event."""
        made = self._refund(purchase, cents, int(now), reason, metadata)
        number = len(self.refunds)
        self._made_here.append(
            Event(
                created=int(now),
                id=f"evt_{purchase.suffix}re{number}",
                type="charge.refunded",
                purchase=purchase,
            )
        )
        return made

    def _refund(self, purchase: Purchase, cents: int, at: int, reason: str | None, metadata: Json) -> Json:
        number = 1 + sum(1 for refund in self.refunds if refund["charge"] == f"ch_{purchase.suffix}")
        made = objects.refund(purchase, number=number, cents=cents, at=at, reason=reason, metadata=metadata)
        self.refunds.append(made)
        return made

    # events

    @cached_property
    def _of_books(self) -> list[Event]:
        """The events of all purchases of the books, newest first; those to come later are among them."""
        horizon = self.books.now.timestamp() + 400 * 86_400
        events = [event for purchase in self.books.purchases for event in events_of(purchase, horizon)]
        for made in self.refunds[: self._refunds_of_books]:
            purchase = self.purchase(made["charge"])
            if purchase is not None:
                name = f"evt_{purchase.suffix}re"
                events.append(Event(created=made["created"], id=name, type="charge.refunded", purchase=purchase))
        return sorted(events, reverse=True)

    def events(self, now: float, *, silent_since: float | None) -> Iterator[Event]:
        """Give the events of the last 30 days, newest first.

        After `silent_since` there are only those of what was done in this sandbox.
        """
        until = now if silent_since is None else min(now, silent_since)
        here = sorted((event for event in self._made_here if event.created <= now), reverse=True)
        known = (event for event in self._of_books if event.created <= until)
        for event in heapq.merge(here, known, self._stream(until), reverse=True):
            if event.created < now - KEPT:
                return
            yield event

    def find(self, event_id: str, now: float, *, silent_since: float | None) -> Event | None:
        """Find an event of the last 30 days."""
        return next((event for event in self.events(now, silent_since=silent_since) if event.id == event_id), None)

    def _stream(self, until: float) -> Iterator[Event]:
        """The account's ordinary life: customers who change their details, one each few minutes."""
        latest = int(until - YOUNGEST) // BEAT
        for beat in itertools.count(latest, -1) if self._regulars else ():
            one = self._regulars[beat * 7919 % len(self._regulars)]
            yield Event(created=beat * BEAT, id=f"evt_3Beat{beat:09d}", type="customer.updated", customer=one)

    def body(self, event: Event, now: float) -> Json:
        """Return `data` of an event."""
        if event.purchase is None:
            one = event.customer
            if one is None:
                raise ValueError(f"{event.id} is about nothing")
            return {"object": objects.customer(one), "previous_attributes": {"name": one.full_name.split()[0]}}
        return {"object": self._object(event, event.purchase, now)}

    def _object(self, event: Event, purchase: Purchase, now: float) -> Json:
        kind = event.type.rsplit(".", 1)[0]
        if kind == "checkout.session":
            return objects.checkout_session(purchase, expired=event.type.endswith("expired"))
        if kind == "payment_intent":
            return objects.payment_intent(purchase)
        if kind == "customer.subscription":
            return objects.subscription(purchase, now if event.type.endswith("deleted") else event.created)
        refunded = self.refunded(purchase) if event.type == "charge.refunded" else 0
        return objects.charge(purchase, refunded=refunded)


def events_of(purchase: Purchase, until: float) -> list[Event]:
    """List the events of one purchase up to a time, oldest first."""
    at, name = seconds(purchase.at), purchase.suffix

    def event(kind: str, suffix: str, later: int = 0) -> Event:
        return Event(created=at + later, id=f"evt_{name}{suffix}", type=kind, purchase=purchase)

    if purchase.outcome == "abandoned":
        events = [event("checkout.session.expired", "xp", 86_400)]
    elif purchase.outcome == "declined":
        events = [event("charge.failed", "cf"), event("payment_intent.payment_failed", "pf")]
    else:
        events = [event("charge.succeeded", "ch"), event("payment_intent.succeeded", "pi")]
        if purchase.recurring:
            events.append(event("customer.subscription.created", "sc", 1))
        events.append(event("checkout.session.completed", "cs", 2))
        if purchase.recurring and (ended := objects.ended_at(purchase, until)) is not None:
            events.append(event("customer.subscription.deleted", "sd", ended - at))
    return [one for one in events if one.created <= until]
