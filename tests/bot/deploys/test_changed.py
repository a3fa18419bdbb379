"""Which change of the last hours an incident may come from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.deploys.changed import Change, Seen, fresh_code
from bot.operation import Line

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def change(title: str, minutes: int, *, reached: bool) -> Change:
    """Something that changed so long ago."""
    return Change(kind=title, line=Line(title=title, text="x"), at=NOON - timedelta(minutes=minutes), reached=reached)


def test_the_newest_code_that_reached_users_is_named() -> None:
    """Not what failed to build, nor what is staged, nor a migration; the newest of the rest, whoever knows it."""
    old, new = change("Deployment 1", 60, reached=True), change("Rollback", 20, reached=True)
    failed = change("Deployment 2", 5, reached=False)
    assert fresh_code([Seen(changes=(old, failed)), Seen(changes=(new,))]) == "Rollback: x"
    assert fresh_code([Seen(changes=(failed,)), Seen(unknown=("GitHub: silent.",))]) == ""
    assert fresh_code([]) == ""
