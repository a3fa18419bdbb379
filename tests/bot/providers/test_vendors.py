"""What each client makes of shapes that the stand-ins do not show."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.errors import ProviderError
from bot.providers import build_providers
from bot.providers.sentry import Sentry
from bot.providers.status_pages import StatusPages
from bot.providers.stripe import Stripe
from bot.providers.uptimerobot import UptimeRobot
from bot.settings import SentrySettings, Settings, StatusPagesSettings, StripeSettings, UptimeRobotSettings

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]
MINUTE = 60_000


def stripe(http: httpx.AsyncClient, url: str) -> Stripe:
    """Stripe at that address."""
    return Stripe(StripeSettings(api_key=SecretStr("sk_test_x"), base_url=url), http)


async def failed(call: Awaitable[object]) -> ProviderError:
    """The error that the call ends in."""
    with pytest.raises(ProviderError) as caught:
        await call
    return caught.value


def test_importing_the_clients_is_cheap() -> None:
    """Neither Stripe's library nor httpx is imported before a client is built: the terminal starts without them."""
    code = "import sys, bot.providers, bot.health.checks; print(*{'stripe', 'httpx', 'psycopg'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


async def test_what_the_settings_lack_is_none(http: httpx.AsyncClient) -> None:
    """Nothing is built for a vendor that is not configured; the public pages need no configuration."""
    providers = build_providers(Settings(), lambda: http)
    assert providers.stripe is None
    assert providers.supabase_management is None
    assert providers.status_pages is not None


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "unauthorized"), (403, "unauthorized"), (404, "not_found"), (400, "rejected"), (429, "rate_limited"),
     (500, "server"), (503, "server")],
)  # fmt: skip
async def test_stripes_errors_are_the_same_kinds(serve: Serve, http: httpx.AsyncClient, status: int, kind: str) -> None:
    """The library's own exceptions do not leave the client, nor the words in them."""
    calls = 0

    async def handler(_: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        error = {"type": "api_error", "message": "Invalid API Key provided: sk_test_x"}
        return web.json_response({"error": error}, status=status, headers={"Retry-After": "7"})

    error = await failed(stripe(http, await serve(handler)).newest_event())
    assert (error.kind, error.status, calls) == (kind, status, 1)
    assert "sk_test_x" not in f"{error!r} {error.sentences} {error.__cause__!r}"
    assert error.retry_after == (7 if status == 429 else None)


@pytest.mark.parametrize("body", ["<h1>ok</h1>", "[]", "{}", '{"object": "list"}', '{"data": [{"id": 1}]}', "{"])
async def test_stripe_answering_something_else_is_garbled(serve: Serve, http: httpx.AsyncClient, body: str) -> None:
    """The library takes any JSON for the object asked for; the client does not."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text=body, content_type="text/html" if body.startswith("<") else "application/json")

    assert (await failed(stripe(http, await serve(handler)).newest_event())).kind == "garbled"


async def test_stripe_without_events_has_no_newest(serve: Serve, http: httpx.AsyncClient) -> None:
    """An account on which nothing happened for 30 days is no failure of the call."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response({"object": "list", "data": [], "has_more": False, "url": "/v1/events"})

    assert await stripe(http, await serve(handler)).newest_event() is None


def sentry_answer(*values: tuple[float, float, bool]) -> dict[str, Any]:
    """Sentry's time series of (minutes, count, incomplete)."""
    rows = [{"timestamp": at * MINUTE, "value": value, "incomplete": open_} for at, value, open_ in values]
    return {"timeSeries": [{"yAxis": "count()", "values": rows, "meta": {}}], "meta": {}}


@pytest.mark.parametrize(
    ("values", "rate", "last"),
    [
        ([(0, 50, False), (5, 100, False), (10, 500, True)], 15.0, 20.0),
        ([(0, 60, False), (60, 120, False)], 1.5, 2.0),
        ([(0, 5, False)], 0.0, 0.0),
        ([], 0.0, 0.0),
    ],
)
async def test_sentrys_rate_comes_from_the_timestamps(
    serve: Serve, http: httpx.AsyncClient, values: list[tuple[float, float, bool]], rate: float, last: float
) -> None:
    """The unit of the interval is not documented; an interval that is not over does not count."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response(sentry_answer(*values))

    settings = SentrySettings(token=SecretStr("x"), organization="o", project="p", base_url=await serve(handler))
    found = await Sentry(settings, http).error_rate()
    assert (found.per_minute, found.last_per_minute) == (rate, last)


async def test_monitors_are_read_page_by_page_from_our_own_address(serve: Serve, http: httpx.AsyncClient) -> None:
    """Of `nextLink` only the cursor is used: another host never sees the key."""
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.query.get("cursor", ""))
        link = None if seen[-1] else "https://elsewhere.example/v3/monitors?cursor=17"
        monitor = {"id": len(seen), "friendlyName": "Home", "status": "UP", "type": "HTTP"}
        return web.json_response({"nextLink": link, "data": [monitor]})

    settings = UptimeRobotSettings(api_key=SecretStr("x"), base_url=await serve(handler))
    assert [monitor.id for monitor in await UptimeRobot(settings, http).monitors()] == [1, 2]
    assert seen == ["", "17"]


async def test_openais_page_counts_even_without_its_second_list(serve: Serve, http: httpx.AsyncClient) -> None:
    """The summary alone is an answer; the components that it leaves out are a bonus."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if "components" in request.path:
            return web.Response(text="<h1>hello</h1>", content_type="text/html")
        component = {"name": "Responses", "status": "operational"}
        return web.json_response(
            {"page": {}, "status": {"indicator": "none"}, "components": [component], "incidents": []}
        )

    settings = StatusPagesSettings(openai=f"{await serve(handler)}/api/v2/summary.json")
    page = await StatusPages(settings, http).page("openai")
    assert [component.name for component in page.components] == ["Responses"]


async def test_a_page_keeps_only_what_is_under_way(serve: Serve, http: httpx.AsyncClient) -> None:
    """Resolved incidents and maintenance that is still to come are no trouble of now."""

    async def handler(_: web.Request) -> web.StreamResponse:
        def listed(*named: str) -> list[dict[str, str]]:
            return [{"name": name, "status": name, "impact": "minor"} for name in named]

        return web.json_response(
            {
                "page": {"updated_at": "2026-11-23T02:00:00Z"},
                "status": {"indicator": "minor"},
                "components": [],
                "incidents": listed("investigating", "monitoring", "resolved", "postmortem"),
                "scheduled_maintenances": listed("scheduled", "in_progress", "verifying", "completed"),
            }
        )

    settings = StatusPagesSettings(vercel=f"{await serve(handler)}/api/v2/summary.json")
    page = await StatusPages(settings, http).page("vercel")
    assert [incident.title for incident in page.incidents] == [
        "investigating", "monitoring", "in_progress", "verifying",
    ]  # fmt: skip
