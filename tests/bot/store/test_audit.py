"""The audit in PostgreSQL: append-only by its own rules, one chain whoever writes, and honest about what was done to it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from bot.audit import Event
from bot.store import audit
from bot.store.database import Database

AT = datetime(2025, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
Plain = psycopg.AsyncConnection[Any]


async def written(database: Database, count: int) -> None:
    """So many entries are in the audit."""
    for number in range(1, count + 1):
        async with database.transaction() as transaction:
            await audit.add(
                transaction,
                Event.DENIED,
                actor=f"U{number}",
                subject="token.issue — “ü” ✓",
                at=AT,
                detail={"b": 1.50, "a": [None, "\\", "'"]},
            )


async def checked(database: Database) -> tuple[int, list[str]]:
    """How many rows there are, and what is wrong."""
    async with database.connection() as connection:
        count, findings = await audit.check(connection)
    return count, [finding.what for finding in findings]


async def without_triggers(connection: Plain, statement: str) -> None:
    """Do it as somebody who owns the database and switches its rules off."""
    tables = ("audit", "audit_head", "audit_anchors")
    for table in tables:
        await connection.execute(f"alter table {table} disable trigger user".encode())
    await connection.execute(statement.encode())
    for table in tables:
        await connection.execute(f"alter table {table} enable trigger user".encode())


async def test_an_empty_audit_is_whole(database: Database) -> None:
    """Nothing was done, nothing is missing."""
    assert await checked(database) == (0, [])


async def test_entries_are_chained_from_the_first(database: Database) -> None:
    """Numbers follow each other, texts of any kind are sealed, and the head is the last."""
    await written(database, 12)
    assert await checked(database) == (12, [])
    async with database.connection() as connection:
        head = await audit.head(connection)
        assert head is not None
        assert head.seq == 12


async def test_a_long_audit_is_read_in_pages(database: Database, connection: Plain) -> None:
    """More rows than one page holds, and the second page hangs on the first."""
    await connection.execute(
        "insert into audit (at, kind, actor, subject, detail)"
        " select now(), 'denied', 'U' || n, 's', '{}' from generate_series(1, 2300) as n"
    )
    assert await checked(database) == (2300, [])


@pytest.mark.parametrize(
    "statement",
    [
        "update audit set actor = 'somebody else' where seq = 1",
        "update audit set hash = sha256('x') where seq = 1",
        "delete from audit where seq = 2",
        "delete from audit",
        "truncate audit",
        "update audit_head set seq = 1",
        "update audit_head set hash = sha256('x')",
        "delete from audit_head",
        "truncate audit_head",
        "insert into audit_head values (false, 1, sha256('x'))",
        "update audit_anchors set hash = sha256('x')",
        "delete from audit_anchors",
        "truncate audit_anchors",
    ],
)
async def test_only_adding_is_possible(database: Database, connection: Plain, statement: str) -> None:
    """Even a superuser is refused, unless the rules are switched off first; and nothing has changed."""
    await written(database, 3)
    async with database.transaction() as transaction:
        head = await audit.head(transaction)
        assert head is not None
        await audit.anchor(transaction, head, post_key="audit-head:3", at=AT)
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation)):
        await connection.execute(statement.encode())
    assert await checked(database) == (3, [])
    cursor = await connection.execute("select count(*) from audit_anchors")
    assert await cursor.fetchone() == (1,)


async def test_who_adds_cannot_choose_place_or_hash(database: Database, connection: Plain) -> None:
    """Number, text and hashes that are given are replaced by the true ones."""
    await written(database, 2)
    await connection.execute(
        "insert into audit (seq, at, kind, actor, subject, detail, canonical, prev_hash, hash)"
        " values (77, now(), 'denied', 'U3', 's', '{}', 'anything', 'x', 'y')"
    )
    assert await checked(database) == (3, [])


async def test_writers_at_once_make_one_chain(conninfo: str, database: Database) -> None:
    """Forty entries over eight connections: no fork, no gap."""

    async def write(worker: int) -> None:
        async with await psycopg.AsyncConnection.connect(conninfo) as connection:
            for number in range(5):
                await audit.add(connection, Event.DENIED, actor=f"U{worker}", subject=str(number), at=AT)
                await connection.commit()

    await asyncio.gather(*(write(worker) for worker in range(8)))
    assert await checked(database) == (40, [])


async def test_what_is_rolled_back_leaves_no_gap(conninfo: str, database: Database) -> None:
    """Numbers are given by the head, not by a sequence; also when others write at the same time."""

    async def write(worker: int) -> None:
        async with await psycopg.AsyncConnection.connect(conninfo) as connection:
            for number in range(6):
                await audit.add(connection, Event.DENIED, actor=f"U{worker}", subject=str(number), at=AT)
                await (connection.rollback() if number % 2 else connection.commit())

    await asyncio.gather(*(write(worker) for worker in range(6)))
    assert await checked(database) == (18, [])


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (
            "update audit set actor = 'U9' where seq = 3",
            ["row 3 was altered: its columns no longer say what was sealed"],
        ),
        (
            "update audit set at = at + interval '1 microsecond' where seq = 3",
            ["row 3 was altered: its columns no longer say what was sealed"],
        ),
        (
            """update audit set detail = '{"a": 1}' where seq = 3""",
            ["row 3 was altered: its columns no longer say what was sealed"],
        ),
        (
            "update audit set hash = sha256('x') where seq = 3",
            ["row 3 was altered: its hash does not fit", "row 4 is not chained to row 3"],
        ),
        ("delete from audit where seq = 3", ["row 3 is missing"]),
        ("delete from audit where seq in (1, 2)", ["rows 1 to 2 are missing"]),
        ("delete from audit where seq >= 5", ["the end was cut off: rows 5 to 6 are missing, known from the head"]),
        ("truncate audit", ["the end was cut off: rows 1 to 6 are missing, known from the head"]),
        ("delete from audit_head", ["the head is missing: whether the end was cut off cannot be known"]),
        ("update audit_head set seq = 4", ["rows 5 to 6 are beyond the head: added behind the audit's back"]),
        ("update audit_head set hash = sha256('x')", ["row 6 is not the one known from the head"]),
        (
            "insert into audit select 0, at, kind, 'U9', subject, detail, canonical, 'x', 'y' from audit where seq = 1",
            ["row 0 does not belong to the chain"],
        ),
        (
            "insert into audit select -5, at, kind, 'U9', subject, detail, canonical, 'x', 'y' from audit where seq = 1",
            ["row -5 does not belong to the chain"],
        ),
    ],
)
async def test_what_was_done_behind_its_back_is_named(
    database: Database, connection: Plain, statement: str, says: list[str]
) -> None:
    """With the rules switched off by a superuser, each damage is found where it is."""
    await written(database, 6)
    await without_triggers(connection, statement)
    assert (await checked(database))[1] == says


async def test_a_tail_cut_off_with_its_head_is_known_by_the_posted_head(database: Database, connection: Plain) -> None:
    """Head and tail agree, and new entries hide the cut; the head that stands in Slack does not agree."""
    await written(database, 5)
    async with database.transaction() as transaction:
        head = await audit.head(transaction)
        assert head is not None
        await audit.anchor(transaction, head, post_key="audit-head:5", at=AT)
        await audit.anchor(transaction, head, post_key="again", at=AT)
    await without_triggers(
        connection,
        "delete from audit where seq > 3; update audit_head set seq = 3, hash = (select hash from audit where seq = 3)",
    )
    assert await checked(database) == (
        3,
        ["the end was cut off: rows 4 to 5 are missing, known from the head posted to Slack on 2025-06-01"],
    )
    await written(database, 3)
    assert await checked(database) == (6, ["row 5 is not the one known from the head posted to Slack on 2025-06-01"])


async def test_what_seals_the_rows_is_not_asked_whether_they_fit(database: Database, connection: Plain) -> None:
    """Whoever owns the database can replace its function, too: rows known outside must not be altered behind that."""
    await written(database, 3)
    await without_triggers(connection, "update audit set actor = 'somebody else' where seq = 2")
    await connection.execute(
        "create or replace function audit_canonical(entry audit) returns text language sql immutable"
        " as 'select entry.canonical'"
    )
    assert (await checked(database))[1] == ["row 2 was altered: its columns no longer say what was sealed"]


async def test_the_check_reads_one_snapshot(database: Database) -> None:
    """Entries that are added meanwhile do not look like damage."""
    await written(database, 3)
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            await written(database, 1)

    writing = asyncio.create_task(write())
    for _ in range(20):
        assert (await checked(database))[1] == []
    stop.set()
    await writing
