"""Somebody has it: the ladder stops, everybody reads who, and it holds for as long as something is heard of them."""

from __future__ import annotations

from dataclasses import replace

from bot.ages import age
from bot.audit import Event
from bot.context import Context, Services, Transaction
from bot.errors import UserError
from bot.incidents import moving
from bot.incidents.figures import Milestone
from bot.incidents.moving import Deed, Happening
from bot.incidents.next_steps import told_next
from bot.incidents.states import State, Step, after
from bot.incidents.timeline import Kind
from bot.operation import Answer, Audience, Mark
from bot.store import people
from bot.store.incidents import Incident


async def acknowledge(incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """The one who asks has it."""
    now = await take(context.services, transaction, incident, moving.deed_of(context))
    return Answer(
        verdict=f"You have {now.label}. Acknowledged {age(now.declared_at, now.acknowledged_at or context.now)} "
        "after it was declared.",
        offers=(*told_next(now, context.services),),
        audience=Audience.PRIVATE,
    )


async def take(services: Services, transaction: Transaction, incident: Incident, deed: Deed) -> Incident:
    """They have it. Raises UserError where somebody has it already, or it is over."""
    before, done = await moving.lock(transaction, incident, deed, Kind.ACKNOWLEDGED)
    if done:
        return before
    if after(State(before.state), Step.ACKNOWLEDGE) is None and before.acknowledged_by and before.is_open:
        took = f"{age(before.acknowledged_at or deed.at, deed.at)} ago"
        if before.acknowledged_by == deed.by:
            raise UserError(f"You have {before.label} already: you acknowledged it {took}.")
        by = await people.name_of(transaction, before.acknowledged_by)
        raise UserError(f"{before.label} is acknowledged already, by {by}, {took}.")
    state = moving.step(before, Step.ACKNOWLEDGE)
    said = Answer(
        verdict=f"{before.label} is acknowledged by {deed.name}, after {age(before.declared_at, deed.at)}.",
        mark=Mark.OK,
    )
    return await moving.record(
        services,
        transaction,
        before,
        deed,
        Happening(
            now=replace(before, state=state, acknowledged_by=deed.by, acknowledged_at=deed.at),
            kind=Kind.ACKNOWLEDGED,
            event=Event.ACKNOWLEDGED,
            said=f"Acknowledged by {deed.name}",
            channel=said,
            thread=said,
            reached=await moving.reaching(transaction, before, Milestone.ACKNOWLEDGED, at=deed.at),
            told=True,
        ),
    )
