"""One server on this machine: the page, the workspace, the vendors, and the panel."""

from __future__ import annotations

import asyncio
import contextlib
import json
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, Self
from urllib.parse import urlsplit

import yaml
from aiohttp import web

from sandbox.faults import Faults
from sandbox.panel import Panel
from sandbox.product.books import CASES, PACKAGES, id_of
from sandbox.slack.person_api import PersonApi
from sandbox.slack.webapi import WebApi
from sandbox.slack.workspace import Terms, Workspace
from sandbox.vendors import every_vendor
from sandbox.vendors.vendor import Vendor
from sandbox.vendors.vercel_config import CONFIG_ID
from sandbox.webhooks import SECRETS
from sandbox.world import CREDENTIALS, World

PAGE: Final = Path(__file__).parent / "page"
MANIFESTS: Final = (Path(__file__).parent / "manifest.yml", Path(__file__).parents[1] / "manifest.yml")
"""Where the app's manifest is: in the built package, and in the repository."""
LOCAL: Final = frozenset({"127.0.0.1", "localhost"})
KEEP_SECONDS: Final = 5.0
"""How often the workspace is written to its file."""


def installed_manifest() -> dict[str, Any]:
    """The parsed `manifest.yml` that the bot is installed with."""
    path = next(path for path in MANIFESTS if path.is_file())
    manifest: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return manifest


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(Terms):
    """How a sandbox is set up; all of it has a default."""

    port: int = 0
    """0: the system chooses."""
    host: str = "127.0.0.1"
    manifest: Mapping[str, Any] = field(default_factory=installed_manifest)


class BotControl(Protocol):
    """Whoever started the bot as a process of its own, and can stop it."""

    async def start(self) -> None:
        """Start it; nothing happens where it runs."""

    async def stop(self) -> None:
        """Ask it to stop, and wait."""

    async def kill(self) -> None:
        """Kill it at once."""

    async def state(self) -> Mapping[str, Any]:
        """Return `{"state": "running" | "stopped", "pid": …}`."""


class Database(Protocol):
    """A database that can be cut off: `sandbox.databases.DatabaseProxy`."""

    @property
    def state(self) -> str:
        """One of up, down, slow, hang."""

    def set(self, state: str) -> None:
        """It behaves so from now on."""


