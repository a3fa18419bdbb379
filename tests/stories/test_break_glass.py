"""Break-glass: in a real, open P0 or P1 the on-call runs a reversible mitigation alone, and everybody knows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from storytelling import Said, Story, ilab, until

from sandbox.product.books import CASES
from sandbox.vendors.vercel_deployments import Deployment

GLASS = "/ilab approvals break-glass"
WHY = "nobody answers and checkout is down"


@pytest.fixture
async def story(stage: Story) -> Story:
    """The bot, which asks Vercel twenty times a second how far a move is."""
    await stage.start(ILAB_DEPLOYS__POLL_SECONDS="0.05")
    return stage


async def told(story: Story, name: str, words: str, place: str = "incidents") -> Said:
    """Somebody types, and reads the answer that only they see."""
    members = story.sandbox.workspace.channel(place).members
    if story.person(name) not in members:
        members.append(story.person(name))
    await story.says(name, words, place)
    await story.settled()
    return [said for said in story.sees(name, place) if said.ephemeral][-1]


def room(story: Story) -> str:
    """The id of the incident's channel."""
    channels = story.sandbox.workspace.state.channels.values()
    return next(channel.id for channel in channels if channel.name.startswith("inc-"))


async def declared(story: Story, severity: str = "P0") -> str:
    """Frank declares an incident; its channel, once alice is in it."""
    await told(story, "frank", f"/ilab incident declare {severity} checkout is down")

    def there() -> bool:
        channels = story.sandbox.workspace.state.channels.values()
        rooms = [channel for channel in channels if channel.name.startswith("inc-")]
        return bool(rooms) and story.person("alice") in rooms[0].members

    await until(there, "it was never set up")
    await story.settled()
    return room(story)


async def rollback(story: Story, name: str = "alice") -> str:
    """A P0, and in its channel somebody asks for a rollback; the channel."""
    place = await declared(story)
    story.sandbox.vendors["vercel"].set_switch("production", "broken")
    said = await told(story, name, "/ilab rollback", place)
    assert "Request 1 waits for approval" in said.first_line
    await story.settled()
    return place


def current(story: Story) -> Deployment:
    """What serves production."""
    deployment: Deployment = story.sandbox.vendors["vercel"].deployments.current
    return deployment


async def on_call_was_kept(story: Story) -> bool:
    """Whether PagerDuty's answer is there for the hour in which it gives none."""
    return bool(await story.rows("select 1 from on_call"))


def card(story: Story, place: str, name: str = "alice") -> Said:
    """The request's card."""
    return [said for said in story.sees(name, place) if "· request" in said.first_line][-1]


def led(story: Story) -> Said:
    """The incident's card in #incidents."""
    return next(said for said in story.sees("frank") if "INC-1 P0" in said.first_line and not said.ephemeral)


async def ended(story: Story, place: str, state: str = "succeeded") -> Said:
    """The card, once it says how it ended."""

    def done() -> bool:
        story.sandbox.world.clock.jump(1)
        return f"State  {state}" in card(story, place).text

    await until(done, f"it never was {state}")
    await story.settled()
    return card(story, place)


async def timeline(story: Story) -> list[Any]:
    """Kinds, actors and texts of what the incident's timeline says of requests."""
    query = "select kind, actor, said from timeline where key like 'request:%%' order by id"
    return await story.rows(query)


