"""UptimeRobot's v3 API: what the monitors say (https://uptimerobot.com/api/v3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import BaseModel, TypeAdapter

from bot.providers.http import Api
from bot.settings import UptimeRobotSettings

_MOST_PAGES: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Monitor:
    """A monitor. `status` is UP, DOWN, LOOKS_DOWN, PAUSED or STARTED; `since` is how long it has been, in seconds."""

    id: int
    name: str
    status: str
    since: float | None
    cause: str = ""
    url: str = ""
    alerted: int = 0
    """How many contacts are told of it."""


class _Incident(BaseModel):
    reason: str | None = None


class _Monitor(BaseModel):
    id: int
    friendlyName: str  # noqa: N815 -- UptimeRobot's name
    status: str
    currentStateDuration: float | None = None  # noqa: N815
    lastIncident: _Incident | None = None  # noqa: N815
    url: str | None = None
    assignedAlertContacts: list[object] = []  # noqa: N815


class _Monitors(BaseModel):
    data: list[_Monitor]
    nextLink: str | None = None  # noqa: N815


_MONITORS: Final = TypeAdapter(_Monitors)


class UptimeRobot:
    """The account's monitors. A free account has 10 requests a minute."""

    def __init__(self, settings: UptimeRobotSettings, http: httpx.AsyncClient) -> None:
        """Send the key as a bearer token."""
        self.settings = settings
        self._api = Api(
            provider="UptimeRobot",
            http=http,
            base_url=settings.base_url,
            headers={"authorization": f"Bearer {settings.api_key.get_secret_value()}"},
        )

    async def monitors(self) -> tuple[Monitor, ...]:
        """Return all monitors (at most 1,000): `GET /monitors`, page by page, by the cursor of `nextLink` alone."""
        found: list[Monitor] = []
        cursor = ""
        for _ in range(_MOST_PAGES):
            params = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
            page = await self._api.read("/monitors", _MONITORS, params=params)
            found += [_monitor(monitor) for monitor in page.data]
            cursor = parse_qs(urlsplit(page.nextLink or "").query).get("cursor", [""])[0]
            if not cursor:
                break
        return tuple(found)


def _monitor(monitor: _Monitor) -> Monitor:
    incident = monitor.lastIncident
    return Monitor(
        id=monitor.id,
        name=monitor.friendlyName,
        status=monitor.status,
        since=monitor.currentStateDuration,
        cause=(incident.reason or "") if incident else "",
        url=monitor.url or "",
        alerted=len(monitor.assignedAlertContacts),
    )
