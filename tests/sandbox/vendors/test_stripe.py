"""Stripe: what its own library makes of the stand-in's answers, events and their delivery, idempotency, faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from sandbox.product import ProductDatabase, company_of
from sandbox.product.books import CASES
from sandbox.vendors.stripe.api import ENDPOINT, signature
from sandbox.world import CREDENTIALS

KEY = CREDENTIALS["stripe.api_key"]


class Library:
    """Stripe's own client, blocking, called in a thread."""

    def __init__(self, url: str, key: str = KEY) -> None:
        """Speak to the stand-in at `url`."""
        self._client = stripe.StripeClient(key, base_addresses={"api": f"{url}/stripe"}, max_network_retries=0)
        self.v1 = self._client.v1

    async def call(self, function: Any, *arguments: Any) -> Any:
        """Return what a method of the library returns."""
        return await asyncio.to_thread(function, *arguments)

    async def retry(self, event_id: str, **params: Any) -> Any:
        """Resend an event as `stripe events resend` does."""
        path = f"/v1/events/{event_id}/retry"
        raw = await asyncio.to_thread(lambda: self._client.raw_request("post", path, **params))
        return self._client.deserialize(raw, api_mode="V1")


@pytest.fixture
def library(company: Any) -> Iterator[Library]:
    """The library, without telemetry."""
    stripe.enable_telemetry = False
    return Library(company.url)


@pytest.fixture
def raw(company: Any) -> httpx.AsyncClient:
    """HTTP as it is."""
    return company.client("stripe", Authorization=f"Bearer {KEY}")


def books(company: Any) -> Any:
    """The company's books."""
    return company_of(company.world).books


def purchase_of(company: Any, case: str) -> Any:
    """The first purchase of a case."""
    return next(one for one in books(company).purchases if one.customer == books(company).cases[case])


async def balance(database: ProductDatabase, case: str) -> list[int]:
    """What is left in each of a case's entitlements."""
    rows = await database.fetch(
        "select remaining_interviews as n from entitlements e join auth.users u on u.id = e.user_id"
        " where u.email = %s order by e.created_at",
        [CASES[case].lower()],
    )
    return [row["n"] for row in rows]


# events


async def test_the_newest_event_is_always_a_few_minutes_old(company: Any, library: Library) -> None:
    """However far the clock is put forward, something has just happened."""
    for jump in (0, 7 * 3600, 40 * 86_400):
        company.world.clock.jump(jump)
        events = await library.call(library.v1.events.list, {"limit": 1})
        assert 0 <= company.world.clock.timestamp() - events.data[0].created <= 300
        assert events.has_more


async def test_quiet_events_have_been_quiet_for_hours(company: Any, library: Library) -> None:
    """Switched to quiet, the newest event is six hours old at once, and grows older."""
    company.vendors["stripe"].set_switch("events", "quiet")
    newest = (await library.call(library.v1.events.list, {"limit": 1})).data[0]
    assert 6 * 3600 <= company.world.clock.timestamp() - newest.created <= 7 * 3600
    company.world.clock.jump(3600)
    assert (await library.call(library.v1.events.list, {"limit": 1})).data[0].id == newest.id
    company.vendors["stripe"].set_switch("events", "flowing")
    assert (await library.call(library.v1.events.list, {"limit": 1})).data[0].id != newest.id


async def test_events_are_read_page_by_page(library: Library) -> None:
    """Newest first, none twice, none left out, and `ending_before` goes back."""
    first = await library.call(library.v1.events.list, {"limit": 40})
    second = await library.call(library.v1.events.list, {"limit": 40, "starting_after": first.data[-1].id})
    both = await library.call(library.v1.events.list, {"limit": 80})
    ids = [event.id for event in (*first.data, *second.data)]
    assert ids == [event.id for event in both.data]
    assert len(set(ids)) == 80
    times = [event.created for event in both.data]
    assert times == sorted(times, reverse=True)
    back = await library.call(library.v1.events.list, {"limit": 10, "ending_before": second.data[0].id})
    assert [event.id for event in back.data] == [event.id for event in first.data[-10:]]


