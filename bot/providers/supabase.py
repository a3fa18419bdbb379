"""Supabase: the project's own APIs (REST, Auth), and the Management API (https://supabase.com/docs/reference/api)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import httpx
from pydantic import BaseModel, Field, SecretStr, TypeAdapter

import sql
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


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthConfig:
    """Where Auth sends people: `allowed` holds patterns, `*` for anything but `.` and `/`, `**` for anything."""

    site_url: str
    allowed: tuple[str, ...]
    mailer: str
    """The host that sends Auth's mails; empty for Supabase's own, which is for trying out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pooler:
    """The transaction pooler."""

    host: str
    port: int
    mode: str
    most_clients: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformLine:
    """One line of the platform's logs. `said` may hold personal data; `attributes` are those that were asked for."""

    at: datetime
    said: str
    attributes: dict[str, str]


class _AuthConfig(BaseModel):
    site_url: str | None = None
    uri_allow_list: str | None = None
    smtp_host: str | None = None


class _Pooler(BaseModel):
    database_type: str = "PRIMARY"
    db_host: str
    db_port: int
    pool_mode: str
    max_client_conn: int | None = None


class _StorageConfig(BaseModel):
    fileSizeLimit: int  # noqa: N815 -- Supabase's name


class _ReadOnly(BaseModel):
    enabled: bool


class _Found(BaseModel):
    result: list[dict[str, Any]] = []
    error: Any = None


class _Service(BaseModel):
    name: str
    healthy: bool
    status: str


class _AuthHealth(BaseModel):
    name: str = Field(min_length=1)
    version: str = ""


_ROWS: Final = TypeAdapter(list[dict[str, Any]])
_AUTH: Final = TypeAdapter(_AuthHealth)
_AUTH_CONFIG: Final = TypeAdapter(_AuthConfig)
_POOLERS: Final = TypeAdapter(list[_Pooler])
_STORAGE: Final = TypeAdapter(_StorageConfig)
_READ_ONLY: Final = TypeAdapter(_ReadOnly)
_FOUND: Final = TypeAdapter(_Found)
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

    async def auth_config(self) -> AuthConfig:
        """Return where Auth sends people: `GET /v1/projects/{ref}/config/auth`."""
        found = await self._api.read(f"/v1/projects/{self.settings.ref}/config/auth", _AUTH_CONFIG)
        listed = tuple(part.strip() for part in (found.uri_allow_list or "").split(",") if part.strip())
        return AuthConfig(site_url=found.site_url or "", allowed=listed, mailer=found.smtp_host or "")

    async def pooler(self) -> Pooler | None:
        """Return the primary database's transaction pooler: `GET …/config/database/pooler`."""
        found = await self._api.read(f"/v1/projects/{self.settings.ref}/config/database/pooler", _POOLERS)
        primary = next((pooler for pooler in found if pooler.database_type == "PRIMARY"), None)
        if primary is None:
            return None
        return Pooler(
            host=primary.db_host, port=primary.db_port, mode=primary.pool_mode, most_clients=primary.max_client_conn
        )

    async def largest_file(self) -> int:
        """Return the project's own limit on the size of a file, in bytes: `GET …/config/storage`."""
        return (await self._api.read(f"/v1/projects/{self.settings.ref}/config/storage", _STORAGE)).fileSizeLimit

    async def read_only(self) -> bool:
        """Say whether the database takes no writes, because its disk is full: `GET …/readonly`."""
        return (await self._api.read(f"/v1/projects/{self.settings.ref}/readonly", _READ_ONLY)).enabled

    async def logged(
        self,
        source: Literal["auth_logs", "storage_logs", "postgres_logs", "edge_logs"],
        *,
        since: datetime,
        until: datetime,
        attributes: Sequence[str] = (),
        containing: str = "",
        most: int = 500,
    ) -> tuple[PlatformLine, ...]:
        """Return what a service wrote, newest first: `GET …/analytics/endpoints/logs`, 24 hours and 30 calls a minute.

        `error` may be set in an answer of 200. `containing` must not come from people: it is put into the query.
        """
        names = {f"a{number}": name for number, name in enumerate(attributes)}
        wanted = "".join(f", log_attributes['{name}'] as {alias}" for alias, name in names.items())
        like = f" and event_message like '%{containing}%'" if containing else ""
        params = {
            "sql": _statement().format(wanted=wanted, source=source, like=like, most=most),
            "iso_timestamp_start": since.isoformat(),
            "iso_timestamp_end": until.isoformat(),
        }
        path = f"/v1/projects/{self.settings.ref}/analytics/endpoints/logs"
        found = await self._api.read(path, _FOUND, params=params)
        if found.error:
            raise self._api.failed("rejected", why="does not take our query of its logs")
        try:
            return tuple(_line(row, names) for row in found.result)
        except (KeyError, TypeError, ValueError):
            raise self._api.failed("garbled", why="answers log lines of another shape than documented") from None


def _statement() -> str:
    """The query, without its comment: whether the endpoint takes one is not documented."""
    lines = sql.load("logs/lines.sql").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


def _line(row: Mapping[str, Any], names: Mapping[str, str]) -> PlatformLine:
    stamp = row["timestamp"]  # ClickHouse writes microseconds since the epoch, or a date
    at = datetime.fromtimestamp(stamp / 1e6, UTC) if isinstance(stamp, int) else datetime.fromisoformat(str(stamp))
    return PlatformLine(
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        said=str(row["event_message"]),
        attributes={name: str(row.get(alias) or "") for alias, name in names.items()},
    )
