"""Supabase: the project's own APIs (REST, Auth), and the Management API (https://supabase.com/docs/reference/api)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import httpx
from pydantic import BaseModel, Field, SecretStr, TypeAdapter

from bot.providers.http import Api
from bot.settings import SupabaseSettings

SERVICES: Final = ("auth", "db", "pooler", "rest", "storage")
"""The services the product uses: the Management API wants them named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceHealth:
    """A service of the project. `status` is COMING_UP, ACTIVE_HEALTHY or UNHEALTHY."""

    name: str
    healthy: bool
    status: str


class _Service(BaseModel):
    name: str
    healthy: bool
    status: str


class _AuthHealth(BaseModel):
    name: str = Field(min_length=1)
    version: str = ""


_ROWS: Final = TypeAdapter(list[dict[str, Any]])
_AUTH: Final = TypeAdapter(_AuthHealth)
_SERVICES: Final = TypeAdapter(list[_Service])


class Supabase:
    """The project's REST and Auth APIs, with the key that the product's browser code uses."""

    def __init__(self, settings: SupabaseSettings, http: httpx.AsyncClient) -> None:
        """Send the publishable key as `apikey`: the new keys are no JWTs and no bearer tokens."""
        self.settings = settings
        self._api = Api(
            provider="Supabase",
            http=http,
            base_url=settings.url,
            headers={"apikey": settings.publishable_key.get_secret_value()},
        )

    async def one_row(self) -> int:
        """Read at most one row of the probe table and return how many came: row-level security may hide all.

        The REST root answers 401 to a public key since April 2026, so it proves nothing.
        """
        table = self.settings.probe_table
        rows = await self._api.read(f"/rest/v1/{table}", _ROWS, params={"select": "id", "limit": 1})
        return len(rows)

    async def auth_version(self) -> str:
        """Return the version of the Auth service, which it tells where it is healthy: `GET /auth/v1/health`."""
        return (await self._api.read("/auth/v1/health", _AUTH)).version


class SupabaseManagement:
    """The Management API for one project: 120 requests a minute, shared by everybody with the same account."""

    def __init__(self, settings: SupabaseSettings, access_token: SecretStr, http: httpx.AsyncClient) -> None:
        """Send a personal access token; a fine-grained one needs `project_admin_read`."""
        self.settings = settings
        self._api = Api(
            provider="Supabase's Management API",
            http=http,
            base_url=settings.management_url,
            headers={"authorization": f"Bearer {access_token.get_secret_value()}"},
        )

    async def health(self) -> tuple[ServiceHealth, ...]:
        """Return the health of the project's services: `GET /v1/projects/{ref}/health`."""
        path = f"/v1/projects/{self.settings.ref}/health"
        found = await self._api.read(path, _SERVICES, params={"services": SERVICES, "timeout_ms": 3000})
        return tuple(
            ServiceHealth(name=service.name, healthy=service.healthy, status=service.status) for service in found
        )
