"""A person decides on a request: yes, no, not any more, or somebody else shall."""

from __future__ import annotations

from typing import Any

from bot.audit import Event
from bot.changes.moves import BOT, already, change_of, changed, move, note, surface
from bot.changes.rules import rule_of
from bot.context import Context, Services, Transaction
from bot.errors import DeniedError, StaleError, UserError
from bot.incidents.visibility import may_see
from bot.masking import masked_text
from bot.operation import Answer, Audience, Change, Line, Lines, Mark
from bot.people import Actor
from bot.policy import Deny, decide_approval
from bot.store import customers, incidents, members, requests
from bot.store.database import Connection
from bot.store.requests import Request
from bot.transitions import State, Step


async def approve(request_id: int, context: Context, transaction: Transaction) -> Answer:
    """Note the approval; with the last one needed, and the plan still true, the change runs."""
    request = await open_request(request_id, context, transaction)
    if request.requester == context.actor.id:
        raise UserError(
            "You asked for this yourself.", why="A change needs a second person.", todo="Ask another approver."
        )
    change = change_of(context.services, request)
    permit(change, context.actor, context.services)
    if over := await lapsed(request, change, context, transaction):
        return over
    if not await requests.approve(transaction, request, context.actor.id, at=context.now):
        raise UserError(
            f"You have approved request {request.id} already.", todo=f"It needs {request.quorum} different people."
        )
    given = len(await requests.approvers(transaction, request.id))
    if given < request.quorum:
        await changed(request, context.services, transaction)
        verdict = f"Noted: {given} of {request.quorum} approvals of request {request.id}."
    else:
        await move(request, Step.APPROVE, context.services, transaction, at=context.now)
        verdict = f"Approved. Request {request.id} runs now."
    await note(
        Event.APPROVED,
        request,
        transaction,
        by=context.actor.id,
        at=context.now,
        said=f"approved, {given} of {request.quorum}",
        key=f":{context.actor.id}",
        detail={"of": request.quorum, "given": given} | known(context) | surface(context),
    )
    context.services.wake()
    return Answer(verdict=verdict, evidence=as_known(context), audience=Audience.PRIVATE)


async def reject(request_id: int, reason: str, context: Context, transaction: Transaction) -> Answer:
    """Refuse it, for a reason that the requester is told."""
    request = await open_request(request_id, context, transaction)
    if request.requester == context.actor.id:
        raise UserError("You asked for this yourself.", todo=f"Take it back: `/ilab withdraw {request.id}`.")
    permit(change_of(context.services, request), context.actor, context.services)
    said = masked_text(reason)
    await move(request, Step.REJECT, context.services, transaction, at=context.now, by=context.actor.id, reason=said)
    await note(
        Event.REJECTED,
        request,
        transaction,
        by=context.actor.id,
        at=context.now,
        said=f"denied: {said}",
        detail=known(context) | surface(context),
    )
    context.services.wake()
    return Answer(
        verdict=f"Request {request.id} is denied.",
        evidence=as_known(context),
        audience=Audience.PRIVATE,
    )


async def withdraw(request_id: int, context: Context, transaction: Transaction) -> Answer:
    """Take one's own request back."""
    request = await open_request(request_id, context, transaction)
    if request.requester != context.actor.id:
        raise UserError("Only the one who asked can withdraw a request.", todo=f"`/ilab deny {request.id}` denies it.")
    await move(request, Step.WITHDRAW, context.services, transaction, at=context.now, by=context.actor.id)
    await note(
        Event.WITHDRAWN,
        request,
        transaction,
        by=context.actor.id,
        at=context.now,
        said="withdrawn by its requester",
        detail=surface(context),
    )
    context.services.wake()
    return Answer(verdict=f"Request {request.id} is withdrawn.", audience=Audience.PRIVATE)


async def delegate(request_id: int, person: str, context: Context, transaction: Transaction) -> Answer:
    """Hand it to another person who may approve it: they are mentioned on the card, and told by direct message."""
    to = await context.services.people.whom(person)  # Slack is asked before the row is locked
    request = await open_request(request_id, context, transaction)
    change = change_of(context.services, request)
    if request.requester == context.actor.id:
        raise UserError("You asked for this yourself.", why="An approver hands it on, not its requester.")
    permit(change, context.actor, context.services)
    await _may_have(request, change, to, context, transaction)
    if not await requests.delegate(transaction, request.id, to=to.id, by=context.actor.id, at=context.now):
        raise UserError(f"{to.name} has request {request.id} already.")
    await changed(request, context.services, transaction)
    await note(
        Event.DELEGATED,
        request,
        transaction,
        by=context.actor.id,
        at=context.now,
        said=f"handed to {to.name}",
        key=f":{to.id}",
        detail={"to": to.id} | known(context) | surface(context),
    )
    context.services.wake()
    return Answer(
        verdict=f"Request {request.id} is handed to {to.name}, who is told by direct message.",
        evidence=(Lines(lines=(Line(title="Whoever else may approve it still may."),)), *as_known(context)),
        audience=Audience.PRIVATE,
    )


