"""When a maintenance is: what people type, the recommended windows, and what speaks against a time.

[pure]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.ages import span
from bot.windows import Window, covering

FARTHEST: Final = timedelta(days=90)
NEXT: Final = "next"


class UnclearTimeError(ValueError):
    """It is no time; the message says what is one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """From when until when, aware, in UTC."""

    start: datetime
    end: datetime

    def overlaps(self, other: Period) -> bool:
        """Whether they have a moment in common."""
        return self.start < other.end and other.start < self.end


def read(text: str, now: datetime, windows: Sequence[Window], timezone: str, *, notice: timedelta) -> datetime:
    """The moment that is meant: `next` recommended window with enough notice, or `2026-12-01T02:00` (or with a space)."""
    if text.lower() == NEXT:
        return next_window(now + notice, windows, timezone)
    try:
        given = datetime.fromisoformat(text.upper().replace(" ", "T").removesuffix("UTC").removesuffix("Z"))
    except ValueError:
        raise UnclearTimeError(f"“{text}” is no time such as 2026-12-01T02:00 or next") from None
    moment = (given if given.tzinfo else given.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
    if moment <= now:
        raise UnclearTimeError(f"{moment:%Y-%m-%d %H:%M} UTC has passed")
    if moment - now > FARTHEST:
        raise UnclearTimeError(f"{moment:%Y-%m-%d} is more than {FARTHEST.days} days away")
    return moment


def next_window(after: datetime, windows: Sequence[Window], timezone: str) -> datetime:
    """When the first window begins that begins after this. Raises UnclearTimeError where there is none."""
    zone = ZoneInfo(timezone)
    day = after.astimezone(zone).date()
    for number in range(15):
        date = day + timedelta(days=number)
        for window in sorted(windows, key=lambda window: window.start):
            begins = datetime.combine(date, time(window.start // 60, window.start % 60), tzinfo=zone)
            if date.weekday() == window.day and begins > after:
                return begins.astimezone(UTC)
    raise UnclearTimeError("no recommended window is set")


def objections(
    period: Period, now: datetime, windows: tuple[Window, ...], timezone: str, *, notice: timedelta
) -> tuple[str, ...]:
    """What speaks against this time, and forbids nothing: each a sentence for the card."""
    found = []
    if period.start - now < notice:
        given, wanted = span((period.start - now).total_seconds()), span(notice.total_seconds())
        found.append(f"only {given} of notice: the runbook wants {wanted}")
    begins, ends = (covering(windows, at, timezone) for at in (period.start, period.end - timedelta(minutes=1)))
    if windows and (begins is None or begins != ends):
        recommended = ", ".join(window.spoken for window in windows)
        found.append(f"outside the recommended time ({recommended} {timezone})")
    return tuple(found)
