"""`incident`: declare one, and say that one has it. A P0 or P1 sets itself up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from bot.context import Context, Transaction
from bot.errors import NotConfiguredError, UserError
from bot.incidents import lifecycle
from bot.incidents.severity import SEVERITIES
from bot.operation import Act, Answer, Arg, Args, Audience, Family, Line, Lines, Mark, Offer, Read
from bot.people import Role
from bot.store import incidents
from bot.store.incidents import Incident

SECTION = "P0 Response Procedure"
_MEANINGS = "; ".join(f"{severity.code} is {severity.means}" for severity in SEVERITIES.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclareArgs(Args):
    """How grave, and what."""

    severity: Annotated[Literal["p0", "p1", "p2", "p3"], Arg(help=f"{_MEANINGS}.", positional=True)]
    title: Annotated[str, Arg(help="What is wrong, in a few words.", positional=True, rest=True)]
    another: Annotated[bool, Arg(help="Declare it although another incident is young.")] = False


async def declare(args: DeclareArgs, context: Context, transaction: Transaction) -> Answer:
    """Declare it. Audited by `bot.incidents.lifecycle`."""
    slack = context.services.settings.slack
    if slack is None or not slack.incidents_channel:
        raise NotConfiguredError("I do not know #incidents.", todo="Set ILAB_SLACK__INCIDENTS_CHANNEL to its id.")
    title = " ".join(args.title.split())[:200]
    if not title:
        raise UserError("What is wrong?", todo="`/ilab incident declare P0 checkout is down`")
    young = None if args.another else await lifecycle.young(context, transaction)
    if young is not None:
        return lifecycle.is_it_the_same(young, f"{args.severity} {title}", context)
    return await lifecycle.declare(args.severity.upper(), title, context, transaction)


@dataclass(frozen=True, kw_only=True, slots=True)
class WhichArgs(Args):
    """Which incident."""

    id: Annotated[
        int | None,
        Arg(help="Its number; in an incident's channel it may be left out.", positional=True, minimum=1, maximum=2**62),
    ] = None


async def acknowledge(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Take it. Audited by `bot.incidents.lifecycle`."""
    return await lifecycle.acknowledge(await _which(args, context, transaction), context, transaction)


async def retry(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Try again what failed. Audited by `bot.incidents.lifecycle`."""
    return await lifecycle.retry(await _which(args, context, transaction), context, transaction)


async def list_(args: Args, context: Context) -> Answer:
    """Return the last incidents."""
    del args
    found = await context.services.database.call(incidents.latest)
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
        audience=Audience.QUIET,
    )


async def _which(args: WhichArgs, context: Context, transaction: Transaction) -> Incident:
    if args.id is not None:
        found = await incidents.get(transaction, args.id)
    elif context.place.channel:
        found = await incidents.by_channel(transaction, context.place.channel)
    else:
        found = None
    if found is None:
        what = f"There is no INC-{args.id}." if args.id else "Which incident? This is no incident's channel."
        raise UserError(what, todo="`/ilab incident list` shows them.")
    return found


FAMILY = Family(
    name="incident",
    summary="Incidents",
    operations=(
        Act(
            words="incident declare",
            summary="Declare an incident; a P0 or P1 gets its channel, people, page and clocks by itself.",
            who=Role.VIEWER,
            args=DeclareArgs,
            examples=("incident declare P0 checkout is down",),
            section=SECTION,
            act=declare,
        ),
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
        Act(
            words="incident retry",
            summary="Try again what failed while an incident set itself up.",
            who=Role.RESPONDER,
            args=WhichArgs,
            examples=("incident retry 12",),
            act=retry,
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
