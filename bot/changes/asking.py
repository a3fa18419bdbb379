"""A change is asked for: planned, stored with its plan, and shown to who may approve it; or refused, and that is stored."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any, Final

from bot.audit import Event
from bot.changes.card import MARKS, lines_of, offers_after
from bot.changes.moves import EXPIRE, PAGE, REMIND, channel_of, move, note, surface
from bot.changes.reminders import next_reminder
from bot.changes.rules import Rule, first_reminder, rule_of
from bot.context import Context, Transaction
from bot.errors import NotConfiguredError, ProviderError, UsageError, UserError
from bot.incidents.finding import implied
from bot.masking import masked_text
from bot.operation import Answer, Args, Audience, Change, Lines, Mark, Offer, Plan
from bot.settings import ApprovalSettings
from bot.store import cards, clocks, customers, incidents, requests
from bot.store.database import Connection, Database
from bot.store.incidents import Incident
from bot.store.requests import Request
from bot.transitions import State, Step, after

ANSWERS_WITHIN: Final = 6.0
"""Seconds for which whoever runs a change alone waits for its outcome; later it is told by direct message."""
NO_REFUSALS: Final = (UsageError, NotConfiguredError, ProviderError)
"""What keeps a plan from being made, and says nothing of the change: no request comes of it."""


async def submit(change: Change[Any], args: Args, context: Context) -> Answer:
    """Plan the change and ask for its approval; asked again with the same key, it is the same request."""
    database = context.services.database
    known = await database.call(lambda connection: requests.by_key(connection, context.request_id))
    if known is None:
        known = await _asked(change, args, context)
        context.services.wake()
    if known.state is State.DENIED:
        raise UserError(known.reason)  # this payload has come before
    if known.quorum == 0:
        return _alone(await _awaited(known, database))
    return Answer(
        verdict=f"Request {known.id} waits for approval: {known.plan['effect']}",
        evidence=(Lines(lines=lines_of(known.plan)),),
        offers=(Offer(label="Withdraw it", words=f"withdraw {known.id}", replaces=True),),
        audience=Audience.PRIVATE,
    )


async def _asked(change: Change[Any], args: Args, context: Context) -> Request:
    """The request as it was stored. What the plan refuses is stored as well, and raised."""
    database = context.services.database
    try:
        plan = await change.plan(args, context)
        async with database.transaction() as transaction:
            incident = await _incident_of(change, context, transaction)
            await ask(change, plan, incident, context, transaction)
            known = await requests.by_key(transaction, context.request_id)
    except NO_REFUSALS:
        raise
    except UserError as error:
        async with database.transaction() as transaction:
            await _refuse(change, error, context, transaction)
        raise
    assert known is not None  # noqa: S101 -- it was just stored
    return known


async def _awaited(request: Request, database: Database) -> Request:
    """The request once it has ended, or as it stands after a while: who runs it alone waits for the outcome."""
    request_id, deadline = request.id, time.monotonic() + ANSWERS_WITHIN

    async def look(connection: Connection) -> Request:
        return await requests.get(connection, request_id) or request

    while request.state is State.EXECUTING and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        request = await database.call(look)
    return request


def _alone(request: Request) -> Answer:
    """What is said of a change that needed nobody else. Pure."""
    said = f"Request {request.id} {request.state.label}"
    if became := request.result["said"] if request.result else request.reason:
        verdict = f"{said}: {became}"
    else:
        verdict = f"{said}: {request.plan['effect']}. I will tell you in a direct message what became of it."
    return Answer(
        verdict=verdict,
        mark=MARKS.get(request.state, Mark.NONE),
        evidence=(Lines(lines=(*lines_of(request.plan), *lines_of(request.result or {}))),),
        offers=offers_after(request),
        audience=Audience.PRIVATE,
    )


async def ask(
    change: Change[Any],
    plan: Plan,
    incident: Incident | None,
    context: Context,
    transaction: Transaction,
    *,
    number: int | None = None,
) -> None:
    """The request is stored with its plan, and shown. `number`: it has one already, given without our database."""
    settings = context.services.settings
    rule = rule_of(change, settings.approvals)
    channel = channel_of(settings, incident)
    if rule.quorum and settings.slack is not None and not channel:
        raise NotConfiguredError(
            "I do not know where approvals stand.", todo="Set ILAB_SLACK__APPROVALS_CHANNEL to a channel's id."
        )
    decides = await customers.veiled(transaction, plan.decides)
    shown = {
        "effect": masked_text(plan.effect),
        "lines": [{"title": line.title, "text": masked_text(line.text)} for line in plan.lines],
        "decides": decides,
    }
    request = await _store(Step.PLAN, change, shown, rule, incident, context, transaction, number=number)
    if request is None:
        return  # another copy was quicker with the same payload
    detail = {"operation": change.words, "decides": {name: decides[name] for name in decides if name != "reason"}}
    said = f"asked: {shown['effect']}"
    if rule.quorum == 0:
        await move(request, Step.APPROVE, context.services, transaction, at=context.now)
    else:
        await _wait(request, incident, settings.approvals, transaction)
    stands = channel or context.place.channel
    if stands and (rule.quorum or change.carded):
        await cards.want(transaction, request.subject, channel=stands)
    await note(
        Event.REQUESTED,
        request,
        transaction,
        by=context.actor.id,
        at=context.now,
        said=said,
        detail=detail | surface(context),
    )


async def _refuse(change: Change[Any], error: UserError, context: Context, transaction: Transaction) -> None:
    rule = rule_of(change, context.services.settings.approvals)
    incident = await _incident_of(change, context, transaction)
    why = masked_text(error.sentences)
    shown: dict[str, Any] = {"effect": change.words, "lines": [], "decides": {}}
    request = await _store(Step.REFUSE, change, shown, rule, incident, context, transaction, reason=why)
    if request is None:
        return
    await note(
        Event.REFUSED,
        request,
        transaction,
        by=context.actor.id,
        at=context.now,
        said=f"for `{change.words}` refused: {why}",
        detail={"operation": change.words, "why": why} | surface(context),
    )


async def _store(  # noqa: PLR0913 -- who asks what, what planning made of it, and where that belongs
    step: Step,
    change: Change[Any],
    shown: dict[str, Any],
    rule: Rule,
    incident: Incident | None,
    context: Context,
    transaction: Transaction,
    *,
    reason: str = "",
    number: int | None = None,
) -> Request | None:
    """The request that was received, as planning left it; None where this payload has asked before."""
    state = after(State.RECEIVED, step)
    assert state is not None  # noqa: S101 -- the table says so
    request_id = await requests.add(
        transaction,
        key=context.request_id,
        operation=change.words,
        requester=context.actor.id,
        channel=context.place.channel,
        state=state,
        plan=shown,
        quorum=rule.quorum,
        at=context.now,
        expires_at=context.now + rule.lasts,
        reason=reason,
        incident=None if incident is None else incident.id,
        # what was asked without the database was one at a time there, and cannot be refused any more
        exclusive=(change.exclusive or None) if number is None else None,
        number=number,
    )
    return None if request_id is None else await requests.get(transaction, request_id, lock=True)


async def _wait(
    request: Request, incident: Incident | None, approvals: ApprovalSettings, transaction: Transaction
) -> None:
    """Start the clocks of a request that waits for somebody."""
    await clocks.start(transaction, request.subject, EXPIRE, due_at=request.expires_at)
    first = first_reminder(approvals, incident)
    due_at = next_reminder(request.asked_at, request.expires_at, first, now=request.asked_at)
    if due_at is not None:
        await clocks.start(transaction, request.subject, REMIND, due_at=due_at)
    if incident is not None and approvals.page_level:
        due_at = request.asked_at + timedelta(minutes=approvals.page_after_minutes)
        await clocks.start(transaction, request.subject, PAGE, due_at=due_at)


async def _incident_of(change: Change[Any], context: Context, connection: Connection) -> Incident | None:
    """The incident that a request belongs to: that of the place it is asked in, else the only grave one there is."""
    found = await implied(context, connection)
    if found is not None:
        return found
    grave = [incident for incident in await incidents.open_now(connection) if incident.is_grave]
    grave = [incident for incident in grave if not incident.private and incident.drill is None]
    return grave[0] if change.break_glass and len(grave) == 1 else None
