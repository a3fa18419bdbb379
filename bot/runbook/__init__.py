"""The owner's runbook, as it is, and its parts: sections, and in each the steps, bullets and snippets.

[pure]
"""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

DOCUMENT: Final = "interviewlab.md"
_HEADING: Final = re.compile(r"^(#{2,4}) (.+)$")
_POINT: Final = re.compile(r"^\s*(?:\d+\.|-) (.+)$")
_TITLE_ONLY: Final = re.compile(r"^\*\*[^*]+:\*\*$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of the document under one heading, without its subsections. `level` is 2 for the largest."""

    heading: str
    level: int
    parent: str
    """The heading of the section that it belongs to; empty for the largest."""
    text: str

    @property
    def anchor(self) -> str:
        """What an address that leads here ends with."""
        return "#" + re.sub(r"[^\w\s-]", "", self.heading.lower()).replace(" ", "-")


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A numbered step, a bullet, or a snippet: one thing that somebody was to do or to know by hand."""

    section: str
    text: str


@functools.cache
def document() -> str:
    """The document's text."""
    return (importlib.resources.files(__package__) / DOCUMENT).read_text(encoding="utf-8")


@functools.cache
def sections() -> tuple[Section, ...]:
    """Every section, in the document's order; its table of contents is none."""
    found: list[Section] = []
    parents: dict[int, str] = {}
    lines: list[str] = []
    heading: tuple[str, int] | None = None
    fenced = False
    for line in [*document().splitlines(), "## "]:
        fenced ^= line.startswith("```")
        match = None if fenced else _HEADING.match(line) or (line == "## " and re.match(r"(##) ()", line))
        if not match:
            lines.append(line)
            continue
        if heading is not None and heading[0] != "Table of Contents":
            name, level = heading
            parent = parents.get(level - 1, "")
            found.append(
                Section(
                    heading=name,
                    level=level,
                    parent=parent,
                    text=re.sub(r"\n*-{3,}\n*$", "", "\n".join(lines)).strip("\n"),
                )
            )
        heading = (match[2], len(match[1]))
        parents[heading[1]] = heading[0]
        lines = []
    return tuple(found)


@functools.cache
def items() -> tuple[Item, ...]:
    """Every step, bullet and snippet. Of a snippet it is the first line that does something."""
    return tuple(Item(section=section.heading, text=text) for section in sections() for text in _items(section.text))


def _items(text: str) -> Iterator[str]:
    fenced: list[str] | None = None
    for line in text.splitlines():
        if line.strip().startswith("```"):
            if fenced is not None:
                yield from _done(fenced)
            fenced = [] if fenced is None else None
        elif fenced is not None:
            fenced.append(line.strip())
        elif (point := _POINT.match(line)) and not _TITLE_ONLY.match(point[1]):
            yield point[1]


def _done(snippet: list[str]) -> Iterator[str]:
    """The commands and statements of a snippet, each as one line of at most 70 characters."""
    statement: list[str] = []
    for line in snippet:
        if not line or (line.startswith(("#", "--")) and not statement):
            continue
        if statement or line.upper().startswith(("SELECT", "INSERT", "UPDATE", "DELETE")) or line.endswith("\\"):
            statement.append(line)
            if line.endswith(";") or line.startswith(">"):
                yield " ".join(statement)[:70]
                statement = []
        else:
            yield line
    if statement:
        yield " ".join(statement)[:70]


def closest(words: str) -> tuple[Section, ...]:
    """The sections that the words name: their headings hold them all, or else their text does; the best first."""
    wanted = words.lower().split()
    by_heading = [one for one in sections() if all(word in one.heading.lower() for word in wanted)]
    return tuple(by_heading) or tuple(one for one in sections() if all(word in one.text.lower() for word in wanted))