async def test_the_on_call_runs_it_alone(story: Story) -> None:
    """Alice asks, presses ⚡, says why in the form: it runs, also though she asked, and everybody reads who and why."""
    place = await rollback(story)
    await told(story, "alice", "/ilab incident assess deployment the release", place)
    assert led(story).buttons[0] == "Roll back"
    before = current(story)
    shown = card(story, place)
    assert shown.buttons == ["Approve", "Deny…", "Hand on…", "⚡ Break glass…"]
    element = shown.button("⚡ Break glass…")
    container = {"type": "message", "channel": place, "ts": shown.raw["ts"]}
    await story.sandbox.workspace.click(story.person("alice"), container, element["action_id"], value=element["value"])
    await story.settled()
    answer = await story.submits("alice", reason=f"{WHY}, says {CASES['never_bought']}")
    assert answer.first_line == "⚡ Request 1 runs now, without a second person."
    assert "It is announced, and will be reviewed in the post-mortem." in answer.text
    done = await ended(story, place)
    assert current(story) is not before
    why = f"{WHY}, says n•••@example.com"
    assert f"⚡ Break-glass  run by alice alone: {why}" in done.text
    assert done.first_line.startswith(":white_check_mark: Rollback · request 1")
    announced = f":warning: ⚡ Break-glass by alice: {answer_effect(done)}"
    await story.news("bob", lambda said: said.first_line == announced, place)
    incident = next(said for said in story.sees("frank") if "INC-1 P0" in said.first_line and not said.ephemeral)
    assert any(said.first_line == announced for said in story.sees("frank", thread_ts=incident.raw["ts"]))
    alice = story.person("alice")
    entries = await timeline(story)
    assert [(kind, actor) for kind, actor, _ in entries] == [
        ("request", alice),
        ("break_glass", alice),
        ("request", "ilab"),
    ]
    assert entries[1][2] == f"Request 1 run by break-glass, without a second person: {why}"
    audit = await story.rows("select actor, subject, detail from audit where kind = 'request.broke_glass'")
    assert audit == [(alice, "request:1", {"as": "on call", "level": 1})]
    kept = await story.rows("select broken_glass_by, broken_glass_why from requests")
    assert kept == [(alice, why)]
    assert await story.rows("select count(*) from approvals") == [(0,)]
    assert done.buttons == ["Mitigated", "Status", "Promote the newest…"]
    await until(lambda: led(story).buttons[0] == "Mitigated…", "its card still asks for what was done")
    assert "Roll back" in led(story).buttons
    await story.presses("alice", "Mitigated", place, said=done)
    assert await story.rows("select state from incidents") == [("mitigated",)]
    (said,) = (
        said for kind, _, said in await story.rows("select kind, actor, said from timeline where kind = 'mitigated'")
    )
    assert said.startswith("Mitigated: rolled back to ")


def answer_effect(shown: Said) -> str:
    """The effect, from the card's first line."""
    return shown.first_line.split(": ", 2)[2]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("erin", "PagerDuty does not have you on call, and nobody else made you the lead of this incident."),
        ("bob", "PagerDuty has you on call at level 2; up to level 1 may break glass."),
        ("frank", "`approvals break-glass` needs a responder; you are a viewer."),
    ],
)
async def test_who_may_not(story: Story, name: str, says: str) -> None:
    """Only who is on call now, and not everybody whom the policy would page in the end."""
    place = await rollback(story)
    before = current(story)
    said = await told(story, name, f"{GLASS} 1 {WHY}", place)
    assert says in said.text
    assert said.ephemeral
    assert await story.state_of(1, "awaiting_approval")
    assert current(story) is before
    denied = await story.rows("select actor, subject from audit where kind = 'denied'")
    assert denied == [(story.person(name), "approvals break-glass")]


async def test_a_lead_whom_another_appointed(story: Story) -> None:
    """Erin leads because bob said so: she may. Where she said so herself, she may not."""
    place = await rollback(story, name="erin")
    await told(story, "erin", "/ilab incident lead", place)
    assert "nobody else made you the lead" in (await told(story, "erin", f"{GLASS} 1 {WHY}", place)).text
    await told(story, "bob", f"/ilab incident lead <@{story.person('erin')}>", place)
    assert (await told(story, "erin", f"{GLASS} 1 {WHY}", place)).first_line.startswith("⚡ Request 1 runs now")
    await ended(story, place)
    (detail,) = (await story.rows("select detail from audit where kind = 'request.broke_glass'"))[0]
    assert detail == {"as": "lead", "appointed_by": story.person("bob")}


async def test_a_drill_unlocks_nothing(story: Story) -> None:
    """The same incident as a drill: in its channel the words are only written down, and elsewhere they are refused."""
    place = await rollback(story)
    await story.rows("update incidents set drill = 'checkout' returning id")
    said = await told(story, "alice", f"{GLASS} 1 {WHY}", place)
    assert "is written down, and nothing was asked for or changed." in said.first_line
    said = await told(story, "alice", f"{GLASS} 1 {WHY}", "incidents")
    assert "INC-1 is a drill, and a drill unlocks nothing." in said.text
    assert await story.state_of(1, "awaiting_approval")


