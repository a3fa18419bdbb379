"""What happens while nobody decides on a request: it reminds, the approver on duty is paged, and in the end it expires."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from bot.audit import Event
from bot.changes import deciding
from bot.changes.moves import BOT, PAGE, REMIND, STOP_PAGING, channel_of, id_of, mentions_of, note
from bot.changes.reminders import last_reminder, next_reminder
from bot.changes.rules import first_reminder
from bot.context import Services, Transaction
from bot.errors import ProviderError
from bot.incidents.timeline import Kind
from bot.incidents.visibility import outside_name
from bot.operation import Answer, Mark, Offer
from bot.store import clocks, incidents, requests
from bot.store.incidents import Incident
from bot.store.requests import Request
from bot.transitions import State

if TYPE_CHECKING:  # it imports httpx, which a terminal does without
    from bot.providers.pagerduty import PagerDuty

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.changes")

PAGED_AGAIN_AFTER: Final = timedelta(seconds=20)
"""How long after paging failed it is tried again."""
SETTLED_FOR: Final = timedelta(hours=1)
"""How long after the decision PagerDuty is told of it, where it does not answer."""


async def expire(services: Services, subject: str, _due_at: datetime) -> None:
    """Its time is over: nobody approved it."""
    async with services.database.transaction() as transaction:
        request = await _waiting(subject, transaction)
        if request is None:
            return
        await deciding.expire(request, services, transaction)
    services.wake()


async def remind(services: Services, subject: str, _due_at: datetime) -> None:
    """Say where the card stands that it waits, and start the clock of the next reminder."""
    now = services.now()
    async with services.database.transaction() as transaction:
        request = await _waiting(subject, transaction)
        if request is None or now >= request.expires_at:
            return
        incident = await _incident(request, transaction)
        first = first_reminder(services.settings.approvals, incident)
        number = last_reminder(request.asked_at, request.expires_at, first, now=now)
        if number:
            await services.announce(
                transaction,
                stream=subject,
                key=f"{subject}:remind:{first.total_seconds():g}:{number}",
                channel=channel_of(services.settings, incident),
                answer=Answer(
                    verdict=f"Request {request.id} still waits for approval: {request.plan['effect']}",
                    offers=(_approve(request),),
                    mentions=await mentions_of(services, request, transaction),
                    reminder=True,
                ),
                expires_at=request.expires_at,
            )
        due_at = next_reminder(request.asked_at, request.expires_at, first, now=now)
        if due_at is not None:
            await clocks.start(transaction, subject, REMIND, due_at=due_at)


async def page(services: Services, pager: PagerDuty | None, subject: str, _due_at: datetime) -> None:
    """The approver on duty is paged for a request of an open P0 or P1, once; never for a drill."""
    approvals, now = services.settings.approvals, services.now()
    async with services.database.transaction() as transaction:
        request = await _waiting(subject, transaction)
        incident = await _incident(request, transaction) if request else None
        if request is None or incident is None or incident.drill is not None or not incident.is_open:
            return
        if not incident.is_grave:  # it may become a P0 while this waits
            await _again(transaction, subject, now + timedelta(minutes=approvals.page_after_minutes))
            return
    why = "PagerDuty is not configured."
    if pager is not None:
        try:
            await _page(pager, request, incident, approvals.page_level)
        except ProviderError as error:
            log.warning("approver not paged", request=request.id, error=error.what)
            why = error.what
            # what was just triggered may not be found yet
            if now < request.expires_at and (error.transient or error.kind == "not_found"):
                await services.database.call(lambda connection: _again(connection, subject, now + PAGED_AGAIN_AFTER))
        else:
            why = ""
    await _tell_paged(services, request, incident, why)


async def _page(pager: PagerDuty, request: Request, incident: Incident, level: int) -> None:
    """PagerDuty has one incident for the request, given to the people of that level once, however often this runs."""
    await pager.page(key=request.page_key, summary=_summary(request, incident), source="ilab")
    if level > 1 and not await pager.was_raised(request.page_key, level, since=request.asked_at):
        await pager.raise_to(request.page_key, level)


async def _again(connection: Transaction, subject: str, due_at: datetime) -> None:
    await clocks.start(connection, subject, PAGE, due_at=due_at)


async def _tell_paged(services: Services, request: Request, incident: Incident, why: str) -> None:
    """The channel reads that the approver on duty was paged, or why not, once; a page is in timeline and audit."""
    level, now = services.settings.approvals.page_level, services.now()
    async with services.database.transaction() as transaction:
        locked = await _waiting(request.subject, transaction)
        if locked is None or locked.paged_at is not None:
            if not why:  # decided while the page was under way: nobody need answer it
                await clocks.start(transaction, request.subject, STOP_PAGING, due_at=now)
            return
        said = f"The approver on duty is paged for request {request.id} (level {level} of the policy)."
        if why:
            said = f"The approver on duty could not be paged for request {request.id}: {why}"
        await services.announce(
            transaction,
            stream=request.subject,
            key=f"{request.subject}:{'not_paged' if why else 'paged'}",
            channel=channel_of(services.settings, incident),
            answer=Answer(
                verdict=said,
                mark=Mark.DOWN if why else Mark.NONE,
                mentions=await mentions_of(services, request, transaction) if why else (),
            ),
            expires_at=request.expires_at,
        )
        if why:
            return
        await requests.paged(transaction, request.id, at=now)
        await note(
            Event.APPROVER_PAGED,
            request,
            transaction,
            by=BOT,
            at=now,
            said=f"waits: the approver on duty is paged (level {level})",
            kind=Kind.PAGED,
            detail={"level": level},
        )


async def stop_paging(services: Services, pager: PagerDuty | None, subject: str, due_at: datetime) -> None:
    """It is decided: PagerDuty pages nobody further for it."""
    if pager is None:
        return
    request = await services.database.call(lambda connection: requests.get(connection, id_of(subject)))
    if request is None:
        return
    try:
        await pager.resolve(request.page_key)
    except ProviderError as error:
        log.warning("page not resolved", request=request.id, error=error.what)
        now = services.now()
        if error.transient and now - (request.decided_at or due_at) < SETTLED_FOR:
            again = now + PAGED_AGAIN_AFTER
            await services.database.call(
                lambda connection: clocks.start(connection, subject, STOP_PAGING, due_at=again)
            )


async def _waiting(subject: str, transaction: Transaction) -> Request | None:
    """The request, locked, where it still waits."""
    request = await requests.get(transaction, id_of(subject), lock=True)
    return request if request is not None and request.state is State.AWAITING_APPROVAL else None


async def _incident(request: Request, transaction: Transaction) -> Incident | None:
    return await incidents.get(transaction, request.incident) if request.incident else None


def _approve(request: Request) -> Offer:
    return Offer(label="Approve", words=f"approve {request.id}", style="primary", confirm=request.plan["effect"])


def _summary(request: Request, incident: Incident) -> str:
    """What PagerDuty is told: of a private incident no more than that it is one."""
    if incident.private:
        return f"Request {request.id} needs approval: {outside_name(incident)}"
    return f"Request {request.id} needs approval: {request.plan['effect']} ({outside_name(incident)})"
