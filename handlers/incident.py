"""`incident`: see them. How one begins is `handlers/declare.py`; what is done about it, `respond.py` and `steer.py`."""

from __future__ import annotations

from bot.context import Context
from bot.incidents import showing
from bot.incidents.finding import WhichArgs, seen, which
from bot.incidents.visibility import audience
from bot.operation import Answer, Args, Family, Line, Lines, Mark, Offer, Read
from bot.people import Role
from bot.store import incidents
from bot.store.incidents import Incident
from handlers import declare, respond, status_page, steer, timeline


async def show(args: WhichArgs, context: Context) -> Answer:
    """Return all that is known of one."""
    async with context.services.database.connection() as connection:
        incident = await which(args.id, context, connection)
        return await showing.shown(incident, context, connection)


async def list_(args: Args, context: Context) -> Answer:
    """Return the last incidents."""
    del args
    async with context.services.database.connection() as connection:
        found = await seen(await incidents.latest(connection), context, connection)
    lines = tuple(
        Line(
            title=f"INC-{incident.id} {incident.severity}",
            text=f"{incident.title} ({incident.state})",
            mark=_mark(incident),
            at=incident.declared_at,
        )
        for incident in found
    )
    open_ones = [incident for incident in found if incident.state == "declared"]
    return Answer(
        verdict=f"{len(found)} incidents, {len(open_ones)} not acknowledged." if found else "No incident was declared.",
        evidence=(Lines(lines=lines),) if lines else (),
        offers=tuple(
            Offer(label=f"Acknowledge INC-{incident.id}", words=f"incident ack {incident.id}")
            for incident in open_ones[:5]
        ),
        audience=audience(found),
    )


def _mark(incident: Incident) -> Mark:
    if not incident.is_open:
        return Mark.NONE
    return Mark.DOWN if incident.acknowledged_at is None else Mark.DEGRADED


FAMILY = Family(
    name="incident",
    summary="Incidents",
    operations=(
        *declare.OPERATIONS,
        *respond.OPERATIONS,
        *steer.OPERATIONS,
        *status_page.OPERATIONS,
        *timeline.OPERATIONS,
        Read(
            words="incident show",
            summary="How one stands, its times, and what happened last.",
            who=Role.VIEWER,
            args=WhichArgs,
            examples=("incident show INC-12",),
            read=show,
        ),
        Read(
            words="incident list",
            summary="The last incidents.",
            who=Role.VIEWER,
            examples=("incident list",),
            read=list_,
        ),
    ),
)
