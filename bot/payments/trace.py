"""Asks everybody about a payment at once: Stripe, the server's log, the product's database."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bot.context import Services
from bot.errors import NotConfiguredError, ProviderError, UserError
from bot.payments.chain import (
    REVOKED,
    Chain,
    Entitlement,
    Evidence,
    HandGrant,
    Held,
    ServerLog,
    Unchecked,
    Written,
    judge,
    never_begun,
)
from bot.product import ProductDatabase, product_of
from bot.providers.stripe_shapes import CheckoutSession, StripeEvent, WebhookEndpoint

if TYPE_CHECKING:  # it imports httpx, which a terminal does without
    from bot.providers.stripe import Stripe

T = TypeVar("T")

MOST_SESSIONS: Final = 20
"""Checkouts of one person that are looked at."""


WRONG: Final = ("paid, nothing granted", "granted twice")
"""Words for a checkout that needs somebody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """What became of one checkout; `others` are the person's other ones, each as a word, newest first."""

    session: CheckoutSession | None
    event: StripeEvent | None
    chain: Chain
    email: str
    by_hand: bool
    """Something was given by hand since: what mends it may give twice."""
    others: tuple[tuple[CheckoutSession, str], ...] = ()


def stripe_of(services: Services) -> Stripe:
    """Stripe's client. NotConfiguredError where the settings hold none."""
    stripe = services.vendors().stripe
    if stripe is None:
        raise NotConfiguredError("Stripe is not configured.", todo="Set ILAB_STRIPE__API_KEY.")
    return stripe


async def trace(of: str, services: Services) -> Trace:
    """What became of the payment that an e-mail address, a session, a payment or an event names.

    Of an address, the one that needs somebody: the newest that was paid and gave nothing, or gave twice.
    """
    stripe = stripe_of(services)
    if "@" in of:
        return await _of_person(of, stripe, services)
    try:
        session = await session_named(of, stripe)
    except ProviderError as error:
        if not of.startswith("cs_"):
            raise
        return await _without_stripe(of, unchecked(error), services)
    return await _follow(session, stripe, services)


async def _without_stripe(session_id: str, why: Unchecked, services: Services) -> Trace:
    """What the product alone knows of a session, while Stripe is silent."""
    held, log = await asyncio.gather(
        checked(_entitlements_of(session_id, services)), checked(_log(session_id, None, services))
    )
    evidence = Evidence(session=why, event=why, endpoint=why, log=log, held=held)
    return Trace(session=None, event=None, chain=judge(evidence, services.now()), email="", by_hand=False)


async def _entitlements_of(session_id: str, services: Services) -> Held:
    product = product_of(services)
    entitlements, by_hand = await asyncio.gather(
        product.fetch("session_entitlements", {"sessions": [session_id]}),
        product.fetch("hand_grants", {"sessions": [session_id], "people": []}),
    )
    given = [row for row in by_hand if row["session"] == session_id]
    return Held(entitlements=_entitlements(entitlements), by_hand=_by_hand(given, session_id), is_known=True)


async def session_named(of: str, stripe: Stripe) -> CheckoutSession:
    """The session that an id names."""
    kind = of.partition("_")[0]
    if kind not in ("cs", "pi", "evt", "sub"):
        raise UserError(
            f"“{of[:40]}” names no payment.",
            why="It is an e-mail address, a session (cs_…), a payment (pi_…), a subscription (sub_…) or an event (evt_…).",
            todo="`/ilab payment trace ann@example.com`",
        )
    if kind == "cs":
        return await _known(stripe.checkout_session(of), "checkout session", of)
    if kind == "evt":
        return await session_of_event(await event_named(of, stripe), stripe)
    return await _session_paid_by(of, stripe)


async def event_named(event_id: str, stripe: Stripe) -> StripeEvent:
    """The event of that id. UserError where Stripe has none."""
    if not event_id.startswith("evt_"):
        raise UserError(f"“{event_id[:40]}” is no event.", why="An event's id begins with evt_.")
    return await _known(stripe.event(event_id), "event of the last 30 days", event_id)


async def session_of_event(event: StripeEvent, stripe: Stripe) -> CheckoutSession:
    """The checkout that an event is about. UserError where it is about none."""
    of = _subject(event)
    return await (stripe.checkout_session(of) if of.startswith("cs_") else _session_paid_by(of, stripe))


async def _session_paid_by(of: str, stripe: Stripe) -> CheckoutSession:
    if of.startswith("pi_"):
        found, _ = await stripe.sessions(payment_intent=of, most=1)
    else:
        found, _ = await stripe.sessions(subscription=of, most=1)
    if not found:
        raise UserError(
            f"No checkout belongs to {of}.",
            why="A subscription's renewals are paid without one: the first payment alone has a checkout.",
            todo="Trace the customer's e-mail address instead.",
        )
    return await stripe.checkout_session(found[0].id)


