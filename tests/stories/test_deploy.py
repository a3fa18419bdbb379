"""`deploy`: what serves production, what came before it, and what the server wrote."""

from __future__ import annotations

import re

from storytelling import Story

from bot.deploys import logs
from sandbox.product import company_of
from sandbox.vendors.vercel_deployments import Deployments


def deployments(story: Story) -> Deployments:
    """Vercel's deployments."""
    return story.sandbox.vendors["vercel"].deployments


async def test_what_serves_comes_first(story: Story) -> None:
    """A viewer reads what serves production, by whom and since when, then the last ten, and pages on to the end."""
    said = await story.asks("frank", "/ilab deploy list")
    serving = deployments(story).current
    named = f"{serving.commit.sha[:7]} “{serving.commit.message}” by {serving.commit.author.login}"
    assert said.first_line == f":white_check_mark: Production serves {named}, built 4 h ago."
    assert f"{serving.commit.author.login} · serving" in said.text
    assert said.text.count("served before") == 9
    assert said.buttons == ["Older", "Previews, too"]
    seen = said.text
    for _ in range(5):
        if "Older" not in said.buttons:
            break
        said = await story.presses("frank", "Older", said=said)
        seen += said.text
    assert all(one.commit.sha[:7] in seen for one in deployments(story).all if one.production)
    assert "build failed" in seen
    assert "cancelled" in seen
    assert "· preview" not in seen
    with_previews = await story.asks("frank", "/ilab deploy list --previews")
    assert "· preview" in with_previews.text


async def test_one_is_found_by_what_people_have_at_hand(story: Story) -> None:
    """By id, by host, by the dashboard's address, by its commit in short or whole: the same deployment."""
    one = deployments(story).candidates(story.sandbox.world.clock.timestamp())[1]
    for key in (
        one.id,
        one.url,
        f"https://{one.url}/",
        f"https://vercel.com/interviewlab/interviewlab/{one.id[4:]}",
        one.commit.sha[:7],
        one.commit.sha.upper(),
    ):
        said = await story.asks("frank", f"/ilab deploy show {key}")
        assert (
            said.first_line
            == f"{one.commit.sha[:7]} “{one.commit.message}” by {one.commit.author.login}: served before"
        )
    assert one.id in said.text
    assert "main" in said.text
    assert said.buttons == ["All deployments"]


async def test_buttons_lead_on(story: Story) -> None:
    """Who may ask for a move gets it as a button, in the list and beside one deployment; others do not."""
    before = deployments(story).candidates(story.sandbox.world.clock.timestamp())[0]
    said = await story.asks("alice", "/ilab deploy list")
    assert said.buttons == [f"Roll back to {before.commit.sha[:7]}…", "Older", "Previews, too", "Logs"]
    assert "waits for approval: roll production back" in (await story.presses("alice", said.buttons[0])).first_line
    one = await story.asks("alice", f"/ilab deploy show {before.id}")
    assert one.buttons == ["Roll back to it…", "Logs", "All deployments"]
    assert "line" in (await story.presses("alice", "Logs", said=one)).first_line
    serving = await story.asks("alice", f"/ilab deploy show {deployments(story).current.id}")
    assert serving.buttons == ["Logs", "All deployments"]


async def test_a_failed_build_shows_what_it_wrote(story: Story) -> None:
    """The error and the last lines of the build stand in the answer."""
    failed = next(one for one in deployments(story).all if one.outcome == "ERROR")
    said = await story.asks("alice", f"/ilab deploy show {failed.commit.sha[:8]}")
    assert "build failed" in said.first_line
    assert "The build failed: Command" in said.text
    assert "Type error: Property" in said.text


async def test_what_is_not_there_is_said(story: Story) -> None:
    """Unknown ids and commits get a sentence; Vercel's own failures are told as such."""
    assert (
        await story.asks("frank", "/ilab deploy show dpl_none")
    ).first_line == "Vercel knows no deployment “dpl_none”."
    said = await story.asks("frank", "/ilab deploy show 0000000")
    assert said.first_line == "No deployment of commit 0000000 is among the last 100."
    assert "deploy list" in said.text
    for fault, says in (
        ({"kind": "status", "status": 429, "seconds": 7}, "Vercel had too many requests from us (429)."),
        ({"kind": "status", "status": 500}, "Vercel fails (500)."),
        ({"kind": "html"}, "Vercel gave an answer that cannot be used (200)."),
    ):
        story.sandbox.faults.add("vercel", "list deployments", times=1, **fault)
        assert says in (await story.asks("frank", "/ilab deploy list")).first_line


