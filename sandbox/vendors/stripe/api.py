"""Stripe's calls: events and their delivery here, payments and customers in `payments`."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import logging
import time
from typing import ClassVar, Final

import aiohttp
from aiohttp import web

from sandbox.product.books import Customer
from sandbox.vendors.stripe import objects
from sandbox.vendors.stripe.ledger import SUBSCRIBED, Event
from sandbox.vendors.stripe.objects import Json
from sandbox.vendors.stripe.payments import Payments
from sandbox.vendors.vendor import RefusalError, call
from sandbox.world import CREDENTIALS

logger = logging.getLogger(__name__)

ENDPOINT: Final = "we_1IlabProduct"
PATIENCE: Final = 10.0
"""Seconds of real time that a delivery may take."""


class Stripe(Payments):
    """`https://api.stripe.com`. Deliveries go, signed, to the site of the same sandbox."""

    name: ClassVar[str] = "stripe"

    # events

    @call("GET", "/v1/events", "events.list")
    async def list_events(self, request: web.Request) -> web.StreamResponse:
        """List events, newest first; `type`, `types[]`, `created[…]` and `delivery_success` narrow."""
        kinds = [value for key, value in request.query.items() if key == "type" or key.startswith("types[")]
        if len(kinds) > 20:
            raise RefusalError(self.error(400, "You may only specify up to 20 types."))
        wanted = request.query.get("delivery_success", "")
        oldest = request.query.get("created[gte]", "")
        since = int(oldest) if oldest.isdigit() else 0
        newest = request.query.get("created[lt]", "")
        until = int(newest) if newest.isdigit() else None
        kept = self.ledger.events(self.now(), silent_since=self.silent_since)
        events = (
            event
            # newest first: reading on to the end of the month would hold up every other stand-in meanwhile
            for event in itertools.takewhile(lambda event: event.created >= since, kept)
            if (until is None or event.created < until)
            and (not kinds or event.type in kinds or any(_matches(kind, event.type) for kind in kinds))
            and (not wanted or self._reached(event) == (wanted == "true"))
        )
        return self.page(request, "/v1/events", events, self._event)

    @call("GET", "/v1/events/{id}", "events.retrieve")
    async def retrieve_event(self, request: web.Request) -> web.StreamResponse:
        """Return one event of the last 30 days."""
        return web.json_response(self._event(self._find_event(request)))

    @call("POST", "/v1/events/{id}/retry", "events.retry")
    async def retry_event(self, request: web.Request) -> web.StreamResponse:
        """Deliver an event again, after the answer (undocumented at Stripe: `stripe events resend` does it)."""
        event = self._find_event(request)
        form = await request.post()
        if form.get("webhook_endpoint", ENDPOINT) != ENDPOINT:
            raise RefusalError(self.missing("webhook_endpoint", str(form["webhook_endpoint"])))
        if self.state["webhook_endpoint"] == "disabled":
            raise RefusalError(self.error(400, "The webhook endpoint is disabled.", code="resource_missing"))
        self.ledger.undelivered.add(event.id)
        self.ledger.delivered.discard(event.id)
        self.deliver_later(event)
        return web.json_response(self._event(event))

    def _find_event(self, request: web.Request) -> Event:
        event_id = request.match_info["id"]
        event = self.ledger.find(event_id, self.now(), silent_since=self.silent_since)
        if event is None:
            raise RefusalError(self.missing("id", event_id, what="event"))
        return event

    def _reached(self, event: Event) -> bool:
        """Say whether every endpoint that wants the event has taken it."""
        if event.id in self.ledger.delivered or event.type not in SUBSCRIBED:
            return True
        failing = self.failing_since is not None and event.created >= self.failing_since
        return event.id not in self.ledger.undelivered and not failing

    def _event(self, event: Event) -> Json:
        return {
            "id": event.id,
            "object": "event",
            "api_version": objects.API_VERSION,
            "created": event.created,
            "data": self.ledger.body(event, self.now()),
            "livemode": False,
            "pending_webhooks": 0 if self._reached(event) else 1,
            "request": {"id": f"req_{event.id[4:18]}", "idempotency_key": None},
            "type": event.type,
        }

    # delivering

    def fail_payments(self) -> None:
        """Decline eight cards over the last minutes, and tell the operations bot's endpoint of each."""
        people = [one for one in self.company.books.customers if one.stripe_id][:8]
        for number, customer in enumerate(people):
            for event in self.ledger.decline(customer, self.now() - 20 * number):
                if event.type == "payment_intent.payment_failed":
                    self.world.webhooks.send("stripe", self._event(event))

    def deliver_later(self, event: Event) -> None:
        """Begin to deliver an event to the product; `settled` waits for it."""
        task = asyncio.get_running_loop().create_task(self.deliver(event))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def settled(self) -> None:
        """Wait for the deliveries that are under way."""
        await asyncio.gather(*self._deliveries, return_exceptions=True)

    async def deliver(self, event: Event) -> bool:
        """Post an event, signed, to the product's endpoint, and say whether that answered 2xx."""
        if self.state["webhook_endpoint"] != "enabled" or not self.site_url:
            return False
        body = json.dumps(self._event(event)).encode()
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature(body), "User-Agent": "Stripe/1.0"}
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as client,
                client.post(f"{self.site_url}/api/stripe-webhook", data=body, headers=headers) as answer,
            ):
                reached = 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError) as error:
            logger.info("delivery of %s failed: %s", event.id, error)
            reached = False
        if reached:
            self.ledger.undelivered.discard(event.id)
            self.ledger.delivered.add(event.id)
        return reached

    async def buy(self, customer: Customer, package: str) -> Event:
        """Let a customer buy a package at this moment, and deliver what follows. Return the checkout's event."""
        completed = self.ledger.buy(customer, package, self.now())
        await self.deliver(completed)
        return completed

    def close(self) -> None:
        """End what is under way."""
        for task in self._deliveries:
            task.cancel()
        super().close()

    # endpoints

    @call("GET", "/v1/webhook_endpoints", "webhook_endpoints.list")
    async def list_endpoints(self, request: web.Request) -> web.StreamResponse:
        """List the one endpoint, that of the product."""
        return self.page(request, "/v1/webhook_endpoints", iter([self._endpoint()]), dict)

    @call("GET", "/v1/webhook_endpoints/{id}", "webhook_endpoints.retrieve")
    async def retrieve_endpoint(self, request: web.Request) -> web.StreamResponse:
        """Return it, without its secret."""
        self._check_endpoint(request)
        return web.json_response(self._endpoint())

    @call("POST", "/v1/webhook_endpoints/{id}", "webhook_endpoints.update")
    async def update_endpoint(self, request: web.Request) -> web.StreamResponse:
        """Enable or disable it by `disabled`."""
        self._check_endpoint(request)
        disabled = (await request.post()).get("disabled")
        if disabled in ("true", "false"):
            self.set_switch("webhook_endpoint", "disabled" if disabled == "true" else "enabled")
        return web.json_response(self._endpoint())

    def _check_endpoint(self, request: web.Request) -> None:
        if request.match_info["id"] != ENDPOINT:
            raise RefusalError(self.missing("id", request.match_info["id"], what="webhook endpoint"))

    def _endpoint(self) -> Json:
        return {
            "id": ENDPOINT,
            "object": "webhook_endpoint",
            "api_version": objects.API_VERSION,
            "application": None,
            "created": 1_738_575_000,
            "description": "InterviewLab production",
            "enabled_events": list(SUBSCRIBED),
            "livemode": False,
            "metadata": {},
            "status": "disabled" if self.state["webhook_endpoint"] == "disabled" else "enabled",
            "url": f"{self.site_url}/api/stripe-webhook",
        }


def signature(body: bytes, *, secret: str = CREDENTIALS["stripe.webhook_secret"], at: int | None = None) -> str:
    """Sign a body as Stripe does, at this moment of real time unless told another."""
    moment = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def _matches(wanted: str, kind: str) -> bool:
    """Say whether `charge.*` covers `charge.failed`."""
    return wanted.endswith(".*") and kind.startswith(wanted[:-1])
