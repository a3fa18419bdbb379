"""An approved change runs, once, and what became of it is recorded and told."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from bot.audit import Event
from bot.changes.card import MARKS
from bot.changes.moves import EXECUTE, change_of, id_of, move, subject_of
from bot.context import Announce, Services
from bot.errors import ProviderError, UserError
from bot.operation import Answer, Execution, Mark, Outcome
from bot.store import audit, cards, clocks, customers, requests
from bot.transitions import State, Step

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.changes")

REFUSALS: Final = ("rejected", "unauthorized", "not_found")
"""Answers after which nothing was done, for certain."""
RETRY_AFTER: Final = timedelta(seconds=10)
GIVE_UP_AFTER: Final = timedelta(minutes=10)
"""How long a change is tried whose outcome cannot be had; then a person must look."""


async def execute(services: Services, announce: Announce, subject: str, _due_at: datetime) -> None:
    """Run an approved change, and record what became of it. Run again, it changes nothing twice."""
    database = services.database
    request = await database.call(lambda connection: requests.get(connection, id_of(subject)))
    if request is None or request.state is not State.EXECUTING:
        return
    approvers = await database.call(lambda connection: requests.approvers(connection, request.id))
    change = change_of(services, request)
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
        decides = await database.call(lambda connection: customers.unveiled(connection, request.plan["decides"]))
        outcome = await change.execute(decides, execution)
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
        await cards.raise_if_there(transaction, subject_of(request_id))


async def _record(services: Services, announce: Announce, request_id: int, step: Step, outcome: Outcome) -> None:
    now = services.now()
    async with services.database.transaction() as transaction:
        request = await requests.get(transaction, request_id, lock=True)
        if request is None or request.state is not State.EXECUTING:
            return  # another copy has recorded it
        state = await move(request, step, now, transaction, result=_packed(outcome))
        await announce(
            transaction,
            stream=f"person:{request.requester}",
            key=f"{subject_of(request.id)}:told",
            channel=request.requester,
            answer=Answer(
                verdict=f"Request {request.id} {state.label}: {outcome.said}",
                mark=MARKS.get(state, Mark.NONE),
            ),
        )
        await audit.add(
            transaction,
            Event.EXECUTED,
            actor="ilab",
            subject=subject_of(request.id),
            at=now,
            detail={"state": state.value, "said": outcome.said},
        )


def _packed(outcome: Outcome) -> dict[str, Any]:
    return {
        "said": outcome.said,
        "lines": [{"title": line.title, "text": line.text} for line in outcome.lines],
        "offers": [{"label": offer.label, "words": offer.words, "confirm": offer.confirm} for offer in outcome.offers],
    }
