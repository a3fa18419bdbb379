"""`db migrate`: a file of the folder, on staging first, then on production inside the window or in an open P0 or P1."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from storytelling import Said, Story, until

GOOD = (
    "alter table public.sessions add column language text not null default 'en';\ncomment on table sessions is 'x';\n"
)
STEPS = (
    "create index concurrently turns_by_time on public.turns (created_at);\n"
    "-- an index that cannot be\n"
    "create index concurrently turns_by_mood on public.turns (mood);\n"
    "create index concurrently turns_by_error on public.turns (error);\n"
)


@pytest.fixture
def folder(stage: Story) -> Path:
    """The folder of migrations."""
    place = stage.directory / "migrations"
    place.mkdir()
    (place / "015_language.sql").write_text(GOOD)
    (place / "016_indexes.sql").write_text(STEPS)
    (place / "017_broken.sql").write_text("drop table public.turns;\n\nupdate public.reports set a = 1;\n")
    stage.extra["ILAB_PRODUCT__MIGRATIONS"] = str(place)
    return place


def jump_to(story: Story, *, day: int, hour: int) -> None:
    """Put the clock forward to the next such weekday (0 is Monday) and hour, UTC."""
    now = story.sandbox.world.clock.now()
    days = (day - now.weekday()) % 7 or 7
    then = datetime(now.year, now.month, now.day, hour, 30, tzinfo=UTC).timestamp() + days * 86_400
    story.sandbox.world.clock.jump(then - now.timestamp())


async def look(conninfo: str, query: LiteralString) -> list[tuple[object, ...]]:
    """What a query finds in one of the product's databases."""
    async with await psycopg.AsyncConnection.connect(conninfo) as connection:
        return await (await connection.execute(query)).fetchall()


HAS_LANGUAGE: LiteralString = (
    "select count(*) from information_schema.columns where table_name = 'sessions' and column_name = 'language'"
)
INDEXES: LiteralString = "select count(*) from pg_indexes where indexname like 'turns_by_%' and tablename = 'turns'"


async def asked(story: Story, name: str) -> Said:
    """Alice asks for a migration, where nobody posts a digest when the clock is put forward."""
    return await story.asks("alice", f"/ilab db migrate {name}", "support")


async def approved(story: Story) -> Said:
    """Bob approves what waits, and it has run; its card."""
    (number,) = (await story.rows("select id from requests where state = 'awaiting_approval'"))[0]
    await story.asks("bob", f"/ilab approve {number}", "support")
    await until(lambda: story.state_of(number, "succeeded", "failed"), "it never ran")
    await story.settled()
    shown = story.sees("bob", "ops-approvals")
    return [one for one in shown if f"Db migrate · request {number}:" in one.text][-1]


async def test_staging_then_production_in_the_window(stage: Story, folder: Path, staging: str) -> None:
    """On Sunday staging alone; on Tuesday at half past two production, with the same hash; then there is nothing to do."""
    await stage.start()
    jump_to(stage, day=6, hour=12)
    said = await asked(stage, "015")
    digest = re.search(r"SHA-256 `([0-9a-f]{64})`", said.text)
    assert digest is not None
    assert said.first_line == (f"Request 1 waits for approval: run 015_language.sql ({digest[1][:12]}) on staging")
    assert "Production  The next window begins Tuesday" in said.text
    assert "How  in one transaction: all of it, or nothing" in said.text
    assert "Line 1  `alter table public.sessions add column language text not null default ?`" in said.text
    shown = await approved(stage)
    assert "015_language.sql is on staging. The next window begins Tuesday" in shown.text
    assert (await look(staging, HAS_LANGUAGE), await look(stage.direct_product, HAS_LANGUAGE)) == ([(1,)], [(0,)])
    closed = await asked(stage, "015")
    assert closed.first_line.startswith("Production's window is closed. The next window begins Tuesday")
    jump_to(stage, day=1, hour=2)
    said = await asked(stage, "015")
    assert said.first_line.endswith(f"run 015_language.sql ({digest[1][:12]}) on production")
    assert "Production  now: inside the window, Tuesday 02:00 to 04:00 UTC" in said.text
    assert "Staging  there since " in said.text
    shown = await approved(stage)
    assert "Production  all 2 statements are there" in shown.text
    assert shown.buttons == ["Database health"]
    assert await look(stage.direct_product, HAS_LANGUAGE) == [(1,)]
    again = await asked(stage, "015")
    assert again.first_line.startswith("015_language.sql is on production since ")
    (folder / "015_language.sql").write_text(GOOD + "-- and more\n")
    changed = await asked(stage, "015")
    assert changed.first_line == "015_language.sql was run on staging with other content."


async def test_both_at_once_in_a_p1(stage: Story, folder: Path, staging: str) -> None:
    """Outside the window an open P1 opens production: staging first, then production, by one approval."""
    await stage.start()
    jump_to(stage, day=2, hour=12)
    await stage.asks("alice", "/ilab incident declare P1 interviews do not start")
    said = await asked(stage, "015_language.sql")
    assert "on staging and then production" in said.first_line
    assert "Production  now: INC-1 is an open P1" in said.text
    shown = await approved(stage)
    assert "015_language.sql is on staging and production." in shown.text
    assert (await look(staging, HAS_LANGUAGE), await look(stage.direct_product, HAS_LANGUAGE)) == ([(1,)], [(1,)])


async def test_it_stops_on_staging(stage: Story, folder: Path, staging: str) -> None:
    """The second statement fails on staging: the line is named, the first is rolled back, production is not touched."""
    await stage.start()
    jump_to(stage, day=1, hour=2)
    said = await asked(stage, "017")
    assert "Destroys  drop table: a backup first" in said.text
    shown = await approved(stage)
    assert (
        '017_broken.sql failed on staging: line 3: relation "public.reports" does not exist (SQLSTATE 42P01);'
        " production was not touched." in shown.text
    )
    assert "Staging  nothing of it is there: its transaction was rolled back" in shown.text
    assert await look(staging, "select count(*) > 0 from public.turns") == [(True,)]


