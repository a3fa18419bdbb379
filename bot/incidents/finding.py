"""Which incident is meant, and which of them a person may know of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from bot.context import Context
from bot.errors import UserError
from bot.incidents.visibility import visible
from bot.operation import Arg, Args
from bot.store import incidents, members
from bot.store.database import Connection
from bot.store.incidents import Incident


@dataclass(frozen=True, kw_only=True, slots=True)
class WhichArgs(Args):
    """Which incident."""

    id: Annotated[
        int | None,
        Arg(help="Its number; in an incident's channel it may be left out.", positional=True, minimum=1, maximum=2**62),
    ] = None


async def which(incident_id: int | None, context: Context, connection: Connection) -> Incident:
    """The incident of that number, or that of the channel. One that the person may not know of does not exist."""
    here = await incidents.by_channel(connection, context.place.channel) if context.place.channel else None
    found = here if incident_id is None else await incidents.get(connection, incident_id)
    known = found is not None and (here == found or bool(await seen([found], context, connection)))
    if found is None or not known:
        what = f"There is no INC-{incident_id}." if incident_id else "Which incident? This is no incident's channel."
        raise UserError(what, todo="`/ilab incident list` shows them.")
    return found


async def seen(found: Sequence[Incident], context: Context, connection: Connection) -> list[Incident]:
    """Those that the person who asks may know of."""
    if not any(incident.private for incident in found):
        return list(found)
    return visible(found, context.actor, await members.memberships(connection, context.actor.id))
