"""Vercel asked: what serves production, and which deployment a person means."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.context import Services
from bot.deploys.naming import COMMIT, is_newer, key_of, serving
from bot.errors import NotConfiguredError, ProviderError, UserError
from bot.words import shorten

if TYPE_CHECKING:  # they import httpx, which a terminal may do without
    from bot.providers.vercel import Deployment, Project, Vercel

RECENT: Final = 100
"""How many deployments are looked through for a commit: the longest page that Vercel gives."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Production:
    """The project, what serves production, and its newest deployments for production, newest first."""

    project: Project
    serving: Deployment | None
    recent: tuple[Deployment, ...]
    following: int | None = None

    @property
    def staged(self) -> tuple[Deployment, ...]:
        """Built for production, newer than what serves, and never served: waiting to be promoted."""
        return tuple(one for one in self.recent if one.substate == "STAGED" and is_newer(one, self.serving))


def vercel_of(services: Services) -> Vercel:
    """Vercel's client. Raise NotConfiguredError where the settings hold none."""
    vercel = services.vendors().vercel
    if vercel is None:
        raise NotConfiguredError(
            "Vercel is not configured.",
            todo="Set `ILAB_VERCEL__TOKEN`, `ILAB_VERCEL__PROJECT` and `ILAB_VERCEL__TEAM_ID`.",
        )
    return vercel


async def look(vercel: Vercel, *, limit: int = 20) -> Production:
    """Return what serves production now, and the newest deployments for it."""
    project, page = await asyncio.gather(vercel.project(), vercel.deployments(limit=limit))
    return Production(
        project=project,
        serving=serving(project, page.deployments),
        recent=page.deployments,
        following=page.following,
    )


async def find(vercel: Vercel, key: str) -> Deployment:
    """Return the deployment that a person means: by id, host, dashboard address, or the beginning of its commit.

    Raises UserError where there is none; of several with one commit it is the newest that was built for production.
    """
    wanted = key_of(key)
    if COMMIT.fullmatch(wanted):
        page = await vercel.deployments(limit=RECENT, previews=True)
        found = [one for one in page.deployments if one.commit.startswith(wanted)]
        best = sorted(found, key=lambda one: (one.target == "production", one.state == "READY"), reverse=True)
        if best:
            return best[0]
        raise UserError(
            f"No deployment of commit {shorten(wanted, 12)} is among the last {RECENT}.",
            todo="`/ilab deploy list` shows the newest; an older one is found by its id (dpl_…).",
        )
    try:
        return await vercel.deployment(wanted)
    except ProviderError as error:
        if error.kind not in ("not_found", "rejected"):
            raise
        raise UserError(
            f"Vercel knows no deployment “{shorten(key)}”.", todo="`/ilab deploy list` shows the newest."
        ) from error
