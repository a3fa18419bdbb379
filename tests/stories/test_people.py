"""Who may what: the cast, those without rights, and what happens when Slack changes its mind or falls silent."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from storytelling import Story, until

from bot.app import registry
from bot.people import Role
from sandbox.slack.delivery import Delivered

FULL = ("alice", "bob", "carol", "dave", "erin", "frank")
FOR_RESPONDERS = ("status watch", "status unwatch", "token", "token issue", "token revoke")


@pytest.fixture(autouse=True)
async def nobody_is_pinged(stage: Story) -> AsyncIterator[None]:
    """Nobody is pinged, nothing unknown is called, and everything is finished."""
    yield
    workspace = stage.sandbox.workspace
    assert workspace.pings == []
    assert workspace.unknown_calls == []
    assert await stage.rows("select key, outcome from inbox where done_at is null or outcome = 'fault'") == []


async def denials(story: Story) -> list[Any]:
    """The refusals in the audit: who, and what they asked for."""
    return await story.rows("select actor, subject from audit where kind = 'denied' order by seq")


async def kept(story: Story, name: str) -> None:
    """Wait until what Slack said of a person is in the database."""

    async def there() -> bool:
        return bool(await story.rows("select 1 from people where id = %s", story.person(name)))

    await until(there, "the person was never kept")


async def delivered(story: Story, kind: str, **changed: Any) -> Delivered:
    """Deliver the newest payload of a kind again, as another press: changed, and under a trigger of its own."""
    workspace = story.sandbox.workspace
    payload = copy.deepcopy(next(one.payload for one in reversed(workspace.delivery.log) if one.kind == kind))
    payload |= changed | {"trigger_id": workspace.triggers.issue(payload["user"]["id"])}
    await workspace.deliver_raw(payload, times=1)
    await story.settled()
    return workspace.delivery.log[-1]


@pytest.mark.parametrize(
    ("name", "role", "group"),
    [
        ("alice", "a responder", "S0RESPOND"),
        ("bob", "an approver", "S0APPROVE"),
        ("carol", "an admin", "S0ADMINS1"),
        ("dave", "an approver", "S0APPROVE"),
        ("erin", "a responder", "S0RESPOND"),
        ("frank", "a viewer", "being a full member of the workspace"),
    ],
)
async def test_who_am_i(story: Story, name: str, role: str, group: str) -> None:
    """Everybody learns their role, where it comes from and how old that is; nobody else sees it."""
    said = await story.asks(name, "/ilab whoami")
    assert said.first_line == f"You are {name}, {role}."
    assert said.ephemeral
    assert story.person(name) in said.text
    assert group in said.text
    assert re.search(r"Known  from Slack, \d s ago", said.text)
    await kept(story, name)
    row = await story.rows("select id, standing, member_of from people")
    assert row == [(story.person(name), "member", [group] if group.startswith("S") else [])]


@pytest.mark.parametrize("name", FULL)
async def test_help_shows_what_one_may(story: Story, name: str) -> None:
    """Help names what begins the commands that this person may use; all of them, and no other, are one press away."""
    short = await story.asks(name, "/ilab help")
    assert short.buttons == ["Status", "Whoami", "All commands"]
    assert len(short.text.splitlines()) < 30
    said = await story.asks(name, "/ilab help all")
    assert said.buttons == ["Status", "Whoami"]
    role = Role[story.sandbox.world.person(name).role.upper()]
    for operation in registry():
        assert (f"`{operation.words}`" in said.text) is (role >= operation.who), operation.words
        assert f"`{operation.words.split()[0]}`" in short.text or role < operation.who
    assert "… and" not in said.text
    for words in FOR_RESPONDERS:
        assert (f"`{words}`" in said.text) is (name != "frank")


async def test_a_viewer_has_no_token(story: Story) -> None:
    """A viewer is told which role it takes and how to get it; the refusal stands in the audit."""
    for words in ("token", "token issue laptop", "token revoke"):
        said = await story.asks("frank", f"/ilab {words}")
        assert said.first_line == "You may not do this."
        assert "needs a responder; you are a viewer." in said.text
        assert "ask an admin to add you" in said.text
        assert said.ephemeral
    frank = story.person("frank")
    assert await denials(story) == [(frank, "token"), (frank, "token issue"), (frank, "token revoke")]
    assert await story.rows("select * from tokens") == []
    assert story.modal("frank") is None


async def test_a_viewer_is_not_told_of_what_they_may_not(story: Story) -> None:
    """Help for a command that is not theirs says so, in the same words as for one that does not exist."""
    said = await story.asks("frank", "/ilab help token")
    assert said.first_line == "There is no command “token” that you may use."


@pytest.mark.parametrize("words", ["whoami", "help", "status", "token"])
async def test_a_guest(story: Story, words: str) -> None:
    """A guest has no rights, not even to ask who they are, and is told so."""
    said = await story.asks("gus", f"/ilab {words}", "support")
    assert said.text.splitlines() == [
        "You may not do this.",
        "Guests of the workspace have no rights here.",
        "Ask a member of the team.",
    ]
    assert said.ephemeral
    assert await denials(story) == [(story.person("gus"), words)]


async def test_a_guest_in_a_group_of_the_settings(story: Story) -> None:
    """What Slack says somebody is counts for more than any group they were put into."""
    story.sandbox.workspace.state.groups["S0ADMINS1"]["users"].append(story.person("gus"))
    said = await story.asks("gus", "/ilab token", "support")
    assert "Guests of the workspace have no rights here." in said.text


async def test_a_stranger(story: Story) -> None:
    """Somebody of another company, in a shared channel, mentions the bot: no rights, said to them alone."""
    story.sandbox.workspace.channel("incidents").members.append(story.person("stan"))
    said = await story.asks("stan", "@ilab status")
    assert "People of other workspaces have no rights here." in said.text
    assert said.ephemeral
    assert await denials(story) == [(story.person("stan"), "status")]


async def test_a_stranger_presses_what_all_can_see(story: Story) -> None:
    """Pressing the button of a shared answer gives no rights, and the answer stays for the others."""
    story.sandbox.workspace.channel("incidents").members.append(story.person("stan"))
    shared = await story.asks("alice", "/ilab status --share")
    said = await story.presses("stan", "Recheck")
    assert "People of other workspaces have no rights here." in said.text
    assert said.ephemeral
    assert [one.text for one in story.sees("bob")] == [shared.text]


async def test_a_deactivated_person_presses_an_old_button(story: Story) -> None:
    """A press that was under way when the account was closed does nothing."""
    await story.asks("alice", "/ilab token issue laptop")
    await story.presses("alice", "Revoke 1")
    await story.asks("alice", "/ilab token issue phone")
    story.sandbox.workspace.account(story.person("alice")).kind = "deactivated"
    sent = await delivered(story, "interactive", actions=[{"action_id": "offer:0", "value": "w:token revoke 2"}])
    assert sent.answer.ok
    assert story.sees("alice")[-1].text.splitlines()[1] == "This account is deactivated."
    assert await denials(story) == [(story.person("alice"), "token revoke")]
    assert await story.rows("select id from tokens where revoked_at is null") == [(2,)]


async def test_another_bot(story: Story) -> None:
    """A bot that mentions ours is told once, in the thread, that bots have no rights; no conversation comes of it."""
    workspace = story.sandbox.workspace
    place = workspace.channel("incidents")
    for said in ("<@U0ILABBOT> status", "<@U0ILABBOT> thank you", "<@U0ILABBOT> token issue"):
        ts = workspace.next_ts()
        message = {"type": "message", "user": "U0OTHERB1", "bot_id": "B0OTHER01", "text": said, "ts": ts}
        place.messages.append(dict(message))
        event = message | {"type": "app_mention", "channel": place.id, "event_ts": ts}
        await asyncio.gather(*workspace.emit("app_mention", event, place))
        await story.settled()
    threads = [one for one in place.messages if one.get("user") == workspace.bot.id]
    assert [one["thread_ts"] for one in threads] == [place.messages[0]["ts"]]
    assert "Bots have no rights here." in story.sees("alice", thread_ts=threads[0]["thread_ts"])[-1].text
    assert story.sees("alice")[1:] == story.sees("bob")[1:]
    answers = [one for one in workspace.calls if one.method.startswith("chat.")]
    assert [one.method for one in answers] == ["chat.postMessage"]
    assert await denials(story) == [("U0OTHERB1", "status")]


async def test_another_bot_answers_in_the_thread(story: Story) -> None:
    """What a bot says in a thread, where it would answer us, is not answered."""
    ours = await story.asks("alice", "@ilab status")
    workspace = story.sandbox.workspace
    before = len(workspace.channel("incidents").messages)
    event = {
        "type": "app_mention",
        "user": "U0OTHERB1",
        "bot_id": "B0OTHER01",
        "text": "<@U0ILABBOT> status",
        "ts": workspace.next_ts(),
        "thread_ts": ours.raw["thread_ts"],
        "channel": story.channel("incidents"),
    }
    await asyncio.gather(*workspace.emit("app_mention", event, workspace.channel("incidents")))
    await story.settled()
    assert len(workspace.channel("incidents").messages) == before


async def test_our_own_words_are_not_answered(story: Story) -> None:
    """The bot does not hear itself, wherever it speaks."""
    await story.asks("alice", "@ilab help")
    await story.asks("alice", "help", story.direct("alice"))
    sent = [one for one in story.sandbox.workspace.calls if one.method == "chat.postMessage"]
    assert len(sent) == 2


async def test_who_leaves_the_group_is_refused_at_once(story: Story) -> None:
    """A role counts at the press, not when the button was shown; who comes into the group has it at once, too."""
    await story.asks("alice", "/ilab token issue laptop")
    group = story.sandbox.workspace.state.groups["S0RESPOND"]["users"]
    group.remove(story.person("alice"))
    said = await story.presses("alice", "Revoke 1")
    assert "`token revoke` needs a responder; you are a viewer." in said.text
    assert await story.rows("select id from tokens where revoked_at is null") == [(1,)]
    assert (await story.asks("alice", "/ilab whoami")).first_line == "You are alice, a viewer."
    group.append(story.person("alice"))
    assert (await story.presses("alice", "Revoke 1")).first_line == "Token 1, “laptop”, no longer works."


async def test_who_becomes_a_guest_is_refused_at_once(story: Story) -> None:
    """The same for somebody who stays in the group, and becomes a guest."""
    await story.asks("alice", "/ilab token")
    story.sandbox.workspace.account(story.person("alice")).kind = "guest"
    assert "Guests of the workspace have no rights here." in (await story.asks("alice", "/ilab token")).text


@pytest.mark.parametrize("call", ["users.info", "usergroups.list"])
async def test_slack_does_not_say_who_somebody_is(story: Story, call: str) -> None:
    """The last role that Slack told is used, and whoami shows how old it is."""
    await story.asks("alice", "/ilab whoami")
    await kept(story, "alice")
    story.sandbox.faults.add("slack", call, kind="status", status=503)
    story.sandbox.world.clock.jump(12 * 60)
    said = await story.asks("alice", "/ilab whoami")
    assert said.first_line == "You are alice, a responder."
    assert "Known  from Slack, 12 min ago" in said.text
    assert (await story.asks("alice", "/ilab token")).first_line == "You have no terminal token."


async def test_another_copy_knows_it_too(stage: Story) -> None:
    """What Slack told is kept in the database: a bot started while Slack is silent knows roles and their age."""
    async with stage.bot():
        await stage.asks("alice", "/ilab whoami")
        await kept(stage, "alice")
    stage.sandbox.world.clock.jump(3 * 3600)
    stage.sandbox.faults.add("slack", "users.info", kind="refused")
    async with stage.bot():
        said = await stage.asks("alice", "/ilab whoami")
    assert said.first_line == "You are alice, a responder."
    assert "Known  from Slack, 3 h ago" in said.text


async def test_what_slack_said_long_ago_gives_no_rights(story: Story) -> None:
    """After a week of silence nobody has rights any more."""
    await story.asks("alice", "/ilab whoami")
    await kept(story, "alice")
    story.sandbox.faults.add("slack", "users.info", kind="refused")
    story.sandbox.world.clock.jump(8 * 86400)
    said = await story.asks("alice", "/ilab whoami")
    assert "I could not find out who you are, and unknown people have no rights." in said.text
    assert "Try again in a minute." in said.text


async def test_slack_never_said_who_somebody_is(story: Story) -> None:
    """Whoever is not known and cannot be asked about has no rights; a minute later they have."""
    fault = story.sandbox.faults.add("slack", "users.info", kind="garbled")
    said = await story.asks("carol", "/ilab status")
    assert "I could not find out who you are, and unknown people have no rights." in said.text
    assert await denials(story) == [(story.person("carol"), "status")]
    story.sandbox.faults.remove(fault.id)
    assert (await story.asks("carol", "/ilab whoami")).first_line == "You are carol, an admin."


async def test_a_name_that_would_ping(story: Story) -> None:
    """People's own names are no formatting: what would ping, or be bold, is shown as it is."""
    story.sandbox.workspace.account(story.person("frank")).name = "<!channel> *boss* `x`"
    said = await story.asks("frank", "@ilab help")
    assert not said.ephemeral
    said = await story.asks("frank", "/ilab whoami")
    assert "&lt;!channel&gt;" in said.first_line
    home = await story.opens_home("frank")
    assert "&lt;!channel&gt;" in home.text
