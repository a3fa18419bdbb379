"""How an incident begins: declared, and set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from bot.context import Context, Transaction
from bot.errors import NotConfiguredError, UserError
from bot.incidents import declaring
from bot.incidents.finding import WhichArgs, which
from bot.incidents.severity import SEVERITIES
from bot.operation import Act, Answer, Arg, Args, Operation
from bot.people import Role

SECTION: Final = "P0 Response Procedure"
_MEANINGS: Final = "; ".join(f"{severity.code} is {severity.means}" for severity in SEVERITIES.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclareArgs(Args):
    """How grave, and what."""

    severity: Annotated[Literal["p0", "p1", "p2", "p3"], Arg(help=f"{_MEANINGS}.", positional=True)]
    title: Annotated[str, Arg(help="What is wrong, in a few words.", positional=True, rest=True)]
    another: Annotated[bool, Arg(help="Declare it although another incident is young.")] = False


async def declare(args: DeclareArgs, context: Context, transaction: Transaction) -> Answer:
    """Declare it. Audited by `bot.incidents.declaring`."""
    slack = context.services.settings.slack
    if slack is None or not slack.incidents_channel:
        raise NotConfiguredError("I do not know #incidents.", todo="Set ILAB_SLACK__INCIDENTS_CHANNEL to its id.")
    title = " ".join(args.title.split())[:200]
    if not title:
        raise UserError("What is wrong?", todo="`/ilab incident declare P0 checkout is down`")
    young = None if args.another else await declaring.young(context, transaction)
    if young is not None:
        return declaring.is_it_the_same(young, f"{args.severity} {title}", context)
    return await declaring.declare(args.severity.upper(), title, context, transaction)


async def retry(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Try again what failed. Audited by `bot.incidents.declaring`."""
    return await declaring.retry(await which(args.id, context, transaction), context, transaction)


OPERATIONS: Final[tuple[Operation, ...]] = (
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
        words="incident retry",
        summary="Try again what failed while an incident set itself up.",
        who=Role.RESPONDER,
        args=WhichArgs,
        examples=("incident retry 12",),
        act=retry,
    ),
)
