"""A drill played in Slack to its closed post-mortem: whatever anybody reads of it says DRILL, and no count knows of it."""

from __future__ import annotations

from drills import played, room, told, writes
from incidents import done, later, state_of, types
from postmortems import canvas, rows
from postmortems import writes as answers
from storytelling import Said, Story

FRAME = ("[", "<http", "For <@", "<!date")
"""Buttons, the runbook's link, who is called, and how old it is: no words of the drill."""


def unmarked(said: list[Said]) -> list[str]:
    """Lines of messages that do not say that it is only played."""
    lines = [line for one in said for line in one.text.splitlines()]
    return [line for line in lines if "DRILL" not in line and not line.startswith(FRAME)]


def direct(story: Story, name: str) -> list[Said]:
    """What the bot said to a person alone of tasks, by direct message."""
    return [one for one in story.sees(name, story.direct(name)) if one.raw.get("bot_id") and not one.ephemeral]


async def test_a_drill_to_its_closed_post_mortem(story: Story) -> None:
    """Every step, a reopening, two scores, the post-mortem and its end: DRILL in every line, and nobody outside hears of it."""
    story.sandbox.world.clock.set_speed(0)  # the score is to the second, and a slow machine must not show in it
    place = await played(story)
    await later(story, 6)
    for words in (
        "ack",
        "incident lead",
        "incident update we look at it",
        "incident note Stripe says nothing yet",
        'incident task "call the bank" --owner @bob --due 3d',
        "incident assess third-party --share 30 it is Stripe",
        "incident severity P1 only some",
        "incident title checkout fails",
        "incident mitigate users are told",
        "incident resolve it is back",
    ):
        await types(story, "alice", f"/ilab {words}", place)
    first = [one.text for one in told(story) if "Score" in one.text]
    assert len(first) == 1
    assert ":white_check_mark: DRILL · Mitigated  6 min 00 s, allowed 2 h" in first[0]
    await types(story, "alice", "/ilab incident reopen it fails again", place)
    await _is_counted_nowhere(story)
    await later(story, 150)
    await types(story, "alice", "/ilab incident resolve now it is", place)
    scores = [one.text for one in told(story) if "Score" in one.text]
    assert len(scores) == 2
    assert ":red_circle: DRILL · Mitigated  2 h 36 min, allowed 2 h" in scores[1]
    assert ":white_check_mark: DRILL · Acknowledged  6 min 00 s, allowed 15 min" in scores[1]
    assert ":red_circle: DRILL · Updates missed  1" in scores[1]
    await later(story, 25 * 60)
    await done(story)
    _is_marked(story)
    await answers(story)
    closed = await types(story, "alice", "/ilab postmortem done", place)
    assert closed.first_line == ":white_check_mark: DRILL INC-1 is closed."
    assert unmarked(told(story)) == []
    assert unmarked(direct(story, "bob")) == []
    file, given = sorted(direct(story, "bob"), key=lambda one: not one.raw.get("files"))
    assert given.first_line == "alice gave you task 1 of DRILL INC-1: call the bank"
    held = story.sandbox.workspace.state.files[file.raw["files"][0]["id"]]
    written = held["content"].encode("latin-1").decode().splitlines()
    assert written[0] == "# Timeline of DRILL INC-1 checkout fails"
    assert [row for row in written[4:] if "DRILL" not in row] == []
    assert room(story).topic["value"].startswith("DRILL INC-1 P1 checkout fails · closed")
    await types(story, "alice", "/ilab incident drill clean INC-1")
    await later(story, 1)
    assert room(story).is_archived
    assert writes(story) == []
    assert unmarked([one for one in story.sees("bob") if "INC-1" in one.text and not one.ephemeral]) == []


def _is_marked(story: Story) -> None:
    """The post-mortem says on top and in each row of its timeline that it was played, and shows no figure of ours."""
    text = canvas(story)
    assert text.startswith("# Post-mortem: DRILL INC-1 checkout fails\n\n- **DRILL:** it was only played.")
    assert [row for row in rows(text, "Timeline") if "DRILL" not in row[2]] == []
    assert len(rows(text, "Timeline")) > 12
    assert [row[0] for row in rows(text, "Impact")] == ["Time as P0", "Time as P1"]
    assert "DRILL: nothing real was hit, so nothing was measured." in text
    assert "Nobody was paged: it was a drill." in text


async def _is_counted_nowhere(story: Story) -> None:
    """It is open, and neither the figures, the lists, Home nor status know of it."""
    assert await state_of(story) == "declared"
    assert (await types(story, "bob", "/ilab incident figures")).first_line.startswith("No incident counts")
    assert (await types(story, "bob", "/ilab incident list --open")).first_line == "No incident is open."
    assert "INC-1" not in (await types(story, "bob", "/ilab status")).text
    home = (await story.opens_home("carol")).text
    assert "No incident is open." in home
    assert "INC-1" not in home
    listed = await types(story, "bob", "/ilab incident list --drills")
    assert "DRILL INC-1 P1" in listed.text
    for words in ("incident show INC-1", "incident timeline INC-1", "incident evidence INC-1"):
        assert unmarked([await types(story, "bob", f"/ilab {words}")]) == [], words


async def test_a_drill_that_is_called_off(story: Story) -> None:
    """Cancelled in the middle it waits for nobody any more; its score may still be read, and it is cleaned away."""
    place = await played(story, "incident drill database-down")
    await types(story, "alice", "/ilab incident ack", place)
    said = await types(story, "alice", "/ilab incident cancel a real one comes in", place)
    assert said.first_line == "DRILL INC-1 is cancelled. Its clocks stand still."
    before = len(told(story))
    await later(story, 120)
    assert len(told(story)) == before
    assert "The post-mortem" not in str([one.text for one in told(story)])
    read = await types(story, "alice", "/ilab incident drill end", place)
    assert read.first_line == "DRILL INC-1, database-down: 2 of 6 as the runbook has it."
    assert ":red_circle: DRILL · Mitigated  not done" in read.text
    assert unmarked(told(story)) == []
    await types(story, "alice", "/ilab incident drill clean INC-1")
    await later(story, 1)
    assert room(story).is_archived
    assert await state_of(story) == "cancelled"
    again = await types(story, "alice", "/ilab incident drill clean INC-1")
    assert "archived" in again.text
    assert writes(story) == []


async def test_a_drill_is_no_duplicate_of_a_real_one(story: Story) -> None:
    """Neither is joined to the other."""
    await played(story)
    await types(story, "frank", "/ilab incident declare P2 the footer is green")
    for one, other in ((1, 2), (2, 1)):
        said = await types(story, "alice", f"/ilab incident merge INC-{one} --into INC-{other}")
        assert said.first_line == "One of the two is a drill and the other is not."
