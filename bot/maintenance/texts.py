"""What the public and the customers are told of a maintenance: plain words, one place.

[pure]
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Occasion(StrEnum):
    """Why something is said."""

    ANNOUNCED = "announced"
    MOVED = "moved"
    CANCELLED = "cancelled"
    STARTED = "started"
    COMPLETED = "completed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A mail's subject and body; the body is also what the status page says."""

    subject: str
    body: str


def spoken(start: datetime, end: datetime) -> str:
    """`Tuesday 1 December, 02:00 to 04:00 UTC`."""
    last = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%A %-d %B, %H:%M}"
    return f"{start:%A %-d %B, %H:%M} to {last} UTC"


def text(occasion: Occasion, *, what: str, start: datetime, end: datetime, offline: bool) -> Text:
    """What is said on this occasion."""
    when = spoken(start, end)
    effect = "InterviewLab will not be available during that time." if offline else "You can go on using InterviewLab."
    said = {
        Occasion.ANNOUNCED: Text(
            subject=f"InterviewLab: maintenance on {start:%A %-d %B}",
            body=f"We will work on InterviewLab on {when}: {what}. {effect} Interviews and credits are kept.",
        ),
        Occasion.MOVED: Text(
            subject=f"InterviewLab: maintenance takes until {end:%H:%M} UTC",
            body=f"Our maintenance takes longer than we thought: {when}. {effect}",
        ),
        Occasion.CANCELLED: Text(
            subject=f"InterviewLab: no maintenance on {start:%A %-d %B}",
            body=f"The maintenance that we announced for {when} will not take place.",
        ),
        Occasion.STARTED: Text(
            subject="InterviewLab: maintenance has begun", body=f"Our maintenance has begun: {what}. {effect}"
        ),
        Occasion.COMPLETED: Text(
            subject="InterviewLab: maintenance is over",
            body=f"Our maintenance is over: {what}. InterviewLab is available as before. Thank you for your patience.",
        ),
    }
    return said[occasion]
