"""`/ilab status` while every vendor is slow: all probes at once, so the whole takes as long as the slowest."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.company import Company
from benchmarks.figures import Figure, p50
from benchmarks.ground import output_of

TARGET = 1.1
FASTEST, SLOWEST = 0.2, 0.4
"""Seconds after which the quickest and the slowest stand-in answer; the others lie between."""
TIMES = 10


async def measure(company: Company) -> list[Figure]:
    """The report as `Health` gives it, and the answer as it stands in the channel."""
    vendors = sorted(name for name in company.sandbox.vendors)
    for number, vendor in enumerate(vendors):
        seconds = FASTEST + (SLOWEST - FASTEST) * number / (len(vendors) - 1)
        company.sandbox.faults.add(vendor, kind="slow", seconds=seconds)
    try:
        found = json.loads(await output_of(("-m", "benchmarks.reports", str(TIMES)), company.settings))
        async with company.bot():
            await company.ask("/ilab status --fresh")
            answers = [await company.ask("/ilab status --fresh") for _ in range(TIMES)]
    finally:
        company.sandbox.faults.clear()
    slowest = max(found["alone"], key=lambda name: float(found["alone"][name]))
    floor = found["alone"][slowest]
    probes = len(found["alone"])
    ill = [name for name, state in found["states"].items() if state != "ok"]
    return [
        Figure(
            name=f"a report of {probes} probes, every vendor slow",
            value=p50(found["reports"]) * 1000,
            floor=floor * 1000,
            unit="ms",
            within=TARGET,
            spread=f"{'not ok: ' + ', '.join(ill) if ill else 'all ok'}; {sum(found['alone'].values()) * 1000:.0f} ms one after the other",
            floor_is=f"the slowest probe alone: {slowest}",
            why=_why(found),
        ),
        Figure(
            name="/ilab status, from the command to the answer in the channel",
            value=p50(answers) * 1000,
            floor=floor * 1000,
            unit="ms",
            within=TARGET,
            spread=f"worst {max(answers) * 1000:.0f} ms",
            floor_is=f"the slowest probe alone: {slowest}",
            why=_why(found),
        ),
    ]


def _why(found: dict[str, Any]) -> str:
    """What each probe takes alone, and what was lost beside the slowest."""
    lines = [f"  {seconds * 1000:7.0f} ms  {name}" for name, seconds in _sorted(found["alone"])[:8]]
    lost = [whole - slowest for whole, slowest in zip(found["reports"], found["slowest"], strict=True)]
    return "\n".join(
        [
            "the slowest probes alone:",
            *lines,
            f"among the others the slowest took {p50(found['slowest']) * 1000:.0f} ms: that much is the processor, shared",
            f"and {p50(lost) * 1000:.1f} ms went by before it was begun and after it had ended",
        ]
    )


def _sorted(alone: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(alone.items(), key=lambda item: -item[1])