async def test_events_are_filtered(company: Any, library: Library) -> None:
    """By type, by several types, and by time; what is older than 30 days is gone."""
    now = int(company.world.clock.timestamp())
    wanted = {"type": "checkout.session.completed", "created": {"gte": now - 86_400 * 3}, "limit": 100}
    found = [event async for event in (await library.v1.events.list_async(wanted)).auto_paging_iter()]
    assert found
    assert {event.type for event in found} == {"checkout.session.completed"}
    assert min(event.created for event in found) >= now - 86_400 * 3
    failed = await library.call(library.v1.events.list, {"types": ["charge.failed", "charge.refunded"], "limit": 100})
    assert {event.type for event in failed.data} == {"charge.failed", "charge.refunded"}
    everything = await library.v1.events.list_async({"type": "checkout.session.completed", "limit": 100})
    assert min([event.created async for event in everything.auto_paging_iter()]) >= now - 30 * 86_400


async def test_undelivered_events_are_found(company: Any, library: Library) -> None:
    """Those of the paid sessions whose event nobody took, and only those."""
    found = await library.call(library.v1.events.list, {"delivery_success": False, "limit": 100})
    sessions = {event.data.object.id for event in found.data}
    untaken = [one for one in company_of(company.world).books.purchases if one.paid and not one.granted]
    assert sessions == {one.session_id for one in untaken if one.fate not in ("unsent", "vanished")}
    assert purchase_of(company, "paid_no_credits").session_id in sessions
    assert all(event.pending_webhooks == 1 for event in found.data)
    again = await library.call(library.v1.events.retrieve, found.data[0].id)
    assert again.type == "checkout.session.completed"


async def test_a_failing_endpoint_leaves_events_undelivered(company: Any, library: Library) -> None:
    """Switched to failing, what came in the last half hour is pending; switched back, it is not."""
    before = await library.call(library.v1.events.list, {"delivery_success": False, "limit": 100})
    company.vendors["stripe"].set_switch("webhook_endpoint", "failing")
    failing = await library.call(library.v1.events.list, {"delivery_success": False, "limit": 100})
    assert len(failing.data) >= len(before.data) + 4
    company.vendors["stripe"].set_switch("webhook_endpoint", "enabled")
    after = await library.call(library.v1.events.list, {"delivery_success": False, "limit": 100})
    assert [event.id for event in after.data] == [event.id for event in before.data]


async def test_resending_an_event_grants_what_was_paid(
    company: Any, library: Library, database: ProductDatabase
) -> None:
    """The event is delivered, signed; the entitlement appears once, however often it is resent."""
    assert await balance(database, "paid_no_credits") == []
    event_id = f"evt_{purchase_of(company, 'paid_no_credits').suffix}cs"
    for _ in range(3):
        event = await library.retry(event_id, webhook_endpoint=ENDPOINT)
        assert (event.object, event.id, event.pending_webhooks) == ("event", event_id, 1)
        await company.vendors["stripe"].settled()
    assert await balance(database, "paid_no_credits") == [5]
    assert (await library.call(library.v1.events.retrieve, event_id)).pending_webhooks == 0
    log = [line.message for line in company_of(company.world).server_log]
    assert [line.split(" ", 4)[4] for line in log] == ["granted professional (5)", "already granted", "already granted"]
    assert all(line.startswith("[T134 Webhook] checkout.session.completed cs_test_") for line in log)


