"""Which figures there are, in which unit, and beyond what they are to be worried about.

The runbook's "Key Metrics to Watch" and "Alert Configuration"; thresholds are settings, these are their defaults.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.operation import Mark


class Level(StrEnum):
    """How a figure stands. `UNKNOWN` is "could not measure", and is never shown as well."""

    OK = "ok"
    WARN = "warn"
    ALERT = "alert"
    UNKNOWN = "unknown"

    @property
    def mark(self) -> Mark:
        """The sign in front of its line."""
        return {"ok": Mark.OK, "warn": Mark.DEGRADED, "alert": Mark.DOWN, "unknown": Mark.UNKNOWN}[self.value]


class Group(StrEnum):
    """Under which heading of the runbook a figure stands."""

    APPLICATION = "Application"
    INFRASTRUCTURE = "Infrastructure"
    BUSINESS = "Business"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure. `unit` is "ms", "%", "/min", "" (a count), or a currency's code."""

    name: str
    title: str
    group: Group
    unit: str
    warn: float | None = None
    alert: float | None = None
    low_is_bad: bool = False

    def level(self, value: float) -> Level:
        """How this value stands, by itself."""
        for threshold, level in ((self.alert, Level.ALERT), (self.warn, Level.WARN)):
            if threshold is not None and (value < threshold if self.low_is_bad else value > threshold):
                return level
        return Level.OK

    def spoken(self, value: float) -> str:
        """A value as people read it: `1.5 s`, `71 %`, `2.3 /min`, `4,120 USD`."""
        if self.unit == "ms":
            return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"
        if self.unit == "%":
            return f"{value:.0f} %" if value >= 10 else f"{value:.1f} %"
        if self.unit == "/min":
            return f"{value:.1f} /min"
        return f"{value:,.0f} {self.unit}".strip()

    @property
    def bounds(self) -> str:
        """The thresholds in words; empty where there are none."""
        than = "below" if self.low_is_bad else "above"
        parts = [
            f"{word} {than} {self.spoken(threshold)}"
            for word, threshold in (("warn", self.warn), ("alert", self.alert))
            if threshold is not None
        ]
        return ", ".join(parts)


FIGURES: Final[Mapping[str, Figure]] = {
    figure.name: figure
    for figure in (
        Figure(name="p95", title="P95 response", group=Group.APPLICATION, unit="ms", warn=2000, alert=3000),
        Figure(name="error_share", title="Requests that fail", group=Group.APPLICATION, unit="%", warn=1),
        Figure(name="errors", title="Errors", group=Group.APPLICATION, unit="/min", warn=3, alert=10),
        Figure(
            name="completion",
            title="Interviews completed",
            group=Group.APPLICATION,
            unit="%",
            warn=80,
            alert=60,
            low_is_bad=True,
        ),
        Figure(
            name="payments",
            title="Payments that succeed",
            group=Group.APPLICATION,
            unit="%",
            warn=98,
            alert=95,
            low_is_bad=True,
        ),
        Figure(
            name="connections",
            title="Database connections",
            group=Group.INFRASTRUCTURE,
            unit="%",
            warn=70,
            alert=85,
        ),
        Figure(name="cpu", title="Database CPU", group=Group.INFRASTRUCTURE, unit="%", warn=70, alert=80),
        Figure(name="memory", title="Memory", group=Group.INFRASTRUCTURE, unit="%", warn=80, alert=90),
        Figure(name="storage", title="Storage", group=Group.INFRASTRUCTURE, unit="%", warn=90, alert=95),
        Figure(name="signups", title="Signups today", group=Group.BUSINESS, unit=""),
        Figure(name="interviews", title="Interviews completed today", group=Group.BUSINESS, unit=""),
        Figure(name="mrr", title="MRR", group=Group.BUSINESS, unit="USD"),
        Figure(name="churn", title="Churn, 30 days", group=Group.BUSINESS, unit="%"),
    )
}
