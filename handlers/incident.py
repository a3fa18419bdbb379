"""`incident`: see them. How one begins is `handlers/declare.py`; what is done about it, `respond.py` and `steer.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Final, Literal

from bot.context import Context
from bot.incidents import showing
from bot.incidents.finding import WhichArgs, seen, which
from bot.incidents.visibility import audience
from bot.operation import Answer, Arg, Args, Family, IncidentNumber, Invocation, Line, Lines, Mark, Offer, Read
from bot.people import Role
from bot.store import incidents
from bot.store.incidents import Incident
from bot.words import render
from handlers import declare, drill, incident_figures, respond, status_page, steer, timeline

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
    state: Annotated[
        Literal[
            "any",
            "open",
            "declared",
            "acknowledged",
            "assessed",
            "mitigated",
            "resolved",
            "closed",
            "cancelled",
            "merged",
        ],
        Arg(help="Only those that stand so; open is all that are not over."),
    ] = "any"
    drills: Annotated[bool, Arg(help="Those that were only played, too.")] = False
    before: Annotated[IncidentNumber | None, Arg(help="Only those older than this one.")] = None
    since: Annotated[timedelta, Arg(help="Declared no longer ago than this, such as 7d.")] = timedelta(days=3650)


async def list_(args: ListArgs, context: Context) -> Answer:
    """Return those that fit, of which the one who asks may know, newest first."""
    async with context.services.database.connection() as connection:
        found = await incidents.search(
            connection,
            text=args.text.strip(),
            severity=None if args.severity == "any" else args.severity.upper(),
            since=context.now - args.since,
            state="open" if args.open else None if args.state == "any" else args.state,
            before=args.before,
        )
        found = await seen(found, context, connection)
    hidden = 0 if args.drills else sum(incident.drill is not None for incident in found)
    found = [incident for incident in found if args.drills or incident.drill is None]
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
    notes = (
        (Line(title=f"{hidden} drill{' is' if hidden == 1 else 's are'} not shown: `--drills` shows them."),)
        if hidden
        else ()
    )
    more = (Line(title=f"… and {len(found) - MOST} more: `--since`, `--severity` or words find less"),)
    return Answer(
        verdict=_verdict(args, len(found), len(open_ones)),
        evidence=(Lines(lines=(*lines, *(more if len(found) > MOST else ()), *notes)),) if lines or notes else (),
        offers=(
            *(
                Offer(label=f"Acknowledge {one.number}", words=f"incident ack {one.number}", style="primary")
                for one in open_ones[:3]
                if one.acknowledged_at is None
            ),
            *((_older(args, found[MOST - 1], context),) if len(found) > MOST else ()),
            *(Offer(label=f"Show {one.number}", words=f"incident show {one.number}") for one in found[:3]),
        ),
        audience=audience(found),
    )


def _older(args: ListArgs, last: Incident, context: Context) -> Offer:
    operation = context.services.registry.by_words["incident list"]
    words = render(Invocation(operation=operation, args=replace(args, before=IncidentNumber(last.id))))
    return Offer(label="Older", words=words)


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
        *drill.OPERATIONS,
        *incident_figures.OPERATIONS,
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
            examples=(
                "incident list",
                "incident list --state resolved",
                "incident list checkout --severity p0 --since 30d",
            ),
            read=list_,
        ),
    ),
)
