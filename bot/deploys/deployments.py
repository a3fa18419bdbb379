"""Deployments as people speak of them: which one is meant, how it stands, and which one serves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from bot.context import Services
from bot.errors import NotConfiguredError, ProviderError, UserError
from bot.operation import Line, Mark
from bot.words import shorten

if TYPE_CHECKING:  # they import httpx, which a terminal may do without
    from bot.providers.vercel import Deployment, Project, Vercel

RECENT: Final = 100
"""How many deployments are looked through for a commit: the longest page that Vercel gives."""
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}")
_UNREADY: Final = {"ERROR": "build failed", "CANCELED": "cancelled"}


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
    project = await vercel.project()
    page = await vercel.deployments(limit=limit)
    return Production(
        project=project,
        serving=serving(project, page.deployments),
        recent=page.deployments,
        following=page.following,
    )


def serving(project: Project, recent: tuple[Deployment, ...]) -> Deployment | None:
    """What visitors get: what the project names, or where that failed to build, the newest that was promoted."""
    named = project.production
    if named is None or named.state == "READY":
        return named
    return next((one for one in recent if one.state == "READY" and one.substate == "PROMOTED"), None)


def is_newer(one: Deployment, other: Deployment | None) -> bool:
    """Whether it was built after the other."""
    return other is None or one.created_at > other.created_at


async def find(vercel: Vercel, key: str) -> Deployment:
    """Return the deployment that a person means: by id, host, dashboard address, or the beginning of its commit.

    Raises UserError where there is none; of several with one commit it is the newest that was built for production.
    """
    wanted = key_of(key)
    if _COMMIT.fullmatch(wanted):
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


def key_of(typed: str) -> str:
    """What was typed or pasted, as the id, the host or the commit that it stands for. Pure."""
    host, _, path = typed.strip().removeprefix("https://").removeprefix("http://").strip("/").partition("/")
    if host.lower() == "vercel.com" and path:
        # the dashboard's address of a deployment ends in its id, without the prefix
        last = path.partition("?")[0].rstrip("/").rpartition("/")[2]
        return last if last.startswith("dpl_") else f"dpl_{last}"
    return host.lower() if _COMMIT.fullmatch(host.lower()) or "." in host else host


def name(one: Deployment) -> str:
    """What it is called: its commit in short, or its id where it has none. Pure."""
    return one.commit[:7] or one.id


def title(one: Deployment) -> str:
    """The first line of its commit's message. Pure."""
    return one.message.partition("\n")[0] or ("without a commit" if not one.commit else "")


def spoken(one: Deployment) -> str:
    """The deployment in one phrase: `a1b2c3d “Fix the build” by alice`. Pure."""
    said = f"{name(one)} “{shorten(title(one), 70)}”" if title(one) else name(one)
    return f"{said} by {one.author}" if one.author else said


def standing(one: Deployment, current: Deployment | None) -> tuple[str, Mark]:
    """How it stands, in words, with its sign. Pure."""
    if current is not None and one.id == current.id:
        return "serving", Mark.OK
    if one.deleted:
        return "deleted, by hand or by the project's retention", Mark.NONE
    if one.state != "READY":
        return _UNREADY.get(one.state, one.state.lower()), Mark.DOWN if one.state == "ERROR" else Mark.NONE
    if one.target != "production":
        return "preview", Mark.NONE
    return "staged: it has never served" if one.substate == "STAGED" else "served before", Mark.NONE


def line(one: Deployment, current: Deployment | None) -> Line:
    """A deployment in a list. Pure."""
    said, mark = standing(one, current)
    return Line(
        title=name(one),
        text=" · ".join(part for part in (shorten(title(one), 80), one.author, said) if part),
        mark=mark,
        at=one.created_at,
    )


def took(one: Deployment) -> float | None:
    """Seconds that its build took, from the push on. Pure."""
    return None if one.ready_at is None else (one.ready_at - one.created_at).total_seconds()


def held(project: Project) -> str:
    """Why later pushes stay staged, or nothing where they go live by themselves. Pure."""
    if project.auto_assign:
        return ""
    move = project.last_move
    return "rolled back" if move and move.type == "rollback" else "automatic assignment is off"


def held_since(project: Project) -> datetime | None:
    """When it was rolled back, where that is what holds later pushes. Pure."""
    return project.last_move.requested_at if held(project) == "rolled back" and project.last_move else None
