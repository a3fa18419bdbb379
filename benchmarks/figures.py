"""A figure: what was measured, beside the floor that was measured in the same run, and whether the target is met."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One row of the table. The target is a ratio to the floor where `within` is set, else an amount: `most`."""

    name: str
    value: float
    unit: str
    floor: float
    floor_is: str
    within: float | None = None
    most: float | None = None
    spread: str = ""
    """Other percentiles, for whoever wants them."""
    why: str = ""
    """Where it is missed: what the profile says."""

    @property
    def ratio(self) -> float:
        """How many times the floor."""
        return self.value / self.floor

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.within is not None:
            return self.ratio <= self.within
        return None if self.most is None else self.value <= self.most

    @property
    def target(self) -> str:
        """The target in words."""
        if self.within is not None:
            return f"≤ {self.within:g} × floor"
        return "" if self.most is None else f"≤ {self.most:g} {self.unit}"


HEAD = ("figure", "value", "floor", "ratio", "target", "met", "spread", "floor is")


def row(figure: Figure) -> tuple[str, ...]:
    """The cells of one figure."""
    return (
        figure.name,
        f"{figure.value:.3g} {figure.unit}",
        f"{figure.floor:.3g} {figure.unit}",
        f"{figure.ratio:.2f}",
        figure.target,
        {True: "yes", False: "NO", None: ""}[figure.met],
        figure.spread,
        figure.floor_is,
    )


def table(figures: Sequence[Figure]) -> str:
    """The rows as Markdown, so that they can be pasted into the README."""
    rows = [HEAD, *(row(figure) for figure in figures)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEAD))]
    lines = [_line(cells, widths) for cells in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def p50(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    """The value that one in a hundred exceeds."""
    return sorted(values)[min(len(values) - 1, round(0.99 * len(values)))]
