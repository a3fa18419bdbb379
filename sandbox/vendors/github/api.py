"""GitHub's REST API: commits, issues, deployments, the repository, the limit."""

from __future__ import annotations

import hashlib
from typing import Any

from aiohttp import web

from sandbox.faults import Faults
from sandbox.repository import Author
from sandbox.vendors.github.account import API, BOT, REPOSITORY, SITE, user
from sandbox.vendors.github.commits import GitHubCommits
from sandbox.vendors.github.issues import GitHubIssues
from sandbox.vendors.moments import iso_seconds
from sandbox.vendors.vendor import API_SWITCH, call
from sandbox.vendors.vercel_deployments import Deployment, Deployments
from sandbox.world import World


class GitHub(GitHubCommits, GitHubIssues):
    """One private repository."""

    name = "github"
    title = "GitHub"
    switches = (API_SWITCH,)

    def __init__(self, world: World, faults: Faults, deployments: Deployments) -> None:
        """Show the world's repository, and `deployments` as Vercel's integration reports them."""
        super().__init__(world, faults)
        self._deployments = deployments

    @call("GET", "/repos/{owner}/{repo}/deployments", "list deployments")
    async def list_deployments(self, request: web.Request) -> web.Response:
        """List Vercel's deployments, newest first, by environment, commit and branch."""
        self.check_repository(request)
        query = request.query
        found = [
            self._deployment(deployment)
            for deployment in self._deployments.all
            if query.get("environment", self._environment(deployment)) == self._environment(deployment)
            and query.get("sha", deployment.commit.sha) == deployment.commit.sha
            and query.get("ref", deployment.commit.sha) in (deployment.commit.sha, deployment.commit.branch)
        ]
        return self.paged(request, found)

    @staticmethod
    def _environment(deployment: Deployment) -> str:
        return "Production" if deployment.production else "Preview"

    def _deployment(self, deployment: Deployment) -> dict[str, Any]:
        number = 1_900_000_000 + int(hashlib.sha256(deployment.id.encode()).hexdigest()[:6], 16)
        url = f"{API}/repos/{REPOSITORY}/deployments/{number}"
        vercel = Author(login="vercel[bot]", name="Vercel", email="bot@vercel.com")
        return {
            "id": number,
            "node_id": f"DE_{number}",
            "url": url,
            "sha": deployment.commit.sha,
            "ref": deployment.commit.sha,
            "task": "deploy",
            "payload": {},
            "original_environment": self._environment(deployment),
            "environment": self._environment(deployment),
            "description": None,
            "creator": user(vercel),
            "created_at": iso_seconds(deployment.created),
            "updated_at": iso_seconds(deployment.ready_at),
            "statuses_url": f"{url}/statuses",
            "repository_url": f"{API}/repos/{REPOSITORY}",
            "production_environment": deployment.production,
        }

    @call("GET", "/repos/{owner}/{repo}", "get repository")
    async def get_repository(self, request: web.Request) -> web.Response:
        """Return the repository, with what the token may do in it."""
        self.check_repository(request)
        owner, name = REPOSITORY.split("/")
        body = {
            "id": 711204330,
            "name": name,
            "full_name": REPOSITORY,
            "private": True,
            "html_url": f"{SITE}/{REPOSITORY}",
            "default_branch": "main",
            "has_issues": True,
            "archived": False,
            "owner": {"login": owner, "type": "Organization"},
            "permissions": {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True},
        }
        return web.json_response(body)

    @call("GET", "/rate_limit", "get rate limit")
    async def rate_limit(self, request: web.Request) -> web.Response:
        """Return what is left of the hour."""
        del request
        left = self.allowance.remaining if self.allowance else self.limit.limit
        reset = int(self.now() + (self.allowance.reset if self.allowance else 3600))
        core = {"limit": self.limit.limit, "remaining": left, "reset": reset, "used": self.limit.limit - left}
        search = {"limit": 30, "remaining": 30, "reset": reset, "used": 0}
        return web.json_response({"resources": {"core": core, "search": search}, "rate": core})

    @call("GET", "/user", "get user")
    async def getuser(self, request: web.Request) -> web.Response:
        """Return whose token it is."""
        del request
        return web.json_response(user(BOT))
