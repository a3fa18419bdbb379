"""Taking a person out of our own tables, and the certificate that is left: table `certificates`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("erasure")
LEFT_OUT: Final = (
    "audit",
    "audit_anchors",
    "audit_head",
    "certificates",
    "customers",
    "schema_migrations",
)
"""What takes no address in the first place, and the row of `customers`, which goes as a whole."""
INSTEAD: Final = "•••"


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """What was certified. `sha256` is of the body's canonical text."""

    at: datetime
    body: dict[str, Any]
    sha256: str


async def requests_about(connection: Connection, ref: str) -> tuple[int, ...]:
    """The requests about a customer, by what our own tables call them."""
    cursor = await connection.execute(_SQL["requests"], {"ref": ref})
    return tuple(row[0] for row in await cursor.fetchall())


async def sweep(
    connection: Connection, words: tuple[str, ...], *, masked: str, called: str, about: tuple[int, ...]
) -> dict[str, int]:
    """Take `words` out of every text of ours, whatever the case; return how many rows of which table held them.

    `masked`, by which cards name the person, may stand for others, too: it becomes `called` where a text is of one of
    the requests `about` them.
    """
    pattern = "|".join(_alone(word) for word in dict.fromkeys((*words, *(_in_json(word) for word in words))))
    held: dict[str, int] = {}
    await connection.execute(_SQL["begin"])
    cursor = await connection.execute(_SQL["forget_offers"], {"pattern": pattern})
    _count(held, "offers", cursor.rowcount)
    cursor = await connection.execute(_SQL["columns"], {"left_out": list(LEFT_OUT)})
    columns = await cursor.fetchall()
    for table, column, type_ in columns:
        rows = await _sweep_column(connection, table, column, type_, pattern, INSTEAD, only="")
        _count(held, table, rows)
    if about:
        given = {"pattern": _alone(masked), "instead": called}
        await connection.execute(_SQL["plans"], given | {"ids": list(about)})
        only = rf"\mrequest[ :](?:{'|'.join(map(str, about))})\M"
        for table, column, type_ in columns:
            await _sweep_column(connection, table, column, type_, _alone(masked), called, only=only)
    await connection.execute(_SQL["end"])
    return held


async def _sweep_column(
    connection: Connection, table: str, column: str, type_: str, pattern: str, instead: str, *, only: str
) -> int:
    text = _SQL["text"] if type_ in ("text", "character varying") else _SQL["json"]
    statement = sql.SQL(text).format(
        table=sql.Identifier(table), column=sql.Identifier(column), type=sql.SQL(_CASTS.get(type_, "text"))
    )
    return (await connection.execute(statement, {"pattern": pattern, "instead": instead, "only": only})).rowcount


_CASTS: Final[Mapping[str, LiteralString]] = {"json": "json", "jsonb": "jsonb", "text[]": "text[]"}


def _count(held: dict[str, int], table: str, rows: int) -> None:
    if rows:
        held[table] = held.get(table, 0) + rows


def _alone(word: str) -> str:
    """A pattern for the word where it is not part of a longer one: another customer's address may contain it."""
    escaped = "".join(sign if sign.isalnum() or ord(sign) > 127 else f"\\{sign}" for sign in word)
    return rf"(?<![\w.+%-]){escaped}(?![\w-])(?!\.[\w-])"


def _in_json(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)[1:-1]


async def certify(connection: Connection, request: int, body: Mapping[str, Any], *, sha256: str, at: datetime) -> None:
    """Keep the certificate of a deletion."""
    given = {"request": request, "at": at, "body": Jsonb(dict(body)), "sha256": sha256}
    await connection.execute(_SQL["certify"], given)


async def certificate(connection: Connection, request: int) -> Certificate | None:
    """The certificate of a deletion, by its request."""
    row = await (await connection.execute(_SQL["certificate"], {"request": request})).fetchone()
    return None if row is None else Certificate(at=row[0], body=row[1], sha256=row[2])
