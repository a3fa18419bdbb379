"""A signed test event to an endpoint that is not production's: whether it is reached, and takes what we sign.

It has the shape of the newest real one, with nobody's data in it: a made-up session of a customer whom the settings name
for it, or, where they name none, one that nobody has paid.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bot.context import Services
from bot.errors import NotConfiguredError, UserError
from bot.operation import Execution, Line, Outcome, Plan
from bot.payments.trace import stripe_of
from bot.settings import StripeSettings
from bot.words import shorten

if TYPE_CHECKING:  # it imports httpx, which a terminal does without
    from bot.providers.webhook import Webhook

KEPT: Final = ("amount_subtotal", "amount_total", "currency", "mode", "object", "payment_method_types", "total_details")
"""What of a real session is in a test's: nothing of anybody."""
ADDRESS: Final = "ilab.test@example.com"


async def plan(services: Services) -> Plan:
    """What would be sent where. UserError where that is production, or where it cannot be told from production."""
    stripe = stripe_of(services)
    webhook, settings = _webhook(services), stripe.settings
    endpoints = [one.url for one in await stripe.webhook_endpoints() if one.livemode]
    _refuse_production(settings, endpoints, services.settings.site.url if services.settings.site else "")
    paid = (
        f"paid, for the customer {settings.test_customer[:8]}…"
        if settings.test_customer
        else "unpaid: it grants nothing"
    )
    return Plan(
        effect=f"send a signed test event to {_place(webhook.url)}",
        lines=(Line(title="Event", text=f"checkout.session.completed of a made-up session, {paid}"),),
        decides={"url": webhook.url},
    )


def _webhook(services: Services) -> Webhook:
    webhook = services.vendors().test_webhook
    if webhook is None:
        raise NotConfiguredError(
            "There is no endpoint for tests.",
            why="A test event never goes to production.",
            todo="Set ILAB_STRIPE__TEST_WEBHOOK_URL and …__TEST_WEBHOOK_SECRET to those of staging.",
        )
    return webhook


def _refuse_production(settings: StripeSettings, live: list[str], site: str) -> None:
    """Raise UserError unless the test's address is certainly another than production's. Pure."""
    ours = _place(settings.test_webhook_url)
    if not settings.webhook_url:
        raise NotConfiguredError(
            "I cannot tell the test's endpoint from production's.", todo="Set ILAB_STRIPE__WEBHOOK_URL to production's."
        )
    production = {_place(one) for one in (settings.webhook_url, *live)}
    if site:
        production.add(_place(f"https://{urlsplit(site).netloc}{urlsplit(settings.webhook_url).path}"))
    if ours in production:
        raise UserError(
            "This is production's endpoint: no test goes there.",
            why=f"{ours} is where Stripe delivers real payments.",
            todo="Set ILAB_STRIPE__TEST_WEBHOOK_URL to staging's.",
        )


def _place(url: str) -> str:
    """Where an address leads, however it is written: host and path. Pure."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    return f"{host}{port}{parts.path.rstrip('/')}"


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Why the plan is no longer true, or nothing: the settings do not change while a bot runs."""
    del decides, services
    return ""


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Send it, and say what was answered. Sent again after a crash it is the same session, which an app gives once."""
    services = execution.services
    stripe = stripe_of(services)
    template = await stripe.newest_completion()
    event = made_up(
        execution.key,
        template,
        customer=stripe.settings.test_customer,
        now=services.now(),
    )
    reply = await _webhook(services).post(json.dumps(event))
    answered = Line(title="Answer", text=f"{reply.status}: {shorten(' '.join(reply.text.split()), 200) or 'nothing'}")
    place = _place(decides["url"])
    if reply.is_confirmed:
        return Outcome(succeeded=True, said=f"{place} took the signed event: {reply.status}.", lines=(answered,))
    hint = " It takes the signature for a wrong one." if reply.status == 400 else ""
    return Outcome(succeeded=False, said=f"{place} answered {reply.status}.{hint}", lines=(answered,))


def made_up(key: str, template: Mapping[str, Any], *, customer: str, now: datetime) -> dict[str, Any]:
    """An event of a made-up session, like a real one but for whom it is about. Pure."""
    name = hashlib.sha256(key.encode()).hexdigest()[:24]
    reference = template.get("client_reference_id")
    # what the app reads of its own is kept, with the customer's id replaced wherever it stands
    metadata = {
        word: customer if said == reference else said for word, said in (template.get("metadata") or {}).items()
    }
    session = {word: template[word] for word in KEPT if word in template} | {
        "id": f"cs_test_ilab_{name}",
        "object": "checkout.session",
        "created": int(now.timestamp()),
        "client_reference_id": customer or None,
        "customer": None,
        "customer_details": {"email": ADDRESS},
        "livemode": False,
        "metadata": metadata,
        "payment_intent": None,
        "payment_status": "paid" if customer else "unpaid",
        "status": "complete",
        "subscription": None,
    }
    return {
        "id": f"evt_ilab_{name}",
        "object": "event",
        "created": int(now.timestamp()),
        "data": {"object": session},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "checkout.session.completed",
    }
