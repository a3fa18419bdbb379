"""What was typed amiss, as a form keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.amiss import salvage
from bot.app import registry
from bot.errors import UsageError
from bot.slack.blocks.form import form


@pytest.mark.parametrize(
    ("typed", "given", "amiss"),
    [
        ("token revoke seven", {}, {"id": "seven"}),
        ("incident declare checkout is down", {"title": "checkout is down"}, {}),
        ("incident declare pp0 checkout is down", {"title": "pp0 checkout is down"}, {}),
        ("grant ann@example 5 --reason the webhook failed", {"interviews": 5, "reason": "the webhook failed"}, {"email": "ann@example"}),
        ("grant ann@example.com five the webhook failed", {"email": "ann@example.com", "reason": "the webhook failed"}, {"interviews": "five"}),
        ("grant ann@example.com 5 --raeson the webhook failed", {"email": "ann@example.com", "interviews": 5, "reason": "the webhook failed"}, {}),
        ("deny —reason no need", {"reason": "no need"}, {}),
        ("incident update INC-12", {"id": 12}, {}),
        ("incident milestone started 14:05", {"name": "started", "when": "14:05"}, {}),
    ],
)  # fmt: skip
def test_nothing_that_was_typed_is_lost(typed: str, given: dict[str, Any], amiss: dict[str, str]) -> None:
    """What fits is given, and what does not stands where it was meant, or where it fits best; the form shows both."""
    kept = salvage(registry(), typed)
    assert (kept.given, kept.amiss) == (given, amiss)
    shown = {
        block["block_id"]: block["element"].get("initial_value")
        for block in form(kept, channel="C1")["blocks"]
        if block["type"] == "input"
    }
    assert {name: shown[name] for name in amiss} == amiss


def test_words_that_name_no_command_have_no_form() -> None:
    """Nothing can be kept for a command that there is not."""
    with pytest.raises(UsageError):
        salvage(registry(), "nonsense of all kinds")
