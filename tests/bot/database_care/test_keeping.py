"""Which dumps are kept, what is said of backups, and which pg_dump fits a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.database_care import tools
from bot.database_care.keeping import outdated, verdict
from bot.errors import UserError
from bot.operation import Mark
from bot.providers.supabase_backups import VendorBackup, VendorBackups
from bot.store.backups import Backup

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


def dump(number: int, days: float, **changed: object) -> Backup:
    """A dump that is so many days old."""
    made = Backup(
        id=number,
        request=number,
        host="here",
        file=f"{number}.dump",
        state="done",
        started_at=NOW - timedelta(days=days),
        ended_at=None,
        server_version="18.6",
        tool_version="18.6",
        bytes=1,
        sha256="",
        counts={"a": 1},
        proven_at=None,
        proof="",
        removed_at=None,
        reason="",
    )
    return replace(made, **changed)  # type: ignore[arg-type]  # the fields' own types


@pytest.mark.parametrize(
    ("ages", "gone"),
    [
        ([], []),
        ([1], []),
        ([100], []),
        ([1, 2, 3], []),
        ([1, 2, 3, 4, 5], [4, 5]),
        ([1, 31, 40], [2, 3]),
        ([40, 50], [2]),
    ],
)
def test_what_is_kept(ages: list[float], gone: list[int]) -> None:
    """The newest three, none but the newest for more than thirty days."""
    dumps = [dump(number, age) for number, age in enumerate(ages, start=1)]
    found = outdated(dumps, NOW, keep=3, keep_for=timedelta(days=30))
    assert [one.id for one, _ in found] == gone
    assert all(why for _, why in found)


def daily(hours: float, status: str = "COMPLETED") -> VendorBackups:
    """One daily backup that is so many hours old."""
    one = VendorBackup(id=1, at=NOW - timedelta(hours=hours), status=status)
    return VendorBackups(daily=(one,), continuous=False, earliest=None, latest=None)


NONE = VendorBackups(daily=(), continuous=False, earliest=None, latest=None)
WINDOW = VendorBackups(daily=(), continuous=True, earliest=NOW - timedelta(days=7), latest=NOW - timedelta(seconds=95))


@pytest.mark.parametrize(
    ("vendor", "ours", "mark"),
    [
        (daily(8), [], Mark.OK),
        (daily(27), [], Mark.DEGRADED),
        (daily(8, "FAILED"), [], Mark.DOWN),
        (NONE, [], Mark.DOWN),
        (NONE, [dump(1, 0)], Mark.DEGRADED),
        (NONE, [dump(1, 0, state="failed")], Mark.DOWN),
        (WINDOW, [], Mark.OK),
        (replace(WINDOW, latest=NOW - timedelta(hours=3)), [], Mark.DEGRADED),
        (replace(WINDOW, latest=None), [], Mark.DOWN),
        ("silence", [dump(1, 0)], Mark.UNKNOWN),
    ],
)
def test_how_well_that_is(vendor: VendorBackups | str, ours: list[Backup], mark: Mark) -> None:
    """Late or missing backups are not well, and what could not be asked is neither."""
    said, found = verdict(vendor, ours, NOW)
    assert found is mark
    assert said.endswith(".")


def program(directory: Path, version: str) -> Path:
    """A directory with programs that say that version."""
    directory.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (directory / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (directory / name).chmod(0o755)
    return directory


def test_which_pg_dump_fits(tmp_path: Path) -> None:
    """That of the server's own version, else the next newer; never an older one; the first place counts."""
    found = [program(tmp_path / name, version) for name, version in
             [("a", "15.2"), ("b", "18.6"), ("c", "17.1 (Debian 17.1-1)"), ("d", "17.9")]]  # fmt: skip
    assert tools.find(17, directories=found).directory.name == "c"
    assert tools.find(16, directories=found).directory.name == "c"
    assert tools.find(18, directories=found).version == "18.6"
    with pytest.raises(UserError, match="There is no pg_dump for PostgreSQL 19 here") as refused:
        tools.find(19, directories=found)
    assert "postgresql-client-19" in refused.value.todo
    assert "15.2" in refused.value.why
    with pytest.raises(UserError, match="PostgreSQL 15"):
        tools.find(15, named=tmp_path / "nowhere")
