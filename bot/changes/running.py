"""An approved change runs, once, and what became of it is recorded and told."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from bot.audit import Event
from bot.changes.deciding import known, known_request, permit
from bot.changes.moves import BOT, EXECUTE, already, change_of, id_of, move, note, surface
from bot.context import Context, Services, Transaction
from bot.errors import ProviderError, StaleError, UserError
from bot.masking import masked_text
from bot.operation import Answer, Audience, Change, Execution, Outcome
from bot.steps import Table
from bot.store import cards, clocks, customers, requests
from bot.store.requests import Request
from bot.transitions import State, Step

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.changes")

REFUSALS: Final = ("rejected", "unauthorized", "not_found")
"""Answers after which nothing was done, for certain."""
RETRY_AFTER: Final = timedelta(seconds=10)
LONGEST_WAIT: Final = 300.0
"""Seconds for which a vendor that asks to be left alone is."""
GIVE_UP_AFTER: Final = timedelta(minutes=10)
"""How long a change is tried whose outcome cannot be had; then a person must look."""


async def execute(services: Services, subject: str, _due_at: datetime) -> None:
    """Run an approved change, and record what became of it. Run again, it changes nothing twice."""
    database = services.database
    request = await database.call(lambda connection: requests.get(connection, id_of(subject)))
    if request is None or request.state is not State.EXECUTING:
        return
    try:
        step, outcome = await _become(request, services)
    except ProviderError as error:
        log.warning("change tried again", request=request.id, error=error.what)
        asked = timedelta(seconds=min(error.retry_after or 0, LONGEST_WAIT))
        due_at = services.now() + max(RETRY_AFTER, asked)
        await database.call(lambda connection: clocks.start(connection, subject, EXECUTE, due_at=due_at))
        return
    await _record(services, request.id, step, outcome)


async def _become(request: Request, services: Services) -> tuple[Step, Outcome]:
    approvers = await services.database.call(lambda connection: requests.approvers(connection, request.id))
    plan = request.plan["decides"]
    try:
        decides = await services.database.call(lambda connection: customers.unveiled(connection, plan))
    except ProviderError:
        raise
    except UserError as error:
        return _refused(error)
    execution = Execution(
        key=f"ilab:{request.id}:{request.key}",
        request=request.id,
        requester=request.requester,
        approvers=approvers,
        services=services,
        incident=request.incident,
        progress=functools.partial(_progress, services, request),
        book=Table(services.database, request.subject),
    )
    return await become(change_of(services, request), decides, execution, since=request.decided_at)


async def become(
    change: Change[Any], decides: Mapping[str, Any], execution: Execution, *, since: datetime | None
) -> tuple[Step, Outcome]:
    """What became of it. Raises ProviderError where it cannot be known yet, and is worth asking again."""
    try:
        outcome = await change.execute(decides, execution)
    except ProviderError as error:
        refused = error.kind in REFUSALS
        if not refused and (since is None or execution.services.now() - since < GIVE_UP_AFTER):
            raise
        said = error.sentences if refused else f"It cannot be known: {error.sentences}"
        return Step.FAIL if refused else Step.LOSE, Outcome(succeeded=False, said=said)
    except UserError as error:
        return _refused(error)
    return Step.SUCCEED if outcome.succeeded else Step.FAIL, outcome


def _refused(error: UserError) -> tuple[Step, Outcome]:
    if isinstance(error, StaleError):
        return Step.OUTDATE, Outcome(succeeded=False, said=f"Nothing was done: {error.what.rstrip('.')}.")
    return Step.FAIL, Outcome(succeeded=False, said=error.sentences)


async def _progress(services: Services, request: Request, said: str) -> None:
    async with services.database.transaction() as transaction:
        await requests.note_progress(transaction, request.id, masked_text(said))
        await cards.raise_if_there(transaction, request.subject)


async def _record(services: Services, request_id: int, step: Step, outcome: Outcome) -> None:
    async with services.database.transaction() as transaction:
        if await ended(services, request_id, step, packed(outcome), transaction) and outcome.also is not None:
            await outcome.also(transaction)


async def ended(
    services: Services, request_id: int, step: Step, packed: dict[str, Any], transaction: Transaction
) -> bool:
    """What became of a request is recorded; False where that was done before."""
    request = await requests.get(transaction, request_id, lock=True)
    if request is None or request.state is not State.EXECUTING:
        return False
    now = services.now()
    state = await move(request, step, services, transaction, at=now, result=packed)
    await note(Event.EXECUTED, request, transaction, by=BOT, at=now, **_ended(state, packed, now))
    return True


def _ended(state: State, packed: dict[str, Any], at: datetime) -> dict[str, Any]:
    """How timeline and audit tell of an outcome; a request may have two, with `unknown` between them."""
    return {
        "said": f"{state.label}: {packed['said']}",
        "key": f":{state}:{at.isoformat()}",
        "detail": {"state": state.value, "said": packed["said"]},
    }


def packed(outcome: Outcome) -> dict[str, Any]:
    """An outcome as it is stored. Pure."""
    return {
        "said": masked_text(outcome.said),
        "lines": [{"title": line.title, "text": masked_text(line.text)} for line in outcome.lines],
        "offers": [{"label": offer.label, "words": offer.words, "confirm": offer.confirm} for offer in outcome.offers],
    }


# where it cannot be known, a person decides


async def ask_again(request_id: int, context: Context, transaction: Transaction) -> Answer:
    """Whether it happened is asked once more, of whoever could not say before; where it did not, it happens now."""
    request = await _lost(request_id, context, transaction)
    await move(request, Step.ASK_AGAIN, context.services, transaction, at=context.now)
    await note(
        Event.ASKED_AGAIN,
        request,
        transaction,
        by=context.actor.id,
        at=context.now,
        said="asked again what became of it",
        key=f":{context.now.isoformat()}",
        detail=known(context) | surface(context),
    )
    context.services.wake()
    return Answer(verdict=f"Request {request.id}: I am asking again.", audience=Audience.PRIVATE)


async def settle(request_id: int, step: Step, seen: str, context: Context, transaction: Transaction) -> Answer:
    """A person who looked says what became of it; their word stands with their name."""
    request = await _lost(request_id, context, transaction)
    given = packed(Outcome(succeeded=step is Step.SUCCEED, said=f"{context.actor.name} looked: {seen}"))
    state = await move(request, step, context.services, transaction, at=context.now, by=context.actor.id, result=given)
    told = _ended(state, given, context.now)
    told["detail"] = {"state": state.value} | known(context) | surface(context)
    await note(Event.SETTLED, request, transaction, by=context.actor.id, at=context.now, **told)
    context.services.wake()
    happened = "happened" if step is Step.SUCCEED else "did not happen"
    return Answer(verdict=f"Noted: request {request.id} {happened}.", audience=Audience.PRIVATE)


async def _lost(request_id: int, context: Context, transaction: Transaction) -> Request:
    """The request, locked, whose outcome nobody knows. Raises UserError where it is known, or not theirs to say."""
    request = await known_request(request_id, context, transaction, lock=True)
    if request.state is not State.UNKNOWN:
        raise already(request)
    if request.requester == context.actor.id:
        raise UserError("You asked for this yourself.", why="Somebody else looks.", todo="Ask an approver.")
    permit(change_of(context.services, request), context.actor, context.services)
    return request
