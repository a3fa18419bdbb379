"""How a drill went: each step's time against what the runbook allows it.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.ages import exact, span
from bot.operation import Line, Mark

if TYPE_CHECKING:
    from bot.settings import Deadlines


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A step's time. `took`: None where it was never done. `within`: None where nothing says how long it may take."""

    name: str
    took: timedelta | None
    within: timedelta | None

    @property
    def met(self) -> bool | None:
        """Whether it was done in its time; None where no time is set."""
        if self.within is None:
            return None
        return self.took is not None and self.took <= self.within

    @property
    def line(self) -> Line:
        """As it is shown."""
        took = "not done" if self.took is None else exact(self.took)
        allowed = "" if self.within is None else f", allowed {span(self.within.total_seconds())}"
        mark = {True: Mark.OK, False: Mark.DOWN, None: Mark.NONE}[self.met]
        return Line(title=self.name, text=f"{took}{allowed}", mark=mark)


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """How it went."""

    steps: tuple[Judged, ...]
    missed: int
    """Updates that were due and that nobody gave."""
    cause: bool | None
    """Whether the cause that was said was the right one; None where none was."""

    @property
    def verdict(self) -> str:
        """In one line."""
        counted = [step.met for step in self.steps if step.met is not None]
        counted += [self.missed == 0, bool(self.cause)]
        return f"{sum(counted)} of {len(counted)} as the runbook has it"

    @property
    def lines(self) -> tuple[Line, ...]:
        """Each step, the updates, and the cause."""
        cause = {True: "right", False: "not the one that was played", None: "not said"}[self.cause]
        return (
            *(step.line for step in self.steps),
            Line(title="Updates missed", text=str(self.missed), mark=Mark.DOWN if self.missed else Mark.OK),
            Line(title="Cause", text=cause, mark=Mark.OK if self.cause else Mark.DOWN),
        )


def score(
    reached: Mapping[str, datetime],
    updates: Sequence[datetime],
    missed: int,
    allowed: Deadlines,
    *,
    said: str | None,
    played: str,
) -> Score:
    """Judge it by its milestones, its updates, and the cause that was said of it."""
    began = reached["declared"]

    def judged(name: str, at: datetime | None, minutes: float) -> Judged:
        within = timedelta(minutes=minutes) if minutes else None
        return Judged(name=name, took=None if at is None else at - began, within=within)

    return Score(
        steps=(
            judged("Acknowledged", reached.get("acknowledged"), allowed.acknowledge_minutes),
            judged("First update", min(updates, default=None), allowed.update_minutes),
            judged("Assessed", reached.get("assessed"), allowed.assess_minutes),
            judged("Mitigated", reached.get("mitigated"), allowed.mitigate_minutes),
            judged("Resolved", reached.get("resolved"), 0),
        ),
        missed=missed,
        cause=None if said is None else said == played,
    )
