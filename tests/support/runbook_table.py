"""The rows of docs/runbook.md, read from the document itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "runbook.md"
_ROW: Final = re.compile(r"^\| (?P<item>.+?) \| `(?P<command>[a-z -]+)` \| `(?P<story>test_\w+\.py::test_\w+)` \|$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row: what the runbook says, the command that does it, and the story that proves it."""

    section: str
    item: str
    command: str
    story: str


def _rows() -> tuple[Row, ...]:
    found, section = [], ""
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif match := _ROW.match(line):
            item = match["item"].replace("\\|", "|")
            bare = item[1:-1] if item.startswith("`") and item.count("`") == 2 and item.endswith("`") else item
            found.append(Row(section=section, item=bare, command=match["command"], story=match["story"]))
    return tuple(found)


ROWS: Final = _rows()


def commands_of(story: str) -> frozenset[str]:
    """The commands that a story (`test_x.py::test_y`) is named for."""
    return frozenset(row.command for row in ROWS if row.story == story)
