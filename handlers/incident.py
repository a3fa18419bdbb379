"""`incident`: see them. How one begins is `handlers/declare.py`; what is done about it, `respond.py` and `steer.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Literal

from bot.context import Context
from bot.incidents import showing
from bot.incidents.finding import WhichArgs, seen, which
from bot.incidents.visibility import audience
from bot.operation import Answer, Arg, Args, Family, Line, Lines, Mark, Offer, Read
from bot.people import Role
from bot.store import incidents
from bot.store.incidents import Incident
from handlers import declare, respond, status_page, steer, timeline

MOST: Final = 20
"""Incidents that a list shows."""


async def show(args: WhichArgs, context: Context) -> Answer:
    """Return all that is known of one."""
    async with context.services.database.connection() as connection:
        incident = await which(args.id, context, connection)
        return await showing.shown(incident, context, connection)


@dataclass(frozen=True, kw_only=True, slots=True)
class ListArgs(Args):
    """Which of them."""

    text: Annotated[
        str, Arg(help="Words of the title or of the timeline.", positional=True, rest=True, personal=True)
    ] = ""
    open: Annotated[bool, Arg(help="Only those that are open.")] = False
    severity: Annotated[Literal["any", "p0", "p1", "p2", "p3"], Arg(help="Only those of that severity.")] = "any"
    since: Annotated[timedelta, Arg(help="Declared no longer ago than this, such as 7d.")] = timedelta(days=3650)


async def list_(args: ListArgs, context: Context) -> Answer:
    """Return those that fit, of which the one who asks may know, newest first."""
    async with context.services.database.connection() as connection:
        found = await incidents.search(
            connection,
            text=args.text.strip(),
            severity=None if args.severity == "any" else args.severity.upper(),
            since=context.now - args.since,
            only_open=args.open,
        )
        found = await seen(found, context, connection)
    open_ones = [incident for incident in found if incident.is_open]
    lines = tuple(
        Line(
            title=f"{incident.label} {incident.severity}",
            text=f"{incident.title} ({incident.state}){', private' if incident.private else ''}",
            mark=_mark(incident),
            at=incident.declared_at,
        )
        for incident in found[:MOST]
    )
    more = (Line(title=f"… and {len(found) - MOST} more: `--since`, `--severity` or words find less"),)
    return Answer(
        verdict=_verdict(args, len(found), len(open_ones)),
        evidence=(Lines(lines=(*lines, *(more if len(found) > MOST else ()))),) if lines else (),
        offers=(
            *(
                Offer(label=f"Acknowledge {one.label}", words=f"incident ack {one.label}", style="primary")
                for one in open_ones[:3]
                if one.acknowledged_at is None
            ),
            *(Offer(label=f"Show {one.label}", words=f"incident show {one.label}") for one in found[:3]),
        ),
        audience=audience(found),
    )


def _verdict(args: ListArgs, found: int, are_open: int) -> str:
    if args.open:
        return f"{found} incident{'' if found == 1 else 's'} open." if found else "No incident is open."
    if not found:
        return "No incident fits." if args != ListArgs() else "No incident was declared."
    return f"{found} incident{'' if found == 1 else 's'}, {are_open} open."


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
            summary="The incidents, newest first: all, or those that fit.",
            who=Role.VIEWER,
            args=ListArgs,
            examples=("incident list", "incident list --open", "incident list checkout --severity p0 --since 30d"),
            read=list_,
        ),
    ),
)
