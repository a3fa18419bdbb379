"""Which incident is meant, and which of them a person may know of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from bot.context import Context
from bot.errors import UserError
from bot.incidents.visibility import visible
from bot.operation import Arg, Args, IncidentNumber
from bot.store import cards, incidents, members
from bot.store.database import Connection
from bot.store.incidents import Incident

WHICH: Final = "Its number, such as INC-12; in an incident's channel, or its thread, it may be left out."


@dataclass(frozen=True, kw_only=True, slots=True)
class WhichArgs(Args):
    """Which incident."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None


async def which(incident_id: int | None, context: Context, connection: Connection) -> Incident:
    """The incident of that number, or that of the channel or the thread. One that the person may not know of is not."""
    here = await implied(context, connection)
    found = here if incident_id is None else await incidents.get(connection, incident_id)
    known = found is not None and (here == found or bool(await seen([found], context, connection)))
    if found is None or not known:
        what = f"There is no INC-{incident_id}." if incident_id else "Which incident? This is no incident's channel."
        raise UserError(what, why=await _open_ones(context, connection), todo="`/ilab incident list` shows them.")
    return found


async def implied(context: Context, connection: Connection) -> Incident | None:
    """The incident whose channel it was asked in, or under whose card in #incidents."""
    place = context.place
    found = await incidents.by_channel(connection, place.channel) if place.channel else None
    if found is None and place.thread_ts:
        kind, _, number = (await cards.subject_at(connection, place.channel, place.thread_ts)).partition(":")
        found = await incidents.get(connection, int(number)) if kind == "incident" else None
    return found


async def _open_ones(context: Context, connection: Connection) -> str:
    known = await seen(await incidents.open_now(connection), context, connection)
    # others may read a refusal in a thread: what is private is not named there
    named = [f"INC-{incident.id} {incident.title}" for incident in known[:5] if not incident.private]
    return f"Open now: {'; '.join(named)}." if named else ""


async def seen(found: Sequence[Incident], context: Context, connection: Connection) -> list[Incident]:
    """Those that the person who asks may know of."""
    if not any(incident.private for incident in found):
        return list(found)
    return visible(found, context.actor, await members.memberships(connection, context.actor.id))
