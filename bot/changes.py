"""Changes to the product: planned, shown on a card, approved by another person, run once, and reported.

Two databases, and no transaction over both. Ours commits `executing` before anything runs; the product's own
transaction holds the effect together with our request's key; ours then commits the outcome. A crash anywhere runs the
middle part again, which by that key says what happened the first time.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from bot.audit import Event
from bot.context import Announce, CardOf, ClockWork, Context, Duty, Services, Surface, Transaction
from bot.errors import ProviderError, UserError
from bot.operation import Answer, Args, Audience, Change, Execution, Line, Lines, Mark, Offer, Outcome, Plan
from bot.people import Role
from bot.settings import Settings
from bot.store import audit, cards, clocks, incidents, people, requests
from bot.store.database import Connection, Database
from bot.store.incidents import Incident
from bot.store.requests import Request
from bot.transitions import State, Step, after

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.changes")

EXECUTE: Final = "execute"
EXPIRE: Final = "expire"
REMIND: Final = "remind"
REFUSALS: Final = ("rejected", "unauthorized", "not_found")
"""Answers after which nothing was done, for certain."""
RETRY_AFTER: Final = timedelta(seconds=10)
GIVE_UP_AFTER: Final = timedelta(minutes=10)
"""How long a change is tried whose outcome cannot be had; then a person must look."""

ANSWERS_WITHIN: Final = 6.0
"""Seconds for which whoever runs a change alone waits for its outcome; later it is told by direct message."""

_MARKS: Final[Mapping[State, Mark]] = {
    State.SUCCEEDED: Mark.OK,
    State.FAILED: Mark.DOWN,
    State.UNKNOWN: Mark.UNKNOWN,
    State.STALE: Mark.DEGRADED,
    State.REJECTED: Mark.DEGRADED,
    State.EXPIRED: Mark.DEGRADED,
}


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when a request's clocks are due."""
    return {
        EXECUTE: functools.partial(execute, duty.services, duty.announce),
        EXPIRE: functools.partial(expire, duty.services),
        REMIND: functools.partial(remind, duty.services, duty.announce),
    }


def card_faces(duty: Duty) -> dict[str, CardOf]:
    """What a request's card shows."""
    return {"request": functools.partial(card_of, duty.services)}


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
        evidence=(Lines(lines=_lines(known.plan)),),
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
        mark=_MARKS.get(request.state, Mark.NONE),
        evidence=(Lines(lines=_lines(request.plan)),),
        audience=Audience.PRIVATE,
    )


async def _ask(change: Change[Any], plan: Plan, context: Context, transaction: Transaction) -> None:
    settings, now = context.services.settings, context.now
    rule = settings.approvals.rules.get(change.words)
    quorum = rule.quorum if rule and rule.quorum else change.quorum
    lasts = timedelta(hours=rule.expires_after_hours) if rule and rule.expires_after_hours else change.expires_after
    incident = await _incident_of(change, context, transaction)
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
            "decides": dict(plan.decides),
        },
        quorum=quorum,
        at=now,
        expires_at=now + lasts,
    )
    if request_id is None:
        return  # another copy was quicker with the same payload
    subject = _subject(request_id)
    detail = {"operation": change.words, "decides": dict(plan.decides), "effect": plan.effect}
    await audit.add(transaction, Event.REQUESTED, actor=context.actor.id, subject=subject, at=now, detail=detail)
    if quorum == 0:
        await _move(await _open(request_id, transaction), Step.APPROVE, now, transaction)
        await clocks.start(transaction, subject, EXECUTE, due_at=now)
        return
    await clocks.start(transaction, subject, EXPIRE, due_at=now + lasts)
    remind = timedelta(minutes=settings.approvals.remind_after_minutes)
    await clocks.start(transaction, subject, REMIND, due_at=now + remind)
    await cards.want(transaction, subject, channel=_channel(settings, incident) or context.place.channel)


async def _incident_of(change: Change[Any], context: Context, connection: Connection) -> Incident | None:
    """The incident that a request belongs to: that of the channel it is asked in, else the only grave one there is."""
    if context.place.channel:
        found = await incidents.by_channel(connection, context.place.channel)
        if found is not None:
            return found
    grave = [incident for incident in await incidents.open_now(connection) if incident.severity in ("P0", "P1")]
    grave = [incident for incident in grave if not incident.private and incident.drill is None]
    return grave[0] if change.break_glass and len(grave) == 1 else None


