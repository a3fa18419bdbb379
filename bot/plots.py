"""Small plots as PNG, drawn by matplotlib in a process of its own: it takes 60 MB that a serving bot need not hold.

`python -m bot.plots` reads one plot as JSON and writes the picture. `draw` is its other side.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.plots")

WITHIN: Final = 20.0
"""Seconds of real time that drawing may take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One panel: times (seconds since the epoch) and values, and the thresholds that are drawn as lines."""

    title: str
    unit: str
    times: tuple[float, ...]
    values: tuple[float, ...]
    warn: float | None = None
    alert: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Bars:
    """One panel of labelled bars."""

    title: str
    unit: str
    labels: tuple[str, ...]
    values: tuple[float, ...]


async def draw(panels: Sequence[Series | Bars]) -> bytes | None:
    """The panels, one under the other, as PNG; None where they could not be drawn: a plot is never what is waited for."""
    given = json.dumps([{"kind": type(panel).__name__, **asdict(panel)} for panel in panels]).encode()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.plots",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN):
            picture, complaint = await process.communicate(given)
    except TimeoutError:
        process.kill()
        await process.wait()
        picture, complaint = b"", b"no picture in time"
    if process.returncode != 0 or not picture:
        log.warning("plot not drawn", error=complaint.decode(errors="replace")[-300:])
        return None
    return picture


def main() -> None:
    """Read the panels from standard input, and write the picture to standard output."""
    import matplotlib as mpl  # noqa: PLC0415 -- only this process loads it

    mpl.use("Agg")
    from matplotlib import dates  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    panels: list[dict[str, Any]] = json.load(sys.stdin)
    figure = Figure(figsize=(7.2, 1.7 * len(panels) + 0.4), dpi=110, layout="constrained")
    for axes, panel in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        axes.set_title(f"{panel['title']} ({panel['unit']})" if panel["unit"] else panel["title"], loc="left", size=9)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.25)
        if panel["kind"] == "Bars":
            axes.bar(panel["labels"], panel["values"], color="#1d3557")
            continue
        at = [datetime.fromtimestamp(time, UTC) for time in panel["times"]]
        axes.plot(at, panel["values"], color="#1d3557", linewidth=1.4, marker="." if len(at) < 30 else "")
        for name, colour in (("warn", "#e09f3e"), ("alert", "#c1121f")):
            if panel[name] is not None:
                axes.axhline(panel[name], color=colour, linewidth=0.9, linestyle="--")
                axes.annotate(name, (1, panel[name]), xycoords=("axes fraction", "data"), size=7, color=colour)
        locator = dates.AutoDateLocator(maxticks=7)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    figure.savefig(sys.stdout.buffer, format="png")


if __name__ == "__main__":
    main()
