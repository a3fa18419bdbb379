"""Vercel's Global Config (once Edge Config), Attack Challenge Mode, webhooks, and the token's user."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from aiohttp import web

from sandbox.faults import Faults
from sandbox.vendors.vendor import RateLimit, RefusalError, call
from sandbox.vendors.vercel_account import VercelAccount
from sandbox.vendors.vercel_deployments import milliseconds
from sandbox.world import CREDENTIALS, World

CONFIG_ID: Final = "ecfg_interviewlab"
"""The id of the store that holds `maintenance_mode` and `maintenance_message`."""

_KEY: Final = re.compile(r"[\w-]{1,256}")


class VercelConfig(VercelAccount):
    """The calls that are neither about deployments nor about logs."""

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with maintenance mode off and no webhook."""
        super().__init__(world, faults)
        self.items: dict[str, dict[str, Any]] = {}
        self.webhooks: list[dict[str, Any]] = []
        self._reads = RateLimit(world, limit=20, seconds=60)
        self._store("maintenance_mode", False, world.started - 30 * 86400)
        self._store("maintenance_message", "", world.started - 30 * 86400)

    def _store(self, key: str, value: object, at: float) -> None:
        created = self.items.get(key, {}).get("createdAt", milliseconds(at))
        self.items[key] = {
            "key": key,
            "value": value,
            "edgeConfigId": CONFIG_ID,
            "createdAt": created,
            "updatedAt": milliseconds(at),
        }

    def _check_config(self, request: web.Request) -> None:
        if request.match_info["config"] != CONFIG_ID:
            raise RefusalError(self.error(404, "Edge Config not found", code="not_found"))

    @call("GET", "/v1/global-config/{config}/item/{key}", "get config item")
    @call("GET", "/v1/edge-config/{config}/item/{key}", "get config item")
    async def get_item(self, request: web.Request) -> web.Response:
        """Return one item. At most 20 reads a minute."""
        self._check_config(request)
        self.limited(self._reads)
        item = self.items.get(request.match_info["key"])
        if item is None:
            raise RefusalError(self.error(404, "Edge Config Item not found", code="not_found"))
        return web.json_response(item)

    @call("GET", "/v1/global-config/{config}/items", "list config items")
    @call("GET", "/v1/edge-config/{config}/items", "list config items")
    async def list_items(self, request: web.Request) -> web.Response:
        """Return all items."""
        self._check_config(request)
        self.limited(self._reads)
        return web.json_response(list(self.items.values()))

    @call("PATCH", "/v1/global-config/{config}/items", "write config items")
    @call("PATCH", "/v1/edge-config/{config}/items", "write config items")
    async def write_items(self, request: web.Request) -> web.Response:
        """Apply all operations or none; the site obeys `maintenance_mode` at once."""
        self._check_config(request)
        body = await self.json_object(request)
        operations = body.get("items")
        if not isinstance(operations, list) or not operations or set(body) != {"items"}:
            raise RefusalError(self.error(400, "Invalid request: `items` should be an array.", code="bad_request"))
        before = dict(self.items)
        try:
            for operation in operations:
                self._apply(operation)
        except RefusalError:
            self.items = before
            raise
        self.world.maintenance = self.items.get("maintenance_mode", {}).get("value") is True
        self.world.maintenance_message = str(self.items.get("maintenance_message", {}).get("value") or "")
        return web.json_response({"status": "ok"})

    def _apply(self, operation: object) -> None:
        if not isinstance(operation, dict) or not _KEY.fullmatch(str(operation.get("key", ""))):
            raise RefusalError(self.error(400, "Invalid request: an item needs a valid `key`.", code="bad_request"))
        kind, key = operation.get("operation"), str(operation["key"])
        if kind not in ("create", "update", "upsert", "delete"):
            raise RefusalError(self.error(400, "Invalid request: unknown `operation`.", code="bad_request"))
        if kind == "create" and key in self.items:
            raise RefusalError(self.error(409, f"Item {key} already exists.", code="conflict"))
        if kind in ("update", "delete") and key not in self.items:
            raise RefusalError(self.error(404, f"Item {key} not found.", code="not_found"))
        if kind == "delete":
            del self.items[key]
        elif "value" not in operation:
            raise RefusalError(self.error(400, "Invalid request: an item needs a `value`.", code="bad_request"))
        else:
            self._store(key, operation["value"], self.now())

    @call("POST", "/v1/security/attack-mode", "set attack mode")
    async def set_attack_mode(self, request: web.Request) -> web.Response:
        """Switch Attack Challenge Mode."""
        body = await self.json_object(request)
        self.check_project(str(body.get("projectId", "")))
        if not isinstance(body.get("attackModeEnabled"), bool):
            raise RefusalError(self.error(400, "`attackModeEnabled` should be boolean.", code="bad_request"))
        self.attack_mode = body["attackModeEnabled"]
        updated = milliseconds(self.now())
        return web.json_response({"attackModeEnabled": self.attack_mode, "attackModeUpdatedAt": updated})

    @call("GET", "/v1/webhooks", "list webhooks")
    async def list_webhooks(self, request: web.Request) -> web.Response:
        """List the webhooks, without their secrets."""
        project = request.query.get("projectId")
        found = [hook for hook in self.webhooks if not project or project in hook["projectIds"]]
        return web.json_response([{key: hook[key] for key in hook if key != "secret"} for hook in found])

    @call("POST", "/v1/webhooks", "create webhook")
    async def create_webhook(self, request: web.Request) -> web.Response:
        """Create a webhook; its secret is in this answer only. At most 20 a team."""
        body = await self.json_object(request)
        url, events = body.get("url"), body.get("events")
        if not isinstance(url, str) or not url.startswith("http") or not isinstance(events, list) or not events:
            raise RefusalError(self.error(400, "Invalid request: `url` and `events` are needed.", code="bad_request"))
        if len(self.webhooks) >= 20:
            raise RefusalError(self.error(400, "The team has reached its limit of 20 webhooks.", code="bad_request"))
        digest = hashlib.sha256(f"{url}{len(self.webhooks)}".encode()).hexdigest()
        now = milliseconds(self.now())
        hook = {
            "id": f"account_hook_{digest[:24]}",
            "url": url,
            "events": events,
            "projectIds": body.get("projectIds") or [],
            "ownerId": CREDENTIALS["vercel.team_id"],
            "createdAt": now,
            "updatedAt": now,
            "secret": digest[24:48],
        }
        self.webhooks.append(hook)
        return web.json_response(hook)

    @call("DELETE", "/v1/webhooks/{id}", "delete webhook")
    async def delete_webhook(self, request: web.Request) -> web.Response:
        """Remove a webhook."""
        kept = [hook for hook in self.webhooks if hook["id"] != request.match_info["id"]]
        if len(kept) == len(self.webhooks):
            raise RefusalError(self.error(404, "Webhook not found", code="not_found"))
        self.webhooks = kept
        return web.Response(status=204)

    @call("GET", "/v2/user", "get user")
    async def get_user(self, request: web.Request) -> web.Response:
        """Return whose token it is."""
        del request
        user = {
            "id": "usr_opsbot",
            "email": "ops@interviewlab.io",
            "name": "InterviewLab operations",
            "username": "ops-bot",
            "avatar": None,
            "defaultTeamId": CREDENTIALS["vercel.team_id"],
            "limited": True,
        }
        return web.json_response({"user": user})
