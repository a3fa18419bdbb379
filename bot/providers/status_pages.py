"""The vendors' public status pages. Only 200 with JSON and the documented keys counts: some pages answer HTML to anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import httpx
from pydantic import BaseModel, TypeAdapter

from bot.errors import ProviderError
from bot.providers.http import Api
from bot.settings import StatusPagesSettings

PAGES: Final = {"vercel": "Vercel", "supabase": "Supabase", "stripe": "Stripe", "openai": "OpenAI", "slack": "Slack"}
"""Vendor → what it is called."""
OVER: Final = ("resolved", "postmortem", "completed")


@dataclass(frozen=True, kw_only=True, slots=True)
class PageComponent:
    """A component of a vendor's page; `status` is Statuspage's word: operational, degraded_performance, … ."""

    name: str
    status: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PageIncident:
    """An incident or a maintenance under way. `impact` is none, minor, major, critical or maintenance."""

    title: str
    impact: str
    components: tuple[str, ...]
    """Names; empty where the vendor does not say which."""
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What a vendor says about itself."""

    vendor: str
    components: tuple[PageComponent, ...]
    incidents: tuple[PageIncident, ...]
    updated_at: datetime | None = None


class _Component(BaseModel):
    name: str
    status: str = ""
    group: bool = False


class _Incident(BaseModel):
    name: str
    status: str
    impact: str = "none"
    shortlink: str | None = None
    components: list[_Component] = []


class _Indicator(BaseModel):
    indicator: str


class _Components(BaseModel):
    components: list[_Component]


class _About(BaseModel):
    updated_at: datetime | None = None


class _Summary(_Components):
    page: _About
    status: _Indicator
    incidents: list[_Incident]
    scheduled_maintenances: list[_Incident] = []


class _SlackIncident(BaseModel):
    title: str
    type: str = "incident"
    status: str = "active"
    url: str = ""
    services: list[str] = []


class _SlackCurrent(BaseModel):
    status: str
    active_incidents: list[_SlackIncident]


_SUMMARY: Final = TypeAdapter(_Summary)
_LISTED: Final = TypeAdapter(_Components)
_SLACK: Final = TypeAdapter(_SlackCurrent)
_SLACK_IMPACTS: Final = {"outage": "critical", "incident": "minor", "notice": "minor", "maintenance": "maintenance"}


class StatusPages:
    """All pages whose address the settings hold."""

    def __init__(self, settings: StatusPagesSettings, http: httpx.AsyncClient) -> None:
        """Remember the addresses; nobody's key is sent."""
        self.settings = settings
        self._http = http

    def address(self, vendor: str) -> str:
        """Return the page's address, empty where it is left out."""
        return str(getattr(self.settings, vendor))

    async def page(self, vendor: str) -> Page:
        """Return what the vendor's page says now. Raise ProviderError, `garbled` for anything but the documented JSON."""
        api = Api(provider=f"{PAGES[vendor]}'s status page", http=self._http, base_url=self.address(vendor))
        if vendor == "slack":
            return _slack(await api.read("", _SLACK))
        found = await api.read("", _SUMMARY)
        listed = {component.name: component for component in found.components if not component.group}
        if vendor == "openai":
            listed |= await self._all_components(api)
        under_way = [
            planned for planned in found.scheduled_maintenances if planned.status in ("in_progress", "verifying")
        ]
        return Page(
            vendor=vendor,
            components=tuple(PageComponent(name=one.name, status=one.status) for one in listed.values()),
            incidents=(
                *(_incident(one, one.impact) for one in found.incidents if one.status not in OVER),
                *(_incident(one, "maintenance") for one in under_way),
            ),
            updated_at=found.page.updated_at,
        )

    async def _all_components(self, summary: Api) -> dict[str, _Component]:
        """Return the components of OpenAI's second list: its summary leaves the API's most important ones out.

        Where only this second list fails, the summary still counts.
        """
        address = summary.base_url.replace("/summary.json", "/components.json")
        if address == summary.base_url:
            return {}
        api = Api(provider=summary.provider, http=self._http, base_url=address)
        try:
            found = await api.read("", _LISTED)
        except ProviderError:
            return {}
        return {component.name: component for component in found.components if not component.group}


def _incident(incident: _Incident, impact: str) -> PageIncident:
    return PageIncident(
        title=incident.name,
        impact=impact,
        components=tuple(component.name for component in incident.components),
        url=incident.shortlink or "",
    )


def _slack(found: _SlackCurrent) -> Page:
    """Return Slack's own shape as a page: it lists services only where something is wrong."""
    return Page(
        vendor="slack",
        components=(),
        incidents=tuple(
            PageIncident(
                title=incident.title,
                impact=_SLACK_IMPACTS.get(incident.type, "minor"),
                components=tuple(incident.services),
                url=incident.url,
            )
            for incident in found.active_incidents
            if incident.status not in ("resolved", "ok", "completed", "cancelled")
        ),
    )
