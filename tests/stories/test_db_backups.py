"""`db backups`, `db backup` and `db prove`: what can be restored, real dumps, and whether they hold."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import psycopg
import pytest
from storytelling import Said, Story, until

from bot.database_care import tools
from bot.store.embedded_host import places
from sandbox.product.books import CASES


def files(story: Story) -> list[str]:
    """The names of the files in the bot's directory of dumps."""
    place = story.directory / "bot" / "backups"
    return sorted(path.name for path in place.glob("*")) if place.is_dir() else []


def card(story: Story, number: int = 1) -> Said:
    """The card of a request."""
    return [said for said in story.sees("bob", "ops-approvals") if f"· request {number}:" in said.text][-1]


def real_tools() -> Path:
    """The directory of the pg_dump that fits the tests' server."""
    return next(place for place in places() if (place / "pg_dump").exists())


def make_tools(directory: Path, dump: str) -> str:
    """A directory whose pg_dump is a script, beside the real pg_restore; its address."""
    directory.mkdir()
    script = directory / "pg_dump"
    version = f'case "$1" in --version) exec {real_tools()}/pg_dump --version;; esac\n'
    script.write_text(f"#!/bin/sh\n{version if 'VERSION' not in dump else ''}{dump.replace('VERSION', '')}\n")
    script.chmod(0o755)
    restore = directory / "pg_restore"
    restore.write_text(f'#!/bin/sh\nexec {real_tools()}/pg_restore "$@"\n')
    restore.chmod(0o755)
    return str(directory)


# what there is


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        ("daily", "7 daily backups, the newest"),
        ("pitr", ":white_check_mark: Any moment can be restored from "),
        ("none", ":red_circle: Supabase keeps no backup of the database; no dump of our own."),
    ],
)
async def test_what_can_be_restored(story: Story, kept: str, says: str) -> None:
    """The daily ones with their ages, or the window in which any moment can be restored, or that there is nothing."""
    story.sandbox.vendors["supabase_management"].set_switch("backups", kept)
    said = await story.asks("alice", "/ilab db backups")
    assert says in said.first_line
    assert "Back up now" in said.buttons


async def test_supabase_cannot_be_asked(story: Story) -> None:
    """That is said, is never well, and our own dumps are listed all the same."""
    await story.asks("alice", "/ilab db backup")
    story.sandbox.faults.add("supabase_management", "management.backups", kind="status", status=429)
    said = await story.asks("alice", "/ilab db backups")
    assert said.first_line.startswith(":grey_question: Could not ask Supabase (Supabase's Management API had too many")
    assert ":white_check_mark: Dump 1  " in said.text
    assert said.buttons == ["Back up now", "Prove dump 1"]


# a dump


async def test_a_dump_is_made_and_proven(story: Story) -> None:
    """A real pg_dump, readable by the bot alone, with a checksum that holds; its card tells all; then it is proven."""
    said = await story.asks("alice", "/ilab db backup")
    assert said.first_line.startswith(":white_check_mark: Request 1 succeeded: Dump 1 is made and verified: ")
    await story.settled()
    assert "State  succeeded" in card(story).text
    name, noted = files(story)
    path = story.directory / "bot" / "backups" / name
    assert path.read_bytes().startswith(b"PGDMP")
    assert path.stat().st_mode & 0o777 == 0o600
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (path.parent / noted).read_text() == f"{digest}  {name}\n"
    assert f"SHA-256  `{digest}`" in said.text
    # what is written after the dump does not matter to its proof
    async with await psycopg.AsyncConnection.connect(story.direct_product, autocommit=True) as connection:
        await connection.execute("delete from public.turns")
    proven = await story.presses("alice", "Prove it", said=said)
    assert proven.first_line.startswith(
        ":white_check_mark: Request 2 succeeded: Dump 1 is proven: restored into a scratch database: 14 tables, "
    )
    assert "each as in the dump" in proven.first_line
    listed = await story.asks("alice", "/ilab db backups")
    assert "the newest dump of our own is" in listed.first_line
    assert ", proven." in listed.first_line
    left = await story.rows("select datname from pg_database where datname like 'ilab_scratch%%'")
    assert left == []


