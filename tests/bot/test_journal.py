"""The journal: durable lines while the database is silent, each brought into it once."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.audit import Event
from bot.journal import Journal
from bot.store import audit
from bot.store.database import Database, DatabaseSilentError
from bot.store.inbox import Received
from sandbox.databases import DatabaseProxy

AT = datetime(2025, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
UNTIL = datetime(2025, 6, 1, 12, 31, tzinfo=UTC)
Plain = psycopg.AsyncConnection[Any]


def received(key: str) -> Received:
    """A payload."""
    return Received(key=key, kind="command", payload={"text": "status — ü 😀"}, received_at=AT)


def files(folder: Path, suffix: str = "jsonl") -> list[Path]:
    """The journal's files of this state."""
    return sorted(folder.glob(f"*.{suffix}"))


async def inbox(connection: Plain) -> list[tuple[Any, ...]]:
    """Key, outcome and tries of all that was imported."""
    cursor = await connection.execute("select key, outcome, attempts from inbox order by key")
    return await cursor.fetchall()


async def audited(connection: Plain) -> list[tuple[Any, ...]]:
    """Whom the audit tells of."""
    return await (await connection.execute("select kind, actor, subject, at from audit order by seq")).fetchall()


async def test_nothing_is_written_before_it_is_needed(tmp_path: Path, database: Database) -> None:
    """No folder, nothing waiting, nothing to import."""
    journal = Journal(tmp_path / "journal")
    assert not journal.waiting
    assert not journal.holds("command:1")
    assert await journal.import_into(database, claimed_until=UNTIL) == 0
    assert not (tmp_path / "journal").exists()


