"""The migrations of our own database: numbered files of `sql/migrations/`, after procrastinate's own schema.

Each is applied once, in order, in a transaction that also records it in `schema_migrations(name, sha256, applied_at)`,
under an advisory lock that ends with that transaction: a copy that is killed leaves nothing behind, copies that start
together wait for each other, and a pooler in transaction mode does no harm. An old process may go on running: locks on
its tables are asked for a few seconds at a time, so that nothing queues up behind a waiting migration.

An applied file must never change (its hash is compared). Rows of a newer bot, numbered after ours, are tolerated, for
an old copy must be able to restart in the middle of a deployment. Why no library: docs/decisions/0003-migrations.md.

procrastinate ships `schema.sql`, which is for empty databases and is whole, and one file a change, named
`{version}_{serial}_{pre|post}_{what}.sql`; keeping track of them is left to us ("Migrate the Procrastinate schema" in
its documentation). So an empty database gets `schema.sql`, with all files of that release recorded as contained in it.
When a later release brings more, `pre` files are applied at the first start of the new code, with which the old code
can live; `post` files remove what the old code needs, and follow at the first start an hour later or more. To upgrade
without interruption, pass through every release that brings migrations, as procrastinate's documentation says.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

import sql
from bot.errors import UserError

Connection = psycopg.AsyncConnection[Any]

LOCK: Final = 0x696C6162
"""The key of the advisory lock: "ilab"."""
PROCRASTINATE: Final = "procrastinate/"
"""What the names of procrastinate's files begin with in `schema_migrations`."""
POST_DELAY: Final = timedelta(hours=1)
"""How long after the last `pre` file of procrastinate its `post` files wait for old copies of the bot to end."""
LOCK_TIMEOUT: Final = "4s"
LOCK_ATTEMPTS: Final = 8
_NAME: Final = re.compile(r"(\d{3})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """One file, and what it contains already: names that count as applied with it."""

    name: str
    text: str
    contains: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The hash of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """A row of `schema_migrations`."""

    sha256: str
    applied_at: datetime


def ours() -> list[Migration]:
    """The files of `sql/migrations/`, in order. Raises ValueError where a name or number is not as it must be."""
    found = [Migration(name=name, text=sql.load(f"migrations/{name}")) for name in sql.names("migrations")]
    _check_names(found)
    return found


async def migrate(target: str | Connection, *, migrations: Sequence[Migration] | None = None) -> list[str]:
    """The database is as this code needs it; the names of what was applied just now are returned, in order.

    `target` is a conninfo, or an idle connection with autocommit. Raises UserError where an applied file has changed,
    where the database is another branch's, or where somebody holds a lock for half a minute.
    """
    wanted = ours() if migrations is None else list(migrations)
    _check_names(wanted)
    done: list[str] = []
    async with _connected(target) as connection:
        while True:
            todo = _todo(wanted, await _applied(connection))
            if not todo:
                return done
            done += [migration.name for migration in todo if await _apply(connection, migration)]


async def pending(target: str | Connection, *, migrations: Sequence[Migration] | None = None) -> list[str]:
    """The names of what `migrate` would apply now, in order. It changes nothing, and raises what `migrate` raises."""
    wanted = ours() if migrations is None else list(migrations)
    _check_names(wanted)
    async with _connected(target) as connection:
        return [migration.name for migration in _todo(wanted, await _applied(connection))]


@contextlib.asynccontextmanager
async def _connected(target: str | Connection) -> AsyncIterator[Connection]:
    if isinstance(target, str):
        async with await psycopg.AsyncConnection.connect(target, autocommit=True) as connection:
            yield connection
    elif not target.autocommit:
        raise ValueError("migrations need a connection with autocommit: each has a transaction of its own")
    else:
        yield target


def _check_names(migrations: Sequence[Migration]) -> None:
    numbers: set[str] = set()
    for migration in migrations:
        match = _NAME.fullmatch(migration.name)
        if not match or match[1] in numbers:
            raise ValueError(f"{migration.name}: a migration is called NNN_name.sql, and each number is used once")
        numbers.add(match[1])


# What is to be done: decided without I/O but for the files that procrastinate ships


def _todo(wanted: Sequence[Migration], applied: dict[str, Applied]) -> list[Migration]:
    """What is not applied yet, in order. Raises UserError where the database cannot be this code's."""
    last = max((migration.name for migration in wanted), default="")
    known = {migration.name: migration for migration in wanted}
    for name, row in applied.items():
        if name.startswith(PROCRASTINATE):
            continue
        if name in known and known[name].sha256 != row.sha256:
            raise UserError(
                f"The migration {name} is not the one that this database was made with.",
                why="An applied migration must not change: what it did cannot be done again.",
                todo="Restore the file as it was, and put the change into a new migration.",
            )
        if name not in known and name <= last:
            raise UserError(
                f"The database has the migration {name}, which this version of the bot does not have.",
                why=f"This version knows later ones (up to {last}), so the database belongs to another line of it.",
                todo="Start the version that made the database, or use another database.",
            )
    library = _procrastinate(applied, datetime.now(UTC))
    return [*library, *(migration for migration in wanted if migration.name not in applied)]


def _procrastinate(applied: dict[str, Applied], now: datetime) -> list[Migration]:
    """What procrastinate's schema still needs: all of it, or the files of later releases, `post` ones when it is time."""
    spec = importlib.util.find_spec("procrastinate")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("procrastinate is not installed.", todo="Install ilab with its dependencies.")
    folder = Path(spec.submodule_search_locations[0]) / "sql"
    shipped = sorted(path.name for path in (folder / "migrations").glob("*.sql"))
    base = f"{PROCRASTINATE}schema.sql"
    if base not in applied:
        text = (folder / "schema.sql").read_text(encoding="utf-8")
        return [Migration(name=base, text=text, contains=tuple(PROCRASTINATE + name for name in shipped))]
    missing = [name for name in shipped if PROCRASTINATE + name not in applied]
    last_applied = max(row.applied_at for name, row in applied.items() if name.startswith(PROCRASTINATE))
    if any("_pre_" in name for name in missing) or now - last_applied < POST_DELAY:
        # A `post` file before the last `pre` belongs to a release that is passed over; the one after it must wait.
        while missing and "_pre_" not in missing[-1]:
            missing.pop()
    return [
        Migration(name=PROCRASTINATE + name, text=(folder / "migrations" / name).read_text(encoding="utf-8"))
        for name in missing
    ]


# The database


async def _applied(connection: Connection) -> dict[str, Applied]:
    """The rows of `schema_migrations`; none where there is no such table."""
    cursor = await connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")
    if not _value(await cursor.fetchone()):
        return {}
    cursor = await connection.execute("SELECT name, sha256, applied_at FROM schema_migrations ORDER BY name")
    return {name: Applied(sha256=sha256, applied_at=applied_at) for name, sha256, applied_at in await cursor.fetchall()}


async def _apply(connection: Connection, migration: Migration) -> bool:
    """The migration is applied and recorded, here (True) or by another copy meanwhile (False)."""
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            async with connection.transaction():
                return await _apply_once(connection, migration)
        except psycopg.errors.LockNotAvailable as error:
            if attempt == LOCK_ATTEMPTS:
                raise UserError(
                    f"The migration {migration.name} could not lock what it changes.",
                    why="A transaction of another process has held it the whole time.",
                    todo="End that transaction (pg_stat_activity shows it), and start again.",
                ) from error
        except psycopg.Error as error:
            error.add_note(f"in the migration {migration.name}")
            raise
        await asyncio.sleep(0.5)
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _apply_once(connection: Connection, migration: Migration) -> bool:
    # A killed copy's server process would otherwise finish a long statement, and hold everything until then.
    check = "SELECT set_config('client_connection_check_interval', '500ms', true) WHERE version() LIKE '%linux%'"
    await connection.execute(check)
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        "name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    cursor = await connection.execute("SELECT 1 FROM schema_migrations WHERE name = %s", [migration.name])
    if await cursor.fetchone():
        return False
    await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    await connection.execute(migration.text.encode())
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise ValueError(f"{migration.name} ends its own transaction; leave BEGIN and COMMIT out of migrations")
    await connection.cursor().executemany(
        "INSERT INTO schema_migrations (name, sha256) VALUES (%s, %s)",
        [(name, migration.sha256) for name in (migration.name, *migration.contains)],
    )
    return True


def _value(row: tuple[Any, ...] | None) -> Any:
    return row[0] if row else None
