"""A stand-in for Vercel's REST API: https://vercel.com/docs/rest-api."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.faults import Faults
from sandbox.vendors.moments import iso
from sandbox.vendors.vendor import API_SWITCH, RateLimit, RefusalError, Switch, call
from sandbox.vendors.vercel_config import VercelConfig
from sandbox.vendors.vercel_deployments import (
    PROJECT_NAME,
    REPOSITORY_ID,
    TEAM_SLUG,
    Deployment,
    Deployments,
    creator,
    meta,
    milliseconds,
)
from sandbox.vendors.vercel_logs import VercelLogs
from sandbox.world import CREDENTIALS, World


class Vercel(VercelLogs, VercelConfig):
    """One team with one project, deployed from the repository that GitHub's stand-in shows."""

    name = "vercel"
    title = "Vercel"
    switches = (
        Switch(name="production", label="Production deployment", options=("ready", "error", "rolled_back")),
        Switch(name="alias_moves", label="Rollbacks and promotions", options=("normal", "stuck", "failing")),
        Switch(name="traffic", label="Traffic", options=("normal", "slow", "failing")),
        API_SWITCH,
    )

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with 25 deployments, the newest of `main` serving."""
        super().__init__(world, faults)
        self.deployments = Deployments(world)
        self._limits = {
            "list": RateLimit(world, limit=1000, seconds=60),
            "get": RateLimit(world, limit=500, seconds=60),
        }

    # the panel's switches

    def changed(self, name: str, option: str) -> None:
        """Bring about what `production` was put to: a failed push, a rollback, or a push that works again."""
        if name != "production":
            return
        deployments, now = self.deployments, self.now()
        deployments.settle(now)
        if option == "error":
            deployments.frozen = False
            deployments.push(
                "Interviewer personas", ("lib/personas.ts", "app/interview/page.tsx"), age=240, outcome="ERROR"
            )
        elif option == "rolled_back":
            target = deployments.candidates(now)[0]
            deployments.move(
                "rollback", target, behaviour="normal", description="Rolled back in the dashboard", age=900
            )
        elif deployments.frozen:
            newest = next(d for d in deployments.all if d.production and d.state(now) == "READY")
            deployments.move("promote", newest, behaviour="normal", age=60)
        elif deployments.shown(now) is not deployments.current:
            deployments.push("Fix the build", ("lib/personas.ts",), age=180)
        deployments.settle(now)

    def _settled(self) -> float:
        """Return the bot's time, with everything done that was due; the switch shows what came of it."""
        now = self.now()
        self.deployments.settle(now)
        if self.deployments.frozen:
            self.state["production"] = "rolled_back"
        else:
            broken = self.deployments.shown(now) is not self.deployments.current
            self.state["production"] = "error" if broken else "ready"
        return now

    # deployments

    @call("GET", "/v6/deployments", "list deployments")
    @call("GET", "/v7/deployments", "list deployments")
    async def list_deployments(self, request: web.Request) -> web.Response:
        """List deployments, newest first, by the documented filters; `pagination.next` goes into `until`."""
        self.limited(self._limits["list"])
        now, query = self._settled(), request.query
        named = query.get("projectId") or query.get("app") or query.get("projectIds") or CREDENTIALS["vercel.project"]
        found = self.deployments.all if self.is_project(named) else []
        wanted: dict[str, set[str]] = {
            key: set(query[key].split(",")) for key in ("state", "target", "branch", "sha", "users") if query.get(key)
        }
        found = [deployment for deployment in found if self._matches(deployment, wanted, now)]
        if query.get("rollbackCandidate") in ("true", "1"):
            candidates = self.deployments.candidates(now)
            found = [deployment for deployment in found if deployment in candidates]
        since = max(self.whole_number(request, "since", 0), self.whole_number(request, "from", 0))
        untils = [self.whole_number(request, key, 0) for key in ("until", "to")]
        until = min((value for value in untils if value), default=0)
        found = [d for d in found if milliseconds(d.created) > since]
        found = [d for d in found if not until or milliseconds(d.created) < until]
        limit = min(100, max(1, self.whole_number(request, "limit", 20)))
        page = found[:limit]
        following = milliseconds(page[-1].created) if len(found) > limit else None
        previous = milliseconds(page[0].created) if until and page else None
        return web.json_response(
            {
                "pagination": {"count": len(page), "next": following, "prev": previous},
                "deployments": [self._listed(deployment, now) for deployment in page],
            }
        )

    def _matches(self, deployment: Deployment, wanted: dict[str, set[str]], now: float) -> bool:
        facts = {
            "state": deployment.state(now),
            "target": "production" if deployment.production else "preview",
            "branch": deployment.commit.branch,
            "sha": deployment.commit.sha,
            "users": creator(deployment)["uid"],
        }
        return all(facts[key] in values for key, values in wanted.items())

    def _listed(self, deployment: Deployment, now: float) -> dict[str, Any]:
        state = deployment.state(now)
        listed = {
            "uid": deployment.id,
            "name": PROJECT_NAME,
            "projectId": CREDENTIALS["vercel.project"],
            "url": deployment.url,
            "created": milliseconds(deployment.created),
            "createdAt": milliseconds(deployment.created),
            "buildingAt": milliseconds(deployment.created + 2),
            "state": state,
            "readyState": state,
            "readySubstate": self.deployments.substate(deployment, now),
            "type": "LAMBDAS",
            "target": "production" if deployment.production else None,
            "isRollbackCandidate": deployment in self.deployments.candidates(now),
            "source": "git",
            "inspectorUrl": self._inspector(deployment),
            "meta": meta(deployment),
            "creator": creator(deployment),
            "aliasAssigned": self._alias_assigned(deployment, now),
            "aliasError": None,
        }
        if listed["readySubstate"] is None:
            del listed["readySubstate"]
        if state == "READY":
            listed |= {"ready": milliseconds(deployment.ready_at), "checksState": "completed"}
            listed["checksConclusion"] = "succeeded"
        if state == "ERROR":
            listed |= {"errorCode": "BUILD_UTILS_SPAWN_1", "errorMessage": deployment.error}
        return listed

    def _alias_assigned(self, deployment: Deployment, now: float) -> int | bool | None:
        if deployment.state(now) != "READY":
            return None
        if deployment.production:
            return milliseconds(deployment.promoted) if deployment.promoted else False
        return milliseconds(deployment.ready_at)

    @staticmethod
    def _inspector(deployment: Deployment) -> str:
        return f"https://vercel.com/{TEAM_SLUG}/{PROJECT_NAME}/{deployment.id[4:]}"

    @call("GET", "/v13/deployments/{key}", "get deployment")
    async def get_deployment(self, request: web.Request) -> web.Response:
        """Return one deployment by id, host or production domain."""
        self.limited(self._limits["get"])
        now = self._settled()
        return web.json_response(self._detailed(self.deployment(request.match_info["key"]), now))

    def _detailed(self, deployment: Deployment, now: float) -> dict[str, Any]:
        listed = self._listed(deployment, now)
        owner, repository = CREDENTIALS["github.repository"].split("/")
        detailed: dict[str, Any] = {
            "id": deployment.id,
            **{key: listed[key] for key in listed if key not in ("uid", "created", "state", "isRollbackCandidate")},
            "status": listed["state"],
            "alias": self.deployments.aliases(deployment),
            "aliasAssigned": bool(listed["aliasAssigned"]),
            "bootedAt": milliseconds(deployment.created + 1),
            "buildSkipped": False,
            "public": False,
            "version": 2,
            "plan": "pro",
            "createdIn": "iad1",
            "ownerId": CREDENTIALS["vercel.team_id"],
            "regions": ["lhr1"],
            "routes": None,
            "env": [],
            "build": {"env": []},
            "isInConcurrentBuildsQueue": False,
            "isInSystemBuildsQueue": False,
            "projectSettings": {"framework": "nextjs"},
            "project": {"id": CREDENTIALS["vercel.project"], "name": PROJECT_NAME, "framework": "nextjs"},
            "gitSource": {
                "type": "github",
                "repoId": int(REPOSITORY_ID),
                "ref": deployment.commit.branch,
                "sha": deployment.commit.sha,
                "prId": None,
            },
            "gitRepo": {
                "namespace": owner,
                "id": int(REPOSITORY_ID),
                "type": "github",
                "name": repository,
                "url": f"https://github.com/{owner}/{repository}",
                "path": f"{owner}/{repository}",
                "defaultBranch": "main",
                "private": True,
                "ownerType": "team",
            },
        }
        if listed["state"] == "ERROR":
            detailed["errorStep"] = "buildStep"
        return detailed

    @call("POST", "/v13/deployments", "create deployment")
    async def create_deployment(self, request: web.Request) -> web.Response:
        """Build an earlier deployment again, for production where `target` says so: how a preview is promoted."""
        now = self._settled()
        body = await self.json_object(request)
        if not isinstance(body.get("name"), str):
            raise RefusalError(
                self.error(400, "Invalid request: missing required property `name`.", code="bad_request")
            )
        source = self.deployment(str(body.get("deploymentId", "")))
        created = self.deployments.deploy(source.commit, created=now, production=body.get("target") == "production")
        return web.json_response(self._detailed(created, now))

    @call("PATCH", "/v12/deployments/{id}/cancel", "cancel deployment")
    async def cancel_deployment(self, request: web.Request) -> web.Response:
        """Cancel a build that is under way."""
        now = self._settled()
        deployment = self.deployment(request.match_info["id"])
        if deployment.state(now) not in ("QUEUED", "BUILDING"):
            raise RefusalError(self.error(400, "The deployment is not building.", code="bad_request"))
        deployment.cancelled = True
        return web.json_response(self._detailed(deployment, now))

    @call("GET", "/v2/deployments/{id}/aliases", "list deployment aliases")
    async def deployment_aliases(self, request: web.Request) -> web.Response:
        """List the domains that point at a deployment."""
        self._settled()
        deployment = self.deployment(request.match_info["id"])
        created = iso(deployment.promoted or deployment.ready_at)
        aliases = [
            {"uid": f"als_{deployment.id[4:12]}{number}", "alias": alias, "created": created, "redirect": None}
            for number, alias in enumerate(self.deployments.aliases(deployment))
        ]
        return web.json_response({"aliases": aliases})

    # the project, rollback, promote

    @call("GET", "/v9/projects/{project}", "get project")
    async def get_project(self, request: web.Request) -> web.Response:
        """Return the project: what serves production, and the last move of its domains."""
        now = self._settled()
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
        listed = self._listed(deployment, now)
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
        now = self._settled()
        self.check_project(request.match_info["project"])
        deployment = self.deployment(request.match_info["deployment"])
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
        self._settled()
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
        now = self._settled()
        self.check_project(request.match_info["project"])
        job = self.deployments.job
        status = {"succeeded": "completed"}.get(job.status(now), job.status(now)) if job else ""
        moved = self.deployments.aliases(self.deployments.current) if job else []
        aliases = [{"alias": alias, "id": f"als_{number}", "status": status} for number, alias in enumerate(moved)]
        if request.query.get("failedOnly") == "true":
            aliases = [alias for alias in aliases if alias["status"] == "failed"]
        pagination = {"count": len(aliases), "next": None, "prev": None}
        return web.json_response({"aliases": aliases, "pagination": pagination})
