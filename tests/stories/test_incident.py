"""`incident declare`: a P0 sets itself up, once, and keeps its clocks."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from storytelling import Said, Story, ilab, until

TITLE = "checkout answers 500"


def room(story: Story) -> Any:
    """The incident's channel in the workspace."""
    found = [channel for channel in story.sandbox.workspace.state.channels.values() if channel.name.startswith("inc-")]
    assert len(found) == 1, [channel.name for channel in found]
    return found[0]


def in_room(story: Story, name: str = "alice") -> list[Said]:
    """What stands in the incident's channel."""
    return story.sees(name, room(story).id)


def card(story: Story) -> Said:
    """The incident's card in #incidents."""
    return next(said for said in story.sees("bob") if said.text.splitlines()[0].endswith(f"INC-1 P0 {TITLE}"))


def thread(story: Story) -> list[str]:
    """What stands in the thread under the card."""
    return [said.text for said in story.sees("bob", "incidents", str(card(story).raw["ts"]))]


async def set_up(story: Story) -> None:
    """Every step has ended."""

    async def ended() -> bool:
        rows = await story.rows("select count(*), count(*) filter (where state = 'started') from steps")
        return bool(rows[0][0] >= 10 and rows[0][1] == 0)

    await until(ended, "it was never set up", 40)
    await story.settled()


async def declared(story: Story, name: str = "frank") -> Said:
    """Somebody declares a P0, and everything of it is there."""
    await story.asks(name, f"/ilab incident declare P0 {TITLE}")
    await set_up(story)
    return next(said for said in story.sees(name) if said.ephemeral)


async def test_a_p0_sets_itself_up(story: Story) -> None:
    """Channel, card, pin, topic, bookmarks, people, checklist, page, health, what changed: each once."""
    said = await declared(story)
    assert said.first_line == f":red_circle: INC-1 is declared: P0 {TITLE}"
    channel = room(story)
    assert channel.name == "inc-1-checkout-answers-500"
    assert channel.topic["value"] == f"INC-1 P0 {TITLE}"
    ids = {story.person(name) for name in ("frank", "alice", "bob")}
    assert ids <= set(channel.members)
    texts = [said.text for said in in_room(story)]
    for words in (":red_circle: INC-1 P0", "The runbook's steps", "Health now: All well", "in the last 2 hours"):
        assert sum(words in text for text in texts) == 1, words
    (pin,) = channel.pins
    assert pin["ts"] == next(
        said.raw["ts"] for said in in_room(story) if said.first_line.startswith(":red_circle: INC-1 P0")
    )
    assert {bookmark["title"] for bookmark in channel.bookmarks} >= {"Runbook: P0", "The site"}
    (page,) = story.sandbox.vendors["pagerduty"].account.incidents
    assert page.key.startswith("ilab-inc-")
    shown = card(story)
    assert shown.buttons == ["Acknowledge", "Assess…", "Update…", "Status page…", "Status"]
    assert "Not acknowledged" in shown.text
    assert ":white_check_mark: On-call paged" in shown.text
    assert story.sandbox.workspace.pings == []
    assert await story.rows("select kind from audit") == [("incident.declared",)]


async def test_acknowledged_by_the_button(story: Story) -> None:
    """Alice presses: the clocks stop, PagerDuty is told, the thread and the channel read who and how fast."""
    await declared(story)
    story.sandbox.world.clock.jump(60)
    said = await story.presses("alice", "Acknowledge")
    assert said.first_line.startswith("You have INC-1. Acknowledged 6")
    assert said.first_line.endswith(" s after it was declared.")
    await until(lambda: any("acknowledged by alice" in text for text in thread(story)), "the thread never heard")
    await story.settled()
    assert sum("acknowledged by alice" in said.text for said in in_room(story)) == 1
    assert "Acknowledged  by alice" in card(story).text
    assert card(story).buttons == ["Assess…", "Update…", "Mitigated…", "Status page…", "Status"]
    (page,) = story.sandbox.vendors["pagerduty"].account.incidents
    await until(lambda: page.status == "acknowledged", "PagerDuty was never told")
    again = await story.asks("bob", "/ilab incident ack 1")
    assert re.fullmatch(r"INC-1 is acknowledged already, by alice, \d s ago\.", again.first_line)
    own = await story.asks("alice", "/ilab incident ack 1")
    assert re.fullmatch(r"You have INC-1 already: you acknowledged it \d s ago\.", own.first_line)
    story.sandbox.world.clock.jump(3600)
    await story.settled()
    assert not any("is not acknowledged" in said.text for said in in_room(story))


async def test_ack_is_enough_in_its_channel(story: Story) -> None:
    """In the incident's channel the incident is implied; elsewhere it must be named; a viewer may not."""
    await declared(story)
    elsewhere = await story.asks("alice", "/ilab ack")
    assert elsewhere.first_line == "Which incident? This is no incident's channel."
    refused = await story.asks("frank", "/ilab ack 1")
    assert "needs a responder" in refused.text
    await story.asks("alice", "/ilab ack", room(story).id)
    assert any(said.first_line.startswith("You have INC-1.") for said in in_room(story) if said.ephemeral)


