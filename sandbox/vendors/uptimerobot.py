"""A stand-in for UptimeRobot's API, version 3: https://uptimerobot.com/api/v3/."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from sandbox.faults import Faults
from sandbox.vendors.moments import iso
from sandbox.vendors.uptimerobot_pages import USER, UptimeRobotPages
from sandbox.vendors.vendor import API_SWITCH, RefusalError, Switch, call
from sandbox.world import World

SITE_MONITOR: Final = 800100001
"""The id of the monitor that the switch `site_monitor` is about."""

_MONITORS: Final = (
    (SITE_MONITOR, "InterviewLab site", "https://interviewlab.io", "HTTP", 60, 41.3),
    (800100002, "API: entitlements", "https://interviewlab.io/api/user/entitlements", "HTTP", 60, 17.6),
    (800100003, "Checkout page", "https://interviewlab.io/pricing", "KEYWORD", 60, 12.1),
    (800100004, "Sign-in page", "https://interviewlab.io/sign-in", "HTTP", 300, 41.3),
    (800100005, "Supabase Auth", "https://abcdefghijklmnopqrst.supabase.co/auth/v1/health", "HTTP", 300, 88.0),
    (800100006, "Nightly export", "https://heartbeat.uptimerobot.com/m800100006", "HEARTBEAT", 86400, 200.4),
)
"""Id, name, address, type, interval in seconds, days that it has been up."""


@dataclass(kw_only=True, slots=True)
class Incident:
    """A time during which a monitor was down; times are in seconds since the epoch."""

    id: str
    monitor: int
    cause: int
    reason: str
    started: float
    resolved: float | None = None


@dataclass(kw_only=True, slots=True)
class Monitor:
    """One monitor. `since` is when it came into its status."""

    id: int
    name: str
    url: str
    kind: str
    interval: int
    status: str
    since: float


class UptimeRobot(UptimeRobotPages):
    """An account on the Solo plan: 100 requests a minute. The base address of clients ends with `/v3`."""

    name = "uptimerobot"
    title = "UptimeRobot"
    watched = tuple(number for number, *_ in _MONITORS)
    switches = (Switch(name="site_monitor", label="Monitor of the site", options=("up", "down", "paused")), API_SWITCH)

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with six monitors up, a short history of outages, one public page and nothing announced."""
        super().__init__(world, faults)
        started = world.started
        self.monitors = {
            number: Monitor(
                id=number,
                name=name,
                url=url,
                kind=kind,
                interval=interval,
                status="UP",
                since=started - days * 86400,
            )
            for number, name, url, kind, interval, days in _MONITORS
        }
        self.incidents: list[Incident] = []
        for monitor, reason, cause, length in (
            (SITE_MONITOR, "HTTP 502 - Bad Gateway", 502, 240.0),
            (800100004, "HTTP 503 - Service Unavailable", 503, 340.0),
            (800100002, "Connection Timeout", 333333, 125.0),
            (800100003, "Keyword not found", 0, 610.0),
        ):
            ended = self.monitors[monitor].since
            self._begin(monitor, cause, reason, ended - length).resolved = ended

    def changed(self, name: str, option: str) -> None:
        """Let the site's monitor find the site down two minutes ago, up again just now, or be paused."""
        if name != "site_monitor":
            return
        self._put(SITE_MONITOR, {"up": "UP", "down": "DOWN", "paused": "PAUSED"}[option])

    def _put(self, number: int, status: str) -> None:
        monitor, now = self.monitors[number], self.now()
        if monitor.status == status:
            return
        monitor.since = now - 120 if status == "DOWN" else now
        if status == "DOWN":
            self._begin(number, 502, "HTTP 502 - Bad Gateway", monitor.since)
        for incident in self.incidents:
            if incident.monitor == number and incident.resolved is None and status != "DOWN":
                incident.resolved = now
        if {monitor.status, status} <= {"UP", "DOWN"}:
            self._tell(monitor, status)
        monitor.status = status

    def _tell(self, monitor: Monitor, status: str) -> None:
        """The alert contact: a webhook by the template of our operating guide; every value is a string."""
        last = next(incident for incident in reversed(self.incidents) if incident.monitor == monitor.id)
        body = {
            "id": str(monitor.id),
            "name": monitor.name,
            "url": monitor.url,
            "type": "1" if status == "DOWN" else "2",
            "details": last.reason,
            "at": str(int(self.now())),
            "duration": str(int((last.resolved or self.now()) - last.started)),
        }
        self.world.webhooks.send("uptimerobot", body)

    def _begin(self, monitor: int, cause: int, reason: str, started: float) -> Incident:
        number = f"{len(self.incidents) + 1:06d}{monitor}"
        incident = Incident(id=number, monitor=monitor, cause=cause, reason=reason, started=started)
        self.incidents.append(incident)
        return incident

    # monitors

    @call("GET", "/v3/monitors", "list monitors")
    async def list_monitors(self, request: web.Request) -> web.Response:
        """List monitors, by status, name and address; `nextLink` is the address of the next page."""
        query = request.query
        statuses = {status for status in query.get("status", "").upper().split(",") if status}
        found = [
            monitor
            for monitor in self.monitors.values()
            if (not statuses or monitor.status in statuses)
            and query.get("name", "").lower() in monitor.name.lower()
            and query.get("url", "") in monitor.url
        ]
        return self.paged(request, [self._monitor(monitor) for monitor in found])

    @call("GET", "/v3/monitors/{id:\\d+}", "get monitor")
    async def get_monitor(self, request: web.Request) -> web.Response:
        """Return one monitor."""
        return web.json_response(self._monitor(self._found(request)))

    @call("POST", "/v3/monitors/{id:\\d+}/pause", "pause monitor")
    async def pause_monitor(self, request: web.Request) -> web.Response:
        """Pause a monitor."""
        return self._become(request, "PAUSED")

    @call("POST", "/v3/monitors/{id:\\d+}/start", "start monitor")
    async def start_monitor(self, request: web.Request) -> web.Response:
        """Let a paused monitor check again."""
        return self._become(request, "UP")

    def _become(self, request: web.Request, status: str) -> web.Response:
        monitor = self._found(request)
        self._put(monitor.id, status)
        if monitor.id == SITE_MONITOR:
            self.state["site_monitor"] = {"UP": "up", "PAUSED": "paused"}[status]
        return web.json_response(self._monitor(monitor), status=201)

    def _found(self, request: web.Request) -> Monitor:
        monitor = self.monitors.get(int(request.match_info["id"]))
        if monitor is None:
            raise RefusalError(self.error(404, "Monitor not found"))
        return monitor

    def _monitor(self, monitor: Monitor) -> dict[str, Any]:
        own = [incident for incident in self.incidents if incident.monitor == monitor.id]
        last = own[-1] if own else None
        described: dict[str, Any] = {
            "id": monitor.id,
            "userId": USER,
            "friendlyName": monitor.name,
            "url": monitor.url,
            "type": monitor.kind,
            "status": monitor.status,
            "interval": monitor.interval,
            "currentStateDuration": int(self.now() - monitor.since),
            "lastIncidentId": last.id if last else None,
            "lastIncident": None,
            "createDateTime": iso(self.world.started - 400 * 86400),
            "sslBrand": "Let's Encrypt",
            "sslExpiryDateTime": iso(self.world.started + 54 * 86400),
            "domainExpireDate": iso(self.world.started + 210 * 86400),
            "checkSSLErrors": True,
            "sslExpirationReminder": True,
            "domainExpirationReminder": True,
            "followRedirections": True,
            "authType": "NONE",
            "customHttpHeaders": None,
            "httpMethodType": "HEAD" if monitor.kind == "HTTP" else "GET",
            "successHttpResponseCodes": ["2xx", "3xx", "401"] if "entitlements" in monitor.url else ["2xx", "3xx"],
            "timeout": 30,
            "postValueData": None,
            "postValueType": None,
            "port": None,
            "gracePeriod": 300 if monitor.kind == "HEARTBEAT" else None,
            "keywordValue": "Buy" if monitor.kind == "KEYWORD" else None,
            "keywordCaseType": None,
            "keywordType": "ALERT_NOT_EXISTS" if monitor.kind == "KEYWORD" else None,
            "responseTimeThreshold": 3000,
            "config": None,
            "regionalData": {"REGION": ["eu"]},
            "maintenanceWindows": [window for window in self.windows if monitor.id in window["monitorIds"]],
            "psps": [],
            "tags": [{"id": 1, "name": "production", "color": "#2f855a"}],
            "assignedAlertContacts": [{"alertContactId": 1, "threshold": 0, "recurrence": 0}],
            "lastDayUptimes": self._last_day(monitor.id),
            "groupId": 0,
            "apiKey": None,
        }
        if last:
            described["lastIncident"] = {
                "id": last.id,
                "status": "Resolved" if last.resolved else "Ongoing",
                "cause": last.cause,
                "reason": last.reason,
                "startedAt": iso(last.started),
                "duration": int((last.resolved or self.now()) - last.started),
            }
        return described

    def _last_day(self, number: int) -> dict[str, Any]:
        now = self.now()
        buckets = [
            {"timestamp": int(start), "uptime": round(100 - self._downtime(number, start, start + 3600) / 36, 3)}
            for start in (now - 3600 * hours for hours in range(24, 0, -1))
        ]
        return {"bucketSize": 3600, "histogram": buckets}

    def _downtime(self, number: int | None, start: float, end: float) -> float:
        return sum(
            max(0.0, min(end, incident.resolved or self.now()) - max(start, incident.started))
            for incident in self.incidents
            if number in (None, incident.monitor)
        )

    @call("GET", "/v3/monitors/{id:\\d+}/stats/uptime", "get uptime")
    async def uptime(self, request: web.Request) -> web.Response:
        """Return one monitor's uptime between `from` and `to`, a day by default."""
        monitor = self._found(request)
        end = self.moment(request, "to", self.now())
        start = self.moment(request, "from", end - 86400)
        down = self._downtime(monitor.id, start, end)
        count = sum(1 for i in self.incidents if i.monitor == monitor.id and start <= i.started < end)
        return web.json_response(
            {
                "uptime": round(100 * (1 - down / max(1.0, end - start)), 3),
                "total_downtime_seconds": int(down),
                "incident_count": count,
                "mtbf": int((end - start - down) / count) if count else None,
                "from": iso(start),
                "to": iso(end),
            }
        )

    @call("GET", "/v3/monitors/uptime-stats", "get uptime of all")
    async def uptime_of_all(self, request: web.Request) -> web.Response:
        """Return the uptime of all monitors together over `timeFrame`."""
        days = {"DAY": 1, "WEEK": 7, "MONTH": 30, "DAYS_30": 30, "YEAR": 365, "ALL": 400}
        frame = request.query.get("timeFrame", "")
        if frame not in days:
            raise RefusalError(self.error(400, "timeFrame must be one of: " + ", ".join(days)))
        span, now = days[frame] * 86400.0, self.now()
        down = self._downtime(None, now - span, now)
        recent = [incident for incident in self.incidents if incident.started > now - span]
        return web.json_response(
            {
                "overallUptime": round(100 * (1 - down / (span * len(self.monitors))), 3),
                "totalIncidents": len(recent),
                "totalTimeWithoutIncidents": int(span - down),
                "affectedMonitors": len({incident.monitor for incident in recent}),
                "mtbf": int(span / len(recent)) if recent else None,
            }
        )

    # incidents

    @call("GET", "/v3/incidents", "list incidents")
    async def list_incidents(self, request: web.Request) -> web.Response:
        """List incidents, newest first."""
        after, before = self.moment(request, "started_after", 0), self.moment(request, "started_before", 9e12)
        number = self.whole_number(request, "monitor_id", 0)
        found = [
            self._incident(incident)
            for incident in sorted(self.incidents, key=lambda incident: -incident.started)
            if after <= incident.started <= before and number in (0, incident.monitor)
        ]
        return self.paged(request, found)

    @call("GET", "/v3/incidents/{id}", "get incident")
    async def get_incident(self, request: web.Request) -> web.Response:
        """Return one incident with what the monitor saw."""
        for incident in self.incidents:
            if incident.id == request.match_info["id"]:
                described = self._incident(incident)
                kept = ("id", "status", "cause", "reason", "duration", "startedAt", "resolvedAt")
                cause = {
                    "url": self.monitors[incident.monitor].url,
                    "requestHeaders": {"User-Agent": "UptimeRobot/2.0"},
                    "responseHeaders": {"server": "Vercel"},
                    "httpResponseCode": incident.cause if 100 <= incident.cause < 600 else None,
                    "responseDownloadUrl": None,
                }
                return web.json_response({key: described[key] for key in kept} | {"rootCause": cause})
        raise RefusalError(self.error(404, "Incident not found"))

    def _incident(self, incident: Incident) -> dict[str, Any]:
        return {
            "id": incident.id,
            "status": "Resolved" if incident.resolved else "Ongoing",
            "type": "Down",
            "cause": incident.cause,
            "reason": incident.reason,
            "monitor": {"id": incident.monitor, "friendlyName": self.monitors[incident.monitor].name},
            "commentsCount": 0,
            "startedAt": iso(incident.started),
            "resolvedAt": iso(incident.resolved) if incident.resolved else None,
            "duration": int((incident.resolved or self.now()) - incident.started),
            "includeInReports": True,
        }
