"""Bots as processes of their own, started in a twentieth of the time: forked from one that has loaded every module.

Run as a program it is that process: it reads a line of JSON for each bot that is wanted, and prints its pid.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import bot
import handlers
from bot import __main__ as program
from bot import logs, serving
from sandbox.__main__ import FileClock


class Bot:
    """A bot that was started; known by a descriptor, so that no other process can be taken for it."""

    def __init__(self, pid: int) -> None:
        """It runs."""
        self._descriptor = os.pidfd_open(pid)
        self.dead = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._descriptor, self._ended)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self.dead.set()

    def kill(self) -> None:
        """As `kill -9` does."""
        if not self.dead.is_set():
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)


class Nursery:
    """Starts bots."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """`process` is this module, run as a program."""
        self._process = process
        self._asking = asyncio.Lock()
        self._bots: list[Bot] = []

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Nursery]:
        """The modules are loaded; at the end no bot is left."""
        root = str(Path(__file__).parents[2])
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONPATH": root},
        )
        nursery = cls(process)
        try:
            yield nursery
        finally:
            for bot in nursery._bots:
                bot.kill()
            for bot in nursery._bots:
                await bot.dead.wait()
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()

    async def bot(self, env_file: Path, log: Path, clock: Path | None = None) -> Bot:
        """`ilab --env-file … serve`, with what it says in the log; by the clock in that file, else by the real one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._asking:
            wanted = [str(env_file), str(log), str(clock or "")]
            self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
            line = await self._process.stdout.readline()
        bot = Bot(int(line))
        self._bots = [one for one in self._bots if not one.dead.is_set()] + [bot]
        return bot


def _load() -> None:
    """Everything that a serving bot would import."""
    for package in (bot, handlers):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith("bot.store.embedded_"):  # programs of their own
                importlib.import_module(module.name)
    importlib.import_module("stripe")
    gc.collect()
    gc.freeze()


def _be_bot(env_file: str, log: str, clock: str) -> int:
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for given, number in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(given, number)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    random.seed()
    if not clock:
        return program.main(["--env-file", env_file, "serve"])
    settings = program.settings_from(Path(env_file))
    logs.configure(settings.log_level)
    data_dir = program.data_dir_of(settings)
    return program.until_stopped(serving.serving(settings, data_dir=data_dir, clock=FileClock(Path(clock))))


def _die_with_parent() -> None:
    """Where there is Linux, the kernel ends this process with the one that started it.

    Source: prctl(2), PR_SET_PDEATHSIG, which is 1.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _tend() -> None:
    _die_with_parent()
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    for line in sys.stdin:
        wanted = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _die_with_parent()
            status = 1
            try:
                status = _be_bot(*wanted)
            except Exception as error:  # noqa: BLE001 -- nothing is above it that would say so
                sys.excepthook(type(error), error, error.__traceback__)
            finally:
                sys.stderr.flush()
                os._exit(status)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _tend()
