"""Commits are seen on their way, and can be struck at before they are done, or before they are known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psycopg
import pytest

from bot.store.embedded import EmbeddedServer
from sandbox.commits import subject
from sandbox.databases import DatabaseProxy
from sandbox.writes import Moment, Write, Writes

MakeDatabase = Callable[..., Awaitable[str]]
Connection = psycopg.AsyncConnection[tuple[object, ...]]


class Seen:
    """A database behind a switch that tells of commits."""

    def __init__(self, proxy: DatabaseProxy, writes: Writes, direct: str) -> None:
        """`direct` is the way past the switch."""
        self.proxy, self.writes, self.direct = proxy, writes, direct

    @property
    def log(self) -> list[str]:
        """What was written, oldest first."""
        return [str(write) for write in self.writes.log]

    async def count(self) -> int:
        """The rows that are really there."""
        async with await psycopg.AsyncConnection.connect(self.direct) as connection:
            row = await (await connection.execute("select count(*) from t")).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
async def seen(postgres: EmbeddedServer, make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Seen]:
    """One table, nothing in it."""
    direct = await make_database(empty=True)
    async with await psycopg.AsyncConnection.connect(direct, autocommit=True) as connection:
        await connection.execute("create table t (n int primary key)")
    dbname = str(psycopg.conninfo.conninfo_to_dict(direct)["dbname"])
    writes = Writes()
    async with DatabaseProxy(
        tmp_path / "own", upstream=postgres.socket_directory, dbname=dbname, writes=writes
    ) as proxy:
        yield Seen(proxy, writes, direct)


async def connected(seen: Seen) -> Connection:
    """A client's connection."""
    return await psycopg.AsyncConnection.connect(seen.proxy.conninfo, autocommit=True)


async def both(connection: Connection, *numbers: int) -> None:
    """All in one transaction."""
    async with connection.transaction():
        for number in numbers:
            await connection.execute("insert into t values (%s)", [number])


async def test_what_changes_something_is_told(seen: Seen) -> None:
    """Statements alone and transactions are told once each; what reads, or changes no row, is not."""
    async with await connected(seen) as connection:
        await connection.execute("select 1")
        await connection.execute("update t set n = n + 1 where n = 7")
        await connection.execute("insert into t values (1)")
        async with connection.transaction():
            await connection.execute("insert into t values (2)")
            await connection.execute("delete from t where n = 1")
        async with connection.transaction():
            await connection.execute("select count(*) from t")
    assert seen.log == ["own: insert t", "own: insert t, delete t"]
    assert await seen.count() == 1


async def test_the_client_notices_nothing(seen: Seen) -> None:
    """Errors, prepared statements, large answers and notifications come through as they are."""
    async with await connected(seen) as connection:
        for number in range(12):  # after five of a kind psycopg prepares them
            await connection.execute("insert into t values (%s)", [number])
        with pytest.raises(psycopg.errors.UniqueViolation):
            await connection.execute("insert into t values (3)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            await both(connection, 99, 3)
        row = await (await connection.execute("select repeat('x', 300000)")).fetchone()
        assert row is not None
        assert len(str(row[0])) == 300_000
        await connection.execute("listen news")
        async with await connected(seen) as other:
            await other.execute("select pg_notify('news', 'it works')")
        async for notice in connection.notifies(timeout=5, stop_after=1):
            assert notice.payload == "it works"
    assert seen.log == ["own: insert t"] * 12
    assert await seen.count() == 12


async def alone(connection: Connection) -> None:
    """A statement that is its own transaction."""
    await connection.execute("insert into t values (1)")


async def together(connection: Connection) -> None:
    """A transaction."""
    async with connection.transaction():
        await alone(connection)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [alone, together])
async def test_a_strike(seen: Seen, moment: Moment, write: Callable[[Connection], Awaitable[None]]) -> None:
    """Before: it is not done. After: it is. In either case the client loses its connection and never knows."""

    def strike(written: Write, at: Moment) -> bool:
        return at == moment and written.what == "insert t"

    async with await connected(seen) as connection:
        seen.writes.strike = strike
        with pytest.raises(psycopg.OperationalError):
            await write(connection)
    assert await seen.count() == (1 if moment == "after" else 0)


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["insert into inbox (key) values ($1) on conflict (key) do update set x = 1"], "insert inbox"),
        (["with due as (select 1 from clocks for update skip locked) update clocks set x = 1"], "update clocks x"),
        (["select id from procrastinate_fetch_job_v2($1)"], "procrastinate_fetch_job_v2"),
        (["select * from t for update", "update a set b = 1", "update a set b = 2"], "update a b"),
        (["select ilab.grant_interviews($1, $2)"], "ilab.grant_interviews"),
        (["update posts set state = 'sent', ts = $1"], "update posts state = 'sent'"),
        (["truncate   t"], "truncate t"),
    ],
)
def test_what_is_written_in_words(statements: list[str], words: str) -> None:
    """A transaction is called by what it writes."""
    assert subject(statements) == words
