"""Stripe, through its own library (https://docs.stripe.com/api), which is imported with the first call.

The import takes about 60 ms and, with the services built, 7 MB beside httpx: the terminal, which rarely needs it, does not
pay that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import httpx
from pydantic import BaseModel, TypeAdapter

from bot.errors import ProviderError
from bot.providers.http import Api
from bot.settings import StripeSettings

if TYPE_CHECKING:
    import stripe


@dataclass(frozen=True, kw_only=True, slots=True)
class StripeEvent:
    """An event. `pending_webhooks` counts the endpoints that have not confirmed it yet."""

    id: str
    type: str
    created: datetime
    pending_webhooks: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookEndpoint:
    """An address to which Stripe delivers. `status` is `enabled` or `disabled`."""

    id: str
    url: str
    status: str
    events: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckoutSession:
    """A checkout session, as far as a grant looks at it. `reference` is the product's id of the customer."""

    id: str
    payment_status: str
    reference: str
    email: str


class _Details(BaseModel):
    email: str | None = None


class _Session(BaseModel):
    id: str
    payment_status: str
    client_reference_id: str | None = None
    customer_details: _Details | None = None


class _Event(BaseModel):
    id: str
    type: str
    created: int
    pending_webhooks: int = 0


class _Endpoint(BaseModel):
    id: str
    url: str
    status: str
    enabled_events: list[str] = []


class _Events(BaseModel):
    data: list[_Event]


class _Endpoints(BaseModel):
    data: list[_Endpoint]


_SESSION: Final = TypeAdapter(_Session)
_EVENTS: Final = TypeAdapter(_Events)
_ENDPOINTS: Final = TypeAdapter(_Endpoints)


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
        found = self._fit(listed, _EVENTS).data
        if not found:
            return None
        event = found[0]
        return StripeEvent(
            id=event.id,
            type=event.type,
            created=datetime.fromtimestamp(event.created, UTC),
            pending_webhooks=event.pending_webhooks,
        )

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
        return len(self._fit(listed, _EVENTS).data)

    async def checkout_session(self, session_id: str) -> CheckoutSession:
        """Return a checkout session: `GET /v1/checkout/sessions/{id}`. ProviderError of kind not_found where none is."""
        client = self.load()
        async with self._calling():
            found = await client.v1.checkout.sessions.retrieve_async(session_id)
        session = self._fit(found, _SESSION)
        return CheckoutSession(
            id=session.id,
            payment_status=session.payment_status,
            reference=session.client_reference_id or "",
            email=(session.customer_details.email or "").lower() if session.customer_details else "",
        )

    async def webhook_endpoints(self) -> tuple[WebhookEndpoint, ...]:
        """Return the account's endpoints, at most 100: `GET /v1/webhook_endpoints`."""
        client = self.load()
        async with self._calling():
            listed = await client.v1.webhook_endpoints.list_async({"limit": 100})
        found = self._fit(listed, _ENDPOINTS).data
        return tuple(
            WebhookEndpoint(id=one.id, url=one.url, status=one.status, events=tuple(one.enabled_events))
            for one in found
        )

    def _fit(self, answer: Any, shape: TypeAdapter[Any]) -> Any:
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
