"""A switch between the bot and a database: a socket of its own in front of a PostgreSQL server's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from sandbox.commits import CommitSeen
from sandbox.writes import Writes

State = Literal["up", "down", "slow", "hang"]

STATES: Final[tuple[State, ...]] = ("up", "down", "slow", "hang")
"""up: passes everything on. down: existing connections are cut, new ones closed at once. slow: each piece of data waits
for `seconds`. hang: connections are accepted, and nothing is ever answered; what was held back arrives after it."""

SOCKET: Final = ".s.PGSQL.5432"
LONGEST_PATH: Final = 100
"""Bytes of a socket's path that every system takes (unix(7))."""


class DatabaseProxy:
    """One database of a server, as the bot sees it: through a Unix socket that can go down, slow down, or hang.

    Entered, it listens in `directory` (made with mode 0700; elsewhere under the temporary directory where the path
    would be too long for a socket). Left, the socket is gone and all connections are cut.
    """

    def __init__(
        self,
        directory: Path,
        *,
        upstream: Path,
        dbname: str,
        user: str = "postgres",
        upstream_port: int = 5432,
        writes: Writes | None = None,
        name: str = "own",
    ) -> None:
        """Do nothing yet. `upstream` is the directory of the server's socket, `dbname` goes into `conninfo`.

        With `writes`, each commit is told there as one of `name`'s; every statement then takes a little longer.
        """
        self.dbname = dbname
        self.user = user
        self.seconds = 1.0
        """The delay of each piece of data while slow, in each direction."""
        self._directory = directory.resolve()
        self._upstream = upstream / f".s.PGSQL.{upstream_port}"
        self._writes = writes
        self._name = name
        self._state: State = "up"
        self._answers = asyncio.Event()
        self._answers.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        if len(os.fsencode(self._directory / SOCKET)) < LONGEST_PATH:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            self._directory = Path(tempfile.mkdtemp(prefix="ilab-db-"))
        self._server = await asyncio.start_unix_server(self._connected, self._directory / SOCKET)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._leave()

    def _leave(self) -> None:
        """The socket is gone, and its directory, unless something else is in it."""
        (self._directory / SOCKET).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._directory.rmdir()

    @property
    def conninfo(self) -> str:
        """What libpq needs to connect through this."""
        words = {"host": str(self._directory), "port": "5432", "user": self.user, "dbname": self.dbname}
        return " ".join(f"{word}={_quoted(value)}" for word, value in words.items())

    @property
    def state(self) -> State:
        """How it behaves now."""
        return self._state

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def set(self, state: str, *, seconds: float | None = None) -> None:
        """It behaves so from now on, for existing connections, too. Raises ValueError for a state that there is not."""
        match state:
            case "up" | "down" | "slow" | "hang":
                self._state = state
            case _:
                raise ValueError(f"no such state: {state}; there are {', '.join(STATES)}")
        if seconds is not None:
            self.seconds = seconds
        if state == "hang":
            self._answers.clear()
        else:
            self._answers.set()
        if state == "down":
            for writer in self._writers:
                writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Passes one connection on until either end, or the state, ends it."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._connections.add(task)
        # A cancelled task of start_unix_server would be reported as an error of the loop, so it ends without a word.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            async with self._kept(writer):
                await self._answers.wait()
                if self._state != "down":
                    server_reader, server_writer = await asyncio.open_unix_connection(self._upstream)
                    async with self._kept(server_writer):
                        if self._writes is None:
                            await self._both_ways(reader, server_writer, server_reader, writer)
                        else:
                            await CommitSeen(
                                (reader, writer),
                                (server_reader, server_writer),
                                writes=self._writes,
                                place=self._name,
                                gate=self._gate,
                            ).run()
        self._connections.discard(task)

    @contextlib.asynccontextmanager
    async def _kept(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        """The writer can be cut from outside meanwhile, and is closed at the end."""
        self._writers.add(writer)
        try:
            yield
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        ways = [
            asyncio.create_task(self._pass_on(reader, server_writer)),
            asyncio.create_task(self._pass_on(server_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._gate()
            writer.write(data)
            await writer.drain()

    async def _gate(self) -> None:
        """Passed as soon as the state lets something through."""
        if self._state == "slow":
            await asyncio.sleep(self.seconds)
        await self._answers.wait()


def _quoted(value: str) -> str:
    """A value of a conninfo (libpq, "Keyword/Value Connection Strings")."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
