"""Calls that concern everybody alike: ten people who ask at once cause one, and its answer serves for some seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from bot.bounded import heed

T = TypeVar("T")


class Flights:
    """What is under way, and what has just come back, by name."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._flights: dict[str, tuple[asyncio.Task[Any], float]] = {}

    async def join(self, name: str, work: Callable[[], Awaitable[T]], *, keep: float) -> T:
        """Return what the work under this name returns: begun now, under way, or ended less than `keep` seconds ago.

        Who gives up waiting does not end it for the others. What it raises is raised for all, and not kept.
        """
        task, ended = self._flights.get(name, (None, 0.0))
        if task is None or (task.done() and (time.monotonic() - ended >= keep or _failed(task))):
            task = asyncio.ensure_future(self._fly(name, work))
            task.add_done_callback(heed)
            self._flights[name] = (task, 0.0)
        return cast("T", await asyncio.shield(task))

    async def _fly(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await work()
        finally:
            task, _ = self._flights[name]
            self._flights[name] = (task, time.monotonic())


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None
