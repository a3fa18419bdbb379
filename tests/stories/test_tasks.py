"""Tasks of an incident: added, given, reminded of, put off, done; and what becomes of them when it is over."""

from __future__ import annotations

from incidents import declared, done, in_room, later, opens, room, times_of, types
from storytelling import Story

HOURS = 60.0
DAYS = 24 * HOURS


def direct(story: Story, name: str) -> list[str]:
    """What the bot wrote to somebody directly."""
    return [said.text for said in story.sees(name, story.direct(name)) if "Task" in said.text or "task" in said.text]


async def test_a_task_from_asking_to_done(story: Story) -> None:
    """The channel reads it, its owner is told and reminded, and says that it is done; all of it is in the timeline."""
    await declared(story)
    channel = room(story).id
    said = await types(
        story, "alice", '/ilab incident task "alert on failed webhooks" --owner @bob --due 3d --kind detect', channel
    )
    assert said.first_line == ":white_check_mark: Task 1 is in INC-1."
    (told,) = [one for one in in_room(story) if one.first_line.startswith("Task 1 of INC-1, for bob")]
    assert told.buttons == ["Done", "Give to…"]
    assert "bob · by " in told.text
    assert "in 3 days · detect" in told.text
    (given,) = direct(story, "bob")
    assert given.startswith("alice gave you task 1 of INC-1: alert on failed webhooks")

    await later(story, 2 * DAYS + 1)
    assert len(direct(story, "bob")) == 2
    assert direct(story, "bob")[1].startswith(":warning: Task 1 of INC-1: by ")
    await later(story, 1 * DAYS)
    assert len(direct(story, "bob")) == 3
    assert direct(story, "bob")[2].startswith(":red_circle: Task 1 of INC-1: by ")
    said = await story.presses("bob", "Done", story.direct("bob"))
    assert said.first_line == ":white_check_mark: Task 1 is done."
    await later(story, 5 * DAYS)
    assert len([text for text in direct(story, "bob") if "overdue" in text]) == 1, "done is done"
    entries = [text for kind, text in await times_of(story) if kind == "task"]
    assert entries == [
        "Task 1 of INC-1, for bob: alert on failed webhooks",
        "Task 1 of INC-1 is done, says bob: alert on failed webhooks",
    ]
    assert await story.rows("select kind from audit where kind like 'task.%%' order by seq") == [
        ("task.added",),
        ("task.done",),
    ]


async def test_nobody_has_it_yet(story: Story) -> None:
    """A task may be added in haste: whoever takes it has it, and gives it on by a form."""
    await declared(story)
    channel = room(story).id
    await types(story, "alice", "/ilab incident task call the bank", channel)
    (told,) = [one for one in in_room(story) if one.first_line.startswith("Task 1 of")]
    assert told.first_line == "Task 1 of INC-1, for whoever takes it: call the bank"
    assert told.buttons == ["Done", "I take it", "Give to…"]
    await story.presses("alice", "I take it", channel)
    assert await story.rows("select owner from tasks") == [(story.person("alice"),)]
    assert (await types(story, "alice", "/ilab task take 1", channel)).first_line == "alice has task 1 already."
    assert direct(story, "alice") == [], "who took it knows"
    await opens(story, "alice", "Give to…", channel)
    said = await story.submits("alice", person=story.person("bob"))
    assert said.first_line == ":white_check_mark: Task 1 is bob’s."
    await story.settled()
    assert direct(story, "bob")[-1].startswith("alice gave you task 1 of INC-1: call the bank")
    said = await types(story, "alice", "/ilab task set 1 --due 5h --kind process", channel)
    assert "Task 1: by " in said.first_line
    await later(story, 5 * HOURS - 30)
    assert sum("Task 1 of INC-1: by" in text for text in direct(story, "bob")) == 1


async def test_lists(story: Story) -> None:
    """Of an incident, of oneself, of everybody: how each stands, and what is overdue in the first line."""
    await declared(story)
    channel = room(story).id
    assert (await types(story, "alice", "/ilab task list")).first_line == "Tasks: nothing to do."
    await types(story, "alice", "/ilab incident task one --owner @alice --due 1h", channel)
    await types(story, "alice", "/ilab incident task two --owner @bob --due 9d", channel)
    await types(story, "alice", "/ilab incident task INC-1 three", channel)
    await types(story, "alice", "/ilab task drop 3 nobody needs it", channel)
    await later(story, 90)
    said = await story.asks("frank", "/ilab incident tasks INC-1")
    assert said.first_line == ":red_circle: INC-1, tasks: 2 to do, 1 overdue, 1 ended."
    assert ":red_circle: 1  one (alice · by " in said.text
    assert "2  two (bob · by " in said.text
    assert "3  three (dropped by alice: nobody needs it)" in said.text
    mine = await types(story, "bob", "/ilab task list")
    assert mine.first_line == "Tasks: 1 to do."
    assert "two" in mine.text
    assert "· INC-1)" in mine.text
    everybodys = await types(story, "bob", "/ilab task list --all")
    assert everybodys.first_line == ":red_circle: Tasks: 2 to do, 1 overdue."


