"""What every vendor's stand-in is made of: calls with names, credentials, faults, switches, and a log of what came in."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from aiohttp import web

from sandbox.faults import Fault, Faults
from sandbox.world import World

logger = logging.getLogger(__name__)

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


API_SWITCH = Switch(name="api", label="The API", options=("ok", "down"))
"""A switch that `Vendor` itself obeys: where `api` is `down`, every call is answered 503 in the vendor's error shape."""


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
    """None while it is being answered, and where no answer was sent."""
    fault: str | None = None
    acted: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    took: float | None = None
    """Seconds of real time until the answer was ready; None while it is being answered."""


class RefusalError(Exception):
    """Raised by a handler to answer `response` instead of what it was about to."""

    def __init__(self, response: web.Response) -> None:
        """Carry the refusal."""
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """What a rate limit says of one call: `reset` is in seconds from now."""

    allowed: bool
    limit: int
    remaining: int
    reset: float

    @property
    def whole_reset(self) -> int:
        """Seconds to wait, rounded up, never 0: what goes in a `Retry-After`."""
        return max(1, math.ceil(self.reset))


class RateLimit:
    """At most `limit` calls in each window of `seconds` of real time. Nothing is refused while `world.rate_limits` is off."""

    def __init__(self, world: World, *, limit: int, seconds: float) -> None:
        """Start with the whole allowance."""
        self._world = world
        self.limit = limit
        self.seconds = seconds
        self._window = 0.0
        self._used = 0

    def take(self) -> Allowance:
        """Count one call, and say whether it is within the limit."""
        now = time.monotonic()
        if now - self._window >= self.seconds:
            self._window, self._used = now, 0
        self._used += 1
        allowed = self._used <= self.limit or not self._world.rate_limits
        remaining = max(0, self.limit - self._used)
        return Allowance(
            allowed=allowed, limit=self.limit, remaining=remaining, reset=self._window + self.seconds - now
        )


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
        self._closing = asyncio.Event()

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

    async def before(self, request: web.Request) -> web.Response | None:
        """Answer instead of the call, before credentials are looked at: outages and rate limits. None: go on."""
        del request
        if self.state.get("api") == "down":
            return self.error(503, "Service Unavailable", code="service_unavailable")
        return None

    def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the headers that the vendor sends with every answer, to one that has not been sent yet."""
        del request, response

    def changed(self, name: str, option: str) -> None:
        """Make the state follow a switch that has just been put to `option`."""
        del name, option

    # what all share

    def set_switch(self, name: str, option: str) -> None:
        """Put a switch to one of its options. Raise ValueError where there is no such switch or option."""
        for switch in self.switches:
            if switch.name == name and option in switch.options:
                self.state[name] = option
                self.changed(name, option)
                return
        raise ValueError(f"{self.name} has no switch {name} with the option {option}")

    def now(self) -> float:
        """Seconds since the epoch, in the bot's time."""
        return self.world.clock.timestamp()

    async def linger(self, seconds: float) -> None:
        """Wait in real time, but no longer than until `close`."""
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return

    def close(self) -> None:
        """End all waits and streams, so that the server can shut down at once."""
        self._closing.set()

    @property
    def closing(self) -> bool:
        """Whether `close` was called: streams end."""
        return self._closing.is_set()

    async def json_object(self, request: web.Request) -> dict[str, Any]:
        """Return the body as a JSON object, `{}` where it is empty. Raise RefusalError (400) where it is anything else."""
        body = await request.read()
        if not body.strip():
            return {}
        try:
            parsed = await request.json()
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise RefusalError(self.error(400, "Invalid JSON: an object is expected", code="bad_request"))
        return parsed

    def whole_number(self, request: web.Request, name: str, default: int) -> int:
        """Return a query argument as an integer. Raise RefusalError (400) where it is none."""
        text = request.query.get(name, "")
        if not text:
            return default
        try:
            return int(float(text))
        except ValueError:
            raise RefusalError(self.error(400, f"`{name}` should be a number", code="bad_request")) from None

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
        logged = await self._record(request, "unknown")
        logger.warning("%s has no %s %s", self.title, request.method, request.path)
        response = self.error(404, f"{self.title} has no {request.method} {request.path} here", code="not_found")
        logged.status, logged.took = response.status, 0.0
        return response

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
        started = time.monotonic()
        logged = await self._record(request, declared.name)
        fault = self.faults.strike(self.name, declared.name)
        logged.fault = fault.kind if fault else None
        response = await self._fail(fault, request) if fault else None
        if response is None and declared.writes and self.world.writes.begun(self.name, declared.name):
            response = _cut(request)
        if response is None:
            response = await self._answer(declared, request)
            logged.acted = declared.writes and response.status < 400
            if not response.prepared:
                self.dress(request, response)
            struck = logged.acted and self.world.writes.done(self.name, declared.name)
            if struck or (fault and fault.kind == "lost"):
                response = _cut(request)
        logged.status = None if isinstance(response, _Silence) else response.status
        logged.took = time.monotonic() - started
        return response

    async def _answer(self, declared: Call, request: web.Request) -> web.StreamResponse:
        early = await self.before(request)
        if early is not None:
            return early
        if not declared.public and not self.authorized(request):
            return self.unauthorized(request)
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]] = getattr(self, declared.handler)
        try:
            return await handler(request)
        except RefusalError as refusal:
            return refusal.response

    async def _fail(self, fault: Fault, request: web.Request) -> web.StreamResponse | None:
        """Answer as the fault says; None where the call is to be served after all."""
        if fault.kind == "slow":
            await self.linger(fault.seconds)
        if fault.kind in ("slow", "lost"):
            return None
        if fault.kind in ("refused", "timeout"):
            return _cut(request) if fault.kind == "refused" else _Silence()
        if fault.kind == "status":
            response = self.error(fault.status, "a fault of the sandbox", code=f"sandbox_{fault.status}")
            if fault.status == 429:
                response.headers["Retry-After"] = str(max(1, round(fault.seconds)))
            return response
        if fault.kind == "html":
            return web_page()
        return web.json_response({"unexpected": [None, {"shape": True}]})


class _Silence(web.StreamResponse):
    """An answer that is never sent: the connection stays open and idle, so that it does not delay a shutdown."""

    async def prepare(self, request: web.BaseRequest) -> None:
        del request

    async def write_eof(self, data: bytes = b"") -> None:
        del data

    @property
    def keep_alive(self) -> bool:
        return True

    @property
    def body_length(self) -> int:
        return 0


def _cut(request: web.Request) -> _Silence:
    """Cut the connection, so that the caller never sees an answer."""
    if request.transport is not None:
        request.transport.abort()
    return _Silence()


def web_page() -> web.Response:
    """Answer 200 with a web page, as vendors do whose pages answer every path alike."""
    page = "<!doctype html><html><head><title>Status</title></head><body><h1>All systems operational</h1></body></html>"
    return web.Response(text=page, content_type="text/html")
