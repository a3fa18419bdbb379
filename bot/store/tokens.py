"""Table `tokens`: terminal tokens, of which only the hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from bot.errors import UserError
from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("tokens")
MOST: Final = 10
"""Living tokens a person may have."""
PREFIX: Final = "ilab_"
"""So that secret scanners and people recognise one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A living token, without its secret."""

    id: int
    label: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Bearer:
    """Whose token was shown."""

    id: int
    person: str
    label: str


def _hash(secret: str) -> bytes:
    # The secret has 256 random bits, so a plain hash is enough: there is nothing to guess.
    return hashlib.sha256(secret.encode()).digest()


async def issue(connection: Connection, *, person: str, label: str, request: str, at: datetime) -> tuple[int, str]:
    """Make a token; return its id and its secret, which is kept nowhere. Holds the person's lock until the commit."""
    await connection.execute(_SQL["lock"], {"person": person})
    cursor = await connection.execute(_SQL["count"], {"person": person, "request": request})
    row = await cursor.fetchone()
    if row is not None and row[0] >= MOST:
        raise UserError(f"You have {row[0]} tokens already.", todo="Revoke one first: `/ilab token`.")
    secret = PREFIX + secrets.token_urlsafe(32)
    cursor = await connection.execute(
        _SQL["issue"], {"person": person, "label": label, "hash": _hash(secret), "request": request, "at": at}
    )
    issued = await cursor.fetchone()
    assert issued is not None  # noqa: S101 -- `returning` of an upsert without a condition always returns
    return issued[0], secret


async def use(connection: Connection, secret: str, *, at: datetime) -> Bearer | None:
    """Whose living token this is, noting that it was used; None for any other words."""
    async with connection.cursor(row_factory=class_row(Bearer)) as cursor:
        await cursor.execute(_SQL["use"], {"hash": _hash(secret), "at": at})
        return await cursor.fetchone()


async def living(connection: Connection, person: str) -> list[Token]:
    """A person's living tokens, oldest first."""
    async with connection.cursor(row_factory=class_row(Token)) as cursor:
        await cursor.execute(_SQL["list"], {"person": person})
        return await cursor.fetchall()


async def bearers(connection: Connection) -> list[str]:
    """Everybody who has a living token."""
    return [str(row[0]) for row in await (await connection.execute(_SQL["bearers"])).fetchall()]


async def revoke(connection: Connection, token_id: int, *, person: str, at: datetime) -> str | None:
    """End a person's own token and return its label; None where they have no such living token."""
    cursor = await connection.execute(_SQL["revoke"], {"id": token_id, "person": person, "at": at})
    row = await cursor.fetchone()
    return None if row is None else str(row[0])
