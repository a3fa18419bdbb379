"""A migration run on one database: in a transaction where that can be, else statement by statement, up to the first error.

What was run is noted in the database itself (`ilab.migrations`, sql/product/006_migrations.sql), in the same transaction:
asked again after a lost answer or a crash, that says what happened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

import sql
from bot.database_care.gauges import worded
from bot.database_care.statements import Script, line_of
from bot.errors import NotConfiguredError, UserError
from bot.masking import masked_text
from bot.product import translated

Say = Callable[[str], Awaitable[None]]
Connection = psycopg.AsyncConnection[dict[str, Any]]

_LACKING: Final = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What was run under a name. `applied` of `total` statements are there for certain."""

    sha256: str
    state: str
    applied: int
    total: int
    at: datetime
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """What became of it: all of it is there, or `error` says why not, and how much is."""

    applied: int
    total: int
    error: str = ""
    before: bool = False
    """It had been there already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A database and how long may be waited there, in seconds."""

    name: str
    """`staging` or `production`."""
    conninfo: str
    lock_timeout: float
    statement_timeout: float


async def known(target: Target, name: str) -> Known | None:
    """What was run there under that name. NotConfiguredError where nothing can be noted there."""
    async with await _connected(target) as connection:
        return await _known(connection, target, name)


async def apply(target: Target, name: str, script: Script, *, sha256: str, request: str, at: datetime, say: Say) -> Ran:
    """Run it there, unless it is there. UserError where that cannot be told, ProviderError where nobody answers."""
    async with await _connected(target) as connection:
        row = await (await connection.execute(sql.load("migrating/lock.sql"))).fetchone()
        if row is None or not row["mine"]:
            raise UserError(f"Another migration runs on {target.name} at this moment.", todo="Let it end.")
        limits = {"lock": _milliseconds(target.lock_timeout), "statement": _milliseconds(target.statement_timeout)}
        await connection.execute(sql.load("migrating/limits.sql"), limits)
        before = await _known(connection, target, name)
        if before is not None and before.state == "done":
            return _there(target, name, before, sha256)
        note = {"name": name, "sha256": sha256, "request": request, "at": at, "total": len(script.statements)}
        if not script.stepwise:
            return await translated(lambda: _whole(connection, script, note))
        first = _continues(target, name, before, sha256)
        return await translated(lambda: _stepwise(connection, script, note, first, say))


def _there(target: Target, name: str, before: Known, sha256: str) -> Ran:
    if before.sha256 != sha256:
        raise UserError(
            f"{name} was run on {target.name} with other content.",
            why=f"On {before.at:%a %d %b %Y, %H:%M} UTC, with the hash {before.sha256[:12]}.",
            todo="A migration that was run never changes: write a new one.",
        )
    return Ran(applied=before.total, total=before.total, before=True)


def _continues(target: Target, name: str, before: Known | None, sha256: str) -> int:
    """The number of the statement to go on with. UserError where a process died and nobody knows how far it came."""
    if before is None or before.sha256 != sha256:
        return 0
    if before.state == "running":
        raise UserError(
            f"{name} was broken off on {target.name} after statement {before.applied} of {before.total}.",
            why=f"Whether statement {before.applied + 1} is there, nobody knows.",
            todo="Look, mend by hand what is half done, and write what is left as a new migration.",
        )
    return before.applied


async def _whole(connection: Connection, script: Script, note: dict[str, Any]) -> Ran:
    total = len(script.statements)
    try:
        async with connection.transaction():
            await connection.execute(script.text)
            await connection.execute(sql.load("migrating/note.sql"), note | {"state": "done", "applied": total})
    except psycopg.Error as error:
        if _is_silence(error):
            raise
        return Ran(applied=0, total=total, error=_said(error, line_of(script.text, _position(error))))
    return Ran(applied=total, total=total)


async def _stepwise(connection: Connection, script: Script, note: dict[str, Any], first: int, say: Say) -> Ran:
    total = len(script.statements)
    await connection.execute(sql.load("migrating/note.sql"), note | {"state": "running", "applied": first})
    for number, statement in enumerate(script.statements[first:], start=first + 1):
        await say(f"statement {number} of {total}: {worded(statement.head)}")
        try:
            await connection.execute(statement.text)
        except psycopg.Error as error:
            if _is_silence(error):
                raise
            said = _said(error, statement.line)
            await connection.execute(
                sql.load("migrating/fail.sql"), {"name": note["name"], "at": note["at"], "error": said[:500]}
            )
            return Ran(applied=number - 1, total=total, error=said)
        state = "done" if number == total else "running"
        await connection.execute(sql.load("migrating/note.sql"), note | {"state": state, "applied": number})
    return Ran(applied=total, total=total)


def _is_silence(error: psycopg.Error) -> bool:
    """Nobody answers any more, so nobody knows; everything else is PostgreSQL's refusal."""
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def _said(error: psycopg.Error, line: int | None) -> str:
    where = f"line {line}: " if line else ""
    # what PostgreSQL says may quote what is in a row
    return f"{where}{masked_text(error.diag.message_primary or type(error).__name__)} (SQLSTATE {error.sqlstate})"


def _position(error: psycopg.Error) -> int | None:
    given = error.diag.statement_position
    return int(given) if given and given.isdecimal() else None


async def _known(connection: Connection, target: Target, name: str) -> Known | None:
    async def look() -> dict[str, Any] | None:
        try:
            return await (await connection.execute(sql.load("migrating/known.sql"), {"name": name})).fetchone()
        except _LACKING:
            raise NotConfiguredError(
                f"What was run on {target.name} cannot be noted there.",
                todo="Apply `sql/product/004_ilab.sql` and `006_migrations.sql` to it, once.",
            ) from None

    row = await translated(look)
    return None if row is None else Known(**row)


async def _connected(target: Target) -> Connection:
    return await translated(
        lambda: psycopg.AsyncConnection.connect(
            target.conninfo,
            autocommit=True,
            connect_timeout=10,
            application_name="ilab migrate",
            row_factory=dict_row,
            prepare_threshold=None,
        )
    )


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
