"""Migrations: applied once, in order, by one copy at a time, and refused where the database is not this code's."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import sql
from bot.errors import UserError
from bot.store.migrate import PROCRASTINATE, Migration, migrate, ours, pending

MakeDatabase = Callable[..., Awaitable[str]]
REPOSITORY = Path(__file__).parents[3]

PEOPLE = Migration(name="001_people.sql", text="CREATE TABLE people (name text); INSERT INTO people VALUES ('100 %');")
AGES = Migration(name="002_ages.sql", text="ALTER TABLE people ADD COLUMN age int;")
BROKEN = Migration(name="002_broken.sql", text="CREATE TABLE half (x int); SELECT 1 / 0;")
BASE = f"{PROCRASTINATE}schema.sql"


async def test_applies_in_order_and_once(make_database: MakeDatabase) -> None:
    """Procrastinate's schema comes first, then ours by number; a second time there is nothing to do."""
    conninfo = await make_database(empty=True)
    assert await pending(conninfo, migrations=[PEOPLE, AGES]) == [BASE, PEOPLE.name, AGES.name]
    assert await migrate(conninfo, migrations=[PEOPLE, AGES]) == [BASE, PEOPLE.name, AGES.name]
    assert await pending(conninfo, migrations=[PEOPLE, AGES]) == []
    assert await migrate(conninfo, migrations=[PEOPLE, AGES]) == []
    assert await _rows(conninfo, "SELECT name, age FROM people") == [("100 %", None)]


async def test_on_a_connection(make_database: MakeDatabase) -> None:
    """An open connection will do, if each migration can have a transaction of its own on it."""
    conninfo = await make_database(empty=True)
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        assert await migrate(connection, migrations=[PEOPLE]) == [BASE, PEOPLE.name]
    async with await psycopg.AsyncConnection.connect(conninfo) as connection:
        with pytest.raises(ValueError, match="autocommit"):
            await migrate(connection, migrations=[PEOPLE])


async def test_ours(make_database: MakeDatabase) -> None:
    """The files of this repository make a database that procrastinate can work with, and leave nothing pending."""
    conninfo = await make_database()
    assert await pending(conninfo) == []
    applied = [name for (name,) in await _rows(conninfo, "SELECT name FROM schema_migrations ORDER BY name")]
    assert [name for name in applied if not name.startswith(PROCRASTINATE)] == [migration.name for migration in ours()]
    assert await _rows(conninfo, "SELECT count(*) FROM procrastinate_jobs") == [(0,)]


async def test_a_broken_one_leaves_nothing(make_database: MakeDatabase) -> None:
    """A migration that fails is undone whole, is named in the error, and those before it stay."""
    conninfo = await make_database(empty=True)
    with pytest.raises(psycopg.errors.DivisionByZero) as failed:
        await migrate(conninfo, migrations=[PEOPLE, BROKEN])
    assert failed.value.__notes__ == ["in the migration 002_broken.sql"]
    assert await _rows(conninfo, "SELECT to_regclass('half')::text, count(*) FROM people") == [(None, 1)]
    assert await pending(conninfo, migrations=[PEOPLE, AGES]) == [AGES.name]


async def test_ends_no_transaction_of_its_own(make_database: MakeDatabase) -> None:
    """A file with a COMMIT in it is refused: half of it would stay when the rest fails."""
    conninfo = await make_database(empty=True)
    commits = Migration(name="001_commits.sql", text="CREATE TABLE x (y int); COMMIT;")
    with pytest.raises(ValueError, match=r"001_commits\.sql ends its own transaction"):
        await migrate(conninfo, migrations=[commits])


async def test_refuses_a_changed_file(make_database: MakeDatabase) -> None:
    """A file that changed after it was applied is refused by name, and nothing else is applied."""
    conninfo = await make_database(empty=True)
    await migrate(conninfo, migrations=[PEOPLE])
    changed = Migration(name=PEOPLE.name, text=PEOPLE.text + " -- changed")
    for call in (migrate, pending):
        with pytest.raises(UserError, match=r"001_people\.sql is not the one that this database was made with"):
            await call(conninfo, migrations=[changed, AGES])
    assert await pending(conninfo, migrations=[PEOPLE, AGES]) == [AGES.name]


async def test_an_older_copy_may_start(make_database: MakeDatabase) -> None:
    """Migrations of a newer bot are tolerated: an old copy has to be able to restart during a deployment."""
    conninfo = await make_database(empty=True)
    await migrate(conninfo, migrations=[PEOPLE, AGES])
    assert await migrate(conninfo, migrations=[PEOPLE]) == []


async def test_refuses_another_line(make_database: MakeDatabase) -> None:
    """A database with an unknown migration among those known here belongs to another branch, and is left alone."""
    conninfo = await make_database(empty=True)
    other = Migration(name="001_other.sql", text="SELECT 1")
    await migrate(conninfo, migrations=[other])
    with pytest.raises(UserError, match=r"has the migration 001_other\.sql"):
        await migrate(conninfo, migrations=[PEOPLE, AGES])