async def test_a_proof_that_fails(story: Story) -> None:
    """Other rows than were dumped, another file, no file: each is said, and the dump is not called proven."""
    await story.asks("alice", "/ilab db backup")
    async with await psycopg.AsyncConnection.connect(story.proxies["own"].conninfo, autocommit=True) as connection:
        await connection.execute("update backups set counts = counts || '{\"public.turns\": 7}'")
        said = await story.asks("alice", "/ilab db prove 1")
        assert "Dump 1 does not hold: restored, and 1 tables differ: public.turns" in said.first_line
        path = story.directory / "bot" / "backups" / files(story)[0]
        with path.open("ab") as file:
            file.write(b"x")
        assert "its checksum differs" in (await story.asks("alice", "/ilab db prove 1")).first_line
        path.unlink()
        assert "The file is not there." in (await story.asks("alice", "/ilab db prove 1")).first_line
        await connection.execute("update backups set host = 'elsewhere'")
    assert (await story.asks("alice", "/ilab db prove 1")).first_line.startswith("Dump 1 is on elsewhere")
    assert (await story.asks("alice", "/ilab db prove 9")).first_line == "There is no dump 9."
    assert await story.rows("select proven_at from backups") == [(None,)]


async def test_the_rule_of_keeping(stage: Story) -> None:
    """Beyond the number that is kept the oldest go, file and checksum; the rows say why."""
    await stage.start(ILAB_BACKUPS__KEEP="2")
    for _ in range(3):
        await stage.asks("alice", "/ilab db backup")
        stage.sandbox.world.clock.jump(60)
    assert len(files(stage)) == 4
    rows = await stage.rows("select id, state, reason from backups order by id")
    assert rows[0] == (1, "removed", "2 newer ones are kept")
    assert [row[1] for row in rows[1:]] == ["done", "done"]
    assert "r1.dump" in card(stage, 3).text


# what goes wrong


async def test_the_tool_does_not_match(stage: Story) -> None:
    """A pg_dump older than the server is refused before anything begins, with exactly what to install."""
    old = make_tools(stage.directory / "old", 'VERSION echo "pg_dump (PostgreSQL) 15.2"')
    await stage.start(ILAB_BACKUPS__TOOLS=old)
    said = await stage.asks("alice", "/ilab db backup")
    assert said.first_line.startswith("There is no pg_dump for PostgreSQL ")
    assert "Found: 15.2 (" in said.text
    assert "apt-get install postgresql-client-" in said.text
    assert await stage.rows("select count(*) from requests where state <> 'denied'") == [(0,)]


async def test_a_pooler_that_takes_no_dump(stage: Story) -> None:
    """Supabase's pooler in transaction mode is known by its port, and refused with what to set instead."""
    await stage.start(ILAB_BACKUPS__DATABASE_URL="postgresql://postgres@aws-0.pooler.example:6543/postgres")
    said = await stage.asks("alice", "/ilab db backup")
    assert said.first_line == "No dump can be made through a pooler in transaction mode."


async def test_pg_dump_gives_up(stage: Story) -> None:
    """Its own words are shown, the request has failed, and no half a file is left."""
    await stage.start(
        ILAB_BACKUPS__TOOLS=make_tools(
            stage.directory / "broken",
            "echo PGDMP; echo 'pg_dump: error: permission denied for schema vault' >&2; exit 1",
        )
    )
    said = await stage.asks("alice", "/ilab db backup")
    assert said.first_line == (
        ":red_circle: Request 1 failed: No dump was made: pg_dump gave up: permission denied for schema vault."
    )
    assert files(stage) == []
    assert ":red_circle: Dump 1  failed" in (await stage.asks("alice", "/ilab db backups")).text


async def test_a_dump_that_is_not_whole(stage: Story) -> None:
    """pg_dump says that all went well, and the file lacks a table: it is not kept."""
    words = f'{real_tools()}/pg_dump "$@" --exclude-table-data=public.turns'
    await stage.start(ILAB_BACKUPS__TOOLS=make_tools(stage.directory / "lacking", words))
    said = await stage.asks("alice", "/ilab db backup")
    assert "The dump lacks the rows of public.turns." in said.first_line
    assert files(stage) == []


