"""An incident's channel is archived or deleted while it is open: nothing that was for it is lost, and it can have another."""

from __future__ import annotations

from typing import Any

import pytest
from incidents import room, rooms, set_up
from storytelling import Said, Story, until

TITLE = "checkout answers 500"


async def declared(story: Story, words: str = f"P0 {TITLE}") -> Any:
    """An incident that is set up; its channel."""
    await story.asks("frank", f"/ilab incident declare {words}")
    await set_up(story)
    return room(story)


def card(story: Story) -> Said:
    """The incident's card in #incidents."""
    return next(said for said in story.sees("bob") if said.first_line.endswith(f"INC-1 P0 {TITLE}"))


def thread(story: Story) -> list[Said]:
    """What stands in the thread under the card."""
    return [said for said in story.sees("bob", "incidents", str(card(story).raw["ts"])) if said.raw.get("bot_id")][1:]


@pytest.mark.parametrize("how", ["archive", "delete_channel"])
async def test_it_is_told_in_the_thread(story: Story, how: str) -> None:
    """The card and the thread say what became of it; what would have been said there stands in the thread, once."""
    channel = await declared(story)
    await getattr(story.sandbox.workspace.people, how)(story.person("bob"), channel.id)
    await until(lambda: "New channel" in card(story).buttons, "the card says nothing of it")
    await story.settled()
    word = "archived" if how == "archive" else "deleted"
    assert f"Its channel  is {word}; the thread here reads it all" in card(story).text
    assert sum(f"The channel of INC-1 is {word}." in said.text for said in thread(story)) == 1
    await story.presses("alice", "Acknowledge")
    await until(lambda: any("acknowledged by alice" in said.text for said in thread(story)), "the thread never heard")
    await story.settled()
    assert sum("acknowledged by alice" in said.text for said in thread(story)) == 1
    await story.asks("alice", "/ilab incident note INC-1 the cache is full")
    await story.settled()
    assert await story.rows("select count(*) from posts where state = 'parked'") == [(0,)]


async def test_it_gets_another(story: Story) -> None:
    """*New channel* makes one, with the card, the people and the pin; from then on it is spoken to."""
    channel = await declared(story)
    before = set(channel.members)
    await story.sandbox.workspace.people.archive(story.person("bob"), channel.id)
    await until(lambda: "New channel" in card(story).buttons, "the card says nothing of it")
    await story.settled()
    assert "is getting another channel" in (await story.presses("alice", "New channel", said=card(story))).text
    await until(lambda: len(rooms(story)) == 2, "no other was made")
    await set_up(story)
    new = next(one for one in rooms(story) if one.id != channel.id)
    assert set(new.members) == before
    assert len(new.pins) == 1
    assert f"<#{new.id}>" in card(story).text
    assert "New channel" not in card(story).buttons
    await story.presses("alice", "Acknowledge")
    await until(lambda: any("acknowledged by alice" in said.text for said in story.sees("alice", new.id)), "not there")
    refused = await story.asks("alice", "/ilab incident room INC-1")
    assert refused.first_line == "The channel of INC-1 takes messages."


async def test_it_is_unarchived(story: Story) -> None:
    """The bot comes back into it, and speaks there again."""
    channel = await declared(story)
    await story.sandbox.workspace.people.archive(story.person("bob"), channel.id)
    await until(lambda: "New channel" in card(story).buttons, "the card says nothing of it")
    await story.sandbox.workspace.people.unarchive(story.person("bob"), channel.id)
    await until(lambda: "New channel" not in card(story).buttons, "the card says that it is gone")
    await until(lambda: story.sandbox.workspace.bot.id in channel.members, "the bot did not come back")
    await story.settled()
    await story.presses("alice", "Acknowledge")
    await story.settled()
    assert any("acknowledged by alice" in said.text for said in story.sees("bob", channel.id))


async def test_nobody_told_the_bot(stage: Story) -> None:
    """It was archived while no bot ran: the first thing that Slack refuses goes into the thread."""
    async with stage.bot():
        channel = await declared(stage)
    await stage.sandbox.workspace.people.archive(stage.person("bob"), channel.id)
    stage.sandbox.world.clock.jump(16 * 60)
    await stage.start()
    await until(
        lambda: any("The channel of INC-1 is archived." in said.text for said in thread(stage)),
        "the thread never heard",
    )
    await stage.settled()
    assert "New channel" in card(stage).buttons
    assert await stage.rows("select count(*) from posts where state = 'parked'") == [(0,)]


async def test_a_private_one_is_told_nowhere_else(story: Story) -> None:
    """Whoever has a part in it is told directly, and can have another private channel; nothing goes into #incidents."""
    channel = await declared(story, f"P0 {TITLE} --private")
    await story.sandbox.workspace.people.archive(story.person("alice"), channel.id)
    await story.news("frank", lambda said: "The channel of INC-1 is archived." in said.text, story.direct("frank"))
    await story.settled()
    assert not any("INC-1" in said.text for said in story.sees("dave"))
    await story.asks("alice", "/ilab incident room INC-1", "support")
    await until(lambda: len(rooms(story)) == 2, "no other was made")
    await set_up(story)
    assert all(one.is_private for one in rooms(story))


async def test_a_p2_needs_none(story: Story) -> None:
    """What is followed in its thread gets no channel by this."""
    await story.asks("frank", "/ilab incident declare P2 a label is wrong")
    assert (await story.asks("alice", "/ilab incident room 1")).first_line == "INC-1 needs no channel."
