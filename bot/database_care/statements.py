"""A migration's text: its statements, whether they can run in one transaction, and what in them cannot be taken back.

[pure]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bot.errors import UserError

_TOKEN: Final = re.compile(
    r"(?P<line>--[^\n]*)"
    r"|(?P<block>/\*)"
    r"|(?P<escaped>\b[eE]'(?:[^'\\]|\\.|'')*')"
    r"|(?P<string>'(?:[^']|'')*')"
    r'|(?P<name>"(?:[^"]|"")*")'
    r"|(?P<dollar>\$(?:[A-Za-z_]\w*)?\$)"
    r"|(?P<end>;)"
    r"|(?P<other>[^;'\"$/\-eE]+|.)",
    re.DOTALL,
)
_COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_ALONE: Final = re.compile(
    r"(create\s+(unique\s+)?index\s+concurrently|drop\s+index\s+concurrently|reindex\b.*\bconcurrently|vacuum\b"
    r"|create\s+database|drop\s+database|alter\s+system|create\s+tablespace|drop\s+tablespace"
    r"|alter\s+table\b.*\bdetach\s+partition\b.*\bconcurrently)",
    re.IGNORECASE | re.DOTALL,
)
"""What PostgreSQL refuses within a transaction."""
_CONTROL: Final = re.compile(r"(begin|commit|rollback|abort|start\s+transaction|savepoint|prepare\s+transaction)\b(?!\s+atomic)",
                             re.IGNORECASE)  # fmt: skip
_LOSING: Final = re.compile(
    r"\b(drop\s+(?:table|column|schema|type|view|materialized\s+view)|truncate|delete\s+from|alter\s+column\s+\S+\s+(?:set\s+data\s+)?type)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement, without the comments before it, and the line of the file that it begins on."""

    text: str
    line: int

    @property
    def head(self) -> str:
        """Its beginning in one line, without comments."""
        return " ".join(_COMMENT.sub(" ", self.text).split())[:110]


def split(text: str) -> list[Statement]:
    """The statements of a file, in order. Strings, quoted names, comments and $$ bodies keep their semicolons."""
    found: list[Statement] = []
    begin: int | None = None
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        assert token is not None  # noqa: S101 -- the last alternative takes anything
        position = token.end()
        if token["block"]:
            position = _end_of_comment(text, position)
        elif token["dollar"]:
            closing = text.find(token["dollar"], position)
            position = len(text) if closing < 0 else closing + len(token["dollar"])
        elif token["end"]:
            found += _statement(text, begin, token.start())
            begin = None
        if begin is None and not (token["line"] or token["block"] or token["end"] or token[0].isspace()):
            begin = token.end() - len(token[0].lstrip()) if token["other"] else token.start()
    return found + _statement(text, begin, len(text))


def _end_of_comment(text: str, position: int) -> int:
    """Where a block comment ends: PostgreSQL's nest."""
    depth = 1
    for mark in re.compile(r"/\*|\*/").finditer(text, position):
        depth += 1 if mark[0] == "/*" else -1
        if not depth:
            return mark.end()
    return len(text)


def _statement(text: str, begin: int | None, end: int) -> list[Statement]:
    """The statement that began there, if one did."""
    return [] if begin is None else [Statement(text=text[begin:end].strip(), line=text.count("\n", 0, begin) + 1)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """A migration as it will be run. `stepwise`: statement by statement, because one of them refuses a transaction."""

    text: str
    statements: tuple[Statement, ...]
    stepwise: bool
    losing: tuple[str, ...]
    """What in it destroys something, such as `drop column`."""


def read(text: str) -> Script:
    """Return the script. UserError for what cannot be run: psql's own commands, its own transactions, nothing at all."""
    statements = split(text)
    if not statements:
        raise UserError("There is no statement in this file.")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("\\"):
            raise UserError(f"Line {number} is a command of psql's (`{line.split()[0]}`).", todo="Write it as SQL.")
    for one in statements:
        control = _CONTROL.match(one.head)
        if control:
            raise UserError(
                f"Line {one.line} controls the transaction itself (`{control[0]}`).",
                why="A migration runs in one transaction of ours, so that it is there whole or not at all.",
                todo="Take it out.",
            )
        if re.match(r"copy\b.*\bfrom\s+stdin\b", one.head, re.IGNORECASE):
            raise UserError(f"Line {one.line} is COPY FROM STDIN, whose rows cannot be sent.", todo="Write INSERTs.")
    bare = [_COMMENT.sub(" ", one.text).strip() for one in statements]
    stepwise = any(_ALONE.match(one) for one in bare)
    if stepwise and any(re.search(r"\bbegin\s+atomic\b", one, re.IGNORECASE) for one in bare):
        raise UserError("A body in BEGIN ATOMIC cannot be told from other statements here.", todo="Write it in $$.")
    losing = sorted(
        {" ".join(found.lower().split()) for one in bare for found in _LOSING.findall(_without_bodies(one))}
    )
    return Script(text=text, statements=tuple(statements), stepwise=stepwise, losing=tuple(losing))


def _without_bodies(text: str) -> str:
    """Without strings and $$ bodies, in which nothing is run now."""
    return re.sub(r"\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'", "''", text, flags=re.DOTALL)


def line_of(text: str, position: int | None) -> int | None:
    """The line of the file at a position (from 1) that PostgreSQL names."""
    return None if position is None else text.count("\n", 0, max(0, position - 1)) + 1
