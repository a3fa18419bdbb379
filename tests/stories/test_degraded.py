"""Something is silent: PagerDuty, Slack, or the bot's own database. A P0 is declared, paged and acknowledged all the same."""

from __future__ import annotations

from typing import Any

import pytest
from storytelling import Said, Story, until

TITLE = "checkout answers 500"


def rooms(story: Story) -> list[Any]:
    """The incidents' channels in the workspace."""
    return [channel for channel in story.sandbox.workspace.state.channels.values() if channel.name.startswith("inc-")]


def cards(story: Story) -> list[Said]:
    """The incidents' cards in #incidents."""
    return [said for said in story.sees("bob") if said.text.splitlines()[0].endswith(f"P0 {TITLE}")]


def pages(story: Story) -> list[Any]:
    """PagerDuty's incidents."""
    return list(story.sandbox.vendors["pagerduty"].account.incidents)


async def steps_are(story: Story, **states: str) -> bool:
    """Whether these steps, of the only incident, are in these states."""
    found = dict(await story.rows("select name, state from steps"))
    return all(found.get(name) == state for name, state in states.items())


async def all_done(story: Story) -> bool:
    """Whether every step is done."""
    ((count, done),) = await story.rows("select count(*), count(*) filter (where state = 'done') from steps")
    return bool(count >= 9 and count == done)


# Slack or PagerDuty fails for a while


@pytest.mark.parametrize(
    "fault", [{"kind": "refused"}, {"kind": "status", "status": 503}, {"kind": "html"}], ids=["refused", "503", "html"]
)
async def test_a_channel_that_could_not_be_made_is_made_later(story: Story, fault: dict[str, Any]) -> None:
    """Slack makes no channel: the page is out at once; when Slack does again, everything is there, unasked."""
    for call in ("conversations.create", "conversations.list"):
        story.sandbox.faults.add("slack", call, **fault)
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: len(pages(story)) == 1, "nobody was paged")
    await until(lambda: steps_are(story, page="done", channel="failed", pin="failed"), "it was never given up")
    await story.settled()
    assert "It is tried again by itself." in cards(story)[0].text
    story.sandbox.faults.clear()
    story.sandbox.world.clock.jump(31)
    await until(lambda: all_done(story), "it was never made")
    await story.settled()
    assert len(rooms(story)) == len(cards(story)) == len(pages(story)) == 1
    assert "Retry what failed" not in cards(story)[0].buttons


@pytest.mark.parametrize(
    "fault", [{"kind": "refused"}, {"kind": "status", "status": 500}, {"kind": "status", "status": 403}]
)
async def test_a_page_that_could_not_be_sent_is_sent_later(story: Story, fault: dict[str, Any]) -> None:
    """PagerDuty takes no page, for whatever reason: said on the card, and tried again until it does."""
    story.sandbox.faults.add("pagerduty_events", **fault)
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: steps_are(story, page="failed", pin="done"), "it was never given up")
    for _ in range(2):
        story.sandbox.world.clock.jump(31)
        await until(lambda: steps_are(story, page="failed"), "it was never tried again")
    assert pages(story) == []
    story.sandbox.faults.clear()
    story.sandbox.world.clock.jump(31)
    await until(lambda: all_done(story), "nobody was paged")
    assert len(pages(story)) == 1


async def test_who_has_it_is_not_paged(story: Story) -> None:
    """The page could not be sent, then somebody acknowledged: nobody is woken any more."""
    story.sandbox.faults.add("pagerduty_events", kind="status", status=500)
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: steps_are(story, page="failed"), "it was never given up")
    await story.presses("alice", "Acknowledge")
    story.sandbox.faults.clear()
    story.sandbox.world.clock.jump(31)
    await until(lambda: all_done(story), "it never ended")
    assert pages(story) == []