def _subject(event: StripeEvent) -> str:
    """The session, payment or subscription that an event is about. UserError where it is about something else."""
    for candidate in (event.about, event.links.get("payment_intent", ""), event.links.get("subscription", "")):
        if candidate.startswith(("cs_", "pi_", "sub_")):
            return candidate
    raise UserError(f"{event.id} is about no payment: it is a {event.type}.")


async def _known(asked: Awaitable[T], what: str, of: str) -> T:
    try:
        return await asked
    except ProviderError as error:
        if error.kind != "not_found":
            raise
        raise UserError(
            f"Stripe knows no {what} called {of[:80]}.", todo="Was it copied whole, from live mode?"
        ) from error


# one person


async def _of_person(given: str, stripe: Stripe, services: Services) -> Trace:
    known = await checked(_person(given, services))
    sessions = await sessions_of(given, stripe)
    if not sessions:
        if known == "":
            raise UserError(
                "Nobody has this e-mail address.",
                why="Neither the product's database nor a checkout at Stripe knows it.",
                todo="Check the spelling; `+` and dots count. Perhaps another address was typed at the checkout.",
            )
        return Trace(session=None, event=None, chain=never_begun(), email=given.lower(), by_hand=False)
    held = await checked(_held(sessions, services))
    chosen = _worst(sessions, held)
    traced = await _follow(await stripe.checkout_session(chosen.id), stripe, services)
    others = tuple((one, _word(one, held)) for one in sessions if one.id != chosen.id)
    return Trace(
        session=traced.session,
        event=traced.event,
        chain=traced.chain,
        email=traced.email,
        by_hand=traced.by_hand,
        others=others,
    )


async def sessions_of(given: str, stripe: Stripe) -> tuple[CheckoutSession, ...]:
    """The checkouts of an address, newest first, however it was typed there."""
    written = {given, given.lower()}
    by_address = await asyncio.gather(*(stripe.sessions(email=one, most=MOST_SESSIONS) for one in written))
    customers = {one for found in await asyncio.gather(*(stripe.customers(one) for one in written)) for one in found}
    by_customer = await asyncio.gather(*(stripe.sessions(customer=one, most=MOST_SESSIONS) for one in customers))
    found = {one.id: one for page, _ in (*by_address, *by_customer) for one in page}
    return tuple(sorted(found.values(), key=lambda one: one.created, reverse=True)[:MOST_SESSIONS])


def _worst(sessions: Sequence[CheckoutSession], held: Mapping[str, Held] | Unchecked) -> CheckoutSession:
    """The session to look at: what was paid and is wrong, else what was paid, else the newest. Pure."""

    def rank(one: CheckoutSession) -> int:
        if not one.is_paid:
            return 3
        word = _word(one, held)
        return WRONG.index(word) if word in WRONG else 2

    return min(sessions, key=rank)


def _word(one: CheckoutSession, held: Mapping[str, Held] | Unchecked) -> str:
    """How one of several checkouts stands. Pure."""
    if not one.is_paid:
        return "not paid" if one.status != "complete" else "not paid yet"
    if isinstance(held, Unchecked):
        return "paid; the product could not be asked"
    theirs = held[one.id]
    if theirs.entitlements and not theirs.times:
        return "paid, granted and taken back"
    return {0: WRONG[0], 1: "paid and granted"}.get(theirs.times, WRONG[1])


# one session


async def _follow(session: CheckoutSession, stripe: Stripe, services: Services) -> Trace:
    now = services.now()
    event, endpoint, declined, refunded, held = await asyncio.gather(
        checked(_completion(session, stripe)),
        checked(_endpoint(stripe)),
        checked(_declined(session, stripe)),
        checked(_refunded(session, stripe)),
        checked(_held((session,), services)),
    )
    born = event.created if isinstance(event, StripeEvent) else session.created
    log = await checked(_log(session.id, born, services))
    evidence = Evidence(
        session=session,
        declined=declined if isinstance(declined, str) else "",
        refunded=refunded if isinstance(refunded, int) else 0,
        event=event,
        endpoint=endpoint,
        log=log,
        held=held[session.id] if isinstance(held, Mapping) else held,
    )
    address = await checked(_addresses((session.reference,), services))
    mine = held[session.id] if isinstance(held, Mapping) else None
    return Trace(
        session=session,
        event=event if isinstance(event, StripeEvent) else None,
        chain=judge(evidence, now),
        email=address.get(session.reference, session.email) if isinstance(address, Mapping) else session.email,
        by_hand=bool(mine and mine.by_hand and not any(one.names_it for one in mine.by_hand)),
    )


async def checked(asked: Awaitable[T]) -> T | Unchecked:
    """What was found, or why it could not be asked: one silent vendor leaves the other links checked."""
    try:
        return await asked
    except (ProviderError, NotConfiguredError) as error:
        return unchecked(error)


