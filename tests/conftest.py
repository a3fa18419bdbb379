"""One PostgreSQL a run, and a database a test.

The server lives in memory where the system has a place for that, starts when the first test asks for it, and is shared
by all workers of the run. Killed runs leave a directory behind; the next run removes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from bot.store.embedded import EmbeddedServer
from bot.store.migrate import migrate, ours

MakeDatabase = Callable[..., Awaitable[str]]

PREFIX = "ilab-tests-"
TEMPLATE_LOCK = 0x74706C
"""The key of the advisory lock under which one worker makes the template."""


def _run_id() -> str:
    """One name for all workers of a run."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex


def _place() -> Path:
    """Memory, where there is such a place."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def _sweep(place: Path) -> None:
    """What killed runs have left is gone; what a live run uses stays."""
    for left in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime < 60:  # it may be between being made and being locked
                continue
            with (left / "users").open("r+b") as users:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)


@pytest.fixture(scope="session")
def run_directory() -> Iterator[Path]:
    """A directory of this run alone, in memory if possible, the same one in all workers."""
    place = _place()
    _sweep(place)
    directory = place / f"{PREFIX}{_run_id()[:12]}"
    directory.mkdir(mode=0o755, exist_ok=True)
    with (directory / "users").open("ab") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield directory
        fcntl.flock(users, fcntl.LOCK_UN)
        with contextlib.suppress(BlockingIOError, FileNotFoundError):  # the last one out puts the light off
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory)


@pytest.fixture(scope="session")
async def postgres(run_directory: Path) -> AsyncIterator[EmbeddedServer]:
    """The server of this run, without durability."""
    options = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
    with (run_directory / "server-users").open("ab") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        async with EmbeddedServer(run_directory / "pg", options=options) as server:
            yield server
            fcntl.flock(users, fcntl.LOCK_UN)
            while server.owns:  # the other workers are still at it
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(0.01)


_templates: set[str] = set()


async def _template(postgres: EmbeddedServer) -> str:
    """The name of a database with all migrations applied, to be copied; made once a run, by the first who asks."""
    migrations = "".join(f"{migration.name}{migration.sha256}" for migration in ours())
    name = f"template_{hashlib.sha256(migrations.encode()).hexdigest()[:12]}"
    if name in _templates:
        return name
    async with await psycopg.AsyncConnection.connect(postgres.conninfo(), autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        cursor = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if not await cursor.fetchone():
            await postgres.create_database(f"{name}_unfinished", if_missing=True)
            await migrate(postgres.conninfo(f"{name}_unfinished"))
            await connection.execute(f'ALTER DATABASE "{name}_unfinished" RENAME TO "{name}"'.encode())
    _templates.add(name)
    return name


@pytest.fixture
async def make_database(postgres: EmbeddedServer) -> AsyncIterator[MakeDatabase]:
    """Databases on demand: a call makes one and is its conninfo; with our migrations, or empty with `empty=True`."""
    made: list[str] = []
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")

    async def make(*, empty: bool = False) -> str:
        name = f"test_{worker}_{uuid.uuid4().hex[:12]}"
        copied = None if empty else await _template(postgres)
        await postgres.create_database(name, template=copied, if_missing=False)
        made.append(name)
        return postgres.conninfo(name)

    yield make
    for name in made:
        await postgres.drop_database(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests wanted to be said is said at the end, also by workers."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, words in report.user_properties:
            if name == "said":
                terminalreporter.write_line(str(words))
