"""Changes to the product: planned, shown on a card, approved by another person, run once, and reported.

Two databases, and no transaction over both. Ours commits `executing` before anything runs; the product's own
transaction holds the effect together with our request's key; ours then commits the outcome. A crash anywhere runs the
middle part again, which by that key says what happened the first time.
"""

from __future__ import annotations

from bot.changes.asking import submit
from bot.changes.breaking import break_glass
from bot.changes.deciding import approve, delegate, known_request, reject, withdraw
from bot.changes.duties import card_faces, clock_work
from bot.changes.running import ask_again, settle

__all__ = (
    "approve",
    "ask_again",
    "break_glass",
    "card_faces",
    "clock_work",
    "delegate",
    "known_request",
    "reject",
    "settle",
    "submit",
    "withdraw",
)
