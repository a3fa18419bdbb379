"""A private incident: nobody hears of it but those in its channel, and whoever administers the bot."""

from __future__ import annotations

import json

from incidents import in_room, room, rooms, set_up
from storytelling import Story, ilab, until

from sandbox.product.books import CASES

CANARY = "kanarienvogel"
TITLE = f"a key of {CANARY} was leaked"
NEUTRAL = "Request 1 needs approval: Private incident INC-1"
OUTSIDERS = ("dave", "erin", "gus")


def heard_by(story: Story, name: str) -> str:
    """Everything that a person could read in Slack: channels, what they alone see, views, and what Slack itself said."""
    workspace, person = story.sandbox.workspace, story.person(name)
    account = workspace.account(person)
    parts: list[object] = [text for who, text in workspace.toasts if who == person]
    for channel in workspace.state.channels.values():
        if person in channel.members or (account.is_full and not channel.is_private and not channel.is_im):
            parts += [channel.name, channel.topic, channel.purpose, channel.bookmarks, channel.messages, channel.pins]
        parts += [held for held in channel.ephemerals if held["to"] == person]
    home = workspace.state.homes.get(person)
    parts += [view.json for view in (*workspace.views.stack(person), *([home] if home else []))]
    return json.dumps(parts)


def heard_by_vendors(story: Story) -> str:
    """Every byte that the bot ever sent to a vendor."""
    return "".join(
        f"{call.path}{call.query}{call.headers}{call.body.decode(errors='replace')}"
        for vendor in story.sandbox.vendors.values()
        for call in vendor.log
    )


async def declared(story: Story, severity: str = "P0", name: str = "frank") -> None:
    """Somebody declares it, in a channel where everybody is."""
    await story.asks(name, f"/ilab incident declare {severity} {TITLE} --private")
    await set_up(story)


async def test_nobody_else_hears_a_word(story: Story) -> None:
    """From declaring to the last clock the canary reaches nobody outside: no person, no vendor, no audit."""
    await declared(story)
    assert room(story).is_private
    for name in ("frank", "alice", "bob"):
        assert story.person(name) in room(story).members
        assert CANARY in heard_by(story, name)
    assert any("INC-1 P0" in said.text for said in in_room(story))
    assert "Private" in "".join(said.text for said in in_room(story))
    for minutes in (3.1, 2, 10, 30):
        story.sandbox.world.clock.jump(minutes * 60)
        before = len(in_room(story))
        await until(lambda before=before: len(in_room(story)) > before, "a clock is silent")
        await story.settled()
    await until(
        lambda: sum("is not acknowledged" in said.text for said in in_room(story)) == 4, "its clocks are silent"
    )
    for name in OUTSIDERS:
        for words in ("incident list", "incident ack 1", "incident join 1", "incident retry 1", "status", "approvals"):
            said = await story.asks(name, f"/ilab {words}", "support")
            assert CANARY not in said.text, words
        assert CANARY not in (await story.opens_home(name)).text
    await story.asks("erin", "@ilab incident list", "incidents")
    await story.presses("alice", "Acknowledge", room(story).id)
    await story.settled()
    for name in OUTSIDERS:
        assert CANARY not in heard_by(story, name), name
    assert CANARY not in heard_by_vendors(story)
    assert await story.rows("select count(*) from audit where detail::text like '%%' || %s || '%%'", CANARY) == [(0,)]
    pages = [alert["summary"] for page in story.sandbox.vendors["pagerduty"].account.incidents for alert in page.alerts]
    assert [page.title for page in story.sandbox.vendors["pagerduty"].account.incidents] == ["Private incident INC-1"]
    assert pages == ["Private incident INC-1"]


async def test_for_outsiders_it_does_not_exist(story: Story) -> None:
    """Its number is answered as one that was never given; members and administrators find it everywhere."""
    await declared(story)
    for words in ("incident ack 1", "incident join 1"):
        assert (await story.asks("erin", f"/ilab {words}")).first_line == "There is no INC-1."
    assert (await story.asks("erin", "/ilab incident list")).first_line == "No incident was declared."
    for name in ("frank", "alice", "carol"):
        said = await story.asks(name, "/ilab incident list")
        assert TITLE in said.text
        assert said.ephemeral
    token = (await story.asks("erin", "/ilab token issue")).text.split("ILAB_TOKEN=")[1].split()[0].strip("`")
    status, out, err = await ilab(story, "run", "incident", "list", token=token)
    assert (status, CANARY in out + err) == (0, False)


