"""The clocks of an incident: started, stopped and started again as it goes from state to state."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from bot.context import Services, Transaction
from bot.incidents.deadlines import KINDS, RUNNING, Clock, Group, schedule, started, stopped
from bot.incidents.states import State
from bot.store import clocks
from bot.store.incidents import Incident

EVERYTHING: Final = tuple(Group)


def clocks_of(services: Services, incident: Incident) -> tuple[Clock, ...]:
    """The clocks of its severity."""
    return schedule(services.settings.incidents.deadlines(incident.severity))


def due(services: Services, incident: Incident) -> dict[str, datetime]:
    """When each clock of an incident is due that was declared and of which nothing more is known. Pure."""
    running = RUNNING[State(incident.state)]
    return {
        clock.kind: incident.declared_at + clock.after
        for clock in clocks_of(services, incident)
        if clock.group in running
    }


async def begin(services: Services, transaction: Transaction, incident: Incident, *, at: datetime) -> None:
    """All that its state waits for is waited for from now on, and nothing else."""
    await stop(transaction, incident, EVERYTHING)
    await start(services, transaction, incident, RUNNING[State(incident.state)], at=at)


async def follow(
    services: Services, transaction: Transaction, before: Incident, now: Incident, *, at: datetime
) -> None:
    """What the step has done is waited for no more, and what comes next is."""
    was, is_ = State(before.state), State(now.state)
    await stop(transaction, now, stopped(was, is_))
    await start(services, transaction, now, started(was, is_), at=at)


async def start(
    services: Services,
    transaction: Transaction,
    incident: Incident,
    groups: Collection[Group],
    *,
    at: datetime,
    beyond: timedelta | None = None,
) -> None:
    """The clocks of these groups run as if they had begun at `at`; those that are due by `beyond` are left out."""
    for clock in clocks_of(services, incident):
        if clock.group in groups and (beyond is None or clock.after > beyond):
            await clocks.start(transaction, incident.subject, clock.kind, due_at=at + clock.after)


async def stop(transaction: Transaction, incident: Incident, groups: Collection[Group]) -> None:
    """The clocks of these groups run no more."""
    for kind, group in KINDS.items():
        if group in groups:
            await clocks.stop(transaction, incident.subject, kind)
