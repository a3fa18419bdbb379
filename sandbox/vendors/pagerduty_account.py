"""The account behind both of PagerDuty's stand-ins: who is on call, the incidents, and who was notified when."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.vendors.moments import iso_seconds
from sandbox.world import CAST, CREDENTIALS, Person, World

SERVICE: Final = "PSVCILAB"
"""The id of the one service; its integration has the routing key."""
ESCALATION_MINUTES: Final = 30
_WEEK: Final = 7 * 86400.0
_SITE: Final = "https://interviewlab.pagerduty.com"

SCHEDULES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "PSCHENG": ("On-call engineers", ("alice", "bob")),
    "PSCHLEA": ("Team leads", ("bob",)),
    "PSCHAPR": ("Approvers on duty", ("dave", "bob")),
}
"""Id → (name, names of the people, the one on duty now first)."""
POLICIES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    CREDENTIALS["pagerduty.escalation_policy"]: ("InterviewLab escalation", ("PSCHENG", "PSCHLEA", "carol")),
    "PAPPROV": ("Approvals", ("PSCHAPR",)),
}
"""Id → (name, the target of each level: a schedule, or a person for good)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Duty:
    """Somebody on call at one level of a policy; `schedule` is "" and the times are None where it is for good."""

    policy: str
    level: int
    schedule: str
    person: Person
    start: float | None
    end: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Somebody was notified of an incident at a moment of the bot's time."""

    at: float
    person: Person
    incident: str
    level: int


@dataclass(kw_only=True, slots=True)
class Incident:
    """One incident; `key` is its dedup key, times are in seconds since the epoch."""

    id: str
    number: int
    key: str
    title: str
    urgency: str
    created: float
    details: Any
    status: str = "triggered"
    level: int = 1
    escalated: float = 0.0
    changed: float = 0.0
    assigned: list[Person] = field(default_factory=list)
    acknowledged: list[tuple[float, Person]] = field(default_factory=list)
    resolution: str = ""
    notes: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    """Its log entries, newest last."""


