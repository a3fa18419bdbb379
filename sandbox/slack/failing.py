"""How the workspace fails when a fault is switched on."""

from __future__ import annotations

import asyncio

from aiohttp import web

from sandbox.faults import Fault


async def fail(fault: Fault, request: web.Request) -> web.StreamResponse | None:
    """Do what a fault does before the call is looked at; None where the call goes on after it."""
    if fault.kind in ("slow", "lost"):
        await asyncio.sleep(fault.seconds if fault.kind == "slow" else 0)
        return None
    if fault.kind == "timeout":
        await asyncio.sleep(3600)
    if fault.kind in ("refused", "timeout"):
        drop(request)
        return web.Response(status=500)
    if fault.kind == "status":
        return _status(fault)
    if fault.kind == "html":
        return web.Response(text="<!doctype html><title>Slack</title><h1>Server Error</h1>", content_type="text/html")
    return web.json_response({"unexpected": [None, {"shape": True}]})


def _status(fault: Fault) -> web.Response:
    if fault.status != 429:
        return web.json_response({"ok": False, "error": "service_unavailable"}, status=fault.status)
    headers = {"Retry-After": str(max(1, round(fault.seconds)))}
    return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)


def drop(request: web.Request) -> None:
    """Cut the connection, so that the caller never sees an answer."""
    if request.transport is not None:
        request.transport.abort()
