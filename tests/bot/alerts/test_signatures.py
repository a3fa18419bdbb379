"""Signatures of webhooks: each vendor's own vectors pass, everything else is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from bot.alerts.signatures import CHECKS, Delivery, ForgedError, key_of, resend, stripe

NOW = 1_763_800_000.0
BODY = b'{"id":"evt_1","event":{"id":"01E"}}'
SECRET = "a-secret"


def signed(vendor: str, body: bytes = BODY, *, secret: str = SECRET, at: float = NOW) -> Delivery:
    """A delivery as the vendor would sign it."""
    stamp = str(int(at))

    def sha(data: bytes, kind: str = "sha256", key: bytes | None = None) -> bytes:
        return hmac.new(key or secret.encode(), data, kind).digest()

    timed = f"t={stamp},v1={sha(stamp.encode() + b'.' + body).hex()}"
    headers = {
        "uptimerobot": {"x-webhook-secret": secret},
        "vercel": {"x-vercel-signature": sha(body, "sha1").hex()},
        "sentry": {"sentry-hook-signature": sha(body).hex(), "request-id": "req-1"},
        "pagerduty": {"x-pagerduty-signature": f"v1=00,v1={sha(body).hex()}", "x-webhook-id": "wh-1"},
        "stripe": {"stripe-signature": timed},
        "generic": {"x-signature": timed, "x-delivery-id": "d-1"},
        "resend": {
            "svix-id": "msg_1",
            "svix-timestamp": stamp,
            "svix-signature": "v1,AAAA v1,"
            + base64.b64encode(
                sha(f"msg_1.{stamp}.".encode() + body, key=base64.b64decode(secret_of("resend")[6:]))
            ).decode(),
        },
    }
    return Delivery(headers=headers[vendor], body=body)


def secret_of(vendor: str) -> str:
    """Resend's secrets are base64."""
    return "whsec_" + base64.b64encode(b"key of resend").decode() if vendor == "resend" else SECRET


IDS = {
    "uptimerobot": "",
    "vercel": "evt_1",
    "sentry": "req-1",
    "pagerduty": "wh-1",
    "stripe": "evt_1",
    "generic": "d-1",
    "resend": "msg_1",
}


@pytest.mark.parametrize("vendor", list(CHECKS))
def test_what_is_signed_passes_with_its_id(vendor: str) -> None:
    """A delivery that the vendor signed is known by the vendor's own id."""
    assert CHECKS[vendor](signed(vendor), secret_of(vendor), NOW) == IDS[vendor]


@pytest.mark.parametrize("vendor", list(CHECKS))
def test_what_is_not_signed_is_refused(vendor: str) -> None:
    """Another body, another secret, no header, or a signature of other signs: all refused, none with a fault."""
    good = signed(vendor)
    if vendor != "uptimerobot":  # it signs nothing
        with pytest.raises(ForgedError):
            CHECKS[vendor](Delivery(headers=good.headers, body=BODY + b" "), secret_of(vendor), NOW)
    with pytest.raises(ForgedError):
        CHECKS[vendor](good, "whsec_b3RoZXI=", NOW)
    with pytest.raises(ForgedError):
        CHECKS[vendor](Delivery(headers={}, body=BODY), secret_of(vendor), NOW)
    odd = dict.fromkeys(good.headers, "ü�=,v1=�,t=٣")
    with pytest.raises(ForgedError):
        CHECKS[vendor](Delivery(headers=odd, body=BODY), secret_of(vendor), NOW)


@pytest.mark.parametrize("vendor", ["stripe", "generic", "resend"])
@pytest.mark.parametrize("late", [-301, 301])
def test_a_signature_ages(vendor: str, late: float) -> None:
    """Where the time is signed, five minutes are the most that it may be away."""
    with pytest.raises(ForgedError, match="too old"):
        CHECKS[vendor](signed(vendor), secret_of(vendor), NOW + late)


def test_uptimerobots_secret_may_stand_in_the_address() -> None:
    """UptimeRobot signs nothing: the secret is in the path or in a header."""
    assert CHECKS["uptimerobot"](Delivery(headers={}, body=b"", path_secret=SECRET), SECRET, NOW) == ""
    with pytest.raises(ForgedError):
        CHECKS["uptimerobot"](Delivery(headers={}, body=b"", path_secret="guess"), SECRET, NOW)


def test_svixs_own_vector() -> None:
    """The vector of Svix's documentation, which signs for Resend."""
    headers = {
        "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "svix-timestamp": "1614265330",
        "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    delivery = Delivery(headers=headers, body=b'{"test": 2432232314}')
    assert resend(delivery, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_stripes_own_library_agrees() -> None:
    """What Stripe's library signs is accepted."""
    library = pytest.importorskip("stripe")
    payload = json.dumps({"id": "evt_2"})
    header = library.WebhookSignature.generate_signature_header(payload, SECRET, timestamp=int(NOW))
    assert stripe(Delivery(headers={"stripe-signature": header}, body=payload.encode()), SECRET, NOW) == "evt_2"


def test_the_key_is_the_vendors_id_or_the_content() -> None:
    """Two vendors may use the same id; without an id the content is the key."""
    assert key_of("vercel", "1", b"") != key_of("stripe", "1", b"")
    assert key_of("uptimerobot", "", b"x") == f"webhook:uptimerobot:{hashlib.sha256(b'x').hexdigest()}"
