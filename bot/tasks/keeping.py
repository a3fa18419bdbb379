"""Tasks are added, given, dated, put off and ended: each in the timeline of its incident, with its reminders in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bot.audit import Event
from bot.context import Context, Services, Transaction
from bot.errors import DeniedError, UserError
from bot.incidents import moving
from bot.incidents.finding import seen
from bot.incidents.moving import Deed, Happening
from bot.incidents.states import State
from bot.incidents.telling import marked
from bot.incidents.timeline import Kind
from bot.incidents.updating import one_line
from bot.incidents.visibility import audience, visible
from bot.operation import Answer, Audience, Line, Lines, Mark
from bot.people import Actor, Role, Standing
from bot.store import audit, clocks, incidents, members, people, timeline
from bot.store import tasks as table
from bot.store.database import Connection
from bot.store.incidents import Incident
from bot.store.tasks import Task
from bot.tasks import reminders, telling

LONGEST: Final = 500
FURTHEST: Final = timedelta(days=366)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What somebody wants done. `owner` is as it was typed; empty where nobody is named."""

    said: str
    owner: str = ""
    within: timedelta | None = None
    kind: str = ""


async def task_of(
    task_id: int, context: Context, connection: Connection, *, lock: bool = False
) -> tuple[Task, Incident]:
    """The task and its incident. One of an incident that the person may not know of is not."""
    task = await table.get(connection, task_id, lock=lock)
    incident = await incidents.get(connection, task.incident) if task else None
    if task is None or incident is None or not await seen([incident], context, connection):
        raise UserError(f"There is no task {task_id}.", todo="`/ilab task list` shows yours.")
    return task, incident


async def add(wanted: Wanted, incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """It is to be done: the channel reads it, and whoever has it is told and will be reminded."""
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.TASK)
    if not done:
        said = one_line(wanted.said, LONGEST)
        if State(before.state) in (State.CANCELLED, State.MERGED):
            raise UserError(f"{before.label} is {before.state}.", todo=moving.instead(before))
        owner = await _owner(wanted.owner, before, context, transaction) if wanted.owner else None
        due_at = _due(wanted.within, deed.at)
        task = await table.add(
            transaction,
            key=deed.key,
            incident=before.id,
            said=said,
            kind=wanted.kind or None,
            owner=owner.id if owner else None,
            due_at=due_at,
            by=deed.by,
            at=deed.at,
        )
        assert task is not None  # noqa: S101 -- the timeline holds no such deed
        await _remind(transaction, task)
        verdict = f"{task.label} of {before.label}, for {owner.name if owner else 'whoever takes it'}: {said}"
        await _record(context, transaction, before, task, deed, verdict, Event.TASK_ADDED)
        await _tell_owner(context.services, transaction, task, before, deed)
    added = await table.by_key(transaction, deed.key)
    assert added is not None  # noqa: S101 -- it was just added, or before
    return await _answer(added, before, context, transaction, f"{added.label} is in {before.label}.")


async def add_by_itself(
    services: Services,
    transaction: Transaction,
    incident: Incident,
    *,
    key: str,
    said: str,
    kind: str,
    owner: str | None,
    due_at: datetime,
) -> None:
    """It is to be done, and nobody had to ask for it; wanted again under this key, it is added once."""
    now = services.now()
    task = await table.add(
        transaction,
        key=key,
        incident=incident.id,
        said=said,
        kind=kind,
        owner=owner,
        due_at=due_at,
        by=moving.BOT,
        at=now,
    )
    if task is None:
        return
    await _remind(transaction, task)
    name = await people.name_of(transaction, owner) if owner else "whoever takes it"
    await timeline.add(
        transaction,
        incident.id,
        Kind.TASK,
        key=f"{Kind.TASK}:{key}",
        actor=moving.BOT,
        said=f"{task.label} of {incident.label}, for {name}: {said}",
        at=now,
        recorded_at=now,
    )
    deed = Deed(by=moving.BOT, name=moving.BOT, at=now, key=key)
    await _tell_owner(services, transaction, task, incident, deed)


