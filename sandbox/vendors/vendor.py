"""What every vendor's stand-in is made of: calls with names, credentials, faults, switches, and a log of what came in."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from aiohttp import web

from sandbox.faults import Fault, Faults
from sandbox.world import World

Handler = Callable[[Any, web.Request], Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One documented call of a vendor: `name` is what faults and the log go by. `writes` marks calls that change state."""

    method: str
    path: str
    name: str
    public: bool
    writes: bool
    handler: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Switch:
    """A state of the vendor that a person may set in the panel, such as *incident on its status page*."""

    name: str
    label: str
    options: tuple[str, ...]
    """The first is the healthy one."""


@dataclass(kw_only=True, slots=True)
class Logged:
    """A request that came in, and what became of it. `acted` is true when the call changed the stand-in's state."""

    at: float
    vendor: str
    call: str
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    status: int | None = None
    fault: str | None = None
    acted: bool = False
    headers: dict[str, str] = field(default_factory=dict)


def call(method: str, path: str, name: str, *, public: bool = False, writes: bool | None = None) -> Callable[[H], H]:
    """Declare a method of a `Vendor` as the handler of one call. `public` calls need no credentials."""

    def mark(handler: H) -> H:
        declared = Call(
            method=method,
            path=path,
            name=name,
            public=public,
            writes=method not in ("GET", "HEAD") if writes is None else writes,
            handler=handler.__name__,
        )
        handler.calls = [*getattr(handler, "calls", []), declared]  # type: ignore[attr-defined]
        return handler

    return mark


class Vendor:
    """A stand-in for one vendor, served under `/<name>`. Subclasses hold its state and its calls.

    A subclass sets `name` and `title`, overrides `unauthorized` (its own 401/403) and `error` (its own error shape),
    checks the credentials in `authorized`, lists `switches`, and declares handlers with `@call`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    switches: ClassVar[tuple[Switch, ...]] = ()

    def __init__(self, world: World, faults: Faults) -> None:
        """Start in good health: every switch at its first option."""
        self.world = world
        self.faults = faults
        self.log: list[Logged] = []
        self.state: dict[str, str] = {switch.name: switch.options[0] for switch in self.switches}

    # what a subclass says for its vendor

    def authorized(self, request: web.Request) -> bool:
        """Say whether the request carries the credentials of `sandbox.world.CREDENTIALS`."""
        raise NotImplementedError

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer an error in the vendor's own shape."""
        return web.json_response({"error": {"code": code or str(status), "message": message}}, status=status)

    def unauthorized(self, request: web.Request) -> web.Response:
        """Answer a request without valid credentials, as the vendor does."""
        del request
        return self.error(401, "invalid credentials", code="unauthorized")

    # what all share

    def set_switch(self, name: str, option: str) -> None:
        """Put a switch to one of its options. Raise ValueError where there is no such switch or option."""
        for switch in self.switches:
            if switch.name == name and option in switch.options:
                self.state[name] = option
                return
        raise ValueError(f"{self.name} has no switch {name} with the option {option}")

    @classmethod
    def declared(cls) -> list[Call]:
        """All calls, in the order of their declaration."""
        found: dict[str, Call] = {}
        for klass in reversed(cls.__mro__):
            for attribute in vars(klass).values():
                for declared in getattr(attribute, "calls", []):
                    found[f"{declared.method} {declared.path}"] = declared
        return list(found.values())

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve every call under `/<name>`, and an error for anything else."""
        for declared in self.declared():
            router.add_route(declared.method, f"/{self.name}{declared.path}", functools.partial(self._serve, declared))
        router.add_route("*", f"/{self.name}/{{rest:.*}}", self._unknown)

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        """Fail loudly: a call that the stand-in does not know is a defect of the bot or of the stand-in."""
        await self._record(request, "unknown")
        return self.error(404, f"{self.title} has no {request.method} {request.path} here", code="not_found")

    async def _record(self, request: web.Request, name: str) -> Logged:
        body = await request.read()
        path = request.path[len(self.name) + 1 :]
        logged = Logged(
            at=self.world.clock.timestamp(),
            vendor=self.name,
            call=name,
            method=request.method,
            path=path,
            query=dict(request.query),
            body=body,
            headers={key.lower(): value for key, value in request.headers.items()},
        )
        self.log.append(logged)
        del self.log[:-2000]
        return logged

    async def _serve(self, declared: Call, request: web.Request) -> web.StreamResponse:
        logged = await self._record(request, declared.name)
        fault = self.faults.strike(self.name, declared.name)
        logged.fault = fault.kind if fault else None
        if fault and fault.kind != "lost":
            early = await self._fail(fault, request)
            if early is not None:
                logged.status = early.status
                return early
        if not declared.public and not self.authorized(request):
            refused = self.unauthorized(request)
            logged.status = refused.status
            return refused
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]] = getattr(self, declared.handler)
        response = await handler(request)
        logged.status = response.status
        logged.acted = declared.writes and response.status < 400
        if fault and fault.kind == "lost":
            _drop(request)
        return response

    async def _fail(self, fault: Fault, request: web.Request) -> web.Response | None:
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return None
        if fault.kind == "timeout":
            await asyncio.sleep(3600)
        if fault.kind == "refused":
            _drop(request)
        if fault.kind == "status":
            response = self.error(fault.status, "a fault of the sandbox", code=f"sandbox_{fault.status}")
            if fault.status == 429:
                response.headers["Retry-After"] = str(max(1, round(fault.seconds)))
            return response
        if fault.kind == "html":
            return web.Response(text="<!doctype html><title>Status</title><h1>All good</h1>", content_type="text/html")
        return web.json_response({"unexpected": [None, {"shape": True}]})


def _drop(request: web.Request) -> None:
    """Cut the connection, so that the caller never sees an answer."""
    if request.transport is not None:
        request.transport.abort()
