"""How long a command takes in a terminal: a new process each time, against a running database."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import psycopg

from benchmarks.figures import Figure, p50
from benchmarks.ground import ROOT, Ground, environment
from bot.people import Standing
from bot.store import people, tokens

MOST = 0.6
TIMES = 15
WHOAMI = ("-m", "bot", "run", "whoami")
HELP = ("-m", "bot", "--help")
FLOOR = ("-c", "import psycopg, pydantic_settings")
BARE = ("-c", "pass")


async def measure(ground: Ground) -> list[Figure]:
    """`ilab run whoami` and `ilab --help`, in turn with the floors."""
    settings = await _signed_up(ground)
    taken: dict[tuple[str, ...], list[float]] = {words: [] for words in (BARE, FLOOR, WHOAMI, HELP)}
    for number in range(TIMES + 1):
        for words, found in taken.items():
            took = _run(words, settings)
            if number:  # the first time there may be no bytecode yet
                found.append(took)
    bare = p50(taken[BARE])
    figures = [
        Figure(
            name="ilab run whoami, a new process",
            value=p50(taken[WHOAMI]),
            floor=p50(taken[FLOOR]),
            unit="s",
            most=MOST,
            spread=f"worst {max(taken[WHOAMI]):.2g} s; python alone {bare:.2g}",
            floor_is="python that imports psycopg and pydantic_settings",
        ),
        Figure(
            name="ilab --help",
            value=p50(taken[HELP]),
            floor=bare,
            unit="s",
            spread=f"worst {max(taken[HELP]):.2g} s",
            floor_is="python alone",
        ),
    ]
    if figures[0].met:
        return figures
    return [replace(figures[0], why=_why(settings)), figures[1]]


async def _signed_up(ground: Ground) -> dict[str, str]:
    """A database with one person and their token, and the settings that show it."""
    conninfo = await ground.database("terminal")
    now = datetime.now(UTC)
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        known = people.Known(
            id="U0ALICE01", name="alice", standing=Standing.MEMBER, member_of=frozenset(), checked_at=now
        )
        await people.put(connection, known)
        _, secret = await tokens.issue(connection, person=known.id, label="benchmark", request="benchmark", at=now)
    return {
        "ILAB_DATABASE_URL": conninfo,
        "ILAB_TOKEN": secret,
        "ILAB_DATA_DIR": str(ground.directory / "terminal"),
    }


def _run(words: Sequence[str], settings: dict[str, str]) -> float:
    """Seconds from the start of a process to its end, which must be a good one."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, *words], env=environment(**settings), cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - begun


def _why(settings: dict[str, str]) -> str:
    """The modules that take longest to load, by themselves and with what they load."""
    found = subprocess.run(
        [sys.executable, "-X", "importtime", *WHOAMI],
        env=environment(**settings),
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    rows = [line.removeprefix("import time:").split("|") for line in found.stderr.splitlines() if "|" in line]
    times = [(int(own), int(whole), name.strip()) for own, whole, name in rows if own.strip().isdigit()]
    own = "\n".join(f"  {own / 1000:6.1f} ms  {name}" for own, _, name in sorted(times, reverse=True)[:12])
    whole = sorted(((whole, name) for _, whole, name in times), reverse=True)[:20]
    return f"by themselves:\n{own}\nwith what they load:\n" + "\n".join(
        f"  {took / 1000:6.1f} ms  {name}" for took, name in whole
    )
