"""Who leads, who speaks to the outside, who writes: appointed, and handed over with what there is to know."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bot.audit import Event
from bot.context import Context, Transaction
from bot.errors import UserError
from bot.incidents import card, moving
from bot.incidents.declaring import JOIN
from bot.incidents.moving import Deed, Happening
from bot.incidents.timeline import Kind
from bot.operation import Answer, Audience, Lines, Mark
from bot.people import Role
from bot.store import clocks, members, people
from bot.store.incidents import Incident

PARTS: Final = {
    "lead": "leads",
    "communications": "speaks to users and the company about",
    "scribe": "writes down what happens in",
}


async def appoint(part: str, person: str, incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """They have that part in it, from whoever had it before, and read what there is to know."""
    chosen = context.actor if not person else await context.services.people.whom(person)
    if chosen.role < Role.RESPONDER:
        raise UserError(
            f"{chosen.name} may not {'lead' if part == 'lead' else 'have a part in'} an incident: it takes a responder.",
            todo="Choose somebody who is on the list of responders.",
        )
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.ROLE)
    if not done:
        had: str | None = getattr(before, part)
        # who took the lead alone may be confirmed by another: only then may they break glass
        confirmed = part == "lead" and had == chosen.id == before.lead_by != deed.by
        if had == chosen.id and not confirmed:
            raise UserError(f"{chosen.name} {PARTS[part]} {before.label} already.")
        if not before.is_open:
            raise UserError(f"{before.label} is {before.state}.", todo=moving.instead(before))
        now = _with(before, part, chosen.id, deed.by)
        told = await _told(transaction, now, part, chosen.name, None if confirmed else had, deed)
        await moving.record(
            context.services,
            transaction,
            before,
            deed,
            Happening(
                now=now,
                kind=Kind.ROLE,
                event=Event.APPOINTED,
                said=told.verdict,
                channel=replace(told, mentions=(chosen.id,) if chosen.id != deed.by else ()),
                thread=Answer(verdict=told.verdict),
                detail={"part": part, "person": chosen.id, "before": had},
            ),
        )
        if now.channel_id:
            await members.add(transaction, now.id, chosen.id, at=deed.at)
            await clocks.start(transaction, f"join:{now.id}:{chosen.id}", JOIN, due_at=deed.at)
    return Answer(
        verdict=f"{'You' if chosen.id == context.actor.id else chosen.name} "
        f"{PARTS[part].replace('leads', 'lead') if chosen.id == context.actor.id else PARTS[part]} {before.label}.",
        mark=Mark.OK,
        audience=Audience.PRIVATE,
    )


def _with(incident: Incident, part: str, person: str, by: str) -> Incident:
    if part == "lead":
        return replace(incident, lead=person, lead_by=by)
    return replace(incident, communications=person) if part == "communications" else replace(incident, scribe=person)


async def _told(transaction: Transaction, now: Incident, part: str, name: str, had: str | None, deed: Deed) -> Answer:
    """Who has the part, and for a hand-over all that the next one must know."""
    verdict = f"{name} {PARTS[part]} {now.label}"
    if had is None:
        return Answer(verdict=f"{verdict}, says {deed.name}." if deed.name != name else f"{verdict}.")
    before = await people.name_of(transaction, had)
    known = await card.known_of(transaction, now)
    return Answer(
        verdict=f"{verdict} now; it was {before}.",
        evidence=(Lines(heading="Handed over", lines=card.standing(now, known)),),
    )