async def _may_have(request: Request, change: Change[Any], to: Actor, context: Context, connection: Connection) -> None:
    """Raise UserError unless the request can be handed to this person."""
    if to.id == context.actor.id:
        raise UserError("You may approve it yourself.", todo=f"`/ilab approve {request.id}`")
    if to.id == request.requester:
        raise UserError(f"{to.name} asked for this, and nobody approves their own request.")
    listed = rule_of(change, context.services.settings.approvals).listed
    decision = decide_approval(change, listed, to, are="they are")
    if isinstance(decision, Deny):
        raise UserError(f"{to.name} may not approve this.", why=decision.why)
    if not await may_know(request, to, connection):
        raise UserError(f"{to.name} may not approve this.", why="They are not in the incident's channel.")
    if to.id in await requests.approvers(connection, request.id):
        raise UserError(f"{to.name} has approved request {request.id} already.")


async def open_request(request_id: int, context: Context, transaction: Transaction, *, lock: bool = True) -> Request:
    """The request, locked. Raises UserError where it waits for nobody, or this person may not know of it."""
    request = await known_request(request_id, context, transaction, lock=lock)
    if request.state is not State.AWAITING_APPROVAL:
        raise already(request)
    return request


async def known_request(request_id: int, context: Context, connection: Connection, *, lock: bool = False) -> Request:
    """The request. One that the person may not know of does not exist."""
    request = await requests.get(connection, request_id, lock=lock)
    if request is None or not await may_know(request, context.actor, connection, context.place.channel):
        raise UserError(f"There is no request {request_id}.", todo="`/ilab approvals` lists what waits.")
    return request


async def may_know(request: Request, actor: Actor, connection: Connection, channel: str = "") -> bool:
    """Whether the person may know of the request: it is theirs, or its incident is not private, or they are in it."""
    if request.incident is None or request.requester == actor.id:
        return True
    incident = await incidents.get(connection, request.incident)
    if incident is None or not incident.private or (channel and incident.channel_id == channel):
        return True
    return may_see(incident, actor, await members.memberships(connection, actor.id))


async def lapsed(request: Request, change: Change[Any], context: Context, transaction: Transaction) -> Answer | None:
    """Where its time is over, or its plan no longer true: it ends here, and that is what is answered."""
    if context.now >= request.expires_at:
        await expire(request, context.services, transaction)
        said = f"Request {request.id} has expired, and was not run."
        lines: tuple[Line, ...] = (Line(title="Ask anew."),)
    elif why := await _outdated(change, request, context.services, transaction):
        await move(request, Step.OUTDATE, context.services, transaction, at=context.now, reason=why)
        await note(
            Event.OUTDATED,
            request,
            transaction,
            by=context.actor.id,
            at=context.now,
            said=f"stale: {why}",
            detail={"why": why} | surface(context),
        )
        said = f"Request {request.id} is stale, and was not run."
        lines = (Line(title=why), Line(title="Ask anew: the new plan will say what is true now."))
    else:
        return None
    context.services.wake()
    return Answer(verdict=said, evidence=(Lines(lines=lines),), audience=Audience.PRIVATE, refused=True)


async def expire(request: Request, services: Services, transaction: Transaction) -> None:
    """Its time is over: nobody approved it."""
    at = services.now()
    await move(request, Step.EXPIRE, services, transaction, at=at)
    await note(Event.EXPIRED, request, transaction, by=BOT, at=at, said="expired: not enough people approved it")


async def _outdated(change: Change[Any], request: Request, services: Services, connection: Connection) -> str:
    """Why the plan is no longer true, or nothing."""
    try:
        decides = await customers.unveiled(connection, request.plan["decides"])
    except StaleError as error:
        return error.what
    return await change.recheck(decides, services)


def permit(change: Change[Any], actor: Actor, services: Services) -> None:
    """Raise DeniedError unless the actor may approve, deny or hand on a request for this change."""
    listed = rule_of(change, services.settings.approvals).listed
    decision = decide_approval(change, listed, actor)
    if isinstance(decision, Deny):
        raise DeniedError("You may not decide on this.", why=decision.why, todo=decision.todo)


def known(context: Context) -> dict[str, str]:
    """For the audit: how old the role was that counted, where Slack did not confirm it just now."""
    actor = context.actor
    return {} if actor.confirmed else {"role_known_at": actor.known_at.isoformat()}


def as_known(context: Context) -> tuple[Lines, ...]:
    """The same, for whoever pressed."""
    if not known(context):
        return ()
    said = "Slack does not say who you are now: what counted is what it last said of you"
    return (Lines(lines=(Line(title=said, mark=Mark.UNKNOWN, at=context.actor.known_at),)),)
