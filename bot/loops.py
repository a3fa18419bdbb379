"""What runs for ever beside the requests: each loop takes its step, rests, and survives what a step meets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import structlog

from bot.store.database import DatabaseSilentError

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.loops")

REST_AFTER_FAILURE: Final = 1.0
LONGEST_REST: Final = 30.0


class Baton:
    """Wakes one of those who wait for it; whoever then finds something to do passes it on to the next."""

    def __init__(self) -> None:
        """Nobody has it."""
        self._token = asyncio.Semaphore(0)

    def set(self) -> None:
        """Somebody may have it: whoever waits, or else the next who does."""
        if self._token.locked():
            self._token.release()

    async def wait(self) -> None:
        """Take it."""
        await self._token.acquire()

    def clear(self) -> None:
        """Who took it has it alone."""


class Wake(Protocol):
    """What a loop that rests can be woken by: an `asyncio.Event`, or a `Baton`."""

    def set(self) -> None:
        """Wake."""

    async def wait(self) -> Any:
        """Return once somebody woke us."""

    def clear(self) -> None:
        """It was heard."""


async def keep_going(
    name: str, step: Callable[[], Awaitable[bool | None]], *, every: float, wake: Wake | None = None
) -> None:
    """Take the step again and again: at once while it returns True, else after `every` seconds of real time."""
    silent = False
    rest = REST_AFTER_FAILURE
    while True:
        try:
            more = await step()
        except DatabaseSilentError:
            if not silent:
                log.warning("waiting for the database", loop=name)
            silent = True
            await asyncio.sleep(REST_AFTER_FAILURE)
            continue
        except Exception:
            # The loops' own funnel: a step that fails is logged whole and tried again; the loop must not end.
            log.exception("fault", loop=name)
            await asyncio.sleep(rest)
            rest = min(2 * rest, LONGEST_REST)
            continue
        rest = REST_AFTER_FAILURE
        if silent:
            log.info("the database answers again", loop=name)
            silent = False
        if not more:
            await _rest(every, wake)


async def _rest(seconds: float, wake: Wake | None) -> None:
    """So many seconds have passed, or somebody woke us."""
    if wake is None:
        await asyncio.sleep(seconds)
        return
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return
    wake.clear()