def unchecked(error: UserError) -> Unchecked:
    """Why something could not be asked."""
    return Unchecked(why=error.what.rstrip(".") + (f" ({error.why})" if error.why else ""))


async def _completion(session: CheckoutSession, stripe: Stripe) -> StripeEvent | Unchecked | None:
    if not session.is_paid:
        return None
    event, whole = await stripe.completion(session)
    return event if event or whole else Unchecked(why="more events of that time than I read")


async def _endpoint(stripe: Stripe) -> WebhookEndpoint | Unchecked | None:
    """The product's own endpoint among the account's."""
    ours = stripe.settings.webhook_url.rstrip("/")
    if not ours:
        return Unchecked(why="ILAB_STRIPE__WEBHOOK_URL is not set")
    return next((one for one in await stripe.webhook_endpoints() if one.url.rstrip("/") == ours), None)


async def _declined(session: CheckoutSession, stripe: Stripe) -> str:
    if session.is_paid or not session.payment_intent:
        return ""
    return (await stripe.payment_intent(session.payment_intent)).declined


async def _refunded(session: CheckoutSession, stripe: Stripe) -> int:
    return await stripe.refunded(session.payment_intent) if session.is_paid and session.payment_intent else 0


async def _log(session_id: str, born: datetime | None, services: Services) -> ServerLog:
    """What the webhook wrote about the session, and about signatures, since the event was made."""
    logs, stripe = services.vendors().vercel_logs, stripe_of(services)
    if logs is None:
        raise NotConfiguredError("Vercel is not configured.", todo="Set ILAB_VERCEL__TOKEN.")
    now = services.now()
    reach = now - timedelta(hours=logs.settings.logs_kept_hours)
    reach = max(born - timedelta(minutes=1), reach) if born else reach
    ours, refused = await asyncio.gather(
        logs.search(since=reach, until=now, text=session_id),
        logs.search(since=reach, until=min(now, reach + timedelta(hours=1)), text="signature"),
    )
    mark = stripe.settings.webhook_log
    lines = [one for one in (*ours.lines, *refused.lines) if mark in one.message]
    written = {Written(at=one.at, status=one.status, message=one.message.replace(mark, "").strip()) for one in lines}
    return ServerLog(lines=tuple(sorted(written, key=lambda one: one.at, reverse=True)), since=reach)


# the product


async def _person(email: str, services: Services) -> str:
    found = await product_of(services).fetch("person_by_email", {"email": email})
    return str(found[0]["id"]) if found else ""


async def _addresses(people: Iterable[str], services: Services) -> dict[str, str]:
    found = await product_of(services).fetch("known_people", {"people": _ids(people)})
    return {str(row["id"]): str(row["email"]) for row in found}


async def _held(sessions: Sequence[CheckoutSession], services: Services) -> Mapping[str, Held]:
    """What the product holds for each of the sessions."""
    return await held_for(sessions, product_of(services))


async def held_for(sessions: Sequence[CheckoutSession], product: ProductDatabase) -> Mapping[str, Held]:
    """What the product holds for each of the sessions, by session."""
    ids = [one.id for one in sessions]
    people = _ids(one.reference for one in sessions)
    entitlements, by_hand, known = await asyncio.gather(
        product.fetch("session_entitlements", {"sessions": ids}),
        product.fetch("hand_grants", {"sessions": ids, "people": people}),
        product.fetch("known_people", {"people": people}),
    )
    there = {str(row["id"]) for row in known}
    return {one.id: _held_of(one, entitlements, by_hand, there) for one in sessions}


def _held_of(session: CheckoutSession, entitlements: Sequence[Any], by_hand: Sequence[Any], known: set[str]) -> Held:
    """What of the rows is about one session. Pure."""
    given = [
        row
        for row in by_hand
        if row["session"] == session.id
        or (not row["session"] and row["person"] == session.reference and row["created_at"] >= session.created)
    ]
    return Held(
        entitlements=_entitlements([row for row in entitlements if row["session"] == session.id]),
        by_hand=_by_hand(given, session.id),
        is_known=session.reference in known,
    )


def _entitlements(rows: Iterable[Any]) -> tuple[Entitlement, ...]:
    return tuple(
        Entitlement(id=row["id"], at=row["created_at"], status=row["status"], tier=row["tier"], left=row["left"])
        for row in rows
    )


def _by_hand(rows: Iterable[Any], session_id: str) -> tuple[HandGrant, ...]:
    return tuple(
        HandGrant(
            id=row["id"],
            at=row["created_at"],
            left=row["left"],
            reason=row["reason"],
            names_it=row["session"] == session_id,
        )
        for row in rows
        if row["status"] != REVOKED
    )


def _ids(given: Iterable[str]) -> list[str]:
    """Those that can be ids of the product's customers: a session's reference is any text."""
    found = []
    for one in given:
        try:
            found.append(str(uuid.UUID(one)))
        except ValueError:
            continue
    return found
