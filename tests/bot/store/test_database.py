"""The pool on our own database: connections that the server has closed are never seen, and silence has an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.store.database import Connection, Database, DatabaseSilentError
from bot.store.embedded import EmbeddedServer
from sandbox.databases import DatabaseProxy


@pytest.fixture
async def conninfo(make_database: Any) -> str:
    """A database of this test's own."""
    made: str = await make_database(empty=True)
    return made


@pytest.fixture
async def database(conninfo: str) -> AsyncIterator[Database]:
    """A pool on it, with one connection that was used."""
    database = Database(conninfo)
    await database.open()
    await one(database)
    yield database
    await database.close()


async def one(database: Database, *, within: float = 2) -> int:
    """Ask the server for 1."""

    async def ask(connection: Connection) -> int:
        cursor = await connection.execute("select 1")
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    return await database.call(ask, within=within)


async def test_a_connection_that_the_server_closed_is_replaced_unseen(database: Database, conninfo: str) -> None:
    """After a restart of the server, the first call already works."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as other:
        cursor = await other.execute(
            "select count(pg_terminate_backend(pid, 2000)) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        row = await cursor.fetchone()
    assert row is not None
    assert row[0] >= 1
    assert await one(database) == 1
    async with database.transaction() as transaction:
        await transaction.execute("select 1")


async def test_a_server_that_says_nothing_any_more_ends_a_call_in_time(
    postgres: EmbeddedServer, conninfo: str, tmp_path: Path
) -> None:
    """A connection that was good hangs: the call ends with DatabaseSilentError, and works again when the server does."""
    name = dict(part.split("=", 1) for part in conninfo.split())["dbname"].strip("'")
    async with DatabaseProxy(tmp_path / "proxy", upstream=postgres.socket_directory, dbname=name) as proxy:
        database = Database(proxy.conninfo)
        await database.open()
        try:
            assert await one(database) == 1
            proxy.set("hang")
            begun = time.monotonic()
            with pytest.raises(DatabaseSilentError):
                await one(database, within=0.3)
            assert time.monotonic() - begun < 2
            proxy.set("down")
            with pytest.raises(DatabaseSilentError):
                await one(database, within=0.3)
            proxy.set("up")
            assert await one(database, within=10) == 1
        finally:
            await database.close()


async def test_who_waits_for_their_turn_is_told_of_no_silence(conninfo: str) -> None:
    """All connections are in use for longer than anybody waits; the server answers, and so everybody is served."""
    database = Database(conninfo, most=2)
    await database.open()

    async def ask(connection: Connection) -> None:
        await connection.execute("select pg_sleep(0.3)")

    async def begin_and_ask() -> None:
        async with database.transaction() as transaction:
            await ask(transaction)

    try:
        await asyncio.gather(*(database.call(ask) for _ in range(9)), *(begin_and_ask() for _ in range(9)))
    finally:
        await database.close()
