"""What every step of a request does: the row moves, its clocks change, its card is raised, timeline and audit tell of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from bot.audit import Event
from bot.changes import telling
from bot.changes.rules import called, rule_of
from bot.context import Context, Services, Surface, Transaction
from bot.errors import UserError
from bot.incidents.timeline import Kind
from bot.operation import Change
from bot.settings import Settings
from bot.store import audit, cards, clocks, requests, timeline
from bot.store.incidents import Incident
from bot.store.requests import Request
from bot.transitions import State, Step, after

EXECUTE: Final = "execute"
EXPIRE: Final = "expire"
REMIND: Final = "remind"
PAGE: Final = "page_approver"
STOP_PAGING: Final = "stop_paging_approver"
"""The kinds of a request's clocks."""

BOT: Final = "ilab"
"""Who does what nobody pressed."""


async def move(
    request: Request,
    step: Step,
    services: Services,
    transaction: Transaction,
    *,
    at: datetime,
    by: str | None = None,
    reason: str = "",
    result: dict[str, Any] | None = None,
) -> State:
    """Put the (locked) request where the step leads, start what follows, and tell people.

    Raises UserError where it leads nowhere.
    """
    state = after(request.state, step)
    if state is None:
        raise already(request)
    await requests.move(transaction, request, state, at=at, by=by, reason=reason, result=result)
    await clocks.stop(transaction, request.subject)
    if state is State.EXECUTING:
        await clocks.start(transaction, request.subject, EXECUTE, due_at=at)
    if request.paged_at is not None and request.state is State.AWAITING_APPROVAL:
        await clocks.start(transaction, request.subject, STOP_PAGING, due_at=at)
    await changed(request, services, transaction)
    if state is State.SUCCEEDED and request.incident is not None:  # what it offers next is another thing now
        for card in ("incident", "room"):
            await cards.raise_if_there(transaction, f"{card}:{request.incident}")
    return state


async def changed(request: Request, services: Services, transaction: Transaction) -> None:
    """Its card is shown anew, and people are told what they were not told yet."""
    await cards.raise_if_there(transaction, request.subject)
    await telling.say(services, request.id, transaction)


async def note(  # noqa: PLR0913 -- who did what to which request, when, and how it reads
    event: Event,
    request: Request,
    transaction: Transaction,
    *,
    by: str,
    at: datetime,
    said: str,
    detail: dict[str, Any] | None = None,
    key: str = "",
    kind: Kind = Kind.REQUEST,
) -> None:
    """The incident's timeline tells of the step, where the request belongs to one, and then the audit.

    `said` goes on from “Request 12”. `key` tells steps apart of which a request may have several.
    """
    if request.incident is not None:
        await timeline.add(
            transaction,
            request.incident,
            kind,
            key=f"{request.subject}:{event.value}{key}",
            actor=by,
            said=f"Request {request.id} {said}",
            at=at,
            recorded_at=at,
        )
    await audit.add(transaction, event, actor=by, subject=request.subject, at=at, detail=detail)


def surface(context: Context) -> dict[str, Any]:
    """For the audit: where a step was taken, if not in Slack."""
    at_terminal = context.place.surface is Surface.TERMINAL
    return {"surface": context.place.surface.value} if at_terminal else {}


def already(request: Request) -> UserError:
    """What is said to whoever comes too late."""
    return UserError(f"Request {request.id} is {request.state.label} already.")


def channel_of(settings: Settings, incident: Incident | None) -> str:
    """Where a request's card stands: in its incident's channel, else where approvals stand."""
    if incident is not None and incident.channel_id:
        return incident.channel_id
    return settings.slack.approvals_channel if settings.slack else ""


def called_for(services: Services, change: Change[Any]) -> tuple[str, ...]:
    """The ids of the people and user groups who are called to approve it."""
    settings = services.settings
    return called(change, rule_of(change, settings.approvals), settings.roles)


async def mentions_of(services: Services, request: Request, connection: Transaction) -> tuple[str, ...]:
    """Who is called to decide: whom it was handed to; where more approvals are needed than these give, everybody who may."""
    given = set(await requests.approvers(connection, request.id))
    handed = tuple(person for person in await requests.delegations(connection, request.id) if person not in given)
    if handed and len(handed) >= request.quorum - len(given):
        return handed
    return tuple(dict.fromkeys((*handed, *called_for(services, change_of(services, request)))))


def change_of(services: Services, request: Request) -> Change[Any]:
    """The change that the request asks for."""
    operation = services.registry.by_words[request.operation]
    if not isinstance(operation, Change):
        raise TypeError(f"{request.operation} is no change")
    return operation


def id_of(subject: str) -> int:
    """The request that a subject names."""
    return int(subject.removeprefix("request:"))