async def give(person: str, task_id: int, context: Context, transaction: Transaction) -> Answer:
    """The task is theirs from now on; they are told, and the reminders count from now."""
    task, incident = await task_of(task_id, context, transaction, lock=True)
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.TASK)
    if not done:
        _still_open(task)
        owner = await _owner(person, before, context, transaction)
        if task.owner == owner.id:
            raise UserError(f"{owner.name} has {task.label.lower()} already.")
        task = replace(task, owner=owner.id, since=deed.at)
        await table.save(transaction, task)
        await _remind(transaction, task)
        verdict = f"{task.label} of {before.label} is {owner.name}’s now, says {deed.name}: {task.said}"
        await _record(context, transaction, before, task, deed, verdict, Event.TASK_GIVEN)
        await _tell_owner(context.services, transaction, task, before, deed)
    owner_name = await people.name_of(transaction, task.owner or "")
    return await _answer(task, before, context, transaction, f"{task.label} is {owner_name}’s.")


async def change(
    task_id: int, within: timedelta | None, kind: str, context: Context, transaction: Transaction
) -> Answer:
    """It is due then, or of that kind, from now on."""
    task, incident = await task_of(task_id, context, transaction, lock=True)
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.TASK)
    if not done:
        _still_open(task)
        if within is None and not kind:
            raise UserError("What is to change?", todo=f"`/ilab task set {task.id} --due 3d --kind prevent`")
        if within is not None:
            task = replace(task, due_at=_due(within, deed.at), since=deed.at)
        task = replace(task, kind=kind or task.kind)
        await table.save(transaction, task)
        await _remind(transaction, task)
        verdict = f"{task.label} of {before.label}, set by {deed.name}: {telling.when(task, deed.at)}"
        verdict += f", {task.kind}" if task.kind else ""
        await _record(context, transaction, before, task, deed, verdict, Event.TASK_CHANGED)
    return await _answer(task, before, context, transaction, f"{task.label}: {telling.when(task, context.now)}.")


async def snooze(task_id: int, lasts: timedelta, context: Context, transaction: Transaction) -> Answer:
    """Whoever has it hears nothing of it until then; its date stays."""
    if not timedelta(minutes=5) <= lasts <= timedelta(days=14):
        raise UserError("A reminder can be put off for five minutes to two weeks.", todo="`/ilab task snooze 7 1d`")
    task, incident = await task_of(task_id, context, transaction, lock=True)
    _still_open(task)
    _is_theirs(task, context)
    until = context.now + lasts
    planned = reminders.schedule(task.due_at, since=task.since) if task.due_at else {}
    await clocks.stop(transaction, task.subject)
    for kind, at in reminders.put_off(planned, until=until).items():
        await clocks.start(transaction, task.subject, kind, due_at=at)
    await audit.add(
        transaction,
        Event.TASK_SNOOZED,
        actor=context.actor.id,
        subject=incident.subject,
        at=context.now,
        detail={"task": task.id, "until": until.isoformat()},
    )
    verdict = f"I remind you of {task.label.lower()} again on {until:%a %H:%M} UTC; it stays due {telling.when(task, context.now)}."
    return Answer(verdict=verdict, mark=Mark.OK, audience=Audience.PRIVATE)


async def end(task_id: int, state: str, why: str, context: Context, transaction: Transaction) -> Answer:
    """It is done, or dropped for a reason: nobody is reminded of it any more."""
    task, incident = await task_of(task_id, context, transaction, lock=True)
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.TASK)
    if not done:
        _still_open(task)
        _is_theirs(task, context)
        note = one_line(why, LONGEST) if why.strip() else ""
        task = replace(task, state=state, ended_by=deed.by, ended_at=deed.at, ended_why=note)
        await table.save(transaction, task)
        await clocks.stop(transaction, task.subject)
        verdict = f"{task.label} of {before.label} is {state}, says {deed.name}: {task.said}" + (
            f" ({note})" if note else ""
        )
        event = Event.TASK_DONE if state == "done" else Event.TASK_DROPPED
        await _record(context, transaction, before, task, deed, verdict, event)
    return await _answer(task, before, context, transaction, f"{task.label} is {task.state}.")


