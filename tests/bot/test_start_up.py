"""What a short-lived `ilab` loads: start-up is a matter of imports, and those are counted here instead of seconds."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from bot.people import Standing
from bot.store import people, tokens

VENDORS = {"aiohttp", "httpx", "procrastinate", "prometheus_client", "requests", "slack_bolt", "slack_sdk", "stripe"}
"""What talks to the outside, and takes longest to load; a terminal's `whoami` needs none of it."""

PROGRAM = """
import sys
sys.argv[0] = "ilab"
from bot.__main__ import main
try:
    status = main()
except SystemExit as ended:
    status = ended.code
print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
sys.exit(status)
"""


async def loaded(*words: str, **environment: str) -> set[str]:
    """Run the program on its own; return the top names of what it loaded. It must end well."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ILAB_")}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", PROGRAM, *words],
        env=kept | environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(done.stderr.split())


async def test_whoami_in_a_terminal_loads_no_vendors_library(make_database: Any, tmp_path: Path) -> None:
    """`ilab run whoami` speaks to our own database, and loads what that needs."""
    conninfo = await make_database()
    now = datetime.now(UTC)
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        known = people.Known(
            id="U0START001", name="ada", standing=Standing.MEMBER, member_of=frozenset(), checked_at=now
        )
        await people.put(connection, known)
        _, secret = await tokens.issue(connection, person=known.id, label="start", request="start", at=now)
    found = await loaded(
        "run", "whoami", ILAB_DATABASE_URL=conninfo, ILAB_TOKEN=secret, ILAB_DATA_DIR=str(tmp_path / "data")
    )
    assert "psycopg" in found
    assert not found & VENDORS


async def test_help_loads_nothing_but_the_program() -> None:
    """`ilab --help` does not even load the database's driver or the settings."""
    found = await loaded("--help")
    assert "bot" in found
    assert not found & (VENDORS | {"handlers", "psycopg", "pydantic", "pydantic_settings", "structlog"})
