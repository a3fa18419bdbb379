"""`approvals`: what waits for a second person, and that person's yes or no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from bot import changes
from bot.changes import listing
from bot.context import Context, Transaction
from bot.errors import NotConfiguredError, UserError
from bot.operation import Act, Answer, Arg, Args, Audience, Family, Person, Read
from bot.people import Role
from bot.store import customers
from bot.transitions import Step

if TYPE_CHECKING:  # a terminal does without
    from bot.degraded.keeper import Keeper


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestArgs(Args):
    """Which request."""

    id: Annotated[int, Arg(help="The request's number.", positional=True, minimum=1, maximum=2**62)]


@dataclass(frozen=True, kw_only=True, slots=True)
class DenyArgs(Args):
    """Which request, and why not."""

    id: Annotated[int, Arg(help="The request's number.", positional=True, minimum=1, maximum=2**62)]
    reason: Annotated[str, Arg(help="Why not; the requester reads it.", positional=True, rest=True, personal=True)]


@dataclass(frozen=True, kw_only=True, slots=True)
class DelegateArgs(Args):
    """Which request, and to whom."""

    id: Annotated[int, Arg(help="The request's number.", positional=True, minimum=1, maximum=2**62)]
    person: Annotated[Person, Arg(help="Who shall decide: somebody who may approve it.", positional=True)]


@dataclass(frozen=True, kw_only=True, slots=True)
class GlassArgs(Args):
    """Which request, and why it cannot wait."""

    id: Annotated[int, Arg(help="The request's number.", positional=True, minimum=1, maximum=2**62)]
    reason: Annotated[
        str,
        Arg(
            help="Why it cannot wait for a second person. Everybody reads it.",
            positional=True,
            rest=True,
            personal=True,
        ),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class SettleArgs(Args):
    """Which request, and what became of it."""

    id: Annotated[int, Arg(help="The request's number.", positional=True, minimum=1, maximum=2**62)]
    became: Annotated[
        Literal["happened", "nothing"],
        Arg(help="Whether it happened, as whoever it was asked of shows it now.", positional=True),
    ]
    seen: Annotated[str, Arg(help="What you saw, and where.", positional=True, rest=True, personal=True)]


async def list_(args: Args, context: Context) -> Answer:
    """Return what waits for the one who asks, what of theirs waits, and what a person must look at."""
    del args
    return await listing.waiting_for(context)


async def approve(args: RequestArgs, context: Context, transaction: Transaction) -> Answer:
    """Say yes; with the last yes needed, it runs. Audited by `bot.changes`."""
    return await changes.approve(args.id, context, transaction)


async def deny(args: DenyArgs, context: Context, transaction: Transaction) -> Answer:
    """Say no. Audited by `bot.changes`."""
    return await changes.reject(args.id, args.reason, context, transaction)


async def withdraw(args: RequestArgs, context: Context, transaction: Transaction) -> Answer:
    """Take one's own request back. Audited by `bot.changes`."""
    return await changes.withdraw(args.id, context, transaction)


async def delegate(args: DelegateArgs, context: Context, transaction: Transaction) -> Answer:
    """Let somebody else decide. Audited by `bot.changes`."""
    return await changes.delegate(args.id, args.person, context, transaction)


async def break_glass(args: GlassArgs, context: Context, transaction: Transaction) -> Answer:
    """Run it alone. Audited by `bot.changes`."""
    return await changes.break_glass(args.id, args.reason, context, transaction)


async def break_glass_degraded(args: GlassArgs, context: Context, keeper: Keeper) -> Answer:
    """Run it alone while our own database is silent."""
    return await keeper.break_glass(args.id, args.reason, context)


async def retry(args: RequestArgs, context: Context, transaction: Transaction) -> Answer:
    """Ask again what became of it. Audited by `bot.changes`."""
    return await changes.ask_again(args.id, context, transaction)


