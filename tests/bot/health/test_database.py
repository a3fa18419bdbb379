"""The product's database among the checks: read for real, and taken away."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from bot.health.check import Health
from bot.health.checks import build_health
from bot.health.readings import Cause, State
from bot.product import ProductDatabase
from bot.providers import Providers
from bot.settings import ProductSettings, Settings, StatusSettings
from bot.store.embedded import EmbeddedServer
from sandbox.databases import DatabaseProxy

MakeDatabase = Callable[..., Awaitable[str]]


@pytest.fixture
async def proxy(postgres: EmbeddedServer, make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[DatabaseProxy]:
    """An empty database that can be taken away."""
    dbname = str(conninfo_to_dict(await make_database(empty=True))["dbname"])
    async with DatabaseProxy(tmp_path / "product", upstream=postgres.socket_directory, dbname=dbname) as proxy:
        yield proxy


def health(conninfo: str, *, timeout: float = 10, warn: float = 0.7, alert: float = 0.85) -> Health:
    """The service of a bot that has nothing but the product's database."""
    product = ProductSettings(database_url=SecretStr(conninfo), warn_connections=warn, alert_connections=alert)
    status = StatusSettings(probe_timeout_seconds=timeout, slow_seconds=10, cache_seconds=0)
    settings = Settings(product=product, status=status)
    return build_health(settings, Providers(), ProductDatabase(product), lambda: datetime.now(UTC))


async def test_a_database_in_good_health(proxy: DatabaseProxy) -> None:
    """Connected to, read, and its connections counted."""
    reading = (await health(proxy.conninfo).report()).reading("database")
    assert reading.state is State.OK
    assert "of 200 connections" in reading.reason
    assert reading.facts["maximum"] == 200


async def test_a_database_beyond_its_thresholds(proxy: DatabaseProxy) -> None:
    """Amber beyond the one, red beyond the other, though nothing is down; and that is ours."""
    warned = (await health(proxy.conninfo, warn=0).report()).reading("database")
    alerted = (await health(proxy.conninfo, warn=0, alert=0).report()).reading("database")
    assert (warned.state, warned.red, warned.cause) == (State.DEGRADED, False, Cause.OURS)
    assert (alerted.state, alerted.red) == (State.DEGRADED, True)
    assert alerted.phrase.startswith("The product's database is nearly full")


@pytest.mark.parametrize(
    ("state", "reason"), [("down", "no connection"), ("hang", "no answer within 0.2 s")], ids=["down", "hang"]
)
async def test_a_database_that_is_gone(proxy: DatabaseProxy, state: str, reason: str) -> None:
    """Down, in time, and back without a restart."""
    service = health(proxy.conninfo, timeout=0.2 if state == "hang" else 10)
    proxy.set(state)
    report = await service.report()
    assert (report.reading("database").state, report.reading("database").reason) == (State.DOWN, reason)
    assert report.took < 5
    proxy.set("up")
    assert (await health(proxy.conninfo).report()).reading("database").state is State.OK


async def test_a_database_without_a_free_connection(proxy: DatabaseProxy) -> None:
    """It answers, but nobody can use it: down, and ours."""
    role = f"role_{uuid.uuid4().hex}"
    async with await psycopg.AsyncConnection.connect(proxy.conninfo, autocommit=True) as owner:
        await owner.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0".encode())
        reading = (await health(make_conninfo(proxy.conninfo, user=role)).report()).reading("database")
        await owner.execute(f"DROP ROLE {role}".encode())
    assert (reading.state, reading.reason, reading.cause) == (State.DOWN, "no connection is left", Cause.OURS)
