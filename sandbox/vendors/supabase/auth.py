"""GoTrue: health, the admin API for users, links and mails, and signing in with a password."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
from aiohttp import web
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow

from sandbox.product import Row
from sandbox.product.seed import password_hash
from sandbox.vendors.supabase.gateway import Gateway, make_token
from sandbox.vendors.vendor import call
from sandbox.world import CREDENTIALS

MAIL_EVERY: Final = 60
"""Seconds between two mails to the same user, in the bot's time."""

USERS: Final = """
select u.id, u.aud, u.role, u.email, u.email_confirmed_at, u.phone, u.phone_confirmed_at, u.confirmed_at,
       u.confirmation_sent_at, u.recovery_sent_at, u.invited_at, u.last_sign_in_at, u.banned_until, u.deleted_at,
       u.raw_app_meta_data as app_metadata, u.raw_user_meta_data as user_metadata, u.created_at, u.updated_at,
       u.is_anonymous, u.encrypted_password,
       coalesce((select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
           'identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id, 'identity_data', i.identity_data,
           'provider', i.provider, 'last_sign_in_at', i.last_sign_in_at, 'created_at', i.created_at,
           'updated_at', i.updated_at, 'email', i.email))) from auth.identities i where i.user_id = u.id), '[]')
         as identities
from auth.users u
"""
BY_ID: Final = USERS + " where u.id = %s"
BY_EMAIL: Final = USERS + " where u.email = %s and not u.is_sso_user"
LIST: Final = (
    USERS
    + """ where u.email like %(like)s or u.raw_user_meta_data ->> 'full_name' ilike %(like)s
order by u.created_at desc, u.id limit %(limit)s offset %(offset)s"""
)
COUNT: Final = """
select count(*) as n from auth.users u where u.email like %(like)s or u.raw_user_meta_data ->> 'full_name' ilike %(like)s
"""
KINDS_OF_LINK: Final = ("signup", "magiclink", "recovery", "invite", "email_change_current", "email_change_new")


