"""The clients behind diagnoses, in shapes that the stand-ins do not show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.errors import ProviderError
from bot.providers.resend import Resend
from bot.providers.supabase import SupabaseManagement
from bot.providers.supabase_auth import SupabaseAuth
from bot.settings import ResendSettings, SupabaseSettings

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]
NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def settings(url: str) -> SupabaseSettings:
    """Supabase at that address."""
    return SupabaseSettings(ref="r", url=url, publishable_key=SecretStr("sb_publishable_x"), management_url=url)


def account(email: str, number: int) -> dict[str, Any]:
    """An account as GoTrue writes it."""
    return {"id": f"id-{number}", "email": email, "created_at": "2026-11-01T10:00:00.123456Z"}


async def test_exactly_the_address_that_was_meant(serve: Serve, http: httpx.AsyncClient) -> None:
    """`filter` contains, and `_` stands for anything: the exact one may be on a later page."""
    everybody = [account(f"x{number}a_b@example.com", number) for number in range(250)] + [
        account("a_b@example.com", 999)
    ]
    asked = []

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(dict(request.query))
        page, size = int(request.query["page"]), int(request.query["per_page"])
        return web.json_response({"users": everybody[(page - 1) * size : page * size], "aud": "authenticated"})

    auth = SupabaseAuth(settings(await serve(handler)), SecretStr("sb_secret_x"), http)
    found = await auth.by_email("A_B@example.com")
    assert found is not None
    assert found.id == "id-999"
    assert [query["page"] for query in asked] == ["1", "2"]
    assert await auth.by_email("b@example.com") is None


async def test_a_filter_that_is_not_obeyed_ends(serve: Serve, http: httpx.AsyncClient) -> None:
    """An old Auth lists everybody: after ten pages that is said, and not "there is no such account"."""

    async def handler(request: web.Request) -> web.StreamResponse:
        size = int(request.query["per_page"])
        return web.json_response({"users": [account(f"{n}@example.com", n) for n in range(size)]})

    auth = SupabaseAuth(settings(await serve(handler)), SecretStr("sb_secret_x"), http)
    with pytest.raises(ProviderError, match="cannot be used") as caught:
        await auth.by_email("a@example.org")
    assert "2,000" in caught.value.why


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        ({"code": 400, "error_code": "user_banned", "msg": "x"}, {}, "user_banned"),
        ({"code": "email_not_confirmed", "message": "x"}, {}, "email_not_confirmed"),
        ({"msg": "x"}, {"x-sb-error-code": "invalid_credentials"}, "invalid_credentials"),
    ],
)
async def test_why_a_sign_in_is_refused(
    serve: Serve, http: httpx.AsyncClient, body: dict[str, Any], headers: dict[str, str], code: str
) -> None:
    """Auth's own word, in the old shape, the new one, or a header."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=400, headers=headers)

    auth = SupabaseAuth(settings(await serve(handler)), SecretStr("sb_secret_x"), http)
    assert (await auth.sign_in("a@example.com", SecretStr("p"))).code == code


@pytest.mark.parametrize("stamp", [int(NOW.timestamp() * 1e6), NOW.isoformat(), "2026-11-25T03:00:00"])
async def test_a_line_of_the_platform_s_log(serve: Serve, http: httpx.AsyncClient, stamp: object) -> None:
    """Its time may be a number of microseconds or a date; `error` in a 200 is a failure."""
    error: object = None

    async def handler(_: web.Request) -> web.StreamResponse:
        rows = [{"timestamp": stamp, "event_message": "x", "a0": 400}]
        return web.json_response({"result": rows, "error": error})

    management = SupabaseManagement(settings(await serve(handler)), SecretStr("sbp_x"), http)
    since = NOW - timedelta(hours=1)
    (line,) = await management.logged("auth_logs", since=since, until=NOW, attributes=("status",))
    assert (line.at, line.attributes) == (NOW, {"status": "400"})
    error = {"code": 400, "message": "no"}
    with pytest.raises(ProviderError, match="refuses"):
        await management.logged("auth_logs", since=since, until=NOW)


async def test_mails_are_paged_and_matched_by_address(serve: Serve, http: httpx.AsyncClient) -> None:
    """Names around an address, capitals, and Resend's own way to write a moment; the last page ends it."""
    mails = [
        {"id": str(n), "to": [f"x{n}@example.com"], "created_at": "2026-11-25 02:00:00.5+00", "last_event": "sent"}
        for n in range(150)
    ]
    mails[120]["to"] = ["Ann <Ann@Example.com>"]

    async def handler(request: web.Request) -> web.StreamResponse:
        start = 1 + int(request.query["after"]) if "after" in request.query else 0
        page = mails[start : start + int(request.query["limit"])]
        return web.json_response({"object": "list", "has_more": start + len(page) < len(mails), "data": page})

    resend = Resend(ResendSettings(api_key=SecretStr("re_x"), base_url=await serve(handler)), http)
    found = await resend.sent_to("ann@example.com")
    assert [mail.id for mail in found.mails] == ["120"]
    assert (found.looked_at, found.reach_back) == (150, datetime(2026, 11, 25, 2, 0, 0, 500000, tzinfo=UTC))
