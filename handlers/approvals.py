"""`approvals`: what waits for a second person, and that person's yes or no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bot import changes
from bot.context import Context, Transaction
from bot.errors import NotConfiguredError, UserError
from bot.operation import Act, Answer, Arg, Args, Audience, Family, Line, Lines, Offer, Read
from bot.people import Role
from bot.store import customers, requests
from bot.transitions import State


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestArgs(Args):
    """Which request."""

    id: Annotated[int, Arg(help="The request's number.", positional=True, minimum=1, maximum=2**62)]


@dataclass(frozen=True, kw_only=True, slots=True)
class DenyArgs(Args):
    """Which request, and why not."""

    id: Annotated[int, Arg(help="The request's number.", positional=True, minimum=1, maximum=2**62)]
    reason: Annotated[str, Arg(help="Why not; the requester reads it.", positional=True, rest=True, personal=True)]


async def list_(args: Args, context: Context) -> Answer:
    """Return what waits, runs, or ended in a way that a person must look at."""
    del args
    found = await context.services.database.call(requests.unfinished)
    lines = tuple(
        Line(title=f"{request.id}", text=f"{request.plan['effect']} ({request.state.label})", at=request.asked_at)
        for request in found
    )
    mine = [
        request
        for request in found
        if request.state is State.AWAITING_APPROVAL and request.requester != context.actor.id
    ]
    offers = tuple(
        Offer(label=f"Approve {request.id}", words=f"approve {request.id}", confirm=request.plan["effect"])
        for request in mine[:5]
        if context.actor.role >= Role.APPROVER
    )
    verdict = f"{len(mine)} wait for somebody other than their requester." if found else "Nothing waits for approval."
    if found and context.actor.role >= Role.APPROVER:
        verdict = f"{len(mine)} wait for you."
    return Answer(
        verdict=verdict,
        evidence=(Lines(lines=lines),) if lines else (),
        offers=offers,
        audience=Audience.PRIVATE,
    )


async def approve(args: RequestArgs, context: Context, transaction: Transaction) -> Answer:
    """Say yes; with the last yes needed, it runs. Audited by `bot.changes`."""
    return await changes.approve(args.id, context, transaction)


async def deny(args: DenyArgs, context: Context, transaction: Transaction) -> Answer:
    """Say no. Audited by `bot.changes`."""
    return await changes.reject(args.id, args.reason, context, transaction)


async def withdraw(args: RequestArgs, context: Context, transaction: Transaction) -> Answer:
    """Take one's own request back. Audited by `bot.changes`."""
    return await changes.withdraw(args.id, context, transaction)


async def who(args: RequestArgs, context: Context) -> Answer:
    """Return the full address of the customer whom a request concerns, to one entitled person."""
    services = context.services
    request = await services.database.call(lambda connection: requests.get(connection, args.id))
    if request is None or "person" not in request.plan["decides"]:
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
            who=Role.RESPONDER,
            args=RequestArgs,
            examples=("withdraw 42",),
            act=withdraw,
        ),
        Read(
            words="approvals who",
            summary="The full address behind a request's card, shown to you alone.",
            who=Role.RESPONDER,
            args=RequestArgs,
            examples=("approvals who 42",),
            read=who,
        ),
    ),
)
