"""What the public is told to begin with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.incidents.drafts import component_state, draft, public_state
from bot.incidents.states import CAUSES, State
from bot.store.incidents import Incident

INCIDENT = Incident(
    id=7, key="k", severity="P0", title="Bob dropped the index", state="declared", declared_by="U1",
    declared_at=datetime(2026, 3, 1, 12, tzinfo=UTC), acknowledged_by=None, acknowledged_at=None,
    channel_name="inc-7", channel_id=None,
)  # fmt: skip


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("cause", [None, *CAUSES])
def test_no_word_of_ours_is_public(state: State, cause: str | None) -> None:
    """Neither the title nor the cause by name stands in a draft; it is one text of whole sentences."""
    drafted = draft(replace(INCIDENT, state=state.value, cause=cause), ("Payments", "Website"))
    said = f"{drafted.name} {drafted.body}"
    assert not {"bob", "index", "inc-7", "p0"} & set(said.lower().replace(".", " ").split())
    assert "Payments and Website" in said
    assert drafted.body.endswith(".")
    assert drafted.name == "Problem with Payments and Website"


@pytest.mark.parametrize(
    ("state", "public"),
    [
        ("declared", "investigating"),
        ("acknowledged", "investigating"),
        ("assessed", "identified"),
        ("mitigated", "monitoring"),
        ("resolved", "resolved"),
        ("closed", "resolved"),
        ("cancelled", "resolved"),
        ("merged", "resolved"),
    ],
)
def test_how_the_page_calls_a_state(state: str, public: str) -> None:
    """Each state has one of Statuspage's; what is over is resolved there."""
    assert public_state(replace(INCIDENT, state=state)) == public


@pytest.mark.parametrize(
    ("severity", "state", "component"),
    [
        ("P0", "investigating", "major_outage"),
        ("P1", "monitoring", "partial_outage"),
        ("P3", "identified", "degraded_performance"),
        ("P0", "resolved", "operational"),
    ],
)
def test_how_its_parts_stand(severity: str, state: str, component: str) -> None:
    """By severity; resolving mends them, which Statuspage does not do by itself."""
    assert component_state(replace(INCIDENT, severity=severity), state) == component


def test_without_parts_it_is_all_of_it() -> None:
    """Where nobody has said what is affected."""
    assert draft(INCIDENT).name == "Problem with InterviewLab"
    assert draft(INCIDENT, ("A", "B", "C")).name == "Problem with A, B and C"
