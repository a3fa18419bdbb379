"""`status watch`: it speaks only when something changes."""

from __future__ import annotations

from storytelling import Said, Story, until


def spoken(story: Story) -> list[Said]:
    """What stands in #incidents for everybody."""
    return [said for said in story.sees("bob") if not said.ephemeral]


async def later(story: Story, seconds: float = 31) -> None:
    """Let the bot's time pass, and the look that is then due happen."""
    await until(story.looked, "the look before never ended")
    before = len(story.sandbox.vendors["sentry"].log)
    story.sandbox.world.clock.jump(seconds)
    await until(lambda: len(story.sandbox.vendors["sentry"].log) > before, "nobody looked")
    await until(story.looked, "the look never ended")
    await story.settled()


async def test_it_speaks_only_on_change(story: Story) -> None:
    """Nothing is said while nothing changes; a failure is said once, the recovery once."""
    said = await story.asks("alice", "/ilab status watch 10")
    assert said.first_line.startswith("Watching until ")
    assert not said.ephemeral
    for _ in range(3):
        await later(story)
    assert len(spoken(story)) == 1
    story.sandbox.vendors["site"].set_switch("site", "down")
    await later(story)
    await later(story)
    assert len(spoken(story)) == 2
    assert spoken(story)[-1].first_line.startswith(":red_circle: The site is down")
    assert "Site: ok → down" in spoken(story)[-1].text
    story.sandbox.vendors["site"].set_switch("site", "up")
    await later(story)
    await later(story)
    assert len(spoken(story)) == 3
    assert "Site: down → ok" in spoken(story)[-1].text
    assert story.sandbox.workspace.pings == []


async def test_a_flicker_is_not_said(story: Story) -> None:
    """A part that could not be checked once, and is well again, is never mentioned."""
    await story.asks("alice", "/ilab status watch 10")
    story.sandbox.vendors["status_pages"].set_switch("openai", "html")
    await later(story)
    story.sandbox.vendors["status_pages"].set_switch("openai", "operational")
    await later(story)
    assert len(spoken(story)) == 1


async def test_it_ends_by_itself(story: Story) -> None:
    """At its end it says how often it spoke, and how things stand."""
    await story.asks("alice", "/ilab status watch 1")
    story.sandbox.world.clock.jump(61)
    said = await story.news("bob", lambda said: "The watch is over" in said.text)
    assert "nothing changed" in said.first_line
    assert said.buttons == ["Watch again"]


async def test_asked_again_it_moves_its_end(story: Story) -> None:
    """One watch a channel: a second one only moves the end; `unwatch` ends it, and a second `unwatch` says so."""
    await story.asks("alice", "/ilab status watch 5")
    assert (await story.asks("erin", "/ilab status watch 60")).first_line.startswith("Still watching until ")
    assert (await story.presses("bob", "Stop watching")).first_line == "No longer watching: nothing changed."
    assert (await story.asks("bob", "/ilab status unwatch")).first_line == "Nothing is being watched for this channel."


async def test_two_copies_say_it_once(stage: Story) -> None:
    """Two copies of the bot look at the same clocks: one change, one message."""
    await stage.start()
    await stage.start()
    await stage.asks("alice", "/ilab status watch 10")
    stage.sandbox.vendors["site"].set_switch("site", "down")
    await later(stage)
    await later(stage)
    assert sum("Site: ok → down" in said.text for said in spoken(stage)) == 1


async def test_it_goes_on_after_a_restart(stage: Story) -> None:
    """What changed while no bot ran is said when one runs again."""
    async with stage.bot():
        await stage.asks("alice", "/ilab status watch 60")
        await until(stage.looked, "the first look never ended")
    stage.sandbox.vendors["site"].set_switch("site", "down")
    stage.sandbox.world.clock.jump(300)
    await stage.start()
    said = await stage.news("bob", lambda said: "Site: ok → down" in said.text)
    assert said.first_line.startswith(":red_circle: The site is down")


async def test_a_lost_answer_of_slack_is_not_said_twice(story: Story) -> None:
    """Slack took the message and its answer was lost: it is found by our key, and not sent again."""
    await story.asks("alice", "/ilab status watch 10")
    story.sandbox.faults.add("slack", "chat.postMessage", kind="lost", times=1)
    await until(story.looked, "the first look never ended")
    story.sandbox.vendors["site"].set_switch("site", "down")
    story.sandbox.world.clock.jump(31)
    await story.news("bob", lambda said: "Site: ok → down" in said.text)
    await story.make_lost_posts_old()
    await story.settled()
    assert sum("Site: ok → down" in said.text for said in spoken(story)) == 1


async def test_a_viewer_may_not_watch(story: Story) -> None:
    """Watching speaks in a channel, so it takes a responder; the refusal names the role."""
    said = await story.asks("frank", "/ilab status watch")
    assert said.first_line == "You may not do this."
    assert "needs a responder; you are a viewer" in said.text
    assert said.ephemeral
