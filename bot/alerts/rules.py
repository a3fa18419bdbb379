"""Which alert becomes an incident by itself, and what our own look says of it.

[pure]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it imports the database's driver
    from bot.settings import AlertRule


class Look(StrEnum):
    """What our own look at the matter says."""

    CONFIRMED = "confirmed"
    DENIED = "denied"
    UNKNOWN = "unknown"


def rule_for(rules: Sequence[AlertRule], *, kind: str, title: str, link: str, count: int) -> AlertRule | None:
    """The first rule that the alert fits."""
    for rule in rules:
        said = not rule.matches or re.search(rule.matches, f"{title}\n{link}")
        if kind in rule.kinds and said and count >= rule.at_least:
            return rule
    return None


def payments(*, succeeded: int, failed: int, alert_below: float) -> Look:
    """What the last payments say: confirmed where fewer than that share succeeded. Too few say nothing either way."""
    if succeeded + failed < 3:
        return Look.UNKNOWN
    return Look.CONFIRMED if succeeded / (succeeded + failed) < alert_below else Look.DENIED
