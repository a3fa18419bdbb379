"""A stand-in for Vercel's REST API: https://vercel.com/docs/rest-api."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.faults import Faults
from sandbox.vendors.vendor import API_SWITCH, RefusalError, Switch, call
from sandbox.vendors.vercel_config import VercelConfig
from sandbox.vendors.vercel_deployments import (
    PROJECT_NAME,
    REPOSITORY_ID,
    Deployment,
    Deployments,
    milliseconds,
)
from sandbox.vendors.vercel_listing import VercelListing
from sandbox.vendors.vercel_logs import VercelLogs
from sandbox.world import CREDENTIALS, World


class Vercel(VercelListing, VercelLogs, VercelConfig):
    """One team with one project, deployed from the repository that GitHub's stand-in shows."""

    name = "vercel"
    title = "Vercel"
    switches = (
        Switch(name="production", label="Production deployment", options=("ready", "error", "broken", "rolled_back")),
        Switch(name="alias_moves", label="Rollbacks and promotions", options=("normal", "stuck", "failing", "skipped")),
        Switch(name="traffic", label="Traffic", options=("normal", "slow", "failing")),
        API_SWITCH,
    )

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with 25 deployments, the newest of `main` serving."""
        super().__init__(world, faults)
        self.deployments = Deployments(world)

    # the panel's switches

    def changed(self, name: str, option: str) -> None:
        """Bring about what `production` was put to: a push that fails or breaks the site, a rollback, or one that works."""
        if name != "production":
            return
        deployments, now = self.deployments, self.now()
        deployments.settle(now)
        if option == "error":
            deployments.frozen = False
            deployments.push(
                "Interviewer personas", ("lib/personas.ts", "app/interview/page.tsx"), age=240, outcome="ERROR"
            )
        elif option == "broken":
            deployments.frozen = False
            deployments.push(
                "Rewrite the session middleware",
                ("middleware.ts", "lib/session.ts"),
                age=600,
                fault="TypeError: Cannot read properties of undefined (reading 'session')",
            )
        elif option == "rolled_back":
            target = deployments.candidates(now)[0]
            deployments.move(
                "rollback", target, behaviour="normal", description="Rolled back in the dashboard", age=900
            )
        elif deployments.frozen:
            sound = next(d for d in deployments.all if d.production and d.state(now) == "READY" and not d.fault)
            deployments.move("promote", sound, behaviour="normal", age=60)
        elif deployments.shown(now) is not deployments.current:
            deployments.push("Fix the build", ("lib/personas.ts",), age=180)
        elif deployments.current.fault:
            deployments.push("Revert the session middleware", ("middleware.ts", "lib/session.ts"), age=180)
        deployments.settle(now)

    # the project, rollback, promote

    @call("GET", "/v9/projects/{project}", "get project")
    async def get_project(self, request: web.Request) -> web.Response:
        """Return the project: what serves production, and the last move of its domains."""
        now = self.settled()
        self.check_project(request.match_info["project"])
        deployments, job = self.deployments, self.deployments.job
        owner, repository = CREDENTIALS["github.repository"].split("/")
        recent = sorted(deployments.all, key=lambda deployment: -deployment.created)[:3]
        project: dict[str, Any] = {
            "accountId": CREDENTIALS["vercel.team_id"],
            "id": CREDENTIALS["vercel.project"],
            "name": PROJECT_NAME,
            "framework": "nextjs",
            "nodeVersion": "22.x",
            "directoryListing": False,
            "live": True,
            "paused": False,
            "createdAt": milliseconds(self.world.started - 420 * 86400),
            "updatedAt": milliseconds(deployments.current.created),
            "autoAssignCustomDomains": not deployments.frozen,
            "resourceConfig": {"functionDefaultRegions": ["lhr1"]},
            "defaultResourceConfig": {"functionDefaultRegions": ["lhr1"]},
            "targets": {"production": self._target(deployments.shown(now), now)},
            "latestDeployments": [self._target(deployment, now) for deployment in recent],
            "lastAliasRequest": None,
            "lastRollbackTarget": None,
            "link": {
                "type": "github",
                "org": owner,
                "repo": repository,
                "repoId": int(REPOSITORY_ID),
                "productionBranch": "main",
                "gitCredentialId": "cred_sandbox",
                "sourceless": True,
                "createdAt": milliseconds(self.world.started - 420 * 86400),
                "updatedAt": milliseconds(self.world.started - 420 * 86400),
                "deployHooks": [],
            },
            "ssoProtection": {"deploymentType": "prod_deployment_urls_and_all_previews"},
            "security": {"attackModeEnabled": self.attack_mode},
            "rollingRelease": None,
        }
        if job:
            project["lastAliasRequest"] = {
                "type": job.kind,
                "jobStatus": job.status(now),
                "requestedAt": milliseconds(job.requested),
                "fromDeploymentId": job.source,
                "toDeploymentId": job.target,
            }
            if job.kind == "rollback":
                if not job.applied:
                    project["lastRollbackTarget"] = {"id": job.target}
                project["rollbackDescription"] = {
                    "userId": "usr_opsbot",
                    "username": "ops-bot",
                    "description": job.description,
                    "createdAt": milliseconds(job.requested),
                }
        return web.json_response(project)

    def _target(self, deployment: Deployment, now: float) -> dict[str, Any]:
        listed = self.listed(deployment, now)
        kept = ("name", "url", "createdAt", "readyState", "readySubstate", "target", "meta", "creator", "aliasAssigned")
        target: dict[str, Any] = {
            "id": deployment.id,
            **{key: listed[key] for key in kept if key in listed},
            "aliasError": None,
            "alias": self.deployments.aliases(deployment),
            "userId": listed["creator"]["uid"],
            "teamId": CREDENTIALS["vercel.team_id"],
            "type": "LAMBDAS",
            "plan": "pro",
            "private": True,
            "createdIn": "iad1",
            "deploymentHostname": deployment.url.removesuffix(".vercel.app"),
        }
        if "ready" in listed:
            target["readyAt"] = listed["ready"]
        return target

    def _movable(self, request: web.Request) -> tuple[Deployment, float]:
        now = self.settled()
        self.check_project(request.match_info["project"])
        deployment = self.deployment(request.match_info["deployment"])
        if deployment.project != CREDENTIALS["vercel.project"]:
            raise RefusalError(self.error(404, "Deployment not found in this project", code="not_found"))
        if deployment.deleted:
            raise RefusalError(self.error(410, "The deployment was deleted.", code="deployment_deleted"))
        if self.deployments.moving(now):
            message = "Another alias request is in progress for this project."
            raise RefusalError(self.error(409, message, code="conflict"))
        return deployment, now

    @call("POST", "/v1/projects/{project}/rollback/{deployment}", "rollback")
    @call("POST", "/v9/projects/{project}/rollback/{deployment}", "rollback")
    async def rollback(self, request: web.Request) -> web.Response:
        """Point the production domains at an earlier deployment: 201, the move follows. New builds then stay staged."""
        deployment, now = self._movable(request)
        if deployment not in self.deployments.candidates(now):
            message = "The deployment cannot be rolled back to: it never served production, or serves it now."
            raise RefusalError(self.error(422, message, code="unprocessable_entity"))
        description = request.query.get("description", "")
        self.deployments.move("rollback", deployment, behaviour=self.state["alias_moves"], description=description)
        return web.Response(status=201)

    @call("PATCH", "/v1/projects/{project}/rollback/{deployment}/update-description", "describe rollback")
    async def describe_rollback(self, request: web.Request) -> web.Response:
        """Change the reason of the last rollback."""
        self.settled()
        self.check_project(request.match_info["project"])
        job, body = self.deployments.job, await self.json_object(request)
        if not job or job.kind != "rollback" or job.target != request.match_info["deployment"]:
            raise RefusalError(self.error(404, "No rollback to that deployment.", code="not_found"))
        job.description = str(body.get("description", ""))
        return web.json_response({})

    @call("POST", "/v10/projects/{project}/promote/{deployment}", "promote")
    async def promote(self, request: web.Request) -> web.Response:
        """Point the production domains at a staged or newer deployment: 201, the move follows."""
        deployment, now = self._movable(request)
        if not deployment.production or deployment.state(now) != "READY":
            message = "Only a ready deployment with the target production can be promoted without a rebuild."
            raise RefusalError(self.error(400, message, code="bad_request"))
        if deployment.promoted and deployment.created <= self.deployments.current.created:
            message = "The deployment was promoted before: use a rollback."
            raise RefusalError(self.error(409, message, code="conflict"))
        self.deployments.move("promote", deployment, behaviour=self.state["alias_moves"])
        return web.Response(status=201)

    @call("GET", "/v9/projects/{project}/rollback/aliases", "list rollback aliases")
    @call("GET", "/v1/projects/{project}/promote/aliases", "list promote aliases")
    async def moved_aliases(self, request: web.Request) -> web.Response:
        """List the domains of the last move, each with its own status."""
        now = self.settled()
        self.check_project(request.match_info["project"])
        job = self.deployments.job
        status = {"succeeded": "completed"}.get(job.status(now), job.status(now)) if job else ""
        moved = self.deployments.aliases(self.deployments.current) if job else []
        aliases = [{"alias": alias, "id": f"als_{number}", "status": status} for number, alias in enumerate(moved)]
        if request.query.get("failedOnly") == "true":
            aliases = [alias for alias in aliases if alias["status"] == "failed"]
        pagination = {"count": len(aliases), "next": None, "prev": None}
        return web.json_response({"aliases": aliases, "pagination": pagination})
