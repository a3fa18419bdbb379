"""Webhooks as the vendors send them: in their shapes, signed their way, with their time-outs, tried again as they do.

Sources: each vendor's documentation, named in `sandbox/vendors/`. The pauses between tries are real time, a hundredth of
the vendor's: nobody waits an hour here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

SECRETS: Final[Mapping[str, str]] = {
    "uptimerobot": "sandbox-uptimerobot",
    "sentry": "sandbox-sentry",
    "vercel": "sandbox-vercel",
    "stripe": "whsec_sandbox_ops",
    "pagerduty": "sandbox-pagerduty",
    "resend": "whsec_" + base64.b64encode(b"sandbox-resend-key").decode(),
    "generic": "sandbox-generic",
}
ANSWER_WITHIN: Final[Mapping[str, float]] = {"sentry": 1, "pagerduty": 5, "vercel": 30}
TRIES: Final[Mapping[str, tuple[float, ...]]] = {
    "sentry": (0.2, 0.5, 1, 2, 4, 8),
    "uptimerobot": (0.2, 0.5, 1, 2, 4, 8),
}
"""Seconds before each further try; UptimeRobot's and Sentry's schedules are not documented."""
USUAL: Final = (0.1, 0.3, 1, 2, 4, 8, 16)


@dataclass(kw_only=True, slots=True)
class Sent:
    """One delivery, and what became of it."""

    vendor: str
    id: str
    body: bytes
    forged: bool = False
    """Signed with a secret that is not the vendor's."""
    statuses: list[int | None] = field(default_factory=list)
    """Of each try; None where no answer came in time."""

    @property
    def arrived(self) -> bool:
        """Whether a 2xx came."""
        return any(status is not None and status < 300 for status in self.statuses)


class Webhooks:
    """Sends to one address, the bot's; nothing is sent while it is empty."""

    def __init__(self) -> None:
        """Know no address yet."""
        self.url = ""
        self.sent: list[Sent] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, vendor: str, body: Mapping[str, Any], *, resource: str = "", forged: bool = False) -> None:
        """Begin to deliver; `resource` is Sentry's header."""
        if not self.url:
            return
        sent = Sent(vendor=vendor, id=str(uuid.uuid4()), body=json.dumps(body).encode(), forged=forged)
        self.sent.append(sent)
        self.again(sent, resource=resource)

    def again(self, sent: Sent, *, resource: str = "") -> None:
        """Deliver it, or deliver it once more, as vendors do where an answer was lost."""
        task = asyncio.create_task(self._deliver(sent, resource), name=f"webhook {sent.vendor}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Every delivery has arrived or was given up."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, sent: Sent, resource: str) -> None:
        limit = aiohttp.ClientTimeout(total=ANSWER_WITHIN.get(sent.vendor, 10))
        async with aiohttp.ClientSession(timeout=limit) as session:
            for pause in (0.0, *TRIES.get(sent.vendor, USUAL)):
                await asyncio.sleep(pause)
                headers = _signed(sent, resource, "forged" if sent.forged else SECRETS[sent.vendor])
                try:
                    async with session.post(
                        f"{self.url}/webhooks/{sent.vendor}", data=sent.body, headers=headers
                    ) as answer:
                        sent.statuses.append(answer.status)
                except (aiohttp.ClientError, TimeoutError, OSError):
                    sent.statuses.append(None)
                    continue
                if answer.status < 500:
                    return


def _signed(sent: Sent, resource: str, secret: str) -> dict[str, str]:
    """The headers that the vendor sends: each try is signed anew, since some sign the time."""
    stamp = str(int(time.time()))

    def sha(data: bytes, kind: str = "sha256", key: bytes = secret.encode()) -> bytes:
        return hmac.new(key, data, kind).digest()

    timed = f"t={stamp},v1={sha(stamp.encode() + b'.' + sent.body).hex()}"
    svix = sha(f"{sent.id}.{stamp}.".encode() + sent.body, key=_svix_key(secret))
    headers = {
        "uptimerobot": {"X-Webhook-Secret": secret},
        "vercel": {"x-vercel-signature": sha(sent.body, "sha1").hex()},
        "sentry": {
            "Sentry-Hook-Resource": resource,
            "Sentry-Hook-Signature": sha(sent.body).hex(),
            "Sentry-Hook-Timestamp": stamp,
            "Request-ID": sent.id,
        },
        "stripe": {"Stripe-Signature": timed},
        "pagerduty": {"X-PagerDuty-Signature": f"v1={sha(sent.body).hex()}", "X-Webhook-Id": sent.id},
        "resend": {
            "svix-id": sent.id,
            "svix-timestamp": stamp,
            "svix-signature": f"v1,{base64.b64encode(svix).decode()}",
        },
        "generic": {"X-Signature": timed, "X-Delivery-Id": sent.id},
    }
    return {"Content-Type": "application/json", **headers[sent.vendor]}


def _svix_key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return hashlib.sha256(secret.encode()).digest()
    return base64.b64decode(secret.removeprefix("whsec_") + "==", validate=False)
