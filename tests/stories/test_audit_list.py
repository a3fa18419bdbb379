"""`audit`: what was done, found again by whoever may look."""

from __future__ import annotations

import pytest
from storytelling import Story, until

from sandbox.product.books import CASES

WHO = CASES["never_bought"]


@pytest.fixture
async def done(story: Story) -> Story:
    """Erin asks for two grants: bob approves one and denies the other; frank may do neither."""
    await story.asks("erin", f"/ilab grant {WHO} 5 --reason {WHO} lost hers")
    await story.asks("erin", f"/ilab grant {CASES['paid_no_credits']} 3 --reason sorry")
    await story.asks("frank", "/ilab approve 1")
    await story.asks("bob", "/ilab approve 1")
    await until(lambda: story.state_of(1, "succeeded"), "it never ran")
    await story.asks("bob", f"/ilab deny 2 {WHO} has enough")
    await story.settled()
    return story


async def test_newest_first(done: Story) -> None:
    """Who did what, to which request, with what result; without a customer's address, seen by the asker alone."""
    said = await done.asks("dave", "/ilab audit")
    assert said.ephemeral
    assert said.first_line == "6 entries, newest first."
    told = [line.replace("_", "") for line in said.text.splitlines()[1:]]
    for line, words in zip(
        told,
        (
            "bob denied request 2",
            "ilab ran request 1: 5 granted, balance 0 → 5.",
            "bob approved request 1: 1 of 1",
            "frank was refused",
            "erin asked request 2 (`grant`)",
            "erin asked request 1 (`grant`)",
        ),
        strict=False,
    ):
        assert words in line
    assert WHO not in said.text


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("audit request 1", ["executed", "approved", "asked"]),
        ("audit request:1", ["executed", "approved", "asked"]),
        ("audit 2", ["rejected", "asked"]),
        ("audit --kind request.approved", ["approved"]),
        ("audit --kind denied", ["denied"]),
        ("audit grant", ["asked", "asked"]),
        ("audit --since 1m --kind request", ["rejected", "executed", "approved", "asked", "asked"]),
        ("audit approve", ["approved", "denied"]),
        ("audit INC-4", []),
        ("audit --kind nothing", []),
    ],
)
async def test_what_is_looked_for(done: Story, words: str, found: list[str]) -> None:
    """By subject, kind, command and time."""
    said = await done.asks("dave", f"/ilab {words}")
    verbs = {"executed": "ran", "rejected": "denied", "denied": "was refused"}
    lines = said.text.splitlines()[1:]
    assert len(lines) == len(found), said.text
    for line, kind in zip(lines, found, strict=True):
        assert verbs.get(kind, kind) in line
    if not found:
        assert said.first_line == "Nothing that was done fits that."


async def test_by_person(done: Story) -> None:
    """By whom, as Slack makes it of a mention; who is nobody is said."""
    said = await done.asks("dave", f"/ilab audit --person <@{done.person('bob')}>")
    assert len(said.text.splitlines()) == 3
    assert "I know nobody called “nobody”." in (await done.asks("dave", "/ilab audit --person nobody")).text


@pytest.mark.parametrize("name", ["erin", "frank"])
async def test_who_may_not_look(story: Story, name: str) -> None:
    """It is for approvers."""
    assert "`audit` needs an approver" in (await story.asks(name, "/ilab audit")).text


async def test_page_by_page(story: Story) -> None:
    """What finds no room is one press away."""
    await story.rows(
        "insert into audit (at, kind, actor, subject, detail) select '2026-01-01', 'watch.started', 'U0BOB0002',"
        " 'C0INCIDNT', '{}' from generate_series(1, 30) returning seq"
    )
    said = await story.asks("bob", "/ilab audit --kind watch")
    assert said.first_line == "The newest 25 entries that fit; there are more."
    older = await story.presses("bob", "Older")
    assert older.first_line == "5 entries that fit, newest first."
    assert "bob started the watch in `C0INCIDNT`" in older.text
