"""Vercel's REST API: the project, and what serves production (https://vercel.com/docs/rest-api)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx
from pydantic import BaseModel, TypeAdapter

from bot.providers.http import Api
from bot.settings import VercelSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A deployment. `state` is Vercel's own word (READY, ERROR, BUILDING …), `substate` STAGED, ROLLING or PROMOTED."""

    id: str
    url: str
    state: str
    substate: str
    created_at: datetime
    commit: str = ""
    message: str = ""
    author: str = ""
    domains: tuple[str, ...] = ()


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


class _Meta(BaseModel):
    githubCommitSha: str = ""  # noqa: N815 -- Vercel's name
    githubCommitMessage: str = ""  # noqa: N815
    githubCommitAuthorLogin: str = ""  # noqa: N815


class _Target(BaseModel):
    id: str
    url: str = ""
    readyState: str  # noqa: N815
    readySubstate: str = ""  # noqa: N815
    createdAt: int  # noqa: N815
    alias: list[str] = []
    meta: _Meta = _Meta()


class _Targets(BaseModel):
    production: _Target | None = None


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


class _Project(BaseModel):
    id: str
    name: str
    autoAssignCustomDomains: bool = True  # noqa: N815
    paused: bool = False
    targets: _Targets = _Targets()
    lastAliasRequest: _Move | None = None  # noqa: N815
    ssoProtection: _Protection | None = None  # noqa: N815
    security: _Security | None = None


_PROJECT: Final = TypeAdapter(_Project)


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
        )


def _deployment(target: _Target) -> Deployment:
    return Deployment(
        id=target.id,
        url=target.url,
        state=target.readyState,
        substate=target.readySubstate,
        created_at=_when(target.createdAt),
        commit=target.meta.githubCommitSha,
        message=target.meta.githubCommitMessage,
        author=target.meta.githubCommitAuthorLogin,
        domains=tuple(target.alias),
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
