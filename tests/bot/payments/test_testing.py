"""Test events: whom they are about, and where they never go."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.errors import UserError
from bot.payments.testing import _refuse_production, made_up
from bot.settings import StripeSettings

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
REAL = {
    "id": "cs_live_1",
    "mode": "payment",
    "amount_total": 3900,
    "client_reference_id": "petra",
    "customer": "cus_1",
    "customer_details": {"email": "petra@example.com", "name": "Petra"},
    "metadata": {"user_id": "petra", "package": "professional"},
}


def test_nobody_is_in_it() -> None:
    """A real session lends its shape and what the app reads, and nothing of its customer."""
    event = made_up("key", REAL, customer="canary", now=NOW)
    session = event["data"]["object"]
    assert session["metadata"] == {"user_id": "canary", "package": "professional"}
    assert (session["mode"], session["amount_total"], session["payment_status"]) == ("payment", 3900, "paid")
    assert "petra" not in str(event).lower()
    assert "cus_1" not in str(event)


def test_without_a_customer_nothing_is_paid() -> None:
    """Where the settings name nobody, the event grants nothing; the same key makes the same event."""
    event = made_up("key", {}, customer="", now=NOW)
    assert event["data"]["object"]["payment_status"] == "unpaid"
    assert event == made_up("key", {}, customer="", now=NOW)
    assert event["id"] != made_up("other", {}, customer="", now=NOW)["id"]


@pytest.mark.parametrize(
    ("test", "allowed"),
    [
        ("https://staging.interviewlab.io/api/stripe-webhook", True),
        ("https://interviewlab.io/staging/api/stripe-webhook", True),
        ("https://interviewlab.io/api/stripe-webhook", False),
        ("http://INTERVIEWLAB.io:443/api/stripe-webhook/", False),
        ("https://www.interviewlab.io/api/stripe-webhook?test=1", False),
        ("https://app.interviewlab.io/api/stripe-webhook", False),
        ("https://live.example.com/hook", False),
    ],
)
def test_where_a_test_goes(test: str, allowed: bool) -> None:  # noqa: FBT001
    """Never to the endpoint, to the site's own host, or to what Stripe delivers live events to."""
    settings = StripeSettings(
        api_key="sk", webhook_url="https://interviewlab.io/api/stripe-webhook", test_webhook_url=test
    )
    live = ["https://live.example.com/hook"]
    if allowed:
        _refuse_production(settings, live, "https://app.interviewlab.io")
    else:
        with pytest.raises(UserError, match="production"):
            _refuse_production(settings, live, "https://app.interviewlab.io")
