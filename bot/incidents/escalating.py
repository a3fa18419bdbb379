"""What happens when a step of an incident takes too long: it is reminded of, and then somebody else is paged.

Each clock speaks once for the moment at which it was due, over restarts and copies; where nothing was running then, it
speaks as soon as something does, and says so.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.ages import age, span
from bot.audit import Event
from bot.context import ClockWork, Duty, Services
from bot.incidents import moving, paging, timekeeping
from bot.incidents.deadlines import KINDS, RUNNING, Clock, Group, rung_after
from bot.incidents.moving import BOT, Deed, Happening
from bot.incidents.next_steps import next_steps
from bot.incidents.paging import Paged
from bot.incidents.states import State
from bot.incidents.telling import mentionable, tell
from bot.incidents.timeline import Kind
from bot.operation import Answer, Line, Lines, Mark, Offer
from bot.store import clocks, incidents, people, timeline
from bot.store.incidents import Incident
from bot.store.timeline import Entry

LATE: Final = timedelta(minutes=1)
"""How long after it was due a clock says that it is late."""
SAID_AGAIN_AFTER: Final = timedelta(minutes=10)
"""How long after it was said that a page failed it is said again, while it is tried each minute."""
_DONE: Final[Mapping[Group, str]] = {
    Group.ACKNOWLEDGE: "acknowledged",
    Group.ASSESS: "assessed",
    Group.MITIGATE: "mitigated",
}
_ACKNOWLEDGEMENT: Final = ("ack_again", "ack_lead", "ack_cto", "ack_over")


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when a step takes too long."""
    stepwise: dict[str, ClockWork] = {
        kind: functools.partial(overdue, duty.services, kind) for kind, group in KINDS.items() if group in _DONE
    }
    return stepwise | {"ack_lapse": functools.partial(lapse, duty.services)}


async def overdue(services: Services, kind: str, subject: str, due_at: datetime) -> None:
    """A step is not done in its time: it is said, and whose turn it is next is paged."""
    incident = await services.database.call(lambda connection: incidents.get(connection, _id(subject)))
    clock = None if incident is None else _clock(services, incident, kind)
    if incident is None or clock is None:
        return
    level = rung_after(clock, State(incident.state), incident.rung)
    paged = Paged(said="", worked=True)
    if level:
        done = await paging.raise_to(services, incident, level, kind=kind, due_at=due_at)
        if done is None:
            return
        paged = done
    async with services.database.transaction() as transaction:
        incident = await incidents.get(transaction, _id(subject), lock=True)
        if incident is None:
            return
        if level and paged.worked and level > incident.rung:
            incident = replace(incident, rung=level)
            await incidents.save(transaction, incident)
        if _clock(services, incident, kind) is None and not level:
            return  # it was done in this very moment, and nobody was paged for it
        said = _sentence(incident, clock, services.now())
        failed = await timeline.newest_keyed(transaction, incident.id, _failures(kind))
        key = _key(kind, due_at, paged, failed, services.now())
        if paged.again:
            await clocks.start(transaction, subject, kind, due_at=services.now() + paging.AGAIN_AFTER)
        await timeline.add(
            transaction,
            incident.id,
            Kind.PAGED if level else Kind.CLOCK,
            key=key,
            actor=BOT,
            said=" ".join(part for part in (said, paged.said) if part),
            at=services.now(),
            recorded_at=services.now(),
        )
        answer = _answer(services, incident, said, paged, _lateness(services, due_at))
        await tell(
            services,
            transaction,
            incident,
            key=key,
            channel=answer,
            thread=answer if clock.overdue or clock.group is Group.ACKNOWLEDGE else None,
        )
        await moving.raise_cards(transaction, incident)


