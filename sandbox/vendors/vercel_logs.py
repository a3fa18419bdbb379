"""Vercel's logs and figures: build events, the live runtime log, the searchable history, observability queries."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web

from sandbox.product import ServerLine, company_of
from sandbox.vendors.moments import iso, parsed
from sandbox.vendors.vendor import RateLimit, RefusalError, call
from sandbox.vendors.vercel_account import VercelAccount
from sandbox.vendors.vercel_deployments import DOMAINS, Deployment, milliseconds
from sandbox.world import CREDENTIALS

RETENTION: Final = 86_400.0
"""Seconds that the history reaches back: a day on the Pro plan."""
EPISODE: Final = 900.0
"""Seconds that `slow` or `failing` traffic has lasted already when it is switched on."""

_PATHS: Final = (
    ("GET", "/", 200),
    ("GET", "/pricing", 200),
    ("GET", "/api/user/entitlements", 200),
    ("GET", "/api/user/entitlements", 401),
    ("POST", "/api/interview/session", 200),
    ("POST", "/api/interview/turn", 200),
    ("POST", "/api/interview/turn", 200),
    ("POST", "/api/cv/upload", 200),
    ("GET", "/blog/mock-interviews", 200),
)
_METRICS: Final[dict[str, tuple[float, str]]] = {
    "vercel.request.count": (420.0, "count"),
    "vercel.function_invocation.count": (260.0, "count"),
    "vercel.function_invocation.function_duration_ms": (640.0, "milliseconds"),
    "vercel.speed_insights.lcp_ms": (1450.0, "milliseconds"),
    "vercel.analytics_pageview.count": (150.0, "count"),
    "vercel.external_api_request.count": (95.0, "count"),
}
"""Metric → (its value a minute or at the median, unit)."""
_PERCENTILES: Final = {"p50": 1.0, "p75": 1.35, "p90": 1.9, "p95": 2.3, "p99": 4.1, "avg": 1.1, "min": 0.2, "max": 6.0}


class VercelLogs(VercelAccount):
    """The calls that read what builds and requests left behind. The switch `traffic` colours the last quarter hour."""

    def _limit(self, name: str, limit: int) -> None:
        """Count a call of a kind that has its own limit a minute."""
        limits: dict[str, RateLimit] = self.__dict__.setdefault("_log_limits", {})
        self.limited(limits.setdefault(name, RateLimit(self.world, limit=limit, seconds=60)))

    # build log

    @call("GET", "/v3/deployments/{key}/events", "list build events")
    async def build_events(self, request: web.Request) -> web.Response:
        """Return the build log as an array. `follow=1` answers with what there is so far."""
        self._limit("events", 60)
        deployment = self.deployment(request.match_info["key"])
        since, until = self.whole_number(request, "since", 0), self.whole_number(request, "until", 0)
        events = [
            event
            for event in self._build_log(deployment)
            if event["created"] >= since and (not until or event["created"] <= until)
        ]
        if request.query.get("direction") == "backward":
            events.reverse()
        limit = self.whole_number(request, "limit", 100)
        return web.json_response(events if limit < 0 else events[:limit])

    def _build_log(self, deployment: Deployment) -> list[dict[str, Any]]:
        """Return the lines up to now, oldest first."""
        sha, now = deployment.commit.sha[:7], self.now()
        lines = [
            ("command", f"Cloning github.com/{CREDENTIALS['github.repository']} ({deployment.commit.branch}, {sha})"),
            ("stdout", "Cloning completed: 812.000ms"),
            ("command", 'Running "pnpm install"'),
            ("stdout", "Done in 11.4s using pnpm v9.12.3"),
            ("command", 'Running "pnpm run build"'),
            ("stdout", "▲ Next.js 15.5.6"),
            ("stdout", "Creating an optimized production build ..."),
        ]
        if deployment.outcome == "ERROR":
            file = deployment.commit.files[0]
            lines += [
                ("stderr", "Failed to compile."),
                ("stderr", f"./{file}:41:17"),
                ("stderr", "Type error: Property 'persona' does not exist on type 'InterviewPlan'."),
                ("stderr", f"Error: {deployment.error}"),
                ("exit", "exit 1"),
            ]
        else:
            lines += [
                ("stdout", " ✓ Compiled successfully"),
                ("stdout", " ✓ Generating static pages (31/31)"),
                ("stdout", "Build Completed in /vercel/output [48s]"),
                ("stdout", "Deployment completed"),
            ]
        step = deployment.build_seconds / len(lines)
        events = []
        for number, (kind, text) in enumerate(lines):
            at = deployment.created + step * (number + 0.5)
            if at > now:
                break
            serial = f"{milliseconds(at)}{number:04d}"
            payload = {
                "deploymentId": deployment.id,
                "info": {"type": "build", "name": f"bld_{deployment.id[4:13].lower()}", "entrypoint": "."},
                "text": text,
                "id": serial,
                "date": milliseconds(at),
                "serial": serial,
            }
            events.append({"type": kind, "created": milliseconds(at), "payload": payload})
        return events

    # runtime log

    @call("GET", "/v1/projects/{project}/deployments/{deployment}/runtime-logs", "stream runtime logs")
    async def runtime_logs(self, request: web.Request) -> web.StreamResponse:
        """Stream what the deployment logs from now on, one JSON a line, until the caller leaves."""
        self._limit("runtime", 100)
        self.check_project(request.match_info["project"])
        deployment = self.deployment(request.match_info["deployment"])
        response = web.StreamResponse(headers={"Content-Type": "application/stream+json"})
        await response.prepare(request)
        sent = self.now() - 2
        while not self.closing and request.transport is not None and not request.transport.is_closing():
            now = self.now()
            for row in reversed(list(self._rows(sent, now, latest=deployment))):
                log = row["logs"][0]
                line = {
                    "level": log["level"],
                    "message": log["message"],
                    "messageTruncated": False,
                    "rowId": row["requestId"],
                    "source": row["events"][0]["source"],
                    "timestampInMs": row["at"],
                    "domain": row["domain"],
                    "requestMethod": row["requestMethod"],
                    "requestPath": row["requestPath"],
                    "responseStatusCode": row["statusCode"],
                }
                await response.write(json.dumps(line).encode() + b"\n")
            sent = now
            await self.linger(0.25)
        return response

    # searchable history

    @call("GET", "/api/logs/request-logs", "search request logs")
    async def request_logs(self, request: web.Request) -> web.Response:
        """Return a page of 50 requests, newest first, by the filters that Vercel's own program uses."""
        self._limit("history", 240)
        query, now = request.query, self.now()
        self.check_project(query.get("projectId", ""))
        start = max(self.whole_number(request, "startDate", 0) / 1000, now - RETENTION)
        end = min(self.whole_number(request, "endDate", milliseconds(now)) / 1000, now)
        page = self.whole_number(request, "page", 0)
        found: list[dict[str, Any]] = []
        for row in self._rows(start, end):
            if self._wanted(row, dict(query)):
                found.append({key: row[key] for key in row if key != "at"})
            if len(found) > 50 * (page + 1):
                break
        rows = found[50 * page : 50 * (page + 1)]
        return web.json_response({"rows": rows, "hasMoreRows": len(found) > 50 * (page + 1)})

    @staticmethod
    def _wanted(row: dict[str, Any], query: dict[str, str]) -> bool:
        status, text = str(row["statusCode"]), row["logs"][0]["message"] + row["requestPath"]
        wanted_status = query.get("statusCode", "").lower().replace("x", "")
        return (
            query.get("deploymentId", row["deploymentId"]) == row["deploymentId"]
            and query.get("environment", row["environment"]) == row["environment"]
            and query.get("branch", row["branch"]) == row["branch"]
            and query.get("requestId", row["requestId"]) == row["requestId"]
            and row["logs"][0]["level"] in query.get("level", row["logs"][0]["level"]).split(",")
            and status.startswith(wanted_status)
            and query.get("search", "").lower() in text.lower()
        )

    def _rows(self, start: float, end: float, *, latest: Deployment | None = None) -> Iterator[dict[str, Any]]:
        """Yield the requests of a span of the bot's time, newest first; the same span gives the same requests."""
        told = [line for line in company_of(self.world).server_lines(start) if start < line.at <= end]
        for minute in range(int(end // 60), int(start // 60) - 1, -1):
            dice = random.Random(minute)
            rows = [self._row(minute * 60 + dice.random() * 60, dice, latest) for _ in range(6)]
            while told and told[-1].at >= minute * 60:
                rows.append(self._told(told.pop(), latest))
            rows.sort(key=lambda row: -row["at"])
            yield from (row for row in rows if start < row["at"] / 1000 <= end)

    def _row(self, at: float, dice: random.Random, latest: Deployment | None) -> dict[str, Any]:
        method, path, status = dice.choice(_PATHS)
        luck, request_id = dice.random(), f"lhr1::{dice.getrandbits(40):010x}-{milliseconds(at)}"
        level, message = "info", f"{method} {path} {status}"
        troubled = self.state["traffic"] != "normal" and at > self.now() - EPISODE
        if luck < 0.004 or (troubled and luck < 0.35 and path.startswith("/api/")):
            level, status = "error", 504 if self.state["traffic"] == "slow" else 500
            message = f"Error: {path} failed: timeout exceeded when trying to connect"
            if status == 504:
                message = "Vercel Runtime Timeout Error: Task timed out after 60 seconds"
        fault = (latest or self.deployments.serving_at(at)).fault
        if fault:
            level, status, message = "error", 500, fault
        line = ServerLine(at=at, level=level, message=message, method=method, path=path, status=status)
        return self._shaped(line, request_id, latest)

    def _told(self, line: ServerLine, latest: Deployment | None) -> dict[str, Any]:
        """Shape what the product's own stand-ins logged."""
        digest = hashlib.sha256(f"{line.at}{line.message}".encode()).hexdigest()
        return self._shaped(line, f"lhr1::{digest[:10]}-{milliseconds(line.at)}", latest)

    def _shaped(self, line: ServerLine, request_id: str, latest: Deployment | None) -> dict[str, Any]:
        serving = latest or self.deployments.serving_at(line.at)
        return {
            "at": milliseconds(line.at),
            "requestId": request_id,
            "timestamp": iso(line.at),
            "deploymentId": serving.id,
            "requestMethod": line.method,
            "requestPath": line.path,
            "statusCode": line.status,
            "environment": "production" if serving.production else "preview",
            "branch": serving.commit.branch,
            "domain": DOMAINS[0] if serving.production else serving.url,
            "logs": [{"level": line.level, "message": line.message, "messageTruncated": False}],
            "events": [{"source": "serverless" if line.path.startswith("/api/") else "request"}],
        }

    # observability

    @call("GET", "/v2/observability/schema", "list metrics")
    async def list_metrics(self, request: web.Request) -> web.Response:
        """List the metrics that a query may name."""
        del request
        return web.json_response([{"id": name, "unit": unit} for name, (_, unit) in _METRICS.items()])

    @call("POST", "/v2/observability/query", "query observability", writes=False)
    async def observability(self, request: web.Request) -> web.Response:
        """Return a series of one metric and its summary, under the key `<metric>_<aggregation>`."""
        body = await self.json_object(request)
        metric, aggregation = str(body.get("metric", "")), str(body.get("aggregation", "sum"))
        if metric not in _METRICS:
            raise RefusalError(self.error(400, f"Unknown metric {metric}", code="bad_request"))
        try:
            start = parsed(str(body["startTime"]))
            end = parsed(str(body["endTime"]))
            minutes = int(body.get("granularity", {}).get("minutes", 5))
        except (KeyError, ValueError, AttributeError):
            message = "`startTime`, `endTime` and `granularity` are needed"
            raise RefusalError(self.error(400, message, code="bad_request")) from None
        key = f"{metric.replace('.', '_').replace('/', '_')}_{aggregation}"
        step, failures = max(1, minutes) * 60, "ge 500" in str(body.get("filter", ""))
        data: list[dict[str, Any]] = [
            {"timestamp": iso(at), key: self._figure(metric, aggregation, at, step / 60, failures=failures)}
            for at in range(int(start // step) * step, int(end), step)
        ]
        values = [point[key] for point in data]
        whole = sum(values) if aggregation == "sum" else round(sum(values) / max(1, len(values)), 2)
        return web.json_response({"data": data, "summary": [{key: whole}], "statistics": {}})

    def _figure(self, metric: str, aggregation: str, at: float, minutes: float, *, failures: bool) -> float:
        base, unit = _METRICS[metric]
        value = base * random.Random(f"{metric}{at}").uniform(0.85, 1.15)
        troubled = at > self.now() - EPISODE
        if unit == "count":
            if failures:
                value *= 0.12 if troubled and self.state["traffic"] != "normal" else 0.002
            return round(value * minutes) if aggregation == "sum" else round(value / 60, 3)
        if troubled and self.state["traffic"] == "slow":
            value *= 4.5
        return round(value * _PERCENTILES.get(aggregation, 1.0), 1)

    @call("GET", "/alerts/v3/groups", "list alerts")
    async def list_alerts(self, request: web.Request) -> web.Response:
        """List the anomalies that Vercel found: one while `traffic` is `failing`."""
        del request
        if self.state["traffic"] != "failing":
            return web.json_response([])
        group = {
            "id": "alg_sandbox",
            "projectId": CREDENTIALS["vercel.project"],
            "title": "Error anomaly: 5xx responses",
            "type": "error_anomaly",
            "status": "active",
            "level": "critical",
            "recordedStartedAt": milliseconds(self.now() - EPISODE),
            "recordedResolvedAt": None,
            "alerts": [],
        }
        return web.json_response([group])
