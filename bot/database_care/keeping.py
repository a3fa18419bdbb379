"""Which dumps are kept, and what can be said of the backups there are.

[pure]
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from bot.ages import age, span
from bot.operation import Mark

if TYPE_CHECKING:
    from bot.providers.supabase_backups import VendorBackups
    from bot.store.backups import Backup

OLD: Final = timedelta(hours=26)
"""A daily backup that is older is late."""


def outdated(dumps: Sequence[Backup], now: datetime, *, keep: int, keep_for: timedelta) -> list[tuple[Backup, str]]:
    """Which of the dumps (newest first) go, and why: the newest is always kept."""
    gone = []
    for number, one in enumerate(dumps):
        if number >= keep:
            gone.append((one, f"{keep} newer ones are kept"))
        elif number and now - one.started_at > keep_for:
            gone.append((one, f"older than {keep_for.days} days"))
    return gone


def verdict(vendor: VendorBackups | str, ours: Sequence[Backup], now: datetime) -> tuple[str, Mark]:
    """The first line on all backups there are, and how well that is."""
    done = [one for one in ours if one.state == "done"]
    also = "no dump of our own"
    if done:
        proven = "proven" if done[0].proven_at else "not proven"
        also = f"the newest dump of our own is {age(done[0].started_at, now)} old, {proven}"
    if isinstance(vendor, str):
        return f"Could not ask Supabase ({vendor}); {also}.", Mark.UNKNOWN
    if vendor.continuous:
        if vendor.earliest is None or vendor.latest is None:
            return f"Point-in-time recovery is on, and has no window yet; {also}.", Mark.DOWN
        reach = f"from {vendor.earliest:%a %d %b, %H:%M} UTC to {age(vendor.latest, now)} ago"
        late = now - vendor.latest > timedelta(hours=1)
        return f"Any moment can be restored {reach}; {also}.", Mark.DEGRADED if late else Mark.OK
    whole = [one for one in vendor.daily if one.status == "COMPLETED"]
    if not whole:
        return f"Supabase keeps no backup of the database; {also}.", Mark.DEGRADED if done else Mark.DOWN
    newest = now - whole[0].at
    said = (
        f"{len(whole)} daily backups, the newest {span(newest.total_seconds())} old, no point in time between; {also}."
    )
    return said, Mark.DEGRADED if newest > OLD else Mark.OK