async def test_resending_can_fail(company: Any, library: Library) -> None:
    """To an unknown endpoint or of an unknown event it is refused; while the site is down the event stays pending."""
    event_id = f"evt_{purchase_of(company, 'paid_no_credits').suffix}cs"
    with pytest.raises(stripe.InvalidRequestError):
        await library.retry(event_id, webhook_endpoint="we_other")
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        await library.retry("evt_unknown")
    company.vendors["site"].set_switch("site", "down")
    await library.retry(event_id, webhook_endpoint=ENDPOINT)
    await company.vendors["stripe"].settled()
    assert (await library.call(library.v1.events.retrieve, event_id)).pending_webhooks == 1
    company.vendors["stripe"].set_switch("webhook_endpoint", "disabled")
    with pytest.raises(stripe.InvalidRequestError, match="disabled"):
        await library.retry(event_id, webhook_endpoint=ENDPOINT)


async def test_somebody_buys_now(company: Any, library: Library, database: ProductDatabase) -> None:
    """A purchase of this moment is in the lists, is delivered, and gives the interviews."""
    await library.call(library.v1.balance.retrieve)
    customer = books(company).cases["never_bought"]
    event = await company.vendors["stripe"].buy(customer, "elite")
    assert await balance(database, "never_bought") == [12]
    kinds = {"types": ["checkout.session.completed"], "limit": 1}
    assert (await library.call(library.v1.events.list, kinds)).data[0].id == event.id
    sessions = await library.call(
        library.v1.checkout.sessions.list, {"customer_details": {"email": CASES["never_bought"]}}
    )
    assert [session.payment_status for session in sessions.data] == ["paid"]
    customers = await library.call(library.v1.customers.list, {"email": CASES["never_bought"]})
    assert [one.id for one in customers.data] == [sessions.data[0].customer]


# endpoints


async def test_the_endpoint_shows_whether_it_is_enabled(company: Any, library: Library) -> None:
    """Its status follows the switch, and the switch follows an update; its secret is not shown."""
    endpoints = await library.call(library.v1.webhook_endpoints.list)
    assert [(one.id, one.status) for one in endpoints.data] == [(ENDPOINT, "enabled")]
    assert endpoints.data[0].url == f"{company.url}/site/api/stripe-webhook"
    assert "secret" not in endpoints.data[0]
    company.vendors["stripe"].set_switch("webhook_endpoint", "disabled")
    assert (await library.call(library.v1.webhook_endpoints.retrieve, ENDPOINT)).status == "disabled"
    updated = await library.call(library.v1.webhook_endpoints.update, ENDPOINT, {"disabled": False})
    assert updated.status == "enabled"
    assert company.vendors["stripe"].state["webhook_endpoint"] == "enabled"


def test_signatures_are_those_of_stripe() -> None:
    """A known body, secret and time give the known signature, which the library accepts."""
    body = b'{"id":"x","type":"test"}'
    header = signature(body, secret="whsec_test", at=1_700_000_000)
    assert header == "t=1700000000,v1=2bb30ee0b8c13a1b32fa1a81941bd79bbc1fc9f91c3a23b9272a1f37a68370a8"
    stripe.WebhookSignature.verify_header(body.decode(), signature(body, secret="whsec_test"), "whsec_test", 300)


# payments


async def test_a_checkout_is_traced_to_its_charge(company: Any, library: Library) -> None:
    """Session, line items, payment intent, charge and customer refer to one another."""
    purchase = purchase_of(company, "paid_no_credits")
    session = await library.call(
        library.v1.checkout.sessions.retrieve, purchase.session_id, {"expand": ["line_items", "payment_intent"]}
    )
    assert (session.status, session.payment_status, session.amount_total) == ("complete", "paid", 3900)
    assert session.client_reference_id == str(purchase.customer.id)
    assert session.line_items.data[0].price.id == "price_professional"
    assert session.payment_intent.status == "succeeded"
    charge = await library.call(library.v1.charges.retrieve, session.payment_intent.latest_charge)
    assert charge.paid
    assert charge.customer == session.customer
    by_intent = await library.call(library.v1.checkout.sessions.list, {"payment_intent": session.payment_intent.id})
    assert [one.id for one in by_intent.data] == [session.id]
    items = await library.call(library.v1.checkout.sessions.line_items.list, session.id)
    assert items.data[0].amount_total == 3900


