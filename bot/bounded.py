"""Work that nobody waits for longer than they said, also where it takes its time to be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


async def bounded(work: Awaitable[T], seconds: float, *, left: set[asyncio.Future[Any]] | None = None) -> T:
    """What the work returns, or TimeoutError when it takes longer. `left` holds the work until it has really ended.

    `asyncio.timeout` waits until a cancelled query has ended, and on a server that has gone silent psycopg gives that
    up to five seconds: longer than Slack waits for an ack. Here the cancelled work ends by itself, unwaited for.
    """
    task = asyncio.ensure_future(work)
    if left is not None:
        left.add(task)
        task.add_done_callback(left.discard)
    task.add_done_callback(_look)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if done:
        return task.result()
    task.cancel()
    raise TimeoutError


def _look(task: asyncio.Future[Any]) -> None:
    """Look at the outcome: of work that was given up nobody else does, and asyncio complains of that."""
    if not task.cancelled():
        task.exception()
