"""The bot's own database, a workspace, and a clock that can be put forward: what its parts are tried against."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from bot.app import grants
from bot.directory import Directory
from bot.settings import Settings, SlackSettings
from bot.slack.client import Slack, connected, whoami
from bot.store.database import Database
from bot.store.embedded import EmbeddedServer
from sandbox.databases import DatabaseProxy
from sandbox.server import Config, Sandbox
from sandbox.world import CREDENTIALS, Clock

MakeDatabase = Callable[..., Awaitable[str]]


@pytest.fixture
async def conninfo(make_database: MakeDatabase) -> str:
    """A migrated database of this test's own."""
    return await make_database()


@pytest.fixture
async def database(conninfo: str) -> AsyncIterator[Database]:
    """The pool on it."""
    pool = Database(conninfo)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
async def connection(conninfo: str) -> AsyncIterator[psycopg.AsyncConnection[tuple[object, ...]]]:
    """A plain connection to it, as a superuser, in autocommit mode."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as plain:
        yield plain


@pytest.fixture
async def proxy(postgres: EmbeddedServer, conninfo: str, tmp_path: Path) -> AsyncIterator[DatabaseProxy]:
    """The same database, through a switch that can take it away."""
    dbname = str(psycopg.conninfo.conninfo_to_dict(conninfo)["dbname"])
    async with DatabaseProxy(tmp_path / "own", upstream=postgres.socket_directory, dbname=dbname) as switch:
        yield switch


@pytest.fixture
async def shaky(proxy: DatabaseProxy) -> AsyncIterator[Database]:
    """The pool through the switch."""
    pool = Database(proxy.conninfo)
    await pool.open()
    yield pool
    proxy.set("down")  # closing must not wait for what hangs
    await pool.close()


@pytest.fixture
def clock() -> Clock:
    """The bot's own time."""
    return Clock()


@pytest.fixture
def people(database: Database, clock: Clock) -> Directory:
    """Who is who, with no Slack to ask."""
    return Directory(
        lookup=None, database=database, grants=grants(Settings()), now=clock.now, fresh_for=timedelta(minutes=1)
    )


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A workspace without rate limits."""
    async with Sandbox.running(Config(rate_limits=False)) as running:
        yield running


@pytest.fixture
def slack_settings(sandbox: Sandbox) -> SlackSettings:
    """What points the clients at the workspace."""
    return SlackSettings(
        bot_token=SecretStr(CREDENTIALS["slack.bot_token"]),
        signing_secret=SecretStr(CREDENTIALS["slack.signing_secret"]),
        base_url=f"{sandbox.url}/slack/api/",
    )


@pytest.fixture
async def slack(slack_settings: SlackSettings) -> AsyncIterator[Slack]:
    """The clients, signed in."""
    async with connected(slack_settings) as clients:
        yield await whoami(clients)
