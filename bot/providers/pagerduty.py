"""PagerDuty: who is on call (REST), and paging (Events API v2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import httpx
from pydantic import BaseModel, TypeAdapter

from bot.errors import ProviderError
from bot.providers.http import Api
from bot.settings import PagerDutySettings


@dataclass(frozen=True, kw_only=True, slots=True)
class OnCall:
    """Somebody who is on call now; level 1 is paged first."""

    level: int
    name: str
    email: str


class _User(BaseModel):
    name: str | None = None
    summary: str | None = None
    email: str | None = None


class _OnCall(BaseModel):
    escalation_level: int
    user: _User


class _OnCalls(BaseModel):
    oncalls: list[_OnCall]


class _Incident(BaseModel):
    id: str
    status: str


class _Incidents(BaseModel):
    incidents: list[_Incident]


_ONCALLS: Final = TypeAdapter(_OnCalls)
_INCIDENTS: Final = TypeAdapter(_Incidents)


class PagerDuty:
    """One escalation policy, and the service behind one routing key."""

    def __init__(self, settings: PagerDutySettings, http: httpx.AsyncClient) -> None:
        """The REST key goes into the header `Authorization: Token token=…`; the events API needs none."""
        self.settings = settings
        headers = {
            "authorization": f"Token token={settings.api_key.get_secret_value()}",
            "accept": "application/vnd.pagerduty+json;version=2",
            "from": settings.from_email,
        }
        self._rest = Api(provider="PagerDuty", http=http, base_url=settings.base_url, headers=headers)
        self._events = Api(provider="PagerDuty", http=http, base_url=settings.events_url)

    async def on_call(self) -> tuple[OnCall, ...]:
        """Who is on call now by the policy, level by level: `GET /oncalls`."""
        params = {
            "escalation_policy_ids[]": self.settings.escalation_policy,
            "include[]": "users",
            "earliest": "true",
        }
        found = await self._rest.read("/oncalls", _ONCALLS, params=params)
        people = [
            OnCall(
                level=duty.escalation_level,
                name=duty.user.name or duty.user.summary or "",
                email=(duty.user.email or "").lower(),
            )
            for duty in found.oncalls
        ]
        return tuple(sorted(people, key=lambda person: person.level))

    async def page(self, *, key: str, summary: str, source: str) -> None:
        """Page whoever is on call; the same key again is the same incident there. `POST /v2/enqueue`."""
        body = {
            "routing_key": self.settings.routing_key.get_secret_value(),
            "event_action": "trigger",
            "dedup_key": key,
            "payload": {"summary": summary[:1024], "source": source, "severity": "critical"},
        }
        await self._events.send("POST", "/v2/enqueue", body=body)

    async def acknowledge(self, key: str) -> None:
        """Somebody has it: PagerDuty pages no further."""
        body = {
            "routing_key": self.settings.routing_key.get_secret_value(),
            "event_action": "acknowledge",
            "dedup_key": key,
        }
        await self._events.send("POST", "/v2/enqueue", body=body)

    async def raise_to(self, key: str, level: int) -> None:
        """Page that level of the policy for the incident of this key: `PUT /incidents/{id}`."""
        found = await self._rest.read("/incidents", _INCIDENTS, params={"incident_key": key})
        living = [incident for incident in found.incidents if incident.status != "resolved"]
        if not living:
            raise ProviderError("PagerDuty has no open incident of ours.", provider="PagerDuty", kind="not_found")
        body = {"incident": {"type": "incident_reference", "escalation_level": level}}
        await self._rest.send("PUT", f"/incidents/{living[0].id}", body=body)