def _channel(settings: Settings, incident: Incident | None) -> str:
    """Where a request's card stands: in its incident's channel, else where approvals stand."""
    if incident is not None and incident.channel_id:
        return incident.channel_id
    return settings.slack.approvals_channel if settings.slack else ""


async def approve(request_id: int, context: Context, transaction: Transaction) -> Answer:
    """Note the approval; with the last one needed, and the plan still true, the change runs."""
    request = await _open(request_id, transaction)
    if request.requester == context.actor.id:
        raise UserError(
            "You asked for this yourself.", why="A change needs a second person.", todo="Ask another approver."
        )
    change = _change(context.services, request)
    if context.actor.role < change.approver:
        raise UserError(
            f"Approving `{change.words}` needs an {change.approver.word}; you are a {context.actor.role.word}."
        )
    if why := await change.recheck(request.plan["decides"], context.services):
        await _move(request, Step.OUTDATE, context.now, transaction, reason=why)
        await _note(Event.OUTDATED, request, context, transaction, detail={"why": why})
        return Answer(
            verdict=f"Request {request.id} is stale, and was not run.",
            evidence=(Lines(lines=(Line(title=why), Line(title="Ask anew: the new plan will say what is true now."))),),
            audience=Audience.PRIVATE,
            refused=True,
        )
    await requests.approve(transaction, request, context.actor.id, at=context.now)
    given = await requests.approvers(transaction, request.id)
    subject = _subject(request.id)
    if len(given) < request.quorum:
        await cards.raise_if_there(transaction, subject)
        await _note(Event.APPROVED, request, context, transaction, detail={"of": request.quorum, "given": len(given)})
        return Answer(
            verdict=f"Noted: {len(given)} of {request.quorum} approvals of request {request.id}.",
            audience=Audience.PRIVATE,
        )
    await _move(request, Step.APPROVE, context.now, transaction)
    await clocks.stop(transaction, subject)
    await clocks.start(transaction, subject, EXECUTE, due_at=context.now)
    await _note(Event.APPROVED, request, context, transaction, detail={"of": request.quorum, "given": len(given)})
    context.services.wake()
    return Answer(verdict=f"Approved. Request {request.id} runs now.", audience=Audience.PRIVATE)


async def reject(request_id: int, reason: str, context: Context, transaction: Transaction) -> Answer:
    """Refuse it, for a reason that the requester is told."""
    request = await _open(request_id, transaction)
    if request.requester == context.actor.id:
        raise UserError("You asked for this yourself.", todo=f"Take it back: `/ilab withdraw {request.id}`.")
    await _move(request, Step.REJECT, context.now, transaction, reason=reason)
    await _note(Event.REJECTED, request, context, transaction, detail={"reason": reason})
    return Answer(verdict=f"Request {request.id} is denied.", audience=Audience.PRIVATE)


async def withdraw(request_id: int, context: Context, transaction: Transaction) -> Answer:
    """Take one's own request back."""
    request = await _open(request_id, transaction)
    if request.requester != context.actor.id:
        raise UserError("Only the one who asked can withdraw a request.", todo=f"`/ilab deny {request.id}` denies it.")
    await _move(request, Step.WITHDRAW, context.now, transaction)
    await _note(Event.WITHDRAWN, request, context, transaction)
    return Answer(verdict=f"Request {request.id} is withdrawn.", audience=Audience.PRIVATE)


async def expire(services: Services, subject: str, _due_at: datetime) -> None:
    """Its time is over: nobody approved it."""
    async with services.database.transaction() as transaction:
        request = await requests.get(transaction, _id(subject), lock=True)
        if request is None or request.state is not State.AWAITING_APPROVAL:
            return
        await _move(request, Step.EXPIRE, services.now(), transaction)
        await audit.add(transaction, Event.EXPIRED, actor="ilab", subject=subject, at=services.now())


