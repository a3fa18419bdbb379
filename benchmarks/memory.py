"""What the serving bot keeps in memory, alone: after its start, and at rest after fifty commands."""

from __future__ import annotations

import asyncio

from benchmarks.company import Company
from benchmarks.figures import Figure
from benchmarks.ground import output_of, program
from benchmarks.size import megabytes

MOST = 120.0
COMMANDS = ("status --fresh", "whoami", "help", "status --deep", "token", "help status", "stauts", "status")
COUNT = 50
REST = 2.0
"""Seconds of rest before memory is looked at."""
FLOOR = "import slack_bolt.async_app, aiohttp, psycopg, psycopg_pool"
PARTS = ("slack_bolt.async_app", "aiohttp", "psycopg", "psycopg_pool", "httpx", "stripe", "procrastinate", "pydantic")
_SLEEP = "import asyncio; asyncio.run(asyncio.sleep(30))"


async def measure(company: Company) -> list[Figure]:
    """The bot's own process; the database's and the sandbox's are others."""
    async with company.bot() as pid:
        await asyncio.sleep(REST)
        fresh = megabytes(pid)
        for number in range(COUNT):
            await company.ask("/ilab " + COMMANDS[number % len(COMMANDS)])
        await asyncio.sleep(REST)
        used = megabytes(pid)
    async with program(("-c", f"{FLOOR}\n{_SLEEP}"), {}, log=company.ground.directory / "floor.log") as process:
        await asyncio.sleep(REST)
        floor = megabytes(process.pid)
    return [
        Figure(
            name=f"memory of the serving bot at rest, after {COUNT} commands",
            value=used,
            floor=floor,
            unit="MB",
            most=MOST,
            spread=f"after the start {fresh:.0f} MB",
            floor_is="python with slack_bolt, aiohttp and psycopg imported",
            why=await _why() if used > MOST else "",
        )
    ]


async def _why() -> str:
    """What each large library adds, imported one after the other."""
    code = "\n".join(
        [
            "import importlib, os",
            "from benchmarks.size import megabytes",
            "before = megabytes(os.getpid())",
            "print(f'{before:7.0f} MB  python itself')",
            f"for name in {PARTS!r}:",
            "    importlib.import_module(name)",
            "    now = megabytes(os.getpid())",
            "    print(f'{now - before:+7.0f} MB  {name}')",
            "    before = now",
        ]
    )
    return "its libraries, each imported after those above:\n" + await output_of(("-c", code), {})
