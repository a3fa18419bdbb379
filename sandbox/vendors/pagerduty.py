"""A stand-in for PagerDuty's REST API: https://developer.pagerduty.com/api-reference/."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.faults import Faults
from sandbox.vendors.moments import iso_seconds, parsed
from sandbox.vendors.pagerduty_account import POLICIES, SCHEDULES, SERVICE, Account, Incident, reference, user
from sandbox.vendors.vendor import API_SWITCH, Allowance, RateLimit, RefusalError, Switch, Vendor, call
from sandbox.world import CREDENTIALS, Person, World


class PagerDuty(Vendor):
    """The REST API: 960 calls a minute; writes to incidents need `From`, the e-mail of a user of the account."""

    name = "pagerduty"
    title = "PagerDuty"
    switches = (API_SWITCH, Switch(name="on_call", label="On call", options=SCHEDULES["PSCHENG"][1]))

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with alice, bob and carol on the three levels, and no incident."""
        super().__init__(world, faults)
        self.account = Account(world)
        self.subscriptions: list[dict[str, Any]] = []
        self._limit = RateLimit(world, limit=960, seconds=60)
        self._allowance: Allowance | None = None

    def changed(self, name: str, option: str) -> None:
        """Let somebody else be on call."""
        if name == "on_call":
            self.account.shifts["PSCHENG"] = SCHEDULES["PSCHENG"][1].index(option)

    def authorized(self, request: web.Request) -> bool:
        """Ask for `Token token=<key>`."""
        return request.headers.get("Authorization") == f"Token token={CREDENTIALS['pagerduty.api_key']}"

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer `{"error": {"code", "message", "errors"}}` with PagerDuty's numbers."""
        numbers = {400: 2001, 401: 2006, 403: 2010, 404: 2100, 429: 2020}
        number = int(code) if code.isdigit() else numbers.get(status, 2000)
        titles = {2001: "Invalid Input Provided", 2002: "Arguments Caused Error", 2100: "Not Found"}
        error = {"code": number, "message": titles.get(number, message), "errors": [message]}
        return web.json_response({"error": error}, status=status)

    def unauthorized(self, request: web.Request) -> web.Response:
        """Answer 401."""
        del request
        return self.error(401, "Unauthorized")

    async def before(self, request: web.Request) -> web.Response | None:
        """Count the call, let happen what was due, and ask for version 2."""
        self._allowance = self._limit.take()
        if not self._allowance.allowed:
            return self.error(429, "Rate Limit Exceeded")
        down = await super().before(request)
        self.account.escalate()
        return down

    def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the limit's headers."""
        del request
        if self._allowance:
            response.headers["ratelimit-limit"] = str(self._allowance.limit)
            response.headers["ratelimit-remaining"] = str(self._allowance.remaining)
            response.headers["ratelimit-reset"] = str(self._allowance.whole_reset)

    def _paged(self, request: web.Request, key: str, items: list[dict[str, Any]]) -> web.Response:
        limit = min(100, max(1, self.whole_number(request, "limit", 25)))
        offset = self.whole_number(request, "offset", 0)
        if offset + limit > 10_000:
            raise RefusalError(self.error(400, "Offset must be less than or equal to 10000"))
        page = {"limit": limit, "offset": offset, "total": None, "more": offset + limit < len(items)}
        return web.json_response({key: items[offset : offset + limit], **page})

    # who is on call

    @call("GET", "/oncalls", "list on-calls")
    async def list_oncalls(self, request: web.Request) -> web.Response:
        """List who is on call, level by level; users are references unless `include[]=users` is asked for."""
        query = request.query
        policies = query.getall("escalation_policy_ids[]", [])
        schedules, users = query.getall("schedule_ids[]", []), query.getall("user_ids[]", [])
        whole = "users" in query.getall("include[]", [])
        oncalls = []
        try:
            at = parsed(query["since"]) if "since" in query else None
        except ValueError:
            raise RefusalError(self.error(400, "since must be ISO 8601")) from None
        for duty in self.account.duties(at):
            schedule = SCHEDULES.get(duty.schedule)
            if (
                (policies and duty.policy not in policies)
                or (schedules and duty.schedule not in schedules)
                or (users and duty.person.pagerduty_id not in users)
            ):
                continue
            oncalls.append(
                {
                    "escalation_policy": reference("escalation_policy", duty.policy, POLICIES[duty.policy][0]),
                    "escalation_level": duty.level,
                    "schedule": reference("schedule", duty.schedule, schedule[0]) if schedule else None,
                    "user": user(duty.person, whole=whole),
                    "start": iso_seconds(duty.start) if duty.start else None,
                    "end": iso_seconds(duty.end) if duty.end else None,
                }
            )
        return self._paged(request, "oncalls", oncalls)

    @call("GET", "/schedules", "list schedules")
    async def list_schedules(self, request: web.Request) -> web.Response:
        """List the schedules."""
        return self._paged(request, "schedules", [self._schedule(key) for key in SCHEDULES])

    @call("GET", "/schedules/{id}", "get schedule")
    async def get_schedule(self, request: web.Request) -> web.Response:
        """Return one schedule."""
        return web.json_response({"schedule": self._schedule(request.match_info["id"])})

    @call("GET", "/schedules/{id}/users", "list schedule users")
    async def schedule_users(self, request: web.Request) -> web.Response:
        """List the people on a schedule, whole, with their e-mail addresses."""
        schedule = self._schedule(request.match_info["id"])
        people = [self.world.person(name) for name in SCHEDULES[schedule["id"]][1]]
        return web.json_response({"users": [user(person, whole=True) for person in people]})

    def _schedule(self, key: str) -> dict[str, Any]:
        if key not in SCHEDULES:
            raise RefusalError(self.error(404, "Schedule not found"))
        title, names = SCHEDULES[key]
        policies = [policy for policy, (_, levels) in POLICIES.items() if key in levels]
        return {
            **reference("schedule", key, title),
            "type": "schedule",
            "name": title,
            "time_zone": "Etc/UTC",
            "description": None,
            "users": [user(self.world.person(name), whole=False) for name in names],
            "escalation_policies": [reference("escalation_policy", p, POLICIES[p][0]) for p in policies],
            "teams": [],
        }

    @call("GET", "/escalation_policies", "list escalation policies")
    async def list_policies(self, request: web.Request) -> web.Response:
        """List the escalation policies."""
        return self._paged(request, "escalation_policies", [self._policy(key) for key in POLICIES])

    @call("GET", "/escalation_policies/{id}", "get escalation policy")
    async def get_policy(self, request: web.Request) -> web.Response:
        """Return one escalation policy."""
        return web.json_response({"escalation_policy": self._policy(request.match_info["id"])})

    def _policy(self, key: str) -> dict[str, Any]:
        if key not in POLICIES:
            raise RefusalError(self.error(404, "Escalation Policy not found"))
        title, levels = POLICIES[key]
        rules = []
        for number, target in enumerate(levels, start=1):
            if target in SCHEDULES:
                aim = reference("schedule", target, SCHEDULES[target][0])
            else:
                aim = user(self.world.person(target), whole=False)
            rules.append({"id": f"{key}R{number}", "escalation_delay_in_minutes": 30, "targets": [aim]})
        return {
            **reference("escalation_policy", key, title),
            "type": "escalation_policy",
            "name": title,
            "escalation_rules": rules,
            "num_loops": 0,
            "services": [reference("service", SERVICE, "InterviewLab")] if key != "PAPPROV" else [],
            "teams": [],
        }

    @call("GET", "/users", "list users")
    async def list_users(self, request: web.Request) -> web.Response:
        """List users; `query` looks into names and addresses."""
        wanted = request.query.get("query", "").lower()
        contacts = "contact_methods" in request.query.getall("include[]", [])
        people = [p for p in self.account.people if wanted in p.email.lower() or wanted in p.real_name.lower()]
        return self._paged(request, "users", [user(person, whole=True, contacts=contacts) for person in people])

    @call("GET", "/users/{id}", "get user")
    async def get_user(self, request: web.Request) -> web.Response:
        """Return one user, with e-mail, telephone and text message where `include[]=contact_methods` is asked for."""
        contacts = "contact_methods" in request.query.getall("include[]", [])
        person = self._person(request.match_info["id"])
        return web.json_response({"user": user(person, whole=True, contacts=contacts)})

    def _person(self, key: str) -> Person:
        for person in self.account.people:
            if key in (person.pagerduty_id, person.email):
                return person
        raise RefusalError(self.error(404, "User not found"))

    @call("GET", "/services", "list services")
    async def list_services(self, request: web.Request) -> web.Response:
        """List the services."""
        return self._paged(request, "services", [self.account.service()])

    @call("GET", "/services/{id}", "get service")
    async def get_service(self, request: web.Request) -> web.Response:
        """Return one service."""
        if request.match_info["id"] != SERVICE:
            raise RefusalError(self.error(404, "Service not found"))
        return web.json_response({"service": self.account.service()})

    # incidents

    @call("GET", "/incidents", "list incidents")
    async def list_incidents(self, request: web.Request) -> web.Response:
        """List incidents by status, key, service and time."""
        query = request.query
        statuses, services = query.getall("statuses[]", []), query.getall("service_ids[]", [])
        key = query.get("incident_key", "")
        try:
            since = parsed(query["since"]) if "since" in query else 0.0
            until = parsed(query["until"]) if "until" in query else float("inf")
        except ValueError:
            raise RefusalError(self.error(400, "since and until must be ISO 8601")) from None
        found = [
            self.account.described(incident)
            for incident in self.account.incidents
            if (not statuses or incident.status in statuses)
            and (not services or SERVICE in services)
            and key in ("", incident.key)
            and since <= incident.created <= until
        ]
        return self._paged(request, "incidents", found)

    @call("POST", "/incidents", "create incident")
    async def create_incident(self, request: web.Request) -> web.Response:
        """Open an incident and notify the first level: 201."""
        self._sender(request)
        given = self._given(await self.json_object(request), "incident")
        title = given.get("title")
        service = given.get("service")
        if given.get("type") not in ("incident", "incident_reference") or not isinstance(title, str) or not title:
            raise RefusalError(self.error(400, "Title cannot be empty."))
        if not isinstance(service, dict) or service.get("id") != SERVICE:
            raise RefusalError(self.error(400, "Service not found"))
        key = str(given.get("incident_key") or "")
        if key and self.account.open_incident(key):
            message = "Open incident with matching dedup key already exists on this service"
            raise RefusalError(self.error(400, message, code="2002"))
        urgency = str(given.get("urgency") or "high")
        incident = self.account.trigger(title, key=key, urgency=urgency, details=given.get("body"))
        return web.json_response({"incident": self.account.described(incident)}, status=201)

    @call("GET", "/incidents/{id}", "get incident")
    async def get_incident(self, request: web.Request) -> web.Response:
        """Return one incident by id or number."""
        return web.json_response({"incident": self.account.described(self._incident(request))})

    @call("PUT", "/incidents/{id}", "update incident")
    async def update_incident(self, request: web.Request) -> web.Response:
        """Acknowledge, resolve, rename, raise to a level, or assign an incident."""
        sender = self._sender(request)
        incident = self._incident(request)
        given = self._given(await self.json_object(request), "incident")
        self._update(incident, given, sender)
        return web.json_response({"incident": self.account.described(incident)})

    @call("PUT", "/incidents", "update incidents")
    async def update_incidents(self, request: web.Request) -> web.Response:
        """Do the same to several incidents."""
        sender, body = self._sender(request), await self.json_object(request)
        updated = []
        for given in body.get("incidents", []):
            incident = self.account.find(str(given.get("id", "")))
            if incident is None:
                raise RefusalError(self.error(404, "Incident not found"))
            self._update(incident, given, sender)
            updated.append(self.account.described(incident))
        return web.json_response({"incidents": updated})

    def _update(self, incident: Incident, given: dict[str, Any], sender: Person) -> None:
        status = given.get("status")
        if status not in (None, "acknowledged", "resolved"):
            raise RefusalError(self.error(400, "Status must be acknowledged or resolved."))
        if incident.status == "resolved" and status:
            raise RefusalError(self.error(400, "Incident Already Resolved", code="1001"))
        if incident.status == "acknowledged" and status == "acknowledged":
            raise RefusalError(self.error(400, "Incident Already Acknowledged", code="1002"))
        if status == "acknowledged":
            self.account.acknowledge(incident, sender)
        if status == "resolved":
            self.account.resolve(incident, str(given.get("resolution") or ""), sender)
        incident.title = str(given.get("title") or incident.title)
        if given.get("escalation_level"):
            self.account.raise_to(incident, int(given["escalation_level"]))
        if given.get("assignments"):
            people = [self._person(str(given_to["assignee"]["id"])) for given_to in given["assignments"]]
            self.account.assign(incident, people)

    @call("GET", "/incidents/{id}/notes", "list notes")
    async def list_notes(self, request: web.Request) -> web.Response:
        """List the notes of an incident."""
        return web.json_response({"notes": self._incident(request).notes})

    @call("POST", "/incidents/{id}/notes", "create note")
    async def create_note(self, request: web.Request) -> web.Response:
        """Add a note: 201."""
        sender, incident = self._sender(request), self._incident(request)
        content = self._given(await self.json_object(request), "note").get("content")
        if not isinstance(content, str) or not content:
            raise RefusalError(self.error(400, "Content cannot be empty."))
        note = {
            "id": f"PNOTE{len(incident.notes) + 1:03d}",
            "user": user(sender, whole=False),
            "content": content,
            "created_at": iso_seconds(self.now()),
        }
        incident.notes.append(note)
        return web.json_response({"note": note}, status=201)

    @call("GET", "/incidents/{id}/alerts", "list alerts")
    async def list_alerts(self, request: web.Request) -> web.Response:
        """List the events that came into an incident."""
        incident = self._incident(request)
        return self._paged(request, "alerts", incident.alerts)

    @call("GET", "/incidents/{id}/log_entries", "list log entries")
    async def list_log_entries(self, request: web.Request) -> web.Response:
        """List what happened to an incident, newest first: who was notified, acknowledged, resolved."""
        return self._paged(request, "log_entries", list(reversed(self._incident(request).log)))

    def _incident(self, request: web.Request) -> Incident:
        incident = self.account.find(request.match_info["id"])
        if incident is None:
            raise RefusalError(self.error(404, "Incident not found"))
        return incident

    def _sender(self, request: web.Request) -> Person:
        """Return who `From` says. Raise RefusalError (400) where that is no user of the account."""
        sender = request.headers.get("From", "")
        for person in self.account.people:
            if person.email == sender:
                return person
        if not sender:
            raise RefusalError(self.error(400, "From header is required"))
        raise RefusalError(self.error(400, "Requester User Not Found", code="1008"))

    def _given(self, body: dict[str, Any], key: str) -> dict[str, Any]:
        given = body.get(key)
        if not isinstance(given, dict):
            raise RefusalError(self.error(400, f"{key} is required"))
        return given

    # webhook subscriptions

    @call("GET", "/webhook_subscriptions", "list webhook subscriptions")
    async def list_subscriptions(self, request: web.Request) -> web.Response:
        """List the subscriptions, without their secrets."""
        shown = [{**s, "delivery_method": {**s["delivery_method"], "secret": None}} for s in self.subscriptions]
        return self._paged(request, "webhook_subscriptions", shown)

    @call("POST", "/webhook_subscriptions", "create webhook subscription")
    async def create_subscription(self, request: web.Request) -> web.Response:
        """Add a subscription: 201; its secret is in this answer only."""
        given = self._given(await self.json_object(request), "webhook_subscription")
        method = given.get("delivery_method")
        if not isinstance(method, dict) or not str(method.get("url", "")).startswith("http") or not given.get("events"):
            raise RefusalError(self.error(400, "delivery_method.url and events are required"))
        number = len(self.subscriptions) + 1
        subscription = {
            "id": f"PWHS{number:03d}",
            "type": "webhook_subscription",
            "active": True,
            "events": given["events"],
            "filter": given.get("filter", {"type": "account_reference"}),
            "delivery_method": {
                "id": f"PWHD{number:03d}",
                "type": "http_delivery_method",
                "url": method["url"],
                "secret": f"sandbox-subscription-secret-{number}",
                "temporarily_disabled": False,
            },
        }
        self.subscriptions.append(subscription)
        return web.json_response({"webhook_subscription": subscription}, status=201)
