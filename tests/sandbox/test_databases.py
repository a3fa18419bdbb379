"""A database behind a switch: up, down, slow, hanging, as the bot would see it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psycopg
import pytest

from bot.store.embedded import EmbeddedServer
from sandbox.databases import DatabaseProxy

MakeDatabase = Callable[..., Awaitable[str]]


@pytest.fixture
async def proxy(postgres: EmbeddedServer, make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[DatabaseProxy]:
    """A switch in front of an empty database."""
    dbname = str(psycopg.conninfo.conninfo_to_dict(await make_database(empty=True))["dbname"])
    async with DatabaseProxy(tmp_path / "own", upstream=postgres.socket_directory, dbname=dbname) as proxy:
        yield proxy


async def _ask(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> object:
    row = await (await connection.execute("SELECT current_database()")).fetchone()
    assert row is not None
    return row[0]


async def test_passes_everything_on(proxy: DatabaseProxy) -> None:
    """While up, the database answers through the switch, large results too."""
    async with await psycopg.AsyncConnection.connect(proxy.conninfo, autocommit=True) as connection:
        assert await _ask(connection) == proxy.dbname
        cursor = await connection.execute("SELECT repeat('x', 3000000)")
        row = await cursor.fetchone()
        assert row is not None
        assert len(row[0]) == 3_000_000
        assert proxy.connections == 1
    assert await _becomes(lambda: proxy.connections == 0)


async def test_goes_down_and_comes_back(proxy: DatabaseProxy) -> None:
    """Going down cuts what is connected and refuses what comes; coming back serves new connections."""
    connection = await psycopg.AsyncConnection.connect(proxy.conninfo, autocommit=True)
    proxy.set("down")
    with pytest.raises(psycopg.OperationalError):
        await _ask(connection)
    with pytest.raises(psycopg.OperationalError):
        await psycopg.AsyncConnection.connect(proxy.conninfo)
    proxy.set("up")
    async with await psycopg.AsyncConnection.connect(proxy.conninfo) as again:
        assert await _ask(again) == proxy.dbname


async def test_slows_down(proxy: DatabaseProxy) -> None:
    """While slow, a question takes the delay twice: once there, once back."""
    async with await psycopg.AsyncConnection.connect(proxy.conninfo, autocommit=True) as connection:
        proxy.set("slow", seconds=0.1)
        begun = time.monotonic()
        assert await _ask(connection) == proxy.dbname
        assert time.monotonic() - begun >= 0.2
        proxy.set("up")


async def test_hangs(proxy: DatabaseProxy) -> None:
    """While hanging nothing is answered, to old or new connections; afterwards what was held back is."""
    async with await psycopg.AsyncConnection.connect(proxy.conninfo, autocommit=True) as connection:
        proxy.set("hang")
        question = asyncio.create_task(_ask(connection))
        newcomer = asyncio.create_task(psycopg.AsyncConnection.connect(proxy.conninfo))
        done, _ = await asyncio.wait([question, newcomer], timeout=0.2)
        assert not done
        proxy.set("up")
        assert await question == proxy.dbname
        await (await newcomer).close()


async def test_goes_from_hanging_to_down(proxy: DatabaseProxy) -> None:
    """Those who were kept waiting learn at once that the database is down."""
    proxy.set("hang")
    newcomer = asyncio.create_task(psycopg.AsyncConnection.connect(proxy.conninfo))
    await asyncio.wait([newcomer], timeout=0.05)
    proxy.set("down")
    with pytest.raises(psycopg.OperationalError):
        await asyncio.wait_for(newcomer, 5)


async def test_refuses_states_that_there_are_not(proxy: DatabaseProxy) -> None:
    """A misspelt state is refused with the states that there are, and changes nothing."""
    with pytest.raises(ValueError, match="up, down, slow, hang"):
        proxy.set("broken")
    assert proxy.state == "up"


async def test_says_that_the_server_is_gone(tmp_path: Path) -> None:
    """With no server behind it, a connection ends at once instead of waiting."""
    async with DatabaseProxy(tmp_path / "own", upstream=tmp_path / "nowhere", dbname="x") as proxy:
        with pytest.raises(psycopg.OperationalError):
            await asyncio.wait_for(psycopg.AsyncConnection.connect(proxy.conninfo), 5)


async def test_leaves_nothing(postgres: EmbeddedServer, tmp_path: Path) -> None:
    """In a directory too deep for a socket it listens elsewhere; leaving cuts the connected and removes both."""
    deep = tmp_path / ("deep" * 30)
    async with DatabaseProxy(deep, upstream=postgres.socket_directory, dbname="postgres") as proxy:
        listening = Path(str(psycopg.conninfo.conninfo_to_dict(proxy.conninfo)["host"]))
        assert _mode(listening) == 0o700
        connection = await psycopg.AsyncConnection.connect(proxy.conninfo, autocommit=True)
    with pytest.raises(psycopg.OperationalError):
        await _ask(connection)
    assert [_mode(place) for place in (listening, deep)] == [None, None]


def _mode(path: Path) -> int | None:
    """The mode of what is there, or None."""
    return path.stat().st_mode & 0o777 if path.exists() else None


async def _becomes(condition: Callable[[], bool]) -> bool:
    """Whether it comes true within two seconds."""
    for _ in range(200):
        if condition():
            return True
        await asyncio.sleep(0.01)
    return False
