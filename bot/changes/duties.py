"""What is done for requests when their clocks are due, and what their cards show."""

from __future__ import annotations

import functools

from bot.changes import card, moves, running, waiting
from bot.context import CardOf, ClockWork, Duty, Services
from bot.operation import Answer
from bot.store import people, requests
from bot.store.database import Connection


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when a request's clocks are due."""
    return {
        moves.EXECUTE: functools.partial(running.execute, duty.services, duty.announce),
        moves.EXPIRE: functools.partial(waiting.expire, duty.services),
        moves.REMIND: functools.partial(waiting.remind, duty.services, duty.announce),
    }


def card_faces(duty: Duty) -> dict[str, CardOf]:
    """What a request's card shows."""
    return {"request": functools.partial(card_of, duty.services)}


async def card_of(services: Services, connection: Connection, subject: str) -> Answer | None:
    """The card of a request as it stands now."""
    request = await requests.get(connection, moves.id_of(subject))
    if request is None:
        return None
    approvers = await requests.approvers(connection, request.id)
    names = [await _name(connection, person) for person in (request.requester, *approvers)]
    change = moves.change_of(services, request)
    return card.card(
        request,
        change,
        requester=names[0],
        approvers=tuple(names[1:]),
        mentions=moves.called_for(services, change),
    )


async def _name(connection: Connection, person: str) -> str:
    known = await people.get(connection, person)
    return known.name if known else person
