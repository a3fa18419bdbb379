"""One question under way at a time, whoever asks meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from bot.bounded import heed

T = TypeVar("T")


class Flight(Generic[T]):
    """A question that many ask at once. Whoever gives up waiting stops nobody else's."""

    def __init__(self, ask: Callable[[], Awaitable[T]], *, name: str) -> None:
        """`ask` asks it once; `name` is what its tasks are called."""
        self._ask = ask
        self._name = name
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def join(self) -> T:
        """The answer to the question that is under way, or to a new one."""
        return await asyncio.shield(self._running or self._start())

    async def anew(self) -> T:
        """The answer to a question asked from now on. All who wait for one that is under way share the next."""
        if self._next is not None:
            return await asyncio.shield(self._next)
        if self._running is None:
            return await asyncio.shield(self._start())
        self._next = asyncio.create_task(self._after(self._running), name=f"{self._name}, again")
        return await asyncio.shield(self._next)

    def _start(self) -> asyncio.Task[T]:
        task = asyncio.create_task(self._once(), name=self._name)
        self._running = task
        task.add_done_callback(self._ended)
        return task

    async def _once(self) -> T:
        return await self._ask()

    async def _after(self, running: asyncio.Task[T]) -> T:
        await asyncio.wait({running})
        self._next = None  # who comes from here on came after this question was asked
        return await self._start()

    def _ended(self, task: asyncio.Task[T]) -> None:
        if self._running is task:
            self._running = None
        heed(task)
