"""The product's side of the company: its database, its books, and what its stand-ins share."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, LiteralString, cast
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from sandbox.product.books import Books, keep_books
from sandbox.world import World

Row = dict[str, Any]

UNREACHABLE: Final = (psycopg.OperationalError, PoolTimeout, PoolClosed)
"""What `ProductDatabase` raises when the database cannot be reached."""


class ProductDatabase:
    """A small pool on one of the product's databases (production or staging), for the stand-ins that share it.

    It holds no connection until it is used, and keeps none longer than ten seconds, so that a test may drop the
    database behind it.
    """

    def __init__(self, conninfo: str) -> None:
        """Take the address; nothing is opened yet."""
        self.conninfo = conninfo
        self._pool: AsyncConnectionPool[AsyncConnection[DictRow]] | None = None

    async def open(self) -> ProductDatabase:
        """Be ready to answer. Does not connect, and does not fail where the database is down."""
        self._pool = AsyncConnectionPool(
            self.conninfo,
            connection_class=AsyncConnection[DictRow],
            kwargs={"row_factory": dict_row, "connect_timeout": 2, "application_name": "sandbox"},
            min_size=0,
            max_size=4,
            max_idle=10,
            timeout=2,
            reconnect_timeout=1,
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        await self._pool.open()
        return self

    async def close(self) -> None:
        """Let go of every connection."""
        if self._pool is not None:
            await self._pool.close(timeout=2)
            self._pool = None

    @asynccontextmanager
    async def transaction(
        self, *, role: str | None = None, claims: str = "", read_only: bool = False
    ) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Run a transaction, as `role` with the JWT `claims` where given, as PostgREST and Storage do.

        Raises one of `UNREACHABLE` where there is no database, and `psycopg.Error` for what the database refuses.
        """
        if self._pool is None:
            raise PoolClosed("the product database is not open")
        async with self._pool.connection() as connection, connection.transaction():
            if read_only:
                await connection.execute("set transaction read only")
            if claims:
                await connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            if role:
                await connection.execute("select set_config('role', %s, true)", [role])
            yield connection

    async def fetch(self, query: LiteralString, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """Return the rows of one statement, run in its own transaction."""
        async with self.transaction() as connection:
            cursor = await connection.execute(query, parameters)
            return await cursor.fetchall() if cursor.description else []

    async def seeded_at(self) -> datetime | None:
        """When `sandbox.product.seed` filled it, or None where it did not."""
        rows = await self.fetch("select obj_description('public'::regnamespace, 'pg_namespace') as note")
        note = cast("str | None", rows[0]["note"]) or ""
        return datetime.fromisoformat(note.removeprefix("seeded ")) if note.startswith("seeded ") else None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerLine:
    """A line in the log of InterviewLab's server."""

    at: float
    level: str
    message: str
    method: str = ""
    path: str = ""
    status: int = 0


class Company:
    """What the stand-ins of one world share of the product.

    `production` and `staging` are set by whoever has the databases; without them the stand-ins show a company without
    stored customers. `services` are the switches of the Supabase project, which its Management API shows, too.
    """

    def __init__(self, world: World) -> None:
        """Start without databases."""
        self.world = world
        self.production: ProductDatabase | None = None
        self.staging: ProductDatabase | None = None
        self.services: dict[str, str] = {}
        self.server_log: deque[ServerLine] = deque(maxlen=2000)
        self.started_at = world.clock.now()

    @cached_property
    def books(self) -> Books:
        """The customers and purchases, as of `started_at`: set that first where the database was seeded earlier."""
        return keep_books(self.started_at)

    async def attach(self, production: ProductDatabase | None, staging: ProductDatabase | None = None) -> None:
        """Give the stand-ins the (opened) databases, and the books the date at which production was seeded."""
        self.production, self.staging = production, staging
        if production is not None:
            self.started_at = await production.seeded_at() or self.started_at
            vars(self).pop("books", None)

    def write_log(self, level: str, message: str, *, method: str = "", path: str = "", status: int = 0) -> None:
        """Add a line to the server's log, at this moment of the bot's time."""
        at = self.world.clock.timestamp()
        self.server_log.append(ServerLine(at=at, level=level, message=message, method=method, path=path, status=status))


_COMPANIES: WeakKeyDictionary[World, Company] = WeakKeyDictionary()


def company_of(world: World) -> Company:
    """Return what the stand-ins of this world share; the first to ask makes it."""
    company = _COMPANIES.get(world)
    if company is None:
        company = _COMPANIES[world] = Company(world)
    return company
