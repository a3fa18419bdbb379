"""A stand-in for PagerDuty's Events v2: https://developer.pagerduty.com/docs/events-api-v2/trigger-events/."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from sandbox.vendors.pagerduty import PagerDuty
from sandbox.vendors.vendor import API_SWITCH, RateLimit, RefusalError, Vendor, call
from sandbox.world import CREDENTIALS

_SEVERITIES: Final = ("critical", "error", "warning", "info")


class PagerDutyEvents(Vendor):
    """Events v2, on a host of its own: 120 events a minute; the routing key in the body is the credential."""

    name = "pagerduty_events"
    title = "PagerDuty events"
    switches = (API_SWITCH,)

    def __init__(self, pagerduty: PagerDuty) -> None:
        """Send events to the account of `pagerduty`."""
        super().__init__(pagerduty.world, pagerduty.faults)
        self.account = pagerduty.account
        self._limit = RateLimit(self.world, limit=120, seconds=60)

    def authorized(self, request: web.Request) -> bool:
        """Let the handler look at the routing key in the body."""
        del request
        return True

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer `{"status", "message", "errors"}`."""
        del code
        word = {400: "invalid event", 429: "throttle exceeded"}.get(status, "error")
        return web.json_response(
            {"status": word, "message": "Event object is invalid", "errors": [message]}, status=status
        )

    @call("POST", "/v2/enqueue", "enqueue event", public=True)
    async def enqueue(self, request: web.Request) -> web.Response:
        """Take an event: 202. Events with one `dedup_key` go into one incident until that is resolved."""
        allowance = self._limit.take()
        if not allowance.allowed:
            raise RefusalError(self.error(429, "Requests for this service are arriving too quickly."))
        body = await self.json_object(request)
        action, key = body.get("event_action"), body.get("dedup_key")
        if body.get("routing_key") != CREDENTIALS["pagerduty.routing_key"]:
            raise RefusalError(self.error(400, "Invalid routing key"))
        if action not in ("trigger", "acknowledge", "resolve"):
            raise RefusalError(self.error(400, "'event_action' is invalid (must be trigger, acknowledge or resolve)"))
        if key is not None and (not isinstance(key, str) or len(key) > 255):
            raise RefusalError(self.error(400, "'dedup_key' is too long (maximum is 255 characters)"))
        if action == "trigger":
            key = self._trigger(body, key)
        elif not key:
            raise RefusalError(self.error(400, "'dedup_key' is missing or blank"))
        else:
            self._follow(action, key)
        answer = {"status": "success", "message": "Event processed", "dedup_key": key}
        return web.json_response(answer, status=202)

    def _trigger(self, body: dict[str, Any], key: str | None) -> str:
        payload = body.get("payload")
        if not isinstance(payload, dict):
            raise RefusalError(self.error(400, "'payload' is missing or blank"))
        for name in ("summary", "source", "severity"):
            if not isinstance(payload.get(name), str) or not payload[name]:
                raise RefusalError(self.error(400, f"'payload.{name}' is missing or blank"))
        if len(payload["summary"]) > 1024:
            raise RefusalError(self.error(400, "'payload.summary' is too long (maximum is 1024 characters)"))
        if payload["severity"] not in _SEVERITIES:
            raise RefusalError(
                self.error(400, "'payload.severity' is invalid (must be critical, error, warning, info)")
            )
        incident = self.account.open_incident(key) if key else None
        if incident is None:
            incident = self.account.trigger(payload["summary"], key=key or "", urgency="high", details=None)
        self.account.add_alert(incident, payload)
        return incident.key

    def _follow(self, action: str, key: str) -> None:
        """Acknowledge or resolve what the key opened; nothing happens where that is unknown or closed."""
        incident = self.account.open_incident(key)
        if incident and action == "acknowledge" and incident.status == "triggered":
            self.account.acknowledge(incident, None)
        if incident and action == "resolve":
            self.account.resolve(incident, "")
