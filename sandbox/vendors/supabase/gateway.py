"""The gateway in front of a Supabase project: its API keys, its state, and which service a path belongs to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import psycopg
from aiohttp import web

from sandbox.faults import Faults
from sandbox.product import UNREACHABLE, ProductDatabase, company_of
from sandbox.vendors.vendor import Call, Switch, Vendor
from sandbox.world import CREDENTIALS, World

JWT_SECRET: Final = b"sandbox-jwt-secret-of-interviewlab"
PUBLISHABLE: Final = CREDENTIALS["supabase.publishable_key"]
SECRET: Final = CREDENTIALS["supabase.secret_key"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks, for the database: a role, and the claims of their token."""

    role: str
    claims: dict[str, Any]

    @property
    def json(self) -> str:
        """The claims as the database reads them."""
        return json.dumps(self.claims)


class Gateway(Vendor):
    """What all services of the project have in common. The switches are shared with the Management API."""

    title: ClassVar[str] = "Supabase project"
    switches: ClassVar[tuple[Switch, ...]] = (
        Switch(name="database", label="Database", options=("up", "down", "coming_up")),
        Switch(name="auth", label="Auth", options=("healthy", "unhealthy", "coming_up")),
        Switch(name="rest", label="REST", options=("healthy", "unhealthy", "coming_up")),
        Switch(name="storage", label="Storage", options=("healthy", "unhealthy", "coming_up")),
        Switch(name="pooler", label="Pooler", options=("healthy", "unhealthy", "coming_up")),
        Switch(name="realtime", label="Realtime", options=("healthy", "unhealthy", "coming_up")),
        Switch(name="project", label="Project", options=("active", "paused", "restoring", "over_quota")),
        Switch(name="load", label="Load of the database", options=("normal", "busy", "overloaded")),
        Switch(name="compute", label="Size of its machine", options=("ci_micro", "ci_small", "ci_medium")),
        Switch(name="disk", label="Disk", options=("roomy", "filling", "full")),
    )

    def __init__(self, world: World, faults: Faults) -> None:
        """Share the switches with the Management API by way of the company."""
        super().__init__(world, faults)
        self.company = company_of(world)
        self.company.services = self.state

    # the database

    @property
    def product(self) -> ProductDatabase | None:
        """The project's database, or None where the sandbox runs without. Raises OperationalError while it is down."""
        if self.state["database"] != "up":
            raise psycopg.OperationalError("the database is switched off")
        return self.company.production

    async def _answer(self, declared: Call, request: web.Request) -> web.StreamResponse:
        """Answer as the service does that has lost its database, where it has; and write the gateway's log."""
        try:
            response = await super()._answer(declared, request)
        except UNREACHABLE:
            response = self.without_database(request)
        path = request.path[len(self.name) + 1 :]
        status = str(response.status)
        attributes = {"request.method": request.method, "request.path": path, "response.status_code": status}
        self.company.note("edge_logs", f"{request.method} | {status} | {path}", attributes)
        return response

    def without_database(self, request: web.Request) -> web.Response:
        """Say, in the words of the service that was asked, that there is no database."""
        service = self._service(request)
        if service == "rest":
            return self.rest_error(
                503,
                "PGRST001",
                "Database client error. Retrying the connection.",
                details="connection to server failed: Connection refused",
            )
        if service == "storage":
            return self.storage_error(544, "DatabaseTimeout", "The connection to the database timed out")
        return self.auth_error(request, 500, "unexpected_failure", "Database error querying schema")

    # the shapes of errors

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer as the gateway does for itself."""
        body = {"message": message} if not code else {"message": message, "code": code}
        return web.json_response(body, status=status)

    def rest_error(
        self, status: int, code: str, message: str, *, details: str | None = None, hint: str | None = None
    ) -> web.Response:
        """Answer as PostgREST does."""
        return web.json_response({"code": code, "details": details, "hint": hint, "message": message}, status=status)

    def storage_error(self, status: int, error: str, message: str, *, code: str | None = None) -> web.Response:
        """Answer as Storage does: the HTTP status is 400 for most, and the body says which it was."""
        http = status if status >= 500 else 400
        return web.json_response({"statusCode": code or str(status), "error": error, "message": message}, status=http)

    def auth_error(self, request: web.Request, status: int, code: str, message: str) -> web.Response:
        """Answer as GoTrue does, in the old or the new shape as the client asked."""
        if request.headers.get("X-Supabase-Api-Version", "") >= "2024-01-01":
            body: dict[str, Any] = {"code": code, "message": message}
        else:
            body = {"code": status, "error_code": code, "msg": message}
        return web.json_response(body, status=status, headers={"x-sb-error-code": code})

    # keys

    def authorized(self, request: web.Request) -> bool:
        """Say whether gateway and service let the request in."""
        return self._refusal(request) is None

    def unauthorized(self, request: web.Request) -> web.Response:
        """Say why they do not."""
        return self._refusal(request) or self.error(401, "Unauthorized")

    def caller(self, request: web.Request) -> Caller:
        """Return who asks; the request has passed `authorized`."""
        token = _bearer(request)
        if token and not token.startswith("sb_"):
            claims = read_token(token) or {}
            return Caller(role=str(claims.get("role", "anon")), claims=claims)
        if _key(request) == SECRET:
            return Caller(role="service_role", claims={"role": "service_role"})
        return Caller(role="anon", claims={"role": "anon"})

    def _service(self, request: web.Request) -> str:
        return request.path[len(self.name) + 2 :].split("/", 1)[0]

    def _refusal(self, request: web.Request) -> web.Response | None:
        project, service = self.company.project_state(), self._service(request)
        if project in ("paused", "restoring"):
            status, message = (540, "Project paused") if project == "paused" else (503, "Project is being restored")
            return self.error(status, message)
        if service == "customer":
            return None if _basic_auth(request) else self.error(401, "Unauthorized")
        refused = self._key_refusal(request) or self._token_refusal(request)
        if refused is not None:
            return refused
        if project == "over_quota":
            return self.error(402, "Service for this project is restricted due to the quota being exceeded.")
        if self.state.get(service, "healthy") != "healthy":
            return self.error(503, "upstream connect error or disconnect/reset before headers")
        return None

    def _key_refusal(self, request: web.Request) -> web.Response | None:
        key = _key(request)
        if not key:
            hint = "No `apikey` request header or url param was found."
            return web.json_response({"message": "No API key found in request", "hint": hint}, status=401)
        if key not in (PUBLISHABLE, SECRET):
            hint = "Double check your Supabase `anon` or `service_role` API key."
            return web.json_response({"message": "Invalid API key", "hint": hint}, status=401)
        if key == SECRET and request.headers.get("User-Agent", "").startswith("Mozilla/"):
            return self.error(401, "Forbidden use of secret API key in browser")
        return None

    def _token_refusal(self, request: web.Request) -> web.Response | None:
        token = _bearer(request)
        if not token or token == _key(request) or read_token(token) is not None:
            return None
        if self._service(request) == "auth":
            return self.auth_error(request, 403, "bad_jwt", "invalid JWT: unable to parse or verify signature")
        return self.rest_error(401, "PGRST301", "JWSError JWSInvalidSignature")


def make_token(claims: dict[str, Any]) -> str:
    """Sign a JWT (HS256) as GoTrue does."""
    head = _encode(b'{"alg":"HS256","typ":"JWT"}')
    signed = f"{head}.{_encode(json.dumps(claims).encode())}"
    return f"{signed}.{_encode(hmac.digest(JWT_SECRET, signed.encode(), hashlib.sha256))}"


def read_token(token: str) -> dict[str, Any] | None:
    """Return the claims of a JWT that `make_token` signed and that has not expired, else None."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    expected = _encode(hmac.digest(JWT_SECRET, f"{parts[0]}.{parts[1]}".encode(), hashlib.sha256))
    if not hmac.compare_digest(expected, parts[2]):
        return None
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    return claims if claims.get("exp", 0) > time.time() else None


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _key(request: web.Request) -> str:
    return request.headers.get("apikey") or request.query.get("apikey", "")


def _bearer(request: web.Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _basic_auth(request: web.Request) -> bool:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return kind.lower() == "basic" and token == base64.b64encode(f"service_role:{SECRET}".encode()).decode()
