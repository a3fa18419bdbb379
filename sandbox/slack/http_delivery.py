"""Signed HTTP delivery: the request URL, the v0 signature, and the bodies as Slack sends them.

Source: Slack's pages on verifying requests (`v0:{timestamp}:{raw body}`, HMAC-SHA256) and on the Events API's retries.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
import urllib.parse
from dataclasses import dataclass

import aiohttp

from sandbox import world
from sandbox.slack.delivery import Answer
from sandbox.slack.state import Json

SECRET = world.CREDENTIALS["slack.signing_secret"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """A request as it goes over the wire; sent again, it is a replay."""

    headers: dict[str, str]
    body: bytes


def body_of(kind: str, payload: Json) -> tuple[bytes, str]:
    """The body and content type of one payload: events are JSON, commands form fields, the rest `payload=<json>`."""
    if kind in ("events_api", "url_verification"):
        return json.dumps(payload).encode(), "application/json"
    if kind == "slash_commands":
        return urllib.parse.urlencode(payload).encode(), "application/x-www-form-urlencoded"
    form = urllib.parse.urlencode({"payload": json.dumps(payload)})
    return form.encode(), "application/x-www-form-urlencoded"


def signed(
    kind: str,
    payload: Json,
    *,
    attempt: int = 0,
    reason: str = "",
    secret: str = SECRET,
    at: float | None = None,
) -> Signed:
    """Sign one payload; another `secret` forges it, and an `at` (seconds since the epoch) in the past makes it old."""
    body, content_type = body_of(kind, payload)
    timestamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": content_type,
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={digest}",
    }
    if attempt:
        reason = {"timeout": "http_timeout"}.get(reason, reason)
        headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason}
    return Signed(headers=headers, body=body)


class HttpDelivery:
    """The side of Slack, posting to the app's one request URL."""

    def __init__(self, url: str, ack_seconds: float = 3.0) -> None:
        """Post to `url`."""
        self.url = url
        self.ack_seconds = ack_seconds
        self.sent: list[Signed] = []
        self._session: aiohttp.ClientSession | None = None

    async def send(self, kind: str, payload: Json, *, attempt: int = 0, reason: str = "") -> Answer:
        """Deliver one payload, and wait for the answer."""
        request = signed(kind, payload, attempt=attempt, reason=reason)
        self.sent.append(request)
        del self.sent[:-1000]
        return await self.post(request)

    async def post(self, request: Signed) -> Answer:
        """Send a request as it is."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.ack_seconds))
        begin = time.monotonic()
        try:
            async with self._session.post(
                self.url, data=request.body, headers=request.headers, allow_redirects=False
            ) as response:
                raw = await response.read()
                status, no_retry = response.status, response.headers.get("x-slack-no-retry") == "1"
        except TimeoutError:
            return Answer(ok=False, took=time.monotonic() - begin, error="timeout")
        except aiohttp.ClientError:
            return Answer(ok=False, took=time.monotonic() - begin, error="connection_failed")
        took = time.monotonic() - begin
        if not 200 <= status < 300:
            return Answer(ok=False, took=took, error="http_error", status=status, no_retry=no_retry)
        return Answer(ok=True, took=took, status=status, body=_body(raw))

    async def replay(self, index: int = -1) -> Answer:
        """Send the request at `index` of `sent` again, byte for byte."""
        return await self.post(self.sent[index])

    async def verify(self) -> bool:
        """Ask the request URL for its challenge, as Slack does when the address is entered."""
        challenge = secrets.token_urlsafe(40)
        payload = {"token": "legacy-verification-token", "challenge": challenge, "type": "url_verification"}
        answer = await self.post(signed("url_verification", payload))
        return answer.ok and challenge in (answer.body or {}).values()

    async def stop(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _body(raw: bytes) -> Json | None:
    text = raw.decode(errors="replace").strip()
    if not text:
        return None
    try:
        parsed = json.loads(text)
    except ValueError:
        return {"text": text}
    return parsed if isinstance(parsed, dict) else None
