"""`incident drill`: an incident that is only played."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from bot.context import Context, Transaction
from bot.drills import running
from bot.incidents.finding import WhichArgs, which
from bot.operation import Act, Answer, Arg, Args, Operation
from bot.people import Role

SECTION: Final = "P0 Response Procedure"


@dataclass(frozen=True, kw_only=True, slots=True)
class DrillArgs(Args):
    """What is played."""

    scenario: Annotated[
        Literal["checkout-down", "bad-deployment", "vendor-down", "database-down"],
        Arg(help="What is played.", positional=True),
    ] = "checkout-down"


async def drill(args: DrillArgs, context: Context, transaction: Transaction) -> Answer:
    """Begin one. Audited by `bot.incidents.declaring`."""
    return await running.begin(args.scenario, context, transaction)


async def end(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """End one. Audited by `bot.incidents.moving`."""
    return await running.end(await which(args.id, context, transaction), context, transaction)


async def clean(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Clean one away. Audited by `bot.incidents.moving`."""
    return await running.clean(await which(args.id, context, transaction), context, transaction)


OPERATIONS: Final[tuple[Operation, ...]] = (
    Act(
        words="incident drill",
        summary="Play an incident: by the same steps and clocks, marked DRILL, and nobody outside hears of it.",
        who=Role.RESPONDER,
        args=DrillArgs,
        examples=("incident drill", "incident drill database-down"),
        section=SECTION,
        act=drill,
        in_drills=True,
    ),
    Act(
        words="incident drill end",
        summary="End a drill wherever it stands, and read its score.",
        who=Role.RESPONDER,
        args=WhichArgs,
        examples=("incident drill end", "incident drill end INC-12"),
        act=end,
        in_drills=True,
    ),
    Act(
        words="incident drill clean",
        summary="Close a drill that is over, and archive its channel.",
        who=Role.RESPONDER,
        args=WhichArgs,
        examples=("incident drill clean INC-12",),
        act=clean,
        in_drills=True,
    ),
)
