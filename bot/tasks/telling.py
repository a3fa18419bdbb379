"""How a task reads: in a list, in the channel, and in a direct message to whoever has it.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from bot.ages import span
from bot.operation import Line, Mark, Offer
from bot.words import shorten

if TYPE_CHECKING:
    from bot.store.tasks import Task

KINDS: Final[Mapping[str, str]] = {
    "prevent": "so that it does not happen again",
    "detect": "so that it is noticed earlier",
    "mitigate": "so that it does less harm, or is mended sooner",
    "process": "so that we work better: runbook, people, tools",
}
SOON: Final = timedelta(days=1)
NOBODY: Final = "nobody has it"


def when(task: Task, now: datetime) -> str:
    """Until when it is to be done, and how far off that is."""
    if task.due_at is None:
        return "no date"
    left = (task.due_at - now).total_seconds()
    distance = f"in {span(left)}" if left >= 0 else f"{span(-left)} overdue"
    return f"by {task.due_at:%Y-%m-%d %H:%M} UTC, {distance}"


def standing(task: Task, names: Mapping[str, str], now: datetime) -> str:
    """Who has it, until when, and what it is for, in a line."""
    return " · ".join(
        part for part in (names[task.owner] if task.owner else NOBODY, when(task, now), task.kind) if part
    )


def line(task: Task, names: Mapping[str, str], now: datetime, *, incident: bool = False) -> Line:
    """A task in a list."""
    said = standing(task, names, now)
    if not task.is_open:
        said = f"{task.state} by {names[task.ended_by or '']}" + (f": {task.ended_why}" if task.ended_why else "")
    return Line(
        title=f"{task.id}",
        text=f"{shorten(task.said, 200)} ({said}{f' · INC-{task.incident}' if incident else ''})",
        mark=mark(task, now),
    )


def mark(task: Task, now: datetime) -> Mark:
    """How it stands: done, overdue, wanting something, or under way."""
    if not task.is_open:
        return Mark.OK if task.state == "done" else Mark.NONE
    if task.due_at is not None and task.due_at < now:
        return Mark.DOWN
    if task.owner is None or task.due_at is None or task.due_at - now < SOON:
        return Mark.DEGRADED
    return Mark.NONE


def steps(task: Task, *, snooze: bool = False) -> tuple[Offer, ...]:
    """What can be done about it now."""
    if not task.is_open:
        return ()
    taking = (Offer(label="I take it", words=f"task take {task.id}"),) if task.owner is None else ()
    later = (Offer(label="Remind me in a day", words=f"task snooze {task.id} 1d"),) if snooze else ()
    return (
        Offer(label="Done", words=f"task done {task.id}", style="primary"),
        *taking,
        *later,
        Offer(label="Give to…", words=f"task give {task.id}"),
    )


def wanting(tasks: Sequence[Task]) -> tuple[str, ...]:
    """What keeps them from being action items that somebody will do: a sentence each."""
    return tuple(
        f"{task.label} has {' and '.join(lacks)}: {shorten(task.said, 80)}"
        for task in tasks
        if task.is_open
        and (lacks := [what for what, has in (("no owner", task.owner), ("no date", task.due_at)) if not has])
    )
