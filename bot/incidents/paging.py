"""PagerDuty follows the incident, and the incident PagerDuty: one there for one here, raised level by level.

Its own escalation is not doubled: what we raise starts anew there, and what somebody has stops there.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from bot import roster
from bot.context import ClockWork, Duty, Services
from bot.errors import ProviderError
from bot.incidents.card import TITLES
from bot.incidents.moving import PAGER
from bot.incidents.states import State
from bot.incidents.telling import tell
from bot.incidents.visibility import outside_name
from bot.operation import Answer, Line, Lines, Mark
from bot.steps import Ended, Results, Step, Table, run
from bot.store import clocks, incidents
from bot.store.incidents import Incident

if TYPE_CHECKING:  # it imports httpx, which a terminal does without
    from bot.providers.pagerduty import PagerDuty

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.incidents")

AGAIN_AFTER: Final = timedelta(minutes=1)
"""How long after PagerDuty did not answer it is told again."""
TOGETHER: Final = timedelta(minutes=2)
"""What PagerDuty did by itself so shortly before a clock of ours was due was the same page."""
OVER: Final = (State.RESOLVED, State.CLOSED, State.CANCELLED, State.MERGED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Paged:
    """What became of a page, in a sentence."""

    said: str
    worked: bool
    again: bool = False
    """It may work in a while: somebody was silent."""
    numbers: tuple[Line, ...] = ()
    """Whom to call by telephone, where it did not work."""


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when PagerDuty is to be told."""
    return {PAGER: functools.partial(tell_pager, duty.services)}


async def tell_pager(services: Services, subject: str, _due_at: datetime) -> None:
    """PagerDuty knows how the incident stands. Told twice it does nothing the second time; silent, it is told again."""
    pager = services.vendors().pagerduty
    incident = await services.database.call(lambda connection: incidents.get(connection, int(subject.split(":")[1])))
    if incident is None or pager is None or incident.drill is not None:
        return
    try:
        await follow(pager, incident)
    except ProviderError as error:
        log.warning("PagerDuty was not told", incident=incident.id, state=incident.state, error=error.what)
        at = services.now()
        async with services.database.transaction() as transaction:
            if error.transient or error.ambiguous:
                await clocks.start(transaction, subject, PAGER, due_at=at + AGAIN_AFTER)
            await tell(
                services,
                transaction,
                incident,
                key=f"pager:{incident.state}:{incident.acknowledged_at}",
                channel=Answer(
                    verdict=f"PagerDuty could not be told that {incident.label} is {incident.state}: it may page on.",
                    mark=Mark.UNKNOWN,
                    evidence=(Lines(lines=(Line(title=error.sentences),)),),
                ),
            )


def page(pager: PagerDuty | None, incident: Incident) -> Step:
    """The step that pages whoever is on call. It is tried again until somebody has it, whatever it failed by."""

    async def run_it(_: Results) -> dict[str, Any]:
        if incident.acknowledged_at is not None:
            return {"needless": "It was acknowledged before."}
        if pager is None:
            raise ProviderError("PagerDuty is not configured.", provider="PagerDuty", kind="rejected")
        await pager.page(key=incident.page_key, summary=outside_name(incident), source="ilab")
        return {}

    return Step(name="page", title=TITLES["page"], run=run_it, insists=pager is not None)


async def follow(pager: PagerDuty, incident: Incident) -> None:
    """PagerDuty knows how the incident stands. Raises ProviderError."""
    state = State(incident.state)
    if state is State.DECLARED:
        await pager.page(key=incident.page_key, summary=outside_name(incident), source="ilab")
    elif state in OVER:
        await pager.resolve(incident.page_key)
    else:
        await pager.acknowledge(incident.page_key)


async def raise_to(services: Services, incident: Incident, level: int, *, kind: str, due_at: datetime) -> Paged | None:
    """That level is paged, once for the clock that fell due; None where another copy of the bot is at it.

    What became of it is recorded before anything is said, and looked for at PagerDuty where a copy died in between.
    """
    if incident.drill is not None:
        would = ", ".join(one.name for one in await roster.kept(services) if one.level == level)
        who = f" That would be {would}." if would else ""
        said = f"Level {level} of the on-call policy would be paged now; a drill pages nobody.{who}"
        return Paged(said=said, worked=True)
    pager = services.vendors().pagerduty
    if pager is None:
        said = f"Level {level} is not paged: PagerDuty is not configured. Call them."
        return Paged(said=said, worked=False, numbers=await roster.call_by_hand(services, level))
    book = Table(services.database, f"page:{incident.id}:{kind}:{due_at.isoformat()}")

    async def page(_: Results) -> dict[str, Any]:
        # at the same minute its own escalation may have done it: paged twice, a person would look for a second reason
        if not await pager.was_raised(incident.page_key, level, since=due_at - TOGETHER):
            await climb(pager, incident, level)
        return {}

    async def find(_: Results) -> dict[str, Any] | None:
        return {} if await pager.was_raised(incident.page_key, level, since=due_at) else None

    ended = await run(book, (Step(name="page", title="Page", run=page, find=find),), changed=_nothing)
    if ended is Ended.ELSEWHERE:
        return None
    if ended is Ended.DONE:
        return Paged(said=f"Level {level} of the on-call policy is paged.", worked=True)
    said = f"Paging level {level} failed: {(await book.all())['page'].error}"
    numbers = await roster.call_by_hand(services, level)
    return Paged(said=said, worked=False, again=ended is Ended.WAITS, numbers=numbers)


async def climb(pager: PagerDuty, incident: Incident, level: int) -> None:
    """That level of the policy is paged. Raises ProviderError."""
    try:
        await pager.raise_to(incident.page_key, level)
    except ProviderError as error:
        if error.kind != "not_found":
            raise
        # the first page never came there, or was resolved there: open it, and PagerDuty pages its first level
        await pager.page(key=incident.page_key, summary=outside_name(incident), source="ilab")
        if level > 1:
            await pager.raise_to(incident.page_key, level)


async def _nothing() -> None:
    """No card shows it."""
