"""The product's own endpoint for Stripe's events: what Stripe will not send again, and tests, are posted to it signed.

Source of the signature: docs.stripe.com/webhooks#verify-manually; it is made by Stripe's own library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import httpx
from pydantic import SecretStr

from bot.providers.http import Api

SHOWN: Final = 300
"""Characters of an answer that are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What the endpoint answered."""

    status: int
    text: str

    @property
    def is_confirmed(self) -> bool:
        """It took the event."""
        return 200 <= self.status < 300


class Webhook:
    """One endpoint with its secret."""

    def __init__(self, url: str, secret: SecretStr, http: httpx.AsyncClient) -> None:
        """Sign with the endpoint's own secret."""
        self.url = url
        self._secret = secret
        # a handler writes to a database before it answers: Stripe itself waits for as long
        self._api = Api(provider="The webhook's endpoint", http=http, base_url=url, timeout=10)

    async def post(self, event: str) -> Reply:
        """Return the answer to an event, whatever it is. ProviderError, ambiguous, where none comes."""
        import stripe  # noqa: PLC0415 -- loaded with the first call of Stripe's client, which is never far

        signature = stripe.WebhookSignature.generate_signature_header(event, self._secret.get_secret_value())
        headers = {"content-type": "application/json", "stripe-signature": signature}
        async with self._api.exchange("POST", content=event.encode(), headers=headers) as response:
            content = await self._api.content(response)
        return Reply(status=response.status_code, text=content[:SHOWN].decode(errors="replace"))
