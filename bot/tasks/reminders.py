"""When the owner of a task is reminded of it: before it is due, when it is due, and once after. Each once.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

BEFORE: Final = "task_before"
DUE: Final = "task_due"
LATE: Final = "task_late"
AGAIN: Final = "task_again"
"""What was put off comes back."""
KINDS: Final = (BEFORE, DUE, LATE, AGAIN)
DAY: Final = timedelta(days=1)


def schedule(due_at: datetime, *, since: datetime) -> dict[str, datetime]:
    """The reminders of a task that was given at `since`: a day before it is due, of a short time a third of it before."""
    return {
        BEFORE: due_at - min(DAY, max(timedelta(0), due_at - since) / 3),
        DUE: due_at,
        LATE: due_at + DAY,
    }


def put_off(planned: Mapping[str, datetime], *, until: datetime) -> dict[str, datetime]:
    """What is left of the reminders where the owner wants to hear nothing until then: and then something."""
    return {kind: at for kind, at in planned.items() if at > until} | {AGAIN: until}


def is_overtaken(kind: str, due_at: datetime | None, now: datetime) -> bool:
    """Whether a later reminder is due by now, as after hours in which nothing ran: only the last one speaks."""
    if due_at is None or kind not in (BEFORE, DUE):
        return False
    return now >= (due_at if kind == BEFORE else due_at + DAY)
