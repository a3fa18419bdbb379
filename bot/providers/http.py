"""One way to call a vendor: everything that can go wrong comes out as a `ProviderError`, and nothing else does.

Writes are never sent twice here. An error holds the vendor's name, the status and the way it failed, never a body, a
header or an address with a query: those may hold personal data and secrets.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from bot.errors import ProviderError

T = TypeVar("T")
Params = Mapping[str, str | int | Sequence[str]]

USER_AGENT: Final = "ilab-ops-bot"
"""Supabase refuses secret keys from what looks like a browser, and Resend refuses requests that name no agent."""
READS: Final = ("GET", "HEAD")
LARGEST: Final = 8 * 1024**2
"""Bytes of an answer's body, unpacked: far more than any that we ask for."""
_OF_THE_WIRE: Final = ("content-encoding", "content-length", "transfer-encoding")
_KINDS: Final = {401: "unauthorized", 403: "unauthorized", 404: "not_found", 420: "rate_limited", 429: "rate_limited"}
"""420 is Statuspage's own word for too many requests."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """A vendor's API: where it is, what it is called in sentences, and how long it may take (`timeout`, seconds)."""

    provider: str
    http: httpx.AsyncClient = field(repr=False)
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0

    async def send(
        self,
        method: str,
        path: str = "",
        *,
        params: Params | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Return the vendor's answer, which is a 2xx. `body` is sent as JSON. Raise ProviderError for all else."""
        whole = await self.answer(method, path, params=params, body=body, headers=headers)
        return self.accepted(whole, ambiguous=method not in READS)

    async def answer(
        self,
        method: str,
        path: str = "",
        *,
        params: Params | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Return the vendor's answer of any status, whole: for calls whose refusals say something."""
        async with self.exchange(method, path, params=params, body=body, headers=headers) as response:
            content = await self.content(response)
        kept = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in _OF_THE_WIRE]
        return httpx.Response(response.status_code, headers=kept, content=content, request=response.request)

    async def read(self, path: str, shape: TypeAdapter[T], *, params: Params | None = None) -> T:
        """Return the JSON at `path`, checked against `shape`. Raise ProviderError, `garbled` where it does not fit."""
        return self.parsed(await self.send("GET", path, params=params), shape)

    @asynccontextmanager
    async def exchange(
        self,
        method: str,
        path: str = "",
        *,
        params: Params | None = None,
        body: Any = None,
        content: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """Give the answer, of any status, before its body is read; the time limit holds until the block ends.

        `body` is sent as JSON, `content` as it is.
        Redirects are not followed: a vendor's API has none, and another host must not see our key.
        """
        ambiguous = method not in READS
        try:
            sent = httpx.Headers({"user-agent": USER_AGENT})
            sent.update(self.headers)
            sent.update(headers)
            async with asyncio.timeout(self.timeout):
                request = self.http.build_request(
                    method,
                    self.base_url.rstrip("/") + path if path else self.base_url,
                    params=params,
                    json=body,
                    content=content,
                    headers=sent,
                    timeout=None,
                )
                response = await self.http.send(request, stream=True, follow_redirects=False)
                try:
                    yield response
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise self.failed("timeout", ambiguous=ambiguous, why=f"no answer within {self.timeout:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.broken(error, ambiguous=ambiguous) from error

    async def content(self, response: httpx.Response) -> bytes:
        """Return the body, unpacked. Raise ProviderError, `garbled` where it is larger than any vendor's answer to us.

        A few megabytes can be packed so that they fill the memory; and what is packed twice, at one blow.
        """
        why = "answers what is packed more than once" if "," in response.headers.get("content-encoding", "") else ""
        content = bytearray()
        if not why:
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > LARGEST:
                    why = f"answers more than {LARGEST // 1024**2} MB"
                    break
        if why:
            ambiguous = response.request.method not in READS
            raise self.failed("garbled", status=response.status_code, ambiguous=ambiguous, why=why)
        return bytes(content)

    def accepted(self, response: httpx.Response, *, ambiguous: bool = False) -> httpx.Response:
        """Return the answer where it is a 2xx. `ambiguous`: the request was a write."""
        status = response.status_code
        if response.is_success:
            return response
        if status >= 500:
            raise self.failed("server", status=status, ambiguous=ambiguous)
        if status < 400:
            raise self.failed("garbled", status=status, ambiguous=ambiguous, why=f"redirects us elsewhere ({status})")
        raise self.failed(_KINDS.get(status, "rejected"), status=status, retry_after=retry_after(response))

    def parsed(self, response: httpx.Response, shape: TypeAdapter[T], *, ambiguous: bool = False) -> T:
        """Return the answer's JSON, checked against `shape`. Raise ProviderError `garbled` for anything else."""
        status = response.status_code
        if not is_json(response):
            why = f"answers a web page ({status}) where JSON is due"
            raise self.failed("garbled", status=status, ambiguous=ambiguous, why=why)
        try:
            return shape.validate_python(json.loads(response.content))
        except (ValueError, ValidationError, RecursionError) as error:
            why = f"answers JSON ({status}) of another shape than documented"
            # the chain is cut: a ValidationError quotes what came in
            raise self.failed("garbled", status=status, ambiguous=ambiguous, why=why) from _quiet(error)

    def broken(self, error: Exception, *, ambiguous: bool) -> ProviderError:
        """Return the error for an exchange that broke below HTTP. Before a connection stood, nothing can have acted."""
        if isinstance(error, httpx.TimeoutException):
            before = isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout))
            return self.failed("timeout", ambiguous=ambiguous and not before)
        if isinstance(error, httpx.DecodingError):
            return self.failed("garbled", ambiguous=ambiguous, why="answers bytes that cannot be decoded")
        before = isinstance(error, (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL))
        return self.failed("refused", ambiguous=ambiguous and not before)

    def failed(
        self,
        kind: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        ambiguous: bool = False,
        why: str = "",
    ) -> ProviderError:
        """Return the error for one way of failing, with a sentence for it."""
        said = {
            "refused": "could not be reached",
            "timeout": "did not answer in time",
            "rate_limited": "had too many requests from us",
            "unauthorized": "refuses our key",
            "not_found": "does not have what was asked for",
            "rejected": "refuses the request",
            "server": "fails",
            "garbled": "gave an answer that cannot be used",
        }[kind]
        answered = f" ({status})" if status else ""
        return ProviderError(
            f"{self.provider} {said}{answered}.",
            provider=self.provider,
            kind=kind,
            status=status,
            retry_after=retry_after,
            ambiguous=ambiguous,
            why=why,
        )


def is_json(response: httpx.Response) -> bool:
    """Whether the answer says that it is JSON."""
    content_type = str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()
    return content_type == "application/json" or content_type.endswith("+json")


def retry_after(response: httpx.Response) -> float | None:
    """Seconds until the vendor wants to be asked again: `Retry-After` as seconds or as a date (RFC 9110 §10.2.3)."""
    given = response.headers.get("retry-after", "").strip()
    if not given:
        return None
    try:
        return max(0.0, float(given))
    except ValueError:
        try:
            at = email.utils.parsedate_to_datetime(given)
        except ValueError:
            return None
    return max(0.0, (at.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _quiet(error: Exception) -> Exception:
    """Return the error's type without its words."""
    return TypeError(type(error).__name__)
