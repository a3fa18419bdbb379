"""The timeline of an incident: a 📌 on a message puts it there, at the message's own time; edits are followed."""

from __future__ import annotations

import pytest
from storytelling import Said, Story, ilab, until

TITLE = "checkout answers 500"


@pytest.fixture
async def room(story: Story) -> str:
    """The channel of a P0 that frank declared."""
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")

    async def ready() -> bool:
        rows = await story.rows("select count(*) from steps where state = 'started' or name = 'channel'")
        return rows == [(1,)]

    await until(ready, "it was never set up", 40)
    await story.settled()
    ((channel,),) = await story.rows("select channel_id from incidents")
    return str(channel)


async def says(story: Story, name: str, text: str, channel: str, thread_ts: str | None = None) -> str:
    """Somebody writes; returns the message's ts."""
    outcome = await story.says(name, text, channel, thread_ts)
    assert outcome.ok
    return str(outcome.ts)


async def pins(story: Story, name: str, channel: str, ts: str, *, away: bool = False) -> None:
    """Somebody puts a 📌 on a message, or takes it away."""
    place = story.channel(channel)
    await story.sandbox.workspace.people.react(story.person(name), place, ts, "pushpin", remove=away)
    await story.settled()


async def timeline(story: Story, name: str = "alice", channel: str = "incidents", which: str = " 1") -> Said:
    """What `incident timeline` shows."""
    return await story.asks(name, f"/ilab incident timeline{which}", channel)


async def test_a_pin_adds_the_message(story: Story, room: str) -> None:
    """Under the message's own time, with its author and a link; the bot shows by a reaction that it has it."""
    ts = await says(story, "alice", "The webhook of ann.lee@example.com fails since 14:02", room)
    story.sandbox.world.clock.jump(60)
    await pins(story, "bob", room, ts)
    ((said, actor, at, link),) = await story.rows("select said, actor, at, link from timeline where kind = 'marked'")
    assert said == "The webhook of a•••@example.com fails since 14:02"
    assert actor == story.person("alice")
    assert at.timestamp() == pytest.approx(float(ts), abs=0.01)
    assert ts.replace(".", "") in link
    message = story.sandbox.workspace.channel(room).message(ts)
    assert {reaction["name"] for reaction in message["reactions"]} == {"pushpin", "memo"}
    shown = await timeline(story, channel=room, which="")
    assert "The webhook of a•••@example.com fails since 14:02 (alice)" in shown.text
    file = next(iter(story.sandbox.workspace.state.files.values()))
    assert file["name"] == "INC-1-timeline.md"
    assert f"[message]({link})" in file["content"]


async def test_pinned_twice_it_stands_once(story: Story, room: str) -> None:
    """Two people pin it: one entry; one takes theirs away: it stays; both do: it is gone; pinned again it is back."""
    ts = await says(story, "alice", "Rolled back to dpl_A", room)
    for name in ("bob", "alice"):
        await pins(story, name, room, ts)
    assert await story.rows("select count(*) from timeline where kind = 'marked'") == [(1,)]
    await pins(story, "bob", room, ts, away=True)
    assert "Rolled back" in (await timeline(story)).text
    await pins(story, "alice", room, ts, away=True)
    assert "Rolled back" not in (await timeline(story)).text
    assert await story.rows("select count(*) from timeline where kind in ('marked', 'unmarked')") == [(2,)]
    await pins(story, "bob", room, ts)
    assert "Rolled back" in (await timeline(story)).text


async def test_in_a_thread_under_the_card(story: Story, room: str) -> None:
    """In #incidents only what stands under the incident's card belongs to it, and a reply is a message like any other."""
    del room
    card = next(said for said in story.sees("bob") if TITLE in said.first_line)
    reply = await says(story, "erin", "Support has 40 tickets", "incidents", str(card.raw["ts"]))
    beside = await says(story, "erin", "Who has the coffee?", "incidents")
    await pins(story, "bob", "incidents", reply)
    await pins(story, "bob", "incidents", beside)
    assert await story.rows("select said from timeline where kind = 'marked'") == [("Support has 40 tickets",)]


async def test_an_edit_is_followed(story: Story, room: str) -> None:
    """What was marked and is edited reads anew, deleted or not; the first words stay underneath; others are not followed."""
    ts = await says(story, "alice", "It began at 14:02", room)
    other = await says(story, "alice", "nobody marked this", room)
    await pins(story, "bob", room, ts)
    await story.sandbox.workspace.people.edit(story.person("alice"), room, ts, "It began at 13:58")
    await story.sandbox.workspace.people.edit(story.person("alice"), room, other, "nor that")
    await story.settled()
    shown = (await timeline(story)).text
    assert "It began at 13:58" in shown
    assert "began at 14:02" not in shown
    await story.sandbox.workspace.people.delete(story.person("alice"), room, ts)
    await story.settled()
    assert "(deleted in Slack) It began at 13:58" in (await timeline(story)).text
    kinds = await story.rows("select kind, said from timeline where kind in ('marked', 'edited') order by id")
    assert [kind for kind, _ in kinds] == ["marked", "edited", "edited"]
    assert kinds[0][1] == "It began at 14:02"


async def test_other_reactions_and_other_places(story: Story, room: str) -> None:
    """Only 📌 marks; a message outside any incident is nobody's; delivered three times it is once."""
    ts = await says(story, "alice", "fine", room)
    await story.sandbox.workspace.people.react(story.person("bob"), room, ts, "tada")
    elsewhere = await says(story, "alice", "lunch?", "ops-approvals")
    await pins(story, "bob", "ops-approvals", elsewhere)
    assert await story.rows("select count(*) from timeline where kind = 'marked'") == [(0,)]
    await pins(story, "bob", room, ts)
    await story.sandbox.workspace.redeliver(times=3)
    await story.settled()
    assert await story.rows("select count(*) from timeline where kind = 'marked'") == [(1,)]


async def test_from_a_terminal(story: Story, room: str) -> None:
    """`ilab run incident timeline 1 > file.md` writes the whole as Markdown, and nothing else."""
    ts = await says(story, "alice", "a | b", room)
    await pins(story, "bob", room, ts)
    shown = await story.asks("alice", "/ilab token issue")
    token = shown.text.split("ILAB_TOKEN=")[1].split()[0].strip("`")
    status, out, err = await ilab(story, "run", "incident", "timeline", "1", token=token)
    assert status == 0
    assert out.startswith("# Timeline of INC-1 ")
    assert "| alice | a \\| b | [message](" in out
    assert "entries, in UTC." in err
    unknown = await story.asks("alice", "/ilab incident timeline 9")
    assert unknown.first_line == "There is no INC-9."
