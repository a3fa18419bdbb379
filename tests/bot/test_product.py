"""The product's database is read only, read briefly, and never able to hold the bot up."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from bot.errors import ProviderError
from bot.product import DatabaseFullError, ProductDatabase
from bot.settings import ProductSettings
from bot.store.embedded import EmbeddedServer
from sandbox.databases import DatabaseProxy

MakeDatabase = Callable[..., Awaitable[str]]


def product(conninfo: str, *, statement_timeout: float = 5) -> ProductDatabase:
    """The bot's access to that database."""
    return ProductDatabase(
        ProductSettings(database_url=SecretStr(conninfo), statement_timeout_seconds=statement_timeout)
    )


@pytest.fixture
async def proxy(postgres: EmbeddedServer, make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[DatabaseProxy]:
    """An empty database that can be taken away."""
    dbname = psycopg.conninfo.conninfo_to_dict(await make_database(empty=True))["dbname"]
    async with DatabaseProxy(tmp_path / "product", upstream=postgres.socket_directory, dbname=str(dbname)) as proxy:
        yield proxy


@pytest.fixture
async def role(proxy: DatabaseProxy) -> AsyncIterator[str]:
    """A role of the server that may log in and nothing else."""
    name = f"role_{uuid.uuid4().hex}"
    async with await psycopg.AsyncConnection.connect(proxy.conninfo, autocommit=True) as owner:
        await owner.execute(f"CREATE ROLE {name} LOGIN".encode())
        yield name
        await owner.execute(f"DROP ROLE {name}".encode())


async def failed(call: Awaitable[object]) -> ProviderError:
    """The error that the call ends in."""
    with pytest.raises(ProviderError) as caught:
        await call
    return caught.value


async def test_connections_are_counted_against_the_maximum(proxy: DatabaseProxy) -> None:
    """Ours is among them, and the maximum is the server's own."""
    found = await product(proxy.conninfo).connections()
    assert 1 <= found.total < found.maximum == 200
    assert found.active >= 1
    assert found.share == found.total / 200


async def test_a_role_without_rights_counts_the_same(proxy: DatabaseProxy, role: str) -> None:
    """pg_stat_activity hides other roles' sessions; the count must not depend on that."""
    found = await product(make_conninfo(proxy.conninfo, user=role)).connections()
    assert found.total >= 2


async def test_nothing_can_be_written(proxy: DatabaseProxy) -> None:
    """The transaction is READ ONLY, whatever the query says."""
    error = await failed(product(proxy.conninfo)._rows("CREATE TABLE x ()"))
    assert (error.kind, error.why) == ("rejected", "refuses the query (SQLSTATE 25006)")


async def test_a_long_query_is_ended_by_the_server(proxy: DatabaseProxy) -> None:
    """By the statement timeout of the settings."""
    error = await failed(product(proxy.conninfo, statement_timeout=0.05)._rows("SELECT pg_sleep(30)"))
    assert (error.kind, error.why) == ("timeout", "the query ran into the statement timeout")


async def test_rows_are_capped(proxy: DatabaseProxy) -> None:
    """However many there are."""
    rows = await product(proxy.conninfo)._rows("SELECT generate_series(1, 5000) AS n", most=3)
    assert rows == [{"n": 1}, {"n": 2}, {"n": 3}]


async def test_parameters_are_never_text(proxy: DatabaseProxy) -> None:
    """They go beside the query."""
    rows = await product(proxy.conninfo)._rows("SELECT %(email)s AS email", {"email": "'; DROP TABLE x"})
    assert rows == [{"email": "'; DROP TABLE x"}]


async def test_a_database_that_is_down_is_refused_and_back_when_it_is(proxy: DatabaseProxy) -> None:
    """Nothing is kept that would have to be repaired."""
    database = product(proxy.conninfo)
    proxy.set("down")
    assert (await failed(database.connections())).kind == "refused"
    proxy.set("up")
    assert (await database.connections()).maximum == 200


async def test_a_database_that_hangs_is_given_up_in_time(proxy: DatabaseProxy) -> None:
    """Finer than libpq's whole seconds; and closing does not wait for long either."""
    database = product(proxy.conninfo)
    proxy.set("hang")
    started = time.monotonic()
    error = await failed(database.connections(within=0.1))
    assert (error.kind, error.why) == ("timeout", "no answer within 0.1 s")
    assert time.monotonic() - started < 4
    await database.close()


async def test_a_database_that_falls_silent_in_a_query_is_given_up_in_time(proxy: DatabaseProxy) -> None:
    """Psycopg would take seconds to cancel the query: nobody waits for that."""
    database = product(proxy.conninfo)
    reading = asyncio.create_task(failed(database._rows("SELECT pg_sleep(30)", within=0.3)))
    await asyncio.sleep(0.15)
    proxy.set("hang")
    started = time.monotonic()
    assert (await reading).kind == "timeout"
    assert time.monotonic() - started < 4
    proxy.set("up")
    await database.close()


async def test_no_free_connection_is_said_as_such(proxy: DatabaseProxy, role: str) -> None:
    """The runbook's "too many connections": the database answers, and has no room."""
    async with await psycopg.AsyncConnection.connect(proxy.conninfo, autocommit=True) as owner:
        await owner.execute(f"ALTER ROLE {role} CONNECTION LIMIT 0".encode())
    error = await failed(product(make_conninfo(proxy.conninfo, user=role)).connections())
    assert isinstance(error, DatabaseFullError)
    assert (error.kind, error.why) == ("rejected", "no connection is left")


async def test_no_error_shows_where_the_database_is(proxy: DatabaseProxy) -> None:
    """Neither host, nor user, nor password."""
    conninfo = make_conninfo(proxy.conninfo, user="nobody_here", password="do_not_show")
    error = await failed(product(conninfo).connections())
    text = f"{error!r} {error.sentences} {error.__cause__!r} {error.__cause__}"
    assert error.kind == "unauthorized"
    for secret in ("nobody_here", "do_not_show", "product", str(Path(proxy.conninfo).parent)):
        assert secret not in text.replace("product's", "")