async def test_never_for_what_cannot_be_taken_back(story: Story) -> None:
    """A grant in the same channel has no ⚡, whoever asks."""
    place = await declared(story)
    await told(story, "alice", f"/ilab grant {CASES['never_bought']} 5 --reason lost", place)
    await story.settled()
    assert card(story, place).buttons == ["Approve", "Deny…", "Hand on…", "Show who"]
    said = await told(story, "alice", f"{GLASS} 1 {WHY}", place)
    assert "`grant` cannot be taken back by a press, so it always needs a second person." in said.text


async def test_never_outside_an_open_p0_or_p1(story: Story) -> None:
    """Without an incident, and after it was resolved, two people are needed."""
    story.sandbox.vendors["vercel"].set_switch("production", "broken")
    await told(story, "alice", "/ilab rollback")
    assert "This request belongs to no incident." in (await told(story, "alice", f"{GLASS} 1 {WHY}")).text
    await told(story, "alice", "/ilab withdraw 1")
    place = await declared(story)
    await told(story, "alice", "/ilab rollback", place)
    await story.rows("update incidents set state = 'resolved', ended_at = declared_at returning id")
    assert "INC-1 is no open P0 or P1." in (await told(story, "alice", f"{GLASS} 2 {WHY}", place)).text


async def test_while_pagerduty_is_silent(story: Story) -> None:
    """Who was on call when it last answered counts for a day, and the answer and the audit say how old that is."""
    place = await rollback(story)
    await until(lambda: on_call_was_kept(story), "nobody ever asked")
    story.sandbox.vendors["pagerduty"].set_switch("api", "down")
    story.sandbox.world.clock.jump(20 * 60)
    said = await told(story, "alice", f"{GLASS} 1 {WHY}", place)
    assert said.first_line == "⚡ Request 1 runs now, without a second person."
    assert re.search(r"PagerDuty .+ Who is on call is what it last said  20 min ago", said.text.replace("_", ""))
    (detail,) = (await story.rows("select detail from audit where kind = 'request.broke_glass'"))[0]
    assert detail["level"] == 1
    assert detail["on_call_known_at"]


async def test_pagerduty_has_been_silent_for_too_long(story: Story) -> None:
    """After a day nobody can say who is on call, and the lead is the only way."""
    place = await rollback(story)
    await until(lambda: on_call_was_kept(story), "nobody ever asked")
    await story.rows("update on_call set seen_at = seen_at - interval '25 hours' returning name")
    story.sandbox.vendors["pagerduty"].set_switch("api", "down")
    said = await told(story, "alice", f"{GLASS} 1 {WHY}", place)
    assert "Nobody can say who is on call: PagerDuty does not answer, or is not configured." in said.text


async def test_from_a_terminal(story: Story) -> None:
    """With her token, and with Slack stopped: what Slack last said of her counts, and the answer says how old it is."""
    shown = await told(story, "alice", "/ilab token issue")
    token = re.search(r"ILAB_TOKEN=(ilab_[\w-]+)", shown.text)[1]
    place = await rollback(story)
    story.sandbox.faults.add("slack", "auth.test", kind="refused")
    status, out, err = await ilab(story, "run", "approvals", "break-glass", "1", *WHY.split(), token=token)
    assert (status, out.splitlines()[0]) == (0, "⚡ Request 1 runs now, without a second person."), out + err
    await ended(story, place)
    (detail,) = (await story.rows("select detail from audit where kind = 'request.broke_glass'"))[0]
    assert detail["surface"] == "terminal"


async def test_what_is_no_longer_true_does_not_run_alone_either(story: Story) -> None:
    """Somebody else has rolled back meanwhile: the plan is stale."""
    place = await rollback(story)
    story.sandbox.vendors["vercel"].set_switch("production", "rolled_back")
    said = await told(story, "alice", f"{GLASS} 1 {WHY}", place)
    assert said.first_line == "Request 1 is stale, and was not run."
    assert await story.rows("select broken_glass_by from requests") == [(None,)]


async def test_why_must_be_said(story: Story) -> None:
    """A form asks for it, and spaces are none."""
    place = await rollback(story)
    element = card(story, place).button("⚡ Break glass…")
    container = {"type": "message", "channel": place, "ts": card(story, place).raw["ts"]}
    await story.sandbox.workspace.click(story.person("alice"), container, element["action_id"], value=element["value"])
    await story.settled()
    shown = await story.submits("alice", reason="   ")
    assert shown.errors == {"reason": "Please fill this in."}
    assert await story.state_of(1, "awaiting_approval")
