"""Table `last_answers`: what a vendor last said, for the hour in which it does not answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("last_answers")


async def keep(connection: Connection, name: str, body: Any, *, at: datetime) -> None:
    """Keep it, unless something newer is kept."""
    await connection.execute(_SQL["keep"], {"name": name, "body": Jsonb(body), "at": at})


async def get(connection: Connection, name: str) -> tuple[Any, datetime] | None:
    """What was last kept under the name, and when it was said."""
    row = await (await connection.execute(_SQL["get"], {"name": name})).fetchone()
    return None if row is None else (row[0], row[1])
