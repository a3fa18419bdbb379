"""Vercel's Global Config (once Edge Config): a few values that the site reads at every request.

Source: vercel.com/docs/rest-api, Edge Config. Writes are few (250 a month on the smallest plan), and take up to ten
seconds until every place has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx
from pydantic import BaseModel, TypeAdapter

from bot.providers.http import Api
from bot.settings import VercelSettings


class _Item(BaseModel):
    key: str
    value: Any = None


_ITEMS: Final = TypeAdapter(list[_Item])


class VercelConfig:
    """One config of the team."""

    def __init__(self, settings: VercelSettings, http: httpx.AsyncClient) -> None:
        """Send the token and the team with every call."""
        self._api = Api(
            provider="Vercel",
            http=http,
            base_url=settings.base_url,
            headers={"authorization": f"Bearer {settings.token.get_secret_value()}"},
        )
        self._team = {"teamId": settings.team_id} if settings.team_id else {}
        self._path = f"/v1/edge-config/{settings.config_id}/items"

    async def items(self) -> dict[str, Any]:
        """All values, by key."""
        return {item.key: item.value for item in await self._api.read(self._path, _ITEMS, params=self._team)}

    async def write(self, values: Mapping[str, Any]) -> None:
        """The values are these. Written twice, they are the same."""
        items = [{"operation": "upsert", "key": key, "value": value} for key, value in values.items()]
        await self._api.send("PATCH", self._path, params=self._team, body={"items": items})