async def test_what_refuses_a_transaction(stage: Story, folder: Path, staging: str) -> None:
    """Statement by statement up to the first error, which says how many are there; mended, it goes on where it stopped."""
    await stage.start()
    jump_to(stage, day=1, hour=2)
    said = await asked(stage, "016")
    assert "How  statement by statement, since one of them refuses a transaction" in said.text
    shown = await approved(stage)
    assert 'failed on staging: line 3: column "mood" does not exist' in shown.text
    assert "Staging  1 of 3 statements are there; the rest was not run" in shown.text
    assert await look(staging, INDEXES) == [(1,)]
    said = await asked(stage, "016")
    assert "Staging  broken off 0 s ago after 1 of 3 statements, to go on from there" in re.sub(
        r"\d+ s ago", "0 s ago", said.text
    )
    async with await psycopg.AsyncConnection.connect(staging, autocommit=True) as connection:
        await connection.execute("alter table public.turns add column mood text")
    async with await psycopg.AsyncConnection.connect(stage.direct_product, autocommit=True) as connection:
        await connection.execute("alter table public.turns add column mood text")
    shown = await approved(stage)
    assert "016_indexes.sql is on staging and production." in shown.text
    assert (await look(staging, INDEXES), await look(stage.direct_product, INDEXES)) == ([(3,)], [(3,)])


async def test_the_plan_is_frozen(stage: Story, folder: Path, staging: str) -> None:
    """The file changes after the plan, or the window closes: the press is refused, and nothing runs."""
    await stage.start()
    jump_to(stage, day=1, hour=3)
    await asked(stage, "015")
    (folder / "015_language.sql").write_text(GOOD + "drop table public.turns;")
    said = await stage.asks("bob", "/ilab approve 1", "support")
    assert said.first_line == "Request 1 is stale, and was not run."
    assert "The file has changed: its hash is " in said.text
    await asked(stage, "015")
    stage.sandbox.world.clock.jump(3600)
    said = await stage.asks("bob", "/ilab approve 2", "support")
    assert "Production's window has closed." in said.text
    assert await look(staging, HAS_LANGUAGE) == [(0,)]


async def test_it_waits_for_no_lock(stage: Story, folder: Path, staging: str) -> None:
    """Somebody holds the table: the migration gives up after its limit instead of holding up everybody behind it."""
    await stage.start(ILAB_PRODUCT__MIGRATION_LOCK_SECONDS="0.2")
    jump_to(stage, day=1, hour=2)
    await asked(stage, "015")
    async with await psycopg.AsyncConnection.connect(staging) as holder:
        await holder.execute("lock table public.sessions in access share mode")
        shown = await approved(stage)
        await holder.rollback()
    assert "canceling statement due to lock timeout (SQLSTATE 55P03); production was not touched." in shown.text


async def test_run_twice_it_is_there_once(stage: Story, folder: Path, staging: str) -> None:
    """The database goes away while it runs: tried again when it is back, it is there once, and says so."""
    await stage.start()
    jump_to(stage, day=1, hour=2)
    await asked(stage, "015")
    pressing = asyncio.create_task(stage.asks("bob", "/ilab approve 1", "support"))
    await until(lambda: stage.state_of(1, "executing", "succeeded"), "never approved")
    stage.sandbox.databases["product"].set("down")
    await pressing
    stage.sandbox.databases["product"].set("up")
    await stage.tries_again(1, unless="succeeded")
    stage.sandbox.world.clock.jump(11)
    await until(lambda: stage.state_of(1, "succeeded"), "it never ran")
    assert await look(stage.direct_product, HAS_LANGUAGE) == [(1,)]
    assert await look(stage.direct_product, "select state, applied, total from ilab.migrations") == [("done", 2, 2)]


async def test_what_cannot_be_run(stage: Story, folder: Path, staging: str) -> None:
    """Each gets its sentence, and no request."""
    (folder / "psql.sql").write_text("\\i other.sql\n")
    (folder / "begins.sql").write_text("-- all at once\nbegin;\nselect 1;\ncommit;\n")
    (folder / "empty.sql").write_text("-- to be written\n;\n")
    await stage.start()
    for name, says in (
        ("018", "No migration begins with “018”."),
        ("01", "Several migrations begin with “01”."),
        ("../015_language.sql", "No migration begins with “../015_language.sql”."),
        ("psql", "Line 1 is a command of psql's (\\i)."),
        ("begins", "Line 2 controls the transaction itself (begin)."),
        ("empty", "There is no statement in this file."),
    ):
        said = await asked(stage, name)
        assert said.first_line.replace("`", "") == says
    assert await stage.rows("select count(*) from requests where state <> 'denied'") == [(0,)]


async def test_what_has_to_be_set(stage: Story, folder: Path) -> None:
    """Without staging, without a folder, or without our table over there: what to do is said."""
    async with stage.bot():
        said = await asked(stage, "015")
        assert said.first_line == "There is no staging to try it on."
    async with stage.bot(ILAB_PRODUCT__MIGRATIONS=""):
        said = await asked(stage, "015")
        assert said.first_line == "I know no folder of migrations."
    async with await psycopg.AsyncConnection.connect(stage.direct_product, autocommit=True) as connection:
        await connection.execute("drop table ilab.migrations")
    async with stage.bot(ILAB_PRODUCT__STAGING_DATABASE_URL=stage.direct_product):
        said = await asked(stage, "015")
        assert said.first_line == "What was run on staging cannot be noted there."
