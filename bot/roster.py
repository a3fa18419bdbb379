"""Who is on call, with their numbers: PagerDuty's last answer is kept, so that it is there when PagerDuty is not.

It is asked on a schedule and at every use. Where somebody else has come on call, the open incidents hear of it.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from bot.context import ClockWork, Duty, Services
from bot.errors import ProviderError
from bot.operation import Line, Mark
from bot.store import clocks, incidents, on_call
from bot.store.database import DatabaseSilentError
from bot.store.on_call import OnDuty

if TYPE_CHECKING:  # it imports httpx, which a terminal does without
    from bot.providers.pagerduty import OnCall, PagerDuty

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.on_call")

SUBJECT: Final = "on_call"
REFRESH: Final = "refresh_on_call"
HAND_OVER: Final = "hand_over"
"""The clock of an incident that is told who has come on call."""
KEEP: Final = 3.0
"""Real seconds for which one answer serves everybody."""
ASK_WITHIN: Final = 4.0
OLDEST: Final = timedelta(hours=24)
"""How old PagerDuty's last answer may be and still give somebody a right."""
RUNGS: Final = {1: "On-call engineer", 2: "Team lead", 3: "CTO"}
"""The runbook's escalation path. PagerDuty's levels are its rungs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Roster:
    """Who is on call. `silent` says why PagerDuty could not say so just now; then it is what was kept."""

    people: tuple[OnDuty, ...] = ()
    silent: str = ""

    @property
    def at(self) -> datetime | None:
        """When PagerDuty said so."""
        return min((one.seen_at for one in self.people), default=None)

    @property
    def known_at(self) -> datetime:
        """The same, of a roster that names somebody."""
        assert self.at is not None  # noqa: S101 -- it names somebody
        return self.at

    def level_of(self, email: str) -> int | None:
        """The lowest level of the policy at which whoever has this address is on call."""
        levels = [one.level for one in self.people if email and one.email == email.lower()]
        return min(levels, default=None)

    def level(self, level: int) -> tuple[OnDuty, ...]:
        """Those of one level."""
        return tuple(one for one in self.people if one.level == level)


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when PagerDuty is due to be asked again."""
    return {REFRESH: functools.partial(refresh, duty.services)}


async def refresh(services: Services, _subject: str, _due_at: datetime) -> None:
    """It is asked, and again after a while."""
    try:
        await _ask(services)
    finally:
        minutes = services.settings.pagerduty.refresh_minutes if services.settings.pagerduty else 60.0
        due_at = services.now() + timedelta(minutes=minutes)
        await services.database.call(lambda connection: clocks.start(connection, SUBJECT, REFRESH, due_at=due_at))


async def asked(services: Services) -> Roster:
    """Who is on call: by PagerDuty, or by what it last said."""
    return await services.flights.join("on call", lambda: _ask(services), keep=KEEP)


async def trusted(services: Services) -> Roster | None:
    """Who is on call, for what only they may do; None where PagerDuty is not configured, or was silent for too long."""
    if services.vendors().pagerduty is None:
        return None
    found = await _ask(services)
    return found if found.at is not None and services.now() - found.at <= OLDEST else None


async def kept(services: Services) -> tuple[OnDuty, ...]:
    """What PagerDuty last said; where our own database is silent, as far as this copy knows."""
    try:
        services.memory.on_call = await services.database.call(on_call.everybody)
    except DatabaseSilentError:
        log.warning("who is on call is known from memory: the database is silent")
    return services.memory.on_call


async def call_by_hand(services: Services, level: int) -> tuple[Line, ...]:
    """Whom to call of one level, as far as is known, because paging them failed."""
    return numbers([one for one in await kept(services) if one.level == level], services.now())


async def _ask(services: Services) -> Roster:
    pager = services.vendors().pagerduty
    before = await kept(services)
    if pager is None:
        return Roster(people=before, silent="PagerDuty is not configured.")
    try:
        async with asyncio.timeout(ASK_WITHIN):
            found = await _found(pager, before, services.now())
    except ProviderError as error:
        return Roster(people=before, silent=error.what)
    except TimeoutError:
        return Roster(people=before, silent="PagerDuty did not answer in time.")
    services.memory.on_call = found
    try:
        return Roster(people=await _note(services, found))
    except DatabaseSilentError:
        return Roster(people=found)


