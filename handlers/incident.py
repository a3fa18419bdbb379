"""`incident`: say that one has it, and see them. How one begins is `handlers/declare.py`."""

from __future__ import annotations

from bot.context import Context, Transaction
from bot.incidents import acknowledging
from bot.incidents.finding import WhichArgs, seen, which
from bot.incidents.visibility import audience
from bot.operation import Act, Answer, Args, Family, Line, Lines, Mark, Offer, Read
from bot.people import Role
from bot.store import incidents
from handlers import declare, status_page, timeline

SECTION = "P0 Response Procedure"


async def acknowledge(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Take it. Audited by `bot.incidents.acknowledging`."""
    return await acknowledging.acknowledge(await which(args.id, context, transaction), context, transaction)


async def list_(args: Args, context: Context) -> Answer:
    """Return the last incidents."""
    del args
    async with context.services.database.connection() as connection:
        found = await seen(await incidents.latest(connection), context, connection)
    lines = tuple(
        Line(
            title=f"INC-{incident.id} {incident.severity}",
            text=f"{incident.title} ({incident.state})",
            mark=Mark.DOWN if incident.state == "declared" else Mark.DEGRADED,
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


FAMILY = Family(
    name="incident",
    summary="Incidents",
    operations=(
        *declare.OPERATIONS,
        *status_page.OPERATIONS,
        *timeline.OPERATIONS,
        Act(
            words="incident ack",
            summary="Say that you have it: the clocks stop, and everybody reads it.",
            who=Role.RESPONDER,
            args=WhichArgs,
            examples=("incident ack 12",),
            section=SECTION,
            act=acknowledge,
        ),
        Act(
            words="ack",
            summary="The same as incident ack; in an incident's channel nothing more is needed.",
            who=Role.RESPONDER,
            args=WhichArgs,
            examples=("ack", "ack 12"),
            section=SECTION,
            act=acknowledge,
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