async def test_nobody_acknowledges(story: Story) -> None:
    """The clocks of the runbook: a reminder, the on-call again, the lead, the CTO; each once."""
    await declared(story)
    account = story.sandbox.vendors["pagerduty"].account
    for minutes, level in ((3.1, 0), (2, 1), (10, 2), (30, 3)):
        before = len(thread(story))
        story.sandbox.world.clock.jump(minutes * 60)
        words = f"Level {level} of the on-call policy is paged." if level else "is not acknowledged"
        await until(
            lambda before=before, words=words: any(words in text for text in thread(story)[before:]),
            f"nothing was said for level {level}",
        )
        await story.settled()
    said = [text for text in thread(story) if "is not acknowledged" in text]
    assert len(said) == 4
    assert sum("is not acknowledged" in said.text for said in in_room(story)) == 4
    assert {(page.level, page.person.name) for page in account.pages} >= {(1, "alice"), (2, "bob"), (3, "carol")}


async def test_the_bot_was_down_meanwhile(stage: Story) -> None:
    """Two clocks fall due while no bot runs: said at once when one does, and that it is late."""
    async with stage.bot():
        await declared(stage)
    stage.sandbox.world.clock.jump(16 * 60)
    await stage.start()
    await until(lambda: sum("is not acknowledged" in text for text in thread(stage)) == 3, "never said")
    await stage.settled()
    assert any("later than it should be" in text for text in thread(stage))


@pytest.mark.parametrize(
    ("call", "error"),
    [("conversations.setTopic", "internal_error"), ("bookmarks.add", "x"), ("users.lookupByEmail", "x")],
)
async def test_a_step_that_fails_stops_no_other(story: Story, call: str, error: str) -> None:
    """It is shown on the card as failed, the others are done, and *Retry what failed* mends it."""
    del error
    fault = story.sandbox.faults.add("slack", call, kind="status", status=400)
    await declared(story, "alice")
    assert ":red_circle:" in card(story).text.split("Set up")[1]
    assert ":white_check_mark: On-call paged" in card(story).text
    assert "Retry what failed" in card(story).buttons
    story.sandbox.faults.remove(fault.id)
    assert (await story.asks("frank", "/ilab incident retry 1")).first_line == "You may not do this."
    await story.presses("alice", "Retry what failed")

    async def mended() -> bool:
        return (await story.rows("select count(*) from steps where state <> 'done'"))[0][0] == 0

    await until(mended, "it was never mended")
    await story.settled()
    assert ":red_circle:" not in card(story).text.split("Set up")[1]


@pytest.mark.parametrize(
    "call", ["conversations.create", "chat.postMessage", "pins.add", "conversations.invite", "conversations.setTopic"]
)
async def test_slacks_answer_is_lost(story: Story, call: str) -> None:
    """Slack did it and the answer never came: nothing is done twice."""
    story.sandbox.faults.add("slack", call, kind="lost", times=1)
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await story.make_lost_posts_old()

    async def done() -> bool:
        await story.make_lost_posts_old()
        return (await story.rows("select count(*) from steps where state = 'done'"))[0][0] == 11

    await until(done, "it was never set up", 40)
    await story.settled()
    channel = room(story)
    assert len(channel.pins) == 1
    assert sum("The runbook's steps" in said.text for said in in_room(story)) == 1
    assert len([said for said in story.sees("bob") if "INC-1 P0" in said.text]) == 1


async def test_a_retry_finds_what_the_failed_try_left(story: Story) -> None:
    """The channel was made, its answer lost, and looking for it refused: *Retry* finds it, and makes no second one."""
    story.sandbox.faults.add("slack", "conversations.create", kind="lost", times=1)
    looking = story.sandbox.faults.add("slack", "conversations.list", kind="status", status=400)
    await declared(story)
    made = room(story)
    assert ":red_circle: Channel" in card(story).text
    story.sandbox.faults.remove(looking.id)
    await story.presses("alice", "Retry what failed")

    async def mended() -> bool:
        return (await story.rows("select count(*) from steps where state <> 'done'"))[0][0] == 0

    await until(mended, "it was never mended")
    assert room(story) is made
    assert await story.rows("select channel_id from incidents") == [(made.id,)]


