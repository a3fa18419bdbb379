"""The score of a drill."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from bot.drills.scenarios import FIRST, SCENARIOS, scenario_of
from bot.drills.scoring import score
from bot.incidents.states import CAUSES
from bot.settings import P0Deadlines

T0 = datetime(2026, 3, 2, 14, tzinfo=UTC)
PLAYED = "third_party"


@pytest.mark.parametrize(
    ("minutes", "updates", "missed", "said", "met", "verdict"),
    [
        (
            {"acknowledged": 4, "assessed": 15, "mitigated": 29, "resolved": 40},
            (6, 20),
            0,
            PLAYED,
            [True, True, True, True, None],
            "6 of 6",
        ),
        (
            {"acknowledged": 6, "assessed": 16, "mitigated": 31, "resolved": 40},
            (31,),
            1,
            "other",
            [False, False, False, False, None],
            "0 of 6",
        ),
        ({"acknowledged": 5}, (), 1, None, [True, False, False, False, None], "1 of 6"),
        ({"acknowledged": 1, "resolved": 9}, (), 0, None, [True, False, False, False, None], "2 of 6"),
    ],
)
def test_score(
    minutes: Mapping[str, int],
    updates: tuple[int, ...],
    missed: int,
    said: str | None,
    met: list[bool | None],
    verdict: str,
) -> None:
    """Each step is judged by the runbook's time; what was never done is not met; resolving has no time of its own."""
    reached = {"declared": T0} | {name: T0 + timedelta(minutes=after) for name, after in minutes.items()}
    found = score(
        reached,
        [T0 + timedelta(minutes=after) for after in updates],
        missed,
        P0Deadlines(),
        said=said,
        played=PLAYED,
    )
    assert [step.met for step in found.steps] == met
    assert found.verdict.startswith(verdict)
    assert len(found.lines) == 7


def test_scenarios() -> None:
    """Each has a cause that can be said; an unknown name is the first."""
    assert all(one.cause in CAUSES and one.severity in ("P0", "P1") for one in SCENARIOS.values())
    assert scenario_of("gone") is SCENARIOS[FIRST]
