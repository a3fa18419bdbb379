"""A change is asked for: planned, stored with its plan, and shown to who may approve it."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any, Final

from bot.audit import Event
from bot.changes.card import MARKS, lines_of, offers_after
from bot.changes.moves import EXECUTE, EXPIRE, REMIND, channel_of, move, open_request, subject_of
from bot.changes.rules import rule_of
from bot.context import Context, Transaction
from bot.operation import Answer, Args, Audience, Change, Lines, Mark, Offer, Plan
from bot.store import audit, cards, clocks, customers, incidents, requests
from bot.store.database import Connection, Database
from bot.store.incidents import Incident
from bot.store.requests import Request
from bot.transitions import State, Step

ANSWERS_WITHIN: Final = 6.0
"""Seconds for which whoever runs a change alone waits for its outcome; later it is told by direct message."""


async def submit(change: Change[Any], args: Args, context: Context) -> Answer:
    """Plan the change and ask for its approval; asked again with the same key, it is the same request."""
    database = context.services.database
    known = await database.call(lambda connection: requests.by_key(connection, context.request_id))
    if known is None:
        plan = await change.plan(args, context)
        async with database.transaction() as transaction:
            await _ask(change, plan, context, transaction)
            known = await requests.by_key(transaction, context.request_id)
        context.services.wake()
    assert known is not None  # noqa: S101 -- it was just stored
    if known.quorum == 0:
        return _alone(await _awaited(known, database))
    return Answer(
        verdict=f"Request {known.id} waits for approval: {known.plan['effect']}",
        evidence=(Lines(lines=lines_of(known.plan)),),
        offers=(Offer(label="Withdraw it", words=f"withdraw {known.id}", replaces=True),),
        audience=Audience.PRIVATE,
    )


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
    if request.result:
        verdict = f"{said}: {request.result['said']}"
    else:
        verdict = f"{said}: {request.plan['effect']}. I will tell you in a direct message what became of it."
    return Answer(
        verdict=verdict,
        mark=MARKS.get(request.state, Mark.NONE),
        evidence=(Lines(lines=(*lines_of(request.plan), *lines_of(request.result or {}))),),
        offers=offers_after(request),
        audience=Audience.PRIVATE,
    )


async def _ask(change: Change[Any], plan: Plan, context: Context, transaction: Transaction) -> None:
    settings, now = context.services.settings, context.now
    rule = rule_of(change, settings.approvals)
    incident = await _incident_of(change, context, transaction)
    decides = await customers.veiled(transaction, plan.decides)
    request_id = await requests.add(
        transaction,
        incident=None if incident is None else incident.id,
        exclusive=change.exclusive or None,
        key=context.request_id,
        operation=change.words,
        requester=context.actor.id,
        channel=context.place.channel,
        plan={
            "effect": plan.effect,
            "lines": [{"title": line.title, "text": line.text} for line in plan.lines],
            "decides": decides,
        },
        quorum=rule.quorum,
        at=now,
        expires_at=now + rule.lasts,
    )
    if request_id is None:
        return  # another copy was quicker with the same payload
    subject = subject_of(request_id)
    detail = {"operation": change.words, "decides": {name: decides[name] for name in decides if name != "reason"}}
    await audit.add(transaction, Event.REQUESTED, actor=context.actor.id, subject=subject, at=now, detail=detail)
    if rule.quorum == 0:
        await move(await open_request(request_id, transaction), Step.APPROVE, now, transaction)
        await clocks.start(transaction, subject, EXECUTE, due_at=now)
        if change.carded:
            await cards.want(transaction, subject, channel=channel_of(settings, incident) or context.place.channel)
        return
    await clocks.start(transaction, subject, EXPIRE, due_at=now + rule.lasts)
    remind = timedelta(minutes=settings.approvals.remind_after_minutes)
    await clocks.start(transaction, subject, REMIND, due_at=now + remind)
    await cards.want(transaction, subject, channel=channel_of(settings, incident) or context.place.channel)


async def _incident_of(change: Change[Any], context: Context, connection: Connection) -> Incident | None:
    """The incident that a request belongs to: that of the channel it is asked in, else the only grave one there is."""
    if context.place.channel:
        found = await incidents.by_channel(connection, context.place.channel)
        if found is not None:
            return found
    grave = [incident for incident in await incidents.open_now(connection) if incident.severity in ("P0", "P1")]
    grave = [incident for incident in grave if not incident.private and incident.drill is None]
    return grave[0] if change.break_glass and len(grave) == 1 else None
