"""What all of Vercel's calls share: the token, the team, the project, and the shape of errors."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.vendors.vendor import RateLimit, RefusalError, Vendor
from sandbox.vendors.vercel_deployments import PROJECT_NAME, TEAM_SLUG, Deployment, Deployments
from sandbox.world import CREDENTIALS


class VercelAccount(Vendor):
    """The account: `Authorization: Bearer <token>`, and `teamId` or `slug` with every call."""

    deployments: Deployments
    attack_mode: bool = False

    def authorized(self, request: web.Request) -> bool:
        """Ask for the token, and for the team, without which a team's project is out of reach."""
        return self._token_is_right(request) and self._names_the_team(request)

    @staticmethod
    def _token_is_right(request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {CREDENTIALS['vercel.token']}"

    @staticmethod
    def _names_the_team(request: web.Request) -> bool:
        scope = request.query.get("teamId") or request.query.get("ownerId")
        personal = request.path.endswith("/v2/user")
        return personal or scope == CREDENTIALS["vercel.team_id"] or request.query.get("slug") == TEAM_SLUG

    def unauthorized(self, request: web.Request) -> web.Response:
        """Answer 403 `forbidden`, and say whether the token was missing, wrong, or without the team."""
        error: dict[str, Any] = {"code": "forbidden", "message": "Not authorized"}
        if not request.headers.get("Authorization"):
            error |= {"message": "The request is missing an authentication token", "missingToken": True}
        elif not self._token_is_right(request):
            error |= {"invalidToken": True}
        return web.json_response({"error": error}, status=403)

    def limited(self, limit: RateLimit) -> None:
        """Count a call. Raise RefusalError (429, with `error.limit`) beyond the limit."""
        allowance = limit.take()
        if allowance.allowed:
            return
        reset = self.now() + allowance.reset
        details = {
            "remaining": 0,
            "reset": round(reset),
            "resetMs": round(reset * 1000),
            "total": allowance.limit,
        }
        error = {"code": "rate_limited", "message": "Rate limit exceeded", "limit": details}
        headers = {"Retry-After": str(allowance.whole_reset)}
        raise RefusalError(web.json_response({"error": error}, status=429, headers=headers))

    @staticmethod
    def is_project(key: str) -> bool:
        """Whether a query means our project, by id or name."""
        return key in (CREDENTIALS["vercel.project"], PROJECT_NAME)

    def check_project(self, key: str) -> None:
        """Raise RefusalError (404) where the project is not ours."""
        if not self.is_project(key):
            raise RefusalError(self.error(404, "Project not found", code="not_found"))

    def deployment(self, key: str) -> Deployment:
        """Find a deployment. Raise RefusalError (404) where there is none."""
        try:
            return self.deployments.find(key)
        except KeyError:
            raise RefusalError(self.error(404, "Deployment not found", code="not_found")) from None
