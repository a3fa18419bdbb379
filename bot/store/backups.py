"""Table `backups`: dumps of the product's database that the bot has made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("backups")


@dataclass(frozen=True, kw_only=True, slots=True)
class Backup:
    """A dump as it stands: running, done, failed or removed."""

    id: int
    request: int
    host: str
    file: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    server_version: str
    tool_version: str
    bytes: int | None
    sha256: str | None
    counts: dict[str, int] | None
    proven_at: datetime | None
    proof: str
    removed_at: datetime | None
    reason: str

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum((self.counts or {}).values())


async def begin(connection: Connection, *, request: int, host: str, file: str, at: datetime) -> bool:
    """It is being made; False where this request has made its dump already."""
    given = {"request": request, "host": host, "file": file, "at": at}
    return await (await connection.execute(_SQL["begin"], given)).fetchone() is not None


async def finish(
    connection: Connection,
    *,
    request: int,
    at: datetime,
    server_version: str,
    tool_version: str,
    size: int,
    sha256: str,
    counts: dict[str, int],
) -> None:
    """The file is there, whole and verified."""
    await connection.execute(
        _SQL["finish"],
        {
            "request": request,
            "at": at,
            "server_version": server_version,
            "tool_version": tool_version,
            "bytes": size,
            "sha256": sha256,
            "counts": Jsonb(counts),
        },
    )


async def fail(connection: Connection, *, request: int, at: datetime, reason: str) -> None:
    """No file came of it."""
    await connection.execute(_SQL["fail"], {"request": request, "at": at, "reason": reason})


async def prove(connection: Connection, backup_id: int, *, at: datetime | None, proof: str) -> None:
    """It was restored elsewhere with the same rows; or, without `at`, it was tried and was not so."""
    await connection.execute(_SQL["prove"], {"id": backup_id, "at": at, "proof": proof})


async def remove(connection: Connection, backup_id: int, *, at: datetime, reason: str) -> None:
    """Its file is gone."""
    await connection.execute(_SQL["remove"], {"id": backup_id, "at": at, "reason": reason})


async def by_request(connection: Connection, request: int) -> Backup | None:
    """The dump that a request has made, or is making."""
    return await _one(connection, _SQL["by_request"], {"request": request})


async def get(connection: Connection, backup_id: int) -> Backup | None:
    """The dump of that number."""
    return await _one(connection, _SQL["get"], {"id": backup_id})


async def kept(connection: Connection) -> list[Backup]:
    """Those whose files are there, newest first: what a deletion's certificate names, too."""
    async with connection.cursor(row_factory=class_row(Backup)) as cursor:
        await cursor.execute(_SQL["kept"])
        return await cursor.fetchall()


async def latest(connection: Connection, *, most: int = 10) -> list[Backup]:
    """The last ones, also those that run or failed, newest first."""
    async with connection.cursor(row_factory=class_row(Backup)) as cursor:
        await cursor.execute(_SQL["latest"], {"most": most})
        return await cursor.fetchall()


async def _one(connection: Connection, statement: LiteralString, given: dict[str, object]) -> Backup | None:
    async with connection.cursor(row_factory=class_row(Backup)) as cursor:
        await cursor.execute(statement, given)
        return await cursor.fetchone()
