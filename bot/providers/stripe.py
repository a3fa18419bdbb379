"""Stripe, through its own library (https://docs.stripe.com/api), which is imported with the first call.

The import takes about 60 ms and, with the services built, 7 MB beside httpx: the terminal, which rarely needs it, does not
pay that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx
from pydantic import TypeAdapter

from bot.errors import ProviderError
from bot.providers import stripe_shapes as shapes
from bot.providers.http import Api
from bot.providers.stripe_shapes import CheckoutSession, PaymentIntent, StripeEvent, Subscription, WebhookEndpoint
from bot.settings import StripeSettings

if TYPE_CHECKING:
    import stripe


T = TypeVar("T")

PAGE: Final = 100
MOST_PAGES: Final = 10
_NEVER_LATER: Final = timedelta(hours=25)
"""A checkout is completed within a day of its beginning, or expires."""


class Stripe:
    """Stripe's API with our key. Nothing is retried: a probe wants the first answer, and a write decides for itself."""

    def __init__(self, settings: StripeSettings, http: httpx.AsyncClient) -> None:
        """Use the shared HTTP client below the library."""
        self.settings = settings
        self._api = Api(provider="Stripe", http=http, base_url=settings.base_url)
        self._client: stripe.StripeClient | None = None

    def load(self) -> stripe.StripeClient:
        """Return the library's client, importing it the first time. A serving bot calls this once at its start."""
        if self._client is None:
            import stripe  # noqa: PLC0415 -- see the module's docstring

            from bot.providers.stripe_transport import SharedTransport  # noqa: PLC0415 -- needs the library

            stripe.enable_telemetry = False  # it keeps an id in the home directory, and adds headers
            self._client = stripe.StripeClient(
                self.settings.api_key.get_secret_value(),
                base_addresses={"api": self.settings.base_url},
                http_client=SharedTransport(self._api),
                max_network_retries=0,
            )
        return self._client

    async def newest_event(self) -> StripeEvent | None:
        """Return the newest event of the last 30 days: `GET /v1/events?limit=1`."""
        client = self.load()
        async with self._calling():
            listed = await client.v1.events.list_async({"limit": 1})
        found = self._fit(listed, shapes.EVENTS).data
        return found[0].value() if found else None

    async def undelivered(self, *, after: datetime, before: datetime) -> int:
        """Return how many events of that time some endpoint has not confirmed, at most 100.

        Just after an event this is normal: leave the last minutes out.
        """
        client = self.load()
        async with self._calling():
            listed = await client.v1.events.list_async(
                {
                    "delivery_success": False,
                    "created": {"gte": int(after.timestamp()), "lt": int(before.timestamp())},
                    "limit": 100,
                }
            )
        return len(self._fit(listed, shapes.EVENTS).data)

    # checkouts and payments

    async def payments_since(self, after: datetime, before: datetime | None = None) -> tuple[int, int]:
        """Return how many payments succeeded and failed since then, of the last 100: `GET /v1/events`."""
        since = int(after.timestamp())
        client = self.load()
        async with self._calling():
            listed = await client.v1.events.list_async(
                {
                    "types": ["payment_intent.succeeded", "payment_intent.payment_failed"],
                    "created": {"gte": since, "lt": int(before.timestamp())} if before else {"gte": since},
                    "limit": 100,
                }
            )
        found = self._fit(listed, shapes.EVENTS).data
        succeeded = sum(event.type == "payment_intent.succeeded" for event in found)
        return succeeded, len(found) - succeeded

    async def checkout_session(self, session_id: str) -> CheckoutSession:
        """Return a checkout session: `GET /v1/checkout/sessions/{id}`. ProviderError of kind not_found where none is."""
        client = self.load()
        async with self._calling():
            found = await client.v1.checkout.sessions.retrieve_async(session_id, {"expand": ["line_items"]})
        return self._fit(found, shapes.SESSION).value()

    async def sessions(
        self,
        *,
        email: str = "",
        customer: str = "",
        payment_intent: str = "",
        subscription: str = "",
        since: datetime | None = None,
        most: int = PAGE,
    ) -> tuple[tuple[CheckoutSession, ...], bool]:
        """Return sessions, newest first, without what was bought in them; and whether there are older ones than `most`."""
        named = {"customer": customer, "payment_intent": payment_intent, "subscription": subscription}
        params: dict[str, Any] = {name: value for name, value in named.items() if value}
        if email:
            params["customer_details"] = {"email": email}
        if since:
            params["created"] = {"gte": int(since.timestamp())}
        client = self.load()
        found: list[CheckoutSession] = []
        more = True
        while more and len(found) < most:
            params["limit"] = min(PAGE, most - len(found))
            async with self._calling():
                listed = await client.v1.checkout.sessions.list_async(params)  # type: ignore[arg-type]
            page = self._fit(listed, shapes.SESSIONS)
            found += [one.value() for one in page.data]
            more = page.has_more and bool(page.data)
            params["starting_after"] = found[-1].id if found else ""
        return tuple(found), more

    async def subscriptions(self) -> tuple[Subscription, ...]:
        """Return all subscriptions, ended ones too, a thousand at most: `GET /v1/subscriptions?status=all`."""
        client = self.load()
        params: dict[str, Any] = {"status": "all", "limit": PAGE}
        found: list[Subscription] = []
        for _ in range(MOST_PAGES):
            async with self._calling():
                listed = await client.v1.subscriptions.list_async(params)  # type: ignore[arg-type]
            page = self._fit(listed, shapes.SUBSCRIPTIONS)
            found += [one.value() for one in page.data]
            if not page.has_more or not page.data:
                break
            params["starting_after"] = found[-1].id
        return tuple(found)

    async def payment_intent(self, intent_id: str) -> PaymentIntent:
        """Return a payment: `GET /v1/payment_intents/{id}`."""
        client = self.load()
        async with self._calling():
            found = await client.v1.payment_intents.retrieve_async(intent_id)
        return self._fit(found, shapes.INTENT).value()

    async def refunded(self, payment_intent: str) -> int:
        """Return how much of a payment was given back, in its currency's smallest unit."""
        client = self.load()
        async with self._calling():
            listed = await client.v1.refunds.list_async({"payment_intent": payment_intent, "limit": 100})
        refunds = self._fit(listed, shapes.REFUNDS).data
        return sum(one.amount for one in refunds if one.status not in ("failed", "canceled"))

    async def customers(self, email: str) -> tuple[str, ...]:
        """Return the ids of the customers of an address, whose capitals count: at most 100."""
        client = self.load()
        async with self._calling():
            listed = await client.v1.customers.list_async({"email": email, "limit": 100})
        return tuple(one.id for one in self._fit(listed, shapes.CUSTOMERS).data)

    async def has_customer(self, customer: str) -> bool:
        """Say whether there is such a customer, and they were not deleted: `GET /v1/customers/{id}`."""
        client = self.load()
        try:
            async with self._calling():
                found = await client.v1.customers.retrieve_async(customer)
        except ProviderError as error:
            if error.kind == "not_found":
                return False
            raise
        return not self._fit(found, shapes.CUSTOMER).deleted

    async def running_subscriptions(self, customer: str) -> int:
        """Return how many subscriptions of a customer have not ended: at most 100."""
        client = self.load()
        async with self._calling():
            listed = await client.v1.subscriptions.list_async({"customer": customer, "limit": 100})
        return len(self._fit(listed, shapes.RUNNING).data)

    async def delete_customer(self, customer: str) -> None:
        """Delete a customer for good, which ends their subscriptions; one that is gone already is no failure."""
        client = self.load()
        try:
            async with self._calling(writes=True):
                await client.v1.customers.delete_async(customer)
        except ProviderError as error:
            if error.kind != "not_found":
                raise

    # events

    async def event(self, event_id: str) -> StripeEvent:
        """Return an event of the last 30 days: `GET /v1/events/{id}`. ProviderError of kind not_found where none is."""
        client = self.load()
        async with self._calling():
            found = await client.v1.events.retrieve_async(event_id)
        return self._fit(found, shapes.EVENT).value()

    async def completion(self, session: CheckoutSession) -> tuple[StripeEvent | None, bool]:
        """Return the event that says that a session was paid, and whether all events of its time were looked through."""
        completed, whole = await self._telling(session, shapes.COMPLETED, until=session.created + _NEVER_LATER)
        if completed is None or completed.data.object.get("payment_status") != "unpaid":
            return completed.value() if completed else None, whole
        # a bank that takes days has its own event, whenever that comes
        succeeded, whole = await self._telling(session, shapes.PAID_LATER)
        return succeeded.value() if succeeded else None, whole

    async def _telling(
        self, session: CheckoutSession, kind: str, *, until: datetime | None = None
    ) -> tuple[shapes.Event | None, bool]:
        created = {"gte": int(session.created.timestamp())}
        if until:
            created["lte"] = int(until.timestamp())
        params: dict[str, Any] = {"type": kind, "created": created, "limit": PAGE}
        client = self.load()
        for _ in range(MOST_PAGES):
            async with self._calling():
                listed = await client.v1.events.list_async(params)  # type: ignore[arg-type]
            page = self._fit(listed, shapes.EVENTS)
            for event in page.data:
                if event.data.object.get("id") == session.id:
                    return event, True
            if not page.has_more or not page.data:
                return None, True
            params["starting_after"] = page.data[-1].id
        return None, False

    async def newest_completion(self) -> dict[str, Any]:
        """Return the session that the newest `checkout.session.completed` is about, as it came; empty where none is."""
        client = self.load()
        async with self._calling():
            listed = await client.v1.events.list_async({"type": shapes.COMPLETED, "limit": 1})
        found = self._fit(listed, shapes.EVENTS).data
        return found[0].data.object if found else {}

    async def event_text(self, event_id: str) -> str:
        """Return an event as Stripe writes it, to be sent on as it is."""
        client = self.load()
        async with self._calling():
            return str((await client.raw_request_async("get", f"/v1/events/{event_id}")).body)

    async def retry(self, event_id: str, endpoint_id: str) -> None:
        """Have Stripe deliver an event again. Undocumented: it is what `stripe events resend` calls.

        Source: stripe/stripe-cli, pkg/cmd/resource/events_resend.go.
        """
        client = self.load()
        async with self._calling(writes=True):
            await client.raw_request_async("post", f"/v1/events/{event_id}/retry", webhook_endpoint=endpoint_id)

    async def webhook_endpoints(self) -> tuple[WebhookEndpoint, ...]:
        """Return the account's endpoints, at most 100: `GET /v1/webhook_endpoints`."""
        client = self.load()
        async with self._calling():
            listed = await client.v1.webhook_endpoints.list_async({"limit": 100})
        return tuple(one.value() for one in self._fit(listed, shapes.ENDPOINTS).data)

    def _fit(self, answer: Any, shape: TypeAdapter[T]) -> T:
        """Check what the library made of the answer; it takes any JSON for the object asked for."""
        try:
            return shape.validate_python(getattr(answer, "to_dict", dict)())
        except ValueError as error:
            why = "answers JSON of another shape than documented"
            # the chain is cut: a ValidationError quotes what came in
            raise self._api.failed("garbled", status=200, why=why) from TypeError(type(error).__name__)

    @asynccontextmanager
    async def _calling(self, *, writes: bool = False) -> AsyncIterator[None]:
        """Turn the library's errors and the time limit into ProviderError."""
        import stripe  # noqa: PLC0415 -- loaded already

        try:
            async with asyncio.timeout(self._api.timeout):
                yield
        except ProviderError:
            raise
        except TimeoutError as error:
            why = f"no answer within {self._api.timeout:g} s"
            raise self._api.failed("timeout", ambiguous=writes, why=why) from error
        except stripe.StripeError as error:
            # the chain is cut: the library's error carries headers and the body
            kind, status = _kind(error), error.http_status
            raise self._api.failed(kind, status=status, ambiguous=writes and kind == "server") from TypeError(
                type(error).__name__
            )


def _kind(error: stripe.StripeError) -> str:
    status = error.http_status or 0
    if status >= 500:
        return "server"
    if status < 300:
        return "garbled"
    return {401: "unauthorized", 403: "unauthorized", 404: "not_found", 429: "rate_limited"}.get(status, "rejected")
