"""The Web API at `/slack/api/<method>`: credentials, scopes, limits, faults, and a log of every call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox import world
from sandbox.slack.failing import drop, fail
from sandbox.slack.methods import METHODS
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.refusal import RefusedError
from sandbox.slack.scopes import NEEDS, Need, writes
from sandbox.slack.state import Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace


class WebApi:
    """Serves one workspace's methods, uploads, response_urls and websockets under `/slack`."""

    def __init__(self, workspace: Workspace) -> None:
        """Serve this workspace."""
        self._workspace = workspace

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add everything that the app talks to."""
        router.add_route("*", "/slack/api/{method}", self.serve)
        router.add_get("/slack/link", self._workspace.socket.serve)
        router.add_post("/slack/response/{token}", self._workspace.response_urls.serve)
        router.add_post("/slack/upload/{file}", self._upload)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        workspace, method = self._workspace, request.match_info["method"]
        args, token = await arguments(request)
        fault = workspace.faults.strike("slack", method)
        if fault is not None:
            failed = await fail(fault, request)
            if failed is not None:
                workspace.log_call(method, args, ok=False, error="fault", status=failed.status, fault=fault.kind)
                return failed
        if writes(method) and workspace.world.writes.begun("slack", method):
            drop(request)
            return web.Response(status=500)
        answer, status, headers = self.call(method, args, token)
        workspace.log_call(
            method,
            args,
            ok=bool(answer["ok"]),
            error=str(answer.get("error", "")),
            status=status,
            fault=fault.kind if fault else "",
        )
        struck = writes(method) and answer["ok"] and workspace.world.writes.done("slack", method)
        if struck or (fault is not None and fault.kind == "lost"):
            drop(request)
        return web.json_response(answer, status=status, headers=headers)

    def call(self, method: str, args: Arguments, token: str) -> tuple[Json, int, dict[str, str]]:
        """Do what a call asks, or refuse it: the answer, its HTTP status and its headers."""
        workspace = self._workspace
        need = NEEDS.get(method)
        if need is None:
            workspace.unknown_calls.append(method)
            return {"ok": False, "error": "unknown_method", "req_method": method}, 200, {}
        headers: dict[str, str] = {}
        try:
            workspace.limits.count(method, need.tier)
            if not need.public:
                granted = self._authorize(need, token)
                headers = {"x-oauth-scopes": ",".join(granted), "x-accepted-oauth-scopes": ",".join(need.scopes)}
                self._check_scopes(method, need, args, granted)
            return {"ok": True, **METHODS[method](workspace, args)}, 200, headers
        except RefusedError as refused:
            if refused.code == "ratelimited":
                limited = {**headers, "Retry-After": str(refused.extra["retry_after"])}
                return {"ok": False, "error": "ratelimited"}, 429, limited
            return refused.answer(), 200, headers

    def _authorize(self, need: Need, token: str) -> tuple[str, ...]:
        if not token:
            raise RefusedError("not_authed")
        if token not in (world.CREDENTIALS["slack.bot_token"], world.CREDENTIALS["slack.app_token"]):
            raise RefusedError("invalid_auth")
        is_app_token = token == world.CREDENTIALS["slack.app_token"]
        if is_app_token != need.app_token:
            raise RefusedError("not_allowed_token_type")
        return ("connections:write",) if is_app_token else self._workspace.app.scopes

    def _check_scopes(self, method: str, need: Need, args: Arguments, granted: tuple[str, ...]) -> None:
        wanted = [need.for_channel(args.any_channel(self._workspace))]
        if method == "conversations.create" and args.flag("is_private"):
            wanted = [need.private]
        if method in ("conversations.list", "users.conversations"):
            types = args.names("types") or ["public_channel"]
            by_type = {"public_channel": need.scopes, "private_channel": need.private, "im": need.im}
            by_type["mpim"] = ("mpim:read",)
            wanted = [by_type.get(kind, ()) for kind in types]
        for scopes in wanted:
            if scopes and not set(scopes) & set(granted):
                raise RefusedError("missing_scope", needed=",".join(scopes), provided=",".join(granted))

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        file = self._workspace.state.files.get(request.match_info["file"])
        if file is None or file["content"] is not None:
            return web.Response(status=404, text="No such upload")
        content = await request.read()
        if request.content_type == "multipart/form-data":
            return web.Response(status=400, text="Post the bytes")
        self._workspace.log_call("upload", {"file": file["id"], "length": len(content)}, ok=True)
        file["content"] = content.decode("latin-1")
        file["size"] = len(content)
        return web.Response(text=f"OK - {len(content)}")


async def arguments(request: web.Request) -> tuple[Arguments, str]:
    """The arguments of a call, from query and body, and the token they or the header carry."""
    args: dict[str, Any] = dict(request.query)
    body = await request.read()
    if body and request.content_type == "application/json":
        try:
            given = json.loads(body)
        except ValueError:
            given = {}
        args |= given if isinstance(given, dict) else {}
    elif body:
        args |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    token = str(args.pop("token", ""))
    header = request.headers.get("Authorization", "")
    if header.startswith("Bearer "):
        token = header.removeprefix("Bearer ").strip()
    return Arguments(args), token