async def test_lines_are_on_disk_at_once_and_for_nobody_else(tmp_path: Path) -> None:
    """One JSON line a fact; the file can be read by its owner alone."""
    journal = Journal(tmp_path / "journal")
    assert journal.receive(received("command:1"))
    journal.finish("command:1", outcome="answered", done_at=AT)
    journal.audit(Event.DENIED, actor="U1", subject="token", at=AT)
    (path,) = files(tmp_path / "journal")
    assert [json.loads(line)["line"] for line in path.read_text(encoding="utf-8").splitlines()] == [
        "inbox",
        "done",
        "audit",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_everything_is_imported_as_it_was(tmp_path: Path, database: Database, connection: Plain) -> None:
    """What was finished is finished, what was not is claimed, the audit tells when it happened, and the file is aside."""
    journal = Journal(tmp_path)
    journal.receive(received("command:1"))
    journal.receive(received("command:2"))
    journal.finish("command:1", outcome="answered", done_at=AT)
    journal.audit(Event.DENIED, actor="U1", subject="token", at=AT)
    assert journal.waiting
    assert await journal.import_into(database, claimed_until=UNTIL) == 4
    assert not journal.waiting
    assert await inbox(connection) == [("command:1", "answered", 1), ("command:2", None, 1)]
    assert await audited(connection) == [("denied", "U1", "token", AT)]
    cursor = await connection.execute("select payload, received_at, claimed_until from inbox where key = 'command:2'")
    assert await cursor.fetchone() == ({"text": "status — ü 😀"}, AT, UNTIL)
    assert len(files(tmp_path, "imported")) == 1


async def test_a_key_is_taken_once(tmp_path: Path) -> None:
    """A second delivery is known, also to a journal that is opened after a restart."""
    journal = Journal(tmp_path)
    assert journal.receive(received("command:1"))
    assert not journal.receive(received("command:1"))
    again = Journal(tmp_path)
    assert again.holds("command:1")
    assert not again.receive(received("command:1"))
    assert again.receive(received("command:2"))
    assert len(files(tmp_path)) == 2


async def test_a_cut_last_line_is_left_out(tmp_path: Path, database: Database, connection: Plain) -> None:
    """Its payload was never acknowledged, so it comes again; the lines before it count."""
    journal = Journal(tmp_path)
    journal.receive(received("command:1"))
    journal.receive(received("command:2"))
    journal._close()
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    after = Journal(tmp_path)
    assert after.holds("command:1")
    assert not after.holds("command:2")
    assert await after.import_into(database, claimed_until=UNTIL) == 1
    assert await inbox(connection) == [("command:1", None, 1)]


async def test_garbage_on_the_disk_stops_nothing(tmp_path: Path, database: Database, connection: Plain) -> None:
    """Bytes that are no text are left out like a cut line."""
    journal = Journal(tmp_path)
    journal.receive(received("command:1"))
    journal._close()
    (path,) = files(tmp_path)
    path.write_bytes(b"\x00\xff\xfe\n" + path.read_bytes())
    assert await Journal(tmp_path).import_into(database, claimed_until=UNTIL) == 1
    assert await inbox(connection) == [("command:1", None, 1)]


async def test_dying_between_commit_and_rename_imports_nothing_twice(
    tmp_path: Path, database: Database, connection: Plain
) -> None:
    """The same file, there again after its import, changes nothing."""
    journal = Journal(tmp_path)
    journal.receive(received("command:1"))
    journal.finish("command:1", outcome="answered", done_at=AT)
    journal.audit(Event.DENIED, actor="U1", subject="token", at=AT)
    journal.audit(Event.DENIED, actor="U1", subject="token", at=AT)
    assert await journal.import_into(database, claimed_until=UNTIL) == 4
    (imported,) = files(tmp_path, "imported")
    shutil.copy(imported, imported.with_suffix(".jsonl"))
    assert await Journal(tmp_path).import_into(database, claimed_until=UNTIL) == 4
    assert await inbox(connection) == [("command:1", "answered", 1)]
    assert len(await audited(connection)) == 2


async def test_a_commit_that_fails_leaves_the_file_where_it_is(
    tmp_path: Path, conninfo: str, connection: Plain
) -> None:
    """The file is set aside only after the commit; the next import brings everything."""
    await connection.execute(
        "create function fail() returns trigger language plpgsql as"
        " $$ begin raise exception 'the power is gone' using errcode = '57P01'; end $$"
    )
    await connection.execute(
        "create constraint trigger late after insert on inbox deferrable initially deferred"
        " for each row execute function fail()"
    )
    journal = Journal(tmp_path)
    journal.receive(received("command:1"))
    database = Database(conninfo)
    await database.open()
    with pytest.raises(DatabaseSilentError):
        await journal.import_into(database, claimed_until=UNTIL)
    assert journal.waiting
    assert files(tmp_path, "imported") == []
    await connection.execute("drop trigger late on inbox")
    assert await journal.import_into(database, claimed_until=UNTIL) == 1
    assert await inbox(connection) == [("command:1", None, 1)]
    await database.close()


async def test_a_silent_database_loses_nothing(
    tmp_path: Path, proxy: DatabaseProxy, shaky: Database, connection: Plain
) -> None:
    """The import fails, the lines stay, new ones come, and all arrive when it is back."""
    proxy.set("down")
    journal = Journal(tmp_path)
    journal.receive(received("command:1"))
    with pytest.raises(DatabaseSilentError):
        await journal.import_into(shaky, claimed_until=UNTIL)
    journal.receive(received("command:2"))
    proxy.set("up")
    assert await journal.import_into(shaky, claimed_until=UNTIL) == 2
    assert await inbox(connection) == [("command:1", None, 1), ("command:2", None, 1)]


async def test_what_comes_during_an_import_is_kept_for_the_next(
    tmp_path: Path, conninfo: str, database: Database, connection: Plain
) -> None:
    """A line written while the file before it is being committed is not set aside unread."""
    journal = Journal(tmp_path)
    journal.receive(received("command:1"))
    async with await psycopg.AsyncConnection.connect(conninfo) as other:
        await other.execute("lock table inbox in exclusive mode")
        importing = asyncio.create_task(journal.import_into(database, claimed_until=UNTIL))
        cursor = await connection.execute("select count(*) from pg_locks where not granted")
        while await cursor.fetchone() == (0,):
            cursor = await connection.execute("select count(*) from pg_locks where not granted")
        assert journal.receive(received("command:2"))
        journal.finish("command:2", outcome="answered", done_at=AT)
    assert await importing == 1
    assert await journal.import_into(database, claimed_until=UNTIL) == 2
    assert await inbox(connection) == [("command:1", None, 1), ("command:2", "answered", 1)]


WRITER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from bot.journal import Journal
from bot.store.inbox import Received
journal = Journal(Path(sys.argv[1]))
journal.receive(Received(key="command:other", kind="command", payload={}, received_at=datetime.now(UTC)))
print("written", flush=True)
time.sleep(600)
"""


async def test_the_file_of_another_living_process_is_left_alone(
    tmp_path: Path, database: Database, connection: Plain
) -> None:
    """While it lives its lines are its own; once it is killed, any copy imports them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"written\n"
    journal = Journal(tmp_path)
    journal.receive(received("command:mine"))
    assert await journal.import_into(database, claimed_until=UNTIL) == 1
    assert await inbox(connection) == [("command:mine", None, 1)]
    assert len(files(tmp_path)) == 1
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert await journal.import_into(database, claimed_until=UNTIL) == 1
    assert [key for key, _, _ in await inbox(connection)] == ["command:mine", "command:other"]


async def test_a_dead_process_whose_number_is_ours_is_dead(
    tmp_path: Path, database: Database, connection: Plain
) -> None:
    """In a container every bot is process 1: its predecessor's file is not taken for a living one's."""
    journal = Journal(tmp_path)
    journal.receive(received("command:1"))
    journal._close()
    (path,) = files(tmp_path)
    assert f"-{os.getpid()}-" in path.name
    assert await Journal(tmp_path).import_into(database, claimed_until=UNTIL + timedelta(seconds=1)) == 1
    assert await inbox(connection) == [("command:1", None, 1)]


async def test_two_copies_import_each_line_once(tmp_path: Path, database: Database, connection: Plain) -> None:
    """At the same time, from the same folder."""
    for number in range(20):
        journal = Journal(tmp_path)
        journal.receive(received(f"command:{number}"))
        journal.audit(Event.DENIED, actor=f"U{number}", subject="token", at=AT)
        journal._close()
    counts = await asyncio.gather(*(Journal(tmp_path).import_into(database, claimed_until=UNTIL) for _ in range(3)))
    assert sum(counts) == 40
    assert len(await inbox(connection)) == 20
    assert len(await audited(connection)) == 20
    async with database.connection() as connected:
        assert (await audit.check(connected))[1] == []
