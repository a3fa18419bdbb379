"""Markdown that says what somebody else wrote as they wrote it."""

from __future__ import annotations

import pytest

from bot.markdown import CELLS, link, plain, table


@pytest.mark.parametrize(
    ("written", "markdown"),
    [
        ("plain words, 50 % (all) & more", "plain words, 50 % (all) & more"),
        ("two\nlines  here", "two lines here"),
        ("a|b", "a\\|b"),
        ("# no heading", "\\# no heading"),
        ("- no item", "\\- no item"),
        ("-1 is a number", "-1 is a number"),
        ("1. no item", "1\\. no item"),
        ("1.5 is a number", "1.5 is a number"),
        ("![](@U0ALICE01)", "!\\[\\](@U0ALICE01)"),
        ("[here](https://evil.example)", "\\[here\\](https://evil.example)"),
        ("<!channel>", "\\<!channel\\>"),
        ("payment_intent_id and snake_case_", "payment_intent_id and snake_case\\_"),
        ("_no_ *emphasis* ~here~ `code`", "\\_no\\_ \\*emphasis\\* \\~here\\~ \\`code\\`"),
        ("c:\\temp", "c:\\\\temp"),
    ],
)
def test_what_somebody_wrote(written: str, markdown: str) -> None:
    """It reads as it was written, and does nothing."""
    assert plain(written) == markdown


def test_links_lead_to_https_alone() -> None:
    """What is no address of the web stays text."""
    assert link("here", "https://a.example/x(1)") == "[here](https://a.example/x(1%29)"
    assert link("[here]", "javascript:alert(1)") == "\\[here\\]"


def test_long_tables_are_cut() -> None:
    """No table has more cells than a canvas takes, its head counted; each has its head."""
    whole = table(("a", "b", "c", "d"), [("1", "2", "3", "4")] * 200)
    parts = whole.split("\n\n")
    assert [len(part.splitlines()) - 2 for part in parts] == [74, 74, 52]
    assert all(part.startswith("| a | b | c | d |\n|---|---|---|---|\n") for part in parts)
    assert all((len(part.splitlines()) - 1) * 4 <= CELLS for part in parts)
