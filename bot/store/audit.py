"""Table `audit`: what was done, append-only and chained by the database itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bot.audit import Anchor, Check, Entry, Event, Finding, Row, Wanted, nameless
from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("audit")
BEFORE_ALL: Final = -(2**63)
"""Less than every `seq` that the table can hold: a forged row may stand before the first."""


async def add(
    connection: Connection,
    kind: Event,
    *,
    actor: str,
    subject: str,
    at: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry, without addresses. Do it last in a transaction: until the commit, nobody else can add one."""
    said = Jsonb(nameless(detail or {}))
    await connection.execute(
        _SQL["add"], {"at": at, "kind": kind.value, "actor": actor, "subject": nameless(subject), "detail": said}
    )


async def find(connection: Connection, wanted: Wanted, *, hidden: Collection[str], most: int) -> list[Entry]:
    """The entries that are wanted, newest first; those about the hidden subjects do not exist."""
    given = dataclasses.asdict(wanted) | {"hidden": sorted(hidden), "most": most}
    async with connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(_SQL["find"], given)
        return await cursor.fetchall()


async def of(connection: Connection, subjects: Collection[str]) -> list[Entry]:
    """All entries about these subjects, oldest first."""
    async with connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(_SQL["of"], {"subjects": sorted(subjects)})
        return await cursor.fetchall()


async def has_journaled(connection: Connection, line: str) -> bool:
    """Say whether the entry of this line of a journal was imported before."""
    return await (await connection.execute(_SQL["journaled"], {"line": line})).fetchone() is not None


async def head(connection: Connection) -> Anchor | None:
    """The end of the chain, as the database keeps it; None where somebody took it away."""
    row = await (await connection.execute(_SQL["head"])).fetchone()
    return None if row is None else Anchor(seq=row[0], hash=bytes(row[1]), where="the head")


async def anchor(connection: Connection, seen: Anchor, *, post_key: str, at: datetime) -> None:
    """Remember that people outside were shown this head."""
    await connection.execute(_SQL["anchor"], {"seq": seen.seq, "hash": seen.hash, "post_key": post_key, "at": at})


async def check(connection: Connection) -> tuple[int, list[Finding]]:
    """Verify the whole chain in one snapshot, page by page; return how many rows there are, and what is wrong."""
    async with connection.transaction():
        await connection.execute("set transaction isolation level repeatable read, read only")
        cursor = await connection.execute(_SQL["anchors"])
        anchors = [
            Anchor(seq=seq, hash=bytes(hash_), where=f"the head posted to Slack on {posted_at:%Y-%m-%d}")
            for seq, hash_, _, posted_at in await cursor.fetchall()
        ]
        chain = Check(anchors, head=await head(connection))
        findings: list[Finding] = []
        async with connection.cursor(row_factory=class_row(Row)) as reader:
            after = BEFORE_ALL
            while True:
                await reader.execute(_SQL["rows"], {"after": after})
                page = await reader.fetchall()
                if not page:
                    break
                for row in page:
                    findings += chain.look(row)
                after = page[-1].seq
    findings += chain.end()
    return chain.count, findings
