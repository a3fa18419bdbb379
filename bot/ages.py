"""How long ago something was, as people say it.

[pure]
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

_HALF_A_DAY: Final = timedelta(hours=12)


def age(of: datetime, now: datetime) -> str:
    """How long ago, in the one unit a person needs: `4 s`, `12 min`, `3 h`, `5 days`."""
    return span((now - of).total_seconds())


def span(seconds: float) -> str:
    """A length of time in the same way; what lies ahead is no time at all."""
    seconds = max(0.0, seconds)
    for limit, unit, word in ((90, 1, "s"), (90 * 60, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{round(seconds / unit)} {word}"
    return f"{round(seconds / 86400)} days"


def is_far(when: datetime, now: datetime) -> bool:
    """Whether a time of day alone would be taken for that of another day."""
    return abs(when - now) >= _HALF_A_DAY


def exact(lasted: timedelta) -> str:
    """A length of time to the second, as people say it: `47 min 12 s`, `2 h 05 min`, `3 days 4 h`."""
    seconds = max(0, round(lasted.total_seconds()))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} day{'s' if days > 1 else ''} {hours} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
