"""OpenAI's API, as far as health needs it (https://platform.openai.com/docs/api-reference/models)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import httpx
from pydantic import BaseModel, TypeAdapter

from bot.providers.http import Api
from bot.settings import OpenAISettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """One short answer: how long it took, and how many requests of this minute's `limit` are left, where that is told."""

    seconds: float
    model: str
    limit: int | None
    left: int | None


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


class _Completion(BaseModel):
    model: str
    choices: list[object]


_COMPLETION: Final = TypeAdapter(_Completion)
_MODELS: Final = TypeAdapter(_Models)


class OpenAI:
    """OpenAI's API with the product's key."""

    def __init__(self, settings: OpenAISettings, http: httpx.AsyncClient) -> None:
        """Send the key as a bearer token."""
        self.settings = settings
        self._api = Api(
            provider="OpenAI",
            http=http,
            base_url=settings.base_url,
            headers={"authorization": f"Bearer {settings.api_key.get_secret_value()}"},
        )

    async def models(self) -> frozenset[str]:
        """Return the models our key may use: `GET /v1/models`, which costs nothing."""
        return frozenset(model.id for model in (await self._api.read("/v1/models", _MODELS)).data)

    async def generate(self) -> Generation:
        """Have the product's model say a word, and measure it: `POST /v1/chat/completions`, a few tokens."""
        body = {
            "model": self.settings.model,
            "messages": [{"role": "user", "content": "Reply with the word: ok"}],
            "max_completion_tokens": 16,
        }
        started = time.monotonic()
        response = await self._api.send("POST", "/v1/chat/completions", body=body)
        took = time.monotonic() - started
        found = self._api.parsed(response, _COMPLETION)
        headers = response.headers
        return Generation(
            seconds=took,
            model=found.model,
            limit=_whole(headers.get("x-ratelimit-limit-requests", "")),
            left=_whole(headers.get("x-ratelimit-remaining-requests", "")),
        )


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