async def test_reminders_are_sent_once_also_after_an_outage(stage: Story) -> None:
    """While no bot runs nothing is said; then the last reminder speaks, once, and says that it is late."""
    async with stage.bot():
        await declared(stage)
        await types(stage, "alice", "/ilab incident task mend it --owner @bob --due 2d", room(stage).id)
    stage.sandbox.world.clock.jump(3 * 86400 + 3 * 3600)
    async with stage.bot(), stage.bot():
        await done(stage)
        reminders = [text for text in direct(stage, "bob") if text.startswith(":red_circle: Task 1 of INC-1: by ")]
        assert len(reminders) == 1
        assert "1 days overdue" in reminders[0] or "27 h overdue" in reminders[0]
        assert "3 h later than it should: nothing was running" in reminders[0]
        assert len(direct(stage, "bob")) == 2, "what comes before it was overtaken"
        late = [one for one in in_room(stage) if one.first_line.startswith(":red_circle: Task 1 of INC-1: by ")]
        assert len(late) == 1, "what is overdue for a day the channel reads, too"


async def test_put_off(story: Story) -> None:
    """Who is reminded may put it off: nothing until then, then again; the date stays."""
    await declared(story)
    await types(story, "alice", "/ilab incident task mend it --owner @bob --due 4d", room(story).id)
    await later(story, 3 * DAYS + 1)
    said = await story.presses("bob", "Remind me in a day", story.direct("bob"))
    assert said.first_line.startswith(":white_check_mark: I remind you of task 1 again on ")
    before = len(direct(story, "bob"))
    await later(story, 20 * HOURS)
    assert len(direct(story, "bob")) == before
    await later(story, 4 * HOURS + 1)
    assert [text.splitlines()[0][:24] for text in direct(story, "bob")[before:]] == [":red_circle: Task 1 of I"]


async def test_it_survives_the_incident(story: Story) -> None:
    """A task of an incident that is over is reminded of all the same, and more can be added."""
    await declared(story)
    channel = room(story).id
    await types(story, "alice", "/ilab incident task write the alert --owner @bob --due 2d", channel)
    await types(story, "alice", "/ilab incident resolve --anyway", channel)
    await types(story, "alice", "/ilab incident task INC-1 read the logs --owner @bob --due 2d", channel)
    await later(story, 2 * DAYS + 1)
    assert sum("overdue" in text or "by 20" in text for text in direct(story, "bob")) >= 2
    await types(story, "alice", "/ilab incident declare P2 a typo")
    await types(story, "alice", "/ilab incident cancel INC-2 it was none")
    said = await types(story, "alice", "/ilab incident task INC-2 mend the typo")
    assert said.first_line == "INC-2 is cancelled."


async def test_what_cannot_be(story: Story) -> None:
    """Each refusal says what was wrong and what to do; a viewer ends only what is their own."""
    await declared(story)
    channel = room(story).id
    await types(story, "alice", "/ilab incident task mend it --owner @erin", channel)
    await types(story, "alice", "/ilab incident task tell support --owner @frank", channel)
    for name, words, refusal in (
        ("alice", "/ilab task done 7", "There is no task 7."),
        ("alice", "/ilab incident task x --owner @gus", "gus cannot have a task: to me they are guest."),
        ("alice", "/ilab incident task x --owner @nobody", "I know nobody called “nobody”."),
        ("alice", "/ilab incident task x --due 0m", "A task is due within a year, and not at once."),
        ("alice", "/ilab incident task x --due friday", "“friday” does not fit “due”"),
        ("alice", "/ilab task set 1", "What is to change?"),
        ("alice", "/ilab task give 1 @erin", "erin has task 1 already."),
        ("alice", "/ilab task snooze 1 1m", "A reminder can be put off for five minutes to two weeks."),
        ("frank", "/ilab task done 1", "You may not do this."),
        ("frank", "/ilab task give 1 @bob", "You may not do this."),
    ):
        said = await types(story, name, words, channel if name == "alice" else "incidents")
        assert said.first_line.startswith(refusal), (words, said.text)
    said = await types(story, "frank", "/ilab task done 2")
    assert said.first_line == ":white_check_mark: Task 2 is done."
    said = await types(story, "alice", "/ilab task done 2", channel)
    assert said.first_line == "Task 2 is done already."


async def test_a_private_incidents_tasks(story: Story) -> None:
    """Only those who may know of it see them or can have one; who left its channel is told nothing more."""
    await declared(story, "P1 zanzibar key leaked --private", "alice")
    channel = room(story).id
    said = await types(story, "alice", "/ilab incident task rotate zanzibar --owner @erin --due 2d", channel)
    assert said.first_line == "erin may not know of INC-1, which is private."
    await types(story, "alice", "/ilab incident task rotate zanzibar --owner @bob --due 2d", channel)
    assert direct(story, "bob")[-1].startswith("alice gave you task 1 of INC-1: rotate zanzibar")
    for words in ("/ilab incident tasks INC-1", "/ilab task list --all", "/ilab task done 1"):
        said = await types(story, "erin", words)
        assert "zanzibar" not in said.text, words
    assert (await types(story, "erin", "/ilab task done 1")).first_line == "There is no task 1."
    await story.sandbox.workspace.leave(story.person("bob"), channel)
    await done(story)
    before = len(direct(story, "bob"))
    await later(story, 2 * DAYS + 1)
    assert len(direct(story, "bob")) == before
    told = [one.text for one in in_room(story) if "bob, who has it, is not in this channel any more" in one.text]
    assert len(told) == 1
    assert not [said for said in story.sees("erin") if "zanzibar" in said.text]


async def test_who_has_left(story: Story) -> None:
    """Of somebody who is no member any more the channel is told, so that somebody else can have it."""
    await declared(story)
    await types(story, "alice", "/ilab incident task mend it --owner @bob --due 2d", room(story).id)
    story.sandbox.workspace.account(story.person("bob")).kind = "deactivated"
    await later(story, 2 * DAYS + 1)
    told = [one for one in in_room(story) if "bob, who has it, is deactivated now: give it to somebody." in one.text]
    assert len(told) == 1
    assert "Give to…" in told[0].buttons