async def _answer(task: Task, incident: Incident, context: Context, connection: Connection, verdict: str) -> Answer:
    names = await names_of([task], connection)
    return Answer(
        verdict=verdict,
        mark=Mark.OK,
        evidence=(Lines(lines=(telling.line(task, names, context.now, incident=True),)),),
        offers=telling.steps(task),
        audience=audience([incident], Audience.PRIVATE),
    )


async def _record(
    context: Context, transaction: Transaction, incident: Incident, task: Task, deed: Deed, said: str, event: Event
) -> None:
    """The timeline and the channel tell of it; the audit names no words."""
    names = await names_of([task], transaction)
    told = Answer(
        verdict=said,
        evidence=(Lines(lines=(Line(title=telling.standing(task, names, deed.at)),)),) if task.is_open else (),
        offers=telling.steps(task),
    )
    happening = Happening(
        now=incident,
        kind=Kind.TASK,
        event=event,
        said=said,
        channel=told,
        detail={"task": task.id, "owner": task.owner, "due": task.due_at.isoformat() if task.due_at else None},
    )
    await moving.record(context.services, transaction, incident, deed, happening)


async def _remind(transaction: Transaction, task: Task) -> None:
    """Its reminders run as they should by now, and no others."""
    await clocks.stop(transaction, task.subject)
    if task.due_at is None:
        return
    for kind, at in reminders.schedule(task.due_at, since=task.since).items():
        await clocks.start(transaction, task.subject, kind, due_at=at)


async def _tell_owner(services: Services, transaction: Transaction, task: Task, incident: Incident, deed: Deed) -> None:
    """Whoever has it reads so in a direct message; who took it knows."""
    if task.owner is None or task.owner == deed.by:
        return
    answer = Answer(
        verdict=f"{deed.name} gave you {task.label.lower()} of {incident.label}: {task.said}",
        evidence=(Lines(lines=(Line(title=telling.when(task, deed.at)),)),),
        offers=telling.steps(task),
    )
    await services.announce(
        transaction,
        stream=f"person:{task.owner}",
        key=f"{task.subject}:given:{deed.key}",
        channel=task.owner,
        answer=marked(incident, answer),
    )


async def _owner(person: str, incident: Incident, context: Context, connection: Connection) -> Actor:
    """Who was named. Raises UserError for those who cannot have a task of this incident."""
    if person == context.actor.id:
        return context.actor
    owner = await context.services.people.whom(person)
    if owner.standing is not Standing.MEMBER:
        raise UserError(
            f"{owner.name} cannot have a task: to me they are {owner.standing.value}.",
            todo="Name a member of this workspace.",
        )
    if not visible([incident], owner, await members.memberships(connection, owner.id)):
        raise UserError(
            f"{owner.name} may not know of {incident.label}, which is private.",
            todo="Invite them into its channel first, if they should.",
        )
    return owner


def _due(within: timedelta | None, now: datetime) -> datetime | None:
    if within is None:
        return None
    if not timedelta(0) < within <= FURTHEST:
        raise UserError("A task is due within a year, and not at once.", todo="Such as `--due 2d`.")
    return now + within


def _still_open(task: Task) -> None:
    if not task.is_open:
        raise UserError(f"{task.label} is {task.state} already.", todo="Add another: `/ilab incident task …`.")


def _is_theirs(task: Task, context: Context) -> None:
    """Raises DeniedError unless they have it, or are a responder."""
    if context.actor.id != task.owner and context.actor.role < Role.RESPONDER:
        raise DeniedError("You may not do this.", why="It needs a responder, or whoever has the task.")


async def names_of(found: Sequence[Task], connection: Connection) -> dict[str, str]:
    """What those are called who have to do with the tasks."""
    wanted = {who for task in found for who in (task.owner, task.added_by, task.ended_by) if who}
    return {who: await people.name_of(connection, who) for who in sorted(wanted)}
