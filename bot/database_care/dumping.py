"""A dump of the product's database: counted, written, verified, and kept under its checksum.

The rows are counted and dumped in one snapshot, so that a proof can later ask for exactly as many. The file has its name
only when nothing is missing; what a process that died has left is `.part`, and goes with the next try.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql as composed
from psycopg.rows import dict_row

import sql
from bot.database_care.gauges import size
from bot.database_care.tools import Tools, environment
from bot.errors import UserError
from bot.masking import masked_text
from bot.product import translated

Say = Callable[[str], Awaitable[None]]

PIECE: Final = 256 * 1024
SAY_EVERY: Final = 1.0
"""Seconds between two words on how far it is."""
_DUMPING: Final = re.compile(r'dumping contents of table "?(?P<table>[^"\n]+?)"?$')
_ENTRY: Final = re.compile(r"^\d+; \d+ \d+ TABLE DATA (?P<schema>\S+) (?P<name>.+) \S+$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Dump:
    """A dump that is there: `counts` are the rows of each table, `schema.name`, in the snapshot it was made of."""

    path: Path
    bytes: int
    sha256: str
    counts: dict[str, int]
    server: str


class DumpFailedError(UserError):
    """A program gave up, or what it wrote is not whole."""


async def dump(conninfo: str, path: Path, tools: Tools, *, left_out: Sequence[str], say: Say) -> Dump:
    """Return the dump, which is at `path`. ProviderError where the database is silent, DumpFailedError for the rest."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        async with _snapshot(conninfo) as (connection, seen):
            await say("counting rows")
            counts = await count_rows(connection, left_out)
            digest, written = await _write(conninfo, part, tools, seen["snapshot"], counts, left_out, say)
        await say("verifying")
        await verify(part, tools, counts)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _note_checksum(path, digest)
    return Dump(path=path, bytes=written, sha256=digest, counts=counts, server=seen["version_text"])


@asynccontextmanager
async def _snapshot(conninfo: str) -> AsyncIterator[tuple[psycopg.AsyncConnection[Any], dict[str, Any]]]:
    """A transaction that sees the database as it is now, for as long as the block lasts, and what others see it by."""
    connection = await translated(
        lambda: psycopg.AsyncConnection.connect(
            conninfo, connect_timeout=10, application_name="ilab dump", row_factory=dict_row
        )
    )
    async with connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)
        cursor = await translated(lambda: connection.execute(sql.load("dump/snapshot.sql")))
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101 -- the statement has one row
        yield connection, row


async def count_rows(connection: psycopg.AsyncConnection[Any], left_out: Sequence[str] = ()) -> dict[str, int]:
    """How many rows each table holds, by `schema.name`."""

    async def count() -> dict[str, int]:
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(sql.load("dump/tables.sql"), {"left_out": list(left_out)})
        tables = await cursor.fetchall()
        statement = composed.SQL(sql.load("dump/count.sql"))
        counts = {}
        for table in tables:
            name = composed.Identifier(table["schema"], table["name"])
            await cursor.execute(statement.format(table=name))
            row = await cursor.fetchone()
            counts[f"{table['schema']}.{table['name']}"] = int((row or {})["count"])
        return counts

    return await translated(count)


async def _write(
    conninfo: str,
    part: Path,
    tools: Tools,
    snapshot: str,
    counts: dict[str, int],
    left_out: Sequence[str],
    say: Say,
) -> tuple[str, int]:
    """Run pg_dump and keep what it writes; its checksum and its length."""
    words = ["--format=custom", "--no-owner", "--no-acl", "--verbose", f"--snapshot={snapshot}"]
    words += [f"--exclude-schema={schema}" for schema in left_out]
    process = await asyncio.create_subprocess_exec(
        tools.dump,
        *words,
        env=environment(conninfo),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    teller = _Teller(len(counts), say)
    digest, written = hashlib.sha256(), 0
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 -- both are pipes
    reading = asyncio.create_task(teller.read(process.stderr))
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            while piece := await process.stdout.read(PIECE):
                file.write(piece)
                digest.update(piece)
                written += len(piece)
                await teller.note(written)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        await reading
        if await process.wait() != 0:
            raise DumpFailedError(f"pg_dump gave up: {teller.error or 'without a word'}.")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return digest.hexdigest(), written


class _Teller:
    """Says how far a dump is, from what pg_dump says: not too often."""

    def __init__(self, tables: int, say: Say) -> None:
        self._tables = tables
        self._say = say
        self._table = ""
        self._done = 0
        self._said_at = 0.0
        self.error = ""

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Hear what pg_dump says, to its end."""
        async for line in stream:
            said = line.decode(errors="replace").strip()
            if found := _DUMPING.search(said):
                self._table, self._done = found["table"], self._done + 1
            if "error:" in said:
                self.error = self.error or masked_text(said.partition("error:")[2].strip().rstrip("."))

    async def note(self, written: int) -> None:
        """Say how much is written, once a second at most."""
        if time.monotonic() - self._said_at < SAY_EVERY:
            return
        self._said_at = time.monotonic()
        await self._say(
            f"{self._done} of {self._tables} tables, {size(written)} written, now {self._table or 'the schema'}"
        )


async def verify(path: Path, tools: Tools, counts: dict[str, int]) -> None:
    """Raise DumpFailedError unless pg_restore can read the file, and it holds the rows of every table that was counted."""
    status, out, err = await run(tools.restore, "--list", str(path), env=environment(""))
    if status != 0:
        raise DumpFailedError(f"The dump cannot be read: {_error(err)}.")
    found = [_ENTRY.match(line) for line in out.splitlines()]
    held = {f"{entry['schema']}.{entry['name']}" for entry in found if entry}
    missing = sorted(counts.keys() - held)
    if missing:
        raise DumpFailedError(f"The dump lacks the rows of {', '.join(missing[:5])}.")


async def run(program: Path, *words: str, env: dict[str, str], within: float = 3600) -> tuple[int, str, str]:
    """Run a program to its end; its exit status and what it said. It is killed with us, and after `within` seconds."""
    process = await asyncio.create_subprocess_exec(
        program,
        *words,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within):
            out, err = await process.communicate()
    except TimeoutError:
        raise DumpFailedError(f"{program.name} did not end within {within:g} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")


def _error(said: str) -> str:
    line = next((line for line in said.splitlines() if "error:" in line), said.strip().splitlines()[-1:] or [""])
    return str(line).partition("error:")[2].strip().rstrip(".") or "without a word"


def checksum(path: Path) -> str:
    """The file's SHA-256. It reads the whole file: run it in a thread."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _note_checksum(path: Path, digest: str) -> None:
    """A file beside it that `sha256sum --check` takes."""
    beside = path.with_name(f"{path.name}.sha256")
    beside.touch(mode=0o600)
    beside.write_text(f"{digest}  {path.name}\n", encoding="ascii")


def remove(path: Path) -> None:
    """The file is gone, and its checksum's."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)
