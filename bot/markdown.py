"""Markdown that says what somebody else wrote as they wrote it, within what Slack's canvases take.

Source: docs.slack.dev, the canvas surface: headings to the third level, tables of 300 cells, mentions as `![](@U…)`.

[pure]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

CELLS: Final = 300
_SIGNS: Final = re.compile(r"([\\`*\[\]<>|])|(?<![A-Za-z0-9])([_~])(?=\S)|(?<=\S)([_~])(?![A-Za-z0-9])")
_START: Final = re.compile(r"^(\d*)(#|[-+](?=\s)|(?<=\d)[.)](?=\s))")


def plain(text: str) -> str:
    """One line that reads as it was written: no heading, no link, no mention, no cell comes of it."""
    line = " ".join(text.split())
    return _START.sub(r"\1\\\2", _SIGNS.sub(r"\\\g<0>", line))


def link(text: str, address: str) -> str:
    """The text as a link; without an address it is the text alone."""
    if not address.startswith("https://"):
        return plain(text)
    return f"[{plain(text)}]({address.replace(')', '%29').replace(' ', '%20')})"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; of more cells than one may have, several. The cells are Markdown already; none is empty of rows."""
    most = CELLS // len(heads) - 1
    return "\n\n".join("\n".join(_table(heads, rows[at : at + most])) for at in range(0, len(rows), most))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def bullets(lines: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)


def stamp(at: datetime) -> str:
    """A moment in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def minute(at: datetime) -> str:
    """A moment in UTC, to the minute, saying so."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
