"""Deadlines: rows in the bot's own time. Every copy ticks; one takes each, and hands it to a job in the same breath."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from bot.context import Now
from bot.store import clocks
from bot.store.clocks import Due
from bot.store.database import Connection, Database

Defer = Callable[[Connection, Due], Awaitable[None]]
"""Defers the job of a due clock on the connection, whose transaction takes the clock."""


def real_now() -> datetime:
    """The real time, for claims: a sped-up clock must not make a living copy look dead."""
    return datetime.now(UTC)


async def tick(database: Database, now: Now, defer: Defer) -> bool:
    """Take what is due and defer its jobs, in one transaction; True where there was something."""
    async with database.transaction() as transaction:
        taken = await clocks.take_due(transaction, now=now())
        for due in taken:
            await defer(transaction, due)
    return bool(taken)
