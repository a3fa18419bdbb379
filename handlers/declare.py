"""How an incident begins: declared, joined, and set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from bot.context import Context, Transaction
from bot.errors import DeniedError, NotConfiguredError, UserError
from bot.incidents import declaring, rehousing
from bot.incidents.declaring import Declaration
from bot.incidents.finding import WhichArgs, which
from bot.incidents.messages import is_link
from bot.incidents.severity import SEVERITIES
from bot.operation import Act, Answer, Arg, Args, Form, Invocation, Operation
from bot.people import Role
from bot.store import incidents
from bot.words import render

if TYPE_CHECKING:  # a terminal does without
    from bot.degraded.keeper import Keeper

SECTION: Final = "P0 Response Procedure"
_MEANINGS: Final = "; ".join(f"{severity.code} is {severity.means}" for severity in SEVERITIES.values())


_LABELS: Final = tuple(f"{severity.code} {severity.word}: {severity.means}" for severity in SEVERITIES.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclareArgs(Args):
    """How grave, and what."""

    severity: Annotated[Literal["p0", "p1", "p2", "p3"], Arg(help=f"{_MEANINGS}.", positional=True, labels=_LABELS)]
    title: Annotated[str, Arg(help="What is wrong, in a few words.", positional=True, rest=True, personal=True)]
    private: Annotated[bool, Arg(help="Known to those in its private channel alone, and to administrators.")] = False
    another: Annotated[bool, Arg(help="It is another fault than those of the incidents that are open.")] = False
    message: Annotated[str, Arg(help="The link to the message that made you declare; kept in the timeline.")] = ""


async def declare(args: DeclareArgs, context: Context, transaction: Transaction) -> Answer:
    """Declare it. Audited by `bot.incidents.declaring`."""
    wanted = _wanted(args, context)
    await incidents.lock_declaring(transaction)
    if not args.another and await incidents.by_key(transaction, context.request_id) is None:
        found = await declaring.perhaps_the_same(context, transaction)
        if found:
            return declaring.is_it_one_of_these(found, context.now, another=_another(args, context))
    return await declaring.declare(wanted, context, transaction)


async def declare_degraded(args: DeclareArgs, context: Context, keeper: Keeper) -> Answer:
    """Declare it while our own database is silent."""
    another = "" if args.another else _another(args, context)
    return await keeper.declare(_wanted(args, context), context, another=another)


def _another(args: DeclareArgs, context: Context) -> str:
    title = _wanted(args, context).title
    return render(Invocation(operation=_operation(context), args=replace(args, title=title, another=True)))


def _wanted(args: DeclareArgs, context: Context) -> Declaration:
    slack = context.services.settings.slack
    if slack is None or not slack.incidents_channel:
        raise NotConfiguredError("I do not know #incidents.", todo="Set ILAB_SLACK__INCIDENTS_CHANNEL to its id.")
    title = " ".join(args.title.split())[:200]
    if not title:
        raise UserError("What is wrong?", todo="`/ilab incident declare P0 checkout is down`")
    if args.message and not is_link(args.message):
        raise UserError(
            "That is no link to a message.", todo="In Slack: the message's menu, “Copy link”; or leave `--message` out."
        )
    return Declaration(severity=args.severity.upper(), title=title, private=args.private, message=args.message)


def _operation(context: Context) -> Operation:
    return context.services.registry.by_words["incident declare"]


async def form(given: Mapping[str, Any], context: Context) -> Form:
    """Return what stands above the form: the incidents that are open now."""
    del given
    async with context.services.database.connection() as connection:
        found = await declaring.perhaps_the_same(context, connection)
    return Form(note=declaring.is_it_one_of_these(found, context.now) if found else None)


async def join(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Be let into its channel. Audited by `bot.incidents.declaring`."""
    return await declaring.join(await which(args.id, context, transaction), context, transaction)


async def retry(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Try again what failed. Audited by `bot.incidents.declaring`."""
    incident = await which(args.id, context, transaction)
    if context.actor.role < Role.RESPONDER and context.actor.id != incident.declared_by:
        raise DeniedError("You may not do this.", why="It needs a responder, or whoever declared the incident.")
    return await declaring.retry(incident, context, transaction)


async def room(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Give it another channel. Audited by `bot.incidents.rehousing`."""
    return await rehousing.anew(await which(args.id, context, transaction), context, transaction)


OPERATIONS: Final[tuple[Operation, ...]] = (
    Act(
        words="incident declare",
        summary="Declare an incident; a P0 or P1 gets its channel, people, page and clocks by itself.",
        title="Declare an incident",
        submit="Declare",
        who=Role.VIEWER,
        args=DeclareArgs,
        examples=("incident declare P0 checkout is down", "incident declare P1 a key was leaked --private"),
        section=SECTION,
        act=declare,
        form=form,
        degraded=declare_degraded,
    ),
    Act(
        words="incident join",
        summary="Join an incident: you are let into its channel.",
        title="Join",
        who=Role.VIEWER,
        args=WhichArgs,
        examples=("incident join 12",),
        act=join,
        in_drills=True,
    ),
    Act(
        words="incident room",
        summary="Give an incident another channel, where its own was archived or deleted.",
        who=Role.RESPONDER,
        args=WhichArgs,
        examples=("incident room INC-12",),
        act=room,
        in_drills=True,
    ),
    Act(
        words="incident retry",
        summary="Try again what failed while an incident set itself up; for responders, and whoever declared it.",
        who=Role.VIEWER,
        args=WhichArgs,
        examples=("incident retry 12",),
        act=retry,
        in_drills=True,
    ),
)