async def test_what_the_server_wrote(story: Story) -> None:
    """By time, level and text; the same words count once, addresses are masked, and only a responder may read."""
    company = company_of(story.sandbox.world)
    for _ in range(3):
        company.write_log("error", "Failed for ann@example.com", method="POST", path="/api/review", status=500)
    company.write_log("warning", "slow query of a review", method="GET", path="/api/user/entitlements", status=200)
    said = await story.asks("alice", "/ilab deploy logs --since 10m --level warning --grep review")
    assert said.ephemeral
    assert said.first_line == (
        ":warning: 3 errors, 1 warning in the last 10 min, with “review”, warning or graver: mostly "
        "“Failed for a•••@example.com”."
    )
    assert "error ×3  POST /api/review 500: Failed for a•••@example.com" in said.text
    assert "slow query" in said.text
    assert "ann@" not in said.text
    assert "Reach  all of that time; Vercel keeps 24 h" in said.text
    only = await story.asks("alice", "/ilab deploy logs --grep SLOW query")
    assert only.first_line == "No error, 1 warning in the last 60 min, with “SLOW query”."
    assert "/api/review" not in only.text
    none = await story.asks("alice", "/ilab deploy logs --since 2h --until 1h --grep no such thing")
    assert none.first_line == "No line from 2 h to 60 min ago, with “no such thing”."
    assert "You may not do this." in (await story.asks("frank", "/ilab deploy logs")).text
    wrong = await story.asks("alice", "/ilab deploy logs --since 1h --until 2h")
    assert wrong.first_line == "There is no time between those."


async def test_an_excerpt_for_an_incident(story: Story) -> None:
    """What went wrong in the last half hour, the same words once, as a shared channel may keep it."""
    company = company_of(story.sandbox.world)
    for _ in range(40):
        company.write_log("error", "Failed for ann@example.com", method="POST", path="/api/review", status=500)
    company.write_log("info", "all is well", method="GET", path="/", status=200)
    story.sandbox.world.clock.jump(1)
    found = await logs.excerpt(story.bots[0].core.services)
    assert re.match(r"The server's log: 4\d errors in the last 30 min, warning or graver: mostly", found.verdict)
    told = [line.text for group in found.evidence for line in group.lines]
    assert told[0] == "POST /api/review 500: Failed for a•••@example.com"
    assert not any("all is well" in text or "ann@" in text for text in told)


async def test_what_a_bad_deployment_wrote(story: Story) -> None:
    """The site fails since a deployment: the first line of the log says at what."""
    story.sandbox.vendors["vercel"].set_switch("production", "broken")
    said = await story.asks("alice", "/ilab deploy logs --since 5m")
    assert "errors" in said.first_line
    assert "mostly “" in said.first_line
    assert "Cannot read properties of undefined (reading 'session')" in said.first_line


async def test_how_far_back_they_reach(story: Story) -> None:
    """More than is kept is said; more than is shown is said; where the history is gone, the stream is heard instead."""
    long = await story.asks("alice", "/ilab deploy logs --since 7d --grep no such thing")
    assert "24 h at most: Vercel keeps no more on our plan" in long.text
    many = await story.asks("alice", "/ilab deploy logs --since 20h --level info")
    assert re.search(r"\d+\+ errors, \d+\+ other lines in the last 20 h|No error, \d+\+ other lines", many.first_line)
    assert "the newest only, back to" in many.text
    apart = await story.asks("alice", "/ilab deploy logs --since 20h")
    assert "warnings and errors: all of that time; others: the newest, back to" in apart.text
    assert re.search(r"\d+\+ other lines in the last 20 h: mostly “Error: /api/", apart.first_line)
    story.sandbox.world.clock.set_speed(60)
    story.sandbox.faults.add("vercel", "search request logs", kind="html")
    live = await story.asks("alice", "/ilab deploy logs")
    assert "What was written before cannot be read;" in live.first_line
    assert ":grey_question:" in live.first_line
    assert "Vercel's log history gave an answer that cannot be used" in live.text
    assert "/api/" in live.text
    story.sandbox.faults.add("vercel", "search request logs", kind="status", status=429, times=1)
    assert "too many requests" in (await story.asks("alice", "/ilab deploy logs")).first_line


async def test_without_vercel(stage: Story) -> None:
    """Where the settings hold no Vercel, each says which to set."""
    await stage.start(**dict.fromkeys((name for name in stage.sandbox.bot_environment() if "_VERCEL__" in name), ""))
    for words in ("deploy list", "deploy show x", "deploy logs"):
        said = await stage.asks("alice", f"/ilab {words}")
        assert said.first_line == "Vercel is not configured."
        assert "ILAB_VERCEL__TOKEN" in said.text
