"""The stand-in for the Supabase Management API, of a plan with daily backups or point-in-time recovery."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import psycopg
from aiohttp import web

from sandbox.faults import Faults
from sandbox.product import UNREACHABLE, company_of
from sandbox.vendors.supabase.logs import read_logs
from sandbox.vendors.supabase.metrics import DISK, DISK_USED
from sandbox.vendors.vendor import API_SWITCH, Allowance, RateLimit, Switch, Vendor, call
from sandbox.world import CREDENTIALS, World

REF: Final = CREDENTIALS["supabase.ref"]
PROJECT: Final = "/v1/projects/{ref}"
RESTORE_SECONDS: Final = 600.0
"""How long the project is away while it is restored, in the bot's time."""
HEALTH: Final = {"auth": "auth", "db": "database", "rest": "rest", "storage": "storage", "pooler": "pooler"} | {
    "realtime": "realtime",
    "db_postgres_user": "database",
    "pg_bouncer": "pooler",
}
"""Service of the health call → switch of the project."""


class SupabaseManagement(Vendor):
    """`https://api.supabase.com`. Its view of the services is that of the `supabase` stand-in's switches."""

    name: ClassVar[str] = "supabase_management"
    title: ClassVar[str] = "Supabase Management API"
    switches: ClassVar[tuple[Switch, ...]] = (
        API_SWITCH,
        Switch(name="backups", label="Backups", options=("daily", "pitr", "none")),
        Switch(name="compute", label="Compute size", options=("ci_micro", "ci_small", "ci_medium")),
        Switch(name="advisors", label="Advisors", options=("quiet", "warning")),
    )

    def __init__(self, world: World, faults: Faults) -> None:
        """Know one project, that of the company."""
        super().__init__(world, faults)
        self.company = company_of(world)
        self._rate = RateLimit(world, limit=120, seconds=60)
        self._logs = RateLimit(world, limit=30, seconds=60)
        self.restores: list[dict[str, Any]] = []
        self.restore_points: list[dict[str, Any]] = []

    def authorized(self, request: web.Request) -> bool:
        """Check the personal access token."""
        return request.headers.get("Authorization") == f"Bearer {CREDENTIALS['supabase.access_token']}"

    def unauthorized(self, request: web.Request) -> web.Response:
        """Refuse as the API does."""
        del request
        return self.error(401, "Unauthorized")

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer `{"message": …}`."""
        del code
        return web.json_response({"message": message}, status=status)

    async def before(self, request: web.Request) -> web.Response | None:
        """Count against 120 requests a minute (logs: 30), then look whether the project is ours."""
        allowance = (self._logs if request.path.endswith("/endpoints/logs") else self._rate).take()
        request["allowance"] = allowance
        if not allowance.allowed:
            return self.error(429, "ThrottlerException: Too Many Requests")
        if request.match_info.get("ref", REF) != REF and self.authorized(request):
            return self.error(404, "Project not found")
        return await super().before(request)

    def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Say what is left of the allowance."""
        allowance: Allowance | None = request.get("allowance")
        if allowance is not None:
            response.headers["X-RateLimit-Limit"] = str(allowance.limit)
            response.headers["X-RateLimit-Remaining"] = str(allowance.remaining)
            response.headers["X-RateLimit-Reset"] = str(allowance.whole_reset)

    # the project

    @call("GET", "/v1/projects", "management.projects")
    async def projects(self, request: web.Request) -> web.StreamResponse:
        """List the one project."""
        del request
        return web.json_response([self._project()])

    @call("GET", PROJECT, "management.project")
    async def project(self, request: web.Request) -> web.StreamResponse:
        """Return id, region, status and database host."""
        del request
        return web.json_response(self._project())

    def _project(self) -> dict[str, Any]:
        statuses = {"active": "ACTIVE_HEALTHY", "paused": "INACTIVE", "restoring": "RESTORING"}
        status = statuses.get(self.company.project_state(), "ACTIVE_HEALTHY")
        if status == "ACTIVE_HEALTHY" and self.company.services.get("database", "up") == "down":
            status = "ACTIVE_UNHEALTHY"
        return {
            "id": REF,
            "ref": REF,
            "organization_id": "interviewlab",
            "organization_slug": "interviewlab",
            "name": "interviewlab",
            "region": "eu-west-1",
            "created_at": "2025-02-03T09:12:44.000000Z",
            "status": status,
            "database": {
                "host": f"db.{REF}.supabase.co",
                "version": "17.6.1.054",
                "postgres_engine": "17",
                "release_channel": "ga",
            },
        }

    @call("GET", PROJECT + "/health", "management.health")
    async def health(self, request: web.Request) -> web.StreamResponse:
        """Return the state of each service asked for; `services` is required, repeated or with commas."""
        wanted = [name for value in request.query.getall("services", []) for name in value.split(",") if name]
        if not wanted:
            return self.error(400, "services: Required")
        unknown = [name for name in wanted if name not in HEALTH]
        if unknown:
            return self.error(400, f"services: Invalid enum value: {unknown[0]}")
        database = await self._database_state()
        return web.json_response([self._service(name, database) for name in wanted])

    async def _database_state(self) -> str:
        state = self.company.services.get("database", "up")
        if state == "up" and self.company.production is not None:
            try:
                await self.company.production.fetch("select 1")
            except UNREACHABLE:
                return "down"
        return state

    def _service(self, name: str, database: str) -> dict[str, Any]:
        switch = HEALTH[name]
        state = database if switch == "database" else self.company.services.get(switch, "healthy")
        project = self.company.project_state()
        headless = name in ("rest", "storage") and state == "healthy" and database != "up"
        if project == "restoring":
            state = "coming_up"
        elif project == "paused" or headless:
            state = "unhealthy"
        statuses = {"up": "ACTIVE_HEALTHY", "healthy": "ACTIVE_HEALTHY", "coming_up": "COMING_UP"}
        status = statuses.get(state, "UNHEALTHY")
        answer: dict[str, Any] = {"name": name, "healthy": status == "ACTIVE_HEALTHY", "status": status}
        if status == "UNHEALTHY":
            answer["error"] = "connection refused" if switch == "database" else "service is not responding"
        elif name == "auth":
            answer["info"] = {"name": "GoTrue", "version": "v2.185.0", "description": "GoTrue is a user registration"}
        elif name == "realtime":
            answer["info"] = {
                "healthy": True,
                "db_connected": database == "up",
                "replication_connected": database == "up",
                "connected_cluster": 2,
            }
        elif name == "rest":
            answer["info"] = {"db_schema": "public,graphql_public"}
        return answer

    # backups and restoring

    @call("GET", PROJECT + "/database/backups", "management.backups")
    async def backups(self, request: web.Request) -> web.StreamResponse:
        """List the daily backups of seven days, or the window of point-in-time recovery, which turns them off."""
        del request
        now = self.world.clock.now()
        kind = self.state["backups"]
        latest = now.replace(hour=3, minute=12, second=41, microsecond=0)
        latest = latest if latest < now else latest - timedelta(days=1)
        daily = [] if kind != "daily" else [latest - timedelta(days=day) for day in range(7)]
        window = (
            {
                "earliest_physical_backup_date_unix": int((now - timedelta(days=7)).timestamp()),
                "latest_physical_backup_date_unix": int((now - timedelta(seconds=95)).timestamp()),
            }
            if kind == "pitr"
            else {}
        )
        return web.json_response(
            {
                "region": "eu-west-1",
                "walg_enabled": kind == "pitr",
                "pitr_enabled": kind == "pitr",
                "backups": [
                    {
                        "id": _backup_id(at),
                        "is_physical_backup": True,
                        "status": "COMPLETED",
                        "inserted_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                    }
                    for at in daily
                ],
                "physical_backup_data": window,
            }
        )

    @call("POST", PROJECT + "/database/backups/restore", "management.restore_backup")
    async def restore_backup(self, request: web.Request) -> web.StreamResponse:
        """Take the project away for a while. The rows themselves stay as they are: this stand-in keeps no backups."""
        body = await self.json_object(request)
        now = self.world.clock.now()
        known = {_backup_id(now - timedelta(days=day)) for day in range(9)}
        if self.state["backups"] != "daily" or body.get("id") not in known:
            return self.error(404, "Backup not found")
        return self._restore({"id": body["id"]})

    @call("POST", PROJECT + "/database/backups/restore-pitr", "management.restore_pitr")
    async def restore_pitr(self, request: web.Request) -> web.StreamResponse:
        """The same, to a time within the window."""
        target = (await self.json_object(request)).get("recovery_time_target_unix")
        if not isinstance(target, int):
            return self.error(400, "recovery_time_target_unix: Expected number, received nan")
        now = self.world.clock.timestamp()
        if self.state["backups"] != "pitr":
            return self.error(400, "PITR is not enabled for this project")
        if not now - 7 * 86400 <= target <= now:
            return self.error(400, "The recovery time is outside of the available window")
        return self._restore({"recovery_time_target_unix": target})

    def _restore(self, what: dict[str, Any]) -> web.Response:
        if self.company.project_state() == "restoring":
            return self.error(409, "Project is already being restored")
        now = self.world.clock.timestamp()
        self.restores.append(what | {"at": now})
        self.company.services["project"] = "restoring"
        self.company.restoring_until = now + RESTORE_SECONDS
        return web.Response(status=201)

    @call("GET", PROJECT + "/database/backups/restore-point", "management.list_restore_points", writes=False)
    async def list_restore_points(self, request: web.Request) -> web.StreamResponse:
        """Return the latest restore point, or that of `name`."""
        name = request.query.get("name")
        found = [point for point in self.restore_points if name in (None, point["name"])]
        return web.json_response(found[-1]) if found else self.error(404, "Restore point not found")

    @call("POST", PROJECT + "/database/backups/restore-point", "management.create_restore_point")
    async def create_restore_point(self, request: web.Request) -> web.StreamResponse:
        """Make one; its name has at most 20 characters."""
        name = str((await self.json_object(request)).get("name", ""))
        if not 1 <= len(name) <= 20:
            return self.error(400, "name: String must contain at most 20 character(s)")
        point = {"name": name, "status": "AVAILABLE", "completed_on": self.world.clock.now().isoformat()}
        self.restore_points.append(point)
        return web.json_response(point, status=201)

    @call("POST", PROJECT + "/database/backups/undo", "management.undo")
    async def undo(self, request: web.Request) -> web.StreamResponse:
        """Go back to a restore point, by the same absence as a restore."""
        name = (await self.json_object(request)).get("name")
        if name not in [point["name"] for point in self.restore_points]:
            return self.error(404, "Restore point not found")
        return self._restore({"restore_point": name})

    @call("POST", PROJECT + "/pause", "management.pause")
    async def pause_project(self, request: web.Request) -> web.StreamResponse:
        """Stop the project."""
        del request
        self.company.services["project"] = "paused"
        return web.Response(status=200)

    @call("GET", PROJECT + "/restore", "management.restore_versions")
    async def restore_versions(self, request: web.Request) -> web.StreamResponse:
        """List the versions to which a paused project can come back."""
        del request
        version = {"version": "17.6.1.054", "release_channel": "ga", "postgres_engine": "17"}
        return web.json_response({"available_versions": [version]})

    @call("POST", PROJECT + "/restore", "management.unpause")
    async def unpause(self, request: web.Request) -> web.StreamResponse:
        """Start a paused project again."""
        del request
        if self.company.project_state() != "paused":
            return self.error(400, "Project is not paused")
        self.company.services["project"] = "active"
        return web.Response(status=200)

    # SQL

    @call("POST", PROJECT + "/database/query", "management.query")
    async def query(self, request: web.Request) -> web.StreamResponse:
        """Run SQL as postgres and answer 201 with its rows."""
        body = await self.json_object(request)
        return await self._run(body, read_only=bool(body.get("read_only")), role=None)

    @call("POST", PROJECT + "/database/query/read-only", "management.query_read_only", writes=False)
    async def query_read_only(self, request: web.Request) -> web.StreamResponse:
        """Run SQL as supabase_read_only_user."""
        return await self._run(await self.json_object(request), read_only=True, role="supabase_read_only_user")

    async def _run(self, body: dict[str, Any], *, read_only: bool, role: str | None) -> web.Response:
        text = body.get("query")
        if not isinstance(text, str) or not text:
            return self.error(400, "query: Required")
        production = self.company.production
        if production is None or await self._database_state() != "up":
            return self.error(500, "Failed to run sql query: connection terminated")
        # The API takes $1; psycopg takes %s.
        statement = re.sub(r"\$\d+", "%s", text.replace("%", "%%")) if body.get("parameters") else text
        try:
            async with production.transaction(role=role, read_only=read_only) as connection:
                cursor = await connection.execute(statement, body.get("parameters") or None)
                rows = await cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            reason = error.diag.message_primary or str(error)
            return self.error(400, f"Failed to run sql query: ERROR:  {error.sqlstate}: {reason}")
        return web.json_response(rows, status=201, dumps=lambda value: json.dumps(value, default=str))

    # figures and configuration

    @call("GET", PROJECT + "/config/disk/util", "management.disk_util")
    async def disk_util(self, request: web.Request) -> web.StreamResponse:
        """Return size and use of the data disk."""
        del request
        used = int(DISK * DISK_USED[self.company.services.get("disk", "roomy")])
        metrics = {"fs_size_bytes": DISK, "fs_avail_bytes": DISK - used, "fs_used_bytes": used}
        return web.json_response({"timestamp": self.world.clock.now().isoformat(), "metrics": metrics})

    @call("GET", PROJECT + "/config/disk", "management.disk")
    async def disk(self, request: web.Request) -> web.StreamResponse:
        """Return what disk there is."""
        del request
        return web.json_response({"attributes": {"iops": 3000, "size_gb": 8, "throughput_mibps": 125, "type": "gp3"}})

    @call("GET", PROJECT + "/readonly", "management.readonly")
    async def readonly(self, request: web.Request) -> web.StreamResponse:
        """Say whether the disk is so full that writing has been stopped."""
        del request
        full = self.company.services.get("disk") == "full"
        return web.json_response({"enabled": full, "override_enabled": False, "override_active_until": ""})

    @call("GET", PROJECT + "/config/database/pooler", "management.pooler")
    async def pooler(self, request: web.Request) -> web.StreamResponse:
        """Return address and sizes of the transaction pooler."""
        del request
        host = "aws-1-eu-west-1.pooler.supabase.com"
        address = f"postgresql://postgres.{REF}:[YOUR-PASSWORD]@{host}:6543/postgres"
        return web.json_response(
            [
                {
                    "identifier": REF,
                    "database_type": "PRIMARY",
                    "is_using_scram_auth": True,
                    "db_user": f"postgres.{REF}",
                    "db_host": host,
                    "db_port": 6543,
                    "db_name": "postgres",
                    "connection_string": address,
                    "connectionString": address,
                    "default_pool_size": 15,
                    "max_client_conn": 200,
                    "pool_mode": "transaction",
                }
            ]
        )

    @call("GET", PROJECT + "/config/database/postgres", "management.postgres_config")
    async def postgres_config(self, request: web.Request) -> web.StreamResponse:
        """Return the settings that somebody has overridden: none."""
        del request
        return web.json_response({})

    @call("GET", PROJECT + "/config/storage", "management.storage_config")
    async def storage_config(self, request: web.Request) -> web.StreamResponse:
        """Return the project's own limit on the size of files: 50 MB."""
        del request
        off = {"enabled": False}
        return web.json_response(
            {
                "fileSizeLimit": 52428800,
                "features": {
                    "imageTransformation": off,
                    "s3Protocol": off,
                    "icebergCatalog": off | {"maxNamespaces": 0, "maxTables": 0, "maxCatalogs": 0},
                    "vectorBuckets": off | {"maxBuckets": 0, "maxIndexes": 0},
                },
                "capabilities": {"list_v2": True, "iceberg_catalog": False},
                "external": {"upstreamTarget": "main"},
                "migrationVersion": "0051-protect-delete",
                "databasePoolMode": "recycled",
            }
        )

    @call("GET", PROJECT + "/storage/buckets", "management.buckets")
    async def buckets(self, request: web.Request) -> web.StreamResponse:
        """List the buckets, without their limits."""
        del request
        dates = {"created_at": "2025-02-03T09:20:11.000Z", "updated_at": "2025-02-03T09:20:11.000Z"}
        return web.json_response([{"id": "cvs", "name": "cvs", "owner": "", "public": False} | dates])

    @call("GET", PROJECT + "/config/auth", "management.auth_config")
    async def auth_config(self, request: web.Request) -> web.StreamResponse:
        """Return the site's address and the list of redirects of Auth."""
        del request
        return web.json_response(
            {
                "site_url": "https://interviewlab.io",
                "uri_allow_list": "https://interviewlab.io/**,http://localhost:3000/**",
                "disable_signup": False,
                "external_email_enabled": True,
                "mailer_autoconfirm": False,
                "smtp_host": "smtp.resend.com",
                "rate_limit_email_sent": 30,
                "jwt_exp": 3600,
            }
        )

    @call("GET", PROJECT + "/api-keys", "management.api_keys")
    async def api_keys(self, request: web.Request) -> web.StreamResponse:
        """List the keys, in full with `reveal=true`."""
        shown = request.query.get("reveal") == "true"
        keys = (("publishable", "supabase.publishable_key"), ("secret", "supabase.secret_key"))
        return web.json_response(
            [
                {
                    "id": f"key-{kind}",
                    "type": kind,
                    "name": "default",
                    "api_key": CREDENTIALS[key] if shown else CREDENTIALS[key][:12] + "···",
                    "prefix": None,
                    "description": None,
                }
                for kind, key in keys
            ]
        )

    @call("GET", PROJECT + "/billing/addons", "management.addons")
    async def addons(self, request: web.Request) -> web.StreamResponse:
        """Return the size of the machine, and point-in-time recovery where it was bought."""
        del request
        price = {"description": "", "type": "fixed", "interval": "monthly", "amount": 10}
        size = self.state["compute"]
        selected = [{"type": "compute_instance", "variant": {"id": size, "name": size[3:].title(), "price": price}}]
        if self.state["backups"] == "pitr":
            selected.append({"type": "pitr", "variant": {"id": "pitr_7", "name": "7 days", "price": price}})
        return web.json_response({"selected_addons": selected, "available_addons": []})

    @call("GET", PROJECT + "/analytics/endpoints/usage.api-counts", "management.api_counts")
    async def api_counts(self, request: web.Request) -> web.StreamResponse:
        """Return requests by service, an invented but steady traffic."""
        spans = {"15min": (1, 15), "30min": (1, 30), "1hr": (1, 60), "3hr": (5, 180), "1day": (60, 1440)}
        spans |= {"3day": (60, 4320), "7day": (60, 10080)}
        interval = request.query.get("interval", "1day")
        if interval not in spans:
            return self.error(400, "interval: Invalid enum value")
        step, whole = spans[interval]
        end = self.world.clock.now().replace(second=0, microsecond=0)
        return web.json_response(
            {
                "result": [
                    {
                        "timestamp": (end - timedelta(minutes=minute)).isoformat(),
                        "total_auth_requests": 11 * step,
                        "total_realtime_requests": 0,
                        "total_rest_requests": 63 * step,
                        "total_storage_requests": 4 * step,
                    }
                    for minute in range(whole - step, -1, -step)
                ]
            }
        )

    @call("GET", PROJECT + "/analytics/endpoints/logs", "management.logs")
    async def logs(self, request: web.Request) -> web.StreamResponse:
        """Answer the simple forms of the log query; `error` is set, with 200, for what cannot be understood."""
        return web.json_response(read_logs(self.company, request.query))

    @call("GET", PROJECT + "/advisors/{kind}", "management.advisors")
    async def advisors(self, request: web.Request) -> web.StreamResponse:
        """Return what the advisors found: nothing, or a table without row-level security."""
        if request.match_info["kind"] not in ("security", "performance"):
            return self.error(404, f"Cannot GET {request.path}")
        if request.match_info["kind"] == "performance" or self.state["advisors"] == "quiet":
            return web.json_response({"lints": []})
        return web.json_response(
            {
                "lints": [
                    {
                        "name": "rls_disabled_in_public",
                        "title": "RLS Disabled in Public",
                        "level": "ERROR",
                        "facing": "EXTERNAL",
                        "categories": ["SECURITY"],
                        "description": "Detects cases where row level security (RLS) has not been enabled.",
                        "detail": "Table `public.exemption_codes` is public, but RLS has not been enabled.",
                        "remediation": "https://supabase.com/docs/guides/database/database-linter?lint=0013",
                        "metadata": {"schema": "public", "name": "exemption_codes", "type": "table"},
                        "cache_key": "rls_disabled_in_public_public_exemption_codes",
                    }
                ]
            }
        )


def _backup_id(at: datetime) -> int:
    return 700_000 + at.date().toordinal() % 100_000