@pytest.mark.parametrize("name", ["1_short.sql", "001-dash.sql", "001_Upper.sql", "001_people.sql"])
async def test_refuses_names(make_database: MakeDatabase, name: str) -> None:
    """Names that would not sort, and numbers used twice, are faults of the code."""
    with pytest.raises(ValueError, match="each number is used once"):
        await migrate("", migrations=[PEOPLE, Migration(name=name, text="SELECT 1")])


async def test_many_start_together(make_database: MakeDatabase) -> None:
    """Of eight copies that start together, each migration is applied by exactly one, and all come back."""
    conninfo = await make_database(empty=True)
    slow = Migration(name="002_slow.sql", text="SELECT pg_sleep(0.1); ALTER TABLE people ADD COLUMN age int;")
    done = await asyncio.gather(*(migrate(conninfo, migrations=[PEOPLE, slow]) for _ in range(8)))
    assert sorted(name for names in done for name in names) == sorted([BASE, PEOPLE.name, slow.name])
    assert await _rows(conninfo, "SELECT name, age FROM people") == [("100 %", None)]


async def test_a_copy_is_killed(make_database: MakeDatabase) -> None:
    """A copy that is killed in the middle of a migration neither blocks the next one nor leaves half of it."""
    conninfo = await make_database(empty=True)
    await migrate(conninfo, migrations=[PEOPLE])
    program = (
        "import asyncio, sys; from bot.store.migrate import Migration, migrate;"
        "asyncio.run(migrate(sys.argv[1], migrations=["
        "Migration(name='001_people.sql', text=sys.argv[2]),"
        "Migration(name='002_long.sql', text='ALTER TABLE people ADD COLUMN long int; SELECT pg_sleep(60)')]))"
    )
    command = [sys.executable, "-c", program, conninfo, PEOPLE.text]
    copy = await asyncio.create_subprocess_exec(*command, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
    try:
        asleep = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
        while not await _rows(conninfo, asleep):
            assert copy.returncode is None
            await asyncio.sleep(0.01)
    finally:
        copy.send_signal(signal.SIGKILL)
        await copy.wait()
    await asyncio.wait_for(migrate(conninfo, migrations=[PEOPLE, AGES]), 10)
    columns = "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'people' ORDER BY 1"
    assert await _rows(conninfo, columns) == [("age",), ("name",)]


async def test_waits_for_an_old_process(make_database: MakeDatabase) -> None:
    """While an old process holds a row of the table, a migration waits, in slices, and is applied when it lets go."""
    conninfo = await make_database(empty=True)
    await migrate(conninfo, migrations=[PEOPLE])
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as old:
        async with old.transaction():
            await old.execute("SELECT * FROM people FOR UPDATE")
            waiting = asyncio.create_task(migrate(conninfo, migrations=[PEOPLE, AGES]))
            finished, _ = await asyncio.wait([waiting], timeout=0.3)
            assert not finished
        assert await waiting == [AGES.name]


@pytest.mark.parametrize("hours", [0, 2])
async def test_a_newer_procrastinate(make_database: MakeDatabase, hours: int) -> None:
    """What a newer release ships is applied: its `pre` files at once, its `post` files an hour after the last of them."""
    conninfo = await make_database(empty=True)
    await migrate(conninfo, migrations=[])
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        # As if the database were of the release before: what the last two files did is undone.
        await connection.execute("DROP FUNCTION procrastinate_retry_job_v2")
        await connection.execute("DELETE FROM schema_migrations WHERE name LIKE 'procrastinate/03.04.00%'")
        await connection.execute(
            "DELETE FROM pg_enum WHERE enumlabel = 'retried' AND enumtypid = 'procrastinate_job_event_type'::regtype"
        )
        pre, post = (
            f"{PROCRASTINATE}03.04.00_{name}_add_retry_failed_job_procedure.sql" for name in ("01_pre", "50_post")
        )
        assert await pending(connection, migrations=[]) == [pre]
        (before,) = await _rows(conninfo, "SELECT count(*) FROM schema_migrations")
        done = await migrate(connection, migrations=[])
        assert done == [pre]
        assert await migrate(connection, migrations=[]) == []
        await connection.execute(
            "UPDATE schema_migrations SET applied_at = applied_at - make_interval(hours => %s)", [hours]
        )
        assert await migrate(connection, migrations=[]) == ([post] if hours else [])
        assert await _rows(conninfo, "SELECT count(*) FROM schema_migrations") == [(before[0] + (2 if hours else 1),)]


def test_loader() -> None:
    """SQL is found by its path under `sql/`; folders list their files in order, and what is not there is an error."""
    listed = sql.names("migrations")
    assert listed == sorted(listed)
    assert all(sql.load(f"migrations/{name}").strip() for name in listed)
    assert sql.names("nowhere") == []
    with pytest.raises(FileNotFoundError):
        sql.load("migrations/nothing.sql")


async def _rows(conninfo: str, question: str) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        cursor = await connection.execute(question.encode())
        return await cursor.fetchall()
