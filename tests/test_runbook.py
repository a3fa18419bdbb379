"""docs/runbook.md: every step, bullet and snippet of the owner's runbook has a command, and a story that proves it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from runbook_table import ROWS, Row

from bot import runbook
from bot.app import registry
from bot.runbook import closest, items, sections

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "runbook.md"


def test_it_is_the_owners_document() -> None:
    """What is in the package is what the owner wrote, word for word."""
    if not SHARED.is_file():
        pytest.skip("the owner's document is not beside this checkout")
    assert runbook.document() == SHARED.read_text(encoding="utf-8")


def test_every_item_has_its_row() -> None:
    """In the document's order, each once: nothing is left out, and nothing is made up."""
    assert [(row.section, row.item) for row in ROWS] == [(item.section, item.text) for item in items()]
    assert len(ROWS) > 110


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section[:20]}: {row.item[:40]}")
def test_every_row_leads_somewhere(row: Row) -> None:
    """Its command is one of the bot's, and its story is there."""
    assert row.command in registry().by_words
    file, _, name = row.story.partition("::")
    tree = ast.parse((ROOT / "tests" / "stories" / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}


def test_every_section_is_found_by_its_heading() -> None:
    """What an answer links is a section of the document."""
    headings = {section.heading for section in sections()}
    for operation in registry():
        assert not operation.section or operation.section in headings, operation.words
    for section in sections():
        assert closest(section.heading)[0].heading == section.heading


@pytest.mark.parametrize(
    ("words", "heading"),
    [
        ("rollback", "Quick Rollback"),
        ("p0", "P0 Response Procedure"),
        ("payment", "Issue 3: Payment Webhook Failed"),
        ("pg_dump", "Backup & Restore"),
        ("gdpr", "Delete User Account (GDPR)"),
        ("maintenance", "Maintenance Windows"),
    ],
)
def test_words_find_a_section(words: str, heading: str) -> None:
    """By the heading, or by what stands under it."""
    assert closest(words)[0].heading == heading


def test_unknown_words_find_none() -> None:
    """Nothing is guessed."""
    assert closest("coffee machine") == ()
