"""The bot's own HTTP address: Slack's signed requests, vendors' webhooks, `/healthz` and `/metrics`."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from aiohttp import web
from prometheus_client import generate_latest
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp

from bot.metrics import registry

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.web")

WINDOW: Final = 300
"""Seconds for which a signature is good. Source: docs.slack.dev, verifying requests from Slack."""
LARGEST: Final = 1_000_000
"""Bytes of a body."""
TYPES: Final = ("application/json", "application/x-www-form-urlencoded")
"""What Slack sends. Source: docs.slack.dev, HTTP request URLs of events, commands and interactivity."""

Health = Callable[[], Awaitable[tuple[bool, dict[str, Any]]]]
"""Says whether this copy can do its work, and what of it stands how."""


class SlackEndpoint:
    """`/slack/events`: refuses what is not signed, too old, or was seen before; hands the rest to Bolt."""

    def __init__(self, app: AsyncApp, signing_secret: str) -> None:
        """Bolt's own check is off: it logs signatures and bodies, and fails on a time that is no number."""
        self._app = app
        self._secret = signing_secret.encode()
        self._seen: OrderedDict[str, float] = OrderedDict()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request of Slack's."""
        body = await request.read()
        stamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if reason := self._refused(body, stamp, signature):
            log.warning("request refused", reason=reason)
            return web.json_response({"error": reason}, status=401)
        if request.content_type not in TYPES:
            log.warning("request refused", reason=f"content type {request.content_type}")
            return web.json_response({"error": "content type"}, status=415)
        response = await self._app.async_dispatch(await to_bolt_request(request))
        if response.status < 300:
            # only what was handled: a request that failed here may come again as it is
            self._remember(signature)
        return await to_aiohttp_response(response)

    def _refused(self, body: bytes, stamp: str, signature: str) -> str:
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 20):
            return "no time stamp"
        if abs(time.time() - int(stamp)) > WINDOW:
            return "too old"
        # over the bytes as they came: the SDK's own check raises on a body or a signature that is no text
        digest = hmac.new(self._secret, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(f"v0={digest}".encode(), signature.encode(errors="surrogateescape")):
            return "bad signature"
        if signature in self._seen:
            return "seen before"
        return ""

    def _remember(self, signature: str) -> None:
        now = time.time()
        self._seen[signature] = now
        while self._seen and next(iter(self._seen.values())) < now - 2 * WINDOW:
            self._seen.popitem(last=False)


@asynccontextmanager
async def serving(
    *,
    host: str,
    port: int,
    health: Health,
    slack: SlackEndpoint | None,
    webhooks: Callable[[web.Request], Awaitable[web.Response]] | None = None,
) -> AsyncIterator[str]:
    """The address is open; yields it as `http://host:port`."""
    app = web.Application(client_max_size=LARGEST)

    async def healthz(_: web.Request) -> web.Response:
        well, parts = await health()
        return web.json_response(parts | {"ok": well}, status=200 if well else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), content_type="text/plain", charset="utf-8")

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    if slack is not None:
        app.router.add_post("/slack/events", slack.answer)
    if webhooks is not None:
        app.router.add_post("/webhooks/{vendor}", webhooks)
        app.router.add_post("/webhooks/{vendor}/{secret}", webhooks)
    # unpacked only where somebody asks for it, and nobody does: Slack packs nothing, and the limit counts too late
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2, auto_decompress=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        address = runner.addresses[0]
        yield f"http://{address[0]}:{address[1]}"
    finally:
        await runner.cleanup()
