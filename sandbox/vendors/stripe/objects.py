"""Stripe's objects, written from what the books know. Pure; times are seconds since the epoch."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sandbox.product.books import CASES, PACKAGES, Customer, Package, Purchase

API_VERSION: Final = "2026-10-28.endive"
Json = dict[str, Any]

_TYPED: Final = {email.lower(): email for email in CASES.values()}
_OPENED: Final = 1_738_574_400
"""When the account was opened: February 2025."""


def seconds(at: datetime) -> int:
    """Whole seconds since the epoch."""
    return int(at.timestamp())


def price(package: Package) -> Json:
    """Write the price of a package; `metadata.package` is what the product calls it."""
    interval = package.interval
    return {
        "id": package.price,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": _OPENED,
        "currency": "usd",
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": package.key,
        "metadata": {"package": package.key, "tier": package.tier, "interviews": str(package.interviews)},
        "nickname": package.key.title(),
        "product": f"prod_{package.key}",
        "recurring": {
            "interval": interval,
            "interval_count": 1,
            "meter": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        }
        if interval
        else None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if interval else "one_time",
        "unit_amount": package.cents,
        "unit_amount_decimal": str(package.cents),
    }


def prices() -> list[Json]:
    """All prices."""
    return [price(package) for package in PACKAGES]


def customer(one: Customer) -> Json:
    """Write a customer; the address is the one that the product knows, in lower case."""
    return {
        "id": one.stripe_id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": seconds(one.created_at),
        "currency": "usd",
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": one.email,
        "invoice_prefix": f"ILAB{one.number:04d}",
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {"user_id": str(one.id)},
        "name": one.full_name,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def checkout_session(purchase: Purchase, *, expired: bool = False) -> Json:
    """Write a Checkout Session. For a subscription the payment intent hangs on the invoice, not here."""
    one, package = purchase.customer, purchase.package
    status = "complete" if purchase.paid else "expired" if expired else "open"
    at = seconds(purchase.at)
    details: Json = {
        "address": None,
        "business_name": None,
        "email": _TYPED.get(one.email, one.email),
        "individual_name": None,
        "name": one.full_name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    return {
        "id": purchase.session_id,
        "object": "checkout.session",
        "amount_subtotal": package.cents,
        "amount_total": package.cents,
        "cancel_url": "https://interviewlab.io/pricing",
        "client_reference_id": str(one.id),
        "created": at,
        "currency": "usd",
        "customer": one.stripe_id,
        "customer_details": details,
        "customer_email": None,
        "expires_at": at + 86_400,
        "invoice": f"in_{purchase.suffix}" if purchase.recurring and purchase.paid else None,
        "livemode": False,
        "metadata": {"user_id": str(one.id), "package": package.key, "tier": package.tier},
        "mode": "subscription" if purchase.recurring else "payment",
        "payment_intent": None if purchase.recurring or purchase.outcome == "abandoned" else f"pi_{purchase.suffix}",
        "payment_link": None,
        "payment_method_types": ["card"],
        "payment_status": "paid" if purchase.paid else "unpaid",
        "status": status,
        "subscription": f"sub_{purchase.suffix}" if purchase.recurring and purchase.paid else None,
        "success_url": "https://interviewlab.io/thanks?session_id={CHECKOUT_SESSION_ID}",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "url": None if status != "open" else f"https://checkout.stripe.com/c/pay/{purchase.session_id}",
    }


def line_item(purchase: Purchase) -> Json:
    """Write the one thing that was bought."""
    cents = purchase.package.cents
    return {
        "id": f"li_{purchase.suffix}",
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": cents,
        "amount_tax": 0,
        "amount_total": cents,
        "currency": "usd",
        "description": f"InterviewLab {purchase.package.key.title()}",
        "metadata": {},
        "price": price(purchase.package),
        "quantity": 1,
    }


def payment_intent(purchase: Purchase) -> Json:
    """Write a payment intent; `last_payment_error` is set where the card was refused."""
    cents, paid = purchase.package.cents, purchase.paid
    error = {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "message": "Your card has insufficient funds.",
        "charge": f"ch_{purchase.suffix}",
    }
    return {
        "id": f"pi_{purchase.suffix}",
        "object": "payment_intent",
        "amount": cents,
        "amount_capturable": 0,
        "amount_received": cents if paid else 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"pi_{purchase.suffix}_secret_sandbox",
        "confirmation_method": "automatic",
        "created": seconds(purchase.at),
        "currency": "usd",
        "customer": purchase.customer.stripe_id,
        "description": None,
        "last_payment_error": None if paid else error,
        "latest_charge": f"ch_{purchase.suffix}",
        "livemode": False,
        "metadata": {"user_id": str(purchase.customer.id)},
        "next_action": None,
        "payment_method": f"pm_{purchase.suffix}" if paid else None,
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "setup_future_usage": None,
        "status": "succeeded" if paid else "requires_payment_method",
    }


def charge(purchase: Purchase, *, refunded: int = 0) -> Json:
    """Write a charge; `refunded` in cents."""
    cents, paid = purchase.package.cents, purchase.paid
    return {
        "id": f"ch_{purchase.suffix}",
        "object": "charge",
        "amount": cents,
        "amount_captured": cents if paid else 0,
        "amount_refunded": refunded,
        "balance_transaction": f"txn_{purchase.suffix}" if paid else None,
        "billing_details": {
            "address": None,
            "email": _TYPED.get(purchase.customer.email, purchase.customer.email),
            "name": purchase.customer.full_name,
            "phone": None,
            "tax_id": None,
        },
        "captured": paid,
        "created": seconds(purchase.at),
        "currency": "usd",
        "customer": purchase.customer.stripe_id,
        "description": None,
        "disputed": False,
        "failure_code": None if paid else "card_declined",
        "failure_message": None if paid else "Your card has insufficient funds.",
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "outcome": {
            "network_status": "approved_by_network" if paid else "declined_by_network",
            "reason": None if paid else "insufficient_funds",
            "seller_message": "Payment complete." if paid else "The bank returned insufficient_funds.",
            "type": "authorized" if paid else "issuer_declined",
        },
        "paid": paid,
        "payment_intent": f"pi_{purchase.suffix}",
        "payment_method": f"pm_{purchase.suffix}",
        "payment_method_details": {"card": {"brand": "visa", "last4": "4242", "country": "US"}, "type": "card"},
        "receipt_email": None,
        "receipt_url": None,
        "refunded": refunded >= cents and paid,
        "status": "succeeded" if paid else "failed",
    }


def refund(purchase: Purchase, *, number: int, cents: int, at: int, reason: str | None, metadata: Json) -> Json:
    """Write a refund that has gone through."""
    return {
        "id": f"re_{purchase.suffix}n{number}",
        "object": "refund",
        "amount": cents,
        "balance_transaction": f"txn_{purchase.suffix}r{number}",
        "charge": f"ch_{purchase.suffix}",
        "created": at,
        "currency": "usd",
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": metadata,
        "payment_intent": f"pi_{purchase.suffix}",
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def ended_at(purchase: Purchase, now: float) -> int | None:
    """When a subscription was ended, if it was: every sixth is, after two months."""
    end = seconds(purchase.at) + 61 * 86_400
    return end if purchase.number % 6 == 0 and end < now else None


def subscription(purchase: Purchase, now: float) -> Json:
    """Write a subscription; its current period is on the item, not on itself."""
    start, ended = seconds(purchase.at), ended_at(purchase, now)
    length = (30 if purchase.package.interval == "month" else 365) * 86_400
    period = start + max(0, int(((ended or now) - start) // length)) * length
    late = ended is None and purchase.number % 17 == 0
    name = f"sub_{purchase.suffix}"
    item = {
        "id": f"si_{purchase.suffix}",
        "object": "subscription_item",
        "created": start,
        "current_period_end": period + length,
        "current_period_start": period,
        "discounts": [],
        "metadata": {},
        "price": price(purchase.package),
        "quantity": 1,
        "subscription": name,
        "tax_rates": [],
    }
    return {
        "id": name,
        "object": "subscription",
        "billing_cycle_anchor": start,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": ended,
        "cancellation_details": {
            "comment": None,
            "feedback": "unused" if ended else None,
            "reason": "cancellation_requested" if ended else None,
        },
        "collection_method": "charge_automatically",
        "created": start,
        "currency": "usd",
        "customer": purchase.customer.stripe_id,
        "description": None,
        "discounts": [],
        "ended_at": ended,
        "items": {
            "object": "list",
            "data": [item],
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={name}",
        },
        "latest_invoice": f"in_{purchase.suffix}",
        "livemode": False,
        "metadata": {"user_id": str(purchase.customer.id)},
        "pause_collection": None,
        "start_date": start,
        "status": "canceled" if ended else "past_due" if late else "active",
        "trial_end": None,
        "trial_start": None,
    }
