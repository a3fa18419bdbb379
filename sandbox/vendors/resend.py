"""A stand-in for Resend's API: https://resend.com/docs/api-reference."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from sandbox.faults import Faults
from sandbox.product import company_of
from sandbox.vendors.moments import iso, parsed
from sandbox.vendors.vendor import API_SWITCH, Allowance, RateLimit, RefusalError, Switch, Vendor, call
from sandbox.world import CREDENTIALS, World

DOMAIN: Final = "interviewlab.io"
"""The only domain that mail may come from."""
_ADDRESS: Final = re.compile(r"(?:[^<>@]*<)?([^\s<>@]+@([^\s<>@]+\.[^\s<>@]+))>?")
_NAMES: Final = {
    400: "validation_error",
    404: "not_found",
    405: "method_not_allowed",
    409: "invalid_idempotent_request",
    422: "validation_error",
    429: "rate_limit_exceeded",
    500: "application_error",
    503: "application_error",
}
_SEEDED: Final = (
    ("ana.costa@example.com", "Confirm your e-mail address", 640.0, "delivered"),
    ("li.wei@example.com", "Your receipt from InterviewLab", 5200.0, "opened"),
    ("jonas.berg@example.com", "Reset your password", 9100.0, "delivered"),
    ("bounced.user@example.net", "Confirm your e-mail address", 15400.0, "bounced"),
    ("priya.nair@example.com", "Your interview report", 24000.0, "clicked"),
)
"""Recipient, subject, age in seconds, what came of it."""


@dataclass(kw_only=True, slots=True)
class Email:
    """One e-mail; `fate` is what comes of it a few seconds after `created`, in the bot's time."""

    id: str
    given: dict[str, Any]
    created: float
    fate: str
    scheduled: float | None = None


