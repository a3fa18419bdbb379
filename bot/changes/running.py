"""An approved change runs, once, and what became of it is recorded and told."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from bot.audit import Event
from bot.changes.deciding import known, known_request, permit
from bot.changes.moves import BOT, EXECUTE, already, change_of, id_of, move, note, surface
from bot.context import Context, Services, Transaction
from bot.errors import ProviderError, StaleError, UserError
from bot.masking import masked_text
from bot.operation import Answer, Audience, Execution, Outcome
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
    """What became of it. Raises ProviderError where it cannot be known yet, and is worth asking again."""
    approvers = await services.database.call(lambda connection: requests.approvers(connection, request.id))
    execution = Execution(
        key=f"ilab:{request.id}:{request.key}",
        request=request.id,
        requester=request.requester,
        approvers=approvers,
        services=services,
        incident=request.incident,
        progress=functools.partial(_progress, services, request),
    )
    try:
        decides = await services.database.call(
            lambda connection: customers.unveiled(connection, request.plan["decides"])
        )
        outcome = await change_of(services, request).execute(decides, execution)
    except ProviderError as error:
        refused = error.kind in REFUSALS
        if not refused and (request.decided_at is None or services.now() - request.decided_at < GIVE_UP_AFTER):
            raise
        said = error.sentences if refused else f"It cannot be known: {error.sentences}"
        return Step.FAIL if refused else Step.LOSE, Outcome(succeeded=False, said=said)
    except StaleError as error:
        return Step.OUTDATE, Outcome(succeeded=False, said=f"Nothing was done: {error.what.rstrip('.')}.")
    except UserError as error:
        return Step.FAIL, Outcome(succeeded=False, said=error.sentences)
    return Step.SUCCEED if outcome.succeeded else Step.FAIL, outcome


async def _progress(services: Services, request: Request, said: str) -> None:
    async with services.database.transaction() as transaction:
        await requests.note_progress(transaction, request.id, masked_text(said))
        await cards.raise_if_there(transaction, request.subject)


async def _record(services: Services, request_id: int, step: Step, outcome: Outcome) -> None:
    now, packed = services.now(), _packed(outcome)
    async with services.database.transaction() as transaction:
        request = await requests.get(transaction, request_id, lock=True)
        if request is None or request.state is not State.EXECUTING:
            return  # another copy has recorded it
        state = await move(request, step, services, transaction, at=now, result=packed)
        if outcome.also is not None:
            await outcome.also(transaction)
        await note(Event.EXECUTED, request, transaction, by=BOT, at=now, **_ended(state, packed, now))


def _ended(state: State, packed: dict[str, Any], at: datetime) -> dict[str, Any]:
    """How timeline and audit tell of an outcome; a request may have two, with `unknown` between them."""
    return {
        "said": f"{state.label}: {packed['said']}",
        "key": f":{state}:{at.isoformat()}",
        "detail": {"state": state.value, "said": packed["said"]},
    }


def _packed(outcome: Outcome) -> dict[str, Any]:
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
    packed = _packed(Outcome(succeeded=step is Step.SUCCEED, said=f"{context.actor.name} looked: {seen}"))
    state = await move(request, step, context.services, transaction, at=context.now, by=context.actor.id, result=packed)
    ended = _ended(state, packed, context.now)
    ended["detail"] = {"state": state.value} | known(context) | surface(context)
    await note(Event.SETTLED, request, transaction, by=context.actor.id, at=context.now, **ended)
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
