"""What every step of a request does: the row moves, its clocks stop, its card is raised, and the audit tells of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from bot.audit import Event
from bot.changes.rules import called, rule_of
from bot.context import Context, Services, Surface, Transaction
from bot.errors import UserError
from bot.operation import Change
from bot.settings import Settings
from bot.store import audit, cards, clocks, requests
from bot.store.incidents import Incident
from bot.store.requests import Request
from bot.transitions import State, Step, after

EXECUTE: Final = "execute"
EXPIRE: Final = "expire"
REMIND: Final = "remind"


async def open_request(request_id: int, transaction: Transaction) -> Request:
    """The request, locked. Raises UserError where it waits for nobody."""
    request = await requests.get(transaction, request_id, lock=True)
    if request is None:
        raise UserError(f"There is no request {request_id}.", todo="`/ilab approvals` lists what waits.")
    if request.state is not State.AWAITING_APPROVAL:
        raise UserError(f"Request {request.id} is {request.state.label} already.")
    return request


async def move(
    request: Request,
    step: Step,
    at: datetime,
    transaction: Transaction,
    *,
    reason: str = "",
    result: dict[str, Any] | None = None,
) -> State:
    """Put the (locked) request where the step leads. Raises UserError where it leads nowhere."""
    state = after(request.state, step)
    if state is None:
        raise UserError(f"Request {request.id} is {request.state.label} already.")
    await requests.move(transaction, request, state, at=at, reason=reason, result=result)
    if state.is_final:
        await clocks.stop(transaction, subject_of(request.id))
    await cards.raise_if_there(transaction, subject_of(request.id))
    return state


async def note(
    event: Event, request: Request, context: Context, transaction: Transaction, detail: dict[str, Any] | None = None
) -> None:
    """The audit tells of the step, and where it was not taken in Slack."""
    by = {"surface": context.place.surface.value} if context.place.surface is Surface.TERMINAL else {}
    await audit.add(
        transaction,
        event,
        actor=context.actor.id,
        subject=subject_of(request.id),
        at=context.now,
        detail=(detail or {}) | by,
    )


def channel_of(settings: Settings, incident: Incident | None) -> str:
    """Where a request's card stands: in its incident's channel, else where approvals stand."""
    if incident is not None and incident.channel_id:
        return incident.channel_id
    return settings.slack.approvals_channel if settings.slack else ""


def called_for(services: Services, change: Change[Any]) -> tuple[str, ...]:
    """The ids of the people and user groups who are called to approve it."""
    settings = services.settings
    return called(change, rule_of(change, settings.approvals), settings.roles)


def change_of(services: Services, request: Request) -> Change[Any]:
    """The change that the request asks for."""
    operation = services.registry.by_words[request.operation]
    if not isinstance(operation, Change):
        raise TypeError(f"{request.operation} is no change")
    return operation


def subject_of(request_id: int) -> str:
    """What a request's clocks, card and audit are kept under."""
    return f"request:{request_id}"


def id_of(subject: str) -> int:
    """The request that a subject names."""
    return int(subject.removeprefix("request:"))
