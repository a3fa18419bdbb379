"""Table `offers`: the words behind buttons that may not stand in a button's value."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("offers")
LIFE: Final = timedelta(days=7)


async def add(connection: Connection, words: str, *, at: datetime) -> str:
    """Keep the words for a week; return the id that the button carries."""
    id_ = secrets.token_urlsafe(12)
    await connection.execute(_SQL["add"], {"id": id_, "words": words, "at": at, "expires_at": at + LIFE})
    return id_


async def get(connection: Connection, id_: str, *, now: datetime) -> str | None:
    """The words behind a button, while they are kept."""
    row = await (await connection.execute(_SQL["get"], {"id": id_, "now": now})).fetchone()
    return None if row is None else str(row[0])


async def purge(connection: Connection, *, now: datetime) -> int:
    """Forget what has expired; return how many."""
    return (await connection.execute(_SQL["purge"], {"now": now})).rowcount
