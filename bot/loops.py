"""What runs for ever beside the requests: each loop takes its step, rests, and survives what a step meets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from bot.store.database import DatabaseSilentError

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.loops")

REST_AFTER_FAILURE: Final = 1.0
LONGEST_REST: Final = 30.0


async def keep_going(
    name: str, step: Callable[[], Awaitable[bool | None]], *, every: float, wake: asyncio.Event | None = None
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


async def _rest(seconds: float, wake: asyncio.Event | None) -> None:
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
