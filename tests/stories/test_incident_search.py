"""`incident list` finds, and `incident figures` counts; what is only played is in neither, unless asked for."""

from __future__ import annotations

from incidents import declared, done, types
from storytelling import Story


async def test_drills_are_found_where_asked_for(story: Story) -> None:
    """The list hides them, says how many, and shows them marked."""
    await types(story, "alice", "/ilab incident drill")
    await done(story)
    listed = await types(story, "bob", "/ilab incident list")
    assert listed.first_line == "No incident was declared."
    assert "1 drill is not shown" in listed.text
    shown = await types(story, "bob", "/ilab incident list --drills")
    assert "DRILL INC-1 P0" in shown.text
    opened = await story.presses("bob", "Show INC-1", said=shown)
    assert "DRILL INC-1" in opened.first_line


async def test_by_state_severity_and_words(story: Story) -> None:
    """Each narrows it; where more fit than are shown, the older ones are a press away."""
    await declared(story, "P2 stripe answers slowly")
    await declared(story, "P3 the footer is green --another")
    await types(story, "alice", "/ilab incident resolve INC-2 --anyway")
    for words, wanted, other in (
        ("--state resolved", "INC-2", "INC-1"),
        ("--state open", "INC-1", "INC-2"),
        ("--severity P2 --since 90d", "INC-1", "INC-2"),
        ("stripe", "INC-1", "INC-2"),
    ):
        said = (await types(story, "bob", f"/ilab incident list {words}")).text
        assert wanted in said, words
        assert other not in said, words
    for number in range(3, 23):
        await types(story, "frank", f"/ilab incident declare P3 paint {number} --another")
    page = await types(story, "bob", "/ilab incident list")
    assert page.first_line == "22 incidents, 21 open."
    assert "paint 22" in page.text
    assert "stripe" not in page.text
    older = await story.presses("bob", "Older", said=page)
    assert "stripe answers slowly" in older.text
    assert "paint 22" not in older.text


async def test_figures(story: Story) -> None:
    """Mean and median by month and severity with how many they stand on; a drill, and what was none, do not count."""
    assert (await types(story, "bob", "/ilab incident figures")).first_line.startswith("No incident counts")
    await declared(story, "P2 stripe answers slowly")
    story.sandbox.world.clock.jump(240)
    await types(story, "alice", "/ilab incident ack INC-1")
    await types(story, "alice", "/ilab incident resolve INC-1 --anyway")
    await declared(story, "P3 it was none")
    await types(story, "alice", "/ilab incident cancel INC-2 it was none")
    await types(story, "alice", "/ilab incident drill")
    await done(story)
    said = await types(story, "bob", "/ilab incident figures --since 90d")
    assert said.first_line == "1 incident in the last 90 days."
    assert "P2" in said.text
    assert "P3" not in said.text
    assert "MTTA  4 min, median 4 min, of 1 incident" in said.text
    await story.presses("bob", "Plot", said=said)
    await story.settled()
    assert [one["title"] for one in story.sandbox.workspace.state.files.values()] == ["How long incidents take"]
