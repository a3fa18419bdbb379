"""The database's figures against their thresholds.

[pure]
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.operation import Mark
from bot.words import shorten

_RANKS: Final = (Mark.DOWN, Mark.DEGRADED, Mark.UNKNOWN, Mark.OK, Mark.NONE)
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b|\$\$.*?\$\$", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Gauge:
    """One figure: what it is, how it stands, and when it was so. `why` is said in the verdict where it is not well."""

    title: str
    mark: Mark
    said: str
    why: str = ""
    at: datetime | None = None


def judged(title: str, share: float, said: str, *, warn: float, alert: float, at: datetime | None = None) -> Gauge:
    """A share against its two thresholds."""
    mark = Mark.DOWN if share >= alert else Mark.DEGRADED if share >= warn else Mark.OK
    limit = f"alert at {alert:.0%}" if share >= alert else f"warn at {warn:.0%}"
    why = (
        ""
        if mark is Mark.OK
        else f"{title[0].lower() + title[1:] if title != 'CPU' else title} at {share:.0%} ({limit})"
    )
    return Gauge(title=title, mark=mark, said=f"{said} ({share:.0%})", why=why, at=at)


def unknown(title: str, why: str) -> Gauge:
    """A figure that could not be had."""
    return Gauge(title=title, mark=Mark.UNKNOWN, said=f"could not check: {why}")


def verdict(gauges: Sequence[Gauge]) -> tuple[str, Mark]:
    """The first line, and how bad it is."""
    mark = min((gauge.mark for gauge in gauges), key=_RANKS.index, default=Mark.UNKNOWN)
    bad = [gauge.why for gauge in gauges if gauge.mark in (Mark.DOWN, Mark.DEGRADED) and gauge.why]
    unseen = [gauge.title for gauge in gauges if gauge.mark is Mark.UNKNOWN]
    also = f" Could not check: {', '.join(unseen)}." if unseen else ""
    if bad:
        said = "The database is in trouble" if mark is Mark.DOWN else "The database needs a look"
        return f"{said}: {', '.join(bad)}.{also}", mark
    if unseen:
        return f"What could be checked is well.{also}", Mark.UNKNOWN
    return "The database is well: every figure is below its threshold.", Mark.OK


def worded(query: str) -> str:
    """A statement as it may be shown: in one line, without the values in it, which may be somebody's."""
    return shorten(" ".join(_LITERAL.sub("?", query).split()), 140)


def working(row: Mapping[str, Any]) -> str:
    """What one session does."""
    waits = f", waits for a {row['waits_for'].lower()}" if row["waits_for"] == "Lock" else ""
    idle = " (idle in a transaction)" if str(row["state"]).startswith("idle in transaction") else ""
    return f"{row['who'] or 'somebody'}{idle}{waits}: `{worded(row['query']) or 'hidden from our role'}`"


def size(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            return f"{count:.0f} {unit}" if unit in ("B", "kB") else f"{count:.1f} {unit}"
        count /= 1024
    return ""
