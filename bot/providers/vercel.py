"""Vercel's REST API: the project, its deployments, and what serves production (https://vercel.com/docs/rest-api).

There is no call that says how a rollback or a promotion goes: the project's last alias request says it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from urllib.parse import quote

import httpx
from pydantic import AliasChoices, BaseModel, Field, TypeAdapter

from bot.providers.http import Api
from bot.settings import VercelSettings

Kind = Literal["rollback", "promote"]
"""The two ways in which the production domains are moved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A deployment. `state` is Vercel's own word (READY, ERROR, BUILDING …), `substate` STAGED, ROLLING or PROMOTED."""

    id: str
    url: str
    state: str
    substate: str
    created_at: datetime
    ready_at: datetime | None = None
    project: str = ""
    """The id of its project; empty where our token may not see that."""
    target: str = ""
    """production, staging, or empty for a preview."""
    commit: str = ""
    message: str = ""
    branch: str = ""
    author: str = ""
    source: str = ""
    """How it came about: git, cli, redeploy …"""
    candidate: bool = False
    """Vercel offers it for a rollback; only lists say so."""
    deleted: bool = False
    """Taken away, by somebody or by the project's retention."""
    error: str = ""
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some deployments, newest first; `following` is asked for to get those that are older."""

    deployments: tuple[Deployment, ...]
    following: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """The last rollback or promotion: `status` is pending, in-progress, succeeded, failed or skipped."""

    type: str
    status: str
    requested_at: datetime
    from_id: str
    to_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """The project. After a rollback `auto_assign` is false: later pushes stay staged until one is promoted."""

    id: str
    name: str
    auto_assign: bool
    paused: bool
    protection: str
    """Vercel Authentication's reach; `all` puts the production domain behind a sign-in."""
    challenged: bool
    """Whether Attack Challenge Mode is on: unknown automated visitors, our probes too, are answered 429."""
    production: Deployment | None
    last_move: Move | None
    reason: str = ""
    """What was said of the last rollback by who asked for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hook:
    """An address that is told of these events."""

    url: str
    events: frozenset[str]


class _Hook(BaseModel):
    url: str
    events: list[str] = []


class _Meta(BaseModel):
    githubCommitSha: str = ""  # noqa: N815 -- Vercel's name
    githubCommitMessage: str = ""  # noqa: N815
    githubCommitRef: str = ""  # noqa: N815
    githubCommitAuthorLogin: str = ""  # noqa: N815


class _Creator(BaseModel):
    username: str = ""


class _Deployment(BaseModel):
    """Lists call its id `uid`; what a project serves has no project, and what our token may not see no `meta`."""

    id: str = Field(validation_alias=AliasChoices("id", "uid"))
    url: str = ""
    readyState: str  # noqa: N815
    readySubstate: str | None = None  # noqa: N815
    createdAt: int  # noqa: N815
    ready: int | None = None
    projectId: str = ""  # noqa: N815
    target: str | None = None
    alias: list[str] = []
    meta: _Meta = _Meta()
    creator: _Creator = _Creator()
    source: str = ""
    isRollbackCandidate: bool | None = None  # noqa: N815
    softDeletedByRetention: bool = False  # noqa: N815
    deletedAt: int | None = None  # noqa: N815
    errorMessage: str | None = None  # noqa: N815


class _Pagination(BaseModel):
    next: int | None = None


class _Deployments(BaseModel):
    deployments: list[_Deployment]
    pagination: _Pagination


class _Targets(BaseModel):
    production: _Deployment | None = None


class _Move(BaseModel):
    type: str
    jobStatus: str  # noqa: N815
    requestedAt: int  # noqa: N815
    fromDeploymentId: str = ""  # noqa: N815
    toDeploymentId: str = ""  # noqa: N815


class _Protection(BaseModel):
    deploymentType: str = ""  # noqa: N815


class _Security(BaseModel):
    attackModeEnabled: bool = False  # noqa: N815


class _Description(BaseModel):
    description: str = ""


class _Alias(BaseModel):
    alias: str


class _Aliases(BaseModel):
    aliases: list[_Alias]


class _Payload(BaseModel):
    text: str = ""


class _BuildEvent(BaseModel):
    """The text stands in `payload`, or beside it."""

    type: str
    text: str = ""
    payload: _Payload = _Payload()


class _Project(BaseModel):
    id: str
    name: str
    autoAssignCustomDomains: bool = True  # noqa: N815
    paused: bool = False
    targets: _Targets = _Targets()
    lastAliasRequest: _Move | None = None  # noqa: N815
    ssoProtection: _Protection | None = None  # noqa: N815
    security: _Security | None = None
    rollbackDescription: _Description | None = None  # noqa: N815


class _Observed(BaseModel):
    summary: list[dict[str, float | None]] = []


_OBSERVED: Final = TypeAdapter(_Observed)
_PROJECT: Final = TypeAdapter(_Project)
_DEPLOYMENT: Final = TypeAdapter(_Deployment)
_DEPLOYMENTS: Final = TypeAdapter(_Deployments)
_ALIASES: Final = TypeAdapter(_Aliases)
_BUILD: Final = TypeAdapter(list[_BuildEvent])

_HOOKS: Final = TypeAdapter(list[_Hook])


class Vercel:
    """Vercel's API for one project."""

    def __init__(self, settings: VercelSettings, http: httpx.AsyncClient) -> None:
        """Send the token and the team with every call: without its team a project is not found."""
        self.settings = settings
        self._api = Api(
            provider="Vercel",
            http=http,
            base_url=settings.base_url,
            headers={"authorization": f"Bearer {settings.token.get_secret_value()}"},
        )
        self._team = {"teamId": settings.team_id} if settings.team_id else {}

    async def observe(self, metric: str, aggregation: str, *, start: datetime, end: datetime, only: str = "") -> float:
        """Return one figure of a time: `POST /v2/observability/query`, which only reads. 402 where the plan lacks it."""
        body: dict[str, object] = {
            "scope": {"type": "project", "ownerId": self.settings.team_id, "projectIds": [self.settings.project]},
            "metric": metric,
            "aggregation": aggregation,
            "startTime": f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "endTime": f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "granularity": {"minutes": 5},
        }
        if only:
            body["filter"] = only
        response = await self._api.send("POST", "/v2/observability/query", params=self._team, body=body)
        found = self._api.parsed(response, _OBSERVED)
        key = f"{metric.replace('.', '_').replace('/', '_')}_{aggregation}"
        value = found.summary[0].get(key) if found.summary else None
        if value is None:
            raise self._api.failed("garbled", status=response.status_code, why="says nothing of this figure")
        return value

    async def project(self) -> Project:
        """Return the project with its production deployment: `GET /v9/projects/{idOrName}`."""
        found = await self._api.read(f"/v9/projects/{self.settings.project}", _PROJECT, params=self._team)
        target, move = found.targets.production, found.lastAliasRequest
        return Project(
            id=found.id,
            name=found.name,
            auto_assign=found.autoAssignCustomDomains,
            paused=found.paused,
            protection=found.ssoProtection.deploymentType if found.ssoProtection else "",
            challenged=bool(found.security and found.security.attackModeEnabled),
            production=_deployment(target) if target else None,
            last_move=_move(move) if move else None,
            reason=found.rollbackDescription.description if found.rollbackDescription else "",
        )

    async def webhooks(self) -> tuple[Hook, ...]:
        """Return the team's webhooks, at most 20: `GET /v1/webhooks`. Only Pro and Enterprise have them."""
        found = await self._api.read("/v1/webhooks", _HOOKS, params=self._team)
        return tuple(Hook(url=hook.url, events=frozenset(hook.events)) for hook in found)

    async def deployments(
        self,
        *,
        limit: int = 20,
        until: int | None = None,
        since: datetime | None = None,
        previews: bool = False,
        candidates: bool = False,
    ) -> Page:
        """Return the newest deployments; `until` is what an earlier page said is `following`.

        `GET /v6/deployments`. `candidates` leaves only those that a rollback may go to.
        """
        params: dict[str, str | int] = {**self._team, "projectId": self.settings.project, "limit": limit}
        if until is not None:
            params["until"] = until
        if since is not None:
            params["since"] = int(since.timestamp() * 1000)
        if not previews:
            params["target"] = "production"
        if candidates:
            params["rollbackCandidate"] = "true"
        found = await self._api.read("/v6/deployments", _DEPLOYMENTS, params=params)
        return Page(
            deployments=tuple(_deployment(deployment) for deployment in found.deployments),
            following=found.pagination.next,
        )

    async def deployment(self, key: str) -> Deployment:
        """Return one deployment by its id or its host: `GET /v13/deployments/{idOrUrl}`."""
        return _deployment(
            await self._api.read(f"/v13/deployments/{quote(key, safe='')}", _DEPLOYMENT, params=self._team)
        )

    async def build_log(self, deployment_id: str) -> tuple[str, ...]:
        """Return the last lines that its build wrote, oldest first: `GET /v3/deployments/{idOrUrl}/events`."""
        params = {**self._team, "direction": "backward", "follow": "0", "limit": "20", "builds": "1"}
        events = await self._api.read(f"/v3/deployments/{deployment_id}/events", _BUILD, params=params)
        texts = (event.payload.text or event.text for event in reversed(events))
        return tuple(text for text in texts if text.strip())

    async def move(self, kind: Kind, deployment_id: str, *, reason: str = "") -> None:
        """Ask for the production domains to be moved to a deployment; the project's last move says how that goes.

        `POST /v1/projects/{id}/rollback/{deployment}`, `POST /v10/projects/{id}/promote/{deployment}`; both answer 201
        and nothing else. 409: another move is under way.
        """
        version = "v1" if kind == "rollback" else "v10"
        params = self._team | ({"description": reason} if kind == "rollback" and reason else {})
        path = f"/{version}/projects/{self.settings.project}/{kind}/{deployment_id}"
        await self._api.send("POST", path, params=params, body={})

    async def not_moved(self, kind: Kind) -> tuple[str, ...]:
        """Return the domains that the last move left where they were."""
        version = "v9" if kind == "rollback" else "v1"
        params = {**self._team, "failedOnly": "true", "limit": "20"}
        found = await self._api.read(
            f"/{version}/projects/{self.settings.project}/{kind}/aliases", _ALIASES, params=params
        )
        return tuple(alias.alias for alias in found.aliases)


def _deployment(found: _Deployment) -> Deployment:
    return Deployment(
        id=found.id,
        url=found.url,
        state=found.readyState,
        substate=found.readySubstate or "",
        created_at=_when(found.createdAt),
        ready_at=_when(found.ready) if found.ready else None,
        project=found.projectId,
        target=found.target or "",
        commit=found.meta.githubCommitSha,
        message=found.meta.githubCommitMessage,
        branch=found.meta.githubCommitRef,
        author=found.meta.githubCommitAuthorLogin or found.creator.username,
        source=found.source,
        candidate=bool(found.isRollbackCandidate),
        deleted=found.softDeletedByRetention or found.deletedAt is not None or found.readyState == "DELETED",
        error=found.errorMessage or "",
        domains=tuple(found.alias),
    )


def _move(move: _Move) -> Move:
    return Move(
        type=move.type,
        status=move.jobStatus,
        requested_at=_when(move.requestedAt),
        from_id=move.fromDeploymentId,
        to_id=move.toDeploymentId,
    )


def _when(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