async def test_a_declined_card_says_why(company: Any, library: Library) -> None:
    """The payment intent waits for another card and keeps the last error; the charge failed."""
    purchase = purchase_of(company, "card_declined")
    intent = await library.call(library.v1.payment_intents.retrieve, f"pi_{purchase.suffix}")
    assert (intent.status, intent.last_payment_error.code) == ("requires_payment_method", "card_declined")
    charges = await library.call(library.v1.charges.list, {"payment_intent": intent.id})
    assert [one.failure_code for one in charges.data] == ["card_declined"]


async def test_a_refund_is_made_once(company: Any, library: Library) -> None:
    """The same idempotency key gives the same refund; more than was paid is refused; the charge shows it."""
    intent = f"pi_{purchase_of(company, 'plus').suffix}"
    options = {"idempotency_key": "inc42-refund"}
    part = {"payment_intent": intent, "amount": 500, "reason": "requested_by_customer", "metadata": {"incident": "42"}}
    first = await library.call(library.v1.refunds.create, part, options)
    again = await library.call(library.v1.refunds.create, part, options)
    assert (first.id, first.status, first.metadata["incident"]) == (again.id, "succeeded", "42")
    with pytest.raises(stripe.IdempotencyError):
        await library.call(library.v1.refunds.create, part | {"amount": 600}, options)
    with pytest.raises(stripe.InvalidRequestError, match="greater"):
        await library.call(library.v1.refunds.create, {"payment_intent": intent, "amount": 3500})
    charge = await library.call(library.v1.charges.retrieve, first.charge)
    assert (charge.amount_refunded, charge.refunded) == (500, False)
    refunds = await library.call(library.v1.refunds.list, {"payment_intent": intent})
    assert [one.id for one in refunds.data] == [first.id]


async def test_customers_are_found_and_deleted(library: Library) -> None:
    """By their exact address; a deleted one is hardly there; twice is an error."""
    assert (await library.call(library.v1.customers.list, {"email": CASES["banned"].title()})).data == []
    customer = (await library.call(library.v1.customers.list, {"email": CASES["banned"]})).data[0]
    assert (await library.call(library.v1.customers.delete, customer.id)).deleted
    left = await library.call(library.v1.customers.retrieve, customer.id)
    assert left.to_dict() == {"id": customer.id, "object": "customer", "deleted": True}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await library.call(library.v1.customers.delete, customer.id)
    assert refused.value.http_status == 404
    assert (await library.call(library.v1.customers.list, {"email": CASES["banned"]})).data == []


async def test_subscriptions_hide_the_cancelled(company: Any, library: Library) -> None:
    """Unless asked for; the current period is on the item, and holds this moment."""
    now = company.world.clock.timestamp()
    shown = [one async for one in (await library.v1.subscriptions.list_async({"limit": 100})).auto_paging_iter()]
    assert shown
    assert {one.status for one in shown} <= {"active", "past_due"}
    item = shown[0]["items"].data[0]
    assert item.current_period_start <= now < item.current_period_end
    cancelled = await library.call(library.v1.subscriptions.list, {"status": "canceled", "limit": 100})
    assert all(one.ended_at and one.cancellation_details.reason for one in cancelled.data)
    everything = await library.v1.subscriptions.list_async({"status": "all", "limit": 100})
    assert len([one async for one in everything.auto_paging_iter()]) == len(shown) + len(cancelled.data)
    suki = await library.call(
        library.v1.subscriptions.list, {"customer": books(company).cases["subscriber"].stripe_id, "status": "all"}
    )
    assert len(suki.data) == 1


async def test_prices_name_the_packages(library: Library) -> None:
    """Each price carries the package that the product gives for it."""
    prices = await library.call(library.v1.prices.list, {"limit": 100})
    assert {one.id: one.metadata["package"] for one in prices.data}["price_professional"] == "professional"
    assert (await library.call(library.v1.prices.retrieve, "price_monthly")).recurring.interval == "month"
    assert (await library.call(library.v1.balance.retrieve)).available[0].currency == "usd"


