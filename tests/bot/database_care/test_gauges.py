"""The database's figures against their thresholds, and statements without the values in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.database_care.gauges import Gauge, judged, size, unknown, verdict, worded
from bot.operation import Mark
from bot.providers.supabase_metrics import Look, read

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("share", "mark"),
    [
        (0.0, Mark.OK),
        (0.69, Mark.OK),
        (0.70, Mark.DEGRADED),
        (0.79, Mark.DEGRADED),
        (0.80, Mark.DOWN),
        (1.2, Mark.DOWN),
    ],
)
def test_a_share_against_its_thresholds(share: float, mark: Mark) -> None:
    """At a threshold counts as over it."""
    gauge = judged("CPU", share, "x", warn=0.7, alert=0.8)
    assert gauge.mark is mark
    assert bool(gauge.why) == (mark is not Mark.OK)


OK = judged("CPU", 0.1, "", warn=0.7, alert=0.8)
WARN = judged("Memory", 0.75, "", warn=0.7, alert=0.8)
ALERT = judged("Storage", 0.99, "", warn=0.7, alert=0.8)
UNSEEN = unknown("Locks", "silence")


@pytest.mark.parametrize(
    ("gauges", "said", "mark"),
    [
        ([OK], "The database is well: every figure is below its threshold.", Mark.OK),
        ([OK, UNSEEN], "What could be checked is well. Could not check: Locks.", Mark.UNKNOWN),
        ([OK, WARN], "The database needs a look: memory at 75% (warn at 70%).", Mark.DEGRADED),
        (
            [UNSEEN, WARN, ALERT],
            "The database is in trouble: memory at 75% (warn at 70%), storage at 99% (alert at 80%)."
            " Could not check: Locks.",
            Mark.DOWN,
        ),
    ],
)
def test_the_first_line(gauges: list[Gauge], said: str, mark: Mark) -> None:
    """The worst decides; what could not be checked is named, and is never well."""
    assert verdict(gauges) == (said, mark)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("select 1", "select ?"),
        ("select *\n  from users where email = 'ann@example.com'", "select * from users where email = ?"),
        ("update t set a = 'it''s', b = 4.5", "update t set a = ?, b = ?"),
        ("select $$ann@example.com$$", "select ?"),
        ("select t1.a from t1", "select t1.a from t1"),
    ],
)
def test_values_are_left_out(query: str, shown: str) -> None:
    """A statement is shown without what is in it."""
    assert worded(query) == shown


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (2048, "2 kB"), (1024**2 * 3.5, "3.5 MB"), (8 * 1024**3, "8.0 GB")]
)
def test_sizes(count: float, said: str) -> None:
    """Bytes as people say them."""
    assert size(count) == said


SCRAPE = """
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{service_type="db",cpu="0",mode="idle"} 800
node_cpu_seconds_total{service_type="db",cpu="0",mode="user"} 200
node_cpu_seconds_total{service_type="db",cpu="1",mode="idle"} 900
node_cpu_seconds_total{service_type="db",cpu="1",mode="user"} 100
node_load5{service_type="db"} 0.5
node_filesystem_size_bytes{mountpoint="/"} 1
node_filesystem_size_bytes{mountpoint="/data"} 8
supavisor_connections_active{tenant="a",tenant="b"} 3
pg_up{} 1
"""


def test_a_scrape_is_read() -> None:
    """What is asked for is read, whatever else the page holds that no parser takes; the data's disk, not the root's."""
    figures = read(SCRAPE, NOW)
    assert figures is not None
    assert (figures.processor_idle, figures.processor_all, figures.cores) == (1700, 2000, 2)
    assert (figures.load, figures.disk, figures.up, figures.connections) == (0.5, 8, True, None)
    assert read("<html>", NOW) is None


def test_the_processors_share() -> None:
    """Of the time between two looks; of one look there is none, nor of counters that were set back."""
    before = read(SCRAPE, NOW - timedelta(seconds=60))
    after = read(SCRAPE.replace("800", "830").replace("200", "290"), NOW)
    assert before is not None
    assert after is not None
    assert Look(now=after, before=before).processor == pytest.approx(0.75)
    assert Look(now=after, before=None).processor is None
    assert Look(now=before, before=after).processor is None
