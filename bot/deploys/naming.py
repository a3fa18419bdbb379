"""Deployments in words: what they are called, how they stand, which one is meant.

[pure]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from bot.ages import age
from bot.operation import Line, Mark
from bot.words import shorten

if TYPE_CHECKING:
    from bot.providers.vercel import Deployment, Project

COMMIT: Final = re.compile(r"[0-9a-f]{7,40}")
_UNREADY: Final = {"ERROR": "build failed", "CANCELED": "cancelled"}


def serving(project: Project, recent: Sequence[Deployment]) -> Deployment | None:
    """What visitors get: what the project names, or where that failed to build, the newest that was promoted."""
    named = project.production
    if named is None or named.state == "READY":
        return named
    return next((one for one in recent if one.state == "READY" and one.substate == "PROMOTED"), None)


def is_newer(one: Deployment, other: Deployment | None) -> bool:
    """Whether it was built after the other."""
    return other is None or one.created_at > other.created_at


def key_of(typed: str) -> str:
    """What was typed or pasted, as the id, the host or the commit that it stands for."""
    host, _, path = typed.strip().removeprefix("https://").removeprefix("http://").strip("/").partition("/")
    if host.lower() == "vercel.com" and path:
        # the dashboard's address of a deployment ends in its id, without the prefix
        last = path.partition("?")[0].rstrip("/").rpartition("/")[2]
        return last if last.startswith("dpl_") else f"dpl_{last}"
    return host.lower() if COMMIT.fullmatch(host.lower()) or "." in host else host


def name(one: Deployment) -> str:
    """What it is called: its commit in short, or its id where it has none."""
    return one.commit[:7] or one.id


def title(one: Deployment) -> str:
    """The first line of its commit's message."""
    return one.message.partition("\n")[0] or ("without a commit" if not one.commit else "")


def spoken(one: Deployment) -> str:
    """The deployment in one phrase: `a1b2c3d “Fix the build” by alice`."""
    said = f"{name(one)} “{shorten(title(one), 70)}”" if title(one) else name(one)
    return f"{said} by {one.author}" if one.author else said


def standing(one: Deployment, current: Deployment | None) -> tuple[str, Mark]:
    """How it stands, in words, with its sign."""
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
    """A deployment in a list."""
    said, mark = standing(one, current)
    return Line(
        title=name(one),
        text=" · ".join(part for part in (shorten(title(one), 80), one.author, said) if part),
        mark=mark,
        at=one.created_at,
    )


def took(one: Deployment) -> float | None:
    """Seconds that its build took, from the push on."""
    return None if one.ready_at is None else (one.ready_at - one.created_at).total_seconds()


def held(project: Project) -> str:
    """Why later pushes stay staged, or nothing where they go live by themselves."""
    if project.auto_assign:
        return ""
    move = project.last_move
    return "rolled back" if move and move.type == "rollback" else "automatic assignment is off"


def held_since(project: Project) -> datetime | None:
    """When it was rolled back, where that is what holds later pushes."""
    return project.last_move.requested_at if held(project) == "rolled back" and project.last_move else None


def dated(one: Deployment, now: datetime) -> str:
    """The deployment with when it was built, for a card that stands for hours."""
    return f"{spoken(one)}, built {one.created_at:%a %d %b %H:%M} UTC, {age(one.created_at, now)} before this was asked"
