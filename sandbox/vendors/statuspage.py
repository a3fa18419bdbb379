"""A stand-in for Atlassian Statuspage, where InterviewLab's own public page is: https://developer.statuspage.io/."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from sandbox.faults import Faults
from sandbox.vendors.moments import iso, parsed
from sandbox.vendors.vendor import API_SWITCH, RateLimit, RefusalError, Vendor, call
from sandbox.world import CREDENTIALS, World

COMPONENTS: Final = {
    "cmpwebsite01": "Website",
    "cmpsignin001": "Sign-in",
    "cmpintervw01": "Interviews",
    "cmppayment01": "Payments",
    "cmpuploads01": "CV uploads",
    "cmpapi000001": "API",
}
"""Id → name."""

_COMPONENT_STATES: Final = (
    "operational",
    "under_maintenance",
    "degraded_performance",
    "partial_outage",
    "major_outage",
)
_REALTIME: Final = ("investigating", "identified", "monitoring", "resolved")
_SCHEDULED: Final = ("scheduled", "in_progress", "verifying", "completed")
_LONGEST_NAME: Final = 255
_IMPACTS: Final = ("none", "minor", "major", "critical", "maintenance")
_WORST: Final = {"degraded_performance": "minor", "partial_outage": "major", "major_outage": "critical"}


@dataclass(kw_only=True, slots=True)
class Component:
    """A part of the product, with its state and since when."""

    name: str
    updated: float
    status: str = "operational"


@dataclass(kw_only=True, slots=True)
class Incident:
    """An incident or a maintenance; times are in seconds since the epoch."""

    id: str
    name: str
    status: str
    created: float
    impact_override: str | None = None
    scheduled_for: float | None = None
    scheduled_until: float | None = None
    auto_in_progress: bool = False
    auto_completed: bool = False
    remind_prior: bool = False
    components: list[str] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    monitoring: float | None = None
    resolved: float | None = None
    postmortem: str | None = None
    impact: str = "none"
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def scheduled(self) -> bool:
        """Whether it is a maintenance."""
        return self.scheduled_for is not None


class Statuspage(Vendor):
    """The one page. At most one request a second, else 420. Maintenances begin and end by themselves where asked for."""

    name = "statuspage"
    title = "Statuspage"
    switches = (API_SWITCH,)

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with six components operational and one incident of last month."""
        super().__init__(world, faults)
        self.components = {key: Component(name=name, updated=world.started - 86400) for key, name in COMPONENTS.items()}
        self.incidents: list[Incident] = []
        self.notifications: list[tuple[float, str, str]] = []
        """What subscribers were sent: when, the incident's id, the text."""
        self._limit = RateLimit(world, limit=1, seconds=1)
        past = Incident(
            id=_id("past"),
            name="Slow interviews",
            status="resolved",
            created=world.started - 33 * 86400,
            resolved=world.started - 33 * 86400 + 4100,
            components=["cmpintervw01"],
            impact="minor",
        )
        self._note(past, "Questions took longer than usual. This is resolved.", past.created + 4100, notify=False)
        self.incidents.append(past)

    def authorized(self, request: web.Request) -> bool:
        """Ask for `OAuth <key>`."""
        return request.headers.get("Authorization") == f"OAuth {CREDENTIALS['statuspage.api_key']}"

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer `{"error": "…"}`."""
        del code
        return web.json_response({"error": message}, status=status)

    def unauthorized(self, request: web.Request) -> web.Response:
        """Answer 401."""
        del request
        return self.error(401, "Could not authenticate")

    async def before(self, request: web.Request) -> web.Response | None:
        """Refuse the second request within a second, and let scheduled things happen."""
        if not self._limit.take().allowed:
            return self.error(420, "You have exceeded the rate limit of 1 request per second.")
        self._settle()
        return await super().before(request)

    def _settle(self) -> None:
        now = self.now()
        for incident in self.incidents:
            begins = incident.auto_in_progress and incident.status == "scheduled"
            if begins and incident.scheduled_for and now >= incident.scheduled_for:
                incident.status = "in_progress"
                self._note(incident, "Scheduled maintenance is currently in progress.", incident.scheduled_for)
                self._put(dict.fromkeys(incident.components, "under_maintenance"))
            ends = incident.auto_completed and incident.status in ("in_progress", "verifying")
            if ends and incident.scheduled_until and now >= incident.scheduled_until:
                incident.status, incident.resolved = "completed", incident.scheduled_until
                self._note(incident, "The scheduled maintenance has been completed.", incident.scheduled_until)
                self._put(dict.fromkeys(incident.components, "operational"))

    def _put(self, states: dict[str, str]) -> None:
        for key, status in states.items():
            self.components[key].status, self.components[key].updated = status, self.now()

    # the page and its components

    def _page(self, request: web.Request) -> None:
        if request.match_info["page"] != CREDENTIALS["statuspage.page_id"]:
            raise RefusalError(self.error(404, "Page not found"))

    @call("GET", "/v1/pages/{page}", "get page")
    async def get_page(self, request: web.Request) -> web.Response:
        """Return the page."""
        self._page(request)
        page = {
            "id": CREDENTIALS["statuspage.page_id"],
            "name": "InterviewLab",
            "subdomain": "interviewlab",
            "domain": "status.interviewlab.io",
            "url": "https://status.interviewlab.io",
            "time_zone": "UTC",
            "created_at": iso(self.world.started - 400 * 86400),
            "updated_at": iso(self.world.started - 86400),
        }
        return web.json_response(page)

    @call("GET", "/v1/pages/{page}/components", "list components")
    async def list_components(self, request: web.Request) -> web.Response:
        """List the components."""
        self._page(request)
        return web.json_response([self._component(key) for key in self.components])

    @call("GET", "/v1/pages/{page}/components/{component}", "get component")
    async def get_component(self, request: web.Request) -> web.Response:
        """Return one component."""
        self._page(request)
        return web.json_response(self._component(self._component_key(request)))

    @call("PATCH", "/v1/pages/{page}/components/{component}", "update component")
    @call("PUT", "/v1/pages/{page}/components/{component}", "update component")
    async def update_component(self, request: web.Request) -> web.Response:
        """Change a component's state."""
        self._page(request)
        key = self._component_key(request)
        given = self._given(await self.json_object(request), "component")
        if "status" in given:
            self._put(self._states({key: given["status"]}))
        return web.json_response(self._component(key))

    def _component_key(self, request: web.Request) -> str:
        key = request.match_info["component"]
        if key not in self.components:
            raise RefusalError(self.error(404, "Component not found"))
        return key

    def _component(self, key: str) -> dict[str, Any]:
        component = self.components[key]
        return {
            "id": key,
            "page_id": CREDENTIALS["statuspage.page_id"],
            "group_id": None,
            "created_at": iso(self.world.started - 400 * 86400),
            "updated_at": iso(component.updated),
            "group": False,
            "name": component.name,
            "description": None,
            "position": list(self.components).index(key) + 1,
            "status": component.status,
            "showcase": True,
            "only_show_if_degraded": False,
            "automation_email": "",
        }

    # incidents

    @call("GET", "/v1/pages/{page}/incidents", "list incidents")
    async def list_incidents(self, request: web.Request) -> web.Response:
        """List incidents and maintenances, newest first, 100 a page; `q` looks into names and updates."""
        self._page(request)
        wanted = request.query.get("q", "").lower()
        found = [
            incident
            for incident in reversed(self.incidents)
            if wanted in f"{incident.name} {' '.join(update['body'] for update in incident.updates)}".lower()
        ]
        limit = min(100, max(1, self.whole_number(request, "limit", 100)))
        start = (max(1, self.whole_number(request, "page", 1)) - 1) * limit
        return web.json_response([self._described(incident) for incident in found[start : start + limit]])

    @call("GET", "/v1/pages/{page}/incidents/{kind:unresolved|scheduled|upcoming|active_maintenance}", "list incidents")
    async def list_some(self, request: web.Request) -> web.Response:
        """List what is unresolved, planned, or under maintenance now."""
        self._page(request)
        statuses = {
            "unresolved": _REALTIME[:3],
            "scheduled": _SCHEDULED[:3],
            "upcoming": _SCHEDULED[:1],
            "active_maintenance": _SCHEDULED[1:3],
        }[request.match_info["kind"]]
        found = [self._described(incident) for incident in reversed(self.incidents) if incident.status in statuses]
        return web.json_response(found)

    @call("POST", "/v1/pages/{page}/incidents", "create incident")
    async def create_incident(self, request: web.Request) -> web.Response:
        """Publish an incident or a maintenance: 201. Components change as `components` says."""
        self._page(request)
        given = self._given(await self.json_object(request), "incident")
        name = given.get("name")
        if not isinstance(name, str) or not name.strip():
            raise RefusalError(self.error(422, "Name can't be blank"))
        if len(name) > _LONGEST_NAME:
            raise RefusalError(self.error(422, "Name is too long (maximum is 255 characters)"))
        moments = [self._moment(given, key) for key in ("scheduled_for", "scheduled_until")]
        status = given.get("status") or ("scheduled" if moments[0] else "investigating")
        if status not in (_SCHEDULED if moments[0] else _REALTIME):
            raise RefusalError(self.error(422, f"Status {status} is not included in the list"))
        if status == "scheduled" and (not moments[1] or not moments[0] or moments[1] <= moments[0]):
            raise RefusalError(self.error(422, "Scheduled until must be after scheduled for"))
        incident = Incident(
            id=_id(f"{name}{len(self.incidents)}"),
            name=name,
            status=str(status),
            created=self.now(),
            scheduled_for=moments[0],
            scheduled_until=moments[1],
            auto_in_progress=bool(given.get("scheduled_auto_in_progress")),
            auto_completed=bool(given.get("scheduled_auto_completed")),
            remind_prior=bool(given.get("scheduled_remind_prior")),
        )
        self._apply(incident, given)
        self.incidents.append(incident)
        return web.json_response(self._described(incident), status=201)

    @call("GET", "/v1/pages/{page}/incidents/{incident}", "get incident")
    async def get_incident(self, request: web.Request) -> web.Response:
        """Return one incident."""
        return web.json_response(self._described(self._incident(request)))

    @call("PATCH", "/v1/pages/{page}/incidents/{incident}", "update incident")
    @call("PUT", "/v1/pages/{page}/incidents/{incident}", "update incident")
    async def update_incident(self, request: web.Request) -> web.Response:
        """Add an update. Resolving leaves the components as they are unless `components` says otherwise."""
        incident = self._incident(request)
        given = self._given(await self.json_object(request), "incident")
        status = given.get("status", incident.status)
        if status not in (_SCHEDULED if incident.scheduled else _REALTIME):
            raise RefusalError(self.error(422, f"Status {status} is not included in the list"))
        incident.name = str(given.get("name") or incident.name)
        incident.scheduled_for = self._moment(given, "scheduled_for") or incident.scheduled_for
        incident.scheduled_until = self._moment(given, "scheduled_until") or incident.scheduled_until
        changed = status != incident.status
        incident.status = status
        if status == "monitoring" and changed:
            incident.monitoring = self.now()
        if status in ("resolved", "completed") and changed:
            incident.resolved = self.now()
        self._apply(incident, given, changed=changed)
        return web.json_response(self._described(incident))

    @call("DELETE", "/v1/pages/{page}/incidents/{incident}", "delete incident")
    async def delete_incident(self, request: web.Request) -> web.Response:
        """Remove an incident from the page."""
        incident = self._incident(request)
        self.incidents.remove(incident)
        return web.json_response(self._described(incident))

    @call("PUT", "/v1/pages/{page}/incidents/{incident}/postmortem", "write post-mortem")
    async def write_postmortem(self, request: web.Request) -> web.Response:
        """Keep the draft of a post-mortem."""
        incident = self._incident(request)
        body = self._given(await self.json_object(request), "postmortem").get("body_draft")
        if not isinstance(body, str) or not body:
            raise RefusalError(self.error(422, "Body draft can't be blank"))
        incident.postmortem = body
        now = iso(self.now())
        return web.json_response({"preview_key": _id(body), "body_draft": body, "created_at": now, "updated_at": now})

    def _incident(self, request: web.Request) -> Incident:
        self._page(request)
        for incident in self.incidents:
            if incident.id == request.match_info["incident"]:
                return incident
        raise RefusalError(self.error(404, "Incident not found"))

    def _given(self, body: dict[str, Any], key: str) -> dict[str, Any]:
        given = body.get(key)
        if not isinstance(given, dict):
            raise RefusalError(self.error(400, f"{key} is missing"))
        return given

    def _moment(self, given: dict[str, Any], key: str) -> float | None:
        if not given.get(key):
            return None
        try:
            return parsed(str(given[key]))
        except ValueError:
            raise RefusalError(self.error(422, f"{key} is not a valid date")) from None

    def _states(self, states: object) -> dict[str, str]:
        if not isinstance(states, dict):
            raise RefusalError(self.error(422, "components should map ids to states"))
        for key, status in states.items():
            if key not in self.components:
                raise RefusalError(self.error(422, f"Component {key} does not exist"))
            if status not in _COMPONENT_STATES:
                raise RefusalError(self.error(422, f"Component status {status} is not included in the list"))
        return states

    def _apply(self, incident: Incident, given: dict[str, Any], *, changed: bool = True) -> None:
        """Take over components, impact and text from a request; nothing changes where one of them is refused."""
        states = self._states(given.get("components") or {})
        listed = given.get("component_ids") or []
        unknown = [key for key in listed if key not in self.components]
        if unknown:
            raise RefusalError(self.error(422, f"Component {unknown[0]} does not exist"))
        metadata = given.get("metadata", incident.metadata)
        if not isinstance(metadata, dict) or not all(isinstance(value, dict) for value in metadata.values()):
            raise RefusalError(self.error(422, "Metadata must be an object whose top-level values are objects"))
        incident.metadata = metadata
        override = given.get("impact_override", incident.impact_override)
        if override not in (None, *_IMPACTS):
            raise RefusalError(self.error(422, f"Impact override {override} is not included in the list"))
        incident.impact_override = override
        incident.components = list(dict.fromkeys([*incident.components, *listed, *states]))
        self._put(states)
        worst = [_WORST[status] for status in states.values() if status in _WORST]
        computed = max([incident.impact, *worst], key=_IMPACTS.index)
        incident.impact = override or ("maintenance" if incident.scheduled else computed)
        if given.get("body") or changed:
            notify = given.get("deliver_notifications", True) is not False
            self._note(incident, str(given.get("body") or ""), self.now(), notify=notify)

    def _note(self, incident: Incident, body: str, at: float, *, notify: bool = True) -> None:
        update = {
            "id": _id(f"{incident.id}{len(incident.updates)}"),
            "incident_id": incident.id,
            "status": incident.status,
            "body": body,
            "created_at": iso(at),
            "updated_at": iso(at),
            "display_at": iso(at),
            "deliver_notifications": notify,
            "affected_components": [
                {"code": key, "name": COMPONENTS[key], "new_status": self.components[key].status}
                for key in incident.components
            ],
        }
        incident.updates.insert(0, update)
        if notify:
            self.notifications.append((at, incident.id, body))

    def _described(self, incident: Incident) -> dict[str, Any]:
        def moment(seconds: float | None) -> str | None:
            return None if seconds is None else iso(seconds)

        return {
            "id": incident.id,
            "page_id": CREDENTIALS["statuspage.page_id"],
            "name": incident.name,
            "status": incident.status,
            "impact": incident.impact,
            "impact_override": incident.impact_override,
            "created_at": iso(incident.created),
            "updated_at": incident.updates[0]["created_at"] if incident.updates else iso(incident.created),
            "started_at": moment(incident.scheduled_for or incident.created),
            "monitoring_at": moment(incident.monitoring),
            "resolved_at": moment(incident.resolved),
            "scheduled_for": moment(incident.scheduled_for),
            "scheduled_until": moment(incident.scheduled_until),
            "scheduled_remind_prior": incident.remind_prior,
            "scheduled_auto_in_progress": incident.auto_in_progress,
            "scheduled_auto_completed": incident.auto_completed,
            "shortlink": f"https://stspg.io/{incident.id}",
            "postmortem_body": incident.postmortem,
            "incident_updates": incident.updates,
            "components": [self._component(key) for key in incident.components],
            "metadata": incident.metadata,
        }


def _id(of: str) -> str:
    """An id as Statuspage makes them: 12 letters and digits."""
    return hashlib.sha256(of.encode()).hexdigest()[:12]
