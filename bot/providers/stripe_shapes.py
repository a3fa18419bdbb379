"""What Stripe says, as far as we read it (https://docs.stripe.com/api): its answers' shapes, and our values.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

COMPLETED: Final = "checkout.session.completed"
PAID_LATER: Final = "checkout.session.async_payment_succeeded"
"""The events after which the product gives what was bought: at once, or when a slow way of paying has paid."""
WHOLE: Final = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf")
)
"""Currencies without a smaller unit: https://docs.stripe.com/currencies#zero-decimal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StripeEvent:
    """An event. `pending_webhooks` counts the endpoints that have not confirmed it yet.

    `about` is the object it tells of, and `links` what that names: `payment_intent`, `subscription`, `customer`.
    """

    id: str
    type: str
    created: datetime
    pending_webhooks: int
    about: str = ""
    links: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookEndpoint:
    """An address to which Stripe delivers. `status` is `enabled` or `disabled`."""

    id: str
    url: str
    status: str
    events: tuple[str, ...]
    livemode: bool = False

    def wants(self, kind: str) -> bool:
        """Whether events of this type go there."""
        return any(one in ("*", kind) or (one.endswith(".*") and kind.startswith(one[:-1])) for one in self.events)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckoutSession:
    """A checkout session. `reference` is the product's id of the customer, `price` that of the first thing bought."""

    id: str
    status: str
    """open, complete or expired."""
    payment_status: str
    """paid, unpaid or no_payment_required."""
    created: datetime
    amount: int | None
    currency: str
    reference: str
    email: str
    payment_intent: str
    subscription: str
    customer: str
    price: str
    metadata: Mapping[str, str]

    @property
    def is_paid(self) -> bool:
        """What it is about may be given."""
        return self.payment_status in ("paid", "no_payment_required")

    @property
    def money(self) -> str:
        """The amount as people write it."""
        return money(self.amount, self.currency)


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentIntent:
    """A payment. `declined` is why the last try was refused, where one was."""

    id: str
    status: str
    declined: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A subscription. `monthly_cents` is what it brings in a month; `ended` is when it was cancelled, if it was."""

    id: str
    status: str
    created: datetime
    ended: datetime | None
    monthly_cents: float

    @property
    def lives(self) -> bool:
        """Somebody pays for it, or should: `past_due` is late, and not lost yet."""
        return self.status in ("active", "past_due")


def money(amount: int | None, currency: str) -> str:
    """An amount in the currency's smallest unit, as people write it: `39.00 USD`."""
    if amount is None:
        return ""
    return f"{amount if currency.lower() in WHOLE else f'{amount / 100:.2f}'} {currency.upper()}"


class _Details(BaseModel):
    email: str | None = None


class _Price(BaseModel):
    id: str


class _Item(BaseModel):
    price: _Price | None = None


class _Items(BaseModel):
    data: list[_Item] = []


class _Recurring(BaseModel):
    interval: str
    interval_count: int = 1


class _PlanPrice(BaseModel):
    unit_amount: int | None = None
    recurring: _Recurring | None = None


class _SubscriptionItem(BaseModel):
    price: _PlanPrice
    quantity: int = 1


class _SubscriptionItems(BaseModel):
    data: list[_SubscriptionItem] = []


class _Subscription(BaseModel):
    id: str
    status: str
    created: int
    canceled_at: int | None = None
    ended_at: int | None = None
    items: _SubscriptionItems = _SubscriptionItems()

    def value(self) -> Subscription:
        """As we use it."""
        ended = self.ended_at or (self.canceled_at if self.status == "canceled" else None)
        return Subscription(
            id=self.id,
            status=self.status,
            created=when(self.created),
            ended=when(ended) if ended else None,
            monthly_cents=sum(_monthly(item) for item in self.items.data),
        )


def _monthly(item: _SubscriptionItem) -> float:
    recurring = item.price.recurring
    if recurring is None or item.price.unit_amount is None:
        return 0.0
    months = {"day": 12 / 365, "week": 12 / 52, "month": 1.0, "year": 12.0}.get(recurring.interval, 1.0)
    return item.price.unit_amount * item.quantity / (months * recurring.interval_count)


