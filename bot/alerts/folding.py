"""How a signal changes what is known of its alert: opened, repeated, recovered, back again.

[pure]
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.alerts.reading import Course, Signal


class Fold(StrEnum):
    """What a signal does."""

    OPEN = "open"
    """An alert of its own begins."""
    REPEAT = "repeat"
    RECOVER = "recover"
    RETURN = "return"
    """It had recovered a moment ago, and is back: it flaps, and stays one alert."""
    DROP = "drop"
    """A recovery of what never fired here, or something that is older than what is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What is known of the newest alert with this fingerprint. `changed_at` is when it last fired or recovered."""

    is_open: bool
    changed_at: datetime
    ended_at: datetime | None


def fold(known: Standing | None, signal: Signal, *, flaps_within: timedelta) -> Fold:
    """Return what the signal does. Vendors deliver late and out of order: what is older than what is known is dropped."""
    recovered = signal.course is Course.RECOVERED
    if known is None:
        return Fold.DROP if recovered else Fold.OPEN
    if known.is_open:
        if recovered:
            return Fold.RECOVER if signal.at >= known.changed_at else Fold.DROP
        return Fold.REPEAT
    since = signal.at - (known.ended_at or known.changed_at)
    if recovered or since < timedelta():
        return Fold.DROP
    return Fold.RETURN if signal.course is Course.FIRING and since <= flaps_within else Fold.OPEN
