"""OpenAI's API, as far as health needs it (https://platform.openai.com/docs/api-reference/models)."""

from __future__ import annotations

from typing import Final

import httpx
from pydantic import BaseModel, TypeAdapter

from bot.providers.http import Api
from bot.settings import OpenAISettings


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


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
