"""InterviewLab's own site, as far as operations touch it: health, the maintenance page, the Stripe webhook."""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import time
from typing import Any, ClassVar, Final
from uuid import UUID

import psycopg
from aiohttp import web

from sandbox.faults import Faults
from sandbox.product import UNREACHABLE, ProductDatabase, company_of
from sandbox.product.books import PACKAGES
from sandbox.vendors.supabase.gateway import read_token
from sandbox.vendors.vendor import RefusalError, Switch, Vendor, call
from sandbox.world import CREDENTIALS, World

TOLERANCE: Final = 300
"""Seconds of real time that a Stripe signature may be old."""
SLOW: Final = 4.0
"""Seconds of real time that a slow site takes for each answer."""
LARGEST_CV: Final = 5 * 1024 * 1024

GRANT: Final = """
insert into entitlements
  (user_id, type, status, tier, remaining_interviews, perks, stripe_session_id, created_at, updated_at)
values (%(user)s, %(type)s, 'active', %(tier)s, %(count)s, %(perks)s, %(session)s, %(now)s, %(now)s)
returning id
"""
RECORD: Final = """
insert into entitlement_history (user_id, entitlement_id, action, new_balance, metadata, created_at)
values (%(user)s, %(entitlement)s, %(action)s, %(balance)s, %(metadata)s, %(now)s)
"""
TAKE_ONE: Final = """
update entitlements set remaining_interviews = remaining_interviews - 1, updated_at = %(now)s,
  status = case when remaining_interviews = 1 then 'used' else status end
where id = (select id from entitlements where user_id = %(user)s and status = 'active' and remaining_interviews > 0
            order by created_at limit 1 for update)
returning id, tier, remaining_interviews
"""
SAVE_FILE: Final = """
insert into storage.objects (bucket_id, name, owner, owner_id, metadata, created_at, updated_at)
values ('cvs', %(name)s, %(user)s, %(user)s::text, %(metadata)s, %(now)s, %(now)s)
on conflict (bucket_id, name) do update set metadata = excluded.metadata, updated_at = excluded.updated_at
"""


