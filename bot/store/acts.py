"""Table `acts`: what requests that changed our own state have answered, so that none is done twice."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from bot.operation import Answer
from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("acts")


async def begin(connection: Connection, key: str, operation: str, *, at: datetime) -> bool:
    """It begins in this transaction; False where it was done before. While another copy is at it, this waits for that."""
    given = {"key": key, "operation": operation, "at": at}
    return await (await connection.execute(_SQL["begin"], given)).fetchone() is not None


async def answer(connection: Connection, key: str, operation: str) -> Answer | None:
    """What it answered; None where that may not be kept."""
    row = await (await connection.execute(_SQL["answer"], {"key": key, "operation": operation})).fetchone()
    return None if row is None or row[0] is None else _answers().validate_python(row[0], strict=False)


async def end(connection: Connection, key: str, operation: str, given: Answer) -> None:
    """It has answered this. A secret is kept nowhere, and a file is made anew."""
    if given.secret is not None or given.attachments:
        return
    kept = Jsonb(_answers().dump_python(given, mode="json"))
    await connection.execute(_SQL["end"], {"key": key, "operation": operation, "answer": kept})


async def purge(connection: Connection, *, before: datetime) -> int:
    """Forget what is older; return how many."""
    return (await connection.execute(_SQL["purge"], {"before": before})).rowcount


@functools.cache
def _answers() -> TypeAdapter[Any]:
    return TypeAdapter(Answer)  # made at the first use: it takes some milliseconds
