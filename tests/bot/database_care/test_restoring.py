"""What a restore's words mean, among what Supabase keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.database_care.restoring import chosen
from bot.errors import UserError
from bot.providers.supabase_backups import VendorBackup, VendorBackups

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
DAILY = VendorBackups(
    daily=(
        VendorBackup(id=3, at=NOW - timedelta(hours=7), status="COMPLETED"),
        VendorBackup(id=2, at=NOW - timedelta(hours=31), status="FAILED"),
        VendorBackup(id=1, at=NOW - timedelta(hours=55), status="COMPLETED"),
    ),
    continuous=False,
    earliest=None,
    latest=None,
)
WINDOW = VendorBackups(daily=(), continuous=True, earliest=NOW - timedelta(days=7), latest=NOW - timedelta(seconds=95))


@pytest.mark.parametrize(
    ("to", "kept", "backup", "hours"),
    [
        ("3", DAILY, 3, 7),
        ("1", DAILY, 1, 55),
        ("30m", WINDOW, None, 0.5),
        ("2026-11-25T08:00", WINDOW, None, 2),
        ("2026-11-25 08:00", WINDOW, None, 2),
        ("2026-11-25T08:00:00Z", WINDOW, None, 2),
        ("2026-11-25T09:00+01:00", WINDOW, None, 2),
    ],
)
def test_what_is_meant(to: str, kept: VendorBackups, backup: int | None, hours: float) -> None:
    """A backup by its number, a moment by its time (UTC unless it says otherwise), or so long ago."""
    point = chosen(to, kept, NOW)
    assert (point.backup, point.at) == (backup, NOW - timedelta(hours=hours))


@pytest.mark.parametrize(
    ("to", "kept", "says"),
    [
        ("2", DAILY, "Supabase keeps no whole backup 2."),
        ("9", DAILY, "Supabase keeps no whole backup 9."),
        ("3", WINDOW, "Point-in-time recovery is on: there are no daily backups."),
        ("30m", DAILY, "`/ilab db restore 1` restores that of 2 days ago."),
        ("8d", WINDOW, "The window is from Wed 18 Nov, 10:00 to Wed 25 Nov, 09:58:25 UTC."),
        ("30s", WINDOW, "The window is from"),
        ("2027-01-01T00:00", WINDOW, "The window is from"),
        ("soon", WINDOW, "is neither a backup nor a time"),
        ("2026-02-30T00:00", WINDOW, "is neither a backup nor a time"),
    ],
)
def test_what_cannot_be_restored(to: str, kept: VendorBackups, says: str) -> None:
    """Each gets its sentence, with what could be restored instead."""
    with pytest.raises(UserError) as refused:
        chosen(to.replace("30m", "31h") if kept is DAILY else to, kept, NOW)
    assert says in refused.value.sentences
