"""An incident's states: the whole table, what its card offers, and what never follows from what."""

from __future__ import annotations

import pytest

from bot.incidents.states import OPEN, TRANSITIONS, State, Step, after, measures_for, offers

EVERYTHING = {
    *("incident ack", "incident assess", "incident update", "incident mitigate", "incident resolve", "incident reopen"),
    *("postmortem", "rollback", "contacts", "db backups", "db health", "maintenance on"),
}

TABLE = """
              acknowledge   lapse     assess     mitigate   resolve   close   cancel     merge   reopen
declared      acknowledged  -         assessed   mitigated  resolved  -       cancelled  merged  -
acknowledged  -             declared  assessed   mitigated  resolved  -       cancelled  merged  -
assessed      -             -         assessed   mitigated  resolved  -       cancelled  merged  -
mitigated     -             -         mitigated  -          resolved  -       cancelled  merged  acknowledged
resolved      -             -         resolved   -          -         closed  -          merged  declared
closed        -             -         -          -          -         -       -          -       declared
cancelled     -             -         -          -          -         -       -          -       declared
merged        -             -         -          -          -         -       -          -       declared
"""


def rows() -> list[tuple[State, Step, State | None]]:
    """The table, cell by cell."""
    heads, *lines = (line.split() for line in TABLE.strip().splitlines())
    return [
        (State(line[0]), Step(head), None if cell == "-" else State(cell))
        for line in lines
        for head, cell in zip(heads, line[1:], strict=True)
    ]


@pytest.mark.parametrize(("state", "step", "reached"), rows())
def test_a_step_leads_where_the_table_says(state: State, step: Step, reached: State | None) -> None:
    """Every step from every state; what is not in the table is not possible."""
    assert after(state, step) is reached


def test_the_table_is_whole() -> None:
    """Every state and every step stands in it."""
    assert {state for state, _, _ in rows()} == set(State) == set(TRANSITIONS)
    assert {step for _, step, _ in rows()} == set(Step)


def test_every_state_can_be_reached_and_left() -> None:
    """From `declared`, by the steps of the table; nothing is lost for good."""
    reached, frontier = set(), {State.DECLARED}
    while frontier:
        reached |= frontier
        frontier = {target for state in frontier for target in TRANSITIONS[state].values()} - reached
    assert reached == set(State)
    assert all(TRANSITIONS[state] for state in State)


def test_an_ended_incident_is_not_worked_on() -> None:
    """What is over takes no step of those that work on the fault, but for a correction of what is known."""
    working = {Step.ACKNOWLEDGE, Step.LAPSE, Step.MITIGATE, Step.RESOLVE}
    assert not any(TRANSITIONS[state].keys() & working for state in State if state not in OPEN)


@pytest.mark.parametrize(
    ("state", "cause", "labels"),
    [
        (State.DECLARED, None, ["Acknowledge", "Assess…", "Update…"]),
        (State.ACKNOWLEDGED, None, ["Assess…", "Update…", "Mitigated…"]),
        (State.ASSESSED, "deployment", ["Roll back", "Mitigated…", "Update…", "Resolve"]),
        (State.ASSESSED, "third_party", ["Vendors' contacts", "Mitigated…", "Update…", "Resolve"]),
        (State.ASSESSED, "database", ["Backups", "Health of the database", "Mitigated…", "Update…", "Resolve"]),
        (State.ASSESSED, "other", ["Maintenance mode", "Mitigated…", "Update…", "Resolve"]),
        (State.MITIGATED, "deployment", ["Resolve", "Update…", "Fault is back…"]),
        (State.RESOLVED, "deployment", ["Post-mortem", "Fault is back…"]),
        (State.CLOSED, None, ["Post-mortem"]),
        (State.CANCELLED, None, ["Reopen…"]),
        (State.MERGED, None, ["Reopen…"]),
    ],
)
def test_the_card_offers_the_next_step(state: State, cause: str | None, labels: list[str]) -> None:
    """The likeliest first, and after assessing what the runbook says for the cause."""
    offered = offers(state, 12, cause=cause, commands=EVERYTHING)
    assert [offer.label for offer in offered] == labels
    assert [offer.style for offer in offered].count("primary") == (1 if state in OPEN else 0)
    assert offered[0].style == ("primary" if state in OPEN else "")


def test_only_what_there_is_is_offered() -> None:
    """A command that this bot lacks has no button, and another one comes first."""
    offered = offers(State.ASSESSED, 12, cause="deployment", commands={"incident mitigate", "incident resolve"})
    assert [(offer.label, offer.words) for offer in offered] == [
        ("Mitigated…", "incident mitigate INC-12"),
        ("Resolve", "incident resolve INC-12"),
    ]
    assert offered[0].style == "primary"
    after = offers(State.ASSESSED, 12, cause="deployment", commands=EVERYTHING, done={"rollback"})
    assert (after[0].label, after[0].style) == ("Mitigated…", "primary")
    assert (after[-1].label, after[-1].style) == ("Roll back", "")
    assert measures_for(None, EVERYTHING) == ()
