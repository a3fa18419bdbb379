"""What Slack sends: stored before the ack, known when it comes again, and finished even if this copy dies.

Before the ack there is exactly one bounded write: the payload with its key, into our database, or into the journal
where the database is silent. The work starts after the ack.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.clocks import real_now
from bot.journal import Journal
from bot.metrics import DUPLICATES, JOURNALED
from bot.store import inbox as table
from bot.store.database import Database, DatabaseSilentError
from bot.store.inbox import Received

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.inbox")

BUDGET: Final = 0.7
"""Seconds the insert may take; Slack gives 3 for the whole way."""
CLAIM: Final = timedelta(seconds=15)
"""Real time after which a copy that does not renew its claim counts as dead; it renews at every sweep."""
GIVE_UP: Final = 3
"""Tries after which an abandoned payload is left alone: what kills a bot three times must not kill it for ever."""
FULL_HANDS: Final = 200
"""Payloads in hand with which a copy takes over no more of a dead one's."""

Work = Callable[[Received], Awaitable[str]]
"""Handles one payload and returns a word for how it ended."""


BringIn = Callable[[datetime], Awaitable[int]]
"""Brings the journal into the database, its payloads claimed until then; returns how many lines."""


class Inbox:
    """The payloads of one copy of the bot, on their way from arrival to done."""

    def __init__(self, database: Database, journal: Journal, work: Work) -> None:
        """`work` handles one payload; it may be called again for one that an earlier copy left unfinished."""
        self._database = database
        self._journal = journal
        self._work = work
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._running: dict[str, asyncio.Task[None]] = {}

    async def store(self, received: Received) -> bool:
        """Keep the payload durably, within the budget; False where it came before."""
        if received.key in self._recent or self._journal.holds(received.key):
            DUPLICATES.labels(kind=received.kind).inc()
            return False
        self._remember(received.key)
        started = time.perf_counter()
        try:
            new = await self._database.call(
                lambda connection: table.add(connection, received, claimed_until=real_now() + CLAIM), within=BUDGET
            )
        except DatabaseSilentError:
            new = self._journal.receive(received)
            JOURNALED.inc()
            log.warning("journaled", request=received.key, waited_ms=round((time.perf_counter() - started) * 1000))
        except BaseException:
            self._recent.pop(received.key, None)
            raise
        if not new:
            DUPLICATES.labels(kind=received.kind).inc()
        return new

    def start(self, received: Received) -> None:
        """Begin the work, after the ack."""
        task = asyncio.create_task(self._finish(received), name=f"inbox {received.key}")
        self._running[received.key] = task
        task.add_done_callback(lambda _: self._running.pop(received.key, None))

    def resume(self) -> None:
        """Run what the journal holds of a dead process and was not finished, while the database is silent."""
        for received in self._journal.unfinished():
            if received.key in self._running or received.attempts >= GIVE_UP:
                continue
            log.info("resumed from the journal", request=received.key, attempts=received.attempts)
            self._journal.resume(received.key)
            self.start(replace(received, attempts=received.attempts + 1))

    async def sweep(self, bring_in: BringIn | None = None) -> bool:
        """Once: import the journal, keep our claims, and run what a dead copy left unfinished; True where more may be."""
        if self._journal.waiting:
            claimed_until = real_now() + CLAIM
            if bring_in is None:
                count = await self._journal.import_into(self._database, claimed_until=claimed_until)
            else:
                count = await bring_in(claimed_until)
            if count:
                log.info("journal imported", lines=count)
        running = list(self._running)
        if running:
            await self._database.call(
                lambda connection: table.keep(connection, running, claimed_until=real_now() + CLAIM)
            )
        abandoned = await self._database.call(
            lambda connection: table.claim_abandoned(connection, real_now=real_now(), claimed_until=real_now() + CLAIM)
        )
        for received in abandoned:
            if received.key in self._running:
                continue
            if received.attempts > GIVE_UP:
                log.error("given up", request=received.key, attempts=received.attempts)
                await self._close(received, "given up")
                continue
            log.info("resumed", request=received.key, attempts=received.attempts)
            self._remember(received.key)
            self.start(received)
        return len(abandoned) == table.BATCH and self.in_hand < FULL_HANDS

    async def drain(self, seconds: float) -> None:
        """Wait for the work in hand, no longer than that; what is left over is swept up by the next copy."""
        tasks = set(self._running.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    @property
    def in_hand(self) -> int:
        """How many payloads are being worked on."""
        return len(self._running)

    async def _finish(self, received: Received) -> None:
        try:
            outcome = await self._work(received)
        except Exception as error:
            if isinstance(error, DatabaseSilentError) and received.kind == "webhook":
                # nobody asks again, and nobody waits for an answer: it stays unfinished, and the sweeper takes it up
                log.warning("webhook waits for the database", request=received.key)
                return
            # The second funnel: what fails outside the runner (Slack's own answer, say) ends here, logged whole.
            log.exception("fault", request=received.key, kind=received.kind)
            outcome = "fault"
        await self._close(received, outcome)

    async def _close(self, received: Received, outcome: str) -> None:
        done_at = real_now()
        try:
            stored = await self._database.call(
                lambda connection: table.finish(connection, received.key, outcome=outcome, done_at=done_at)
            )
        except DatabaseSilentError:
            stored = False
        if not stored:
            self._journal.finish(received.key, outcome=outcome, done_at=done_at)

    def _remember(self, key: str) -> None:
        self._recent[key] = None
        while len(self._recent) > 5000:
            self._recent.popitem(last=False)