class _Subscriptions(BaseModel):
    data: list[_Subscription]
    has_more: bool = False


class _Session(BaseModel):
    id: str
    payment_status: str
    status: str | None = None
    created: int
    amount_total: int | None = None
    currency: str | None = None
    client_reference_id: str | None = None
    customer_details: _Details | None = None
    customer_email: str | None = None
    payment_intent: str | None = None
    subscription: str | None = None
    customer: str | None = None
    line_items: _Items | None = None
    metadata: dict[str, str] | None = None

    def value(self) -> CheckoutSession:
        """As we use it."""
        items = self.line_items.data if self.line_items else []
        given = (self.customer_details.email if self.customer_details else None) or self.customer_email
        return CheckoutSession(
            id=self.id,
            status=self.status or "",
            payment_status=self.payment_status,
            created=when(self.created),
            amount=self.amount_total,
            currency=self.currency or "",
            reference=self.client_reference_id or "",
            email=(given or "").lower(),
            payment_intent=self.payment_intent or "",
            subscription=self.subscription or "",
            customer=self.customer or "",
            price=items[0].price.id if items and items[0].price else "",
            metadata=self.metadata or {},
        )


class _Sessions(BaseModel):
    data: list[_Session]
    has_more: bool = False


class Told(BaseModel):
    """What an event is about."""

    object: dict[str, Any] = {}


class Event(BaseModel):
    """An event as it comes."""

    id: str
    type: str
    created: int
    pending_webhooks: int = 0
    data: Told = Told()

    def value(self) -> StripeEvent:
        """As we use it."""
        told = self.data.object
        links = {name: told[name] for name in ("payment_intent", "subscription", "customer")
                 if isinstance(told.get(name), str)}  # fmt: skip
        about = told.get("id")
        return StripeEvent(
            id=self.id,
            type=self.type,
            created=when(self.created),
            pending_webhooks=self.pending_webhooks,
            about=about if isinstance(about, str) else "",
            links=links,
        )


class _Endpoint(BaseModel):
    id: str
    url: str
    status: str
    enabled_events: list[str] = []
    livemode: bool = False

    def value(self) -> WebhookEndpoint:
        """As we use it."""
        return WebhookEndpoint(
            id=self.id, url=self.url, status=self.status, events=tuple(self.enabled_events), livemode=self.livemode
        )


class _Events(BaseModel):
    data: list[Event]
    has_more: bool = False


class _Endpoints(BaseModel):
    data: list[_Endpoint]


class _Error(BaseModel):
    code: str | None = None
    decline_code: str | None = None


class _Intent(BaseModel):
    id: str
    status: str
    last_payment_error: _Error | None = None

    def value(self) -> PaymentIntent:
        """As we use it."""
        error = self.last_payment_error
        declined = (error.decline_code or error.code or "refused") if error else ""
        return PaymentIntent(id=self.id, status=self.status, declined=declined)


class _Refund(BaseModel):
    amount: int
    status: str | None = None


class _Refunds(BaseModel):
    data: list[_Refund]


class _Named(BaseModel):
    id: str


class _Customers(BaseModel):
    data: list[_Named]


class _Customer(BaseModel):
    id: str
    deleted: bool = False


SESSION: Final = TypeAdapter(_Session)
SUBSCRIPTIONS: Final = TypeAdapter(_Subscriptions)
SESSIONS: Final = TypeAdapter(_Sessions)
EVENT: Final = TypeAdapter(Event)
EVENTS: Final = TypeAdapter(_Events)
ENDPOINTS: Final = TypeAdapter(_Endpoints)
INTENT: Final = TypeAdapter(_Intent)
REFUNDS: Final = TypeAdapter(_Refunds)
CUSTOMERS: Final = TypeAdapter(_Customers)
CUSTOMER: Final = TypeAdapter(_Customer)
RUNNING: Final = TypeAdapter(_Customers)


def when(seconds: int) -> datetime:
    """A moment as Stripe counts it."""
    return datetime.fromtimestamp(seconds, UTC)
