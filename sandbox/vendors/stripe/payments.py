"""Stripe's calls about customers, checkouts, payments, refunds, subscriptions and prices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from aiohttp import web

from sandbox.product.books import PACKAGES, Purchase
from sandbox.vendors.stripe import objects
from sandbox.vendors.stripe.account import Account, expansions
from sandbox.vendors.stripe.objects import Json, seconds
from sandbox.vendors.vendor import RefusalError, call


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
        return web.json_response(self.expand(session, expansions(request)))

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
        return web.json_response(self.expand(objects.payment_intent(purchase), expansions(request)))

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
        return web.json_response(self.expand(charge, expansions(request)))

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
        return web.json_response(self.expand(subscription, expansions(request)))

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
