"""The product's side of the company: its database, its books, and what its stand-ins share."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Self, cast
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row

from sandbox.product.books import Books, Purchase, keep_books
from sandbox.world import World

Row = dict[str, Any]

UNREACHABLE: Final = (psycopg.OperationalError,)
"""What `ProductDatabase` raises when the database cannot be reached."""

MOST_CONNECTIONS: Final = 4


class ProductDatabase:
    """A few connections to one of the product's databases (production or staging), for the stand-ins that share it.

    Not psycopg's own pool: that one waits for a database that is gone, and a stand-in is to say at once that it is.
    """

    def __init__(self, conninfo: str) -> None:
        """Take the address; nothing is opened yet."""
        self.conninfo = conninfo
        self._open = False
        self._idle: list[AsyncConnection[DictRow]] = []
        self._turns = asyncio.Semaphore(MOST_CONNECTIONS)

    async def open(self) -> Self:
        """Be ready to answer. Does not connect, and does not fail where the database is down."""
        self._open = True
        return self

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of every connection."""
        self._open = False
        while self._idle:
            await self._idle.pop().close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        async with self._turns:
            connection = await self._living()
            try:
                yield connection
            finally:
                if self._open and connection.info.transaction_status == TransactionStatus.IDLE:
                    self._idle.append(connection)
                else:
                    await connection.close()

    async def _living(self) -> AsyncConnection[DictRow]:
        """Return a connection that answers: one that was kept, or a new one."""
        if not self._open:
            raise psycopg.OperationalError("the product database is not open")
        while self._idle:
            connection = self._idle.pop()
            try:
                await connection.execute("select 1")
            except psycopg.OperationalError:
                await connection.close()
            else:
                return connection
        return await AsyncConnection.connect(
            self.conninfo, autocommit=True, row_factory=dict_row, connect_timeout=2, application_name="sandbox"
        )

    @asynccontextmanager
    async def transaction(
        self, *, role: str | None = None, claims: str = "", read_only: bool = False
    ) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Run a transaction, as `role` with the JWT `claims` where given, as PostgREST and Storage do.

        Raises one of `UNREACHABLE` where there is no database, and `psycopg.Error` for what the database refuses.
        """
        async with self._connection() as connection, connection.transaction():
            if read_only:
                await connection.execute("set transaction read only")
            if claims:
                await connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            if role:
                await connection.execute("select set_config('role', %s, true)", [role])
            yield connection

    async def fetch(self, query: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """Return the rows of one statement, run in its own transaction."""
        async with self.transaction() as connection:
            cursor = await connection.execute(query, parameters)
            return await cursor.fetchall() if cursor.description else []

    async def seeded(self) -> tuple[datetime, int] | None:
        """When `sandbox.product.seed` filled it and with how many customers; None where it did not, or is down."""
        try:
            rows = await self.fetch("select obj_description('public'::regnamespace, 'pg_namespace') as note")
        except UNREACHABLE:
            return None
        word, _, rest = (cast("str | None", rows[0]["note"]) or "").partition(" ")
        at, _, size = rest.partition(" ")
        return (datetime.fromisoformat(at), int(size)) if word == "seeded" else None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerLine:
    """A line in the log of InterviewLab's server."""

    at: float
    level: str
    message: str
    method: str = ""
    path: str = ""
    status: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformLine:
    """A line in one of the logs that Supabase keeps; `source` is edge_logs, auth_logs, postgres_logs, storage_logs."""

    at: float
    source: str
    message: str
    attributes: Mapping[str, str]


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
        self.restoring_until: float | None = None
        self.server_log: deque[ServerLine] = deque(maxlen=2000)
        self.mails: deque[tuple[float, str, str]] = deque(maxlen=500)
        """What Auth has sent: when, to whom, and `recovery` or `confirmation`."""
        self.platform_log: deque[PlatformLine] = deque(maxlen=5000)
        self.started_at = world.clock.now()
        self.size = 3000

    @cached_property
    def books(self) -> Books:
        """The customers and purchases, as of `started_at`: set that first where the database was seeded earlier."""
        return keep_books(self.started_at, size=self.size)

    async def attach(self, production: ProductDatabase | None, staging: ProductDatabase | None = None) -> None:
        """Give the stand-ins the (opened) databases, and the books the date at which production was seeded.

        Before the first call: Stripe opens its ledger from the books then.
        """
        self.production, self.staging = production, staging
        if production is not None:
            self.started_at, self.size = await production.seeded() or (self.started_at, self.size)
            vars(self).pop("books", None)

    def project_state(self) -> str:
        """Return the state of the Supabase project; a restore ends by itself when its time (the bot's) is over."""
        if self.restoring_until is not None and self.world.clock.timestamp() >= self.restoring_until:
            self.restoring_until = None
            self.services["project"] = "active"
        return self.services.get("project", "active")

    def note(self, source: str, message: str, attributes: Mapping[str, str]) -> None:
        """Add a line to one of Supabase's logs."""
        at = self.world.clock.timestamp()
        self.platform_log.append(PlatformLine(at=at, source=source, message=message, attributes=attributes))

    def write_log(self, level: str, message: str, *, method: str = "", path: str = "", status: int = 0) -> None:
        """Add a line to the server's log, at this moment of the bot's time."""
        at = self.world.clock.timestamp()
        self.server_log.append(ServerLine(at=at, level=level, message=message, method=method, path=path, status=status))

    def server_lines(self, since: float) -> list[ServerLine]:
        """Return the server's log from `since` (bot's time), oldest first: what the books tell, and what came here."""
        told = [_webhook_line(purchase) for purchase in self.books.purchases if purchase.at.timestamp() >= since]
        lines = [line for line in told if line is not None]
        lines += [line for line in self.server_log if line.at >= since]
        return sorted(lines, key=lambda line: line.at)


def _webhook_line(purchase: Purchase) -> ServerLine | None:
    """What the webhook wrote when a purchase of the books was paid; nothing where nobody asked it."""
    if not purchase.paid or (purchase.granted == 0 and purchase.fate in ("unsent", "unheard")):
        return None
    granted = f"granted {purchase.package.tier} ({purchase.package.interviews})"
    status, result = 200, f"checkout.session.completed {purchase.session_id} {granted}"
    if purchase.granted == 0 and purchase.fate == "badly_signed":
        status, result = 400, "Invalid signature"
    elif purchase.granted == 0 and purchase.fate == "failed":
        failed = "failed: canceling statement due to statement timeout"
        status, result = 500, f"checkout.session.completed {purchase.session_id} {failed}"
    return ServerLine(
        at=purchase.at.timestamp() + 4,
        level="info" if status == 200 else "error",
        message=f"[T134 Webhook] {result}",
        method="POST",
        path="/api/stripe-webhook",
        status=status,
    )


_COMPANIES: WeakKeyDictionary[World, Company] = WeakKeyDictionary()


def company_of(world: World) -> Company:
    """Return what the stand-ins of this world share; the first to ask makes it."""
    company = _COMPANIES.get(world)
    if company is None:
        company = _COMPANIES[world] = Company(world)
    return company
