"""Read access to the product's database: named queries in a `READ ONLY` transaction, with time limits and a row cap.

A connection is opened for each reading and closed after it: the check is then of the connection, too, and a database
near its limit does not hold one of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg.rows import dict_row

import sql
from bot.bounded import bounded
from bot.errors import NotConfiguredError, ProviderError, StaleError, UserError
from bot.settings import ProductSettings

if TYPE_CHECKING:
    from bot.context import Services

T = TypeVar("T")

PROVIDER: Final = "The product's database"
MOST_ROWS: Final = 1000
_FULL: Final = (
    "too many clients",
    "remaining connection slots",
    "max client connections reached",
    "too many connections",
)
"""What PostgreSQL, PgBouncer and Supavisor say when no connection is left. libpq gives no SQLSTATE while connecting."""
_REFUSED_US: Final = ("authentication failed", "no pg_hba.conf entry", "does not exist", "tenant or user not found")


@dataclass(frozen=True, kw_only=True, slots=True)
class Connections:
    """Connections of the whole server: `total` held, `active` at work as far as we may see, `maximum` possible."""

    total: int
    active: int
    maximum: int

    @property
    def share(self) -> float:
        """How much of the maximum is in use, 0 to 1."""
        return self.total / self.maximum if self.maximum else 1.0


class DatabaseFullError(ProviderError):
    """The product's database answers, and has no connection left for us: nor for anybody else, most likely."""


