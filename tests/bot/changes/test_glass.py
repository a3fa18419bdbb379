"""Break-glass: who may, and when; every way to be refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.app import registry
from bot.changes.glass import decide, has_glass, why_none
from bot.people import Actor, Role, Standing
from bot.policy import Allow, Deny
from bot.roster import Roster
from bot.store.incidents import Incident
from bot.store.on_call import OnDuty

NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)
CHANGES = registry().by_words
P0 = Incident(
    id=7,
    key="k",
    severity="P0",
    title="checkout is down",
    state="declared",
    declared_by="U0FRANK06",
    declared_at=NOW,
    acknowledged_by=None,
    acknowledged_at=None,
    channel_name="inc-7",
    channel_id="C7",
)
ALICE = Actor(
    id="U0ALICE01",
    name="alice",
    standing=Standing.MEMBER,
    role=Role.RESPONDER,
    known_at=NOW,
    email="alice@interviewlab.io",
)


def on_duty(level: int, name: str) -> OnDuty:
    """Somebody on call."""
    return OnDuty(
        level=level,
        person=name,
        name=name,
        email=f"{name.lower()}@interviewlab.io",
        phone="",
        starts_at=None,
        ends_at=None,
        following="",
        seen_at=NOW,
        changed_at=NOW,
        replaced="",
    )


DUTY = Roster(people=(on_duty(1, "Alice"), on_duty(2, "Bob"), on_duty(3, "Alice")))


@pytest.mark.parametrize(
    ("words", "incident", "why"),
    [
        ("rollback", P0, ""),
        ("deploy promote", replace(P0, severity="P1"), ""),
        ("rollback", replace(P0, state="mitigated"), ""),
        ("rollback", replace(P0, private=True), ""),
        ("rollback", replace(P0, severity="P2"), "INC-7 is no open P0 or P1."),
        ("rollback", replace(P0, state="resolved", ended_at=NOW), "INC-7 is no open P0 or P1."),
        ("rollback", replace(P0, drill="checkout"), "INC-7 is a drill, and a drill unlocks nothing."),
        ("rollback", None, "This request belongs to no incident."),
        ("grant", P0, "`grant` cannot be taken back by a press, so it always needs a second person."),
        ("user delete", P0, "`user delete` cannot be taken back by a press, so it always needs a second person."),
        ("db restore", P0, "`db restore` cannot be taken back by a press, so it always needs a second person."),
    ],
)
def test_where_there_is_glass(words: str, incident: Incident | None, why: str) -> None:
    """Only for reversible mitigations, in a real and open P0 or P1; whatever else the reason is said."""
    assert has_glass(CHANGES[words], incident) == (not why)
    if why:
        assert why_none(CHANGES[words], incident).why == why


@pytest.mark.parametrize(
    ("actor", "incident", "duty", "levels", "decided"),
    [
        (ALICE, P0, DUTY, 1, Allow),
        (replace(ALICE, email="Alice@InterviewLab.io"), P0, DUTY, 1, Allow),
        (replace(ALICE, email="bob@interviewlab.io"), P0, DUTY, 1, Deny),
        (replace(ALICE, email="bob@interviewlab.io"), P0, DUTY, 2, Allow),
        (replace(ALICE, email="carol@interviewlab.io"), P0, DUTY, 3, Deny),
        (replace(ALICE, email=""), P0, DUTY, 1, Deny),
        (ALICE, P0, DUTY, 0, Deny),
        (ALICE, P0, None, 1, Deny),
        (ALICE, replace(P0, lead=ALICE.id, lead_by="U0BOB0002"), None, 1, Allow),
        (ALICE, replace(P0, lead=ALICE.id, lead_by=ALICE.id), None, 1, Deny),
        (ALICE, replace(P0, lead=ALICE.id, lead_by=None), None, 1, Deny),
        (ALICE, replace(P0, lead="U0BOB0002", lead_by=ALICE.id), None, 1, Deny),
    ],
)
def test_who_may(actor: Actor, incident: Incident, duty: Roster | None, levels: int, decided: type) -> None:
    """Whoever is on call up to the level, or leads because another said so; an unknown address matches nobody."""
    decision = decide(incident, actor, duty, levels=levels)
    assert isinstance(decision, decided)


def test_nobody_is_on_call_without_an_address() -> None:
    """Two people of whom neither PagerDuty nor Slack tells an address are not the same person."""
    duty = Roster(people=(replace(on_duty(1, "Somebody"), email=""),))
    assert duty.level_of("") is None
