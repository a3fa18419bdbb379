"""One way to call a vendor: what goes wrong comes out as one kind of ProviderError."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from aiohttp import web
from pydantic import BaseModel, TypeAdapter

from bot.errors import ProviderError
from bot.providers.http import LARGEST, Api

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]
SECRET = "sk_live_do_not_show"


class Thing(BaseModel):
    """What the vendor documents."""

    name: str


THING = TypeAdapter(Thing)


def api(http: httpx.AsyncClient, url: str, timeout: float = 5) -> Api:
    """The client of a vendor that is called Acme."""
    return Api(provider="Acme", http=http, base_url=url, headers={"authorization": f"Bearer {SECRET}"}, timeout=timeout)


def answering(status: int, body: str = "{}", **headers: str) -> Handler:
    """A vendor that answers everything in one way."""

    async def handler(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=body, headers={"content-type": "application/json"} | named)

    return handler


async def dropping(request: web.Request) -> web.StreamResponse:
    """A vendor that takes the request and cuts the line."""
    await request.read()
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def sleeping(_: web.Request) -> web.StreamResponse:
    """A vendor that never answers."""
    await asyncio.sleep(3600)
    return web.Response()


async def failed(call: Awaitable[Any]) -> ProviderError:
    """The error that the call ends in."""
    with pytest.raises(ProviderError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "rejected"), (401, "unauthorized"), (402, "rejected"), (403, "unauthorized"), (404, "not_found"),
        (409, "rejected"), (420, "rate_limited"), (429, "rate_limited"), (500, "server"), (503, "server"),
        (302, "garbled"),
    ],
)  # fmt: skip
async def test_each_status_is_one_kind_of_failure(
    serve: Serve, http: httpx.AsyncClient, status: int, kind: str
) -> None:
    """The kind and the status are kept, and the vendor is named in a sentence."""
    error = await failed(api(http, await serve(answering(status, location="/elsewhere"))).send("GET", "/x"))
    assert (error.kind, error.status, error.provider) == (kind, status, "Acme")
    assert error.what.startswith("Acme ")
    assert not error.ambiguous


async def test_what_the_vendor_documents_comes_back_validated(serve: Serve, http: httpx.AsyncClient) -> None:
    """JSON of the expected shape becomes the model, and our key and name went with the request."""
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return web.json_response({"name": "thing", "more": 1})

    found = await api(http, await serve(handler)).read("/things", THING, params={"ids": ["a", "b"]})
    assert found == Thing(name="thing")
    assert seen[0].query_string == "ids=a&ids=b"
    assert seen[0].headers["authorization"] == f"Bearer {SECRET}"
    assert seen[0].headers["user-agent"] == "ilab-ops-bot"


@pytest.mark.parametrize(
    ("body", "content_type", "why"),
    [
        ("<h1>All good</h1>", "text/html", "answers a web page (200) where JSON is due"),
        ('{"name": 1}', "application/json", "answers JSON (200) of another shape than documented"),
        ("[]", "application/json", "answers JSON (200) of another shape than documented"),
        ("{", "application/json", "answers JSON (200) of another shape than documented"),
        ("[" * 100_000, "application/json", "answers JSON (200) of another shape than documented"),
        ('{"name": "x"}', "text/plain", "answers a web page (200) where JSON is due"),
    ],
)
async def test_anything_else_with_200_is_garbled(
    serve: Serve, http: httpx.AsyncClient, body: str, content_type: str, why: str
) -> None:
    """A web page, a half, another shape: none of them counts as an answer."""
    url = await serve(answering(200, body, content_type=content_type))
    error = await failed(api(http, url).read("/x", THING))
    assert (error.kind, error.why) == ("garbled", why)


@pytest.mark.parametrize(
    ("times", "why"), [(1, "answers more than 8 MB"), (2, "answers what is packed more than once")]
)
async def test_a_bomb_is_garbled(serve: Serve, http: httpx.AsyncClient, times: int, why: str) -> None:
    """What unpacks to more than any answer has is not unpacked to its end; what is packed twice, not at all."""
    body = gzip.compress(b" " * 4 * LARGEST)
    for _ in range(1, times):
        body = gzip.compress(body)

    async def handler(_: web.Request) -> web.StreamResponse:
        packed = {"content-encoding": ", ".join(["gzip"] * times), "content-type": "application/json"}
        return web.Response(body=body, headers=packed)

    url = await serve(handler)
    error = await failed(api(http, url).read("/x", THING))
    assert (error.kind, error.why, error.ambiguous) == ("garbled", why, False)
    assert (await failed(api(http, url).send("POST", "/x"))).ambiguous


async def test_a_packed_answer_is_unpacked(serve: Serve, http: httpx.AsyncClient) -> None:
    """As most vendors send it."""

    async def handler(_: web.Request) -> web.StreamResponse:
        packed = {"content-encoding": "gzip", "content-type": "application/json"}
        return web.Response(body=gzip.compress(b'{"name": "thing"}'), headers=packed)

    assert (await api(http, await serve(handler)).read("/x", THING)).name == "thing"


async def test_a_vendor_that_is_not_there_is_refused(http: httpx.AsyncClient) -> None:
    """No connection: and a write cannot have acted."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    error = await failed(api(http, url).send("POST", "/x", body={}))
    assert (error.kind, error.ambiguous) == ("refused", False)