async def remind(services: Services, announce: Announce, subject: str, _due_at: datetime) -> None:
    """Say once, where the card stands, that it waits."""
    async with services.database.transaction() as transaction:
        request = await requests.get(transaction, _id(subject), lock=True)
        if request is None or request.state is not State.AWAITING_APPROVAL:
            return
        incident = await incidents.get(transaction, request.incident) if request.incident else None
        await announce(
            transaction,
            stream=subject,
            key=f"{subject}:remind",
            channel=_channel(services.settings, incident) or request.channel,
            answer=Answer(
                verdict=f"Request {request.id} still waits for approval: {request.plan['effect']}",
                mentions=_approvers_of(services, _change(services, request)),
            ),
            expires_at=request.expires_at,
        )


async def execute(services: Services, announce: Announce, subject: str, _due_at: datetime) -> None:
    """Run an approved change, and record what became of it. Run again, it changes nothing twice."""
    database = services.database
    request = await database.call(lambda connection: requests.get(connection, _id(subject)))
    if request is None or request.state is not State.EXECUTING:
        return
    approvers = await database.call(lambda connection: requests.approvers(connection, request.id))
    change = _change(services, request)
    execution = Execution(
        key=f"ilab:{request.id}:{request.key}",
        request=request.id,
        requester=request.requester,
        approvers=approvers,
        services=services,
        incident=request.incident,
        progress=functools.partial(_progress, services, request.id),
    )
    try:
        outcome = await change.execute(request.plan["decides"], execution)
        step = Step.SUCCEED if outcome.succeeded else Step.FAIL
    except ProviderError as error:
        refused = error.kind in REFUSALS
        if not refused and (request.decided_at is None or services.now() - request.decided_at < GIVE_UP_AFTER):
            log.warning("change tried again", request=request.id, error=error.what)
            due_at = services.now() + RETRY_AFTER
            await database.call(lambda connection: clocks.start(connection, subject, EXECUTE, due_at=due_at))
            return
        said = error.sentences if refused else f"It cannot be known: {error.sentences}"
        outcome, step = Outcome(succeeded=False, said=said), Step.FAIL if refused else Step.LOSE
    except UserError as error:
        outcome, step = Outcome(succeeded=False, said=error.sentences), Step.FAIL
    await _record(services, announce, request.id, step, outcome)


async def _progress(services: Services, request_id: int, said: str) -> None:
    async with services.database.transaction() as transaction:
        await requests.note_progress(transaction, request_id, said)
        await cards.raise_if_there(transaction, _subject(request_id))


async def _record(services: Services, announce: Announce, request_id: int, step: Step, outcome: Outcome) -> None:
    now = services.now()
    async with services.database.transaction() as transaction:
        request = await requests.get(transaction, request_id, lock=True)
        if request is None or request.state is not State.EXECUTING:
            return  # another copy has recorded it
        state = await _move(request, step, now, transaction, result=_packed(outcome))
        await announce(
            transaction,
            stream=f"person:{request.requester}",
            key=f"{_subject(request.id)}:told",
            channel=request.requester,
            answer=Answer(
                verdict=f"Request {request.id} {state.label}: {outcome.said}",
                mark=_MARKS.get(state, Mark.NONE),
            ),
        )
        await audit.add(
            transaction,
            Event.EXECUTED,
            actor="ilab",
            subject=_subject(request.id),
            at=now,
            detail={"state": state.value, "said": outcome.said},
        )


async def card_of(services: Services, connection: Connection, subject: str) -> Answer | None:
    """The card of a request as it stands now."""
    request = await requests.get(connection, _id(subject))
    if request is None:
        return None
    approvers = await requests.approvers(connection, request.id)
    names = [await _name(connection, person) for person in (request.requester, *approvers)]
    return card(request, names[0], tuple(names[1:]), services)


async def _name(connection: Connection, person: str) -> str:
    known = await people.get(connection, person)
    return known.name if known else person


