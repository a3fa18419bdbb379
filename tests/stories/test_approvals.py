"""Who decides on a request, and what Slack says of them at that moment."""

from __future__ import annotations

import re

import pytest
from storytelling import Said, Story, ilab, until

from bot.errors import NotConfiguredError
from sandbox.product.books import CASES

WHO = CASES["never_bought"]
ASK = f"/ilab grant {WHO} 5 --reason the webhook was lost"
REMEMBERS = {"ILAB_ROLES__CACHE_SECONDS": "60"}


def rules(text: str) -> dict[str, str]:
    """Settings with these approval rules."""
    return {"ILAB_APPROVALS__RULES": text.replace('"', '\\"')}


def card(story: Story, name: str = "bob", channel: str = "ops-approvals") -> Said:
    """The newest card of a request in a channel."""
    return [said for said in story.sees(name, channel) if "· request" in said.first_line][-1]


async def asked(story: Story, words: str = ASK, name: str = "erin") -> Said:
    """Somebody asks, and the card is there."""
    said = await story.asks(name, words)
    await story.settled()
    return said


async def token_of(story: Story, name: str) -> str:
    """A terminal token of theirs."""
    shown = await story.asks(name, "/ilab token issue")
    found = re.search(r"ILAB_TOKEN=(ilab_[\w-]+)", shown.text)
    assert found
    return found[1]


# what Slack says of them


@pytest.mark.parametrize("words", ["approve 1", "deny 1 no"])
async def test_a_role_that_was_taken_away_counts_at_once(stage: Story, words: str) -> None:
    """Bob was an approver a second ago, and the bot remembers that for a minute: his press is refused all the same."""
    await stage.start(**REMEMBERS)
    assert (await stage.asks("bob", "/ilab whoami")).first_line == "You are bob, an approver."
    await asked(stage)
    stage.sandbox.workspace.state.groups["S0APPROVE"]["users"].remove(stage.person("bob"))
    said = await stage.asks("bob", f"/ilab {words}")
    assert f"`{words.split(maxsplit=1)[0]}` needs an approver; you are a viewer." in said.text
    assert await stage.state_of(1, "awaiting_approval")


async def test_a_role_that_was_given_counts_at_once(stage: Story) -> None:
    """The other way round: alice becomes an approver while nobody else is awake."""
    await stage.start(**REMEMBERS)
    await stage.asks("alice", "/ilab whoami")
    await asked(stage)
    stage.sandbox.workspace.state.groups["S0APPROVE"]["users"].append(stage.person("alice"))
    assert (await stage.presses("alice", "Approve", "ops-approvals")).first_line == "Approved. Request 1 runs now."


async def test_while_slack_does_not_say_who_somebody_is(story: Story) -> None:
    """What it last said counts, and the answer says how old that is."""
    await story.asks("bob", "/ilab whoami")
    await asked(story)
    story.sandbox.faults.add("slack", "users.info", kind="status", status=503)
    story.sandbox.world.clock.jump(12 * 60)
    said = await story.presses("bob", "Approve", "ops-approvals")
    assert said.first_line == "Approved. Request 1 runs now."
    assert "what counted is what it last said of you  12 min ago" in said.text.replace("_", "")


async def test_a_terminal_asks_slack_too(stage: Story) -> None:
    """A role taken away a second ago counts in a terminal; with Slack stopped, what it last said does, with its age."""
    await stage.start(**REMEMBERS)
    token = await token_of(stage, "bob")
    await asked(stage)
    users = stage.sandbox.workspace.state.groups["S0APPROVE"]["users"]
    users.remove(stage.person("bob"))
    status, out, _ = await ilab(stage, "approve", "1", token=token, **REMEMBERS)
    assert status == 1
    assert "needs an approver; you are a viewer" in out
    users.append(stage.person("bob"))
    await stage.asks("bob", "/ilab approvals")
    status, out, _ = await ilab(stage, "run", "deny", "1", "not", "theirs", token=token, **REMEMBERS)
    assert (status, out.splitlines()[0]) == (0, "Request 1 is denied.")


# who may


async def test_the_settings_name_who_may(stage: Story) -> None:
    """Only erin may approve grants by this rule, though she is a responder; an approver who is not named may not."""
    await stage.start(**rules(f'{{"grant": {{"approvers": "{stage.person("erin")}"}}}}'))
    await asked(stage, name="alice")
    assert [ping.target for ping in stage.sandbox.workspace.pings] == [stage.person("erin")]
    said = await stage.presses("bob", "Approve", "ops-approvals")
    assert said.text.splitlines()[:2] == [
        "You may not decide on this.",
        "The settings name who may approve `grant`, and you are not among them.",
    ]
    assert "needs an approver" in (await stage.presses("frank", "Approve", "ops-approvals")).text
    assert (await stage.presses("erin", "Approve", "ops-approvals")).first_line == "Approved. Request 1 runs now."
    await until(lambda: "succeeded" in card(stage).text, "it never ran")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ('{"grants": {"quorum": 2}}', "has a rule for “grants”, and there is no such command."),
        ('{"status": {"quorum": 2}}', "has a rule for “status”, which needs no approval."),
        ('{"grant": {"approvers": "bob"}}', "names “bob” among the approvers of “grant”, and that is no id."),
        ('{"grant": {"quorum": 2, "approvers": "U0BOB0002"}}', "asks for 2 approvals of “grant”, and names 1"),
    ],
)
async def test_a_rule_that_could_do_nothing_is_refused_at_the_start(stage: Story, rule: str, says: str) -> None:
    """With a sentence that says which, instead of a bot whose approvals are not what somebody set."""
    with pytest.raises(NotConfiguredError, match=re.escape(says)):
        await stage.start(**rules(rule))
