"""The vendors' public status pages: Statuspage's summaries, OpenAI's shim of it, and Slack's own shape."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from sandbox.faults import Faults
from sandbox.vendors.moments import iso
from sandbox.vendors.vendor import RefusalError, Switch, Vendor, call, web_page
from sandbox.world import World

_OPTIONS: Final = ("operational", "degraded", "major_outage", "maintenance", "html", "frozen")
_FROZEN: Final = datetime(2024, 2, 13, 9, 4, tzinfo=UTC).timestamp()

_PAGES: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "vercel": (
        "Vercel",
        "https://www.vercel-status.com",
        (
            "API",
            "Dashboard",
            "Builds",
            "Edge Network",
            "Edge Functions",
            "Serverless Functions",
            "DNS",
            "SSL Certificates",
            "Logs",
            "Analytics",
            "Edge Config",
            "Git Integrations",
        ),
    ),
    "supabase": (
        "Supabase",
        "https://status.supabase.com",
        (
            "Auth",
            "Database",
            "API Gateway",
            "Storage",
            "Realtime",
            "Edge Functions",
            "Connection Pooler",
            "Management API",
            "Dashboard",
            "Analytics",
            "Branching",
        ),
    ),
    "stripe": (
        "Stripe",
        "https://www.stripestatus.com",
        ("API", "Checkout", "Webhooks", "Dashboard", "Payments", "Billing", "Connect", "Stripe.js", "Support Site"),
    ),
    "openai": (
        "OpenAI",
        "https://status.openai.com",
        (
            "Chat Completions",
            "Responses",
            "Embeddings",
            "Moderations",
            "Audio",
            "Images",
            "Files",
            "Fine-tuning",
            "Batch",
            "Realtime",
            "Login",
            "Conversations",
            "Voice mode",
            "ChatGPT Atlas",
            "Codex",
            "Sora",
        ),
    ),
}
"""Page → (name, address, components)."""
_MISSING_IN_SUMMARY: Final = ("Chat Completions", "Embeddings", "Moderations")
"""Components that OpenAI's summary leaves out, although components.json has them."""
_HIT: Final = {"vercel": "Edge Network", "supabase": "Database", "stripe": "Webhooks", "openai": "Chat Completions"}
"""The component that an incident is about."""
_INCIDENTS: Final = {
    "vercel": "Elevated errors at the edge in Europe",
    "supabase": "Connection failures in eu-west-2",
    "stripe": "Delayed webhook deliveries",
    "openai": "Elevated error rates on Chat Completions",
}
_SLACK_SERVICES: Final = ("Messaging", "Apps/Integrations/APIs")


