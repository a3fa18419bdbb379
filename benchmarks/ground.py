"""Where the figures are taken: a durable PostgreSQL of this run, and programs in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from bot.store.embedded import EmbeddedServer
from bot.store.migrate import migrate

ROOT = Path(__file__).parents[1]
BOT = ("-m", "bot", "serve")
CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """A directory and a database server, both gone after the run."""

    directory: Path
    server: EmbeddedServer

    async def database(self, name: str, *, migrated: bool = True) -> str:
        """Make a database, with our tables in it if wanted; return its conninfo."""
        await self.server.create_database(name)
        conninfo = self.server.conninfo(name)
        if migrated:
            await migrate(conninfo)
        return conninfo


@contextlib.asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """A PostgreSQL with every commit on the disk, as in production; not in memory, where a commit costs nothing."""
    place = Path("/var/tmp")  # noqa: S108 -- a fresh directory in it, which nobody else can have made
    with tempfile.TemporaryDirectory(prefix="ilab-bench-", dir=place if place.is_dir() else None) as name:
        directory = Path(name)
        directory.chmod(0o755)  # as root, the server runs as somebody else
        async with EmbeddedServer(directory / "postgresql") as server:
            yield Ground(directory=directory, server=server)


def environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of the bot's, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ILAB_")}
    return {**kept, "PYTHONPATH": str(ROOT), "ILAB_LOG_LEVEL": "WARNING", **more}


def _keep_apart(pid: int) -> None:
    """The program gets the cores that this process, the client, leaves alone; where that cannot be, nothing happens.

    Otherwise the kernel may wake the client on the very core on which the bot goes on with its work after the ack.
    """
    if len(CORES) > 1:
        os.sched_setaffinity(0, CORES[:1])
        os.sched_setaffinity(pid, CORES[1:])


@contextlib.asynccontextmanager
async def program(
    words: Sequence[str], settings: Mapping[str, str], *, log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python program runs until the block ends, and is stopped in order."""
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, env=environment(**settings), cwd=ROOT, stdout=out, stderr=out
        )
    _keep_apart(process.pid)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()


async def answering(url: str, process: asyncio.subprocess.Process, *, seconds: float = 30) -> None:
    """Return when the address answers 200. Raise RuntimeError where it never does."""
    async with httpx.AsyncClient() as client, asyncio.timeout(seconds):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"it ended with status {process.returncode} before it answered at {url}")
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(url)).status_code == 200:
                    return
            await asyncio.sleep(0.05)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def output_of(words: Sequence[str], settings: Mapping[str, str]) -> str:
    """What a Python program printed. Raise RuntimeError with what it complained of where it failed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        env=environment(**settings),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _keep_apart(process.pid)
    out, complaints = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} failed: {complaints.decode()[-2000:]}")
    return out.decode()
