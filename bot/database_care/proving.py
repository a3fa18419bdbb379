"""A dump proven: restored into a database made for that and dropped after it, and every table's rows counted.

What a plain server lacks (Supabase's extensions and roles) cannot be restored there, and is counted and said; the rows are
what is proven.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql as composed
from psycopg.conninfo import make_conninfo

from bot.database_care.dumping import Say, checksum, count_rows, run
from bot.database_care.tools import Tools, environment
from bot.errors import UserError
from bot.product import translated


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What became of it: `differing` tables hold other rows than were dumped, `skipped` objects were not restored."""

    tables: int
    rows: int
    differing: tuple[str, ...]
    skipped: int

    @property
    def holds(self) -> bool:
        """Every table has as many rows as it had."""
        return not self.differing

    @property
    def said(self) -> str:
        """In one line."""
        also = f"; {self.skipped} objects that are no rows could not be restored there" if self.skipped else ""
        if self.holds:
            return (
                f"restored into a scratch database: {self.tables} tables, {self.rows:,} rows, each as in the dump{also}"
            )
        return f"restored, and {len(self.differing)} tables differ: {', '.join(self.differing[:5])}{also}"


async def prove(
    path: Path, tools: Tools, *, sha256: str, counts: dict[str, int], server: str, name: str, within: float, say: Say
) -> Proof:
    """Return what a restore of the file shows. UserError where the file is another, or the server takes no database."""
    await say("checking the checksum")
    try:
        found_sha256 = await asyncio.to_thread(checksum, path)
    except FileNotFoundError:
        raise UserError("The file is not there.", why="Somebody has removed it.", todo="Make a new dump.") from None
    if found_sha256 != sha256:
        raise UserError("The file is not the one that was dumped: its checksum differs.", todo="Make a new dump.")
    async with _scratch(server, name) as conninfo:
        await say("restoring into a scratch database")
        words = ["--no-owner", "--no-acl", f"--dbname={name}", str(path)]
        status, _, err = await run(tools.restore, *words, env=environment(conninfo), within=within)
        skipped = sum("error:" in line and "errors ignored" not in line for line in err.splitlines())
        if status != 0 and not skipped:
            skipped = 1
        await say("counting rows")
        async with await _connected(conninfo) as connection:
            found = await count_rows(connection)
    differing = [
        f"{table} {found.get(table, 'missing')} instead of {count}"
        for table, count in sorted(counts.items())
        if found.get(table) != count
    ]
    return Proof(tables=len(counts), rows=sum(counts.values()), differing=tuple(differing), skipped=skipped)


async def _connected(conninfo: str, *, autocommit: bool = False) -> psycopg.AsyncConnection[Any]:
    return await translated(
        lambda: psycopg.AsyncConnection.connect(
            conninfo, autocommit=autocommit, connect_timeout=10, application_name="ilab proof"
        )
    )


@asynccontextmanager
async def _scratch(server: str, name: str) -> AsyncIterator[str]:
    """An empty database of that name, until the block ends; one that a dead process has left is gone first."""
    drop = composed.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(composed.Identifier(name))
    create = composed.SQL("CREATE DATABASE {} TEMPLATE template0").format(composed.Identifier(name))
    async with await _connected(server, autocommit=True) as connection:
        try:
            await connection.execute(drop)
            await connection.execute(create)
        except psycopg.errors.InsufficientPrivilege:
            raise UserError(
                "The scratch server lets nobody make a database.",
                todo="Set ILAB_BACKUPS__SCRATCH_DATABASE_URL to a server whose role has CREATEDB.",
            ) from None
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            await connection.execute(drop)
