"""`make bench`: what the bot costs, each figure beside a floor that is measured in the same run.

python -m benchmarks            all of them, about three minutes
python -m benchmarks acks …     some: acks, status, memory, start_up, incident

It ends with status 0 whether or not the targets are met: it measures, and tests nothing. Where one is missed, the
profile says why.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import time
from collections.abc import Awaitable, Sequence

from benchmarks import acks, incident, memory, start_up, status
from benchmarks.company import company
from benchmarks.figures import Figure, table
from benchmarks.ground import Ground, ground

PARTS = ("acks", "status", "memory", "start_up", "incident")


def main(words: Sequence[str]) -> int:
    """Measure and print; return the exit status."""
    if unknown := [word for word in words if word not in PARTS]:
        print(f"There is no {unknown[0]}; there are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    begun = time.monotonic()
    found = asyncio.run(_measured(words or PARTS))
    print(f"{_machine()}; {time.monotonic() - begun:.0f} s\n\n{table(found)}")
    for figure in found:
        if figure.met is False:
            print(f"\nMissed: {figure.name}\n{figure.why}")
    return 0


async def _measured(parts: Sequence[str]) -> list[Figure]:
    found: list[Figure] = []
    async with ground() as stands:
        if "start_up" in parts:
            found += await _said("start-up", start_up.measure(stands))
        if "acks" in parts:
            found += await _said("acks", acks.measure(stands))
        if {"status", "memory", "incident"} & set(parts):
            found += await _in_company(stands, parts)
    return found


async def _in_company(stands: Ground, parts: Sequence[str]) -> list[Figure]:
    found: list[Figure] = []
    async with company(stands) as whole:
        if "status" in parts:
            found += await _said("status", status.measure(whole))
        if "memory" in parts:
            found += await _said("memory", memory.measure(whole))
        if "incident" in parts:
            found += await _said("incident", incident.measure(whole))
    return found


async def _said(name: str, measuring: Awaitable[list[Figure]]) -> list[Figure]:
    print(f"measuring {name} …", file=sys.stderr, flush=True)
    return await measuring


def _machine() -> str:
    """The machine in general words."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
