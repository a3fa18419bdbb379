"""`/webhooks/<vendor>`: verified over the raw bytes, stored, and only then answered; the work follows.

Where the work goes wrong the vendor has its 2xx, and the inbox's sweeper has the payload. A second delivery is known by
the vendor's id (or the content) for as long as the inbox is kept.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from aiohttp import web
from pydantic import SecretStr

from bot.alerts.signatures import CHECKS, Delivery, ForgedError, key_of
from bot.alerts.taking import stored
from bot.context import Now
from bot.metrics import WEBHOOKS
from bot.settings import WebhookSettings
from bot.slack.inbox import Inbox
from bot.slack.payloads import storable
from bot.store.inbox import Received

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.webhooks")

LARGEST: Final = 1_000_000
"""Bytes of a body; the server refuses more before it is read."""


class WebhookEndpoint:
    """Takes what vendors send. Built with the secrets of the settings."""

    def __init__(self, settings: WebhookSettings, inbox: Inbox, now: Now) -> None:
        """`now` is the bot's own time, which a delivery is stamped with where its vendor names none."""
        self._settings = settings
        self._inbox = inbox
        self._now = now

    async def answer(self, request: web.Request) -> web.Response:
        """200 once it is stored; 401 where it is not from whom it says, 404 where nobody of that name is heard."""
        vendor = request.match_info["vendor"]
        secret: SecretStr | None = getattr(self._settings, f"{vendor}_secret", None) if vendor in CHECKS else None
        if secret is None:
            return self._refused(vendor if vendor in CHECKS else "unknown", "not heard", 404)
        delivery = Delivery(
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
            path_secret=request.match_info.get("secret", ""),
        )
        try:
            delivery_id = CHECKS[vendor](delivery, secret.get_secret_value(), time.time())
        except ForgedError as error:
            return self._refused(vendor, str(error), 401)
        try:
            body: Any = json.loads(delivery.body)
        except ValueError:
            return self._refused(vendor, "no JSON", 400)
        resource = delivery.headers.get("sentry-hook-resource", "")
        received = Received(
            key=key_of(vendor, storable(delivery_id)[:200], delivery.body),
            kind="webhook",
            payload=storable(stored(vendor, resource, body, self._now())),
            received_at=datetime.now(UTC),
        )
        new = await self._inbox.store(received)
        WEBHOOKS.labels(vendor=vendor, outcome="stored" if new else "seen before").inc()
        if new:
            self._inbox.start(received)
        return web.json_response({"ok": True})

    def _refused(self, vendor: str, reason: str, status: int) -> web.Response:
        WEBHOOKS.labels(vendor=vendor, outcome="refused").inc()
        log.warning("webhook refused", vendor=vendor, reason=reason)
        return web.json_response({"error": reason}, status=status)
