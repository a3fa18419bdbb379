"""Users are helped, although the cause may still be there."""

from __future__ import annotations

from dataclasses import replace

from bot.ages import age
from bot.audit import Event
from bot.context import Context, Transaction
from bot.incidents import moving
from bot.incidents.figures import Milestone
from bot.incidents.moving import Happening
from bot.incidents.next_steps import told_next
from bot.incidents.states import Step
from bot.incidents.timeline import Kind
from bot.incidents.updating import LONGEST, one_line
from bot.operation import Answer, Audience, Mark
from bot.store.incidents import Incident


async def mitigate(how: str, incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """It hits users no more, or less; everybody reads by what."""
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.MITIGATED)
    now = before
    if not done:
        said = one_line(how, LONGEST)
        now = replace(moving.taken(before, deed), state=moving.step(before, Step.MITIGATE))
        told = Answer(
            verdict=f"{now.label} is mitigated by {deed.name}, {age(now.declared_at, deed.at)} after it was declared: {said}",
            mark=Mark.DEGRADED,
        )
        now = await moving.record(
            context.services,
            transaction,
            before,
            deed,
            Happening(
                now=now,
                kind=Kind.MITIGATED,
                event=Event.MITIGATED,
                said=f"Mitigated: {said}",
                channel=told,
                thread=told,
                reached=await moving.reaching(
                    transaction, before, Milestone.ACKNOWLEDGED, Milestone.MITIGATED, at=deed.at
                ),
                told=True,
            ),
        )
    return Answer(
        verdict=f"{now.label} is mitigated. Its cause may still be there: resolve it once that is mended.",
        mark=Mark.OK,
        offers=told_next(now, context.services),
        audience=Audience.PRIVATE,
    )
