"""Stripe's account: its rules for every call, and the calls about customers, payments and subscriptions."""

from __future__ import annotations

import asyncio
import base64
import itertools
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, Final, TypeVar

from aiohttp import web

from sandbox.faults import Faults
from sandbox.product import company_of
from sandbox.product.books import PACKAGES, Purchase
from sandbox.vendors.stripe import objects
from sandbox.vendors.stripe.ledger import Ledger
from sandbox.vendors.stripe.objects import Json, seconds
from sandbox.vendors.vendor import Call, RefusalError, Switch, Vendor, call
from sandbox.world import CREDENTIALS, World

SILENCE: Final = 6 * 3600.0
"""Seconds that no event has come when the events are switched to quiet."""
FAILURE: Final = 1800.0
"""Seconds that the endpoint has failed when it is switched to failing."""

T = TypeVar("T")


class Account(Vendor):
    """What holds for every call: the key, the version, idempotency, errors, and lists that are read page by page."""

    title: ClassVar[str] = "Stripe"
    switches: ClassVar[tuple[Switch, ...]] = (
        Switch(name="api", label="The API", options=("ok", "down", "rate_limited")),
        Switch(name="webhook_endpoint", label="The product's endpoint", options=("enabled", "disabled", "failing")),
        Switch(name="events", label="Events", options=("flowing", "quiet")),
    )

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with the company's books; they are opened at the first call that needs them."""
        super().__init__(world, faults)
        self.company = company_of(world)
        self.site_url = ""
        """Where the product's site is, such as http://127.0.0.1:8000/site; learned from the first call, or set."""
        self.silent_since: float | None = None
        self.failing_since: float | None = None
        self._deliveries: set[asyncio.Task[bool]] = set()
        self._answered: dict[str, tuple[str, web.Response]] = {}

    @cached_property
    def ledger(self) -> Ledger:
        """The account's ledger, from the books as they are when it is first asked for."""
        return Ledger(self.company.books)

    def changed(self, name: str, option: str) -> None:
        """Remember since when events have failed to come, or to be delivered."""
        if name == "events":
            self.silent_since = self.now() - SILENCE if option == "quiet" else None
        if name == "webhook_endpoint":
            self.failing_since = self.now() - FAILURE if option == "failing" else None

    def authorized(self, request: web.Request) -> bool:
        """Check the secret key, as Bearer or as the user of HTTP Basic."""
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        basic = base64.b64encode(f"{CREDENTIALS['stripe.api_key']}:".encode()).decode()
        return given == (CREDENTIALS["stripe.api_key"] if kind == "Bearer" else basic if kind == "Basic" else None)

    def unauthorized(self, request: web.Request) -> web.Response:
        """Answer 401 as Stripe does, the key mostly hidden."""
        given = request.headers.get("Authorization", "").partition(" ")[2]
        if not given:
            return self.error(401, "You did not provide an API key.")
        return self.error(401, f"Invalid API Key provided: {given[:3]}****{given[-4:]}", code="api_key_invalid")

    def error(self, status: int, message: str, *, code: str = "", param: str = "", kind: str = "") -> web.Response:
        """Answer an error in Stripe's shape."""
        kinds = {429: "invalid_request_error", 400: "invalid_request_error"}
        error: Json = {
            "message": message,
            "request_log_url": "https://dashboard.stripe.com/test/logs/req_sandbox",
            "type": kind or kinds.get(status, "api_error" if status >= 500 else "invalid_request_error"),
        }
        error |= {"code": "rate_limit"} if status == 429 else {"code": code} if code else {}
        error |= {"param": param} if param else {}
        return web.json_response({"error": error}, status=status)

    def missing(self, param: str, value: str, *, what: str = "") -> web.Response:
        """Answer that there is no such object."""
        name = what or param.replace("_", " ")
        return self.error(
            400 if param == "webhook_endpoint" else 404,
            f"No such {name}: '{value}'",
            code="resource_missing",
            param=param,
        )

    async def before(self, request: web.Request) -> web.Response | None:
        """Learn the sandbox's own address; refuse where the API is down or limited."""
        self.site_url = self.site_url or f"{request.url.origin()}/site"
        if self.state["api"] == "rate_limited":
            return self.error(429, "Request rate limit exceeded. You can learn more about rate limits on our site.")
        return await super().before(request)

    def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Number the request and say the version."""
        response.headers["Request-Id"] = f"req_{secrets.token_hex(7)}"
        response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", objects.API_VERSION)

    async def _answer(self, declared: Call, request: web.Request) -> web.StreamResponse:
        """Answer a POST with a known idempotency key as before, and refuse the key for another request."""
        key = request.headers.get("Idempotency-Key", "")
        if request.method != "POST" or not key or self.state["api"] != "ok" or not self.authorized(request):
            return await super()._answer(declared, request)
        asked = f"{request.path} {(await request.read()).decode()}"
        if key in self._answered:
            known, before = self._answered[key]
            if known != asked:
                return self.error(
                    400,
                    "Keys for idempotent requests can only be used with the same parameters they were first used with.",
                    kind="idempotency_error",
                )
            headers = {"Idempotent-Replayed": "true", "Idempotency-Key": key}
            return web.Response(
                body=before.body, status=before.status, content_type="application/json", headers=headers
            )
        response = await super()._answer(declared, request)
        if isinstance(response, web.Response) and response.status < 500:
            self._answered[key] = (asked, response)
            response.headers["Idempotency-Key"] = key
        return response

    def page(self, request: web.Request, url: str, found: Iterable[T], write: Callable[[T], Json]) -> web.Response:
        """Answer a page of what was found (newest first): `limit`, `starting_after`, `ending_before`, `created[…]`."""
        limit = self.whole_number(request, "limit", 10)
        if not 1 <= limit <= 100:
            raise RefusalError(
                self.error(
                    400,
                    "Invalid integer: limit must be between 1 and 100.",
                    param="limit",
                    code="parameter_invalid_integer",
                )
            )
        rows: Iterator[T] = (row for row in found if _within(request.query, _created(row)))
        after, before = request.query.get("starting_after"), request.query.get("ending_before")
        if after:
            rows = itertools.islice(itertools.dropwhile(lambda row: _id(row) != after, rows), 1, None)
        if before:
            newer = list(itertools.takewhile(lambda row: _id(row) != before, rows))
            chosen, more = newer[-limit:], len(newer) > limit
        else:
            chosen = list(itertools.islice(rows, limit + 1))
            chosen, more = chosen[:limit], len(chosen) > limit
        paths = [path.removeprefix("data.") for path in _expansions(request)]
        data = [self.expand(write(row), paths) for row in chosen]
        return web.json_response({"object": "list", "data": data, "has_more": more, "url": url})

    def expand(self, one: Json, paths: Iterable[str]) -> Json:
        """Put objects in the place of their ids, as `expand` asks; one level deep."""
        del paths
        return one


class Payments(Account):
    """Customers, checkouts, payments, refunds, subscriptions, prices, and the balance."""

    def expand(self, one: Json, paths: Iterable[str]) -> Json:
        """Put objects in the place of their ids. Raises a refusal for what cannot be expanded."""
        for path in paths:
            field = path.split(".", 1)[0]
            value = one.get(field)
            if field == "line_items" and one["object"] == "checkout.session":
                one[field] = self._line_items(self._purchase("cs", one["id"]))
            elif field not in one:
                raise RefusalError(self.error(400, f"This property cannot be expanded ({field}).", param="expand"))
            elif isinstance(value, str):
                one[field] = self._object(value) or value
        return one

    def _object(self, key: str) -> Json | None:
        if key in self.ledger.customers:
            return self._customer(key)
        purchase = self.ledger.purchase(key)
        if purchase is None:
            return None
        writers: dict[str, Callable[[Purchase], Json]] = {
            "cs": self._session,
            "pi": objects.payment_intent,
            "ch": self._charge,
            "sub": self._subscription,
        }
        write = writers.get(key.partition("_")[0])
        return write(purchase) if write else None

    # checkout

    @call("GET", "/v1/checkout/sessions", "checkout.sessions.list")
    async def list_sessions(self, request: web.Request) -> web.StreamResponse:
        """List sessions; `customer`, `customer_details[email]`, `payment_intent`, `subscription`, `status` narrow."""
        query = request.query
        email = query.get("customer_details[email]", "").lower()
        found = (
            session
            for session in map(self._session, reversed(self.ledger.purchases))
            if _agrees(query, session, "customer", "payment_intent", "subscription", "status")
            and email in ("", session["customer_details"]["email"].lower())
        )
        return self.page(request, "/v1/checkout/sessions", found, dict)

    @call("GET", "/v1/checkout/sessions/{id}", "checkout.sessions.retrieve")
    async def retrieve_session(self, request: web.Request) -> web.StreamResponse:
        """Return a session."""
        session = self._session(self._purchase("cs", request.match_info["id"], "checkout.session"))
        return web.json_response(self.expand(session, _expansions(request)))

    @call("GET", "/v1/checkout/sessions/{id}/line_items", "checkout.sessions.line_items")
    async def line_items(self, request: web.Request) -> web.StreamResponse:
        """Return what a session is about."""
        return web.json_response(self._line_items(self._purchase("cs", request.match_info["id"], "checkout.session")))

    def _line_items(self, purchase: Purchase) -> Json:
        url = f"/v1/checkout/sessions/{purchase.session_id}/line_items"
        return {"object": "list", "data": [objects.line_item(purchase)], "has_more": False, "url": url}

    def _session(self, purchase: Purchase) -> Json:
        return objects.checkout_session(purchase, expired=seconds(purchase.at) + 86_400 < self.now())

    # payments

    @call("GET", "/v1/payment_intents", "payment_intents.list")
    async def list_payment_intents(self, request: web.Request) -> web.StreamResponse:
        """List payment intents, of one `customer` where given."""
        tried = (purchase for purchase in reversed(self.ledger.purchases) if purchase.outcome != "abandoned")
        found = (one for one in map(objects.payment_intent, tried) if _agrees(request.query, one, "customer"))
        return self.page(request, "/v1/payment_intents", found, dict)

    @call("GET", "/v1/payment_intents/{id}", "payment_intents.retrieve")
    async def retrieve_payment_intent(self, request: web.Request) -> web.StreamResponse:
        """Return a payment intent."""
        purchase = self._purchase("pi", request.match_info["id"], "payment_intent")
        return web.json_response(self.expand(objects.payment_intent(purchase), _expansions(request)))

    @call("GET", "/v1/charges", "charges.list")
    async def list_charges(self, request: web.Request) -> web.StreamResponse:
        """List charges, of one `customer` or `payment_intent` where given."""
        tried = (purchase for purchase in reversed(self.ledger.purchases) if purchase.outcome != "abandoned")
        found = (one for one in map(self._charge, tried) if _agrees(request.query, one, "customer", "payment_intent"))
        return self.page(request, "/v1/charges", found, dict)

    @call("GET", "/v1/charges/{id}", "charges.retrieve")
    async def retrieve_charge(self, request: web.Request) -> web.StreamResponse:
        """Return a charge."""
        charge = self._charge(self._purchase("ch", request.match_info["id"], "charge"))
        return web.json_response(self.expand(charge, _expansions(request)))

    def _charge(self, purchase: Purchase) -> Json:
        return objects.charge(purchase, refunded=self.ledger.refunded(purchase))

    # refunds

    @call("GET", "/v1/refunds", "refunds.list")
    async def list_refunds(self, request: web.Request) -> web.StreamResponse:
        """List refunds, of one `charge` or `payment_intent` where given."""
        newest = sorted(self.ledger.refunds, key=lambda refund: refund["created"], reverse=True)
        found = (one for one in newest if _agrees(request.query, one, "charge", "payment_intent"))
        return self.page(request, "/v1/refunds", found, dict)

    @call("GET", "/v1/refunds/{id}", "refunds.retrieve")
    async def retrieve_refund(self, request: web.Request) -> web.StreamResponse:
        """Return a refund."""
        for refund in self.ledger.refunds:
            if refund["id"] == request.match_info["id"]:
                return web.json_response(refund)
        return self.missing("id", request.match_info["id"], what="refund")

    @call("POST", "/v1/refunds", "refunds.create")
    async def create_refund(self, request: web.Request) -> web.StreamResponse:
        """Give back a payment or a part of it."""
        form = await request.post()
        key = str(form.get("payment_intent") or form.get("charge") or "")
        if not key:
            return self.error(400, "One of the following params should be provided: payment_intent or charge.")
        what = "payment_intent" if key.startswith("pi_") else "charge"
        purchase = self._purchase(key.partition("_")[0], key, what)
        left = purchase.package.cents - self.ledger.refunded(purchase)
        amount = str(form.get("amount", left))
        reason = str(form["reason"]) if "reason" in form else None
        if not purchase.paid or left <= 0:
            return self.error(
                400, f"Charge ch_{purchase.suffix} has already been refunded.", code="charge_already_refunded"
            )
        if not amount.isdigit() or not 1 <= int(amount) <= left:
            return self.error(
                400, f"Refund amount (${int(amount or 0) / 100:.2f}) is greater than charge amount", param="amount"
            )
        if reason not in (None, "duplicate", "fraudulent", "requested_by_customer"):
            return self.error(400, f"Invalid reason: {reason}", param="reason")
        metadata = {key[9:-1]: str(value) for key, value in form.items() if key.startswith("metadata[")}
        return web.json_response(self.ledger.refund(purchase, int(amount), self.now(), reason, metadata))

    # customers

    @call("GET", "/v1/customers", "customers.list")
    async def list_customers(self, request: web.Request) -> web.StreamResponse:
        """List customers; `email` must be equal, capitals counting."""
        people = sorted(self.ledger.customers.values(), key=lambda one: (one.created_at, one.number), reverse=True)
        email = request.query.get("email", "")
        found = (
            objects.customer(one)
            for one in people
            if one.stripe_id not in self.ledger.deleted and email in ("", one.email)
        )
        return self.page(request, "/v1/customers", found, dict)

    @call("GET", "/v1/customers/{id}", "customers.retrieve")
    async def retrieve_customer(self, request: web.Request) -> web.StreamResponse:
        """Return a customer, or the little that is left of a deleted one."""
        customer = self._customer(request.match_info["id"])
        return (
            web.json_response(customer) if customer else self.missing("id", request.match_info["id"], what="customer")
        )

    @call("DELETE", "/v1/customers/{id}", "customers.delete")
    async def delete_customer(self, request: web.Request) -> web.StreamResponse:
        """Delete a customer for good."""
        key = request.match_info["id"]
        if key not in self.ledger.customers or key in self.ledger.deleted:
            return self.missing("id", key, what="customer")
        self.ledger.deleted.add(key)
        return web.json_response({"id": key, "object": "customer", "deleted": True})

    def _customer(self, key: str) -> Json | None:
        if key in self.ledger.deleted:
            return {"id": key, "object": "customer", "deleted": True}
        one = self.ledger.customers.get(key)
        return objects.customer(one) if one else None

    # subscriptions and prices

    @call("GET", "/v1/subscriptions", "subscriptions.list")
    async def list_subscriptions(self, request: web.Request) -> web.StreamResponse:
        """List subscriptions; those that were cancelled only with `status=all` or `status=canceled`."""
        wanted = request.query.get("status", "")
        recurring = (one for one in reversed(self.ledger.purchases) if one.recurring and one.paid)
        found = (
            one
            for one in map(self._subscription, recurring)
            if (wanted == "all" or one["status"] == wanted or (not wanted and one["status"] != "canceled"))
            and _agrees(request.query, one, "customer")
            and request.query.get("price", one["items"]["data"][0]["price"]["id"])
            == one["items"]["data"][0]["price"]["id"]
        )
        return self.page(request, "/v1/subscriptions", found, dict)

    @call("GET", "/v1/subscriptions/{id}", "subscriptions.retrieve")
    async def retrieve_subscription(self, request: web.Request) -> web.StreamResponse:
        """Return a subscription."""
        subscription = self._subscription(self._purchase("sub", request.match_info["id"], "subscription"))
        return web.json_response(self.expand(subscription, _expansions(request)))

    def _subscription(self, purchase: Purchase) -> Json:
        return objects.subscription(purchase, self.now())

    @call("GET", "/v1/prices", "prices.list")
    async def list_prices(self, request: web.Request) -> web.StreamResponse:
        """List what is sold."""
        return self.page(request, "/v1/prices", iter(objects.prices()), dict)

    @call("GET", "/v1/prices/{id}", "prices.retrieve")
    async def retrieve_price(self, request: web.Request) -> web.StreamResponse:
        """Return a price."""
        for package in PACKAGES:
            if package.price == request.match_info["id"]:
                return web.json_response(objects.price(package))
        return self.missing("id", request.match_info["id"], what="price")

    @call("GET", "/v1/balance", "balance.retrieve")
    async def balance(self, request: web.Request) -> web.StreamResponse:
        """Return what is there to be paid out."""
        del request
        amounts = [{"amount": 1_284_300, "currency": "usd", "source_types": {"card": 1_284_300}}]
        pending = [{"amount": 214_900, "currency": "usd", "source_types": {"card": 214_900}}]
        return web.json_response({"object": "balance", "available": amounts, "livemode": False, "pending": pending})

    @call("GET", "/v1/account", "account.retrieve")
    async def account(self, request: web.Request) -> web.StreamResponse:
        """Say whose key it is."""
        del request
        return web.json_response(
            {
                "id": "acct_1Interviewlab",
                "object": "account",
                "business_profile": {"name": "InterviewLab", "url": "https://interviewlab.io"},
                "charges_enabled": True,
                "country": "GB",
                "default_currency": "usd",
                "details_submitted": True,
                "email": "carol@interviewlab.io",
                "payouts_enabled": True,
                "type": "standard",
            }
        )

    def _purchase(self, prefix: str, key: str, what: str = "") -> Purchase:
        """Find what an id stands for. Raise a refusal (404) where it stands for nothing."""
        purchase = self.ledger.purchase(key) if key.startswith(f"{prefix}_") else None
        gone = purchase is not None and (
            (prefix in ("pi", "ch") and purchase.outcome == "abandoned")
            or (prefix == "sub" and not (purchase.recurring and purchase.paid))
        )
        if purchase is None or gone:
            raise RefusalError(self.missing("id", key, what=what or prefix))
        return purchase


def _agrees(query: Mapping[str, str], one: Json, *fields: str) -> bool:
    return all(query.get(field) in (None, one[field]) for field in fields)


def _expansions(request: web.Request) -> list[str]:
    return [value for key, value in request.query.items() if key.startswith("expand[")]


def _created(row: Any) -> int:
    return int(row["created"] if isinstance(row, dict) else row.created)


def _id(row: Any) -> str:
    return str(row["id"] if isinstance(row, dict) else row.id)


def _within(query: Mapping[str, str], created: int) -> bool:
    """Say whether a time is within `created`, `created[gte]` and its like. What is no number is ignored, as by Stripe."""
    tests = {
        "created": created.__eq__,
        "created[gte]": created.__ge__,
        "created[gt]": created.__gt__,
        "created[lte]": created.__le__,
        "created[lt]": created.__lt__,
    }
    return all(test(int(query[name])) for name, test in tests.items() if query.get(name, "").isdigit())
