"""MTTA, MTTM and MTTR."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.incidents.averages import Past, averages

T0 = datetime(2026, 3, 2, 14, tzinfo=UTC)


def past(severity: str, at: datetime, **minutes: int) -> Past:
    """An incident that reached these milestones so many minutes after it was declared."""
    reached = {name: at + timedelta(minutes=after) for name, after in minutes.items()}
    return Past(severity=severity, declared_at=at, reached={"declared": at} | reached)


def test_by_month_and_severity() -> None:
    """Each figure stands on those that reached its milestone; when it began counts where somebody said so."""
    april = T0 + timedelta(days=31)
    found = averages(
        [
            past("P0", T0, acknowledged=2, mitigated=20, resolved=40),
            past("P0", T0, acknowledged=4, mitigated=40, resolved=80, started=-20),
            past("P0", T0, acknowledged=12),
            past("P1", T0, acknowledged=9),
            past("P0", april, resolved=30),
            past("P3", april),
        ]
    )
    minutes = [
        (one.month, one.severity, one.name, one.mean.total_seconds() / 60, one.median.total_seconds() / 60, one.count)
        for one in found
    ]
    assert minutes == [
        ("2026-04", "P0", "MTTR", 30, 30, 1),
        ("2026-03", "P0", "MTTA", 6, 4, 3),
        ("2026-03", "P0", "MTTM", 40, 40, 2),
        ("2026-03", "P0", "MTTR", 70, 70, 2),
        ("2026-03", "P1", "MTTA", 9, 9, 1),
    ]


def test_none() -> None:
    """Of nothing there is no mean."""
    assert averages([]) == ()
