"""What waits: for the one who asks, of theirs, for others, and what a person must look at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bot.changes.deciding import may_know
from bot.changes.moves import change_of
from bot.changes.rules import rule_of
from bot.context import Context
from bot.operation import Answer, Audience, Line, Lines, Mark, Offer
from bot.policy import Allow, decide_approval
from bot.store import people, requests
from bot.store.database import Connection
from bot.store.requests import Request
from bot.transitions import State

BUTTONS: Final = 5


async def waiting_for(context: Context) -> Answer:
    """What is not finished, as far as the person who asks may know of it."""

    async def look(connection: Connection) -> tuple[list[Request], set[int], dict[int, str]]:
        found = [one for one in await requests.unfinished(connection) if await may_know(one, context.actor, connection)]
        given = await requests.approved_by(connection, context.actor.id)
        handed = await requests.handed_to(connection, context.actor.id)
        return found, given, {request: await people.name_of(connection, by) for request, by in handed.items()}

    found, given, handed = await context.services.database.call(look)
    waits = [one for one in found if one.state is State.AWAITING_APPROVAL]
    mine = [one for one in waits if one.id not in given and _may_approve(one, context)]
    mine.sort(key=lambda one: (one.id not in handed, one.id))
    asked = [one for one in waits if one.requester == context.actor.id]
    others = [one for one in waits if one not in mine and one not in asked]
    groups = (
        _group("Waits for you", mine, handed),
        _group("You asked", asked),
        _group("Waits for others", others),
        _group("Runs now", [one for one in found if one.state is State.EXECUTING]),
        _group(
            "Nobody knows what became of it: somebody must look", [one for one in found if one.state is State.UNKNOWN]
        ),
    )
    return Answer(
        verdict=_verdict(mine, waits),
        mark=Mark.UNKNOWN if any(one.state is State.UNKNOWN for one in found) else Mark.NONE,
        evidence=tuple(group for group in groups if group.lines),
        offers=tuple(
            Offer(label=f"Approve {one.id}", words=f"approve {one.id}", confirm=one.plan["effect"])
            for one in mine[:BUTTONS]
        ),
        audience=Audience.PRIVATE,
    )


def _verdict(mine: list[Request], waits: list[Request]) -> str:
    if mine:
        return f"{len(mine)} wait{'s' if len(mine) == 1 else ''} for you."
    if waits:
        return f"Nothing waits for you; {len(waits)} wait{'s' if len(waits) == 1 else ''} for others."
    return "Nothing waits for approval."


def _group(heading: str, found: Iterable[Request], handed: dict[int, str] | None = None) -> Lines:
    lines = []
    for request in found:
        by = (handed or {}).get(request.id)
        text = request.plan["effect"] + (f" (handed to you by {by})" if by else "")
        lines.append(Line(title=f"Request {request.id}", text=text, at=request.asked_at))
    return Lines(heading=heading, lines=tuple(lines))


def _may_approve(request: Request, context: Context) -> bool:
    """Whether it waits for this person: they may decide on it, and did not ask for it."""
    if request.operation not in context.services.registry.by_words:
        return False  # a newer copy of the bot asked for it
    change = change_of(context.services, request)
    listed = rule_of(change, context.services.settings.approvals).listed
    return request.requester != context.actor.id and isinstance(decide_approval(change, listed, context.actor), Allow)
