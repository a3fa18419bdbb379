"""The site is asked as a visitor would, and only the site itself counts as an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest
from aiohttp import web

from bot.errors import ProviderError
from bot.providers.site import Site
from bot.settings import SiteSettings

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


def site(http: httpx.AsyncClient, url: str) -> Site:
    """The product's site at that address."""
    return Site(SiteSettings(url=url), http)


async def test_redirects_are_followed_on_the_same_host(serve: Serve, http: httpx.AsyncClient) -> None:
    """A locale in the path is normal; the answer after it counts."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path == "/":
            raise web.HTTPTemporaryRedirect("/en?from=root")
        return web.Response(text="home")

    answer = await site(http, await serve(handler)).home()
    assert (answer.status, answer.hops, answer.elsewhere) == (200, 1, "")


async def test_another_host_is_not_followed(serve: Serve, http: httpx.AsyncClient) -> None:
    """Vercel's sign-in lives on another host: that is a wall, not the site."""

    async def handler(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("https://vercel.com/sso-api?url=secret")

    answer = await site(http, await serve(handler)).home()
    assert (answer.elsewhere, answer.protected) == ("vercel.com", True)


async def test_a_circle_ends(serve: Serve, http: httpx.AsyncClient) -> None:
    """Redirect loops are a known fault of sign-in; the probe says so."""

    async def handler(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/")

    with pytest.raises(ProviderError) as caught:
        await site(http, await serve(handler)).home()
    assert (caught.value.kind, caught.value.why) == ("garbled", "redirects in a circle (5 times)")


async def test_a_redirect_to_no_address_is_garbled(serve: Serve, http: httpx.AsyncClient) -> None:
    """It is the site's fault, not the probe's."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"location": "http://[nowhere"})

    with pytest.raises(ProviderError) as caught:
        await site(http, await serve(handler)).home()
    assert (caught.value.kind, caught.value.why) == ("garbled", "redirects to what is no address")


async def test_get_is_tried_where_head_is_not_known(serve: Serve, http: httpx.AsyncClient) -> None:
    """405 to HEAD says nothing about what visitors get."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=405 if request.method == "HEAD" else 200)

    answer = await site(http, await serve(handler)).home()
    assert (answer.status, answer.method) == (200, "GET")


async def test_a_challenge_is_not_the_site(serve: Serve, http: httpx.AsyncClient) -> None:
    """Attack Challenge Mode answers unknown clients in the site's place."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"x-vercel-mitigated": "challenge"})

    assert (await site(http, await serve(handler)).home()).challenged


@pytest.mark.parametrize(
    ("status", "content_type", "protected"),
    [(401, "text/html", True), (401, "application/json", False), (403, "text/html", True), (200, "text/html", False)],
)
async def test_a_sign_in_page_is_told_from_the_apps_own_401(
    serve: Serve, http: httpx.AsyncClient, status: int, content_type: str, *, protected: bool
) -> None:
    """Deployment protection answers 401 in HTML; the app answers 401 in JSON."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="{}", content_type=content_type)

    assert (await site(http, await serve(handler)).entitlements()).protected is protected
