"""When a maintenance is, and what speaks against it; its states; what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.maintenance.states import TRANSITIONS, State, Step, after
from bot.maintenance.texts import Occasion, spoken, text
from bot.maintenance.times import Period, UnclearTimeError, objections, read
from bot.windows import parse

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # a Wednesday
WINDOWS = parse("tue 02:00-04:00")
NOTICE = timedelta(hours=48)
TUESDAY = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "timezone", "meant"),
    [
        ("next", "UTC", TUESDAY),
        ("NEXT", "UTC", TUESDAY),
        ("2026-12-01T02:00", "UTC", TUESDAY),
        ("2026-12-01 02:00", "UTC", TUESDAY),
        ("2026-12-01t02:00z", "UTC", TUESDAY),
        ("2026-12-01 03:00", "Europe/Berlin", TUESDAY),
        ("2026-12-01T03:00+01:00", "UTC", TUESDAY),
    ],
)
def test_a_time_as_people_type_it(typed: str, timezone: str, meant: datetime) -> None:
    """The next recommended window with enough notice, or a moment, in the settings' time zone unless it names one."""
    assert read(typed, NOW, WINDOWS, timezone, notice=NOTICE) == meant


def test_the_next_window_leaves_time_to_tell() -> None:
    """On Sunday afternoon the coming Tuesday is too near: it is the one after."""
    sunday = datetime(2026, 11, 29, 14, tzinfo=UTC)
    assert read("next", sunday, WINDOWS, "UTC", notice=NOTICE) == TUESDAY + timedelta(days=7)


@pytest.mark.parametrize("typed", ["tomorrow", "25:00", "2026-13-01T00:00", "2020-01-01T00:00", "2030-01-01T00:00", ""])
def test_what_is_no_time(typed: str) -> None:
    """Said in a sentence."""
    with pytest.raises(UnclearTimeError):
        read(typed, NOW, WINDOWS, "UTC", notice=NOTICE)


@pytest.mark.parametrize(
    ("start", "hours", "count"),
    [(TUESDAY, 2, 0), (TUESDAY, 3, 1), (TUESDAY - timedelta(hours=1), 2, 1), (NOW + timedelta(hours=3), 1, 2)],
)
def test_what_speaks_against_a_time(start: datetime, hours: float, count: int) -> None:
    """Too little notice, and outside the recommended window, also in part."""
    period = Period(start=start, end=start + timedelta(hours=hours))
    assert len(objections(period, NOW, WINDOWS, "UTC", notice=NOTICE)) == count


def test_periods_overlap() -> None:
    """Where they share a moment; one after the other they do not."""
    hour = timedelta(hours=1)
    first = Period(start=TUESDAY, end=TUESDAY + hour)
    assert not first.overlaps(Period(start=TUESDAY + hour, end=TUESDAY + 2 * hour))
    assert first.overlaps(Period(start=TUESDAY - hour, end=TUESDAY + hour / 2))


def test_every_state_leads_somewhere_or_ends() -> None:
    """Two states end; what cannot happen leads nowhere."""
    assert {state for state, steps in TRANSITIONS.items() if not steps} == {State.DONE, State.CANCELLED}
    assert after(State.SCHEDULED, Step.START) is State.RUNNING
    assert after(State.RUNNING, Step.CANCEL) is None


@pytest.mark.parametrize("occasion", list(Occasion))
def test_what_is_said(occasion: Occasion) -> None:
    """Every occasion has a subject of one line and a body; where the site is closed it says so."""
    end = TUESDAY + timedelta(hours=2)
    said = text(occasion, what="faster search", start=TUESDAY, end=end, offline=True)
    assert said.subject
    assert "\n" not in said.subject
    assert said.body.endswith(".")
    assert spoken(TUESDAY, end) == "Tuesday 1 December, 02:00 to 04:00 UTC"
