"""A moment as people type it: `14:05`, `yesterday 23:50`, `2026-03-02 14:05`, or `12m` for so long ago. In UTC.

[pure]
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.errors import UserError

_CLOCK: Final = re.compile(
    r"(?:(?P<day>\d{4}-\d\d-\d\d|yesterday|today)[ T]+)?(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?Z?"
)
_AGO: Final = re.compile(r"(?P<amount>\d{1,5})\s*(?P<unit>s|m|min|h|d)(?: ago)?")
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
EXAMPLES: Final = "`14:05`, `yesterday 23:50`, `2026-03-02 14:05`, all in UTC, or `12m` for so long ago"


def moment(typed: str, now: datetime) -> datetime:
    """The moment that was meant, which is not ahead; a time of day alone is the last such. Raises UserError."""
    words = typed.strip().lower().removesuffix(" utc").strip()
    if words == "now":
        return now
    if ago := _AGO.fullmatch(words):
        return now - timedelta(seconds=int(ago["amount"]) * _UNITS[ago["unit"]])
    found = _CLOCK.fullmatch(words.replace("t", " ") if words[:1].isdigit() else words)
    if found is None:
        raise UserError(f"“{typed[:40]}” is no moment.", todo=f"Such as {EXAMPLES}.")
    try:
        day = _day(found["day"], now)
        at = datetime(
            day.year,
            day.month,
            day.day,
            int(found["hour"]),
            int(found["minute"]),
            int(found["second"] or 0),
            tzinfo=UTC,
        )
    except ValueError:
        raise UserError(f"“{typed[:40]}” is no moment.", todo=f"Such as {EXAMPLES}.") from None
    if found["day"] is None and at > now:
        at -= timedelta(days=1)
    if at > now:
        raise UserError(f"{at:%Y-%m-%d %H:%M} UTC is still ahead.", why="A milestone is a moment that was.")
    return at


def _day(said: str | None, now: datetime) -> datetime:
    if said in (None, "today"):
        return now
    if said == "yesterday":
        return now - timedelta(days=1)
    return datetime.fromisoformat(f"{said}T00:00:00+00:00")
