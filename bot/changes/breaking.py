"""Break-glass: the on-call, or a lead whom another person appointed, runs a reversible mitigation alone. It is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.audit import Event
from bot.changes import glass
from bot.changes.deciding import as_known, known, lapsed, open_request
from bot.changes.moves import change_of, move, note, surface
from bot.context import Context, Transaction
from bot.errors import DeniedError, UserError
from bot.incidents.timeline import Kind
from bot.masking import masked_text
from bot.operation import Answer, Audience, Line, Lines, Mark
from bot.people import Actor
from bot.policy import Deny
from bot.roster import Roster, trusted
from bot.store import incidents, requests
from bot.store.incidents import Incident
from bot.store.requests import Request
from bot.transitions import Step


async def break_glass(request_id: int, reason: str, context: Context, transaction: Transaction) -> Answer:
    """It runs now, without a second person; the incident's channel, its thread, the card and the audit say so."""
    why = masked_text(" ".join(reason.split()))
    if not why:
        raise UserError("Why?", todo=f"`/ilab approvals break-glass {request_id} nobody answers and checkout is down`")
    incident = await _incident_of(request_id, context, transaction)
    duty = None
    if not glass.appointed_by_another(incident, context.actor):
        duty = await trusted(context.services)
    decision = glass.decide(
        incident, context.actor, duty, levels=context.services.settings.approvals.break_glass_levels
    )
    if isinstance(decision, Deny):
        raise DeniedError("You may not break this glass.", why=decision.why, todo=decision.todo)
    request = await open_request(request_id, context, transaction)
    if over := await lapsed(request, change_of(context.services, request), context, transaction):
        return over
    await broke(request, why, grounds(incident, duty, context.actor), context, transaction)
    context.services.wake()
    lines = (Line(title="It is announced, and will be reviewed in the post-mortem."), *_age_of(duty))
    return Answer(
        verdict=f"⚡ Request {request.id} runs now, without a second person.",
        evidence=(Lines(lines=lines), *as_known(context)),
        audience=Audience.PRIVATE,
    )


async def broke(
    request: Request, why: str, by_right_of: Mapping[str, Any], context: Context, transaction: Transaction
) -> None:
    """The (locked) request runs, and everybody reads who did that, and why."""
    await requests.break_glass(transaction, request.id, by=context.actor.id, why=why)
    await move(request, Step.BREAK_GLASS, context.services, transaction, at=context.now)
    await note(
        Event.BROKE_GLASS,
        request,
        transaction,
        by=context.actor.id,
        at=context.now,
        said=f"run by break-glass, without a second person: {why}",
        kind=Kind.BREAK_GLASS,
        detail=dict(by_right_of) | known(context) | surface(context),
    )


async def _incident_of(request_id: int, context: Context, transaction: Transaction) -> Incident:
    """The incident of a request that waits. Raises DeniedError where nobody could break its glass.

    Nothing is locked yet: PagerDuty is asked next, and nobody else's press shall wait for that.
    """
    request = await open_request(request_id, context, transaction, lock=False)
    change = change_of(context.services, request)
    incident = await incidents.get(transaction, request.incident) if request.incident else None
    if incident is None or not glass.has_glass(change, incident):
        refused = glass.why_none(change, incident)
        raise DeniedError("There is no glass to break here.", why=refused.why, todo=refused.todo)
    return incident


def grounds(incident: Incident, duty: Roster | None, actor: Actor) -> dict[str, str | int | None]:
    """For the audit: by what the actor might. Pure."""
    if duty is None:
        return {"as": "lead", "appointed_by": incident.lead_by}
    silent = {"on_call_known_at": duty.known_at.isoformat()} if duty.silent else {}
    return {"as": "on call", "level": duty.level_of(actor.email)} | silent


def _age_of(duty: Roster | None) -> tuple[Line, ...]:
    if duty is None or not duty.silent:
        return ()
    said = f"{duty.silent} Who is on call is what it last said"
    return (Line(title=said, mark=Mark.UNKNOWN, at=duty.known_at),)
