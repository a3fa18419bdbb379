"""The figures and the configuration that the Supabase Management API tells, and its rules for every call."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final

from aiohttp import web

from sandbox.faults import Faults
from sandbox.product import company_of
from sandbox.vendors.supabase.logs import read_logs
from sandbox.vendors.supabase.metrics import DISK, DISK_USED
from sandbox.vendors.vendor import API_SWITCH, Allowance, RateLimit, Switch, Vendor, call
from sandbox.world import CREDENTIALS, World

REF: Final = CREDENTIALS["supabase.ref"]
PROJECT: Final = "/v1/projects/{ref}"


class Configuration(Vendor):
    """What is read of the project besides its state."""

    title: ClassVar[str] = "Supabase Management API"
    switches: ClassVar[tuple[Switch, ...]] = (
        API_SWITCH,
        Switch(name="backups", label="Backups", options=("daily", "pitr", "none")),
        Switch(name="advisors", label="Advisors", options=("quiet", "warning")),
        Switch(name="redirects", label="Auth's redirects", options=("right", "wrong_site", "not_listed")),
    )

    def __init__(self, world: World, faults: Faults) -> None:
        """Know one project, that of the company."""
        super().__init__(world, faults)
        self.company = company_of(world)
        self._rate = RateLimit(world, limit=120, seconds=60)
        self._logs = RateLimit(world, limit=30, seconds=60)
        self._allowance: Allowance | None = None

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
        self._allowance = (self._logs if request.path.endswith("/endpoints/logs") else self._rate).take()
        if not self._allowance.allowed:
            return self.error(429, "ThrottlerException: Too Many Requests")
        if request.match_info.get("ref", REF) != REF and self.authorized(request):
            return self.error(404, "Project not found")
        return await super().before(request)

    def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Say what is left of the allowance."""
        del request
        if self._allowance is not None:
            response.headers["X-RateLimit-Limit"] = str(self._allowance.limit)
            response.headers["X-RateLimit-Remaining"] = str(self._allowance.remaining)
            response.headers["X-RateLimit-Reset"] = str(self._allowance.whole_reset)

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
        """Return the site's address and the list of redirects of Auth: by default, those of the site beside this."""
        site = f"{request.scheme}://{request.host}/site"
        wrong = self.state["redirects"]
        return web.json_response(
            {
                "site_url": "http://localhost:3000" if wrong == "wrong_site" else site,
                "uri_allow_list": "http://localhost:3000/**" + ("" if wrong == "not_listed" else f",{site}/**"),
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
        size = self.company.services.get("compute", "ci_micro")
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