class Auth(Gateway):
    """`/auth/v1/`. Without a product database nobody is known: lists are empty, and what would write answers 500."""

    @call("GET", "/auth/v1/health", "auth.health")
    async def auth_health(self, request: web.Request) -> web.StreamResponse:
        """Say which GoTrue is here; it does not look at the database."""
        del request
        return web.json_response(
            {"version": "v2.185.0", "name": "GoTrue", "description": "GoTrue is a user registration and auth API"}
        )

    @call("GET", "/auth/v1/settings", "auth.settings")
    async def auth_settings(self, request: web.Request) -> web.StreamResponse:
        """Return what a sign-in page needs to know."""
        del request
        return web.json_response(
            {
                "external": {"email": True, "phone": False, "google": False},
                "disable_signup": False,
                "mailer_autoconfirm": False,
                "phone_autoconfirm": False,
                "sms_provider": "",
                "saml_enabled": False,
            }
        )

    # users

    @call("GET", "/auth/v1/admin/users", "auth.list_users")
    async def list_users(self, request: web.Request) -> web.StreamResponse:
        """Return a page of users, newest first; `filter` is contained in the address, capitals counting."""
        refused = self._admin_refusal(request)
        if refused is not None:
            return refused
        try:
            page = max(1, int(request.query.get("page", "1")))
            size = max(1, min(1000, int(request.query.get("per_page", "50"))))
        except ValueError:
            return self.auth_error(request, 400, "validation_failed", "Bad Pagination Parameters")
        wanted = {"like": f"%{request.query.get('filter', '')}%", "limit": size, "offset": (page - 1) * size}
        rows: list[Row] = []
        total = 0
        if self.product is not None:
            async with self.product.transaction(read_only=True) as connection:
                rows = await (await connection.execute(LIST, wanted)).fetchall()
                counted = await (await connection.execute(COUNT, wanted)).fetchone()
                total = counted["n"] if counted else 0
        last = max(1, -(-total // size))
        links = [f'</admin/users?page={last}&per_page={size}>; rel="last"']
        if page < last:
            links.insert(0, f'</admin/users?page={page + 1}&per_page={size}>; rel="next"')
        return web.json_response(
            {"users": [_user(row) for row in rows], "aud": "authenticated"},
            headers={"X-Total-Count": str(total), "Link": ", ".join(links)},
        )

    @call("GET", "/auth/v1/admin/users/{user_id}", "auth.get_user")
    async def get_user(self, request: web.Request) -> web.StreamResponse:
        """Return one user."""
        refused = self._admin_refusal(request)
        if refused is not None:
            return refused
        row = await self._find(BY_ID, request.match_info["user_id"])
        return web.json_response(_user(row)) if row else self._no_user(request)

    @call("POST", "/auth/v1/admin/users", "auth.create_user")
    async def create_user(self, request: web.Request) -> web.StreamResponse:
        """Create a user, confirmed where `email_confirm` is true."""
        refused = self._admin_refusal(request)
        if refused is not None:
            return refused
        body = await self.json_object(request)
        email = str(body.get("email", "")).lower()
        if "@" not in email:
            return self.auth_error(request, 400, "validation_failed", "Cannot create a user without either an email")
        if await self._find(BY_EMAIL, email):
            return self.auth_error(
                request, 422, "email_exists", "A user with this email address has already been registered"
            )
        if self.product is None:
            return self.auth_error(request, 500, "unexpected_failure", "Database error creating new user")
        user_id, now = uuid4(), self.world.clock.now()
        async with self.product.transaction() as connection:
            await connection.execute(
                "insert into auth.users (instance_id, id, aud, role, email, encrypted_password, created_at, updated_at,"
                " raw_app_meta_data, raw_user_meta_data) values (%s, %s, 'authenticated', 'authenticated', %s, %s, %s,"
                " %s, %s, %s)",
                [
                    UUID(int=0),
                    user_id,
                    email,
                    password_hash(str(body.get("password", secrets.token_hex(16)))),
                    now,
                    now,
                    json.dumps({"provider": "email", "providers": ["email"]}),
                    json.dumps(body.get("user_metadata") or {}),
                ],
            )
            await connection.execute(
                "insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)"
                " values (%s, %s, %s, 'email', %s, %s)",
                [str(user_id), user_id, json.dumps({"sub": str(user_id), "email": email}), now, now],
            )
            await self._apply(connection, user_id, {key: body[key] for key in body if key != "email"}, now)
        row = await self._find(BY_ID, str(user_id))
        return web.json_response(_user(row or {}))

    @call("PUT", "/auth/v1/admin/users/{user_id}", "auth.update_user")
    async def update_user(self, request: web.Request) -> web.StreamResponse:
        """Change a user: `email_confirm`, `email`, `password`, `ban_duration`, `user_metadata`, `app_metadata`."""
        refused = self._admin_refusal(request)
        if refused is not None:
            return refused
        row = await self._find(BY_ID, request.match_info["user_id"])
        if row is None or self.product is None:
            return self._no_user(request)
        body = await self.json_object(request)
        if body.get("password") is not None and len(str(body["password"])) < 6:
            return self.auth_error(request, 422, "weak_password", "Password should be at least 6 characters.")
        try:
            async with self.product.transaction() as connection:
                await self._apply(connection, row["id"], body, self.world.clock.now())
        except ValueError as error:
            return self.auth_error(request, 400, "validation_failed", str(error))
        except psycopg.errors.UniqueViolation:
            return self.auth_error(
                request, 422, "email_exists", "A user with this email address has already been registered"
            )
        row = await self._find(BY_ID, str(row["id"]))
        return web.json_response(_user(row or {}))

    async def _apply(
        self, connection: AsyncConnection[DictRow], user_id: UUID, body: dict[str, Any], now: datetime
    ) -> None:
        """Write what `body` asks for. Raises ValueError for a duration that is none."""
        changes: dict[str, Any] = {}
        if body.get("email"):
            changes["email"] = str(body["email"]).lower()
        if body.get("password"):
            changes["encrypted_password"] = password_hash(str(body["password"]))
        if body.get("phone"):
            changes["phone"] = str(body["phone"])
        if body.get("role"):
            changes["role"] = str(body["role"])
        if body.get("ban_duration"):
            changes["banned_until"] = _ban(str(body["ban_duration"]), now)
        for column, value in changes.items():
            statement = sql.SQL("update auth.users set {} = %s where id = %s").format(sql.Identifier(column))
            await connection.execute(statement, [value, user_id])
        if body.get("email_confirm") is True:
            await connection.execute(
                "update auth.users set email_confirmed_at = coalesce(email_confirmed_at, %s), confirmation_token = ''"
                " where id = %s",
                [now, user_id],
            )
        for key, column in (("user_metadata", "raw_user_meta_data"), ("app_metadata", "raw_app_meta_data")):
            if isinstance(body.get(key), dict):
                merge = sql.SQL("update auth.users set {0} = coalesce({0}, '{{}}') || %s where id = %s")
                await connection.execute(merge.format(sql.Identifier(column)), [json.dumps(body[key]), user_id])
        await connection.execute("update auth.users set updated_at = %s where id = %s", [now, user_id])

    @call("DELETE", "/auth/v1/admin/users/{user_id}", "auth.delete_user")
    async def delete_user(self, request: web.Request) -> web.StreamResponse:
        """Delete a user and what cascades; 500 where another table refers to them. Soft deletion hides the address."""
        refused = self._admin_refusal(request)
        if refused is not None:
            return refused
        row = await self._find(BY_ID, request.match_info["user_id"])
        if row is None or self.product is None:
            return self._no_user(request)
        body = await self.json_object(request)
        try:
            if body.get("should_soft_delete") is True:
                hidden = hashlib.sha256(f"{row['id']}{row['email']}".encode()).hexdigest()
                await self.product.fetch(
                    "update auth.users set deleted_at = %s, email = %s, raw_user_meta_data = '{}' where id = %s",
                    [self.world.clock.now(), hidden, row["id"]],
                )
            else:
                await self.product.fetch("delete from auth.users where id = %s", [row["id"]])
        except psycopg.errors.ForeignKeyViolation as error:
            self.company.note(
                "postgres_logs",
                error.diag.message_primary or "foreign key violation",
                {"parsed.error_severity": "ERROR", "parsed.sql_state_code": error.sqlstate or ""},
            )
            return self.auth_error(request, 500, "unexpected_failure", "Database error deleting user")
        return web.json_response({})

    # links and mails

    @call("POST", "/auth/v1/admin/generate_link", "auth.generate_link")
    async def generate_link(self, request: web.Request) -> web.StreamResponse:
        """Return a link for a user. Sends no mail."""
        refused = self._admin_refusal(request)
        if refused is not None:
            return refused
        body = await self.json_object(request)
        kind, email = str(body.get("type", "")), str(body.get("email", "")).lower()
        if kind not in KINDS_OF_LINK:
            return self.auth_error(
                request, 400, "validation_failed", f"Invalid email action link type requested: {kind}"
            )
        row = await self._find(BY_EMAIL, email)
        if row is None or self.product is None:
            return self._no_user(request, "User with this email not found")
        now = self.world.clock.now()
        token = secrets.token_hex(28)
        kind_of_token = "recovery" if kind in ("recovery", "magiclink") else "confirmation"
        async with self.product.transaction() as connection:
            await self._remember_token(connection, row, kind_of_token, token, now)
        redirect = str(body.get("redirect_to") or "https://interviewlab.io")
        site = f"https://{CREDENTIALS['supabase.ref']}.supabase.co/auth/v1/verify"
        return web.json_response(
            _user(row)
            | {
                "action_link": f"{site}?token={token}&type={kind}&redirect_to={redirect}",
                "email_otp": f"{secrets.randbelow(1_000_000):06d}",
                "hashed_token": token,
                "verification_type": kind,
                "redirect_to": redirect,
            }
        )

    @call("POST", "/auth/v1/recover", "auth.recover")
    async def recover(self, request: web.Request) -> web.StreamResponse:
        """Send the mail that resets a password; the answer does not say whether the address is known."""
        return await self._mail(request, str((await self.json_object(request)).get("email", "")), "recovery")

    @call("POST", "/auth/v1/resend", "auth.resend")
    async def resend(self, request: web.Request) -> web.StreamResponse:
        """Send the confirmation again to a user who has not confirmed."""
        body = await self.json_object(request)
        if body.get("type") not in ("signup", "email_change"):
            return self.auth_error(
                request, 400, "validation_failed", "Missing one of these types: signup, email_change"
            )
        return await self._mail(request, str(body.get("email", "")), "confirmation")

    async def _mail(self, request: web.Request, address: str, kind: str) -> web.Response:
        email = address.lower()
        if "@" not in email:
            return self.auth_error(request, 400, "validation_failed", f"Unable to validate email address: {address}")
        row = await self._find(BY_EMAIL, email)
        if row is None or self.product is None or (kind == "confirmation" and row["email_confirmed_at"]):
            return web.json_response({})
        now = self.world.clock.now()
        before: datetime | None = row[f"{kind}_sent_at"]
        wait = MAIL_EVERY - (now - before).total_seconds() if before else 0
        if 0 < wait <= MAIL_EVERY:
            return self.auth_error(
                request,
                429,
                "over_email_send_rate_limit",
                f"For security purposes, you can only request this after {round(wait)} seconds.",
            )
        token = secrets.token_hex(28)
        async with self.product.transaction() as connection:
            await self._remember_token(connection, row, kind, token, now)
        self.company.note("auth_logs", f"mail.send {kind}", {"action": f"user_{kind}_requested", "status": "200"})
        self.company.mails.append((now.timestamp(), email, kind))
        return web.json_response({})

    async def _remember_token(
        self, connection: AsyncConnection[DictRow], row: Row, kind: str, token: str, now: datetime
    ) -> None:
        """Keep a token that has been given out; `kind` is recovery or confirmation."""
        given = sql.SQL("update auth.users set {} = %s, {} = %s where id = %s")
        columns = [sql.Identifier(f"{kind}_token"), sql.Identifier(f"{kind}_sent_at")]
        await connection.execute(given.format(*columns), [token, now, row["id"]])
        await connection.execute(
            "insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at)"
            " values (%(id)s, %(user)s, %(kind)s, %(token)s, %(email)s, %(now)s, %(now)s) on conflict"
            " (user_id, token_type) do update set token_hash = excluded.token_hash, updated_at = excluded.updated_at",
            {
                "id": uuid4(),
                "user": row["id"],
                "kind": f"{kind}_token",
                "token": token,
                "email": row["email"],
                "now": now.replace(tzinfo=None),
            },
        )

    # signing in

    @call("POST", "/auth/v1/token", "auth.token")
    async def token(self, request: web.Request) -> web.StreamResponse:
        """Sign in with a password, as the app does and as a canary may."""
        if request.query.get("grant_type") != "password":
            return self.auth_error(request, 400, "unsupported_grant_type", "unsupported_grant_type")
        body = await self.json_object(request)
        row = await self._find(BY_EMAIL, str(body.get("email", "")).lower())
        known = row is not None and row["encrypted_password"] == password_hash(str(body.get("password", "")))
        if row is None or self.product is None or not known:
            return self._refuse_sign_in(request, "invalid_credentials", "Invalid login credentials")
        now = self.world.clock.now()
        if row["banned_until"] and row["banned_until"] > now:
            return self._refuse_sign_in(request, "user_banned", "User is banned")
        if row["email_confirmed_at"] is None:
            return self._refuse_sign_in(request, "email_not_confirmed", "Email not confirmed")
        session, refresh = uuid4(), secrets.token_urlsafe(9)
        async with self.product.transaction() as connection:
            await connection.execute("update auth.users set last_sign_in_at = %s where id = %s", [now, row["id"]])
            await connection.execute(
                "insert into auth.sessions (id, user_id, created_at, updated_at, aal) values (%s, %s, %s, %s, 'aal1')",
                [session, row["id"], now, now],
            )
            await connection.execute(
                "insert into auth.refresh_tokens (token, user_id, revoked, created_at, updated_at, session_id)"
                " values (%s, %s, false, %s, %s, %s)",
                [refresh, str(row["id"]), now, now, session],
            )
        expires = int(time.time()) + 3600
        claims = {"sub": str(row["id"]), "role": "authenticated", "aud": "authenticated", "email": row["email"]}
        self.company.note("auth_logs", "request completed", {"action": "login", "status": "200", "path": "/token"})
        return web.json_response(
            {
                "access_token": make_token(claims | {"exp": expires, "session_id": str(session)}),
                "token_type": "bearer",
                "expires_in": 3600,
                "expires_at": expires,
                "refresh_token": refresh,
                "user": _user(row | {"last_sign_in_at": now}),
            }
        )

    @call("POST", "/auth/v1/logout", "auth.logout")
    async def logout(self, request: web.Request) -> web.StreamResponse:
        """End the session of the token (`scope=local`), or all of its user's."""
        claims = self.caller(request).claims
        if "session_id" not in claims or self.product is None:
            return self.auth_error(request, 401, "no_authorization", "This endpoint requires a valid Bearer token")
        if request.query.get("scope", "global") == "local":
            await self.product.fetch("delete from auth.sessions where id = %s", [claims["session_id"]])
        else:
            await self.product.fetch("delete from auth.sessions where user_id = %s", [claims["sub"]])
        return web.Response(status=204)

    @call("GET", "/auth/v1/user", "auth.user")
    async def user(self, request: web.Request) -> web.StreamResponse:
        """Return the user whose token is in `Authorization`."""
        subject = self.caller(request).claims.get("sub")
        if subject is None:
            return self.auth_error(request, 401, "no_authorization", "This endpoint requires a valid Bearer token")
        row = await self._find(BY_ID, str(subject))
        return web.json_response(_user(row)) if row else self._no_user(request, "User from sub claim does not exist")

    # shared

    def _refuse_sign_in(self, request: web.Request, code: str, message: str) -> web.Response:
        self.company.note(
            "auth_logs", f"400: {message}", {"action": "login", "status": "400", "path": "/token", "error_code": code}
        )
        return self.auth_error(request, 400, code, message)

    def _admin_refusal(self, request: web.Request) -> web.Response | None:
        role = self.caller(request).role
        if role == "service_role":
            return None
        if role == "anon":
            return self.auth_error(request, 401, "no_authorization", "This endpoint requires a valid Bearer token")
        return self.auth_error(request, 403, "not_admin", "User not allowed")

    def _no_user(self, request: web.Request, message: str = "User not found") -> web.Response:
        return self.auth_error(request, 404, "user_not_found", message)

    async def _find(self, query: str, key: str) -> Row | None:
        if self.product is None:
            return None
        try:
            rows = await self.product.fetch(query, [key])
        except psycopg.errors.InvalidTextRepresentation:
            return None
        return rows[0] if rows else None


def _user(row: Row) -> dict[str, Any]:
    """Write a user as GoTrue does: times in UTC, what is empty left out."""
    shown = {key: value for key, value in row.items() if key != "encrypted_password"}
    written = {key: _written(value) for key, value in shown.items() if value is not None}
    return written | {"phone": row.get("phone") or ""}


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, UUID) else value


def _ban(duration: str, now: datetime) -> datetime | None:
    """Read a duration as Go writes it, such as `1h30m`, or `none`."""
    if duration == "none":
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|m|s)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"invalid format for ban duration: time: invalid duration {duration!r}")
    seconds = {"h": 3600, "m": 60, "s": 1}
    return now + timedelta(seconds=sum(float(number) * seconds[unit] for number, unit in parts))
