"""What UptimeRobot has beside monitors: the account, its public page, maintenance windows, integrations."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from aiohttp import web

from sandbox.faults import Faults
from sandbox.vendors.moments import iso, parsed
from sandbox.vendors.vendor import Allowance, RateLimit, RefusalError, Vendor, call
from sandbox.world import CREDENTIALS, World

PAGE: Final = 300100
"""The id of the account's public status page."""
USER: Final = 210042
"""The id of the account's owner."""


class UptimeRobotPages(Vendor):
    """An account on the Solo plan: 100 requests a minute. `watched` are the ids of its monitors."""

    watched: tuple[int, ...] = ()

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with one public page, one integration, and nothing announced."""
        super().__init__(world, faults)
        self.announcements: list[dict[str, Any]] = []
        self.windows: list[dict[str, Any]] = []
        self.integrations: list[dict[str, Any]] = [
            self._integration(1, "E-mail to ops", "Email", "ops@interviewlab.io")
        ]
        self._limit = RateLimit(world, limit=100, seconds=60)
        self._allowance: Allowance | None = None

    def authorized(self, request: web.Request) -> bool:
        """Ask for the key as a bearer token."""
        return request.headers.get("Authorization") == f"Bearer {CREDENTIALS['uptimerobot.api_key']}"

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer `{"statusCode", "message"}`."""
        del code
        return web.json_response({"statusCode": status, "message": message}, status=status)

    def unauthorized(self, request: web.Request) -> web.Response:
        """Answer 401."""
        del request
        return self.error(401, "Unauthorized")

    async def before(self, request: web.Request) -> web.Response | None:
        """Count the call against the plan's limit."""
        self._allowance = self._limit.take()
        if not self._allowance.allowed:
            response = self.error(429, "Too Many Requests")
            response.headers["Retry-After"] = str(self._allowance.whole_reset)
            return response
        return await super().before(request)

    def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the limit's headers."""
        del request
        if self._allowance:
            response.headers["X-RateLimit-Limit"] = str(self._allowance.limit)
            response.headers["X-RateLimit-Remaining"] = str(self._allowance.remaining)
            response.headers["X-RateLimit-Reset"] = str(int(self.now() + self._allowance.reset))

    def paged(self, request: web.Request, items: list[dict[str, Any]]) -> web.Response:
        """Return one page of items; `nextLink` is the address of the next one."""
        limit = min(200, max(1, self.whole_number(request, "limit", 50)))
        start = self.whole_number(request, "cursor", 0)
        link = None
        if start + limit < len(items):
            link = str(request.url.update_query(cursor=str(start + limit)))
        return web.json_response({"nextLink": link, "data": items[start : start + limit]})

    def moment(self, request: web.Request, name: str, default: float) -> float:
        """Return a query argument that is a moment. Raise RefusalError (400) where it is none."""
        text = request.query.get(name)
        if not text:
            return default
        try:
            return parsed(text)
        except ValueError:
            raise RefusalError(self.error(400, f"{name} must be a valid ISO 8601 date string")) from None

    # the public page

    @call("GET", "/v3/psps", "list public pages")
    async def list_pages(self, request: web.Request) -> web.Response:
        """List the account's one public page."""
        page = {
            "id": PAGE,
            "friendlyName": "InterviewLab status",
            "customDomain": None,
            "isPasswordSet": False,
            "monitorIds": list(self.watched),
            "tagIds": [],
            "monitorsCount": len(self.watched),
            "status": "ENABLED",
            "urlKey": "ilabstatus",
            "homepageLink": "https://interviewlab.io",
            "gaCode": None,
            "shareAnalyticsConsent": False,
            "useSmallCookieConsentModal": False,
            "icon": None,
            "noIndex": False,
            "logo": None,
            "hideUrlLinks": True,
            "subscription": True,
            "showCookieBar": False,
            "pinnedAnnouncementId": None,
            "customSettings": None,
        }
        return self.paged(request, [page])

    @call("GET", "/v3/psps/{page}/announcements", "list announcements")
    async def list_announcements(self, request: web.Request) -> web.Response:
        """List announcements, newest first."""
        self._check_page(request)
        status = request.query.get("status", "")
        found = [a for a in reversed(self.announcements) if not status or a["status"].upper() == status.upper()]
        return self.paged(request, found)

    @call("POST", "/v3/psps/{page}/announcements", "create announcement")
    async def announce(self, request: web.Request) -> web.Response:
        """Put an announcement on the page."""
        self._check_page(request)
        body = self._announcement(await self.json_object(request))
        missing = [key for key in ("title", "content", "status", "type") if key not in body]
        if missing:
            raise RefusalError(self.error(400, f"{missing[0]} should not be empty"))
        now = iso(self.now())
        published = body["status"] == "Published"
        announcement = {
            "id": 9000 + len(self.announcements),
            "pspId": PAGE,
            "userId": USER,
            "deliveryStatus": "Sent" if published else "NotSent",
            "startDate": now,
            "endDate": None,
            "creationDate": now,
            "submitDate": now if published else None,
            "sentCount": 112 if published else 0,
            **body,
        }
        self.announcements.append(announcement)
        return web.json_response(announcement, status=201)

    @call("PATCH", "/v3/psps/{page}/announcements/{id}", "update announcement")
    async def change_announcement(self, request: web.Request) -> web.Response:
        """Change an announcement."""
        self._check_page(request)
        for announcement in self.announcements:
            if str(announcement["id"]) == request.match_info["id"]:
                announcement.update(self._announcement(await self.json_object(request)))
                return web.json_response(announcement)
        raise RefusalError(self.error(404, "Announcement not found"))

    def _check_page(self, request: web.Request) -> None:
        if request.match_info["page"] != str(PAGE):
            raise RefusalError(self.error(404, "PSP not found"))

    def _announcement(self, body: dict[str, Any]) -> dict[str, Any]:
        limits = {"title": 255, "content": 2000}
        choices = {"status": ("Offline", "Pending", "Published", "Archived"), "type": ("Info", "Maintenance", "Issue")}
        for key, value in body.items():
            if key not in (*limits, *choices, "startDate", "endDate"):
                raise RefusalError(self.error(400, f"property {key} should not exist"))
            if key in limits and not (isinstance(value, str) and 0 < len(value) <= limits[key]):
                raise RefusalError(self.error(400, f"{key} must be shorter than or equal to {limits[key]} characters"))
            if key in choices and value not in choices[key]:
                raise RefusalError(self.error(400, f"{key} must be one of: {', '.join(choices[key])}"))
        return body

    # maintenance windows, the account

    @call("GET", "/v3/maintenance-windows", "list maintenance windows")
    async def list_windows(self, request: web.Request) -> web.Response:
        """List the windows."""
        return self.paged(request, self.windows)

    @call("POST", "/v3/maintenance-windows", "create maintenance window")
    async def create_window(self, request: web.Request) -> web.Response:
        """Hold alerts back in a window: `date`, `time` and `duration` in minutes."""
        body = await self.json_object(request)
        for key in ("name", "interval", "date", "time", "duration"):
            if key not in body:
                raise RefusalError(self.error(400, f"{key} should not be empty"))
        if body["interval"] not in ("once", "daily", "weekly", "monthly"):
            raise RefusalError(self.error(400, "interval must be one of: once, daily, weekly, monthly"))
        try:
            datetime.fromisoformat(f"{body['date']}T{body['time']}")
            unknown = [number for number in body.get("monitorIds", []) if number not in self.watched]
        except (ValueError, TypeError):
            raise RefusalError(self.error(400, "date must be YYYY-MM-DD and time HH:MM:SS")) from None
        if unknown:
            raise RefusalError(self.error(400, f"monitor {unknown[0]} not found"))
        window = {
            "id": 5000 + len(self.windows),
            "userId": USER,
            "name": body["name"],
            "interval": body["interval"],
            "date": body["date"],
            "time": body["time"],
            "duration": body["duration"],
            "autoAddMonitors": bool(body.get("autoAddMonitors", False)),
            "monitorIds": body.get("monitorIds", []),
            "days": body.get("days", []),
            "status": "active",
            "created": iso(self.now()),
        }
        self.windows.append(window)
        return web.json_response(window, status=201)

    @call("DELETE", "/v3/maintenance-windows/{id}", "delete maintenance window")
    async def delete_window(self, request: web.Request) -> web.Response:
        """Remove a window."""
        kept = [window for window in self.windows if str(window["id"]) != request.match_info["id"]]
        if len(kept) == len(self.windows):
            raise RefusalError(self.error(404, "Maintenance window not found"))
        self.windows = kept
        return web.Response(status=204)

    @call("GET", "/v3/user/me", "get user")
    async def get_user(self, request: web.Request) -> web.Response:
        """Return the account."""
        del request
        subscription = {"plan": "SOLO", "monitorLimit": 50}
        return web.json_response(
            {
                "email": "ops@interviewlab.io",
                "fullName": "InterviewLab operations",
                "monitorsCount": len(self.watched),
                "monitorLimit": 50,
                "smsCredits": 20,
                "activeSubscription": subscription,
            }
        )

    @call("GET", "/v3/integrations", "list integrations")
    async def list_integrations(self, request: web.Request) -> web.Response:
        """List where alerts go."""
        return self.paged(request, self.integrations)

    @call("POST", "/v3/integrations", "create integration")
    async def create_integration(self, request: web.Request) -> web.Response:
        """Send alerts to one more place; only the type `Webhook` is offered here."""
        body = await self.json_object(request)
        data = body.get("data")
        if body.get("type") != "Webhook" or not isinstance(data, dict) or "urlToNotify" not in data:
            raise RefusalError(self.error(400, "type must be Webhook, and data must have urlToNotify and postValue"))
        number = len(self.integrations) + 1
        integration = self._integration(number, data.get("friendlyName", "Webhook"), "Webhook", data["urlToNotify"])
        integration["customValue"] = data.get("postValue")
        self.integrations.append(integration)
        return web.json_response(integration, status=201)

    @staticmethod
    def _integration(number: int, name: str, kind: str, value: str) -> dict[str, Any]:
        return {
            "id": number,
            "friendlyName": name,
            "enableNotificationsFor": "UpAndDown",
            "type": kind,
            "status": "Active",
            "sslExpirationReminder": True,
            "value": value,
            "customValue": None,
            "customValue2": None,
            "customValue3": None,
            "customValue4": None,
        }
