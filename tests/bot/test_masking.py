"""Text as shared channels may show it."""

from __future__ import annotations

import pytest

from bot.masking import masked_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("for ann@example.com: no", "for a•••@example.com: no"),
        ("<Sam.Plus+x@mail.example.co.uk>,b@c.de", "<S•••@mail.example.co.uk>,b•••@c.de"),
        ("GET /x?user=ann%40example.com @here a@b", "GET /x?user=a•••@example.com @here a@b"),
        ("nothing", "nothing"),
    ],
)
def test_addresses_are_masked(text: str, shown: str) -> None:
    """Every address keeps its first sign and its domain; what is none stays."""
    assert masked_text(text) == shown
