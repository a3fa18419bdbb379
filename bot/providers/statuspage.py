"""Atlassian Statuspage: what InterviewLab's customers read. Source: developer.statuspage.io.

One request a second is allowed for a key: calls are made one after the other, so far apart. Nothing there knows a key
against doing a thing twice; so what we publish carries our own id in its metadata, and is looked for by that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
from pydantic import BaseModel, TypeAdapter

from bot.providers.http import Api
from bot.settings import StatuspageSettings

OURS: Final = "ilab"
"""The name under which our id stands in the metadata, whose top level must hold objects."""
COMPONENTS_FOR: Final = 300.0
"""Real seconds for which the list of components is used again: it changes by hand, rarely."""


class Component(BaseModel):
    """A part of the product, as the page lists it."""

    id: str
    name: str
    status: str
    group: bool = False


class Update(BaseModel):
    """One thing that was said of an incident."""

    id: str
    status: str
    body: str | None = None


class PageIncident(BaseModel):
    """An incident or a maintenance of the page; its updates are newest first."""

    id: str
    name: str
    status: str
    shortlink: str = ""
    incident_updates: list[Update] = []
    components: list[Component] = []
    metadata: dict[str, Any] = {}

    @property
    def ours(self) -> str:
        """Our own id of it; empty where it is somebody else's."""
        held = self.metadata.get(OURS)
        return str(held.get("id", "")) if isinstance(held, dict) else ""


_INCIDENTS: Final = TypeAdapter(list[PageIncident])
_INCIDENT: Final = TypeAdapter(PageIncident)
_COMPONENTS: Final = TypeAdapter(list[Component])


@dataclass(kw_only=True, slots=True)
class _Kept:
    components: tuple[Component, ...] = ()
    at: float = 0.0


class Statuspage:
    """One page. Calls wait for each other."""

    def __init__(self, settings: StatuspageSettings, http: httpx.AsyncClient) -> None:
        """The key goes into the header `Authorization: OAuth …`."""
        self.settings = settings
        headers = {"authorization": f"OAuth {settings.api_key.get_secret_value()}"}
        self._api = Api(provider="Statuspage", http=http, base_url=settings.base_url, headers=headers)
        self._path = f"/v1/pages/{settings.page_id}"
        self._turn = asyncio.Lock()
        self._next_at = 0.0
        self._kept = _Kept()

    async def components(self) -> tuple[Component, ...]:
        """The parts of the product that the page lists, without the groups that hold them."""
        if not self._kept.components or time.monotonic() - self._kept.at > COMPONENTS_FOR:
            async with self._turn:
                await self._pause()
                found = await self._api.read(f"{self._path}/components", _COMPONENTS, params={"per_page": 100})
            self._kept = _Kept(components=tuple(one for one in found if not one.group), at=time.monotonic())
        return self._kept.components

    async def find(self, ours: str) -> PageIncident | None:
        """The incident or maintenance that carries our id, among the hundred newest."""
        async with self._turn:
            await self._pause()
            found = await self._api.read(f"{self._path}/incidents", _INCIDENTS, params={"limit": 100})
        return next((one for one in found if one.ours == ours), None)

    async def create(self, ours: str, fields: Mapping[str, Any]) -> PageIncident:
        """Publish it under our id. Look with `find` first: made twice, it is there twice."""
        body = {"incident": {**fields, "metadata": {OURS: {"id": ours}}}}
        async with self._turn:
            await self._pause()
            answer = await self._api.send("POST", f"{self._path}/incidents", body=body)
        return self._api.parsed(answer, _INCIDENT, ambiguous=True)

    async def update(self, page_incident: str, fields: Mapping[str, Any]) -> PageIncident:
        """Say more of it. Resolving leaves components as they are, unless `components` names them."""
        async with self._turn:
            await self._pause()
            path = f"{self._path}/incidents/{page_incident}"
            answer = await self._api.send("PATCH", path, body={"incident": dict(fields)})
        return self._api.parsed(answer, _INCIDENT, ambiguous=True)

    async def _pause(self) -> None:
        await asyncio.sleep(max(0.0, self._next_at - time.monotonic()))
        self._next_at = time.monotonic() + self.settings.pause_seconds
