"""`python -m benchmarks.reports TIMES`: prints, as JSON, how long each probe takes alone, and whole reports at once.

In a process of its own, as the bot is, so that the stand-ins do not take its processor's time.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from bot import __main__ as program
from bot import app
from bot.logs import configure

ALONE = 2
"""Times that each probe is asked alone; the better counts."""


async def main(times: int) -> dict[str, Any]:
    """Ask everything once to open the connections, then each probe alone, then all of them."""
    settings = program.settings_from(None)
    configure(settings.log_level)
    async with app.core(settings, data_dir=program.data_dir_of(settings)) as core:
        health = core.services.health()
        await health.report(fresh=True)
        alone: dict[str, list[float]] = {check.name: [] for check in health.checks if check.run is not None}
        for _ in range(ALONE):
            for check in health.checks:
                if check.run is not None:
                    begun = time.perf_counter()
                    await check.run()
                    alone[check.name].append(time.perf_counter() - begun)
        reports, slowest, states = [], [], {}
        for _ in range(times):
            begun = time.perf_counter()
            report = await health.report(fresh=True)
            reports.append(time.perf_counter() - begun)
            slowest.append(max(reading.took for reading in report.readings))
            states = {reading.name: reading.state.value for reading in report.readings}
    return {
        "alone": {name: min(taken) for name, taken in alone.items()},
        "reports": reports,
        "slowest": slowest,
        "states": states,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1])))))