async def _found(pager: PagerDuty, before: Sequence[OnDuty], now: datetime) -> tuple[OnDuty, ...]:
    people = await pager.on_call()
    ends = sorted({one.ends_at for one in people if one.ends_at is not None})
    phones, after = await asyncio.gather(
        _phones(pager, people, before), asyncio.gather(*(pager.on_call(at=end) for end in ends))
    )
    following = dict(zip(ends, after, strict=True))
    return tuple(
        OnDuty(
            level=one.level,
            person=one.id,
            name=one.name,
            email=one.email,
            phone=phones[one.id],
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            following=_following(one, following),
            seen_at=now,
            changed_at=now,
            replaced="",
        )
        for one in people
    )


def _following(one: OnCall, after: Mapping[datetime, Sequence[OnCall]]) -> str:
    later = after.get(one.ends_at, ()) if one.ends_at else ()
    return " and ".join(dict.fromkeys(other.name for other in later if other.level == one.level))


async def _phones(pager: PagerDuty, people: Sequence[OnCall], before: Sequence[OnDuty]) -> dict[str, str]:
    """Numbers by id. One that cannot be had now is the one that was known."""
    known = {one.person: one.phone for one in before}

    async def phone(person: str) -> str:
        try:
            return await pager.phone(person)
        except ProviderError as error:
            log.warning("no number", error=error.what)
            return known.get(person, "")

    wanted = list(dict.fromkeys(one.id for one in people))
    return dict(zip(wanted, await asyncio.gather(*(phone(person) for person in wanted)), strict=True))


async def _note(services: Services, found: tuple[OnDuty, ...]) -> tuple[OnDuty, ...]:
    """It is kept; where somebody else has come on call since, every open incident is to hear of it."""
    async with services.database.transaction() as transaction:
        await on_call.lock(transaction)
        people, changed = compared(found, await on_call.everybody(transaction))
        await on_call.note(transaction, people)
        if not changed:
            return people
        at = max(one.changed_at for one in people)
        for incident in await incidents.open_now(transaction):
            await clocks.start(transaction, incident.subject, HAND_OVER, due_at=at)
    log.info("on call", levels=sorted(changed))
    services.wake()
    return people


def compared(found: Sequence[OnDuty], before: Sequence[OnDuty]) -> tuple[tuple[OnDuty, ...], frozenset[int]]:
    """Those on call, each with since when and whom they replaced, and the levels that changed hands. Pure."""
    had: dict[int, dict[str, OnDuty]] = {}
    for one in before:
        had.setdefault(one.level, {})[one.person] = one
    people, changed = [], set()
    for one in found:
        earlier = had.get(one.level, {})
        if one.person in earlier:
            same = earlier[one.person]
            people.append(replace(one, changed_at=same.changed_at, replaced=same.replaced))
        else:
            people.append(replace(one, replaced=" and ".join(other.name for other in earlier.values())))
            if before:
                changed.add(one.level)
    return tuple(people), frozenset(changed)


def numbers(people: Sequence[OnDuty], now: datetime) -> tuple[Line, ...]:
    """Whom to call, in the order in which they are called, and when that was so: it may stand there for hours. Pure."""
    return tuple(
        Line(
            title=f"{rung(one.level)}: {one.name}",
            text=f"{one.phone or 'no number is known'}, as of {one.seen_at:%d %b %H:%M} UTC"
            + (", whose shift has ended since" if is_over(one, now) else ""),
            mark=Mark.DEGRADED if is_over(one, now) else Mark.NONE,
        )
        for one in people
    )


def rung(level: int) -> str:
    """What a level of the policy is called. Pure."""
    return RUNGS.get(level, f"Level {level}")


def is_over(one: OnDuty, now: datetime) -> bool:
    """Whether their shift has ended since PagerDuty said so. Pure."""
    return one.ends_at is not None and one.ends_at <= now
