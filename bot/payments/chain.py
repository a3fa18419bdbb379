"""From the checkout to the interviews: how each link stands, where the chain broke, and what it is called.

[pure]

checkout ─▶ event ─▶ delivery ─▶ server log ─▶ entitlement. What could not be asked is `Unchecked`, and is never ok.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bot.ages import age, span
from bot.operation import Mark
from bot.providers.stripe_shapes import CheckoutSession, StripeEvent, WebhookEndpoint, money
from bot.words import shorten

ON_ITS_WAY: Final = timedelta(minutes=5)
"""An event this young may still be on its way."""
EVENTS_KEPT: Final = timedelta(days=30)
NEAR: Final = timedelta(minutes=10)
"""A refused signature names no session: one so soon after an event is taken for that event's."""


REVOKED: Final = "revoked"
"""The status of an entitlement that was taken back."""


class Cause(StrEnum):
    """Where a payment broke, or that it did not."""

    OK = "ok"
    BY_HAND = "granted by hand"
    PENDING = "not paid yet"
    NEVER_PAID = "never paid"
    ON_ITS_WAY = "on its way"
    NEVER_SENT = "never sent"
    UNDELIVERED = "undelivered"
    BAD_SIGNATURE = "bad signature"
    HANDLER_FAILED = "handler failed"
    SHUT = "endpoint shut"
    NO_CUSTOMER = "no such customer"
    NO_ENTITLEMENT = "processed, but no entitlement"
    NOT_GRANTED = "not granted"
    TWICE = "granted twice"
    REFUNDED = "refunded, and not taken back"
    UNKNOWN = "could not tell"