# shapes, refusals, faults


async def test_objects_have_only_documented_fields(company: Any, raw: httpx.AsyncClient, stripe_fields: Any) -> None:
    """Every field of every object is one that the library knows."""
    purchase, paid = purchase_of(company, "subscriber"), purchase_of(company, "plus")
    for kind, path in (
        ("event", "/v1/events"),
        ("webhook_endpoint", "/v1/webhook_endpoints"),
        ("checkout.session", f"/v1/checkout/sessions/{purchase.session_id}"),
        ("line_item", f"/v1/checkout/sessions/{purchase.session_id}/line_items"),
        ("subscription", f"/v1/subscriptions/sub_{purchase.suffix}"),
        ("price", "/v1/prices"),
        ("payment_intent", f"/v1/payment_intents/pi_{paid.suffix}"),
        ("charge", f"/v1/charges/ch_{paid.suffix}"),
        ("refund", "/v1/refunds"),
        ("customer", "/v1/customers"),
        ("balance", "/v1/balance"),
    ):
        answer = (await raw.get(path)).json()
        one = answer["data"][0] if answer["object"] == "list" else answer
        assert set(one) - {"object"} <= stripe_fields(kind), kind


async def test_errors_are_those_of_stripe(company: Any, library: Library) -> None:
    """A wrong key, a missing object and a bad limit each raise the library's error for it, with a request id."""
    stranger = Library(company.url, "sk_test_wrong")
    with pytest.raises(stripe.AuthenticationError):
        await stranger.call(stranger.v1.balance.retrieve)
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await library.call(library.v1.checkout.sessions.retrieve, "cs_test_unknown")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    assert missing.value.request_id.startswith("req_")
    with pytest.raises(stripe.InvalidRequestError, match="limit"):
        await library.call(library.v1.events.list, {"limit": 1000})
    session = purchase_of(company, "plus").session_id
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        await library.call(library.v1.checkout.sessions.retrieve, session, {"expand": ["nothing"]})


async def test_the_api_can_be_down_or_limited(company: Any, library: Library) -> None:
    """Down is a server's error, limited is 429; both end with the switch."""
    company.vendors["stripe"].set_switch("api", "down")
    with pytest.raises(stripe.APIError) as down:
        await library.call(library.v1.events.list)
    assert down.value.http_status == 503
    company.vendors["stripe"].set_switch("api", "rate_limited")
    with pytest.raises(stripe.RateLimitError) as limited:
        await library.call(library.v1.events.list)
    assert limited.value.error.code == "rate_limit"
    company.vendors["stripe"].set_switch("api", "ok")
    assert (await library.call(library.v1.events.list)).data


async def test_a_lost_answer_can_be_asked_again(company: Any, library: Library) -> None:
    """A refund whose answer was lost is found by repeating it under its key, and made once."""
    intent = f"pi_{purchase_of(company, 'capitals').suffix}"
    company.faults.add("stripe", "refunds.create", kind="lost", times=1)
    with pytest.raises(stripe.APIConnectionError):
        await library.call(library.v1.refunds.create, {"payment_intent": intent}, {"idempotency_key": "lost"})
    made = await library.call(library.v1.refunds.create, {"payment_intent": intent}, {"idempotency_key": "lost"})
    assert made.amount == 1900
    assert len((await library.call(library.v1.refunds.list, {"payment_intent": intent})).data) == 1


@pytest.fixture
def stripe_fields() -> Any:
    """The fields that the library knows of an object; skips where the list is not at hand."""
    path = Path(__file__).resolve().parents[4] / "shared" / "specs" / "stripe-python-16.1.0.fields.json"
    if not path.is_file():
        pytest.skip("the list of Stripe's fields is not at hand (../shared/specs)")
    objects = json.loads(path.read_text())["objects"]
    return lambda kind: set(objects[kind]["fields"] if "fields" in objects[kind] else objects[kind])