async def test_the_database_goes_away(stage: Story) -> None:
    """While it is dumped, the database is cut off: failed, for certain, with nothing left behind."""
    going = stage.directory / "going"
    words = f'touch {going}; while [ -e {going} ]; do sleep 0.02; done; exec {real_tools()}/pg_dump "$@"'
    await stage.start(ILAB_BACKUPS__TOOLS=make_tools(stage.directory / "slow", words))
    await stage.says("alice", "/ilab db backup")
    await until(going.exists, "pg_dump never began")
    stage.sandbox.databases["product"].set("down")
    going.unlink()
    await until(lambda: stage.state_of(1, "failed"), "it never ended")
    await stage.settled()
    assert "No dump was made: pg_dump gave up" in card(stage).text
    assert files(stage) == []


async def test_progress_is_on_the_card(stage: Story) -> None:
    """While pg_dump is at it, the card says how far it is; a second dump has to wait for it."""
    going = stage.directory / "going"
    words = (
        f"echo 'pg_dump: dumping contents of table \"public.turns\"' >&2; touch {going}; sleep 0.05; echo; "
        f"while [ -e {going} ]; do sleep 0.02; done; exit 1"
    )
    await stage.start(ILAB_BACKUPS__TOOLS=make_tools(stage.directory / "slow", words))
    await stage.says("alice", "/ilab db backup")
    await until(going.exists, "pg_dump never began")
    await stage.news("bob", lambda said: "1 of 14 tables" in said.text, "ops-approvals")
    assert "1 B written, now public.turns" in card(stage).text
    await stage.says("erin", "/ilab db backup")
    await stage.news("erin", lambda said: said.first_line.startswith("Another request of this kind is open"))
    going.unlink()
    await until(lambda: stage.state_of(1, "failed"), "it never ended")


async def test_killed_in_the_middle(stage: Story) -> None:
    """Killed with -9 while pg_dump is at it: the next bot makes the dump, one, and what the dead one left is gone."""
    going = stage.directory / "going"
    words = f'if [ ! -e {going} ]; then touch {going}; echo half; sleep 30; fi; exec {real_tools()}/pg_dump "$@"'
    changed = {"ILAB_BACKUPS__TOOLS": make_tools(stage.directory / "slow", words)}
    async with stage.process(**changed) as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        await stage.says("alice", "/ilab db backup")
        await until(lambda: any(name.endswith(".part") for name in files(stage)), "pg_dump never began", 30)
        process.kill()
        await process.wait()
    await stage.start(**changed)
    await stage.make_jobs_stalled()
    await until(lambda: stage.state_of(1, "succeeded"), "it never ended", 30)
    assert [Path(name).suffix for name in files(stage)] == [".dump", ".sha256"]
    assert await stage.rows("select state, host from backups") == [("done", socket.gethostname())]


def test_programs_are_told_in_their_environment() -> None:
    """The password is in no argument, which everybody on the machine could read."""
    told = tools.environment("postgresql://me:pass%40word@db.example:5433/shop?sslmode=require&application_name=x")
    assert {name: told[name] for name in told if name.startswith("PG")} == {
        "PGUSER": "me",
        "PGPASSWORD": "pass@word",
        "PGHOST": "db.example",
        "PGPORT": "5433",
        "PGDATABASE": "shop",
        "PGSSLMODE": "require",
    }
    assert "HOME" not in told or os.environ.get("HOME") != told["HOME"]


async def test_a_deleted_customer_is_still_in_it(story: Story) -> None:
    """The certificate of a deletion names our own dumps, and until when they are kept."""
    await story.asks("alice", "/ilab db backup")
    email = CASES["plus"]
    await story.asks("carol", f"/ilab user delete {email} {email}")
    await story.asks("ivy", "/ilab approve 2")
    await until(lambda: story.state_of(2, "succeeded"), "it never ended")
    said = await story.asks("carol", "/ilab user certificate 2")
    assert "Not reached: 1 dump of our own, the newest until the next  until 20" in said.text