async def test_killed_while_it_sets_up(stage: Story) -> None:
    """Killed with -9 in the middle: the next bot finishes, and everything is there once."""
    stage.sandbox.faults.add("slack", "conversations.invite", kind="slow", seconds=3)
    async with stage.process() as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        await stage.says("frank", f"/ilab incident declare P0 {TITLE}")

        async def begun() -> bool:
            return bool(await stage.rows("select 1 from steps where name = 'people'"))

        await until(begun, "it never began")
        process.kill()
        await process.wait()
    stage.sandbox.faults.clear()
    await stage.start()
    await stage.make_jobs_stalled()
    await set_up(stage)
    channel = room(stage)
    assert len(channel.pins) == 1
    assert len(stage.sandbox.vendors["pagerduty"].account.incidents) == 1
    assert sum("The runbook's steps" in said.text for said in in_room(stage)) == 1
    assert await stage.rows("select count(*) from steps where state = 'done'") == [(11,)]


async def test_a_strangers_channel_is_never_adopted(story: Story) -> None:
    """The name is taken by somebody else's channel: the next free one is made, and theirs is left alone."""
    workspace = story.sandbox.workspace
    general = workspace.channel("general")
    name = "inc-1-checkout-answers-500"
    workspace.state.channels["C0STRANGE"] = replace(
        general, id="C0STRANGE", name=name, creator=story.person("bob"), members=[story.person("bob")], messages=[]
    )
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await set_up(story)
    (made,) = await story.rows("select channel_id from incidents")
    assert workspace.channel(made[0]).name == f"{name}-2"
    assert workspace.channel("C0STRANGE").members == [story.person("bob")]
    assert f"<#{made[0]}>" in card(story).text


async def test_status_offers_to_declare(story: Story) -> None:
    """With anything red, status offers an incident, its title filled in."""
    story.sandbox.vendors["site"].set_switch("site", "down")
    said = await story.asks("alice", "/ilab status")
    assert "Declare incident" in said.buttons
    await story.presses("alice", "Declare incident")
    await until(lambda: story.has_rows("incidents", 1), "it was never declared")
    ((title,),) = await story.rows("select title from incidents")
    assert title.startswith("The site is down (answers 500)")


async def test_pagerduty_is_down(story: Story) -> None:
    """Paging fails: the card says so, everything else is there."""
    story.sandbox.faults.add("pagerduty_events", kind="status", status=400)
    await declared(story)
    assert ":red_circle: On-call paged" in card(story).text
    assert "Retry what failed" in card(story).buttons
    assert room(story).topic


async def test_a_p2_stays_a_thread(story: Story) -> None:
    """A P2 has its card and no channel, no page, no clocks."""
    await story.asks("frank", "/ilab incident declare P2 a label is wrong")
    assert any("followed in the thread" in said.text for said in story.sees("frank"))
    await story.settled()
    assert [
        channel for channel in story.sandbox.workspace.state.channels.values() if channel.name.startswith("inc-")
    ] == []
    assert story.sandbox.vendors["pagerduty"].account.incidents == []
    assert await story.rows("select count(*) from clocks where state = 'running' and subject = 'incident:1'") == [(0,)]
    assert any("INC-1 P2 a label is wrong" in said.text for said in story.sees("bob"))


async def test_the_form_asks_for_what_is_missing(story: Story) -> None:
    """`incident declare` alone opens a form that says what each severity means."""
    await story.says("frank", "/ilab incident declare")
    await story.settled()
    assert "site down, payments failing" in str(story.modal("frank").raw)


async def test_a_title_that_would_ping(story: Story) -> None:
    """A hostile title is only text: in the card, the topic, the channel's name, and at PagerDuty."""
    await story.asks("frank", "/ilab incident declare P0 <!channel> *down* & `out`")
    await set_up(story)
    assert story.sandbox.workspace.pings == []
    assert room(story).name == "inc-1-channel-down-out"


async def test_declared_twice_by_one_payload(story: Story) -> None:
    """The same payload delivered three times declares one incident."""
    await declared(story)
    await story.sandbox.workspace.redeliver(times=3)
    await story.settled()
    assert await story.rows("select count(*) from incidents") == [(1,)]


async def test_incidents_are_listed(story: Story) -> None:
    """`incident list` names them, with a button for what nobody has; in a terminal, too."""
    assert (await story.asks("bob", "/ilab incident list")).first_line == "No incident was declared."
    await declared(story)
    said = await story.asks("bob", "/ilab incident list")
    assert said.first_line == "1 incident, 1 open."
    assert said.buttons == ["Acknowledge INC-1", "Show INC-1"]
    for words, count in (
        ("checkout", 1),
        ("nothing_like_it", 0),
        ("--severity p1", 0),
        ("--since 1m 500", 1),
        ("--open", 1),
    ):
        found = await story.asks("bob", f"/ilab incident list {words}")
        assert ("INC-1 P0" in found.text) == bool(count), words
    shown = await story.asks("alice", "/ilab token issue")
    token = shown.text.split("ILAB_TOKEN=")[1].split()[0].strip("`")
    status, out, _ = await ilab(story, "run", "incident", "ack", "1", token=token)
    assert (status, out.split(".")[0]) == (0, "You have INC-1")
    await until(lambda: any("acknowledged by alice" in text for text in thread(story)), "the thread never heard")
