"""What Supabase keeps of the project's database, and restoring it (supabase.com/docs/guides/platform/backups).

There is no call for a backup now: the daily ones, or point-in-time recovery, which turns them off, are what there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx
from pydantic import BaseModel, SecretStr, TypeAdapter

from bot.providers.http import Api
from bot.settings import SupabaseSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class VendorBackup:
    """One of Supabase's own backups. `status` is COMPLETED, FAILED, PENDING and the like."""

    id: int
    at: datetime
    status: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VendorBackups:
    """What Supabase keeps: daily backups, newest first, or a window within which any moment can be restored."""

    daily: tuple[VendorBackup, ...]
    continuous: bool
    """Point-in-time recovery is on, which turns the daily backups off."""
    earliest: datetime | None
    latest: datetime | None


class _Backup(BaseModel):
    id: int
    status: str
    inserted_at: datetime


class _Physical(BaseModel):
    earliest_physical_backup_date_unix: int | None = None
    latest_physical_backup_date_unix: int | None = None


class _Backups(BaseModel):
    pitr_enabled: bool = False
    backups: list[_Backup] = []
    physical_backup_data: _Physical = _Physical()


class _Project(BaseModel):
    status: str


_BACKUPS: Final = TypeAdapter(_Backups)
_PROJECT: Final = TypeAdapter(_Project)


class SupabaseBackups:
    """The Management API's calls about backups, for one project."""

    def __init__(self, settings: SupabaseSettings, access_token: SecretStr, http: httpx.AsyncClient) -> None:
        """Send a personal access token; a fine-grained one needs `backups_read`, and `backups_write` to restore."""
        self.settings = settings
        self._project = f"/v1/projects/{settings.ref}"
        self._api = Api(
            provider="Supabase's Management API",
            http=http,
            base_url=settings.management_url,
            headers={"authorization": f"Bearer {access_token.get_secret_value()}"},
        )

    async def status(self) -> str:
        """Return the project's own word for how it is, such as ACTIVE_HEALTHY, RESTORING or RESTORE_FAILED."""
        return (await self._api.read(self._project, _PROJECT)).status

    async def kept(self) -> VendorBackups:
        """Return what can be restored: `GET /v1/projects/{ref}/database/backups`."""
        found = await self._api.read(f"{self._project}/database/backups", _BACKUPS)
        window = found.physical_backup_data
        daily = [VendorBackup(id=one.id, at=_aware(one.inserted_at), status=one.status) for one in found.backups]
        return VendorBackups(
            daily=tuple(sorted(daily, key=lambda one: one.at, reverse=True)),
            continuous=found.pitr_enabled,
            earliest=_when(window.earliest_physical_backup_date_unix),
            latest=_when(window.latest_physical_backup_date_unix),
        )

    async def restore(self, backup_id: int) -> None:
        """Have a backup restored. It destroys what was written since, and the project is offline meanwhile."""
        await self._api.send("POST", f"{self._project}/database/backups/restore", body={"id": backup_id})

    async def restore_to(self, moment: int) -> None:
        """Have the state of a moment (seconds since the epoch) restored, with the same effect."""
        body = {"recovery_time_target_unix": moment}
        await self._api.send("POST", f"{self._project}/database/backups/restore-pitr", body=body)


def _when(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