class Sandbox:
    """A running sandbox."""

    def __init__(
        self,
        config: Config,
        world: World,
        *,
        databases: Mapping[str, Database] | None = None,
        bot_control: BotControl | None = None,
    ) -> None:
        """Build everything; `running` serves it."""
        self.config = config
        self.world = world
        self.faults = Faults()
        world.rate_limits = config.rate_limits
        self.vendors: dict[str, Vendor] = every_vendor(world, self.faults)
        self.workspace = Workspace(world, self.faults, config)
        self.databases: Mapping[str, Database] = databases or {}
        self.bot_control = bot_control
        self.url = ""
        self._persons = PersonApi(self.workspace)

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls,
        config: Config | None = None,
        *,
        world: World | None = None,
        databases: Mapping[str, Database] | None = None,
        bot_control: BotControl | None = None,
    ) -> AsyncIterator[Self]:
        """Serve a sandbox until the block ends; then nothing of it is left, whatever hangs."""
        config = config or Config()
        sandbox = cls(config, world or World(), databases=databases, bot_control=bot_control)
        runner = web.AppRunner(sandbox.application(), access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        site = web.TCPSite(runner, config.host, config.port)
        await site.start()
        sandbox.url = f"http://{config.host}:{runner.addresses[0][1]}"
        sandbox.workspace.base_url = sandbox.url
        if config.state_file is not None:
            sandbox.workspace.background.start(sandbox._keep())
        try:
            yield sandbox
        finally:
            await site.stop()
            for vendor in sandbox.vendors.values():
                vendor.close()
            await sandbox.world.webhooks.stop()
            await sandbox.workspace.stop()
            await sandbox._persons.stop()
            await runner.cleanup()
            await asyncio.sleep(0)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            self.workspace.keep()

    def application(self) -> web.Application:
        """Everything that is served."""
        application = web.Application(middlewares=[only_local], client_max_size=32 * 1024**2)
        router = application.router
        router.add_get("/", _index)
        router.add_get("/assets/{path:.+}", _asset)
        WebApi(self.workspace).add_routes(router)
        self._persons.add_routes(router)
        Panel(self).add_routes(router)
        for vendor in self.vendors.values():
            vendor.add_routes(router)
        return application

    def bot_environment(self) -> dict[str, str]:
        """The variables that point a bot at this sandbox: all but the database URLs."""
        sections = _sections(self.url)
        if self.workspace.http is not None:
            del sections["SLACK"]["APP_TOKEN"]
        needed = {"SUPABASE": "supabase", "STATUS_PAGES": "status_pages", "SITE": "site"}
        shown: dict[str, str] = {"ILAB_NAME": "sandbox", "ILAB_DEGRADED__KEEPER": "sandbox"}
        for section, values in sections.items():
            vendor = needed.get(section, section.lower())
            if section in ("SLACK", "ROLES", "WEBHOOKS") or vendor in self.vendors:
                shown |= {f"ILAB_{section}__{key}": value for key, value in values.items()}
        return shown


def _credentials(vendor: str, *names: str) -> dict[str, str]:
    return {name.upper(): CREDENTIALS[f"{vendor}.{name}"] for name in names}


def _packages() -> dict[str, dict[str, Any]]:
    """What the bot is told that a price buys: what the site gives for it."""
    return {
        one.price: {
            "interviews": one.interviews,
            "tier": one.tier,
            "perks": one.perks,
            "type": "subscription" if one.interval else "interview_package",
        }
        for one in PACKAGES
    }


def _sections(url: str) -> dict[str, dict[str, str]]:
    pages = {
        name: f"{url}/status_pages/{name}/api/v2/summary.json" for name in ("vercel", "supabase", "stripe", "openai")
    }
    return {
        "WEBHOOKS": {f"{vendor.upper()}_SECRET": secret for vendor, secret in SECRETS.items()},
        "SLACK": {
            **_credentials("slack", "bot_token", "app_token", "signing_secret"),
            "BASE_URL": f"{url}/slack/api/",
            "INCIDENTS_CHANNEL": "C0INCIDNT",
            "APPROVALS_CHANNEL": "C0APPROVE",
        },
        "ROLES": {"RESPONDERS": "S0RESPOND", "APPROVERS": "S0APPROVE", "ADMINS": "S0ADMINS1"},
        "SITE": {"URL": f"{url}/site"},
        "VERCEL": {
            **_credentials("vercel", "token", "project", "team_id"),
            "BASE_URL": f"{url}/vercel",
            "LOGS_URL": f"{url}/vercel",
            "CONFIG_ID": CONFIG_ID,
        },
        "SUPABASE": {
            **_credentials("supabase", "ref", "publishable_key", "secret_key", "access_token"),
            **_credentials("supabase", "canary_email", "canary_password"),
            "URL": f"{url}/supabase",
            "MANAGEMENT_URL": f"{url}/supabase_management",
        },
        "STRIPE": {
            **_credentials("stripe", "api_key", "webhook_secret"),
            "BASE_URL": f"{url}/stripe",
            "WEBHOOK_URL": f"{url}/site/api/stripe-webhook",
            "PACKAGES": json.dumps(_packages()),
            "TEST_WEBHOOK_URL": f"{url}/site/staging/api/stripe-webhook",
            "TEST_WEBHOOK_SECRET": CREDENTIALS["stripe.webhook_secret"],
            "TEST_CUSTOMER": str(id_of(CASES["canary"])),
        },
        "OPENAI": {**_credentials("openai", "api_key"), "BASE_URL": f"{url}/openai"},
        "UPTIMEROBOT": {**_credentials("uptimerobot", "api_key"), "BASE_URL": f"{url}/uptimerobot/v3"},
        "SENTRY": {**_credentials("sentry", "token", "organization", "project"), "BASE_URL": f"{url}/sentry"},
        "PAGERDUTY": {
            **_credentials("pagerduty", "api_key", "routing_key", "escalation_policy", "from_email"),
            "BASE_URL": f"{url}/pagerduty",
            "EVENTS_URL": f"{url}/pagerduty_events",
        },
        "STATUSPAGE": {
            **_credentials("statuspage", "api_key", "page_id"),
            "BASE_URL": f"{url}/statuspage",
            "PUBLIC_URL": "https://status.interviewlab.io",
        },
        "RESEND": {
            **_credentials("resend", "api_key"),
            "BASE_URL": f"{url}/resend",
            "FROM_ADDRESS": "InterviewLab <ops@interviewlab.io>",
        },
        "GITHUB": {**_credentials("github", "token", "repository"), "BASE_URL": f"{url}/github"},
        "STATUS_PAGES": {
            **{name.upper(): address for name, address in pages.items()},
            "SLACK": f"{url}/status_pages/slack/api/v2.0.0/current",
        },
    }


@web.middleware
async def only_local(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse a request that names another host (a rebound name), or that another site's page sends."""
    if _host(request) not in LOCAL:
        return web.json_response({"error": "The sandbox answers to 127.0.0.1 and localhost alone."}, status=403)
    origin = request.headers.get("Origin")
    speaks = request.method not in ("GET", "HEAD") or request.headers.get("Upgrade", "").lower() == "websocket"
    foreign = origin is not None and speaks and origin.partition("://")[2] != request.headers.get("Host")
    # Slack's methods act on a GET, too, which another site can send as an image; its links to the page are welcome
    if request.path != "/" and request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        foreign = True
    if foreign:
        return web.json_response({"error": "The sandbox does not listen to other sites."}, status=403)
    return await handler(request)


def _host(request: web.Request) -> str | None:
    """The name by which the request calls us; None where it is none."""
    try:
        return urlsplit(f"//{request.headers.get('Host', '')}").hostname
    except ValueError:
        return None


async def _index(request: web.Request) -> web.StreamResponse:
    del request
    return _file("index.html")


async def _asset(request: web.Request) -> web.StreamResponse:
    return _file(request.match_info["path"])


def _file(name: str) -> web.StreamResponse:
    path = (PAGE / name).resolve()
    if not path.is_relative_to(PAGE.resolve()) or not path.is_file():
        return web.Response(status=404, text="There is no such file.")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=path.read_bytes(), content_type=kind, headers=headers)