async def test_in_a_thread_the_list_is_for_the_asker_alone(story: Story) -> None:
    """Asked by a message in a channel, an answer that names it is not said to all who are there."""
    await declared(story)
    await story.says("alice", "@ilab incident list", "incidents")
    await story.settled()
    assert CANARY in heard_by(story, "alice")
    assert CANARY not in heard_by(story, "erin")


async def test_who_comes_in_knows_and_who_leaves_does_not(story: Story) -> None:
    """Membership of its channel is what counts: somebody invites Erin by hand, and she leaves again."""
    await declared(story)
    await story.sandbox.workspace.people.invite(story.person("alice"), room(story).id, story.person("erin"))
    await story.settled()
    assert TITLE in (await story.asks("erin", "/ilab incident list")).text
    await story.sandbox.workspace.leave(story.person("erin"), room(story).id)
    await story.settled()
    assert TITLE not in (await story.asks("erin", "/ilab incident list")).text


async def test_an_administrator_joins(story: Story) -> None:
    """An administrator of the bot may know of it, and is let in; the audit says so."""
    await declared(story)
    await story.asks("carol", "/ilab incident join 1")
    await until(lambda: story.person("carol") in room(story).members, "carol was never let in")
    assert (await story.rows("select actor, subject from audit where kind = 'incident.joined'")) == [
        (story.person("carol"), "incident:1")
    ]


async def test_it_is_not_asked_about(story: Story) -> None:
    """Who declares the same fault openly is not shown it, and so learns nothing."""
    await declared(story)
    await story.asks("erin", "/ilab incident declare P0 a key was leaked")
    assert any("INC-2 is declared" in said.text for said in story.sees("erin") if said.ephemeral)


async def test_it_never_becomes_public(story: Story) -> None:
    """The workspace allows no private channel: no other is made, whoever declared it is told directly, and can retry."""
    story.sandbox.workspace.apps_may_create["private"] = False
    await declared(story)
    assert rooms(story) == []
    await story.news(
        "frank", lambda said: "has no private channel, and I make it no public one" in said.text, story.direct("frank")
    )
    for name in (*OUTSIDERS, "alice", "bob"):
        assert CANARY not in heard_by(story, name), name
    assert "An owner allows it" in story.sees("frank", story.direct("frank"))[-1].text
    story.sandbox.workspace.apps_may_create["private"] = True
    await story.presses("frank", "Retry what failed", story.direct("frank"))
    await until(lambda: bool(rooms(story)), "it was never mended")
    await set_up(story)
    assert room(story).is_private


async def test_a_private_p3_has_a_channel_and_calls_nobody(story: Story) -> None:
    """It can be followed nowhere else; nobody is paged, nobody but its declarer is let in."""
    await declared(story, "P3")
    assert room(story).is_private
    assert set(room(story).members) == {story.person("frank"), story.sandbox.workspace.bot.id}
    assert story.sandbox.vendors["pagerduty"].account.incidents == []
    assert await story.rows("select count(*) from clocks where state = 'running' and subject like 'incident:%%'") == [
        (0,)
    ]


async def test_said_where_others_read(story: Story) -> None:
    """Declared by a message in a channel, the answer is for the declarer alone, and says to delete that message."""
    await story.says("frank", f"@ilab incident declare P2 {TITLE} --private", "incidents")
    await story.settled()
    said = [said for said in story.sees("frank") if said.ephemeral]
    assert "delete that message" in said[-1].text


