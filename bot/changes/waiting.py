"""What happens while nobody decides on a request: it reminds, and in the end it expires."""

from __future__ import annotations

from datetime import datetime

from bot.audit import Event
from bot.changes.moves import called_for, change_of, channel_of, id_of, move
from bot.context import Announce, Services
from bot.operation import Answer
from bot.store import audit, incidents, requests
from bot.transitions import State, Step


async def expire(services: Services, subject: str, _due_at: datetime) -> None:
    """Its time is over: nobody approved it."""
    async with services.database.transaction() as transaction:
        request = await requests.get(transaction, id_of(subject), lock=True)
        if request is None or request.state is not State.AWAITING_APPROVAL:
            return
        await move(request, Step.EXPIRE, services.now(), transaction)
        await audit.add(transaction, Event.EXPIRED, actor="ilab", subject=subject, at=services.now())


async def remind(services: Services, announce: Announce, subject: str, _due_at: datetime) -> None:
    """Say once, where the card stands, that it waits."""
    async with services.database.transaction() as transaction:
        request = await requests.get(transaction, id_of(subject), lock=True)
        if request is None or request.state is not State.AWAITING_APPROVAL:
            return
        incident = await incidents.get(transaction, request.incident) if request.incident else None
        await announce(
            transaction,
            stream=subject,
            key=f"{subject}:remind",
            channel=channel_of(services.settings, incident) or request.channel,
            answer=Answer(
                verdict=f"Request {request.id} still waits for approval: {request.plan['effect']}",
                mentions=called_for(services, change_of(services, request)),
            ),
            expires_at=request.expires_at,
        )
