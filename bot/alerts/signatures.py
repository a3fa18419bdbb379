"""Whether a webhook is from whom it says it is: checked over the raw bytes, in constant time.

Sources: each vendor's own documentation of its signature, named at the function. Real time is passed in: signatures do
not live by the bot's clock.

[pure]
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

TOLERANCE: Final = 300.0
"""Seconds that a signed time may be away from ours, as Stripe's and Svix's own libraries have it."""

Headers = Mapping[str, str]
"""Lower-case names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A webhook as it came: `path_secret` is what followed the vendor's name in the address."""

    headers: Headers
    body: bytes
    path_secret: str = ""


class ForgedError(ValueError):
    """It is not from whom it says, or too old; the message holds nothing of the request."""


def vercel(delivery: Delivery, secret: str, _now: float) -> str:
    """The delivery's id. `x-vercel-signature` is the hex HMAC-SHA1 of the body (vercel.com/docs/webhooks/webhooks-api)."""
    _same(_hex(secret, delivery.body, hashlib.sha1), delivery.headers.get("x-vercel-signature", ""))
    return _id_in(delivery.body, "id")


def sentry(delivery: Delivery, secret: str, _now: float) -> str:
    """The delivery's id. `Sentry-Hook-Signature` is the hex HMAC-SHA256 of the body (docs.sentry.io, integration platform)."""
    _same(_hex(secret, delivery.body, hashlib.sha256), delivery.headers.get("sentry-hook-signature", ""))
    return delivery.headers.get("request-id", "")


def pagerduty(delivery: Delivery, secret: str, _now: float) -> str:
    """The delivery's id. `X-PagerDuty-Signature` lists `v1=<hex HMAC-SHA256>`; one that fits is enough (webhooks v3)."""
    expected = _hex(secret, delivery.body, hashlib.sha256)
    listed = delivery.headers.get("x-pagerduty-signature", "").split(",")
    _any_same(expected, [part.strip().removeprefix("v1=") for part in listed if part.strip().startswith("v1=")])
    return delivery.headers.get("x-webhook-id", "") or _id_in(delivery.body, "event", "id")


def stripe(delivery: Delivery, secret: str, now: float) -> str:
    """The event's id. `Stripe-Signature: t=…,v1=…` is the hex HMAC-SHA256 over `t.body` (docs.stripe.com/webhooks)."""
    return _timed(delivery, secret, now, header="stripe-signature") or _id_in(delivery.body, "id")


def generic(delivery: Delivery, secret: str, now: float) -> str:
    """The delivery's id from `X-Delivery-Id`, else from the content. `X-Signature: t=…,v1=…`, as Stripe signs."""
    _timed(delivery, secret, now, header="x-signature")
    return delivery.headers.get("x-delivery-id", "")


def resend(delivery: Delivery, secret: str, now: float) -> str:
    """The delivery's id, `svix-id`. Base64 HMAC-SHA256 over `id.timestamp.body`, keyed by what follows `whsec_` (Svix)."""
    id_, stamp = delivery.headers.get("svix-id", ""), delivery.headers.get("svix-timestamp", "")
    _fresh(stamp, now)
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ForgedError("our own secret is no base64") from None
    signed = hmac.new(key, f"{id_}.{stamp}.".encode() + delivery.body, hashlib.sha256).digest()
    listed = delivery.headers.get("svix-signature", "").split()
    _any_same(base64.b64encode(signed).decode(), [part[3:] for part in listed if part.startswith("v1,")])
    return id_


def uptimerobot(delivery: Delivery, secret: str, _now: float) -> str:
    """No id: UptimeRobot signs nothing, so the secret stands in the address or in a header of ours (`X-Webhook-Secret`)."""
    _same(secret, delivery.path_secret or delivery.headers.get("x-webhook-secret", ""))
    return ""


Check = Callable[[Delivery, str, float], str]
"""Returns the vendor's delivery id, empty where it has none; raises ForgedError."""

CHECKS: Final[Mapping[str, Check]] = {
    "uptimerobot": uptimerobot,
    "sentry": sentry,
    "vercel": vercel,
    "stripe": stripe,
    "pagerduty": pagerduty,
    "resend": resend,
    "generic": generic,
}


def key_of(vendor: str, delivery_id: str, body: bytes) -> str:
    """What a second delivery is known by: the vendor's id, else the content."""
    return f"webhook:{vendor}:{delivery_id or hashlib.sha256(body).hexdigest()}"


def _hex(secret: str, body: bytes, kind: Callable[..., object]) -> str:
    return hmac.new(secret.encode(), body, kind).hexdigest()  # type: ignore[arg-type]  # hashlib's constructors


def _timed(delivery: Delivery, secret: str, now: float, *, header: str) -> str:
    stamp, signatures = "", []
    for part in delivery.headers.get(header, "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            stamp = value
        elif name == "v1":
            signatures.append(value)
    _fresh(stamp, now)
    _any_same(_hex(secret, f"{stamp}.".encode() + delivery.body, hashlib.sha256), signatures)
    return ""


def _fresh(stamp: str, now: float) -> None:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 20):
        raise ForgedError("no time stamp")
    if abs(now - int(stamp)) > TOLERANCE:
        raise ForgedError("too old")


def _any_same(expected: str, given: list[str]) -> None:
    if not any([hmac.compare_digest(expected.encode(), one.encode(errors="replace")) for one in given]):  # noqa: C419 -- every one is compared, however early one fits
        raise ForgedError("bad signature")


def _same(expected: str, given: str) -> None:
    _any_same(expected, [given])


def _id_in(body: bytes, *path: str) -> str:
    """The id that a signed body holds; empty where it holds none, and then the content is the key."""
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""