async def lapse(services: Services, subject: str, due_at: datetime) -> None:
    """Whoever acknowledged was not heard of since: nobody has it, and the on-call are paged again."""
    incident = await services.database.call(lambda connection: incidents.get(connection, _id(subject)))
    if incident is None or _clock(services, incident, "ack_lapse") is None:
        return
    paged = await paging.raise_to(services, incident, 1, kind="ack_lapse", due_at=due_at)
    if paged is None:
        return
    now = services.now()
    deed = Deed(by=BOT, name=BOT, at=now, key=f"ack_lapse:{due_at.isoformat()}")
    async with services.database.transaction() as transaction:
        before, done = await moving.lock(transaction, incident, deed, Kind.CLOCK)
        if done or before.state != State.ACKNOWLEDGED:
            return
        name = await people.name_of(transaction, before.acknowledged_by or "")
        since = span(timedelta(minutes=_lasts(services, before)).total_seconds())
        said = f"{before.label} was acknowledged by {name}, and nothing was heard for {since}: that counts no more."
        answer = _answer(services, replace(before, state=State.DECLARED), said, paged, _lateness(services, due_at))
        after = await moving.record(
            services,
            transaction,
            before,
            deed,
            Happening(
                now=replace(before, state=State.DECLARED, acknowledged_by=None, acknowledged_at=None),
                kind=Kind.CLOCK,
                event=Event.LAPSED,
                said=f"{said} {paged.said}",
                channel=answer,
                thread=answer,
                detail={"acknowledged_by": before.acknowledged_by},
            ),
        )
        # the on-call are paged again just now: what is left of the ladder follows as after the first time
        within = timedelta(minutes=services.settings.incidents.deadlines(after.severity).acknowledge_minutes)
        await timekeeping.stop(transaction, after, (Group.ACKNOWLEDGE,))
        await timekeeping.start(services, transaction, after, (Group.ACKNOWLEDGE,), at=now - within, beyond=within)


def _clock(services: Services, incident: Incident, kind: str) -> Clock | None:
    """The clock of that kind, where what it waits for is still waited for."""
    if KINDS[kind] not in RUNNING[State(incident.state)]:
        return None
    return next((clock for clock in timekeeping.clocks_of(services, incident) if clock.kind == kind), None)


def _lasts(services: Services, incident: Incident) -> float:
    return services.settings.incidents.deadlines(incident.severity).acknowledgement_minutes


def _lateness(services: Services, due_at: datetime) -> str:
    late = services.now() - due_at
    if late < LATE:
        return ""
    return f"That is {span(late.total_seconds())} later than it should be: nothing was running."


def _sentence(incident: Incident, clock: Clock, now: datetime) -> str:
    done = _DONE[clock.group]
    waited = age(incident.declared_at, now)
    if clock.overdue or clock.group is Group.ACKNOWLEDGE:
        return f"{incident.label} is not {done}, {waited} after it was declared."
    return f"{incident.label} is not {done} yet, {waited} after it was declared: its time is over soon."


def _answer(services: Services, incident: Incident, said: str, paged: Paged, late: str) -> Answer:
    steps = next_steps(incident, services)
    lines = tuple(
        Line(title=title, mark=mark)
        for title, mark in (
            (paged.said, Mark.NONE if paged.worked else Mark.DOWN),
            (late, Mark.NONE),
        )
        if title
    )
    lines += paged.numbers
    return Answer(
        verdict=said,
        mark=Mark.DOWN if incident.state == State.DECLARED else Mark.DEGRADED,
        evidence=(Lines(lines=lines),) if lines else (),
        offers=(*steps, Offer(label="Status", words="status")),
        mentions=mentionable(incident.lead, incident.acknowledged_by),
        reminder=True,
    )


def _failures(kind: str) -> str:
    return f"{kind}:failed:"


def _key(kind: str, due_at: datetime, paged: Paged, failed: Entry | None, now: datetime) -> str:
    """Once for the moment at which it was due; while a page fails and is tried each minute, once in ten of them. Pure.

    `failed` is the last such failure that was said. The ten minutes begin with it, and not with those of the wall clock:
    two tries a minute apart may stand on both sides of any full ten minutes.
    """
    if paged.worked:
        return f"{kind}:{due_at.isoformat()}"
    if failed is not None and now - failed.at < SAID_AGAIN_AFTER:
        return failed.key
    return f"{_failures(kind)}{due_at.isoformat()}"


def _id(subject: str) -> int:
    return int(subject.partition(":")[2])
