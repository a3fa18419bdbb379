"""Work that nobody waits for longer than they said, also where it takes its time to be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


def never() -> bool:
    """No longer than was said."""
    return False


async def bounded(
    work: Awaitable[T],
    seconds: float,
    *,
    left: set[asyncio.Future[Any]] | None = None,
    longer: Callable[[], bool] = never,
) -> T:
    """What the work returns, or TimeoutError when it takes longer. `left` holds the work until it has really ended.

    When the seconds are over, it is given them once more as often as `longer` says so.

    `asyncio.timeout` waits until a cancelled query has ended, and on a server that has gone silent psycopg gives that
    up to five seconds: longer than Slack waits for an ack. Here the cancelled work ends by itself, unwaited for.
    """
    task = asyncio.ensure_future(work)
    if left is not None:
        left.add(task)
        task.add_done_callback(left.discard)
    task.add_done_callback(heed)
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=seconds)
            if done or not longer():
                break
    except asyncio.CancelledError:
        task.cancel()
        raise
    if done:
        return task.result()
    task.cancel()
    raise TimeoutError


def heed(task: asyncio.Future[Any]) -> None:
    """Look at the outcome: of work that everybody has given up nobody else does, and asyncio complains of that."""
    if not task.cancelled():
        task.exception()
