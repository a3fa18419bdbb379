"""Recorded steps: each is begun once, found again after a crash, and tried again where that may help.

A subject's steps form a static graph and run as parallel as it allows, under one advisory lock a subject, so that two
copies never work on the same. Each commits `started`, calls, and commits `done`. A step that a dead copy left `started`
is looked for before it is done again, and not before the dead copy's own call must have ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Generic, Protocol, TypeVar

import structlog

from bot.bounded import heed
from bot.clocks import real_now
from bot.errors import ProviderError
from bot.store import steps as table
from bot.store.database import Connection, Database, DatabaseSilentError

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.steps")

CALL_ENDS_WITHIN: Final = timedelta(seconds=12)
"""Real time after which a dead copy's call has landed or never will: longer than any client's time-out."""
ATTEMPTS: Final = 3
"""In one run, which must end soon so that what failed is said; runs are repeated."""
PATIENCE: Final = 8.0
"""Seconds after which a step is not tried again in the same run: where nobody answers, people must soon know."""
LONGEST_WAIT: Final = 30.0

T = TypeVar("T")
Results = Mapping[str, dict[str, Any]]
Changed = Callable[[Connection], Awaitable[None]]
"""Lets whoever shows the steps show them anew, in the transaction it is given."""


class Book(Protocol):
    """Where one subject's steps are recorded: our database, or the journal while that is silent."""

    @property
    def subject(self) -> str:
        """Whose steps."""

    def held(self) -> AbstractAsyncContextManager[bool]:
        """Nobody else works on the subject until the block ends; False where somebody does."""

    async def all(self) -> Mapping[str, table.Recorded]:
        """Every step that was begun, by name."""

    async def start(self, name: str) -> None:
        """It begins now; from here on its effect may be there. On disk before this returns."""

    async def finish(self, name: str, result: dict[str, Any]) -> None:
        """Its effect is there, and this is what it made."""

    async def fail(self, name: str, why: str, *, again: bool) -> None:
        """It did not work, begun or not. `again`: for a reason that passes, so that it is tried again by itself."""


class Table:
    """A `Book` in our database."""

    def __init__(self, database: Database, subject: str, changed: Changed | None = None) -> None:
        """Keep the subject's steps there; `changed` is called in the transaction in which one of them ends."""
        self._database = database
        self.subject = subject
        self._changed = changed

    @asynccontextmanager
    async def held(self) -> AsyncIterator[bool]:
        """By an advisory lock of one session: it ends with the copy that holds it."""
        async with self._database.connection() as connection:
            cursor = await connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 1))", [self.subject])
            row = await cursor.fetchone()
            if row is None or not row[0]:
                yield False
                return
            try:
                yield True
            finally:
                await connection.execute("select pg_advisory_unlock(hashtextextended(%s, 1))", [self.subject])

    async def all(self) -> Mapping[str, table.Recorded]:
        """Every step that was begun, by name."""
        return await self._database.call(lambda connection: table.all_of(connection, self.subject))

    async def start(self, name: str) -> None:
        """It begins now."""
        await self._database.call(lambda connection: table.start(connection, self.subject, name, at=real_now()))

    async def finish(self, name: str, result: dict[str, Any]) -> None:
        """Its effect is there."""
        async with self._database.transaction() as transaction:
            await table.finish(transaction, self.subject, name, result)
            if self._changed is not None:
                await self._changed(transaction)

    async def fail(self, name: str, why: str, *, again: bool) -> None:
        """It did not work."""
        async with self._database.transaction() as transaction:
            await table.start(transaction, self.subject, name, at=real_now())
            await table.fail(transaction, self.subject, name, why, again=again)
            if self._changed is not None:
                await self._changed(transaction)


class Ahead(Generic[T]):
    """A question that is asked before its answer can be used, and asked anew where that failed."""

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> None:
        """`ask` only reads: nobody may ever need its answer."""
        self._ask = ask
        self._asking: asyncio.Task[T] | None = None

    def begin(self) -> None:
        """It is being asked."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(heed)

    async def answer(self) -> T:
        """The answer, or what went wrong."""
        asking, self._asking = self._asking, None
        return await (asking or self._ask())


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step.

    `find` looks for what an earlier try has left, by our own id in it, and may do the rest of it; left out where doing it
    twice does it once. `ahead` begins to ask what can be known before its needs are there. `insists`: it is tried again by
    itself whatever it failed by, and not only after an outage.
    """

    name: str
    title: str
    run: Callable[[Results], Awaitable[dict[str, Any]]]
    needs: tuple[str, ...] = ()
    find: Callable[[Results], Awaitable[dict[str, Any] | None]] | None = None
    ahead: Ahead[Any] | None = None
    insists: bool = False


