"""The stand-in for the Supabase Management API, of a plan with daily backups or point-in-time recovery."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import psycopg
from aiohttp import web

from sandbox.faults import Faults
from sandbox.product import UNREACHABLE
from sandbox.vendors.supabase.configuration import PROJECT, REF, Configuration
from sandbox.vendors.vendor import call
from sandbox.world import World

RESTORE_SECONDS: Final = 600.0
"""How long the project is away while it is restored, in the bot's time."""
HEALTH: Final = {"auth": "auth", "db": "database", "rest": "rest", "storage": "storage", "pooler": "pooler"} | {
    "realtime": "realtime",
    "db_postgres_user": "database",
    "pg_bouncer": "pooler",
}
"""Service of the health call → switch of the project."""


class SupabaseManagement(Configuration):
    """`https://api.supabase.com`. Its view of the services is that of the `supabase` stand-in's switches."""

    name: ClassVar[str] = "supabase_management"

    def __init__(self, world: World, faults: Faults) -> None:
        """Know one project, that of the company."""
        super().__init__(world, faults)
        self.restores: list[dict[str, Any]] = []
        self.restore_points: list[dict[str, Any]] = []

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


def _backup_id(at: datetime) -> int:
    return 700_000 + at.date().toordinal() % 100_000
