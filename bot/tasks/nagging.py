"""Whoever has a task is reminded of it by a direct message: before it is due, when it is, and once after.

Each once for the moment at which it was due, over restarts and copies. After hours in which nothing ran only the last
speaks, and says so. Of whom Slack knows no more as a member, the channel reads instead.
"""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Final

from bot.ages import span
from bot.context import ClockWork, Duty, Services, Transaction
from bot.incidents.telling import marked, tell
from bot.incidents.visibility import visible
from bot.operation import Answer, Line, Lines, Mark
from bot.people import Standing
from bot.store import incidents, members
from bot.store import tasks as table
from bot.store.incidents import Incident
from bot.store.tasks import Task
from bot.tasks import telling
from bot.tasks.reminders import KINDS, LATE, is_overtaken

LATENESS: Final = timedelta(minutes=1)
"""How long after it was due a reminder says that it is late."""


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when a reminder is due."""
    return {kind: functools.partial(remind, duty.services, kind) for kind in KINDS}


async def remind(services: Services, kind: str, subject: str, due_at: datetime) -> None:
    """Whoever has it is told; where nobody has it, or they can be told no more, the channel is."""
    now = services.now()
    task, incident = await services.database.call(lambda connection: _looked(connection, subject))
    if task is None or incident is None or not task.is_open or is_overtaken(kind, task.due_at, now):
        return
    gone = await _why_not(services, task, incident)
    late = now - due_at
    lines = [Line(title=task.said)]
    if late >= LATENESS:
        said = f"This comes {span(late.total_seconds())} later than it should: nothing was running."
        lines.append(Line(title=said))
    answer = Answer(
        verdict=f"{task.label} of {incident.label}: {telling.when(task, now)}.",
        mark=telling.mark(task, now),
        evidence=(Lines(lines=tuple(lines)),),
        offers=telling.steps(task, snooze=not gone),
    )
    key = f"{subject}:{kind}:{due_at.isoformat()}"
    async with services.database.transaction() as transaction:
        if task.owner is not None and not gone:
            await services.announce(
                transaction, stream=f"person:{task.owner}", key=key, channel=task.owner, answer=marked(incident, answer)
            )
        if gone or kind == LATE:
            await _tell_room(services, transaction, incident, answer, gone, key=key)


async def _looked(connection: Transaction, subject: str) -> tuple[Task | None, Incident | None]:
    task = await table.get(connection, int(subject.partition(":")[2]))
    return task, await incidents.get(connection, task.incident) if task else None


async def _why_not(services: Services, task: Task, incident: Incident) -> str:
    """Why nobody can be told directly; empty where whoever has it can be."""
    if task.owner is None:
        return "Nobody has it."
    owner = await services.people.actor(task.owner)
    if owner.standing not in (Standing.MEMBER, Standing.UNKNOWN):
        return f"{owner.name}, who has it, is {owner.standing.value} now: give it to somebody."
    known = await services.database.call(lambda connection: members.memberships(connection, owner.id))
    if not visible([incident], owner, known):
        return f"{owner.name}, who has it, is not in this channel any more: give it to somebody."
    return ""


async def _tell_room(
    services: Services, transaction: Transaction, incident: Incident, answer: Answer, gone: str, *, key: str
) -> None:
    """Those who work on the incident read it, and why it comes to them."""
    if gone:
        (lines,) = answer.evidence
        answer = Answer(
            verdict=answer.verdict,
            mark=answer.mark,
            evidence=(Lines(lines=(*lines.lines, Line(title=gone, mark=Mark.DEGRADED))),),
            offers=answer.offers,
        )
    await tell(services, transaction, incident, key=key, channel=answer)