async def test_a_cut_line_is_refused_and_a_write_then_ambiguous(serve: Serve, http: httpx.AsyncClient) -> None:
    """The vendor may have acted: a write says so, a read has nothing to say."""
    vendor = api(http, await serve(dropping))
    read, write = await failed(vendor.send("GET", "/x")), await failed(vendor.send("POST", "/x", body={}))
    assert (read.kind, read.ambiguous) == ("refused", False)
    assert (write.kind, write.ambiguous) == ("refused", True)


async def test_no_answer_is_a_timeout(serve: Serve, http: httpx.AsyncClient) -> None:
    """The time limit holds for the whole, and a write is ambiguous after it."""
    vendor = api(http, await serve(sleeping), timeout=0.05)
    read, write = await failed(vendor.send("GET", "/x")), await failed(vendor.send("POST", "/x", body={}))
    assert (read.kind, read.why, read.ambiguous) == ("timeout", "no answer within 0.05 s", False)
    assert write.ambiguous


async def test_a_body_that_never_ends_is_a_timeout(serve: Serve, http: httpx.AsyncClient) -> None:
    """A vendor that answers byte by byte does not get more time than one that does not."""

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    error = await failed(api(http, await serve(drip), timeout=0.1).read("/x", THING))
    assert error.kind == "timeout"


@pytest.mark.parametrize(("status", "ambiguous"), [(500, True), (504, True), (400, False), (429, False)])
async def test_a_write_that_failed_at_the_vendor_is_ambiguous(
    serve: Serve, http: httpx.AsyncClient, *, status: int, ambiguous: bool
) -> None:
    """5xx may come after the deed; a refusal comes before it."""
    error = await failed(api(http, await serve(answering(status))).send("POST", "/x", body={}))
    assert error.ambiguous is ambiguous


async def test_a_write_is_sent_once(serve: Serve, http: httpx.AsyncClient) -> None:
    """Whatever becomes of it."""
    calls = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        return await dropping(request)

    await failed(api(http, await serve(handler)).send("POST", "/x", body={}))
    assert calls == 1


async def test_retry_after_is_kept_as_seconds(serve: Serve, http: httpx.AsyncClient) -> None:
    """Given as seconds or as a date; nonsense is no wait at all."""
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    waits = [
        (await failed(api(http, await serve(answering(429, retry_after=given))).send("GET"))).retry_after
        for given in ("7", at, "soon")
    ]
    assert waits[0] == 7
    assert waits[1] == pytest.approx(90, abs=3)
    assert waits[2] is None


async def test_a_redirect_is_not_followed(serve: Serve, http: httpx.AsyncClient) -> None:
    """Another host must not see our key."""
    seen: list[str] = []

    async def other(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("authorization", ""))
        return web.json_response({"name": "thing"})

    elsewhere = await serve(other)
    error = await failed(api(http, await serve(answering(307, location=elsewhere))).read("/x", THING))
    assert error.why == "redirects us elsewhere (307)"
    assert seen == []


@pytest.mark.parametrize("body", [f'{{"name": ["{SECRET}"]}}', f'{{"email": "a@b.c", "key": "{SECRET}"}}'])
async def test_no_error_shows_a_body_or_a_secret(serve: Serve, http: httpx.AsyncClient, body: str) -> None:
    """Neither the sentences, nor the chain of causes, nor the client's own representation."""
    vendor = api(http, await serve(answering(200, body)))
    error = await failed(vendor.read("/x", THING, params={"email": "a@b.c"}))
    shown: list[BaseException | None] = [error, error.__cause__]
    text = " ".join(f"{one!r} {one}" for one in shown) + error.sentences + repr(vendor)
    assert SECRET not in text
    assert "a@b.c" not in text
