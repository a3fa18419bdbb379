"""What is done for requests when their clocks are due, and what their cards show."""

from __future__ import annotations

import functools

from bot.changes import card, glass, moves, running, telling, waiting
from bot.context import CardOf, ClockWork, Duty, Services
from bot.operation import Answer
from bot.store import incidents, requests
from bot.store.database import Connection


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when a request's clocks are due."""
    services, pager = duty.services, duty.services.vendors().pagerduty
    return {
        moves.EXECUTE: functools.partial(running.execute, services),
        moves.EXPIRE: functools.partial(waiting.expire, services),
        moves.REMIND: functools.partial(waiting.remind, services),
        moves.PAGE: functools.partial(waiting.page, services, pager),
        moves.STOP_PAGING: functools.partial(waiting.stop_paging, services, pager),
    }


def card_faces(duty: Duty) -> dict[str, CardOf]:
    """What a request's card shows."""
    return {"request": functools.partial(card_of, duty.services)}


async def card_of(services: Services, connection: Connection, subject: str) -> Answer | None:
    """The card of a request as it stands now."""
    request = await requests.get(connection, moves.id_of(subject))
    if request is None:
        return None
    change = moves.change_of(services, request)
    incident = await incidents.get(connection, request.incident) if request.incident else None
    return card.card(
        await telling.told(request, connection),
        change,
        mentions=await moves.mentions_of(services, request, connection),
        has_glass=glass.has_glass(change, incident),
    )
