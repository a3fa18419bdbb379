"""What the database says unasked, once it is committed: that a post or a card is wanted, or that a clock runs.

Whoever waits for such a thing looks at once, and not only at the next turn. Source: `sql/migrations/006_news.sql`.
"""

from __future__ import annotations

from collections import defaultdict

import psycopg

from bot.loops import Wake
from bot.store.database import SILENT, DatabaseSilentError


class News:
    """Who waits for news of which table, in this copy."""

    def __init__(self, conninfo: str) -> None:
        """Nobody listens yet."""
        self._conninfo = conninfo
        self._waiting: defaultdict[str, list[Wake]] = defaultdict(list)

    def wake(self, waiting: Wake, table: str) -> None:
        """From now on whoever waits is woken by each news of the table."""
        self._waiting[table].append(waiting)

    async def listen(self) -> None:
        """Pass on what is said, until the connection ends; then DatabaseSilentError."""
        try:
            connection = await psycopg.AsyncConnection.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=2,
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=3,
            )
            async with connection:
                await connection.execute("listen ilab_news")
                self._tell(*self._waiting)  # what was said before anybody listened
                async for said in connection.notifies():
                    self._tell(said.payload)
        except SILENT as error:
            raise DatabaseSilentError from error

    def _tell(self, *tables: str) -> None:
        for table in tables:
            for waiting in self._waiting.get(table, ()):
                waiting.set()
