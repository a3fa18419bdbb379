"""The pool on our own database, and what may be said when it is silent."""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from bot.bounded import bounded
from bot.errors import UserError

Connection = psycopg.AsyncConnection[Any]
T = TypeVar("T")

SILENT: Final = (psycopg.OperationalError, PoolTimeout)
"""What is raised when the database cannot be reached, or stops answering."""


class DatabaseSilentError(UserError):
    """Our own database does not answer; what needs it is refused, what does not goes on."""

    def __init__(self) -> None:
        """Say it the same way everywhere."""
        super().__init__(
            "My own database does not answer.",
            why="I will not guess at what it holds.",
            todo="In Slack `/ilab status` still works. Try again in a minute.",
        )


IMPATIENT: Final = 0.5
"""Seconds that anybody waits for a database that let somebody wait in vain just now."""
IMPATIENT_FOR: Final = 2.0
"""Seconds for which that holds: then one waits as long as they wanted to, and so finds out how it is."""


class Database:
    """Our own state in PostgreSQL. Connections are autocommit; transactions are explicit."""

    def __init__(self, conninfo: str, *, most: int = 8) -> None:
        """Prepare a pool; nothing is opened before `open`."""
        self.conninfo = conninfo
        self.pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=most,
            open=False,
            timeout=5,
            reconnect_timeout=0,
            kwargs={
                "autocommit": True,
                "connect_timeout": 2,
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": 10_000,  # milliseconds: a network that is cut says nothing
                "options": "-c statement_timeout=15000 -c idle_in_transaction_session_timeout=30000",
            },
            check=_still_open,
        )
        self._impatient_until = 0.0
        self.ready = asyncio.Event()
        """Not set, it counts as silent: its tables are not those that this copy works with."""
        self.ready.set()

    async def open(self) -> None:
        """Start the pool; connections come as the database answers."""
        await self.pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close(timeout=2)

    @asynccontextmanager
    async def connection(self, *, within: float = 2) -> AsyncIterator[Connection]:
        """A connection in autocommit mode, or DatabaseSilentError after `within` seconds."""
        patience = self._patience(within)
        self._is_ready()
        try:
            connection = await bounded(self.pool.getconn(timeout=patience), patience)
        except (*SILENT, TimeoutError) as error:
            self._waited_in_vain(patience)
            raise DatabaseSilentError from error
        async with self._lent(connection):
            yield connection

    @asynccontextmanager
    async def transaction(self, *, within: float = 2) -> AsyncIterator[Connection]:
        """A connection inside a transaction, committed at the end. DatabaseSilentError where that is not possible."""
        async with self.connection(within=within) as connection, connection.transaction():
            yield connection

    async def call(self, statement: Callable[[Connection], Awaitable[T]], *, within: float = 2) -> T:
        """What the statement returns, or DatabaseSilentError after `within` seconds, whatever the server does."""
        return await self._call(statement, self._patience(within))

    async def _call(self, statement: Callable[[Connection], Awaitable[T]], patience: float) -> T:
        self._is_ready()

        async def whole() -> T:
            connection = await self.pool.getconn(timeout=patience)
            async with self._lent(connection):
                return await statement(connection)

        try:
            return await bounded(whole(), patience)
        except (*SILENT, TimeoutError) as error:
            self._waited_in_vain(patience)
            raise DatabaseSilentError from error

    @asynccontextmanager
    async def _lent(self, connection: Connection) -> AsyncIterator[None]:
        """The connection is ours until the block ends. What a silent database raises becomes DatabaseSilentError."""
        try:
            yield
        except SILENT as error:
            raise DatabaseSilentError from error
        finally:
            await self.pool.putconn(connection)

    def _is_ready(self) -> None:
        if not self.ready.is_set():
            raise DatabaseSilentError

    def _patience(self, within: float) -> float:
        return min(within, IMPATIENT) if time.monotonic() < self._impatient_until else within

    def _waited_in_vain(self, patience: float) -> None:
        if patience > IMPATIENT:
            self._impatient_until = time.monotonic() + IMPATIENT_FOR

    async def rights(self, *, within: float = 2) -> tuple[str, bool]:
        """Our role, and whether it may make tables, which a migration does."""
        async with self.connection(within=within) as connection:
            cursor = await connection.execute("SELECT current_user, has_schema_privilege(current_schema(), 'create')")
            row = await cursor.fetchone()
        return (str(row[0]), bool(row[1])) if row else ("", False)

    async def answers(self, *, within: float = 1) -> bool:
        """Say whether the database answers now; it is waited for so long, however it was just now."""
        try:
            await self._call(lambda connection: connection.execute("select 1"), within)
        except DatabaseSilentError:
            return False
        return True


async def _still_open(connection: Connection) -> None:
    """Raise OperationalError where the server has closed the connection since it was last used.

    psycopg_pool's own check asks the server, which costs every request a round trip. What a server says unasked, it
    says when it closes: so only a connection that has something to read is asked. One whose server vanished without
    a word would leave the question unanswered just as it leaves the statement: both end with the caller's limit.
    """
    unread = select.poll()
    unread.register(connection.pgconn.socket, select.POLLIN)
    if unread.poll(0):
        await AsyncConnectionPool.check_connection(connection)
