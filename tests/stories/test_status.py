"""`/ilab status`: is it well, and if not, is it us or them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from storytelling import Story


def calls(story: Story, vendor: str) -> int:
    """How often the bot has asked this vendor."""
    return len(story.sandbox.vendors[vendor].log)


async def test_all_is_well(story: Story) -> None:
    """Everything answers: one green line, every check named, and nobody is pinged."""
    said = await story.asks("alice", "/ilab status")
    assert said.first_line == ":white_check_mark: All well: 17 of 17 checks ok"
    assert said.ephemeral
    assert said.buttons == ["Recheck", "Every check", "Share here"]
    assert "Stripe events" in said.text
    assert "Runbook: Health Checks" in said.text
    assert story.sandbox.workspace.pings == []


@pytest.mark.parametrize(
    "broken",
    [{"kind": "status", "status": 503}, {"kind": "refused"}, {"kind": "garbled"}, {"kind": "html"}],
    ids=["503", "refused", "garbled", "html"],
)
async def test_stripe_is_broken(story: Story, broken: dict[str, Any]) -> None:
    """Stripe's line is red with the reason and the verdict is them, but a garbled answer is only "could not check"."""
    story.sandbox.faults.add("stripe", **broken)
    said = await story.asks("alice", "/ilab status")
    if broken["kind"] in ("garbled", "html"):
        assert said.first_line.startswith(":grey_question:")
        assert "could not check: " in said.text
        return
    assert said.first_line.startswith(":red_circle: Stripe is down")
    assert "them" in said.first_line
    assert ":red_circle: Stripe events" in said.text


async def test_stripe_says_so_itself(story: Story) -> None:
    """With an incident on Stripe's page and failing calls, the verdict is them, and the page's words are quoted."""
    story.sandbox.vendors["stripe"].set_switch("api", "down")
    story.sandbox.vendors["status_pages"].set_switch("stripe", "major_outage")
    said = await story.asks("alice", "/ilab status")
    assert said.first_line.startswith(":red_circle: Stripe is down")
    assert "them" in said.first_line
    assert "Stripe's status page" in said.text


async def test_the_site_is_broken(story: Story) -> None:
    """The site answers 500 and every vendor's page is clean: us."""
    story.sandbox.vendors["site"].set_switch("site", "down")
    said = await story.asks("alice", "/ilab status")
    assert said.first_line.startswith(":red_circle: The site is down")
    assert "us" in said.first_line.split()


async def test_a_page_answers_html(story: Story) -> None:
    """A status page that answers 200 with a web page says nothing: could not check, and never ok."""
    story.sandbox.vendors["status_pages"].set_switch("openai", "html")
    said = await story.asks("alice", "/ilab status")
    assert ":grey_question: OpenAI's status page" in said.text
    assert "could not check" in said.text
    assert "16 of 17" in said.first_line
    assert "OpenAI's status page" not in [part for part in said.text.splitlines() if "white_check_mark" in part][-1]


@pytest.mark.parametrize("state", ["down", "hang"])
async def test_the_product_database_is_silent(story: Story, state: str) -> None:
    """Status answers all the same, and names the database."""
    story.sandbox.databases["product"].set(state)
    said = await story.asks("alice", "/ilab status")
    assert ":red_circle: Product database" in said.text
    assert said.first_line.startswith(":red_circle:")


@pytest.mark.parametrize("state", ["down", "hang", "slow"])
async def test_our_own_database_is_silent(story: Story, state: str) -> None:
    """Status answers all the same, acked in time; what was asked is journaled, and imported when it is back."""
    await story.asks("alice", "/ilab whoami")
    story.sandbox.databases["own"].set(state)
    outcome = await story.says("alice", "/ilab status")
    assert outcome.ok
    assert outcome.took < 2.5
    said = await story.news("alice", lambda said: "checks ok" in said.text)
    assert said.first_line == ":white_check_mark: All well: 17 of 17 checks ok"
    story.sandbox.databases["own"].set("up")
    assert (await story.asks("alice", "/ilab status")).first_line.endswith("17 of 17 checks ok")
    await story.imported(expected=2)


async def test_recheck_asks_again_and_edits_the_message(story: Story) -> None:
    """Recheck takes the place of the old answer, and sees what has changed since."""
    await story.asks("alice", "/ilab status")
    story.sandbox.vendors["site"].set_switch("site", "down")
    said = await story.presses("alice", "Recheck")
    assert said.first_line.startswith(":red_circle: The site is down")
    assert len(story.sees("alice")) == 1


async def test_every_check_shows_how_long_each_took(story: Story) -> None:
    """The button shows every check with its finding and its seconds."""
    await story.asks("alice", "/ilab status")
    said = await story.presses("alice", "Every check")
    assert said.text.count(":white_check_mark:") == 18
    assert " s)" in said.text
    assert said.buttons == ["Recheck", "Share here"]


async def test_share_speaks_to_the_channel(story: Story) -> None:
    """What alice shares, bob sees; her own answer stays as it is."""
    await story.asks("alice", "/ilab status")
    said = await story.presses("alice", "Share here")
    assert not said.ephemeral
    assert story.sees("bob")[-1].first_line == said.first_line


async def test_ten_people_cause_one_set_of_calls(story: Story) -> None:
    """Ten at once ask each vendor once, and all get the answer."""
    story.sandbox.faults.add("openai", kind="slow", seconds=0.5)
    before = calls(story, "uptimerobot")  # which nothing else asks
    people = ("alice", "bob", "carol", "dave", "erin")
    outcomes = await asyncio.gather(*(story.says(name, "/ilab status") for name in people for _ in range(2)))
    assert all(outcome.ok for outcome in outcomes)
    await story.settled()
    assert calls(story, "uptimerobot") - before == 1
    for name in people:
        assert sum("17 of 17" in said.first_line for said in story.sees(name)) == 2


async def test_slow_checks_say_how_far_they_are(story: Story) -> None:
    """While a vendor takes its time one line says how far it is: once for a command, edited in place for a button."""
    story.sandbox.faults.add("openai", kind="slow", seconds=2.2)
    await story.says("alice", "/ilab status")
    await story.news("alice", lambda said: "Checking… 16/17" in said.text)
    await story.settled()
    assert len(story.sees("alice")) == 2
    assert story.sees("alice")[-1].first_line == ":white_check_mark: All well: 17 of 17 checks ok"
    seen: list[str] = []
    watching = story.sandbox.workspace.watch(story.person("alice"))
    await story.presses("alice", "Recheck")
    while not watching.empty():
        seen.append(watching.get_nowait()["type"])
    assert seen.count("message") == 2
    assert len(story.sees("alice")) == 2
    assert story.sees("alice")[-1].first_line == ":white_check_mark: All well: 17 of 17 checks ok"


async def test_what_is_not_configured_is_no_error(stage: Story) -> None:
    """Without Stripe's and OpenAI's keys their lines say "not configured", and all is well."""
    names = stage.sandbox.bot_environment()
    await stage.start(**{name: "" for name in names if name.startswith(("ILAB_STRIPE__", "ILAB_OPENAI__"))})
    said = await stage.asks("alice", "/ilab status")
    assert said.first_line == ":white_check_mark: All well: 14 of 14 checks ok"
    assert "Not configured: Stripe events, Stripe webhook, OpenAI" in said.text


async def test_a_rollback_stays_in_sight(story: Story) -> None:
    """After a rollback, status says that later pushes stay staged until one is promoted."""
    story.sandbox.vendors["vercel"].set_switch("production", "rolled_back")
    said = await story.asks("alice", "/ilab status")
    assert "staged" in said.text
    assert "promote" in said.text