LOST: Final = (
    Cause.NEVER_SENT,
    Cause.UNDELIVERED,
    Cause.BAD_SIGNATURE,
    Cause.HANDLER_FAILED,
    Cause.NO_ENTITLEMENT,
    Cause.NOT_GRANTED,
)
"""Paid, and nothing was given: a redelivery or a grant mends it."""
_MARKS: Final = {
    Cause.OK: Mark.OK,
    Cause.BY_HAND: Mark.OK,
    Cause.PENDING: Mark.DEGRADED,
    Cause.NEVER_PAID: Mark.DEGRADED,
    Cause.ON_ITS_WAY: Mark.DEGRADED,
    Cause.REFUNDED: Mark.DEGRADED,
    Cause.UNKNOWN: Mark.UNKNOWN,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Unchecked:
    """What could not be asked, and why."""

    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A line of the webhook in the server's log."""

    at: datetime
    status: int
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerLog:
    """The webhook's lines from `since` on, newest first."""

    lines: tuple[Written, ...]
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Entitlement:
    """What the product gave for the session."""

    id: str
    at: datetime
    status: str
    tier: str
    left: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HandGrant:
    """What somebody gave the customer without a session. `names_it`: its history names this session."""

    id: str
    at: datetime
    left: int
    reason: str
    names_it: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """What the product holds: for the session, and by hand since. `is_known`: there is such a customer."""

    entitlements: tuple[Entitlement, ...]
    by_hand: tuple[HandGrant, ...]
    is_known: bool

    @property
    def times(self) -> int:
        """How often it was given and not taken back."""
        living = sum(one.status != REVOKED for one in self.entitlements)
        return living + sum(grant.names_it for grant in self.by_hand)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """All that was found about one session. `event` is None where Stripe made none."""

    session: CheckoutSession | Unchecked
    declined: str = ""
    refunded: int = 0
    event: StripeEvent | Unchecked | None
    endpoint: WebhookEndpoint | Unchecked | None
    log: ServerLog | Unchecked
    held: Held | Unchecked


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One link, and how it stands: ok, broken (`DOWN`), waiting or no longer needed (`DEGRADED`), could not check."""

    title: str
    mark: Mark
    said: str
    at: datetime | None = None
    cause: Cause | None = None
    why: str = ""
    """The cause in a few words, for the verdict."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """The links in order, and what broke first, with what broke besides."""

    links: tuple[Link, ...]
    causes: tuple[Cause, ...]
    verdict: str

    @property
    def cause(self) -> Cause:
        """What the payment's story is called."""
        return self.causes[0]

    @property
    def mark(self) -> Mark:
        """How bad that is."""
        return _MARKS.get(self.cause, Mark.DOWN)

    @property
    def is_lost(self) -> bool:
        """It was paid, and nothing was given."""
        return any(cause in LOST for cause in self.causes)


def judge(evidence: Evidence, now: datetime) -> Chain:
    """The chain as the evidence shows it."""
    checkout = _checkout(evidence, now)
    if checkout.cause in (Cause.NEVER_PAID, Cause.PENDING):
        return Chain(links=(checkout,), causes=(checkout.cause,), verdict=_spoken((checkout,)))
    entitlement = _entitlement(evidence)
    given = entitlement.mark is Mark.OK
    log = _log(evidence, given=given)
    delivery = _delivery(evidence, log, now, given=given)
    if entitlement.cause is Cause.NOT_GRANTED and Mark.OK in (delivery.mark, log.mark):
        why = "our server took the event, and the product holds nothing for it"
        entitlement = replace(entitlement, cause=Cause.NO_ENTITLEMENT, why=why)
    links = tuple(link for link in (checkout, _event(evidence, now), delivery, log, entitlement) if link.title)
    told = _telling(links, entitlement)
    if isinstance(evidence.session, Unchecked):
        found = entitlement.said if given else "and nothing was found for this session"
        why = f"Stripe could not be asked ({evidence.session.why}); the product holds: {found}"
        told = (replace(checkout, cause=Cause.UNKNOWN, why=why),)
    return Chain(links=links, causes=tuple(link.cause or Cause.UNKNOWN for link in told), verdict=_spoken(told))


def never_begun() -> Chain:
    """The chain of somebody who never went to the checkout."""
    why = "Stripe knows no checkout of this address"
    link = Link(title="Checkout", mark=Mark.DOWN, said="none of this address", cause=Cause.NEVER_PAID, why=why)
    return Chain(links=(link,), causes=(Cause.NEVER_PAID,), verdict=_spoken((link,)))


def _telling(links: tuple[Link, ...], entitlement: Link) -> tuple[Link, ...]:
    """The links that the verdict tells of: what was given says it all, else each that is broken, in order."""
    if entitlement.cause in (Cause.OK, Cause.BY_HAND, Cause.TWICE):
        refund = next((link for link in links if link.cause is Cause.REFUNDED), None)
        return (refund,) if refund and entitlement.cause is not Cause.TWICE else (entitlement,)
    broken = tuple(link for link in links[:-1] if link.cause and link.mark is Mark.DOWN)
    if entitlement.cause is Cause.NO_CUSTOMER:
        return (entitlement, *broken)
    if broken:
        return tuple(sorted(broken, key=lambda link: link.cause is Cause.SHUT))
    waiting = next((link for link in links if link.cause is Cause.ON_ITS_WAY), None)
    return (waiting or entitlement,)


def _spoken(told: tuple[Link, ...]) -> str:
    first, *others = told
    also = "".join(f"; also {link.cause}: {link.why}" for link in others)
    return f"{str(first.cause).capitalize()}: {first.why}{also}."


# the links


def _checkout(evidence: Evidence, now: datetime) -> Link:
    session = evidence.session
    title = "Checkout"
    if isinstance(session, Unchecked):
        return Link(title=title, mark=Mark.UNKNOWN, said=f"could not check: {session.why}")
    if session.is_paid:
        said = f"{session.money} paid" if session.payment_status == "paid" else "nothing was to be paid"
        if not evidence.refunded:
            return Link(title=title, mark=Mark.OK, said=said, at=session.created)
        said += f", {money(evidence.refunded, session.currency)} given back since"
        left = sum(one.left for one in evidence.held.entitlements) if isinstance(evidence.held, Held) else 0
        cause = Cause.REFUNDED if left else None
        return Link(
            title=title,
            mark=Mark.DEGRADED,
            said=said,
            at=session.created,
            cause=cause,
            why=f"{money(evidence.refunded, session.currency)} given back, and {left} interviews are still there",
        )
    if session.status == "complete":
        why = "the checkout is complete, and Stripe still waits for the bank"
        return Link(title=title, mark=Mark.DEGRADED, said=why, at=session.created, cause=Cause.PENDING, why=why)
    if evidence.declined:
        why = f"the card was declined ({evidence.declined.replace('_', ' ')})"
    elif session.status == "expired":
        why = f"the checkout was opened {age(session.created, now)} ago, left, and has expired"
    else:
        why = f"the checkout was opened {age(session.created, now)} ago and left"
    said = f"{session.money} not paid: {why}"
    return Link(title=title, mark=Mark.DOWN, said=said, at=session.created, cause=Cause.NEVER_PAID, why=why)


def _event(evidence: Evidence, now: datetime) -> Link:
    event, session = evidence.event, evidence.session
    title = "Event"
    if isinstance(event, StripeEvent):
        return Link(title=title, mark=Mark.OK, said=f"{event.id} ({event.type})", at=event.created)
    if isinstance(event, Unchecked):
        return Link(title=title, mark=Mark.UNKNOWN, said=f"could not check: {event.why}")
    created = session.created if isinstance(session, CheckoutSession) else now
    if now - created > EVENTS_KEPT:
        return Link(title=title, mark=Mark.UNKNOWN, said="could not check: Stripe keeps events for 30 days")
    if now - created < ON_ITS_WAY:
        why = "paid just now, and the event is not there yet"
        return Link(title=title, mark=Mark.DEGRADED, said=why, cause=Cause.ON_ITS_WAY, why=why)
    why = "paid, and Stripe made no event of it"
    return Link(title=title, mark=Mark.DOWN, said="Stripe made none", cause=Cause.NEVER_SENT, why=why)


def _delivery(evidence: Evidence, log: Link, now: datetime, *, given: bool) -> Link:
    event = evidence.event
    title = "Delivery"
    if not isinstance(event, StripeEvent):
        return Link(title="" if event is None else title, mark=Mark.UNKNOWN, said="could not check without the event")
    shut = _shut(evidence.endpoint, event)
    reached = log.mark is Mark.OK or log.cause in (Cause.HANDLER_FAILED, Cause.BAD_SIGNATURE)
    if given:
        said = "confirmed" if not event.pending_webhooks else "never confirmed, and no longer needed"
        return Link(title=title, mark=Mark.OK if not event.pending_webhooks else Mark.DEGRADED, said=said + shut)
    if not event.pending_webhooks:
        if reached or log.mark is Mark.UNKNOWN:
            return Link(title=title, mark=Mark.OK, said="Stripe counts it as confirmed" + shut)
        why = f"paid, and Stripe sent the event to nobody: no endpoint was enabled for it then{shut}"
        return Link(title=title, mark=Mark.DOWN, said=why, cause=Cause.NEVER_SENT, why=why)
    return _unconfirmed(event, now, shut=shut, reached=reached)


def _unconfirmed(event: StripeEvent, now: datetime, *, shut: str, reached: bool) -> Link:
    """The delivery of an event that an endpoint still owes an answer to."""
    title = "Delivery"
    if now - event.created < ON_ITS_WAY and not reached:
        why = f"paid {age(event.created, now)} ago; Stripe is delivering it"
        return Link(title=title, mark=Mark.DEGRADED, said=why, cause=Cause.ON_ITS_WAY, why=why)
    if shut:
        if reached:
            why = f"no further delivery comes{shut}"
            return Link(title=title, mark=Mark.DOWN, said=f"it reached us; {why}", cause=Cause.SHUT, why=why)
        why = f"paid, and the event waits{shut}"
        return Link(title=title, mark=Mark.DOWN, said=why, cause=Cause.NEVER_SENT, why=why)
    if reached:
        said = "it reached us, and was not confirmed; Stripe tries again for three days"
        return Link(title=title, mark=Mark.DEGRADED, said=said)
    why = f"paid, and the event has not reached our server in {age(event.created, now)}; Stripe tries for three days"
    return Link(title=title, mark=Mark.DOWN, said=why, cause=Cause.UNDELIVERED, why=why)


def _shut(endpoint: WebhookEndpoint | Unchecked | None, event: StripeEvent) -> str:
    """Why nothing is delivered now, where that is so; nothing where it could not be asked."""
    if isinstance(endpoint, Unchecked):
        return ""
    if endpoint is None:
        return ", and Stripe knows no endpoint with our address"
    if endpoint.status != "enabled":
        return f", and the endpoint {endpoint.id} is {endpoint.status} now"
    return "" if endpoint.wants(event.type) else f", and the endpoint {endpoint.id} does not ask for {event.type}"


def _log(evidence: Evidence, *, given: bool) -> Link:
    log, event, session = evidence.log, evidence.event, evidence.session
    title = "Server log"
    if isinstance(log, Unchecked):
        return Link(title=title, mark=Mark.UNKNOWN, said=f"could not check: {log.why}")
    key = session.id if isinstance(session, CheckoutSession) else event.about if isinstance(event, StripeEvent) else ""
    ours = [line for line in log.lines if key and key in line.message]
    if ours:
        newest = ours[0]
        said = f"“{shorten(newest.message, 160)}” ({newest.status})"
        if 200 <= newest.status < 300:
            return Link(title=title, mark=Mark.OK, said=said, at=newest.at)
        why = (
            f"paid and delivered, and our server answered {newest.status}: {shorten(_after(newest.message, key), 120)}"
        )
        mark, cause = (Mark.DEGRADED, None) if given else (Mark.DOWN, Cause.HANDLER_FAILED)
        return Link(title=title, mark=mark, said=said, at=newest.at, cause=cause, why=why)
    born = event.created if isinstance(event, StripeEvent) else None
    refused = [line for line in log.lines if born and "signature" in line.message.lower()
               and timedelta(0) <= line.at - born <= NEAR]  # fmt: skip
    if refused and not given:
        why = "paid and delivered, and our server took the signature for a wrong one: its secret is not the endpoint's"
        newest = refused[0]
        said = f"“{shorten(newest.message, 160)}” ({newest.status})"
        return Link(title=title, mark=Mark.DOWN, said=said, at=newest.at, cause=Cause.BAD_SIGNATURE, why=why)
    return _nothing_written(log, born)


def _nothing_written(log: ServerLog, born: datetime | None) -> Link:
    reach = f"{log.since:%a %d %b, %H:%M} UTC"
    if born is not None and born < log.since:
        too_old = f"the log reaches back to {reach}, {span((log.since - born).total_seconds())} after the event"
        return Link(title="Server log", mark=Mark.UNKNOWN, said=f"could not check: {too_old}")
    return Link(title="Server log", mark=Mark.NONE, said=f"nothing about it; the log was read back to {reach}")


def _after(message: str, key: str) -> str:
    """What a line says after the session's id."""
    return message.partition(key)[2].strip().removeprefix("failed: ") or message


def _entitlement(evidence: Evidence) -> Link:
    held = evidence.held
    title = "Entitlement"
    if isinstance(held, Unchecked):
        why = f"the product could not be asked ({held.why})"
        return Link(title=title, mark=Mark.UNKNOWN, said=f"could not check: {held.why}", cause=Cause.UNKNOWN, why=why)
    named = [grant for grant in held.by_hand if grant.names_it]
    count = held.times
    if count > 1:
        times = sorted(
            [*(one.at for one in held.entitlements if one.status != REVOKED), *(grant.at for grant in named)]
        )
        why = f"{count} entitlements for one payment"
        said = f"{count} of them, {span((times[-1] - times[0]).total_seconds())} apart; by hand: {len(named)}"
        return Link(title=title, mark=Mark.DOWN, said=said, at=times[-1], cause=Cause.TWICE, why=why)
    if named:
        why = f"the webhook gave nothing, and somebody did ({shorten(named[0].reason, 60) or 'without a reason'})"
        said = f"{named[0].left} left, by hand: {shorten(named[0].reason, 80) or 'no reason'}"
        return Link(title=title, mark=Mark.OK, said=said, at=named[0].at, cause=Cause.BY_HAND, why=why)
    if held.entitlements:
        one = next((one for one in held.entitlements if one.status != REVOKED), held.entitlements[0])
        said = f"{one.tier or 'a package'}, {one.left} left, {one.status}"
        return Link(title=title, mark=Mark.OK, said=said, at=one.at, cause=Cause.OK, why=f"paid and granted ({said})")
    if not held.is_known:
        why = "paid for somebody whom the product does not know"
        return Link(title=title, mark=Mark.DOWN, said="there is no such customer", cause=Cause.NO_CUSTOMER, why=why)
    said = "nothing for this session"
    if held.by_hand:
        newest = held.by_hand[-1]
        reason = shorten(newest.reason, 60) or "without a reason"
        said += f"; but something was given by hand since ({reason}, {newest.left} left): look before giving again"
    why = "paid, and the product holds nothing for it; where it broke can no longer be seen"
    return Link(title=title, mark=Mark.DOWN, said=said, cause=Cause.NOT_GRANTED, why=why)
