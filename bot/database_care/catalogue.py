"""The named queries that people may ask: `sql/queries/catalogue/`, each with its title and its arguments in its header.

    -- What a customer holds.
    -- runbook: Check user entitlements
    -- :email email  The customer's e-mail address.
    -- :since age = 7d  How far back.

Addresses are masked in what comes back, wherever they stand, and rows are capped.
"""

from __future__ import annotations

import difflib
import functools
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sql
from bot.errors import UserError
from bot.words import duration, email

FOLDER: Final = "queries/catalogue"
LONGEST_AGE: Final = timedelta(days=3660)
_ARGUMENT: Final = re.compile(r":(?P<name>\w+) (?P<kind>email|age|id)(?: = (?P<default>\S+))?\s+(?P<help>.+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Argument:
    """What a query has to be told. `default` is empty where it must be said."""

    name: str
    kind: str
    help: str
    default: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """A named query."""

    name: str
    title: str
    arguments: tuple[Argument, ...]

    @property
    def usage(self) -> str:
        """How it is asked for: `entitlements <email>`."""
        words = (f"[{one.name}]" if one.default else f"<{one.name}>" for one in self.arguments)
        return " ".join((self.name, *words))


@functools.cache
def catalogue() -> Mapping[str, Query]:
    """Every query there is, by name."""
    names = [name.removesuffix(".sql") for name in sql.names(FOLDER)]
    return {name: described(name, sql.load(f"{FOLDER}/{name}.sql")) for name in names}


def described(name: str, text: str) -> Query:
    """What the header of a query says. ValueError where it says too little. Pure."""
    header = [line[3:].strip() for line in text.splitlines() if line.startswith("-- ")]
    told = [line for line in header if not line.startswith((":", "runbook:"))]
    arguments = [_ARGUMENT.fullmatch(line) for line in header if line.startswith(":")]
    if not told or any(one is None for one in arguments):
        raise ValueError(f"{name}.sql does not say what it is, or what its arguments are")
    return Query(
        name=name,
        title=" ".join(told),
        arguments=tuple(
            Argument(name=one["name"], kind=one["kind"], help=one["help"], default=one["default"] or "")
            for one in arguments
            if one is not None
        ),
    )


def named(name: str) -> Query:
    """The query of that name. UserError, with the nearest, where there is none."""
    found = catalogue().get(name.lower())
    if found is None:
        near = difflib.get_close_matches(name.lower(), catalogue(), n=1)
        raise UserError(
            f"There is no query “{name[:40]}”.",
            why=f"Did you mean `/ilab db query {near[0]}`?" if near else "",
            todo="`/ilab db query` lists them.",
        )
    return found


def values(query: Query, words: Sequence[str], now: datetime) -> dict[str, Any]:
    """What the query is told, from what was typed. UserError where something is missing, wrong or too much. Pure."""
    if len(words) > len(query.arguments):
        takes = ", ".join(one.name for one in query.arguments) or "nothing"
        raise UserError(f"`{query.name}` takes {takes}.", todo=f"`/ilab db query {query.usage}`")
    told: dict[str, Any] = {"now": now}
    for number, argument in enumerate(query.arguments):
        word = words[number] if number < len(words) else argument.default
        if not word:
            raise UserError(
                f"`{query.name}` needs the {argument.name}.",
                why=argument.help,
                todo=f"`/ilab db query {query.usage}`",
            )
        told[argument.name] = _value(query, argument, word)
    return told


def _value(query: Query, argument: Argument, word: str) -> Any:
    read: dict[str, Callable[[str], Any]] = {"email": email, "age": duration, "id": uuid.UUID}
    wanted = {
        "email": "an e-mail address",
        "age": "a time such as 24h or 7d, at most ten years",
        "id": "an id of the database's",
    }
    try:
        value = read[argument.kind](word)
    except ValueError:
        value = None
    if value is None or (isinstance(value, timedelta) and value > LONGEST_AGE):
        raise UserError(
            f"“{word[:60]}” does not fit “{argument.name}”: it must be {wanted[argument.kind]}.",
            todo=f"`/ilab db query {query.usage}`",
        )
    return value
