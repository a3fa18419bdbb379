"""Vercel's calls that list, show, build and cancel deployments."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.faults import Faults
from sandbox.vendors.moments import iso
from sandbox.vendors.vendor import RateLimit, RefusalError, call
from sandbox.vendors.vercel_account import VercelAccount
from sandbox.vendors.vercel_deployments import (
    FOREIGN_PROJECT,
    PROJECT_NAME,
    REPOSITORY_ID,
    TEAM_SLUG,
    Deployment,
    creator,
    meta,
    milliseconds,
)
from sandbox.world import CREDENTIALS, World


class VercelListing(VercelAccount):
    """The calls about deployments one by one."""

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with the whole allowance."""
        super().__init__(world, faults)
        self.limits = {
            "list": RateLimit(world, limit=1000, seconds=60),
            "get": RateLimit(world, limit=500, seconds=60),
        }

    def settled(self) -> float:
        """Return the bot's time, with everything done that was due; the switch shows what came of it."""
        now = self.now()
        self.deployments.settle(now)
        if self.deployments.frozen:
            self.state["production"] = "rolled_back"
        else:
            failed = self.deployments.shown(now) is not self.deployments.current
            broken = "broken" if self.deployments.current.fault else "ready"
            self.state["production"] = "error" if failed else broken
        return now

    @call("GET", "/v6/deployments", "list deployments")
    @call("GET", "/v7/deployments", "list deployments")
    async def list_deployments(self, request: web.Request) -> web.Response:
        """List deployments, newest first, by the documented filters; `pagination.next` goes into `until`."""
        self.limited(self.limits["list"])
        now, query = self.settled(), request.query
        named = query.get("projectId") or query.get("app") or query.get("projectIds") or CREDENTIALS["vercel.project"]
        found = self.deployments.all if self.is_project(named) else []
        if named == FOREIGN_PROJECT:
            found = [self.deployments.foreign]
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
                "deployments": [self.listed(deployment, now) for deployment in page],
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

    def listed(self, deployment: Deployment, now: float) -> dict[str, Any]:
        """Return a deployment in the shape that lists have."""
        state = deployment.state(now)
        listed = {
            "uid": deployment.id,
            "name": PROJECT_NAME,
            "projectId": deployment.project,
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
            "source": "cli" if deployment.prebuilt else "git",
            "inspectorUrl": self._inspector(deployment),
            "meta": meta(deployment),
            "creator": creator(deployment),
            "aliasAssigned": self._alias_assigned(deployment, now),
            "aliasError": None,
        }
        if listed["readySubstate"] is None:
            del listed["readySubstate"]
        if deployment.deleted:
            listed |= {"softDeletedByRetention": True, "deletedAt": milliseconds(self.world.started - 86400)}
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
        self.limited(self.limits["get"])
        now = self.settled()
        return web.json_response(self._detailed(self.deployment(request.match_info["key"]), now))

    def _detailed(self, deployment: Deployment, now: float) -> dict[str, Any]:
        listed = self.listed(deployment, now)
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
        if deployment.deleted:
            # only lists call it DELETED
            detailed |= {"readyState": deployment.outcome, "status": deployment.outcome}
        if listed["state"] == "ERROR":
            detailed["errorStep"] = "buildStep"
        return detailed

    @call("POST", "/v13/deployments", "create deployment")
    async def create_deployment(self, request: web.Request) -> web.Response:
        """Build an earlier deployment again, for production where `target` says so: how a preview is promoted."""
        now = self.settled()
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
        now = self.settled()
        deployment = self.deployment(request.match_info["id"])
        if deployment.state(now) not in ("QUEUED", "BUILDING"):
            raise RefusalError(self.error(400, "The deployment is not building.", code="bad_request"))
        deployment.cancelled = True
        return web.json_response(self._detailed(deployment, now))

    @call("GET", "/v2/deployments/{id}/aliases", "list deployment aliases")
    async def deployment_aliases(self, request: web.Request) -> web.Response:
        """List the domains that point at a deployment."""
        self.settled()
        deployment = self.deployment(request.match_info["id"])
        created = iso(deployment.promoted or deployment.ready_at)
        aliases = [
            {"uid": f"als_{deployment.id[4:12]}{number}", "alias": alias, "created": created, "redirect": None}
            for number, alias in enumerate(self.deployments.aliases(deployment))
        ]
        return web.json_response({"aliases": aliases})
