"""When a figure that crosses its threshold is worth a word: not at the first flicker, and not again at each.

[pure]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bot.figures.kinds import Level

WORSE_AFTER: Final = 2
"""Measurements in a row that must be worse before it counts."""
BETTER_AFTER: Final = 3
"""Measurements in a row that must be better."""
_ORDER: Final = (Level.OK, Level.WARN, Level.ALERT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stand:
    """How a figure stands.

    `leaning` is where the last measurements point, and `streak` how many do; `silent_since` is since when it could not
    be measured, where it cannot now.
    """

    level: Level = Level.OK
    leaning: Level = Level.OK
    streak: int = 0
    silent_since: datetime | None = None


def after(stand: Stand, measured: Level, at: datetime, *, silence: timedelta) -> Stand:
    """Return how it stands after one more measurement; could not be measured for longer than `silence`: unknown."""
    if measured is Level.UNKNOWN:
        since = stand.silent_since or at
        level = Level.UNKNOWN if at - since >= silence else stand.level
        return replace(stand, level=level, streak=0, silent_since=since)
    if stand.level is Level.UNKNOWN:
        return Stand(level=measured, leaning=measured, streak=1)
    streak = stand.streak + 1 if measured is stand.leaning and stand.silent_since is None else 1
    if measured is stand.level:
        return Stand(level=stand.level, leaning=measured, streak=streak)
    needed = WORSE_AFTER if _ORDER.index(measured) > _ORDER.index(stand.level) else BETTER_AFTER
    level = measured if streak >= needed else stand.level
    return Stand(level=level, leaning=measured, streak=streak)
