"""Stripe's account: its switches, and the rules for every call."""

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
from sandbox.vendors.stripe import objects
from sandbox.vendors.stripe.ledger import Ledger
from sandbox.vendors.stripe.objects import Json
from sandbox.vendors.vendor import Call, RefusalError, Switch, Vendor
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
        Switch(name="payments", label="Payments", options=("succeeding", "failing")),
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
        if name == "payments" and option == "failing":
            self.fail_payments()
        if name == "webhook_endpoint":
            self.failing_since = self.now() - FAILURE if option == "failing" else None

    def fail_payments(self) -> None:
        """Let eight people try to pay within some minutes, all in vain; who subscribed is told of each."""

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
        paths = [path.removeprefix("data.") for path in expansions(request)]
        data = [self.expand(write(row), paths) for row in chosen]
        return web.json_response({"object": "list", "data": data, "has_more": more, "url": url})

    def expand(self, one: Json, paths: Iterable[str]) -> Json:
        """Put objects in the place of their ids, as `expand` asks; one level deep."""
        del paths
        return one


def expansions(request: web.Request) -> list[str]:
    """Return the paths that a request wants expanded."""
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
