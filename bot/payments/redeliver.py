"""An event delivered again: by Stripe, or, where it will not, by us, signed, to the product's own endpoint.

It is done once: what was paid is looked for first, so that a lost answer or a crash leads to a look, not to a second
delivery; and the product gives one session once, whoever delivers it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from bot.context import Services
from bot.errors import NotConfiguredError, ProviderError, UserError
from bot.masking import masked_text
from bot.operation import Execution, Line, Offer, Outcome, Plan
from bot.payments.chain import Held
from bot.payments.packages import package_for, spoken
from bot.payments.trace import event_named, held_for, session_of_event, stripe_of
from bot.product import product_of
from bot.providers.stripe_shapes import COMPLETED, PAID_LATER, CheckoutSession, StripeEvent

REFUSALS: Final = ("rejected", "not_found", "unauthorized")
"""Stripe's call for this is undocumented: these say that it is not for us, or not any more."""
FIRST_LOOK: Final = 0.1
LONGEST_PAUSE: Final = 2.0


async def plan(event_id: str, services: Services, *, anyway: bool) -> Plan:
    """What a redelivery would do. UserError where the entitlement is there, or something was given by hand."""
    stripe = stripe_of(services)
    event = await event_named(event_id, stripe)
    endpoint = await _endpoint(services)
    lines = [
        Line(title="Event", text=f"{event.id}, {event.type}"),
        Line(title="To", text=f"{stripe.settings.webhook_url or 'the endpoints of the account'} ({endpoint})"),
    ]
    decides: dict[str, Any] = {"event": event.id, "endpoint": endpoint, "session": None}
    bought = ""
    if event.type in (COMPLETED, PAID_LATER):
        session = await session_of_event(event, stripe)
        held = (await held_for((session,), product_of(services)))[session.id]
        _refuse(event, session, held, anyway=anyway)
        package = package_for(session.price, stripe.settings)
        bought = f": {spoken(package) if package else 'what was paid'} for {masked_text(session.email) or 'somebody'}"
        lines.append(Line(title="Session", text=f"{session.id}, {session.money} paid, nothing granted"))
        decides |= {"session": session.id} | ({"person": session.reference} if held.is_known else {})
    return Plan(effect=f"deliver {event.id} again{bought}", lines=tuple(lines), decides=decides)


def _refuse(event: StripeEvent, session: CheckoutSession, held: Held, *, anyway: bool) -> None:
    """Raise UserError where a delivery would give nothing, or too much. Pure."""
    if not session.is_paid:
        raise UserError(f"This session is not paid: Stripe says {session.payment_status}.")
    if held.entitlements:
        raise UserError(
            "There is nothing to deliver: the entitlement is there.",
            todo=f"`/ilab payment trace {session.id}` shows it.",
        )
    if held.by_hand and not anyway:
        grant = held.by_hand[-1]
        raise UserError(
            "Something was given by hand for this payment already.",
            why=f"“{masked_text(grant.reason) or 'without a reason'}”, {grant.at:%a %d %b, %H:%M} UTC, {grant.left} left. "
            "The app knows nothing of that, and would give it again.",
            todo=f"If the customer shall have both: `/ilab payment redeliver {event.id} --anyway`.",
        )


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Why the plan is no longer true, or nothing."""
    return "It has arrived in the meantime." if await _has_arrived(decides, services) else ""


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Have it delivered, and look whether what was paid arrives."""
    services = execution.services
    if await _has_arrived(decides, services):
        return _arrived(decides, "It had arrived already, and nothing was sent again")
    try:
        await stripe_of(services).retry(decides["event"], decides["endpoint"])
        way = "Stripe delivered it again"
    except ProviderError as error:
        if error.kind not in REFUSALS:
            # it may have acted: then what was paid arrives, and nothing needs to be sent a second time
            if error.ambiguous and await _arrives(decides, services):
                return _arrived(decides, "Stripe's answer was lost, and it delivered")
            raise
        refused = await _replay(decides, services, error)
        if refused is not None:
            return refused
        way = f"Stripe would not ({error.status}), so it was replayed, signed, to our own endpoint"
    if decides["session"] is None:
        return Outcome(succeeded=True, said=f"{way}.")
    if await _arrives(decides, services):
        return _arrived(decides, way)
    waited = stripe_of(services).settings.arrives_within_seconds
    said = f"{way}, and nothing has arrived within {waited:g} s: the app does not give it."
    return Outcome(succeeded=False, said=said, offers=(_trace(decides),))


async def _replay(decides: Mapping[str, Any], services: Services, why: ProviderError) -> Outcome | None:
    """Post the event ourselves; the outcome where that does not work, either."""
    webhook = services.vendors().webhook
    if webhook is None:
        said = (
            f"{why.what.rstrip('.')}, and I cannot sign it myself: set ILAB_STRIPE__WEBHOOK_SECRET and …__WEBHOOK_URL."
        )
        return Outcome(succeeded=False, said=said)
    reply = await webhook.post(await stripe_of(services).event_text(decides["event"]))
    if reply.is_confirmed:
        return None
    hint = " It takes the signature for a wrong one: its secret differs from ours." if reply.status == 400 else ""
    said = f"Stripe would not ({why.status}), and our own endpoint answered {reply.status} to the replay.{hint}"
    return Outcome(succeeded=False, said=said, offers=(_trace(decides),))


def _arrived(decides: Mapping[str, Any], way: str) -> Outcome:
    return Outcome(succeeded=True, said=f"{way}, and what was paid has arrived.", offers=(_trace(decides),))


def _trace(decides: Mapping[str, Any]) -> Offer:
    return Offer(label="Trace it", words=f"payment trace {decides['session'] or decides['event']}")


async def _arrives(decides: Mapping[str, Any], services: Services) -> bool:
    """Wait for what was paid, as long as the settings say."""
    deadline = time.monotonic() + stripe_of(services).settings.arrives_within_seconds
    pause = FIRST_LOOK
    while not await _has_arrived(decides, services):
        if time.monotonic() + pause > deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, 1.5 * pause)
    return True


async def _has_arrived(decides: Mapping[str, Any], services: Services) -> bool:
    if decides["session"] is None:
        return False
    found = await product_of(services).fetch("session_entitlements", {"sessions": [decides["session"]]})
    return bool(found)


async def _endpoint(services: Services) -> str:
    """The id of the product's own endpoint. UserError where the account has none of that address."""
    stripe = stripe_of(services)
    ours = stripe.settings.webhook_url.rstrip("/")
    if not ours:
        raise NotConfiguredError("I do not know the product's endpoint.", todo="Set ILAB_STRIPE__WEBHOOK_URL.")
    found = next((one for one in await stripe.webhook_endpoints() if one.url.rstrip("/") == ours), None)
    if found is None:
        raise UserError("Stripe knows no endpoint with our address.", todo="Make one in Stripe's dashboard: Webhooks.")
    return found.id
