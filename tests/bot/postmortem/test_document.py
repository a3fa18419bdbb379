"""The document of a post-mortem: what stands in it, what is asked, and what a later version adds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.markdown import CELLS
from bot.postmortem import document
from bot.postmortem.facts import (
    Action,
    Allowed,
    Excerpt,
    Facts,
    Figure,
    Item,
    Measured,
    Moment,
    Page,
    Proof,
    Reached,
    Signal,
    Spell,
    Suspect,
)

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SNAPSHOT = Path(__file__).with_name("postmortem.md")


def at(minutes: float) -> datetime:
    """So long after its beginning."""
    return START + timedelta(minutes=minutes)


def minutes(count: float) -> timedelta:
    """So long."""
    return timedelta(minutes=count)


FACTS = Facts(
    label="INC-12",
    title="checkout answers 500",
    severity="P0",
    state="resolved",
    private=False,
    drill=False,
    score=(),
    declared_by="Frank Adeyemi",
    source="person",
    until=at(47),
    is_over=True,
    due_at=at(47) + timedelta(hours=48),
    version=1,
    written_at=at(48),
    measured=Measured(
        since=START,
        until=at(47),
        figures=(
            Figure(name="Payments that failed", value="12 of 40 (30 %)", source="Stripe, payment_intent.*", at=at(48)),
            Figure(
                name="Errors",
                source="Sentry, errors, count()",
                at=at(48),
                unknown="Sentry did not answer in time.",
            ),
        ),
        suspects=(
            Suspect(at=at(-8), title="Deployment dpl_B", text="Use the new price ids · bob · serving"),
            Suspect(at=at(30), title="Rollback", text="from dpl_B to dpl_A: succeeded"),
        ),
        suspects_unknown=("Migrations: GitHub is not configured.",),
        pages=(
            Page(at=at(3), what="notified", who="Alice Ito"),
            Page(at=at(9), what="acknowledged", who="ilab"),
        ),
    ),
    spells=(
        Spell(severity="P1", since=at(2), until=at(12), by="Frank Adeyemi", row=31),
        Spell(severity="P0", since=at(12), until=at(47), by="Alice Ito", row=38),
    ),
    roles={"Lead": "Alice Ito", "Communications": "Bob Okafor"},
    cause="a deployment, about 40 % of the users: since the release",
    reached=(
        Reached(name="started", at=START, by="Alice Ito", reason="the first failed payment", before=at(2)),
        Reached(name="declared", at=at(2), by="Frank Adeyemi"),
        Reached(name="acknowledged", at=at(9), by="Alice Ito"),
        Reached(name="mitigated", at=at(31), by="Alice Ito"),
        Reached(name="resolved", at=at(47), by="Alice Ito"),
    ),
    allowed=(
        Allowed(step="Acknowledge", allowed=minutes(5), took=minutes(7)),
        Allowed(step="Assess", allowed=minutes(15), took=None),
        Allowed(step="Mitigate", allowed=minutes(30), took=minutes(29)),
    ),
    silence=Allowed(step="Update", allowed=minutes(30), took=minutes(12)),
    signals=(
        Signal(
            number=3,
            vendor="uptimerobot",
            title="interviewlab.io is down",
            first_at=at(0.5),
            ended_at=at(32),
            count=4,
            link="https://dashboard.uptimerobot.com/monitors/1",
        ),
    ),
    timeline=(
        Moment(
            at=at(2), kind="declared", who="Frank Adeyemi", said="Declared by Frank Adeyemi: P1 checkout answers 500"
        ),
        Moment(
            at=at(11),
            kind="marked",
            who="Bob Okafor",
            said="the price ids | look # wrong, says ann@example.com",
            link="https://interviewlab.slack.com/archives/C1/p1",
        ),
        Moment(at=at(19), kind="update", who="Alice Ito", said="The rollback runs."),
        Moment(at=at(44), kind="update", who="Alice Ito", said="Users can pay again since 14:31."),
    ),
    actions=(
        Action(
            number=7,
            what="production dpl_B → dpl_A",
            asked_by="Alice Ito",
            asked_at=at(20),
            approved_by=(),
            state="succeeded",
            result="Production serves dpl_A.",
            ended_at=at(30),
            glass_by="Alice Ito",
            glass_why="no approver was awake",
        ),
    ),
    items=(
        Item(number=1, said="Update the runbook", owner="Alice Ito", due_at=at(5000), state="open", kind="process"),
        Item(number=2, said="alert on failed payments", owner="", due_at=None, state="open", kind=""),
    ),
    users="Checkout failed for some users from 14:00 to 14:31 UTC.",
    log=Excerpt(said="41 errors in the last 30 min.", lines=("error ×41 No such price: 'price_new'",), at=at(2.2)),
    proof=Proof(rows=(31, 38, 44), head=51, hash="ab12"),
)


def test_the_whole_document() -> None:
    """A manager reads it from the top to the bottom; kept beside this test, to be read by whoever changes it."""
    assert document.whole(FACTS) == SNAPSHOT.read_text(encoding="utf-8")


def test_the_score_of_a_drill_stands_at_its_head() -> None:
    """A drill's document says how it went, a real one's says nothing of it."""
    scored = ("Acknowledged: 4 min, allowed 5 min", "Updates missed: 0")
    head = document.sections(replace(FACTS, drill=True, score=scored))[0].body
    assert "a drill" in head
    assert "Score of the drill" in head
    assert "Acknowledged: 4 min, allowed 5 min; Updates missed: 0" in head
    assert "Score" not in document.sections(FACTS)[0].body


def test_what_only_people_know_is_asked() -> None:
    """Every such section holds the line that people replace, and nothing is made up in it."""
    whole = document.whole(FACTS)
    for heading in ("in short", *(heading.lower() for heading in document.ASKED)):
        assert whole.count(f"✎ Not written yet: {heading}") == 1
    assert document.prompts(FACTS) == (
        "In short",
        "Review of the break-glass uses",
        "Contributing factors",
        "What went well",
        "What went badly",
        "Where we were lucky",
        "What surprised us",
        "Open questions",
    )
    without = replace(FACTS, actions=())
    assert "Review of the break-glass uses" not in document.prompts(without)
    assert "✎ Not written yet: review" not in document.whole(without)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (replace(FACTS, reached=()), "could not measure: nobody recorded “acknowledged”"),
        (replace(FACTS, signals=()), "No alert belongs to it: a person noticed first."),
        (replace(FACTS, log=None), "Server log at its beginning: was not saved"),
        (replace(FACTS, timeline=()), "No update was given, and nothing was published."),
        (replace(FACTS, actions=()), "Nothing was asked for through me because of it."),
        (replace(FACTS, measured=replace(FACTS.measured, pages=())), "PagerDuty's log has no page for it"),
        (
            replace(FACTS, measured=replace(FACTS.measured, pages=(), pages_unknown="PagerDuty refuses our key.")),
            "Who was paged could not be checked: PagerDuty refuses our key.",
        ),
        (
            replace(FACTS, measured=replace(FACTS.measured, suspects=(), suspects_unknown=())),
            "Nothing changed in that time that I can see",
        ),
        (replace(FACTS, measured=replace(FACTS.measured, suspects=())), "could not check: Migrations"),
        (replace(FACTS, is_over=False), "not over yet, as of 2026-03-02 14:47 UTC"),
        (replace(FACTS, private=True), "for those in the incident's channel alone"),
        (replace(FACTS, items=()), "None yet: `/ilab incident task` adds one"),
    ],
)
def test_what_is_not_known_is_said(facts: Facts, said: str) -> None:
    """No gap is filled: what nobody recorded or could measure is said in its place."""
    assert said in document.whole(facts)


def test_nothing_that_was_typed_does_anything() -> None:
    """Titles and messages are shown as they were written: no mention, no heading, no cell; addresses are masked."""
    nasty = "![](@U0ALICE01) | # [x](https://evil.example) ann@example.com"
    whole = document.whole(
        replace(FACTS, title=nasty, timeline=(Moment(at=at(1), kind="note", who=nasty, said=nasty),))
    )
    assert "![](@" not in whole
    assert "](https://evil.example)" not in whole.replace("\\](https://evil.example)", "")
    assert "ann@example.com" not in whole
    assert "a•••@example.com" in whole


def test_long_timelines_fit_a_canvas() -> None:
    """No table has more cells than Slack takes."""
    entries = tuple(Moment(at=at(number), kind="note", who="Alice Ito", said=f"note {number}") for number in range(400))
    tables = [
        part
        for part in document.whole(replace(FACTS, timeline=entries)).split("\n\n")
        if part.startswith("| UTC | Who |")
    ]
    assert len(tables) >= 6
    assert all(part.count("\n| ") * 4 + 4 <= CELLS for part in tables)


def test_a_later_version_adds_what_is_new() -> None:
    """Rows that are new in what grows, and whole what changed otherwise; people's sections never."""
    before = document.kept(FACTS)
    assert document.addition(before, replace(FACTS, version=2, written_at=at(100))) == ""
    later = replace(
        FACTS,
        version=2,
        written_at=at(100),
        timeline=(*FACTS.timeline, Moment(at=at(90), kind="task", who="Bob Okafor", said="Task 2 is done")),
        items=(FACTS.items[0], replace(FACTS.items[1], owner="Bob Okafor", state="done")),
        actions=(),
    )
    added = document.addition(before, later)
    assert added.startswith(
        "## Added later (version 2)\n\n_2026-03-02 15:40 UTC._ What stands above is as people left it."
    )
    assert "### Timeline, new entries" in added
    assert "| 2026-03-02 15:30:00 | Bob Okafor | Task 2 is done |  |" in added
    assert "Declared by Frank" not in added
    assert "### Action items\n" in added
    assert "Not written yet" not in added