class Ended(StrEnum):
    """How one run over a subject's steps ended."""

    DONE = "done"
    FAILED = "failed"
    """Some did not work, and a person must see why."""
    WAITS = "waits"
    """Some did not work because somebody was silent: run them again later."""
    ELSEWHERE = "elsewhere"
    """Somebody else is at it."""


class _Run:
    """One run over a subject's steps."""

    def __init__(self, book: Book, graph: tuple[Step, ...], changed: Callable[[], Awaitable[None]]) -> None:
        self._book = book
        self._graph = {step.name: step for step in graph}
        self._changed = changed
        self._results: dict[str, dict[str, Any]] = {}
        self._ended: dict[str, asyncio.Event] = {step.name: asyncio.Event() for step in graph}
        self._failed: dict[str, bool] = {}
        """Whether each step that did not work is tried again by itself."""

    async def all(self) -> Ended:
        recorded = await self._book.all()
        async with asyncio.TaskGroup() as group:
            for step in self._graph.values():
                group.create_task(self._one(step, recorded.get(step.name)), name=f"{self._book.subject} {step.name}")
        if any(self._failed.values()):
            return Ended.WAITS
        return Ended.FAILED if self._failed else Ended.DONE

    async def _one(self, step: Step, before: table.Recorded | None) -> None:
        try:
            if before is not None and before.state == "done":
                self._results[step.name] = before.result or {}
                return
            if step.ahead is not None:
                step.ahead.begin()
            for need in step.needs:
                await self._ended[need].wait()
                if need not in self._results:
                    await self._give_up(step, f"“{self._graph[need].title}” did not work", again=self._failed[need])
                    return
            await self._try(step, before)
        finally:
            self._ended[step.name].set()

    async def _try(self, step: Step, before: table.Recorded | None) -> None:
        begun = before is not None  # also where it failed: its last call may have been answered by nobody
        if before is not None and before.state == "started":
            await _let_it_end(before)
        began = time.monotonic()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._book.start(step.name)
                found = await step.find(self._results) if begun and step.find is not None else None
                begun = True
                if found is None:
                    found = await step.run(self._results)
            except ProviderError as error:
                wait = error.retry_after if error.retry_after is not None else 0.5 * 2**attempt
                in_time = time.monotonic() - began < PATIENCE and wait <= LONGEST_WAIT
                again = error.transient and attempt < ATTEMPTS and in_time
                log.warning("step failed", subject=self._book.subject, step=step.name, error=error.what, again=again)
                if not again:
                    passes = error.transient or error.ambiguous or error.kind == "garbled" or step.insists
                    await self._give_up(step, error.sentences, again=passes)
                    return
                await asyncio.sleep(wait)
                continue
            await self._finish(step, found)
            return

    async def _finish(self, step: Step, result: dict[str, Any]) -> None:
        await self._book.finish(step.name, result)
        self._results[step.name] = result
        await self._changed()

    async def _give_up(self, step: Step, why: str, *, again: bool) -> None:
        await self._book.fail(step.name, why, again=again)
        self._failed[step.name] = again
        await self._changed()


async def once(book: Book, step: Step) -> dict[str, Any]:
    """Return what the step made, doing it where it is not done: what an earlier try left is looked for before that.

    Raises ProviderError where it fails; called again, it looks again first. For what its caller tries again.
    """
    before = (await book.all()).get(step.name)
    if before is not None and before.state == "done":
        return before.result or {}
    if before is not None and before.state == "started":
        await _let_it_end(before)
    try:
        await book.start(step.name)
        found = await step.find({}) if before is not None and step.find is not None else None
        if found is None:
            found = await step.run({})
    except ProviderError as error:
        await book.fail(step.name, error.sentences, again=True)
        raise
    await book.finish(step.name, found)
    return found


async def _let_it_end(begun: table.Recorded) -> None:
    """A dead copy's own call has landed, or never will."""
    left = (begun.started_at + CALL_ENDS_WITHIN - real_now()).total_seconds()
    await asyncio.sleep(max(0.0, min(left, CALL_ENDS_WITHIN.total_seconds())))


async def run(book: Book, graph: tuple[Step, ...], *, changed: Callable[[], Awaitable[None]]) -> Ended:
    """Run what is not done of the subject's steps, those that failed, too.

    `changed` is called after each step, for the card.
    """
    async with book.held() as ours:
        if not ours:
            return Ended.ELSEWHERE
        try:
            return await _Run(book, graph, changed).all()
        except* DatabaseSilentError:
            raise DatabaseSilentError from None
