"""Which deployments production may be moved to, and why not to the others.

[pure]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.deploys.naming import is_newer, name, spoken, standing, title
from bot.errors import UserError
from bot.operation import Offer
from bot.words import shorten

if TYPE_CHECKING:
    from bot.providers.vercel import Deployment, Kind, Project

SHOWN = 4
"""How many right ones a refusal lists."""


def earlier(serving: Deployment | None, candidates: Sequence[Deployment]) -> list[Deployment]:
    """Those that production may be rolled back to, newest first."""
    return [
        one
        for one in candidates
        if one.state == "READY"
        and not one.deleted
        and not is_newer(one, serving)
        and one.id != (serving and serving.id)
    ]


def later(serving: Deployment | None, recent: Sequence[Deployment]) -> list[Deployment]:
    """Those that production may be promoted to, newest first: staged, or rolled back from."""
    return [
        one
        for one in recent
        if one.state == "READY" and not one.deleted and one.target == "production" and is_newer(one, serving)
    ]


def way(one: Deployment, *, project: Project, serving: Deployment | None) -> Kind | None:
    """How production may be moved to this deployment, as far as it can be seen from it alone; None where not at all."""
    if _wrong(one, project=project, serving=serving):
        return None
    if is_newer(one, serving):
        return "promote"
    return "rollback" if one.substate == "PROMOTED" else None


def offer(one: Deployment, kind: Kind, *, label: str = "") -> Offer:
    """The button that plans it."""
    if kind == "rollback":
        return Offer(label=label or f"Roll back to {name(one)}…", words=f"rollback {one.id}")
    return Offer(label=label or f"Promote {name(one)}…", words=f"deploy promote {one.id}")


def check(
    kind: Kind, one: Deployment, *, project: Project, serving: Deployment | None, right: Sequence[Deployment]
) -> None:
    """Raise UserError, with the right ones, where production cannot be moved to this deployment in this way."""
    why = _wrong(one, project=project, serving=serving) or _way(kind, one, serving=serving, right=right)
    if why:
        raise UserError(f"{spoken(one)} cannot be {_DONE[kind]}: {why}.", todo=offered(kind, right))


def offered(kind: Kind, right: Sequence[Deployment]) -> str:
    """The right ones, as a sentence with the command for the first."""
    if not right:
        return "There is none now. `/ilab deploy list` shows them all."
    command = "rollback" if kind == "rollback" else "deploy promote"
    names = "; ".join(f"{name(one)} “{shorten(title(one), 40)}”" for one in right[:SHOWN])
    return f"Right ones are: {names}. For the first: `/ilab {command} {name(right[0])}`."


_DONE = {"rollback": "rolled back to", "promote": "promoted"}


def _wrong(one: Deployment, *, project: Project, serving: Deployment | None) -> str:
    """Why it can serve production in no way."""
    reasons = (
        (not one.project, "our token may not see whose it is"),
        (one.project != project.id, "it belongs to another project"),
        (serving is not None and one.id == serving.id, "it serves production already"),
        (one.deleted, "it was deleted, by hand or by the project's retention"),
        (not one.target, "it is a preview, and a rebuild of it would be a deployment of its own"),
        (one.target != "production", f"it was built for {one.target}"),
        (one.state != "READY", f"it is not ready ({standing(one, serving)[0]})"),
    )
    return next((why for wrong, why in reasons if wrong), "")


def _way(kind: Kind, one: Deployment, *, serving: Deployment | None, right: Sequence[Deployment]) -> str:
    """Why it can serve production, but not in this way."""
    if kind == "promote":
        return "" if is_newer(one, serving) else "it is older than what serves, which is a rollback"
    if one.substate == "STAGED":
        return "it has never served, so it can only be promoted"
    if is_newer(one, serving):
        return "it is newer than what serves, so it can only be promoted"
    if one.id not in {candidate.id for candidate in right}:
        return "Vercel does not offer it for a rollback; the smallest plan goes back one step only"
    return ""
