"""Stripe's lists, read page by page, and what its hidden call and a lost answer come out as."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from aiohttp import web

from bot.errors import ProviderError
from bot.providers.stripe import MOST_PAGES, Stripe
from bot.providers.stripe_shapes import COMPLETED, PAID_LATER, SESSION
from bot.settings import StripeSettings

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]

BORN = 1_795_000_000


def stripe(url: str, http: httpx.AsyncClient) -> Stripe:
    """A client of that address."""
    return Stripe(StripeSettings(api_key="sk_test", base_url=url), http)


def session(number: int, **changed: Any) -> dict[str, Any]:
    """A checkout session."""
    return {"id": f"cs_{number}", "object": "checkout.session", "payment_status": "paid", "created": BORN} | changed


def page(data: list[dict[str, Any]], *, more: bool) -> web.Response:
    """One page of a list."""
    return web.json_response({"object": "list", "data": data, "has_more": more, "url": "/v1/x"})


async def test_sessions_are_read_page_by_page(serve: Serve, http: httpx.AsyncClient) -> None:
    """Each page begins after the one before; no more are read than were asked for, and that there are more is known."""
    asked: list[tuple[str | None, str | None]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        after, limit = request.query.get("starting_after"), request.query.get("limit")
        asked.append((after, limit))
        start = int(after.removeprefix("cs_")) + 1 if after else 0
        return page([session(number) for number in range(start, start + int(limit or 0))], more=start < 200)

    client = stripe(await serve(handler), http)
    found, more = await client.sessions(since=datetime.fromtimestamp(BORN, UTC), most=150)
    assert [one.id for one in found] == [f"cs_{number}" for number in range(150)]
    assert (more, asked) == (True, [(None, "100"), ("cs_99", "50")])
    found, more = await client.sessions(most=1000)
    assert (len(found), more) == (300, False)


async def test_the_event_of_a_session(serve: Serve, http: httpx.AsyncClient) -> None:
    """It is looked for in the session's own day; a slow way of paying has its event later, which is the one that counts."""
    asked: list[dict[str, str]] = []
    told = "unpaid"

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(dict(request.query))
        kind = request.query["type"]
        about = session(1, payment_status=told if kind == COMPLETED else "paid")
        data = {"id": f"evt_{kind}", "object": "event", "type": kind, "created": BORN, "data": {"object": about}}
        return page([data], more=False)

    client = stripe(await serve(handler), http)
    wanted = SESSION.validate_python(session(1)).value()
    event, whole = await client.completion(wanted)
    assert event is not None
    assert (event.type, whole, event.about) == (PAID_LATER, True, "cs_1")
    assert [one["type"] for one in asked] == [COMPLETED, PAID_LATER]
    assert int(asked[0]["created[lte]"]) - BORN == 25 * 3600
    told = "paid"
    event, _ = await client.completion(wanted)
    assert event is not None
    assert event.type == COMPLETED


async def test_a_day_with_too_many_events(serve: Serve, http: httpx.AsyncClient) -> None:
    """After ten pages it is given up, and not taken for “there is none”."""
    pages = 0

    async def handler(_: web.Request) -> web.StreamResponse:
        nonlocal pages
        pages += 1
        about = session(9)
        data = {"id": f"evt_{pages}", "object": "event", "type": COMPLETED, "created": BORN, "data": {"object": about}}
        return page([data], more=True)

    client = stripe(await serve(handler), http)
    assert await client.completion(SESSION.validate_python(session(1)).value()) == (None, False)
    assert pages == MOST_PAGES


@pytest.mark.parametrize(
    ("status", "kind", "ambiguous"),
    [(404, "not_found", False), (403, "unauthorized", False), (400, "rejected", False), (500, "server", True)],
)
async def test_a_redelivery_that_is_refused(
    serve: Serve,
    http: httpx.AsyncClient,
    status: int,
    kind: str,
    ambiguous: bool,  # noqa: FBT001
) -> None:
    """The call that is documented nowhere: refused for certain, or perhaps done where the server fails."""
    bodies: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        bodies.append((await request.read()).decode())
        return web.json_response({"error": {"type": "invalid_request_error", "message": "no"}}, status=status)

    with pytest.raises(ProviderError) as refused:
        await stripe(await serve(handler), http).retry("evt_1", "we_1")
    assert (refused.value.kind, refused.value.ambiguous) == (kind, ambiguous)
    assert bodies == ["webhook_endpoint=we_1"]


async def test_an_event_is_sent_on_as_it_is(serve: Serve, http: httpx.AsyncClient) -> None:
    """Not a number of it is written anew: the signature is over its very bytes."""
    text = '{"id": "evt_1", "object": "event", "data": {"object": {"unit_amount_decimal": "10.50", "x": 1.0}}}'

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type="application/json")

    assert await stripe(await serve(handler), http).event_text("evt_1") == text