def card(request: Request, requester: str, approvers: tuple[str, ...], services: Services) -> Answer:
    """What everybody in the channel sees of a request: the plan, who asked, and where it stands. Pure."""
    change = _change(services, request)
    lines = [
        *_lines(request.plan),
        Line(title="Asked", text=f"by {requester}", when=request.asked_at),
        Line(title="State", text=_standing(request, approvers)),
    ]
    if request.reason:
        lines.append(Line(title="Reason", text=request.reason))
    if request.state is State.EXECUTING and request.progress:
        lines.append(Line(title="Progress", text=request.progress))
    if request.result:
        lines += [Line(title="Outcome", text=str(request.result["said"])), *_lines(request.result)]
    waits = request.state is State.AWAITING_APPROVAL
    offers = (
        Offer(label="Approve", words=f"approve {request.id}", style="primary", confirm=request.plan["effect"]),
        Offer(label="Deny…", words=f"deny {request.id}", style="danger"),
    )
    who = (Offer(label="Show who", words=f"approvals who {request.id}"),) if "person" in request.plan["decides"] else ()
    return Answer(
        verdict=f"{change.words.capitalize()} · request {request.id}: {request.plan['effect']}",
        mark=_MARKS.get(request.state, Mark.NONE),
        evidence=(Lines(lines=tuple(lines)),),
        offers=(*(offers if waits else _next(request)), *who),
        section=change.section,
        mentions=_approvers_of(services, change) if waits else (),
    )


def _next(request: Request) -> tuple[Offer, ...]:
    offered = (request.result or {}).get("offers", ())
    return tuple(Offer(label=offer["label"], words=offer["words"], confirm=offer["confirm"]) for offer in offered)


def _standing(request: Request, approvers: tuple[str, ...]) -> str:
    given = " and ".join(approvers)
    if request.state is State.AWAITING_APPROVAL:
        return f"awaits approval, {len(approvers)} of {request.quorum}" + (f", by {given}" if given else "")
    return request.state.label + (f", approved by {given}" if given else "")


def _packed(outcome: Outcome) -> dict[str, Any]:
    return {
        "said": outcome.said,
        "lines": [{"title": line.title, "text": line.text} for line in outcome.lines],
        "offers": [{"label": offer.label, "words": offer.words, "confirm": offer.confirm} for offer in outcome.offers],
    }


def _lines(plan: Mapping[str, Any]) -> tuple[Line, ...]:
    return tuple(Line(title=line["title"], text=line["text"]) for line in plan.get("lines", ()))


def _approvers_of(services: Services, change: Change[Any]) -> tuple[str, ...]:
    roles = services.settings.roles
    listed = roles.admins if change.approver is Role.ADMIN else roles.approvers
    return tuple(part.strip() for part in listed.split(",") if part.strip())


def _change(services: Services, request: Request) -> Change[Any]:
    operation = services.registry.by_words[request.operation]
    if not isinstance(operation, Change):
        raise TypeError(f"{request.operation} is no change")
    return operation


async def _open(request_id: int, transaction: Transaction) -> Request:
    request = await requests.get(transaction, request_id, lock=True)
    if request is None:
        raise UserError(f"There is no request {request_id}.", todo="`/ilab approvals` lists what waits.")
    if request.state is not State.AWAITING_APPROVAL:
        raise UserError(f"Request {request.id} is {request.state.label} already.")
    return request


async def _move(
    request: Request,
    step: Step,
    at: datetime,
    transaction: Transaction,
    *,
    reason: str = "",
    result: dict[str, Any] | None = None,
) -> State:
    state = after(request.state, step)
    if state is None:
        raise UserError(f"Request {request.id} is {request.state.label} already.")
    await requests.move(transaction, request, state, at=at, reason=reason, result=result)
    if state.is_final:
        await clocks.stop(transaction, _subject(request.id))
    await cards.raise_if_there(transaction, _subject(request.id))
    return state


async def _note(
    event: Event, request: Request, context: Context, transaction: Transaction, detail: dict[str, Any] | None = None
) -> None:
    by = {"surface": context.place.surface.value} if context.place.surface is Surface.TERMINAL else {}
    await audit.add(
        transaction,
        event,
        actor=context.actor.id,
        subject=_subject(request.id),
        at=context.now,
        detail=(detail or {}) | by,
    )


def _subject(request_id: int) -> str:
    return f"request:{request_id}"


def _id(subject: str) -> int:
    return int(subject.removeprefix("request:"))
