"""A person decides on a request: yes, no, or not any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from bot.audit import Event
from bot.changes.moves import EXECUTE, change_of, move, note, open_request, subject_of
from bot.changes.rules import rule_of
from bot.context import Context, Services, Transaction
from bot.errors import DeniedError, StaleError, UserError
from bot.operation import Answer, Audience, Change, Line, Lines, Mark
from bot.policy import Deny, decide_approval
from bot.store import cards, clocks, customers, requests
from bot.store.database import Connection
from bot.store.requests import Request
from bot.transitions import Step

ASKED_JUST_NOW: Final = timedelta(seconds=10)
"""How old an answer of Slack's about a person may be and need no mention."""


def permit(change: Change[Any], context: Context) -> None:
    """Raise DeniedError unless the actor may approve, deny or hand on a request for this change."""
    listed = rule_of(change, context.services.settings.approvals).listed
    decision = decide_approval(change, listed, context.actor)
    if isinstance(decision, Deny):
        raise DeniedError("You may not decide on this.", why=decision.why, todo=decision.todo)


def as_known(context: Context) -> tuple[Lines, ...]:
    """Where Slack did not answer: how old the role is that just counted."""
    known_at = context.actor.known_at
    if context.now - known_at < ASKED_JUST_NOW:
        return ()
    said = "Slack does not say who you are now: what counted is what it last said of you"
    return (Lines(lines=(Line(title=said, mark=Mark.UNKNOWN, at=known_at),)),)


async def approve(request_id: int, context: Context, transaction: Transaction) -> Answer:
    """Note the approval; with the last one needed, and the plan still true, the change runs."""
    request = await open_request(request_id, transaction)
    if request.requester == context.actor.id:
        raise UserError(
            "You asked for this yourself.", why="A change needs a second person.", todo="Ask another approver."
        )
    change = change_of(context.services, request)
    permit(change, context)
    if why := await _outdated(change, request, context.services, transaction):
        await move(request, Step.OUTDATE, context.now, transaction, reason=why)
        await note(Event.OUTDATED, request, context, transaction, detail={"why": why})
        return Answer(
            verdict=f"Request {request.id} is stale, and was not run.",
            evidence=(Lines(lines=(Line(title=why), Line(title="Ask anew: the new plan will say what is true now."))),),
            audience=Audience.PRIVATE,
            refused=True,
        )
    await requests.approve(transaction, request, context.actor.id, at=context.now)
    given = await requests.approvers(transaction, request.id)
    subject = subject_of(request.id)
    if len(given) < request.quorum:
        await cards.raise_if_there(transaction, subject)
        await note(Event.APPROVED, request, context, transaction, detail={"of": request.quorum, "given": len(given)})
        return Answer(
            verdict=f"Noted: {len(given)} of {request.quorum} approvals of request {request.id}.",
            evidence=as_known(context),
            audience=Audience.PRIVATE,
        )
    await move(request, Step.APPROVE, context.now, transaction)
    await clocks.stop(transaction, subject)
    await clocks.start(transaction, subject, EXECUTE, due_at=context.now)
    await note(Event.APPROVED, request, context, transaction, detail={"of": request.quorum, "given": len(given)})
    context.services.wake()
    return Answer(
        verdict=f"Approved. Request {request.id} runs now.", evidence=as_known(context), audience=Audience.PRIVATE
    )


async def _outdated(change: Change[Any], request: Request, services: Services, connection: Connection) -> str:
    """Why the plan is no longer true, or nothing."""
    try:
        decides = await customers.unveiled(connection, request.plan["decides"])
    except StaleError as error:
        return error.what
    return await change.recheck(decides, services)


async def reject(request_id: int, reason: str, context: Context, transaction: Transaction) -> Answer:
    """Refuse it, for a reason that the requester is told."""
    request = await open_request(request_id, transaction)
    if request.requester == context.actor.id:
        raise UserError("You asked for this yourself.", todo=f"Take it back: `/ilab withdraw {request.id}`.")
    permit(change_of(context.services, request), context)
    await move(request, Step.REJECT, context.now, transaction, reason=reason)
    await note(Event.REJECTED, request, context, transaction, detail={"reason": reason})
    return Answer(verdict=f"Request {request.id} is denied.", evidence=as_known(context), audience=Audience.PRIVATE)


async def withdraw(request_id: int, context: Context, transaction: Transaction) -> Answer:
    """Take one's own request back."""
    request = await open_request(request_id, transaction)
    if request.requester != context.actor.id:
        raise UserError("Only the one who asked can withdraw a request.", todo=f"`/ilab deny {request.id}` denies it.")
    await move(request, Step.WITHDRAW, context.now, transaction)
    await note(Event.WITHDRAWN, request, context, transaction)
    return Answer(verdict=f"Request {request.id} is withdrawn.", audience=Audience.PRIVATE)