class Resend(Vendor):
    """One account with one verified domain: 5 requests a second, a `User-Agent` needed, idempotency keys kept a day."""

    name = "resend"
    title = "Resend"
    switches = (
        API_SWITCH,
        Switch(name="delivery", label="Delivery", options=("delivered", "delayed", "bounced")),
        Switch(name="quota", label="Daily quota", options=("left", "used_up")),
    )

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with a few e-mails that the product sent today."""
        super().__init__(world, faults)
        self.company = company_of(world)
        self.emails: list[Email] = []
        self._keys: dict[str, tuple[float, str, Any]] = {}
        self._limit = RateLimit(world, limit=5, seconds=1)
        self._allowance: Allowance | None = None
        for to, subject, age, fate in reversed(_SEEDED):
            given = {
                "from": f"InterviewLab <hello@{DOMAIN}>",
                "to": [to],
                "subject": subject,
                "html": f"<p>{subject}</p>",
            }
            email_id = str(uuid.UUID(hashlib.md5(to.encode(), usedforsecurity=False).hexdigest()))
            self.emails.append(Email(id=email_id, given=given, created=world.started - age, fate=fate))

    def authorized(self, request: web.Request) -> bool:
        """Ask for the key as a bearer token."""
        return request.headers.get("Authorization") == f"Bearer {CREDENTIALS['resend.api_key']}"

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer `{"statusCode", "name", "message"}`."""
        known = code in _NAMES.values() or "_api_key" in code or "quota" in code or "idempotent" in code
        name = code if known else _NAMES.get(status, "application_error")
        return web.json_response({"statusCode": status, "name": name, "message": message}, status=status)

    def unauthorized(self, request: web.Request) -> web.Response:
        """Answer 401 where the key is missing, 403 where it is wrong."""
        if not request.headers.get("Authorization"):
            return self.error(401, "Missing API Key", code="missing_api_key")
        return self.error(403, "API key is invalid", code="invalid_api_key")

    async def before(self, request: web.Request) -> web.Response | None:
        """Refuse callers without a name, as the host in front does, and count the call."""
        if not request.headers.get("User-Agent"):
            return web.Response(text="error code: 1010", status=403)
        self._allowance = self._limit.take()
        if not self._allowance.allowed:
            message = "Too many requests. You can only make 5 requests per second."
            response = self.error(429, message, code="rate_limit_exceeded")
            response.headers["retry-after"] = str(self._allowance.whole_reset)
            return response
        return await super().before(request)

    def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the limit's headers."""
        del request
        if self._allowance:
            response.headers["ratelimit-limit"] = str(self._allowance.limit)
            response.headers["ratelimit-remaining"] = str(self._allowance.remaining)
            response.headers["ratelimit-reset"] = str(self._allowance.whole_reset)

    # sending

    @call("POST", "/emails", "send email")
    async def send(self, request: web.Request) -> web.Response:
        """Send one e-mail. The same `Idempotency-Key` with the same content sends once and answers the same."""
        given = await self.json_object(request)
        return self._once(request, given, lambda: {"id": self._send(self._checked(given)).id})

    @call("POST", "/emails/batch", "send batch")
    async def send_batch(self, request: web.Request) -> web.Response:
        """Send up to 100 e-mails, all or none."""
        try:
            batch = await request.json()
        except ValueError:
            batch = None
        if not isinstance(batch, list) or not 1 <= len(batch) <= 100 or not all(isinstance(g, dict) for g in batch):
            raise RefusalError(self.error(422, "The batch should be an array of 1 to 100 emails."))

        def act() -> dict[str, Any]:
            checked = [self._checked(given, batch=True) for given in batch]
            return {"data": [{"id": self._send(given).id} for given in checked]}

        return self._once(request, batch, act)

    def _once(self, request: web.Request, given: object, act: Callable[[], dict[str, Any]]) -> web.Response:
        """Act, or repeat the answer that the idempotency key got within a day."""
        if self.state["quota"] == "used_up":
            message = "You have reached your daily email sending quota."
            raise RefusalError(self.error(429, message, code="daily_quota_exceeded"))
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return web.json_response(act())
        if len(key) > 256:
            message = "The idempotency key should be between 1-256 characters."
            raise RefusalError(self.error(400, message, code="invalid_idempotency_key"))
        fingerprint = f"{request.path}{json.dumps(given, sort_keys=True)}"
        at, known, answer = self._keys.get(key, (0.0, "", None))
        if answer is not None and self.now() - at < 86400:
            if known != fingerprint:
                message = "Same idempotency key used with a different request payload."
                raise RefusalError(self.error(409, message, code="invalid_idempotent_request"))
            return web.json_response(answer)
        answer = act()
        self._keys[key] = (self.now(), fingerprint, answer)
        return web.json_response(answer)

    def _checked(self, given: dict[str, Any], *, batch: bool = False) -> dict[str, Any]:
        """Return what is to be sent with `to` as a list. Raise RefusalError (422, 403) where it cannot be sent."""
        for name in ("from", "to", "subject"):
            if not given.get(name):
                raise RefusalError(self.error(422, f"Missing `{name}` field.", code="missing_required_field"))
        if not any(given.get(name) for name in ("html", "text", "template")):
            raise RefusalError(self.error(422, "Missing `html` or `text` field."))
        to = [given["to"]] if isinstance(given["to"], str) else list(given["to"])
        if len(to) > 50:
            raise RefusalError(self.error(422, "The `to` field must have at most 50 recipients."))
        sender = _ADDRESS.fullmatch(str(given["from"]))
        if sender is None or any(_ADDRESS.fullmatch(str(address)) is None for address in to):
            message = "Invalid `to` or `from` field. Use `email@example.com` or `Name <email@example.com>`."
            raise RefusalError(self.error(422, message))
        if sender[2] != DOMAIN:
            message = f"The {sender[2]} domain is not verified. Please, add and verify your domain."
            raise RefusalError(self.error(403, message, code="validation_error"))
        if batch and (given.get("attachments") or given.get("scheduled_at")):
            raise RefusalError(self.error(422, "A batch takes neither `attachments` nor `scheduled_at`."))
        return {**given, "to": to}

    def _send(self, given: dict[str, Any]) -> Email:
        scheduled = None
        if given.get("scheduled_at"):
            try:
                scheduled = parsed(str(given["scheduled_at"]))
            except ValueError:
                raise RefusalError(self.error(422, "The `scheduled_at` field is no ISO 8601 date.")) from None
        fate = {"delivered": "delivered", "delayed": "delivery_delayed", "bounced": "bounced"}[self.state["delivery"]]
        if any(str(address).partition("@")[0].strip("<").endswith("bounced") for address in given["to"]):
            fate = "bounced"
        email = Email(id=str(uuid.uuid4()), given=given, created=self.now(), fate=fate, scheduled=scheduled)
        self.emails.append(email)
        if fate == "bounced":
            data = {"email_id": email.id, "to": given["to"], "subject": given.get("subject", "")}
            self.world.webhooks.send("resend", {"type": "email.bounced", "created_at": iso(self.now()), "data": data})
        return email

    # reading

    @call("GET", "/emails", "list emails")
    async def list_emails(self, request: web.Request) -> web.Response:
        """List e-mails, newest first; `after` and `before` are ids."""
        limit = self.whole_number(request, "limit", 20)
        if not 1 <= limit <= 100:
            raise RefusalError(self.error(422, "The `limit` must be between 1 and 100."))
        newest = sorted([*self._of_auth(), *self.emails], key=lambda email: email.created, reverse=True)
        ids = [email.id for email in newest]
        after, before = request.query.get("after"), request.query.get("before")
        if any(key and key not in ids for key in (after, before)):
            raise RefusalError(self.error(422, "The cursor is no id of an email."))
        found = newest[ids.index(after) + 1 :] if after else newest[: ids.index(before)] if before else newest
        page = found[-limit:] if before else found[:limit]
        hidden = ("html", "text", "object")
        data = [{k: v for k, v in self._described(email).items() if k not in hidden} for email in page]
        return web.json_response({"object": "list", "has_more": len(found) > len(page), "data": data})

    @call("GET", "/emails/{id}", "get email")
    async def get_email(self, request: web.Request) -> web.Response:
        """Return one e-mail with `last_event`."""
        return web.json_response(self._described(self._found(request)))

    @call("POST", "/emails/{id}/cancel", "cancel email")
    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel an e-mail that is scheduled."""
        email = self._found(request)
        if self._last_event(email) != "scheduled":
            raise RefusalError(self.error(422, "Only scheduled emails can be canceled."))
        email.scheduled, email.fate, email.created = None, "canceled", self.now() - 60
        return web.json_response({"object": "email", "id": email.id})

    def _found(self, request: web.Request) -> Email:
        for email in [*self._of_auth(), *self.emails]:
            if email.id == request.match_info["id"]:
                return email
        raise RefusalError(self.error(404, "Email not found", code="not_found"))

    def _of_auth(self) -> list[Email]:
        """What Supabase Auth has sent by way of this account: to who signed up in the last 30 days, and since then."""
        began = self.world.started - 30 * 86400
        sent = [
            (one.created_at.timestamp() + 2, one.email, "confirmation")
            for one in self.company.books.customers
            if one.created_at.timestamp() >= began
        ]
        return [self._by_auth(*mail) for mail in [*sent, *self.company.mails]]

    @staticmethod
    def _by_auth(at: float, address: str, kind: str) -> Email:
        subject = {"confirmation": "Confirm your e-mail address", "recovery": "Reset your password"}[kind]
        given = {
            "from": f"InterviewLab <hello@{DOMAIN}>",
            "to": [address],
            "subject": subject,
            "html": f"<p>{subject}</p>",
        }
        email_id = str(uuid.UUID(hashlib.md5(f"{at}{address}".encode(), usedforsecurity=False).hexdigest()))
        fate = "bounced" if address.partition("@")[0].endswith("bounced") else "delivered"
        return Email(id=email_id, given=given, created=at, fate=fate)

    def _last_event(self, email: Email) -> str:
        now = self.now()
        if email.scheduled and now < email.scheduled:
            return "scheduled"
        age = now - (email.scheduled or email.created)
        return "queued" if age < 0.5 else "sent" if age < 3 else email.fate

    def _described(self, email: Email) -> dict[str, Any]:
        given = email.given
        described: dict[str, Any] = {
            "object": "email",
            "id": email.id,
            "message_id": f"<{email.id}@email.{DOMAIN}>",
            "to": given["to"],
            "from": given["from"],
            "created_at": iso(email.created).replace("T", " ").replace("Z", "+00"),
            "subject": given["subject"],
            "bcc": given.get("bcc", []),
            "cc": given.get("cc", []),
            "reply_to": given.get("reply_to", []),
            "last_event": self._last_event(email),
            "tags": given.get("tags", []),
        }
        for name in ("html", "text"):
            if given.get(name):
                described[name] = given[name]
        for name in ("bcc", "cc", "reply_to"):
            if isinstance(described[name], str):
                described[name] = [described[name]]
        if email.scheduled:
            described["scheduled_at"] = iso(email.scheduled)
        return described
