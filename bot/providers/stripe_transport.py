"""The shared HTTP client below Stripe's library, which would otherwise open its own with its own certificates.

Imported by `bot.providers.stripe` with the first call: it needs the library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import stripe

from bot.providers.http import READS, Api, is_json, retry_after


class SharedTransport(stripe.HTTPClient):
    """Stripe's requests through `api`. What breaks below HTTP, and a web page, come out as ProviderError."""

    name = "ilab"

    def __init__(self, api: Api) -> None:
        """Never touch a proxy or certificates: those are the shared client's."""
        super().__init__(verify_ssl_certs=True)
        self._api = api

    def request(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: the bot has one thread, and a blocking call would stop it."""
        raise NotImplementedError("the bot calls Stripe asynchronously only")

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Return body, status and headers. A 429 is raised here: the library forgets its `Retry-After`."""
        method = method.upper()
        base, ambiguous = self._api, method not in READS
        address = url.removeprefix(base.base_url.rstrip("/"))
        async with base.exchange(method, address, headers=headers, content=post_data) as response:
            content = await base.content(response)
        if response.status_code == 429:
            raise base.failed("rate_limited", status=429, retry_after=retry_after(response))
        if response.is_redirect or (response.is_success and not is_json(response)):
            why = f"answers a web page ({response.status_code}) where JSON is due"
            raise base.failed("garbled", status=response.status_code, ambiguous=ambiguous, why=why)
        return content, response.status_code, response.headers

    async def close_async(self) -> None:
        """Leave the shared client open: it is its owner's."""
        return

    def close(self) -> None:
        """Leave the shared client open: it is its owner's."""
        return
