"""Recorded steps: each is begun once, found again after a crash, and tried again where that may help.

A subject's steps form a static graph and run as parallel as it allows, under one advisory lock a subject, so that two
copies never work on the same. Each commits `started`, calls, and commits `done`. A step that a dead copy left `started`
is looked for before it is done again, and not before the dead copy's own call must have ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog

from bot.clocks import real_now
from bot.errors import ProviderError
from bot.store import steps as table
from bot.store.database import Database, DatabaseSilentError

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.steps")

CALL_ENDS_WITHIN: Final = timedelta(seconds=12)
"""Real time after which a dead copy's call has landed or never will: longer than any client's time-out."""
ATTEMPTS: Final = 4
LONGEST_WAIT: Final = 30.0

Results = Mapping[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step. `find` looks for what an earlier try has left, by our own id in it; None where it cannot leave two."""

    name: str
    title: str
    run: Callable[[Results], Awaitable[dict[str, Any]]]
    needs: tuple[str, ...] = ()
    find: Callable[[Results], Awaitable[dict[str, Any] | None]] | None = None


class _Run:
    """One run over a subject's steps."""

    def __init__(
        self, database: Database, subject: str, graph: tuple[Step, ...], changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._database = database
        self._subject = subject
        self._graph = {step.name: step for step in graph}
        self._changed = changed
        self._results: dict[str, dict[str, Any]] = {}
        self._ended: dict[str, asyncio.Event] = {step.name: asyncio.Event() for step in graph}

    async def all(self) -> None:
        recorded = await self._database.call(lambda connection: table.all_of(connection, self._subject))
        async with asyncio.TaskGroup() as group:
            for step in self._graph.values():
                group.create_task(self._one(step, recorded.get(step.name)), name=f"{self._subject} {step.name}")

    async def _one(self, step: Step, before: table.Recorded | None) -> None:
        try:
            if before is not None and before.state == "done":
                self._results[step.name] = before.result or {}
                return
            for need in step.needs:
                await self._ended[need].wait()
                if need not in self._results:
                    await self._give_up(step, f"“{self._graph[need].title}” did not work")
                    return
            await self._try(step, before)
        finally:
            self._ended[step.name].set()

    async def _try(self, step: Step, before: table.Recorded | None) -> None:
        begun = before is not None  # also where it failed: its last call may have been answered by nobody
        if before is not None and before.state == "started":
            left = (before.started_at + CALL_ENDS_WITHIN - real_now()).total_seconds()
            await asyncio.sleep(max(0.0, min(left, CALL_ENDS_WITHIN.total_seconds())))
        for attempt in range(1, ATTEMPTS + 1):
            try:
                found = await step.find(self._results) if begun and step.find is not None else None
                if found is None:
                    await self._database.call(
                        lambda connection: table.start(connection, self._subject, step.name, at=real_now())
                    )
                    begun = True
                    found = await step.run(self._results)
            except ProviderError as error:
                wait = error.retry_after if error.retry_after is not None else 0.5 * 2**attempt
                again = error.transient and attempt < ATTEMPTS and wait <= LONGEST_WAIT
                log.warning("step failed", subject=self._subject, step=step.name, error=error.what, again=again)
                if not again:
                    await self._give_up(step, error.sentences)
                    return
                await asyncio.sleep(wait)
                continue
            await self._finish(step, found)
            return

    async def _finish(self, step: Step, result: dict[str, Any]) -> None:
        await self._database.call(lambda connection: table.finish(connection, self._subject, step.name, result))
        self._results[step.name] = result
        await self._changed()

    async def _give_up(self, step: Step, why: str) -> None:
        async with self._database.transaction() as transaction:
            await table.start(transaction, self._subject, step.name, at=real_now())
            await table.fail(transaction, self._subject, step.name, why)
        await self._changed()


async def run(
    database: Database, subject: str, graph: tuple[Step, ...], *, changed: Callable[[], Awaitable[None]]
) -> bool:
    """Run what is not done of the subject's steps; False where another copy is at it.

    `changed` is called after each step, for the card. Failed steps are tried again by running this again.
    """
    async with database.connection() as connection:
        row = await (
            await connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 1))", [subject])
        ).fetchone()
        if row is None or not row[0]:
            return False
        try:
            await _Run(database, subject, graph, changed).all()
        except* DatabaseSilentError:
            raise DatabaseSilentError from None
        finally:
            await connection.execute("select pg_advisory_unlock(hashtextextended(%s, 1))", [subject])
    return True
