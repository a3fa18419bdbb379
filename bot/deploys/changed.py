"""What changed lately, which is the first question of an incident: each source apart, and what cannot be asked is said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from bot.ages import span
from bot.context import Services
from bot.deploys import between, deployments, naming
from bot.errors import ProviderError
from bot.operation import Answer, Line, Lines, Mark, Offer
from bot.store import requests
from bot.store.database import DatabaseSilentError
from bot.words import shorten

if TYPE_CHECKING:
    from bot.providers.vercel import Deployment, Move

WITHIN: Final = timedelta(hours=2)
_MOVED: Final = {"rollback": "Rollback", "promote": "Promotion"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that changed; `kind` is counted in the verdict."""

    kind: str
    line: Line
    at: datetime
    reached: bool = False
    """It is code that users may run since."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What one source knows."""

    changes: tuple[Change, ...] = ()
    unknown: tuple[str, ...] = ()
    """What could not be checked, in sentences."""
    offers: tuple[Offer, ...] = ()


Source = Callable[[Services, datetime], Awaitable[Seen]]
"""Asked for what changed since a moment."""


async def what_changed(services: Services, *, within: timedelta = WITHIN) -> Answer:
    """Return the deployments, moves, migrations and changes through us since then, newest first."""
    return told(await look(services, within), within)


async def look(services: Services, within: timedelta) -> Sequence[Seen]:
    """What each source knows since then."""
    since = services.now() - within
    return await asyncio.gather(*(source(services, since) for source in SOURCES))


def fresh_code(seen: Sequence[Seen]) -> str:
    """The newest code that reached users, in words; empty where none did. Pure."""
    reached = [change for one in seen for change in one.changes if change.reached]
    if not reached:
        return ""
    newest = max(reached, key=lambda change: change.at).line
    return f"{newest.title}: {newest.text}"


def told(seen: Sequence[Seen], within: timedelta) -> Answer:
    """What all sources know, as an answer. Pure."""
    changes = sorted((change for one in seen for change in one.changes), key=lambda change: change.at, reverse=True)
    unknown = [sentence for one in seen for sentence in one.unknown]
    last = f"the last {span(within.total_seconds())}" if within != WITHIN else "the last 2 hours"
    if changes:
        counts = [between.count(sum(change.kind == kind for change in changes), kind) for kind in _kinds(changes)]
        verdict, mark = f"What changed in {last}: {', '.join(counts)}.", Mark.NONE
    elif unknown:
        verdict, mark = f"Whether anything changed in {last} could not be checked.", Mark.UNKNOWN
    else:
        verdict, mark = (
            f"Nothing changed in {last}: no deployment, no move, no migration, nothing through me.",
            Mark.NONE,
        )
    groups = (
        Lines(lines=tuple(change.line for change in changes)),
        Lines(lines=tuple(Line(title=sentence, mark=Mark.UNKNOWN) for sentence in unknown)),
    )
    return Answer(
        verdict=verdict,
        mark=mark,
        evidence=tuple(group for group in groups if group.lines),
        offers=tuple(offer for one in seen for offer in one.offers),
    )


def _kinds(changes: Sequence[Change]) -> list[str]:
    return list(dict.fromkeys(change.kind for change in changes))


async def by_vercel(services: Services, since: datetime) -> Seen:
    """Deployments for production with the migrations that came with them, and the last move of the domains."""
    vercel = services.vendors().vercel
    if vercel is None:
        return Seen(unknown=("Deployments: Vercel is not configured.",))
    try:
        production = await deployments.look(vercel, limit=deployments.RECENT)
    except ProviderError as error:
        return Seen(unknown=(f"Deployments: {error.what}",))
    fresh = [one for one in production.recent if one.created_at >= since]
    changes = [_deployed(one, production.serving) for one in fresh]
    if (move := production.project.last_move) is not None and move.requested_at >= since:
        changes.append(_moved(move, production.recent))
    migrations = await _migrations(services, fresh, production, since)
    return Seen(
        changes=(*changes, *migrations.changes), unknown=migrations.unknown, offers=_way_back(production, since)
    )


def _deployed(one: Deployment, serving: Deployment | None) -> Change:
    said, mark = naming.standing(one, serving)
    text = " · ".join(part for part in (shorten(naming.title(one), 80), one.author, said) if part)
    line = Line(title=f"Deployment {naming.name(one)}", text=text, mark=Mark.NONE if mark is Mark.OK else mark,
                when=one.created_at)  # fmt: skip
    reached = one.state == "READY" and one.substate != "STAGED"
    return Change(kind="deployment", line=line, at=one.created_at, reached=reached)


def _moved(move: Move, recent: Sequence[Deployment]) -> Change:
    names = {one.id: naming.name(one) for one in recent}
    text = f"from {names.get(move.from_id, move.from_id)} to {names.get(move.to_id, move.to_id)}: {move.status}"
    title = _MOVED.get(move.type, move.type.capitalize())
    line = Line(title=title, text=text, when=move.requested_at)
    return Change(kind=title.lower(), line=line, at=move.requested_at, reached=True)


async def _migrations(
    services: Services, fresh: Sequence[Deployment], production: deployments.Production, since: datetime
) -> Seen:
    """The migrations in what was built since then, against what was built before. Whether they were applied is not here."""
    built = [one for one in fresh if one.state == "READY" and one.commit]
    before = next((one for one in production.recent if one.created_at < since and one.state == "READY"), None)
    if not built:
        return Seen()
    found = await between.between(services, before.commit if before else "", built[0].commit)
    if found.unknown:
        return Seen(unknown=(f"Migrations: {found.unknown}.",))
    note = () if found.whole else ("Migrations: too many files for GitHub to name them all.",)
    return Seen(
        changes=tuple(
            Change(
                kind="migration",
                line=Line(
                    title=f"Migration {name}",
                    text="came with these deployments; whether it was applied is not known here",
                ),
                at=built[0].created_at,
            )
            for name in found.migrations
        ),
        unknown=note,
    )


def _way_back(production: deployments.Production, since: datetime) -> tuple[Offer, ...]:
    """Where what serves is that new, the way back."""
    serving = production.serving
    if serving is None or serving.created_at < since:
        return ()
    return (Offer(label="Roll back…", words="rollback"),)


async def through_us(services: Services, since: datetime) -> Seen:
    """What was run through us for the product as a whole; what concerns one customer is left out."""
    try:
        ran = await services.database.call(lambda connection: requests.ran_since(connection, since))
    except DatabaseSilentError:
        return Seen(unknown=("Changes through me: my own database does not answer.",))
    return Seen(
        changes=tuple(
            Change(
                kind="change through me",
                line=Line(
                    title=f"Request {request.id}",
                    text=f"{request.plan['effect']}: {request.state.label}",
                    when=request.decided_at,
                ),
                at=request.decided_at or request.asked_at,
            )
            for request in ran
        )
    )


SOURCES: Final[tuple[Source, ...]] = (by_vercel, through_us)