class ProductDatabase:
    """The product's database. Nothing is opened before it is asked."""

    def __init__(self, settings: ProductSettings) -> None:
        """Remember the address; it holds a password and is never shown."""
        self.settings = settings
        self._left: set[asyncio.Future[Any]] = set()

    async def connections(self, *, within: float = 5.0) -> Connections:
        """Return the connections in use, which needs one. Raise ProviderError after `within` seconds at the latest."""
        row = (await self.fetch("connections", within=within))[0]
        return Connections(total=row["total"] or 0, active=row["active"] or 0, maximum=row["maximum"])

    async def fetch(
        self,
        query: str,
        params: Mapping[str, Any] | None = None,
        *,
        within: float = 10.0,
        most: int = MOST_ROWS,
        statement_seconds: float | None = None,
    ) -> list[dict[str, Any]]:
        """Return at most `most` rows of `sql/queries/<query>.sql`. Raise ProviderError where they cannot be had.

        `within` seconds bound the whole, the connecting too; the settings' statement timeout bounds the server, or
        `statement_seconds` where a query is known to take longer.
        """
        statement = sql.load(f"queries/{query}.sql")
        return await self._rows(statement, params, within=within, most=most, seconds=statement_seconds)

    async def _rows(
        self,
        statement: str,
        params: Mapping[str, Any] | None = None,
        *,
        within: float = 10.0,
        most: int = MOST_ROWS,
        seconds: float | None = None,
    ) -> list[dict[str, Any]]:
        async def read() -> list[dict[str, Any]]:
            async with await self._connect(within) as connection:
                await connection.set_read_only(True)
                timeout = f"{round((seconds or self.settings.statement_timeout_seconds) * 1000)}ms"
                async with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
                    await cursor.execute("SELECT set_config('statement_timeout', %s, true)", [timeout])
                    await cursor.execute(statement, params)
                    return await cursor.fetchmany(most)

        return await self._within(within, read)

    async def _within(self, seconds: float, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await bounded(translated(work), seconds, left=self._left)
        except TimeoutError:
            raise _failed("timeout", why=f"no answer within {seconds:g} s") from None

    async def run(self, command: str, params: Mapping[str, Any], *, within: float = 15.0) -> Any:
        """Return the result of `sql/commands/<command>.sql`, one transaction that writes: only for approved changes.

        Raises StaleError or UserError for what the product's own rules refuse, and ProviderError where it cannot be had;
        after that the effect may be there, and the same request asked again says so.
        """

        async def write() -> Any:
            async with await self._connect(within) as connection, connection.transaction():
                timeout = f"{round(self.settings.statement_timeout_seconds * 1000)}ms"
                await connection.execute("SELECT set_config('statement_timeout', %s, true)", [timeout])
                try:
                    cursor = await connection.execute(sql.load(f"commands/{command}.sql"), params)
                except psycopg.Error as error:
                    if error.sqlstate == "IL001":
                        raise StaleError(str(error.diag.message_primary)) from None
                    if error.sqlstate in ("IL002", "23505"):
                        raise UserError("The product refuses it: this was granted before.") from None
                    raise
                row = await cursor.fetchone()
                return row[0] if row else None

        return await self._within(within, write)

    async def apply(self, script: str, *, within: float = 15.0) -> None:
        """Run `sql/product/<script>.sql` whole, in one transaction: only for approved changes, and safe to run again.

        Raises UserError where our role may not, and ProviderError where it cannot be known whether it ran.
        """
        text = sql.load(f"product/{script}.sql")

        async def write() -> None:
            async with await self._connect(within) as connection, connection.transaction():
                timeout = f"{round(self.settings.statement_timeout_seconds * 1000)}ms"
                await connection.execute("SELECT set_config('statement_timeout', %s, true)", [timeout])
                try:
                    await connection.execute(text.encode())
                except psycopg.errors.InsufficientPrivilege:
                    raise UserError(
                        f"Our role may not apply `sql/product/{script}.sql`.",
                        todo="Run that file as the database's owner: Supabase's dashboard, SQL Editor.",
                    ) from None

        await self._within(within, write)

    async def close(self) -> None:
        """Wait for readings that were given up and have not ended yet; each ends within seconds."""
        if self._left:
            await asyncio.wait(self._left)

    async def _connect(self, within: float) -> psycopg.AsyncConnection[Any]:
        """Open a connection. libpq's own limit counts whole seconds, two at least; `bounded` is the finer one."""
        return await psycopg.AsyncConnection.connect(
            self.settings.database_url.get_secret_value(),
            connect_timeout=max(2, round(within)),
            prepare_threshold=None,  # a transaction pooler keeps no prepared statements
            application_name="ilab",
        )


def product_of(services: Services) -> ProductDatabase:
    """The product's database. NotConfiguredError where the settings hold none."""
    if services.product is None:
        raise NotConfiguredError("The product's database is not configured.", todo="Set ILAB_PRODUCT__DATABASE_URL.")
    return services.product


async def translated(work: Callable[[], Awaitable[T]]) -> T:
    """What the work returns; what PostgreSQL or the way to it says is raised as ProviderError, without its words."""
    try:
        return await work()
    except psycopg.Error as error:
        # the chain is cut: libpq's words hold the host and the user
        raise _from_psycopg(error) from TypeError(type(error).__name__)


def _from_psycopg(error: psycopg.Error) -> ProviderError:
    said = str(error).lower()
    kind, why = "rejected", f"refuses the query (SQLSTATE {error.sqlstate})"
    if isinstance(error, psycopg.errors.QueryCanceled):
        kind, why = "timeout", "the query ran into the statement timeout"
    elif isinstance(error, psycopg.errors.TooManyConnections) or any(words in said for words in _FULL):
        why = "no connection is left"
        return DatabaseFullError(f"{PROVIDER} could not be read: {why}.", provider=PROVIDER, kind="rejected", why=why)
    elif isinstance(error, psycopg.errors.InsufficientPrivilege):
        kind, why = "unauthorized", "our role may not read this"
    elif any(words in said for words in _REFUSED_US):
        kind, why = "unauthorized", "our credentials are refused"
    elif isinstance(error, psycopg.errors.ConnectionTimeout):
        kind, why = "timeout", "no answer while connecting"
    elif error.sqlstate is None or error.sqlstate.startswith(("08", "57")):
        kind, why = "refused", "no connection"
    return _failed(kind, why=why)


def _failed(kind: str, *, why: str) -> ProviderError:
    return ProviderError(f"{PROVIDER} could not be read: {why}.", provider=PROVIDER, kind=kind, why=why)