class StatusPages(Vendor):
    """All pages at once, each with a switch. They are public: nobody needs credentials."""

    name = "status_pages"
    title = "Vendors' status pages"
    switches = (
        *(Switch(name=page, label=f"{title}’s page", options=_OPTIONS) for page, (title, _, _) in _PAGES.items()),
        Switch(name="slack", label="Slack’s page", options=("operational", "degraded", "major_outage", "html")),
    )

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with nothing to report; a switch's incident starts a quarter of an hour before it is switched on."""
        super().__init__(world, faults)
        self._since: dict[str, float] = {}

    def authorized(self, request: web.Request) -> bool:
        """Let everybody read."""
        del request
        return True

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer as the pages' hosts do: a line of text."""
        del code
        return web.Response(text=message, status=status)

    def changed(self, name: str, option: str) -> None:
        """Remember since when."""
        del option
        self._since[name] = self.now() - 900

    @call("GET", "/{page}/api/v2/summary.json", "summary", public=True)
    async def summary(self, request: web.Request) -> web.Response:
        """Return a page's summary. OpenAI's leaves out some components, the one it has trouble with among them."""
        page = self._page(request)
        if self.state[page] == "html":
            return web_page()
        components = self._components(page)
        if page == "openai":
            components = [component for component in components if component["name"] not in _MISSING_IN_SUMMARY]
        incidents = self._incidents(page)
        maintenance = [incident for incident in incidents if incident["impact"] == "maintenance"]
        return web.json_response(
            {
                "page": self._about(page),
                "components": components,
                "incidents": [incident for incident in incidents if incident not in maintenance],
                "scheduled_maintenances": maintenance,
                "status": self._status(page),
            }
        )

    @call("GET", "/{page}/api/v2/components.json", "components", public=True)
    async def components(self, request: web.Request) -> web.Response:
        """Return all components of a page."""
        page = self._page(request)
        if self.state[page] == "html":
            return web_page()
        return web.json_response({"page": self._about(page), "components": self._components(page)})

    @call("GET", "/{page}/api/v2/status.json", "status", public=True)
    async def status(self, request: web.Request) -> web.Response:
        """Return a page's one line."""
        page = self._page(request)
        if self.state[page] == "html":
            return web_page()
        return web.json_response({"page": self._about(page), "status": self._status(page)})

    @call("GET", "/{page}/api/v2/incidents/unresolved.json", "unresolved incidents", public=True)
    async def unresolved(self, request: web.Request) -> web.Response:
        """Return a page's open incidents."""
        page = self._page(request)
        if self.state[page] == "html":
            return web_page()
        return web.json_response({"page": self._about(page), "incidents": self._incidents(page)})

    @call("GET", "/slack/api/v2.0.0/current", "slack current", public=True)
    async def slack(self, request: web.Request) -> web.Response:
        """Return Slack's status, in its own shape."""
        del request
        state = self.state["slack"]
        if state == "html":
            return web_page()
        now = datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="seconds")
        began = datetime.fromtimestamp(self._since.get("slack", self.now()), UTC).isoformat(timespec="seconds")
        incidents = []
        if state != "operational":
            incidents.append(
                {
                    "id": 1288,
                    "date_created": began,
                    "date_updated": began,
                    "title": "Trouble sending messages and using apps",
                    "type": "outage" if state == "major_outage" else "incident",
                    "status": "active",
                    "url": "https://slack-status.com/2026-11/sandbox",
                    "services": list(_SLACK_SERVICES),
                    "notes": [{"date_created": began, "body": "We are looking into reports of slow or failing apps."}],
                }
            )
        status = "active" if incidents else "ok"
        body = {"status": status, "date_created": now, "date_updated": now, "active_incidents": incidents}
        return web.json_response(body)

    def _page(self, request: web.Request) -> str:
        page = request.match_info["page"]
        if page not in _PAGES:
            raise RefusalError(self.error(404, "Not Found"))
        return page

    def _updated(self, page: str) -> str:
        live = self._since.get(page, self.world.started - 7200)
        return iso(_FROZEN if self.state[page] == "frozen" else live)

    def _about(self, page: str) -> dict[str, Any]:
        title, url, _ = _PAGES[page]
        return {
            "id": _id(page),
            "name": title,
            "url": url,
            "time_zone": "Etc/UTC",
            "updated_at": self._updated(page),
        }

    def _status(self, page: str) -> dict[str, str]:
        shown = {
            "degraded": ("minor", "Partially Degraded Service"),
            "major_outage": ("major", "Major Service Outage"),
            "maintenance": ("maintenance", "Service Under Maintenance"),
        }
        indicator, description = shown.get(self.state[page], ("none", "All Systems Operational"))
        return {"indicator": indicator, "description": description}

    def _components(self, page: str) -> list[dict[str, Any]]:
        hit = {
            "degraded": "degraded_performance",
            "major_outage": "major_outage",
            "maintenance": "under_maintenance",
        }.get(self.state[page], "operational")
        return [
            {
                "id": _id(f"{page}{name}"),
                "name": name,
                "status": hit if name == _HIT[page] else "operational",
                "created_at": iso(self.world.started - 900 * 86400),
                "updated_at": self._updated(page),
                "position": position,
                "description": None,
                "showcase": False,
                "start_date": None,
                "group_id": None,
                "page_id": _id(page),
                "group": False,
                "only_show_if_degraded": False,
            }
            for position, name in enumerate(_PAGES[page][2], start=1)
        ]

    def _incidents(self, page: str) -> list[dict[str, Any]]:
        state = self.state[page]
        if state not in ("degraded", "major_outage", "maintenance"):
            return []
        impact, status, title = {
            "degraded": ("minor", "identified", _INCIDENTS[page]),
            "major_outage": ("major", "investigating", _INCIDENTS[page]),
            "maintenance": ("maintenance", "in_progress", f"Maintenance: {_HIT[page]}"),
        }[state]
        began = self._updated(page)
        update = {
            "id": _id(f"{page}{state}update"),
            "status": status,
            "body": f"We are working on {_HIT[page]} and will report again soon.",
            "created_at": began,
            "updated_at": began,
            "display_at": began,
            "incident_id": _id(f"{page}{state}"),
        }
        # OpenAI's incidents often name no component at all.
        components = [component for component in self._components(page) if component["name"] == _HIT[page]]
        return [
            {
                "id": _id(f"{page}{state}"),
                "name": title,
                "status": status,
                "impact": impact,
                "shortlink": f"{_PAGES[page][1]}/incidents/{_id(page + state)}",
                "created_at": began,
                "updated_at": began,
                "started_at": began,
                "monitoring_at": None,
                "resolved_at": None,
                "page_id": _id(page),
                "incident_updates": [update],
                "components": [] if page == "openai" else components,
            }
        ]


def _id(of: str) -> str:
    """An id as Statuspage makes them: 12 letters and digits."""
    return hashlib.sha256(of.encode()).hexdigest()[:12]
