"""What is done for incidents while our database is silent: set up, told of, and paged until somebody has them."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from bot.ages import age
from bot.context import Services
from bot.degraded.glass import Glass
from bot.degraded.ground import JournalGround
from bot.degraded.kept import Kept
from bot.degraded.ledger import Ledger
from bot.errors import ProviderError
from bot.incidents import paging, timekeeping
from bot.incidents.bootstrap import Bootstrap
from bot.incidents.deadlines import Clock, Group
from bot.incidents.states import State
from bot.incidents.visibility import stands_in_the_open
from bot.operation import Answer, Line, Lines, Mark, Offer
from bot.providers.pagerduty import PagerDuty
from bot.roster import rung
from bot.steps import Ended
from bot.store.incidents import Incident

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.degraded")

AGAIN_AFTER: Final = 10.0
"""Real seconds after which what did not work is tried again."""
ENDS_WITHIN: Final = 15.0
"""Real seconds that what is under way is given to end, when the database is back."""


class Following:
    """One task an incident at a time does what it is owed; asked again, it looks again."""

    def __init__(
        self,
        services: Services,
        ledger: Callable[[], Ledger],
        ground: JournalGround,
        bootstrap: Bootstrap,
        pager: PagerDuty | None,
        glass: Glass,
    ) -> None:
        """Over the ledger as it is then."""
        self.glass = glass
        self._services = services
        self._ledger = ledger
        self._ground = ground
        self._bootstrap = bootstrap
        self._pager = pager
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._held = False

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._tasks)

    def begin(self, incident: Incident) -> None:
        """Do at once what it is owed."""
        kept = self._ledger().get(incident.id)
        if kept is not None:
            for name in (f"set up {incident.id}", f"tell {incident.id}", *(f"run {one}" for one in kept.requests)):
                self._not_before.pop(name, None)
            self.go_on(kept)

    def go_on(self, kept: Kept) -> None:
        """Do what it is owed, unless that is under way, or failed just now."""
        if kept.declared_here and not (kept.set_up and self._is_open(kept)):
            self._start(f"set up {kept.incident.id}", lambda: self._set_up(kept.incident))
        if kept.acknowledged_here and not (self._pager_knows(kept) and self._is_told(kept)):
            self._start(f"tell {kept.incident.id}", lambda: self._tell(kept.incident))

        for clock in self._due(kept):
            self._start(f"{clock.kind} {kept.incident.id}", functools.partial(self._climb, kept, clock))
        for asked in kept.requests.values():
            if self.glass.owes(asked):
                self._start(f"run {asked.request.id}", functools.partial(self.glass.run, kept, asked))

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """What is under way has ended, and nothing begins before the block ends."""
        self._held = True
        try:
            if self._tasks:
                _, late = await asyncio.wait(set(self._tasks.values()), timeout=ENDS_WITHIN)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)
            yield
        finally:
            self._held = False

    def _start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        if self._held or name in self._tasks or time.monotonic() < self._not_before.get(name, 0):
            return
        task = asyncio.create_task(self._work(name, work), name=f"degraded: {name}")
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._tasks.pop(name, None))

    async def _work(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._not_before[name] = time.monotonic() + AGAIN_AFTER
        try:
            await work()
        except ProviderError as error:
            log.warning("tried again later", work=name, error=error.what)
        except Exception:
            # The following's own funnel: it is logged whole and tried again, and no other incident suffers from it.
            log.exception("fault", work=name)

    async def _set_up(self, incident: Incident) -> None:
        card = asyncio.create_task(self._open(incident), name=f"card of {incident.subject}")
        try:
            ended = await self._bootstrap.set_up(incident)
        finally:
            await card
        if ended in (Ended.DONE, Ended.FAILED):
            self._ledger().set_up(incident)
        await self._ground.changed(incident)

    async def _open(self, incident: Incident) -> None:
        if stands_in_the_open(incident):
            await self._ground.open(incident)

    async def _tell(self, incident: Incident) -> None:
        """PagerDuty pages no further, and everybody reads who has it."""
        kept = self._kept(incident)
        for _ in range(150):
            # a page that is in the air would come after this, and stay
            if (page := kept.steps.get("page")) is None or page.state != "started":
                break
            await asyncio.sleep(0.1)
        if self._pager is not None and not self._pager_knows(kept):
            await self._pager.acknowledge(incident.page_key)
            self._ledger().pager_told(incident)
        now = kept.incident
        took = age(now.declared_at, now.acknowledged_at or now.declared_at)
        by = kept.name(now.acknowledged_by or "")
        answer = Answer(verdict=f"{now.label} is acknowledged by {by}, after {took}.", mark=Mark.OK)
        await self._ground.tell(incident, key=f"acknowledged:{kept.acknowledged_here}", answer=answer)
        await self._ground.changed(incident)

    def _due(self, kept: Kept) -> list[Clock]:
        """The rungs of the ladder whose time is over while nobody has it."""
        incident, now = kept.incident, self._services.now()
        if incident.state != State.DECLARED or incident.drill is not None:
            return []
        return [
            clock
            for clock in timekeeping.clocks_of(self._services, incident)
            if clock.group is Group.ACKNOWLEDGE
            and clock.kind in kept.due
            and kept.due[clock.kind] <= now
            and clock.kind not in kept.rungs
        ]

    async def _climb(self, kept: Kept, clock: Clock) -> None:
        """Nobody has it: the rung is paged, everybody reads it, and it is not done again when the database is back."""
        incident, now = kept.incident, self._services.now()
        lines: tuple[Line, ...] = ()
        if clock.level and self._pager is not None:
            await paging.climb(self._pager, incident, clock.level)
            lines = (Line(title=f"{rung(clock.level)} is paged."),)
        answer = Answer(
            verdict=f"{incident.label} is not acknowledged, {age(incident.declared_at, now)} after it was declared.",
            mark=Mark.DOWN,
            evidence=(Lines(lines=lines),) if lines else (),
            offers=(Offer(label="Acknowledge", words=f"incident ack INC-{incident.id}", style="primary"),),
        )
        await self._ground.tell(incident, key=f"{clock.kind}:{kept.due[clock.kind].isoformat()}", answer=answer)
        self._ledger().rung(incident, clock.kind, at=now)

    def _pager_knows(self, kept: Kept) -> bool:
        return self._pager is None or kept.pager_told or kept.incident.drill is not None

    def _is_told(self, kept: Kept) -> bool:
        return self._ground.was_told(kept.incident, f"acknowledged:{kept.acknowledged_here}")

    @staticmethod
    def _is_open(kept: Kept) -> bool:
        """Whether its card stands where it belongs."""
        card = kept.messages.get(kept.incident.subject)
        return not stands_in_the_open(kept.incident) or (card is not None and card.ts is not None)

    def _kept(self, incident: Incident) -> Kept:
        kept = self._ledger().get(incident.id)
        assert kept is not None  # noqa: S101 -- nothing is ever taken out of a ledger
        return kept
