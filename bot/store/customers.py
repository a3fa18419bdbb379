"""Table `customers`: our own tables name a customer by a hash under a key of that person, which a deletion destroys."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from bot.errors import StaleError
from bot.store.database import Connection
from bot.store.queries import statements

_SQL: Final = statements("customers")
PERSON: Final = "person"
"""The key under which what a change decides by holds a customer's id, at any depth."""
_SIGN: Final = "customer:"


async def refer(connection: Connection, person: str) -> str:
    """Return what our own tables call this customer, made at the first time."""
    key = secrets.token_bytes(32)
    ref = _SIGN + hmac.digest(key, person.encode(), hashlib.sha256).hex()[:32]
    await connection.execute(_SQL["add"], {"person": person, "key": key, "ref": ref})
    row = await (await connection.execute(_SQL["ref"], {"person": person})).fetchone()
    assert row is not None  # noqa: S101 -- it was just stored, by us or by another copy
    return str(row[0])


async def person_of(connection: Connection, ref: str) -> str | None:
    """Return the product's id of the account; None where the customer was deleted."""
    row = await (await connection.execute(_SQL["person"], {"ref": ref})).fetchone()
    return None if row is None else str(row[0])


async def remember(connection: Connection, person: str, address: str) -> None:
    """Keep the address until the customer is forgotten: a deletion that was cut off must know what to look for."""
    await connection.execute(_SQL["remember"], {"person": person, "address": address})


async def address_of(connection: Connection, person: str) -> str | None:
    """Return the address of somebody whose deletion is under way."""
    row = await (await connection.execute(_SQL["address"], {"person": person})).fetchone()
    return None if row is None or row[0] is None else str(row[0])


async def begun(connection: Connection, address: str) -> str | None:
    """Return whose deletion was begun under this address, and has not ended."""
    row = await (await connection.execute(_SQL["begun"], {"address": address})).fetchone()
    return None if row is None else str(row[0])


async def forget(connection: Connection, person: str) -> None:
    """Destroy the key: from now on nothing leads from our tables to this person."""
    await connection.execute(_SQL["forget"], {"person": person})


async def veiled(connection: Connection, decides: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a change decides by, with every customer in it by their hash."""

    async def veil(person: str) -> str:
        return await refer(connection, person)

    return {name: await _turned(name, value, veil) for name, value in decides.items()}


async def unveiled(connection: Connection, decides: Mapping[str, Any]) -> dict[str, Any]:
    """Return it with every customer by the product's id. Raise StaleError where one was deleted in the meantime."""

    async def unveil(ref: str) -> str:
        if not ref.startswith(_SIGN):
            return ref
        person = await person_of(connection, ref)
        if person is None:
            raise StaleError("The customer was deleted in the meantime.")
        return person

    return {name: await _turned(name, value, unveil) for name, value in decides.items()}


async def _turned(name: str, value: Any, turn: Callable[[str], Awaitable[str]]) -> Any:
    if isinstance(value, Mapping):
        return {inner: await _turned(inner, held, turn) for inner, held in value.items()}
    if isinstance(value, list | tuple):
        return [await _turned(name, held, turn) for held in value]
    return await turn(value) if name == PERSON and isinstance(value, str) else value