class Account:
    """The state of the account. Incidents nobody acknowledges go up one level each `ESCALATION_MINUTES`."""

    def __init__(self, world: World) -> None:
        """Start with nothing open."""
        self._world = world
        self.people = [person for person in CAST if person.pagerduty_id]
        self.incidents: list[Incident] = []
        self.pages: list[Page] = []
        self.shifts: dict[str, int] = {}
        """By schedule, how many shifts have been handed over: the sandbox's weeks begin when somebody says so."""

    def duties(self, at: float | None = None) -> list[Duty]:
        """Who is on call, policy by policy, level by level, now or at a moment to come.

        Shifts end on Mondays at 09:00 UTC; who comes then is the next of the schedule.
        """
        now = self._world.clock.timestamp()
        monday = 4 * 86400 + 9 * 3600.0
        start = now - (now - monday) % _WEEK
        duties = []
        for policy, (_, levels) in POLICIES.items():
            for level, target in enumerate(levels, start=1):
                shift = target in SCHEDULES
                ahead = max(0, int((at - start) // _WEEK)) if at is not None else 0
                names = SCHEDULES[target][1] if shift else (target,)
                name = names[(self.shifts.get(target, 0) + ahead) % len(names)]
                duties.append(
                    Duty(
                        policy=policy,
                        level=level,
                        schedule=target if shift else "",
                        person=self._world.person(name),
                        start=start if shift else None,
                        end=start + _WEEK if shift else None,
                    )
                )
        return duties

    def service(self) -> dict[str, Any]:
        """Return the service, in PagerDuty's shape."""
        policy = CREDENTIALS["pagerduty.escalation_policy"]
        status = "critical" if any(incident.status == "triggered" for incident in self.incidents) else "active"
        return {
            **reference("service", SERVICE, "InterviewLab"),
            "type": "service",
            "name": "InterviewLab",
            "status": status,
            "escalation_policy": reference("escalation_policy", policy, POLICIES[policy][0]),
            "auto_resolve_timeout": None,
            "acknowledgement_timeout": None,
            "alert_creation": "create_alerts_and_incidents",
            "integrations": [reference("events_api_v2_inbound_integration", "PINTEG1", "ilab")],
        }

    def find(self, key: str) -> Incident | None:
        """Find an incident by id or number."""
        return next((i for i in self.incidents if key in (i.id, str(i.number))), None)

    def open_incident(self, key: str) -> Incident | None:
        """Find the incident that a dedup key has open."""
        return next((i for i in self.incidents if i.key == key and i.status != "resolved"), None)

    def trigger(self, title: str, *, key: str, urgency: str, details: object) -> Incident:
        """Open an incident and notify its first level."""
        number = len(self.incidents) + 1001
        digest = hashlib.sha256(f"{number}{title}".encode()).hexdigest().upper()
        now = self._world.clock.timestamp()
        incident = Incident(
            id=f"Q{digest[:13]}",
            number=number,
            key=key or digest[13:45].lower(),
            title=title,
            urgency=urgency,
            created=now,
            changed=now,
            details=details,
        )
        self.incidents.append(incident)
        self._note(incident, "trigger", "Triggered through the API.", None)
        self.raise_to(incident, 1)
        self._tell(incident, "triggered", None)
        return incident

    def _tell(self, incident: Incident, what: str, person: Person | None) -> None:
        """The webhook subscription, version 3."""
        data = self.described(incident) | {"number": incident.number, "title": incident.title}
        agent = user(person, whole=False) if person else reference("service", SERVICE, "InterviewLab")
        event = {
            "id": f"01{hashlib.sha256(f'{incident.id}{what}{incident.changed}'.encode()).hexdigest()[:22].upper()}",
            "event_type": f"incident.{what}",
            "resource_type": "incident",
            "occurred_at": iso_seconds(self._world.clock.timestamp()),
            "agent": agent,
            "client": None,
            "data": data,
        }
        self._world.webhooks.send("pagerduty", {"event": event})

    def raise_to(self, incident: Incident, level: int) -> None:
        """Assign an incident to a level of the policy, the last one at most, and notify who is on call there."""
        policy = CREDENTIALS["pagerduty.escalation_policy"]
        incident.level = max(1, min(level, len(POLICIES[policy][1])))
        incident.status = "triggered"
        incident.acknowledged = []
        people = [d.person for d in self.duties() if d.policy == policy and d.level == incident.level]
        self.assign(incident, people)

    def assign(self, incident: Incident, people: Sequence[Person]) -> None:
        """Give an incident to people, and notify them."""
        now = self._world.clock.timestamp()
        incident.assigned, incident.escalated, incident.changed = list(people), now, now
        self.pages += [Page(at=now, person=p, incident=incident.id, level=incident.level) for p in people]
        for person in people:
            self._note(incident, "notify", f"Notified {person.real_name} via push notification.", person)

    def escalate(self) -> None:
        """Raise what nobody acknowledged in time, as PagerDuty does by itself."""
        now = self._world.clock.timestamp()
        top = len(POLICIES[CREDENTIALS["pagerduty.escalation_policy"]][1])
        for incident in self.incidents:
            overdue = now - incident.escalated > ESCALATION_MINUTES * 60
            if incident.status == "triggered" and incident.level < top and overdue:
                self.raise_to(incident, incident.level + 1)

    def acknowledge(self, incident: Incident, person: Person | None) -> None:
        """Stop the escalation; without a person it is whom the incident is assigned to."""
        incident.status, incident.changed = "acknowledged", self._world.clock.timestamp()
        incident.acknowledged.append((incident.changed, person or incident.assigned[0]))
        self._note(incident, "acknowledge", f"Acknowledged by {person.real_name if person else 'ilab'}.", person)
        self._tell(incident, "acknowledged", person)

    def resolve(self, incident: Incident, resolution: str, person: Person | None = None) -> None:
        """Close an incident; its key may open another one. Without a person it was an event, or PagerDuty itself."""
        incident.status, incident.resolution = "resolved", resolution
        incident.changed, incident.assigned = self._world.clock.timestamp(), []
        self._note(incident, "resolve", f"Resolved by {person.real_name if person else 'ilab'}.", person)
        self._tell(incident, "resolved", person)

    def _note(self, incident: Incident, kind: str, summary: str, person: Person | None) -> None:
        """Add to the incident's log. Whom an entry of kind notify is about stands under `user`; else who did it, `agent`."""
        entry = reference("log_entry", f"R{incident.id[1:]}{len(incident.log) + 1:03d}", summary)
        agent = reference("events_api_v2_inbound_integration", "PINTEG1", "ilab")
        entry |= {
            "type": f"{kind}_log_entry",
            "created_at": iso_seconds(self._world.clock.timestamp()),
            "agent": user(person, whole=False) if person and kind != "notify" else agent,
            "channel": {"type": "auto" if kind == "notify" else "api"},
            "service": reference("service", SERVICE, "InterviewLab"),
            "incident": reference("incident", incident.id, f"[#{incident.number}] {incident.title}"),
            "teams": [],
            "contexts": [],
        }
        if person and kind == "notify":
            entry["user"] = user(person, whole=False)
            entry["channel"]["notification"] = {"type": "push_notification", "status": "success"}
        incident.log.append(entry)

    def add_alert(self, incident: Incident, payload: dict[str, Any]) -> None:
        """Note one event in an incident."""
        alert = {
            **reference("alert", f"{incident.id}A{len(incident.alerts) + 1}", payload["summary"]),
            "type": "alert",
            "status": incident.status,
            "alert_key": incident.key,
            "severity": payload["severity"],
            "created_at": iso_seconds(self._world.clock.timestamp()),
            "body": {"type": "alert_body", "details": payload.get("custom_details", {})},
        }
        incident.alerts.append(alert)

    def described(self, incident: Incident) -> dict[str, Any]:
        """Return an incident in PagerDuty's shape."""
        policy = CREDENTIALS["pagerduty.escalation_policy"]
        described: dict[str, Any] = {
            **reference("incident", incident.id, f"[#{incident.number}] {incident.title}"),
            "type": "incident",
            "incident_number": incident.number,
            "title": incident.title,
            "created_at": iso_seconds(incident.created),
            "updated_at": iso_seconds(incident.changed),
            "last_status_change_at": iso_seconds(incident.changed),
            "status": incident.status,
            "incident_key": incident.key,
            "service": reference("service", SERVICE, "InterviewLab"),
            "urgency": incident.urgency,
            "escalation_policy": reference("escalation_policy", policy, POLICIES[policy][0]),
            "assignments": [
                {"at": iso_seconds(incident.escalated), "assignee": user(person, whole=False)}
                for person in incident.assigned
            ],
            "acknowledgements": [
                {"at": iso_seconds(at), "acknowledger": user(person, whole=False)}
                for at, person in incident.acknowledged
            ],
            "alert_counts": {"all": len(incident.alerts), "triggered": len(incident.alerts), "resolved": 0},
            "teams": [],
            "priority": None,
            "body": incident.details,
        }
        if incident.resolution:
            described["resolve_reason"] = None
            described["resolution"] = incident.resolution
        return described


def reference(kind: str, key: str, summary: str) -> dict[str, Any]:
    """Return a reference, as PagerDuty puts them in place of whole objects."""
    plural = {"escalation_policy": "escalation_policies"}.get(kind, f"{kind}s")
    return {
        "id": key,
        "type": f"{kind}_reference",
        "summary": summary,
        "self": f"https://api.pagerduty.com/{plural}/{key}",
        "html_url": f"{_SITE}/{plural}/{key}",
    }


def user(person: Person, *, whole: bool, contacts: bool = False) -> dict[str, Any]:
    """Return a person, as a reference or whole, with whole contact methods where asked for."""
    short = reference("user", person.pagerduty_id, person.real_name)
    if not whole:
        return short
    number = person.phone.removeprefix("+").replace(" ", "")
    code = next((code for code in ("353", "81", "44", "46", "33") if number.startswith(code)), "1")
    methods: list[dict[str, Any]] = []
    for kind, address in (("email", person.email), ("phone", number), ("sms", number)):
        key = f"{person.pagerduty_id}{kind[0].upper()}"
        method = reference(
            f"{kind}_contact_method", key, {"email": "Default", "phone": "Mobile", "sms": "Mobile"}[kind]
        )
        method["self"] = f"https://api.pagerduty.com/users/{person.pagerduty_id}/contact_methods/{key}"
        method["html_url"] = None
        if contacts:
            method |= {"type": f"{kind}_contact_method", "label": method["summary"], "address": address}
            if kind != "email":
                method |= {"country_code": int(code), "address": address.removeprefix(code), "enabled": True}
        methods.append(method)
    return {
        **short,
        "type": "user",
        "name": person.real_name,
        "email": person.email,
        "time_zone": person.tz,
        "color": "purple",
        "avatar_url": f"https://secure.gravatar.com/avatar/{person.pagerduty_id.lower()}.png",
        "billed": True,
        "role": "owner" if person.role == "admin" else "user",
        "description": None,
        "invitation_sent": False,
        "job_title": person.title,
        "contact_methods": methods,
        "notification_rules": [],
        "teams": [],
    }
