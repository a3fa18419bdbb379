"""`incident drill`: an incident that is only played, of which nobody outside hears."""

from __future__ import annotations

from drills import played, room, told, writes
from incidents import later, state_of, times_of, types
from storytelling import Story


async def test_a_whole_drill_touches_nobody_outside(story: Story) -> None:
    """From declare to clean: every line says DRILL, no vendor is asked to change anything, and the score is read."""
    place = await played(story)
    before = len(writes(story))
    assert room(story).name == "drill-1-checkout-answers-500"
    assert room(story).topic["value"].startswith("DRILL INC-1 P0")
    await types(story, "alice", "/ilab incident ack", place)
    await later(story, 2)
    await types(story, "alice", "/ilab incident update we look at it", place)
    await types(story, "alice", "/ilab incident assess third-party --share 30 Stripe", place)
    await later(story, 20)
    await types(story, "alice", "/ilab incident mitigate users are told", place)
    ended = await types(story, "alice", "/ilab incident resolve it is back", place)
    assert "DRILL INC-1 is resolved" in ended.text
    score = next(one.text for one in told(story) if "Score" in one.text)
    assert "6 of 6 as the runbook has it" in score
    assert "Mitigated" in score
    assert "allowed 30 min" in score
    assert all("DRILL" in one.first_line for one in told(story)), [one.first_line for one in told(story)]
    assert any("3 of 4 payments fail" in one.text for one in told(story))
    assert any("Health now: Not well: payments fail, and it is them (pretended)" in one.text for one in told(story))
    await types(story, "alice", "/ilab incident drill clean INC-1")
    await later(story, 1)
    assert room(story).is_archived
    assert await state_of(story) == "closed"
    assert before == 0
    assert writes(story) == []
    here = [one for one in story.sees("bob") if not one.ephemeral]
    assert [one.first_line for one in here] == [
        "DRILL INC-1 runs, checkout-down, begun by alice: nothing real is broken."
    ]
    assert story.sandbox.workspace.pings == []


async def test_nobody_plays_along(story: Story) -> None:
    """The ladder says whom it would page, and the score counts what was missed."""
    place = await played(story, "incident drill bad-deployment")
    await later(story, 46)
    assert any("Level 1 of the on-call policy would be paged now; a drill pages nobody." in x.text for x in told(story))
    said = await types(story, "alice", "/ilab incident drill end", place)
    assert ":red_circle: DRILL · Acknowledged  not done, allowed 5 min" in said.text
    assert "Updates missed" in said.text
    assert "0 of 6" in said.first_line
    assert await state_of(story) == "cancelled"
    assert "still runs" not in (await types(story, "alice", "/ilab incident drill clean INC-1")).text
    assert writes(story) == []


async def test_what_would_change_something_is_written_down(story: Story) -> None:
    """A rollback in a drill's channel is asked of nobody: the timeline holds that it was the move."""
    place = await played(story, "incident drill bad-deployment")
    said = await types(story, "alice", "/ilab rollback", place)
    assert said.first_line.startswith("DRILL INC-1: `rollback` is written down, and nothing was asked for")
    assert await story.rows("select id from requests") == []
    assert any(kind == "change" and "would have asked for `rollback`" in text for kind, text in await times_of(story))
    assert writes(story) == []


async def test_a_real_one_beside_it(story: Story) -> None:
    """A drill is no reason to ask whether a real one is the same, and a real one is neither ended nor cleaned as a drill."""
    await played(story)
    said = await types(story, "frank", "/ilab incident declare P2 the footer is green")
    assert "INC-2 is declared" in said.first_line
    for words in ("end", "clean"):
        refused = await types(story, "alice", f"/ilab incident drill {words} INC-2")
        assert "INC-2 is no drill." in refused.text
    early = await types(story, "alice", "/ilab incident drill clean INC-1")
    assert "DRILL INC-1 still runs." in early.text
    assert await state_of(story, 2) == "declared"


async def test_who_begins_one(story: Story) -> None:
    """A responder; and a scenario that is on no list is told which there are."""
    assert "You may not do this." in (await types(story, "frank", "/ilab incident drill")).text
    wrong = await types(story, "alice", "/ilab incident drill checkout-dwn")
    assert "checkout-down" in wrong.text
    assert await story.rows("select id from incidents") == []