class Site(Vendor):
    """`https://interviewlab.io` on Vercel. Without a product database a paid session is only remembered."""

    name: ClassVar[str] = "site"
    title: ClassVar[str] = "InterviewLab's site"
    switches: ClassVar[tuple[Switch, ...]] = (
        Switch(name="site", label="The site", options=("up", "down", "slow", "protected")),
        Switch(name="api", label="Its API", options=("up", "down")),
        Switch(name="webhook", label="Its webhook's handler", options=("ok", "failing", "wrong_secret", "forgetful")),
    )

    def __init__(self, world: World, faults: Faults) -> None:
        """Serve the company of this world."""
        super().__init__(world, faults)
        self.company = company_of(world)
        self.remembered: set[str] = set()
        """Sessions that were paid while there was no database to write them to."""

    def authorized(self, request: web.Request) -> bool:
        """Let everybody in: each handler looks at the user's token itself."""
        del request
        return True

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer the app's own error."""
        del code
        return web.json_response({"error": message}, status=status)

    async def before(self, request: web.Request) -> web.Response | None:
        """Answer instead of the app where it is down or protected; wait where it is slow."""
        state = self.state["site"]
        if state == "slow":
            await self.linger(SLOW)
        if state == "protected":
            return _page(401, "Authentication Required", "This page is protected by Vercel Deployment Protection.")
        api = request.path.startswith(f"/{self.name}/api/")
        if self.world.production_fault:
            self.company.write_log(
                "error", self.world.production_fault, method=request.method, path=request.path[len(self.name) + 1 :],
                status=500,
            )  # fmt: skip
        if state == "down" or (api and self.state["api"] == "down") or self.world.production_fault:
            return self.error(500, "Internal Server Error") if api else _page(500, "500", "Internal Server Error")
        return None

    def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add what Vercel adds, and write the server's log."""
        response.headers["Server"] = "Vercel"
        response.headers["X-Vercel-Id"] = f"dub1::iad1::{int(self.now() * 1000):x}"
        if response.status >= 500 and request.path.startswith(f"/{self.name}/api/"):
            path = request.path[len(self.name) + 1 :]
            self.company.write_log(
                "error", f"{path} answered {response.status}", method=request.method, path=path, status=response.status
            )

    @property
    def maintenance(self) -> bool:
        """Whether the flag in Vercel's Global Config is on."""
        return bool(getattr(self.world, "maintenance", False))

    # pages

    @call("GET", "/", "home", public=True)
    @call("HEAD", "/", "home.head", public=True, writes=False)
    async def home(self, request: web.Request) -> web.StreamResponse:
        """Show the front page, or that of maintenance with 503."""
        del request
        if self.maintenance:
            message = getattr(self.world, "maintenance_message", "") or "We are improving InterviewLab. Back soon."
            page = _page(503, "Maintenance", message)
            page.headers["Retry-After"] = "600"
            return page
        return _page(200, "InterviewLab", "AI mock interviews that feel like the real thing.")

    # what users do

    @call("GET", "/api/user/entitlements", "entitlements", public=True)
    async def entitlements(self, request: web.Request) -> web.StreamResponse:
        """Return what the user whose token it is may use; 401 without one."""
        user = self._user(request)
        try:
            rows = await self._database().fetch(
                "select id::text, type, status, tier, remaining_interviews, perks from entitlements"
                " where user_id = %s and status = 'active' order by created_at",
                [user],
            )
        except UNREACHABLE:
            return self.error(500, "Internal Server Error")
        return web.json_response({"entitlements": rows})

    @call("POST", "/api/interview/start", "interview.start", public=True)
    async def start_interview(self, request: web.Request) -> web.StreamResponse:
        """Begin an interview and take one from the user's balance; 402 where nothing is left."""
        user, body = self._user(request), await self.json_object(request)
        self._refuse_in_maintenance()
        now = self.world.clock.now()
        try:
            async with self._database().transaction() as connection:
                cursor = await connection.execute(TAKE_ONE, {"user": user, "now": now})
                taken = await cursor.fetchone()
                if taken is None:
                    return self.error(402, "No interviews left")
                cursor = await connection.execute(
                    "insert into sessions (user_id, mode, status, plan_tier, job_title, company_name, created_at)"
                    " values (%s, %s, 'in_progress', %s, %s, %s, %s) returning id::text",
                    [
                        user,
                        "voice" if body.get("mode") == "voice" else "text",
                        taken["tier"],
                        body.get("job_title"),
                        body.get("company_name"),
                        now,
                    ],
                )
                session = await cursor.fetchone()
                record = {"user": user, "entitlement": taken["id"], "action": "consume", "metadata": "{}", "now": now}
                await connection.execute(RECORD, record | {"balance": taken["remaining_interviews"]})
        except UNREACHABLE:
            return self.error(500, "Failed to create session")
        return web.json_response({"session": (session or {})["id"]}, status=201)

    @call("POST", "/api/cv/upload", "cv.upload", public=True)
    async def upload_cv(self, request: web.Request) -> web.StreamResponse:
        """Keep a CV under the policies of the bucket, replacing the one before."""
        user = self._user(request)
        self._refuse_in_maintenance()
        raw = await request.read()
        if len(raw) > LARGEST_CV:
            return self.error(413, "Failed to upload file: larger than 5 MB")
        claims = json.dumps({"sub": str(user), "role": "authenticated"})
        metadata = json.dumps({"size": len(raw), "mimetype": request.content_type})
        values = {"name": f"{user}/cv.pdf", "user": user, "metadata": metadata, "now": self.world.clock.now()}
        try:
            async with self._database().transaction(role="authenticated", claims=claims) as connection:
                await connection.execute(SAVE_FILE, values)
        except (*UNREACHABLE, psycopg.errors.InsufficientPrivilege) as error:
            self.company.write_log("error", f"[CV upload] {error}", method="POST", path="/api/cv/upload", status=500)
            return self.error(500, "Failed to upload file")
        return web.json_response({"path": values["name"]}, status=201)

    # payments

    @call("POST", "/api/stripe-webhook", "stripe_webhook", public=True)
    async def stripe_webhook(self, request: web.Request) -> web.StreamResponse:
        """Give what was paid, once for each session; maintenance does not stop it."""
        return await self._webhook(request, self.company.production, self.state["webhook"], logs=True)

    @call("POST", "/staging/api/stripe-webhook", "stripe_webhook.staging", public=True)
    async def staging_webhook(self, request: web.Request) -> web.StreamResponse:
        """The same on staging: the endpoint for tests."""
        return await self._webhook(request, self.company.staging, "ok", logs=False)

    async def _webhook(
        self, request: web.Request, database: ProductDatabase | None, state: str, *, logs: bool
    ) -> web.Response:
        """Take an event in. `logs`: what it writes is in production's log."""
        log = self._log if logs else _unlogged
        raw = await request.read()
        if state == "wrong_secret" or not signed(raw, request.headers.get("Stripe-Signature", "")):
            log("error", "Invalid signature", 400)
            return self.error(400, "Invalid signature")
        try:
            event = json.loads(raw)
            kind, session = event["type"], event["data"]["object"]
        except (ValueError, KeyError, TypeError):
            return self.error(400, "Invalid payload")
        if kind != "checkout.session.completed" or session.get("payment_status") != "paid":
            log("info", f"{kind} ignored", 200)
            return web.json_response({"received": True})
        try:
            result = await self._process(database, session, state)
        except (psycopg.Error, *UNREACHABLE, ValueError) as error:
            log("error", f"{kind} {session.get('id')} failed: {error}".splitlines()[0], 500)
            return self.error(500, "Webhook handler failed")
        log("info", f"{kind} {session['id']} {result}", 200)
        return web.json_response({"received": True})

    async def _process(self, database: ProductDatabase | None, session: dict[str, Any], state: str) -> str:
        if state == "failing":
            raise ValueError("connection terminated unexpectedly")
        # the forgetful answers before it has written, and never writes
        return "received" if state == "forgetful" else await self._grant(database, session)

    async def _grant(self, database: ProductDatabase | None, session: dict[str, Any]) -> str:
        """Write entitlement and history in one transaction, unless this session was given already."""
        key = (session.get("metadata") or {}).get("package")
        package = next((package for package in PACKAGES if package.key == key), None)
        if package is None or not session.get("client_reference_id"):
            raise ValueError("the session names no package or no user")
        if database is None:
            known = session["id"] in self.remembered
            self.remembered.add(session["id"])
            return "already granted" if known else f"granted {package.tier} ({package.interviews})"
        values = {
            "user": UUID(session["client_reference_id"]),
            "session": session["id"],
            "type": "subscription" if package.interval else "interview_package",
            "tier": package.tier,
            "count": package.interviews,
            "perks": json.dumps(dict.fromkeys(package.perks, True)),
            "now": self.world.clock.now(),
        }
        async with database.transaction() as connection:
            await connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [session["id"]])
            cursor = await connection.execute(
                "select 1 from entitlements where stripe_session_id = %s", [session["id"]]
            )
            if await cursor.fetchone():
                return "already granted"
            granted = await (await connection.execute(GRANT, values)).fetchone()
            record = {
                "user": values["user"],
                "entitlement": (granted or {})["id"],
                "action": "purchase",
                "balance": package.interviews,
                "metadata": json.dumps({"stripe_session_id": session["id"], "amount": session.get("amount_total")}),
                "now": values["now"],
            }
            await connection.execute(RECORD, record)
        return f"granted {package.tier} ({package.interviews})"

    def _log(self, level: str, message: str, status: int) -> None:
        self.company.write_log(
            level, f"[T134 Webhook] {message}", method="POST", path="/api/stripe-webhook", status=status
        )

    # shared

    def _user(self, request: web.Request) -> UUID:
        """Return who is signed in. Raise a refusal (401) where nobody is."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        claims = read_token(token) if kind.lower() == "bearer" else None
        if claims is None or "sub" not in claims:
            raise RefusalError(self.error(401, "Unauthorized"))
        return UUID(claims["sub"])

    def _database(self) -> ProductDatabase:
        if self.company.production is None:
            raise RefusalError(self.error(500, "Internal Server Error"))
        return self.company.production

    def _refuse_in_maintenance(self) -> None:
        if self.maintenance:
            raise RefusalError(self.error(503, "InterviewLab is under maintenance"))


def _unlogged(level: str, message: str, status: int) -> None:
    """Staging writes a log of its own, which nobody here reads."""
    del level, message, status


def signed(body: bytes, header: str) -> bool:
    """Say whether a Stripe signature is valid and not older than five minutes of real time."""
    parts = [part.partition("=") for part in header.split(",")]
    moments = [value for key, _, value in parts if key == "t" and value.isdigit()]
    if not moments or abs(time.time() - int(moments[0])) > TOLERANCE:
        return False
    secret = CREDENTIALS["stripe.webhook_secret"].encode()
    expected = hmac.new(secret, moments[0].encode() + b"." + body, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(expected, value) for key, _, value in parts if key == "v1")


def _page(status: int, title: str, text: str) -> web.Response:
    body = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title></head>'
        f"<body><main><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p></main></body></html>"
    )
    return web.Response(text=body, content_type="text/html", status=status)
