"""A stand-in for Sentry's API: https://docs.sentry.io/api/."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from sandbox.faults import Faults
from sandbox.vendors.moments import iso, parsed
from sandbox.vendors.vendor import API_SWITCH, Allowance, RateLimit, RefusalError, Switch, Vendor, call
from sandbox.world import CREDENTIALS, World

PROJECT_ID: Final = "4507411"
EPISODE: Final = 900.0
"""Seconds that a raised rate of errors has lasted already when it is switched on."""

_RATES: Final = {"calm": 0.4, "raised": 5.0, "storm": 60.0}
"""Errors a minute."""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

_ISSUES: Final = (
    ("TypeError: Cannot read properties of undefined (reading 'stage')", "components/interview/question", 0.22, 19.0),
    ("Error: Failed to create session", "POST /api/interview/session", 0.16, 64.0),
    ("APIConnectionTimeoutError: Request timed out.", "POST /api/interview/turn", 0.14, 151.0),
    ("AuthApiError: Email not confirmed", "app/auth/callback", 0.11, 210.0),
    ("StorageApiError: The object exceeded the maximum allowed size", "lib/storage", 0.08, 88.0),
    ("NotAllowedError: Permission denied by user agent", "components/voice/recorder", 0.08, 122.0),
    ("ChunkLoadError: Loading chunk 4127 failed.", "app/report/[id]/page", 0.06, 40.0),
    ("Error: Rate limit reached for gpt-4o-mini", "lib/openai", 0.05, 37.0),
    ("PostgrestError: permission denied for table entitlements", "lib/entitlements", 0.04, 240.0),
    ("Error: Hydration failed", "app/pricing/page", 0.03, 12.0),
    ("StripeSignatureVerificationError: No signatures found", "POST /api/stripe-webhook", 0.02, 301.0),
    ("RangeError: Invalid time value", "components/report/score", 0.01, 8.0),
)
"""Title, culprit, share of all errors, days since it was first seen."""
_STORM: Final = ("Error: timeout exceeded when trying to connect", "lib/db", 0.7, 0.0)


@dataclass(kw_only=True, slots=True)
class Issue:
    """A group of errors. `share` is its part of all errors; times are in seconds since the epoch."""

    id: str
    number: int
    title: str
    culprit: str
    share: float
    first_seen: float
    status: str = "unresolved"
    substatus: str | None = "ongoing"
    assigned_to: str | None = None

    @property
    def level(self) -> str:
        """Most are errors; a few are warnings."""
        return "warning" if "NotAllowed" in self.title else "error"


class Sentry(Vendor):
    """One organisation with one project; `errors` says how many errors a minute the product reports."""

    name = "sentry"
    title = "Sentry"
    switches = (
        Switch(name="errors", label="Errors of the product", options=("calm", "raised", "storm")),
        API_SWITCH,
    )

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with a dozen issues and an error every two or three minutes."""
        super().__init__(world, faults)
        self.issues = [self._issue(number, seed) for number, seed in enumerate(_ISSUES, start=101)]
        self._since = world.started
        self._limit = RateLimit(world, limit=40, seconds=1)
        self._allowance: Allowance | None = None

    def _issue(self, number: int, seed: tuple[str, str, float, float]) -> Issue:
        title, culprit, share, days = seed
        digest = hashlib.sha256(title.encode()).hexdigest()
        return Issue(
            id=str(6_000_000_000 + int(digest[:6], 16)),
            number=number,
            title=title,
            culprit=culprit,
            share=share,
            first_seen=self.world.started - days * 86400 - 1800,
        )

    def authorized(self, request: web.Request) -> bool:
        """Ask for the token as a bearer token."""
        return request.headers.get("Authorization") == f"Bearer {CREDENTIALS['sentry.token']}"

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer `{"detail": "…"}`."""
        del code
        return web.json_response({"detail": message}, status=status)

    def unauthorized(self, request: web.Request) -> web.Response:
        """Answer 401."""
        missing = not request.headers.get("Authorization")
        return self.error(401, "Authentication credentials were not provided." if missing else "Invalid token")

    async def before(self, request: web.Request) -> web.Response | None:
        """Count the call against the limit of 40 a second."""
        self._allowance = self._limit.take()
        if not self._allowance.allowed:
            message = "You are attempting to use this endpoint too frequently. Limit is 40 requests in 1 seconds"
            return self.error(429, message)
        return await super().before(request)

    def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the limit's headers."""
        del request
        if self._allowance:
            response.headers["X-Sentry-Rate-Limit-Limit"] = str(self._allowance.limit)
            response.headers["X-Sentry-Rate-Limit-Remaining"] = str(self._allowance.remaining)
            response.headers["X-Sentry-Rate-Limit-Reset"] = str(int(self.now() + self._allowance.reset))
            response.headers["X-Sentry-Rate-Limit-ConcurrentLimit"] = "25"
            response.headers["X-Sentry-Rate-Limit-ConcurrentRemaining"] = "24"

    def changed(self, name: str, option: str) -> None:
        """Let the new rate have begun a quarter of an hour ago; a storm brings an issue never seen before."""
        if name != "errors":
            return
        self._since = self.now() - EPISODE
        known = next((issue for issue in self.issues if issue.title == _STORM[0]), None)
        if option == "storm" and known is None:
            known = self._issue(100 + len(self.issues) + 1, _STORM)
            known.first_seen, known.substatus = self._since, "new"
            self.issues.insert(0, known)
        elif option == "storm" and known:
            known.status, known.substatus = "unresolved", "regressed"
        if option == "storm" and known:
            self._tell_issue(known)
        self._tell_rate(option)

    def _tell_issue(self, issue: Issue) -> None:
        """The issue alert of the runbook: a new type of error."""
        event = {
            "event_id": hashlib.md5(issue.title.encode(), usedforsecurity=False).hexdigest(),
            "title": issue.title,
            "level": "error",
            "culprit": issue.culprit,
            "issue_id": issue.id,
            "web_url": f"https://interviewlab.sentry.io/issues/{issue.id}/",
            "project": 1,
            "environment": "production",
            "metadata": {},
        }
        body = {"action": "triggered", "data": {"event": event, "triggered_rule": "New type of error"}}
        self.world.webhooks.send("sentry", body, resource="event_alert")

    def _tell_rate(self, option: str) -> None:
        """The metric alert of the runbook: more than ten errors a minute."""
        action = {"calm": "resolved", "raised": "warning", "storm": "critical"}[option]
        alert = {
            "id": "77",
            "title": "Error spike",
            "status": 20,
            "alert_rule": {"name": "More than 10 errors a minute"},
        }
        data = {
            "description_title": f"{action.capitalize()}: Error spike",
            "description_text": f"{_RATES[option]:g} events in the last minute",
            "web_url": "https://interviewlab.sentry.io/alerts/rules/77/",
            "metric_alert": alert,
        }
        self.world.webhooks.send("sentry", {"action": action, "data": data}, resource="metric_alert")

    # how many errors

    def _rate(self, at: float) -> float:
        """Errors a minute at a moment: the switch's rate since it was set, the calm one before."""
        return _RATES[self.state["errors"] if at >= self._since else "calm"]

    def _count(self, start: float, end: float, seed: str = "") -> int:
        """Errors between two moments; the same span gives the same number."""
        end = min(end, self.now())
        if end <= start:
            return 0
        split = min(max(self._since, start), end)
        expected = self._rate(start) * (split - start) / 60 + self._rate(end) * (end - split) / 60
        dice = random.Random(f"{seed}{int(start)}")
        whole = expected * dice.uniform(0.85, 1.15)
        return int(whole) + (dice.random() < whole % 1)

    def _issue_count(self, issue: Issue, start: float, end: float) -> int:
        shares = sum(other.share for other in self.issues)
        if issue.title == _STORM[0]:
            start = max(start, self._since)
        counted = max(start, issue.first_seen)
        return round(self._count(counted, end) * issue.share / shares) if end > counted else 0

    # the calls

    def _check(self, request: web.Request) -> None:
        """Raise RefusalError (404) where organisation or project are not ours."""
        if request.match_info["organization"] != CREDENTIALS["sentry.organization"]:
            raise RefusalError(self.error(404, "The requested resource does not exist"))
        known = {CREDENTIALS["sentry.project"], PROJECT_ID, "-1"}
        unknown = [project for project in request.query.getall("project", []) if project not in known]
        if unknown:
            raise RefusalError(self.error(403, "You do not have permission to perform this action."))

    def _span(self, request: web.Request, default: str) -> tuple[float, float]:
        """Return start and end of `statsPeriod` or of `start` and `end`."""
        query = request.query
        try:
            if query.get("start") and query.get("end"):
                return parsed(query["start"]), parsed(query["end"])
            return self.now() - self._duration(query.get("statsPeriod", default)), self.now()
        except ValueError:
            raise RefusalError(self.error(400, "Invalid statsPeriod: " + query.get("statsPeriod", ""))) from None

    @staticmethod
    def _duration(text: str) -> float:
        match = re.fullmatch(r"(\d+)([smhdw]?)", text)
        if match is None:
            raise ValueError(text)
        return int(match[1]) * float(_UNITS[match[2] or "s"])

    def _interval(self, request: web.Request, default: str) -> int:
        text = request.query.get("interval", default)
        try:
            return max(1, int(self._duration(text)))
        except ValueError:
            raise RefusalError(self.error(400, f"Invalid interval: {text}")) from None

    @call("GET", "/api/0/organizations/{organization}/issues/", "list issues")
    async def list_issues(self, request: web.Request) -> web.Response:
        """List issues by query and period; `Link` has the cursors of the pages."""
        self._check(request)
        start, end = self._span(request, "14d")
        words = request.query.get("query", "is:unresolved").split()
        rows = [
            (issue, self._issue_count(issue, start, end))
            for issue in self.issues
            if all(self._matches(issue, word) for word in words)
        ]
        rows = [row for row in rows if row[1] > 0]
        sort = request.query.get("sort", "date")
        keys = {"freq": lambda row: row[1], "user": lambda row: row[1], "new": lambda row: row[0].first_seen}
        if sort not in (*keys, "date", "trends", "inbox"):
            raise RefusalError(self.error(400, f"Invalid sort: {sort}"))
        rows.sort(key=keys.get(sort, lambda row: row[1]), reverse=True)
        return self._paged(request, [self._described(issue, count) for issue, count in rows])

    def _matches(self, issue: Issue, word: str) -> bool:
        key, colon, value = word.partition(":")
        if not colon:
            return word.lower().strip('"') in f"{issue.title} {issue.culprit}".lower()
        if key == "firstSeen" and value[:1] == "-":
            return issue.first_seen >= self.now() - self._duration(value[1:])
        facts = {
            "is": {issue.status, "unassigned" if issue.assigned_to is None else "assigned", issue.substatus or ""},
            "level": {issue.level},
            "environment": {"production"},
            "issue": {f"WEB-{issue.number}"},
        }
        return value in facts.get(key, set())

    def _described(self, issue: Issue, count: int) -> dict[str, Any]:
        slug, organization = CREDENTIALS["sentry.project"], CREDENTIALS["sentry.organization"]
        kind, _, value = issue.title.partition(": ")
        last = self.now() - 60 / max(self._rate(self.now()) * issue.share, 0.01)
        return {
            "id": issue.id,
            "shareId": None,
            "shortId": f"{slug.upper()}-{issue.number}",
            "title": issue.title,
            "culprit": issue.culprit,
            "permalink": f"https://{organization}.sentry.io/issues/{issue.id}/",
            "logger": None,
            "level": issue.level,
            "status": issue.status,
            "statusDetails": {},
            "substatus": issue.substatus,
            "isPublic": False,
            "platform": "javascript",
            "project": {"id": PROJECT_ID, "name": slug, "slug": slug, "platform": "javascript-nextjs"},
            "type": "error",
            "metadata": {"type": kind, "value": value, "title": issue.title},
            "numComments": 0,
            "assignedTo": {"type": "user", "id": issue.assigned_to} if issue.assigned_to else None,
            "isBookmarked": False,
            "isSubscribed": False,
            "hasSeen": True,
            "annotations": [],
            "issueType": "error",
            "issueCategory": "error",
            "priority": "high" if issue.substatus in ("new", "escalating", "regressed") else "medium",
            "isUnhandled": issue.share > 0.1,
            "count": str(count),
            "userCount": -(-count * 2 // 3),
            "firstSeen": iso(issue.first_seen),
            "lastSeen": iso(max(issue.first_seen, last)),
        }

    def _paged(self, request: web.Request, rows: Sequence[dict[str, Any]]) -> web.Response:
        limit = min(100, max(1, self.whole_number(request, "limit", 100)))
        cursor = request.query.get("cursor", "0:0:0")
        if not re.fullmatch(r"\d+:\d+:[01]", cursor):
            raise RefusalError(self.error(400, "Invalid cursor parameter."))
        start = int(cursor.split(":")[1])
        response = web.json_response(rows[start : start + limit])
        links = []
        for relation, offset, has_rows in (
            ("previous", max(0, start - limit), start > 0),
            ("next", start + limit, start + limit < len(rows)),
        ):
            where = f"0:{offset}:{1 if relation == 'previous' else 0}"
            url = request.url.update_query(cursor=where)
            links.append(f'<{url}>; rel="{relation}"; results="{str(has_rows).lower()}"; cursor="{where}"')
        response.headers["Link"] = ", ".join(links)
        response.headers["X-Hits"] = str(len(rows))
        return response

    def _found(self, request: web.Request) -> Issue:
        self._check(request)
        for issue in self.issues:
            if issue.id == request.match_info["issue"]:
                return issue
        raise RefusalError(self.error(404, "The requested resource does not exist"))

    @call("GET", "/api/0/organizations/{organization}/issues/{issue}/", "get issue")
    async def get_issue(self, request: web.Request) -> web.Response:
        """Return one issue, counted over the last two weeks."""
        issue = self._found(request)
        count = self._issue_count(issue, self.now() - 14 * 86400, self.now())
        return web.json_response(self._described(issue, count))

    @call("PUT", "/api/0/organizations/{organization}/issues/{issue}/", "update issue")
    async def update_issue(self, request: web.Request) -> web.Response:
        """Resolve, reopen, ignore or assign an issue."""
        issue, body = self._found(request), await self.json_object(request)
        status = body.get("status", issue.status)
        if status not in ("resolved", "resolvedInNextRelease", "unresolved", "ignored"):
            return web.json_response({"status": [f'"{status}" is not a valid choice.']}, status=400)
        issue.status = status.removesuffix("InNextRelease")
        issue.substatus = {"unresolved": "ongoing", "ignored": "archived_forever"}.get(issue.status)
        if "assignedTo" in body:
            issue.assigned_to = body["assignedTo"] or None
        count = self._issue_count(issue, self.now() - 14 * 86400, self.now())
        return web.json_response(self._described(issue, count))

    @call("GET", "/api/0/organizations/{organization}/events-timeseries/", "events timeseries")
    async def timeseries(self, request: web.Request) -> web.Response:
        """Return errors a bucket, the running one marked incomplete; `failure_rate()` needs the dataset `spans`."""
        self._check(request)
        axis = request.query.get("yAxis", "count()")
        if request.query.get("dataset") != "errors":
            raise RefusalError(self.error(400, "Only the dataset errors has data: this project sends no spans."))
        if axis != "count()":
            raise RefusalError(self.error(400, f"{axis} is not a valid function for this dataset"))
        start, end = self._span(request, "24h")
        step = self._interval(request, "300")
        if (end - start) / step > 10_000:
            message = "Your interval and date range would create too many results. Use a larger interval."
            raise RefusalError(self.error(400, message))
        first = int(start // step) * step
        values = [
            {"timestamp": at * 1000, "value": self._count(at, at + step), "incomplete": at + step > self.now()}
            for at in range(first, int(end) + 1, step)
        ]
        series = {
            "yAxis": axis,
            "values": values,
            "meta": {"interval": step * 1000, "valueType": "integer", "valueUnit": None},
        }
        meta = {"dataset": "errors", "start": first * 1000, "end": round(end * 1000)}
        return web.json_response({"timeSeries": [series], "meta": meta})

    @call("GET", "/api/0/organizations/{organization}/stats_v2/", "stats")
    async def stats(self, request: web.Request) -> web.Response:
        """Return how many errors were accepted, filtered and refused."""
        self._check(request)
        fields = request.query.getall("field", [])
        if fields != ["sum(quantity)"]:
            raise RefusalError(self.error(400, "Invalid field: sum(quantity) is expected"))
        start, end = self._span(request, "1d")
        step = self._interval(request, "1h")
        moments = range(int(start // step) * step, int(end) + 1, step)
        groups = []
        for outcome, part in (("accepted", 1.0), ("filtered", 0.1), ("rate_limited", 0.0)):
            counts = [round(self._count(at, at + step) * part) for at in moments]
            groups.append(
                {
                    "by": {"outcome": outcome},
                    "totals": {"sum(quantity)": sum(counts)},
                    "series": {"sum(quantity)": counts},
                }
            )
        if "outcome" not in request.query.getall("groupBy", []):
            groups = [{**groups[0], "by": {}}]
        body = {"start": iso(start), "end": iso(end), "intervals": [iso(at) for at in moments], "groups": groups}
        return web.json_response(body)

    @call("GET", "/api/0/organizations/{organization}/", "get organization")
    async def get_organization(self, request: web.Request) -> web.Response:
        """Return the organisation."""
        self._check(request)
        slug = CREDENTIALS["sentry.organization"]
        return web.json_response({"id": "4501", "slug": slug, "name": "InterviewLab", "status": {"id": "active"}})