async def test_a_request_stays_in_its_channel(story: Story) -> None:
    """Asked in the channel, its card stands there alone; for whoever is not in it there is no request of that number."""
    await declared(story)
    place = room(story).id
    await story.asks("alice", f"/ilab grant {CASES['never_bought']} 5 --reason {CANARY}", place)
    await story.settled()
    assert any("Grant · request 1" in said.first_line for said in story.sees("alice", place))
    for words in ("approve 1", "deny 1 no", "approvals delegate 1 @bob", "approvals who 1", "withdraw 1"):
        said = await story.asks("dave", f"/ilab {words}", "support")
        assert said.first_line == "There is no request 1.", words
    assert (await story.asks("dave", "/ilab approvals", "support")).first_line == "Nothing waits for approval."
    assert "grant" not in (await story.asks("dave", "/ilab audit request", "support")).text
    said = await story.asks("bob", f"/ilab approvals delegate 1 <@{story.person('dave')}>", place)
    assert said.text.splitlines() == ["dave may not approve this.", "They are not in the incident's channel."]
    story.sandbox.world.clock.jump(6 * 60)
    await until(lambda: NEUTRAL in page_titles(story), "the approver on duty was never paged")
    assert (await story.asks("bob", "/ilab approvals", "support")).first_line == "1 waits for you."
    assert "asked request 1 (`grant`)" in (await story.asks("bob", "/ilab audit request", "support")).text
    assert (await story.asks("bob", "/ilab approve 1", place)).first_line == "Approved. Request 1 runs now."
    await until(lambda: story.state_of(1, "succeeded"), "it never ran")
    await story.settled()
    for name in OUTSIDERS:
        assert CANARY not in heard_by(story, name), name
        assert "Grant · request 1" not in heard_by(story, name)
    assert CANARY not in heard_by_vendors(story)


def page_titles(story: Story) -> list[str]:
    """What PagerDuty was told."""
    return [page.title for page in story.sandbox.vendors["pagerduty"].account.incidents]


async def test_its_whole_life_is_heard_by_nobody_else(story: Story) -> None:
    """Assessed, told of, noted, given tasks, renamed, mitigated, resolved, reopened: the canary stays among its members."""
    await declared(story)
    here = room(story).id
    for words in (
        "ack",
        f"incident assess other --share 10 {CANARY} was found",
        f"incident update the {CANARY} is revoked",
        f"incident note the {CANARY} was seen at 14:02",
        f'incident task "tell the owner of the {CANARY}" --owner @alice --due 1h',
        f"incident title a {CANARY} got out",
        f"incident severity p1 {CANARY} is old",
        "incident lead @bob",
        f"incident mitigate {CANARY} revoked",
        f"incident resolve --anyway {CANARY} is gone",
        f"incident reopen {CANARY} is back",
    ):
        said = await story.asks("alice", f"/ilab {words}", here)
        assert not said.first_line.startswith(("There is no command", "Usage")), said.text
    happened = {kind for (kind,) in await story.rows("select distinct kind from timeline")}
    assert happened >= {
        "acknowledged",
        "assessed",
        "update",
        "note",
        "task",
        "severity",
        "role",
        "mitigated",
        "reopened",
    }
    for _ in range(6):
        story.sandbox.world.clock.jump(40 * 60)
        await story.settled()
    for name in OUTSIDERS:
        for words in (
            "incident list",
            f"incident list {CANARY}",
            "incident show 1",
            "incident timeline 1",
            "incident tasks 1",
            "incident evidence 1",
            "task list --all",
            "approvals",
            "audit",
            "escalate 1",
            "incident publish 1 --confirm publish x",
            "incident room 1",
            "incident note 1 hello",
            "incident severity 1 p0 x",
            "incident title 1 x",
            "incident lead 1 @dave",
            "incident snooze 1 45m",
            "incident cancel 1 x",
            "task take 1",
            "task done 1",
        ):
            assert CANARY not in (await story.asks(name, f"/ilab {words}", "support")).text, words
        await story.opens_home(name)
        assert CANARY not in heard_by(story, name), name
    assert CANARY not in heard_by_vendors(story)
    assert await story.rows("select count(*) from audit where detail::text like '%%' || %s || '%%'", CANARY) == [(0,)]
    assert await story.rows(
        "select count(*) from timeline where actor = any(%s)", [story.person(n) for n in OUTSIDERS]
    ) == [(0,)]
