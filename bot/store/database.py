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

from bot.bounded import bounded, never
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


class DatabaseBusyError(DatabaseSilentError):
    """It answers, but so many ask this copy that somebody's turn never came: what holds of a silent one holds here."""

    def __init__(self) -> None:
        """Say it the same way everywhere."""
        UserError.__init__(
            self,
            "Too many ask me at once.",
            why="All my connections to my own database are in use: it answers, and your turn did not come.",
            todo="Nothing was changed. Try again in a few seconds.",
        )


WITHIN: Final = 2.0
"""Seconds that one waits for it who says nothing else."""
IMPATIENT: Final = 0.5
"""Seconds that anybody waits for a database that let somebody wait in vain just now, and has answered nobody since."""
IMPATIENT_FOR: Final = 2.0
"""Seconds for which that holds: then one waits as long as they wanted to, and so finds out how it is."""
IN_TURN_WITHIN: Final = 15.0
"""Seconds that one waits for a connection while all are in use and the database answers."""


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
        self._most = most
        self._lent_now = 0
        self._full_at = self._answered_at = self._in_vain_at = -IMPATIENT_FOR
        """Monotonic seconds: when all connections were in use, it answered somebody, and it let somebody wait in vain."""
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
    async def connection(self, *, within: float | None = None) -> AsyncIterator[Connection]:
        """A connection in autocommit mode. DatabaseSilentError after `within` seconds.

        Where nothing is said, it is two; and while it answers others, and they have all connections, it is one's turn
        that is waited for.
        """
        self._is_ready()
        begun, patience = time.monotonic(), self._patience(within)
        longer = self.crowded() if within is None else never
        try:
            connection = await bounded(self.pool.getconn(timeout=IN_TURN_WITHIN), patience, longer=longer)
        except (*SILENT, TimeoutError) as error:
            raise self._in_vain(begun, patience) from error
        async with self._lent(connection):
            yield connection

    @asynccontextmanager
    async def transaction(self, *, within: float | None = None) -> AsyncIterator[Connection]:
        """A connection inside a transaction, committed at the end. DatabaseSilentError where that is not possible."""
        async with self.connection(within=within) as connection, connection.transaction():
            yield connection

    async def call(self, statement: Callable[[Connection], Awaitable[T]], *, within: float | None = None) -> T:
        """What the statement returns, or DatabaseSilentError after `within` seconds, whatever the server does."""
        longer = self.crowded() if within is None else never
        return await self._call(statement, self._patience(within), longer)

    async def _call(
        self, statement: Callable[[Connection], Awaitable[T]], patience: float, longer: Callable[[], bool]
    ) -> T:
        self._is_ready()
        begun = time.monotonic()

        async def whole() -> T:
            connection = await self.pool.getconn(timeout=IN_TURN_WITHIN)
            async with self._lent(connection):
                return await statement(connection)

        try:
            return await bounded(whole(), patience, longer=longer)
        except (*SILENT, TimeoutError) as error:
            raise self._in_vain(begun, patience) from error

    @asynccontextmanager
    async def _lent(self, connection: Connection) -> AsyncIterator[None]:
        """The connection is ours until the block ends. What a silent database raises becomes DatabaseSilentError."""
        self._lent_now += 1
        if self._is_full:
            self._full_at = time.monotonic()
        try:
            yield
            self._answered_at = time.monotonic()
        except SILENT as error:
            raise DatabaseSilentError from error
        finally:
            if self._is_full:
                self._full_at = time.monotonic()
            self._lent_now -= 1
            await self.pool.putconn(connection)

    def _is_ready(self) -> None:
        if not self.ready.is_set():
            raise DatabaseSilentError

    @property
    def _is_full(self) -> bool:
        return self._lent_now >= self._most

    def crowded(self) -> Callable[[], bool]:
        """Asked, it says whether since it was last asked some had their turn and others waited for it; not for ever."""
        begun = since = time.monotonic()

        def still() -> bool:
            nonlocal since
            before, since = since, time.monotonic()
            return self._was_crowded(before) and since - begun < IN_TURN_WITHIN

        return still

    def _was_crowded(self, since: float) -> bool:
        return (self._is_full or self._full_at >= since) and self._answered_at >= since

    def _patience(self, within: float | None) -> float:
        wanted = WITHIN if within is None else within
        vain = self._in_vain_at
        was_silent = self._answered_at < vain and time.monotonic() < vain + IMPATIENT_FOR
        return min(wanted, IMPATIENT) if was_silent else wanted

    def _in_vain(self, begun: float, patience: float) -> DatabaseSilentError:
        """What is raised where somebody waited in vain since then."""
        if self._was_crowded(begun):
            return DatabaseBusyError()
        if patience > IMPATIENT and self._answered_at < begun:
            self._in_vain_at = time.monotonic()
        return DatabaseSilentError()

    async def rights(self, *, within: float = WITHIN) -> tuple[str, bool]:
        """Our role, and whether it may make tables, which a migration does."""
        async with self.connection(within=within) as connection:
            cursor = await connection.execute("SELECT current_user, has_schema_privilege(current_schema(), 'create')")
            row = await cursor.fetchone()
        return (str(row[0]), bool(row[1])) if row else ("", False)

    async def answers(self, *, within: float = 1) -> bool:
        """Say whether the database answers now; it is waited for so long, however it was just now."""
        try:
            await self._call(lambda connection: connection.execute("select 1"), within, never)
        except DatabaseBusyError:
            return True  # it answers others
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
