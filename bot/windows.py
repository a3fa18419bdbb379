"""Windows of the week, as the settings name them: `fri 12:00-24:00, sat, sun`.

[pure]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WHOLE_DAY: Final = 24 * 60
_WINDOW: Final = re.compile(
    r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?(?: (?P<start>\d{2}:\d{2})-(?P<end>\d{2}:\d{2}))?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A part of one day of the week: `day` is 0 for Monday, the others are minutes of that day."""

    day: int
    start: int = 0
    end: int = _WHOLE_DAY

    @property
    def spoken(self) -> str:
        """As people say it: `Saturday`, `Friday from 12:00`, `Tuesday 02:00 to 04:00`."""
        name = _NAMES[self.day]
        if self.end == _WHOLE_DAY:
            return f"{name} from {_clock(self.start)}" if self.start else name
        return f"{name} {_clock(self.start)} to {_clock(self.end)}"

    def covers(self, at: datetime) -> bool:
        """Whether a moment of the window's own time zone lies in it."""
        return at.weekday() == self.day and self.start <= at.hour * 60 + at.minute < self.end


def parse(text: str) -> tuple[Window, ...]:
    """Return the windows that the text names. Raise ValueError with a sentence where one is none."""
    windows: list[Window] = []
    for part in filter(None, (" ".join(part.lower().split()) for part in text.split(","))):
        found = _WINDOW.fullmatch(part)
        days = () if found is None else _days(found["first"], found["last"] or found["first"])
        if found is None or not days:
            raise ValueError(f"“{part}” is no window such as fri 12:00-24:00, sat or mon-thu")
        start, end = _minutes(found["start"] or "00:00"), _minutes(found["end"] or "24:00")
        if not start < end <= _WHOLE_DAY:
            raise ValueError(f"“{part}” does not end after it begins, on the same day")
        windows += [Window(day=day, start=start, end=end) for day in days]
    return tuple(windows)


def covering(windows: tuple[Window, ...], at: datetime, timezone: str = "UTC") -> Window | None:
    """The window in which a moment lies, if any."""
    there = at.astimezone(ZoneInfo(timezone))
    return next((window for window in windows if window.covers(there)), None)


def opening(windows: tuple[Window, ...], at: datetime, timezone: str = "UTC") -> datetime | None:
    """When the next of the windows begins, after a moment; None where there is none at all."""
    there = at.astimezone(ZoneInfo(timezone))
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0)
    begins = [
        midnight + timedelta(days=days, minutes=window.start)
        for days in range(8)
        for window in windows
        if (midnight + timedelta(days=days)).weekday() == window.day
    ]
    return min((one for one in begins if one > there), default=None)


def _days(first: str, last: str) -> tuple[int, ...]:
    if first not in DAYS or last not in DAYS:
        return ()
    start, length = DAYS.index(first), (DAYS.index(last) - DAYS.index(first)) % 7 + 1
    return tuple((start + number) % 7 for number in range(length))


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes) if int(minutes) < 60 else _WHOLE_DAY + 1


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
