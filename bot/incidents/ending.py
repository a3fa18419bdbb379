"""It was none, it is the same as another, or it is not over after all."""

from __future__ import annotations

from dataclasses import replace

from bot.audit import Event
from bot.context import Context, Transaction
from bot.errors import UserError
from bot.incidents import archiving, moving
from bot.incidents.declaring import JOIN
from bot.incidents.figures import Milestone
from bot.incidents.moving import Deed, Happening
from bot.incidents.next_steps import next_steps
from bot.incidents.states import State, Step
from bot.incidents.telling import mentionable, tell
from bot.incidents.timeline import Kind
from bot.incidents.updating import LONGEST, one_line
from bot.operation import Answer, Audience, Line, Lines, Mark
from bot.store import clocks, incidents, members, milestones, timeline
from bot.store.incidents import Incident


async def cancel(why: str, incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """It was none, for a reason that everybody reads: its clocks stop, and PagerDuty pages no more."""
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.CANCELLED)
    now = before
    if not done:
        reason = one_line(why, LONGEST)
        now = replace(before, state=moving.step(before, Step.CANCEL), ended_at=deed.at)
        told = Answer(
            verdict=f"{now.label} is cancelled by {deed.name}: {reason}",
            offers=next_steps(now, context.services),
        )
        happening = Happening(
            now=now,
            kind=Kind.CANCELLED,
            event=Event.CANCELLED,
            said=f"Cancelled: {reason}",
            channel=told,
            thread=told,
            detail={"reason": reason},
            told=True,
        )
        now = await moving.record(context.services, transaction, before, deed, happening)
        await archiving.plan(context.services, transaction, now, at=deed.at)
    return Answer(verdict=f"{now.label} is cancelled. Its clocks stand still.", audience=Audience.PRIVATE)


async def reopen(why: str, incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """It is not over after all: what was reached is taken back, the clocks begin anew, and whoever is on call is paged."""
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.REOPENED)
    now = before
    if not done:
        reason = one_line(why, LONGEST)
        state = moving.step(before, Step.REOPEN)
        now = replace(before, state=state, ended_at=None, merged_into=None, rung=1)
        if state is State.DECLARED:
            now = replace(now, acknowledged_by=None, acknowledged_at=None)
        known = await milestones.of(transaction, before.id)
        told = Answer(
            verdict=f"{now.label} is open again, said {deed.name}: {reason}",
            mark=Mark.DOWN,
            evidence=(Lines(lines=(Line(title=_effect(now)),)),),
            offers=next_steps(now, context.services),
        )
        happening = Happening(
            now=now,
            kind=Kind.REOPENED,
            event=Event.REOPENED,
            said=f"Reopened: {reason}",
            channel=told,
            thread=told,
            detail={"reason": reason},
            reached={name: None for name in (Milestone.MITIGATED, Milestone.RESOLVED) if name.value in known},
            reason=reason,
            told=True,
        )
        now = await moving.record(context.services, transaction, before, deed, happening)
    return Answer(
        verdict=f"{now.label} is open again. {_effect(now)}",
        mark=Mark.DOWN,
        offers=next_steps(now, context.services),
        audience=Audience.PRIVATE,
    )


def _effect(now: Incident) -> str:
    if now.state == State.DECLARED:
        paged = "whoever is on call is paged" if now.drill is None else "a drill pages nobody"
        return f"Its clocks begin anew, and nobody has it yet: {paged}."
    return "The clocks for assessing and mitigating begin anew."


async def merge(duplicate: Incident, into: Incident, context: Context, transaction: Transaction) -> Answer:
    """The one is the other: it ends, its people are let into the other's channel, and both channels read it."""
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, duplicate, deed, Kind.MERGED)
    if not done:
        _check(before, into)
        now = replace(
            before, state=moving.step(before, Step.MERGE), merged_into=into.id, ended_at=before.ended_at or deed.at
        )
        told = Answer(
            verdict=f"{now.label} is the same as {into.label}, said {deed.name}: it is followed there.",
            evidence=(Lines(lines=(Line(title=into.label, text=into.title, channel=into.channel_id or ""),)),),
            offers=next_steps(now, context.services),
        )
        await moving.record(
            context.services,
            transaction,
            before,
            deed,
            Happening(
                now=now,
                kind=Kind.MERGED,
                event=Event.MERGED,
                said=f"It is the same as {into.label}",
                channel=told,
                thread=told,
                detail={"into": into.id},
                told=True,
            ),
        )
        await _welcome(before, into, deed, context, transaction)
        await archiving.plan(context.services, transaction, now, at=deed.at)
    return Answer(
        verdict=f"{before.label} ends; its people are let into the channel of {into.label}.",
        mark=Mark.OK,
        audience=Audience.PRIVATE,
    )


def _check(duplicate: Incident, into: Incident) -> None:
    if duplicate.id == into.id:
        raise UserError("An incident is no duplicate of itself.", todo="`/ilab incident list` shows the others.")
    if not State(into.state).is_open:
        raise UserError(f"{into.label} is {into.state}.", todo="Join what is over to what is open, or reopen it first.")
    if duplicate.private != into.private:
        raise UserError(
            "One of the two is private and the other is not.",
            why="Joined, each would tell of the other.",
            todo=f"Cancel {duplicate.label} with a reason, and let its people into the other's channel by hand.",
        )
    if (duplicate.drill is None) != (into.drill is None):
        raise UserError("One of the two is a drill and the other is not.")


async def _welcome(duplicate: Incident, into: Incident, deed: Deed, context: Context, transaction: Transaction) -> None:
    """Those who followed the one follow the other, whose channel reads what joined."""
    parts = (
        duplicate.declared_by,
        duplicate.acknowledged_by,
        duplicate.lead,
        duplicate.communications,
        duplicate.scribe,
    )
    people = set(mentionable(*parts))
    people |= set(await members.of(transaction, duplicate.id))
    if into.channel_id:
        for person in sorted(people):
            await members.add(transaction, into.id, person, at=deed.at)
            await clocks.start(transaction, f"join:{into.id}:{person}", JOIN, due_at=deed.at)
    said = f"{duplicate.label} is the same: {duplicate.title}"
    await timeline.add(
        transaction,
        into.id,
        Kind.MERGED,
        key=f"{Kind.MERGED}:{deed.key}",
        actor=deed.by,
        said=said,
        at=deed.at,
        recorded_at=deed.at,
    )
    known = await incidents.get(transaction, into.id)
    assert known is not None  # noqa: S101 -- it was just found
    joined = Answer(
        verdict=f"{said}, said {deed.name}. Its people are let in here.",
        evidence=(Lines(lines=(Line(title="Its channel", channel=duplicate.channel_id),)),)
        if duplicate.channel_id
        else (),
    )
    await tell(context.services, transaction, known, key=f"{Kind.MERGED}:{deed.key}", channel=joined, thread=joined)
