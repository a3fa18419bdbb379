"""PagerDuty: who is on call (REST), and paging (Events API v2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
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
    id: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    """None: for good."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Logged:
    """Something that PagerDuty did or was told: somebody was `notified`, or it was `acknowledged` or `resolved` by `who`."""

    at: datetime
    what: str
    who: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A webhook: where it goes, what it tells, and whether it does so now."""

    url: str
    events: frozenset[str]
    active: bool


class _Policy(BaseModel):
    escalation_rules: list[object] = []


class _WholePolicy(BaseModel):
    escalation_policy: _Policy


class _Delivery(BaseModel):
    url: str | None = None
    temporarily_disabled: bool = False


class _Subscription(BaseModel):
    active: bool = True
    events: list[str] = []
    delivery_method: _Delivery


class _Subscriptions(BaseModel):
    webhook_subscriptions: list[_Subscription]


class _User(BaseModel):
    id: str = ""
    name: str | None = None
    summary: str | None = None
    email: str | None = None


class _OnCall(BaseModel):
    escalation_level: int
    user: _User
    start: datetime | None = None
    end: datetime | None = None


class _ContactMethod(BaseModel):
    type: str
    address: str = ""
    country_code: int | None = None


class _Contacts(BaseModel):
    contact_methods: list[_ContactMethod] = []


class _WholeUser(BaseModel):
    user: _Contacts


class _Users(BaseModel):
    users: list[_User]


class _OnCalls(BaseModel):
    oncalls: list[_OnCall]


class _Assignee(BaseModel):
    id: str


class _Assignment(BaseModel):
    at: datetime
    assignee: _Assignee


class _Incident(BaseModel):
    id: str
    status: str
    assignments: list[_Assignment] = []


class _Named(BaseModel):
    summary: str | None = None


class _LogEntry(BaseModel):
    type: str
    created_at: datetime
    agent: _Named | None = None
    user: _Named | None = None


class _Log(BaseModel):
    log_entries: list[_LogEntry]


class _Incidents(BaseModel):
    incidents: list[_Incident]


_POLICY: Final = TypeAdapter(_WholePolicy)
_USERS: Final = TypeAdapter(_Users)
_SUBSCRIPTIONS: Final = TypeAdapter(_Subscriptions)
_USER: Final = TypeAdapter(_WholeUser)
_ONCALLS: Final = TypeAdapter(_OnCalls)
_INCIDENTS: Final = TypeAdapter(_Incidents)
_LOG: Final = TypeAdapter(_Log)
_LOGGED: Final = {
    "notify_log_entry": "notified",
    "acknowledge_log_entry": "acknowledged",
    "resolve_log_entry": "resolved",
}


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

    async def on_call(self, *, at: datetime | None = None) -> tuple[OnCall, ...]:
        """Who is on call by the policy, level by level, now or at a moment to come: `GET /oncalls`."""
        people = [
            OnCall(
                level=duty.escalation_level,
                name=duty.user.name or duty.user.summary or "",
                email=(duty.user.email or "").lower(),
                id=duty.user.id,
                starts_at=duty.start,
                ends_at=duty.end,
            )
            for duty in await self._duties(at)
        ]
        return tuple(sorted(people, key=lambda person: person.level))

    async def levels(self) -> int:
        """How many levels the policy has: `GET /escalation_policies/{id}`. 404: there is no such policy."""
        path = f"/escalation_policies/{self.settings.escalation_policy}"
        return len((await self._rest.read(path, _POLICY)).escalation_policy.escalation_rules)

    async def has_user(self, email: str) -> bool:
        """Whether somebody of the account has this address: `GET /users?query=`."""
        found = (await self._rest.read("/users", _USERS, params={"query": email, "limit": 100})).users
        return any((user.email or "").lower() == email.lower() for user in found)

    async def subscriptions(self) -> tuple[Subscription, ...]:
        """The webhooks of the account, the first hundred: `GET /webhook_subscriptions`."""
        found = await self._rest.read("/webhook_subscriptions", _SUBSCRIPTIONS, params={"limit": 100})
        return tuple(
            Subscription(
                url=one.delivery_method.url or "",
                events=frozenset(one.events),
                active=one.active and not one.delivery_method.temporarily_disabled,
            )
            for one in found.webhook_subscriptions
        )

    async def phone(self, person: str) -> str:
        """The number under which PagerDuty calls somebody, as it is dialled; empty where it has none.

        `GET /users/{id}?include[]=contact_methods`.
        """
        found = await self._rest.read(f"/users/{person}", _USER, params={"include[]": "contact_methods"})
        for method in found.user.contact_methods:
            if method.type == "phone_contact_method" and method.address:
                return f"+{method.country_code or 1} {method.address}"
        return ""

    async def is_open(self, key: str) -> bool:
        """Whether there is an open incident of this key there."""
        return await self._living(key) is not None

    async def _duties(self, at: datetime | None = None) -> list[_OnCall]:
        params = {
            "escalation_policy_ids[]": self.settings.escalation_policy,
            "include[]": "users",
            "earliest": "true",
        }
        if at is not None:
            params |= {"since": at.isoformat(), "until": (at + timedelta(seconds=1)).isoformat()}
        return (await self._rest.read("/oncalls", _ONCALLS, params=params)).oncalls

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
        """Somebody has it: PagerDuty pages no further. Said twice, or of what is over there, it does nothing."""
        await self._follow("acknowledge", key)

    async def resolve(self, key: str) -> None:
        """It is over there, too. Said twice it does nothing."""
        await self._follow("resolve", key)

    async def _follow(self, action: str, key: str) -> None:
        routing_key = self.settings.routing_key.get_secret_value()
        body = {"routing_key": routing_key, "event_action": action, "dedup_key": key}
        await self._events.send("POST", "/v2/enqueue", body=body)

    async def raise_to(self, key: str, level: int) -> None:
        """Page that level of the policy for the incident of this key: `PUT /incidents/{id}`."""
        living = await self._living(key)
        if living is None:
            raise ProviderError("PagerDuty has no open incident of ours.", provider="PagerDuty", kind="not_found")
        body = {"incident": {"type": "incident_reference", "escalation_level": level}}
        await self._rest.send("PUT", f"/incidents/{living.id}", body=body)

    async def was_raised(self, key: str, level: int, *, since: datetime) -> bool:
        """Say whether the incident of this key was given to the people of that level since then."""
        living = await self._living(key)
        if living is None:
            return False
        given = {one.assignee.id for one in living.assignments if one.at >= since.replace(microsecond=0)}
        return bool(given) and given <= {
            duty.user.id for duty in await self._duties() if duty.escalation_level == level
        }

    async def log(self, key: str) -> tuple[Logged, ...]:
        """Who was notified and what was done there, oldest first: `GET /incidents/{id}/log_entries`, the last 100 of each.

        A key that was triggered again after it was resolved has more than one incident there.
        """
        found = await self._rest.read("/incidents", _INCIDENTS, params={"incident_key": key})
        logged = []
        for incident in found.incidents:
            log = await self._rest.read(f"/incidents/{incident.id}/log_entries", _LOG, params={"limit": 100})
            logged += [
                Logged(at=entry.created_at, what=_LOGGED[entry.type], who=(named.summary or "") if named else "")
                for entry in log.log_entries
                if entry.type in _LOGGED
                for named in (entry.user if entry.type == "notify_log_entry" else entry.agent,)
            ]
        return tuple(sorted(logged, key=lambda one: one.at))

    async def _living(self, key: str) -> _Incident | None:
        found = await self._rest.read("/incidents", _INCIDENTS, params={"incident_key": key})
        return next((incident for incident in found.incidents if incident.status != "resolved"), None)