async def settle(args: SettleArgs, context: Context, transaction: Transaction) -> Answer:
    """Say what became of it. Audited by `bot.changes`."""
    step = Step.SUCCEED if args.became == "happened" else Step.FAIL
    return await changes.settle(args.id, step, args.seen, context, transaction)


async def who(args: RequestArgs, context: Context) -> Answer:
    """Return the full address of the customer whom a request concerns, to one entitled person."""
    services = context.services
    request = await services.database.call(lambda connection: changes.known_request(args.id, context, connection))
    if "person" not in request.plan["decides"]:
        raise UserError(f"There is no request {args.id} about a customer.")
    if services.product is None:
        raise NotConfiguredError("The product's database is not configured.", todo="Set ILAB_PRODUCT__DATABASE_URL.")
    ref = str(request.plan["decides"]["person"])
    person = await services.database.call(lambda connection: customers.person_of(connection, ref))
    found = await services.product.fetch("email_of_person", {"person": person}) if person else []
    said = str(found[0]["email"]) if found else "somebody who has been deleted"
    return Answer(verdict=f"Request {request.id} is about {said}.", audience=Audience.PRIVATE)


FAMILY = Family(
    name="approvals",
    summary="What needs a second person",
    operations=(
        Read(
            words="approvals",
            summary="What waits for approval, and what of it for you.",
            who=Role.VIEWER,
            examples=("approvals",),
            read=list_,
        ),
        Act(
            words="approve",
            summary="Approve a request; it runs at once. Never your own.",
            title="Approve request",
            submit="Approve",
            who=Role.APPROVER,
            args=RequestArgs,
            examples=("approve 42",),
            anew=True,
            named_too=True,
            act=approve,
        ),
        Act(
            words="deny",
            summary="Deny a request, for a reason.",
            title="Deny request",
            submit="Deny",
            who=Role.APPROVER,
            args=DenyArgs,
            examples=("deny 42 not this customer",),
            anew=True,
            named_too=True,
            act=deny,
        ),
        Act(
            words="withdraw",
            summary="Take your own request back.",
            title="Withdraw request",
            submit="Withdraw it",
            who=Role.RESPONDER,
            args=RequestArgs,
            examples=("withdraw 42",),
            act=withdraw,
        ),
        Act(
            words="approvals delegate",
            summary="Hand a request to somebody else who may approve it; they are told.",
            title="Hand on request",
            submit="Hand it on",
            who=Role.APPROVER,
            args=DelegateArgs,
            examples=("approvals delegate 42 @U0123ABCD",),
            anew=True,
            named_too=True,
            act=delegate,
        ),
        Act(
            words="approvals break-glass",
            summary="⚡ In an open P0 or P1: run a reversible mitigation alone, as the on-call or an appointed lead.",
            title="Break glass for",
            submit="Run it alone",
            who=Role.RESPONDER,
            args=GlassArgs,
            examples=("approvals break-glass 42 nobody answers and checkout is down",),
            section="Quick Rollback",
            anew=True,
            act=break_glass,
            degraded=break_glass_degraded,
        ),
        Act(
            words="approvals retry",
            summary="Ask once more what became of a request of which nobody could say.",
            title="Retry request",
            submit="Try again",
            who=Role.APPROVER,
            args=RequestArgs,
            examples=("approvals retry 42",),
            anew=True,
            named_too=True,
            act=retry,
        ),
        Act(
            words="approvals settle",
            summary="Say what became of a request of which nobody could say, now that you have looked.",
            title="Settle request",
            submit="Settle it",
            who=Role.APPROVER,
            args=SettleArgs,
            examples=("approvals settle 42 happened the deployment serves production",),
            anew=True,
            named_too=True,
            act=settle,
        ),
        Read(
            words="approvals who",
            summary="The full address behind a request's card, shown to you alone.",
            title="Whose request",
            submit="Show who",
            who=Role.RESPONDER,
            args=RequestArgs,
            examples=("approvals who 42",),
            read=who,
        ),
    ),
)
