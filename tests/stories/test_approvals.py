"""Who decides on a request, and what Slack says of them at that moment."""

from __future__ import annotations

import re

import psycopg
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
    (detail,) = (await story.rows("select detail from audit where kind = 'request.approved'"))[0]
    assert detail.keys() == {"of", "given", "role_known_at"}


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


async def test_nobody_approves_their_own(story: Story) -> None:
    """Bob is an approver, and asked: not by button, words, mention, form or terminal; and the database refuses it, too."""
    token = await token_of(story, "bob")
    await asked(story, name="bob")
    said = await story.presses("bob", "Approve", "ops-approvals")
    assert said.first_line == "You asked for this yourself."
    for words in ("/ilab approve 1", "@ilab approve 1"):
        assert "You asked for this yourself." in (await story.asks("bob", words)).text
    status, out, _ = await ilab(story, "approve", "1", token=token)
    assert (status, out.splitlines()[0]) == (1, "You asked for this yourself.")
    assert "Take it back: `/ilab withdraw 1`." in (await story.asks("bob", "/ilab deny 1 no")).text
    with pytest.raises(psycopg.errors.CheckViolation):
        await story.rows(
            "insert into approvals (request, person, requester, at) select id, requester, requester, asked_at from requests"
            " returning request"
        )
    assert await story.rows("select count(*) from approvals") == [(0,)]


async def test_two_are_needed_and_it_was_handed_to_one(stage: Story) -> None:
    """The card calls dave, to whom it was handed, and everybody who may: his approval alone is not enough."""
    await stage.start(**rules('{"grant": {"quorum": 2}}'))
    await asked(stage)
    await stage.asks("carol", f"/ilab approvals delegate 1 <@{stage.person('dave')}>")
    await stage.settled()
    assert card(stage).text.splitlines()[-2] == f"For <@{stage.person('dave')}> <!subteam^S0APPROVE>"
    await stage.asks("bob", "/ilab approve 1")
    await stage.settled()
    assert card(stage).text.splitlines()[-2] == f"For <@{stage.person('dave')}>"
    await stage.asks("dave", "/ilab approve 1")
    await until(lambda: "succeeded, approved by bob and dave" in card(stage).text, "it never ran")
    await stage.settled()
    thread = [said.first_line for said in stage.sees("erin", "ops-approvals", thread_ts=card(stage).raw["ts"])][1:]
    assert thread == [
        "carol handed this to dave.",
        "Approved by bob: 1 of 2.",
        "Approved by dave: 2 of 2.",
        ":white_check_mark: Request 1 succeeded: 5 granted, balance 0 → 5.",
    ]


async def test_in_an_incident_the_timeline_tells(story: Story) -> None:
    """Asked in its channel, a grant's whole course is in the incident's timeline, without the customer's address."""
    await story.asks("frank", "/ilab incident declare P0 checkout is down")
    channels = story.sandbox.workspace.state.channels

    def place() -> str:
        rooms = [one for one in channels.values() if one.name.startswith("inc-") and story.person("bob") in one.members]
        return rooms[0].id if rooms else ""

    await until(place, "it was never set up")
    await story.says("alice", ASK, place())
    await story.settled()
    await story.presses("bob", "Approve", place(), said=card(story, channel=place()))
    await until(lambda: "succeeded" in card(story, channel=place()).text, "it never ran")
    await story.says("alice", f"/ilab grant {WHO} 1 --reason one more", place())
    await story.settled()
    await story.says("bob", "/ilab deny 2 enough", place())
    await until(lambda: story.state_of(2, "rejected"), "it was never denied")
    alice, bob = story.person("alice"), story.person("bob")
    assert await story.rows("select actor, said from timeline where kind = 'request' order by id") == [
        (alice, "Request 1 asked: grant 5 interviews to n•••@example.com: balance 0 → 5"),
        (bob, "Request 1 approved, 1 of 1"),
        ("ilab", "Request 1 succeeded: 5 granted, balance 0 → 5."),
        (alice, "Request 2 asked: grant 1 interview to n•••@example.com: balance 5 → 6"),
        (bob, "Request 2 denied: enough"),
    ]


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


# handing it on


async def test_handed_to_another(story: Story) -> None:
    """Bob hands it to dave: the card calls dave alone, dave is told with the buttons, and approves from there."""
    await asked(story)
    said = await story.asks("bob", f"/ilab approvals delegate 1 <@{story.person('dave')}|dave>")
    assert said.first_line == "Request 1 is handed to dave, who is told by direct message."
    assert "Whoever else may approve it still may." in said.text
    await until(lambda: "Handed on  to dave, by bob" in card(story).text, "the card does not say so")
    assert card(story).text.splitlines()[-2] == f"For <@{story.person('dave')}>"
    told = await story.news("dave", lambda said: "bob hands you request 1" in said.text, story.direct("dave"))
    assert WHO not in told.text
    pressed = await story.presses("dave", "Approve", story.direct("dave"))
    assert pressed.first_line == "Approved. Request 1 runs now."
    await until(lambda: "succeeded, approved by dave" in card(story).text, "it never ran")
    kinds = await story.rows("select kind, actor, detail ->> 'to' from audit where kind = 'request.delegated'")
    assert kinds == [("request.delegated", story.person("bob"), story.person("dave"))]


async def test_whom_it_can_be_handed_to(story: Story) -> None:
    """Neither its requester, nor somebody who may not approve it, nor oneself, nor a stranger to this workspace."""
    await asked(story)
    for name, whom, says in (
        ("erin", "bob", "You may not do this."),
        ("bob", "erin", "erin asked for this, and nobody approves their own request."),
        ("bob", "alice", "Approving `grant` needs an approver; they are a responder."),
        ("bob", "gus", "Guests of the workspace have no rights here."),
        ("bob", "bob", "You may approve it yourself."),
    ):
        said = await story.asks(name, f"/ilab approvals delegate 1 <@{story.person(whom)}>")
        assert says in said.text, (whom, said.text)
    assert "I know nobody called “nobody”." in (await story.asks("bob", "/ilab approvals delegate 1 nobody")).text
    await story.asks("dave", "/ilab whoami")
    await story.asks("bob", "/ilab approvals delegate 1 @dave")
    assert (await story.asks("bob", "/ilab approvals delegate 1 dave")).first_line == "dave has request 1 already."
    assert await story.rows("select person, by from delegations") == [(story.person("dave"), story.person("bob"))]


async def test_a_requester_hands_it_to_nobody(story: Story) -> None:
    """An approver who asked cannot choose who decides."""
    await asked(story, name="bob")
    said = await story.asks("bob", f"/ilab approvals delegate 1 <@{story.person('dave')}>")
    assert said.text.splitlines() == ["You asked for this yourself.", "An approver hands it on, not its requester."]


async def test_handed_on_by_the_form(story: Story) -> None:
    """The card's button asks for the person by Slack's own list of people."""
    await asked(story)
    element = card(story).button("Hand on…")
    container = {"type": "message", "channel": story.channel("ops-approvals"), "ts": card(story).raw["ts"]}
    await story.sandbox.workspace.click(story.person("bob"), container, element["action_id"], value=element["value"])
    await story.settled()
    form = story.modal("bob")
    assert form is not None
    kinds = [block["element"]["type"] for block in form.raw["blocks"] if block["type"] == "input"]
    assert (form.raw["title"]["text"], kinds) == ("Hand on request 1", ["users_select"])
    values = {"person": {"value": story.person("dave")}}
    await story.sandbox.workspace.submit(story.person("bob"), form.raw["id"], values)
    await story.settled()
    shown = story.modal("bob")
    assert shown is not None
    assert shown.first_line == "Request 1 is handed to dave, who is told by direct message."


async def test_what_waits_for_whom(story: Story) -> None:
    """First what was handed to me, then the rest; what I asked for and what waits for others stand apart."""
    await asked(story)
    await asked(story, f"/ilab grant {CASES['paid_no_credits']} 3 --reason they paid", name="bob")
    await asked(story, f"/ilab grant {CASES['manual_grant']} 1 --reason sorry", name="alice")
    await story.asks("bob", f"/ilab approvals delegate 3 <@{story.person('dave')}>")
    said = await story.asks("dave", "/ilab approvals")
    assert said.first_line == "3 wait for you."
    assert said.buttons == ["Approve 3", "Approve 1", "Approve 2"]
    assert "(handed to you by bob)" in said.text
    assert WHO not in said.text
    said = await story.asks("bob", "/ilab approvals")
    assert said.first_line == "2 wait for you."
    assert "You asked\nRequest 2" in said.text
    said = await story.asks("erin", "/ilab approvals")
    assert said.first_line == "Nothing waits for you; 3 wait for others."
    assert said.buttons == []


# saying no


async def test_denied_by_the_form(story: Story) -> None:
    """*Deny…* asks why in a form; the requester reads it in a direct message, the thread and the card keep it."""
    await asked(story)
    element = card(story).button("Deny…")
    container = {"type": "message", "channel": story.channel("ops-approvals"), "ts": card(story).raw["ts"]}
    await story.sandbox.workspace.click(story.person("bob"), container, element["action_id"], value=element["value"])
    await story.settled()
    shown = await story.submits("bob", reason=f"{WHO} has a subscription")
    assert shown.first_line == "Request 1 is denied."
    masked = "n•••@example.com has a subscription"
    direct = story.direct("erin")
    told = await story.news("erin", lambda said: f"Request 1 was denied by bob: {masked}" in said.text, direct)
    assert WHO not in told.text
    await story.settled()
    assert f"State  rejected by bob\nReason  {masked}" in card(story).text
    thread = story.sees("bob", "ops-approvals", thread_ts=card(story).raw["ts"])
    assert f"Request 1 was denied by bob: {masked}" in thread[-1].text
    kept = await story.rows("select a::text from audit a union all select r::text from requests r")
    assert not any(WHO in row for (row,) in kept)


async def test_a_press_after_its_time(stage: Story) -> None:
    """The bot was down when it expired: a press finds that out, nothing runs, and the requester is told."""
    async with stage.bot():
        await asked(stage)
    stage.sandbox.world.clock.jump(24 * 3600)
    async with stage.bot():
        await stage.says("bob", "/ilab approve 1")
        either = ("Request 1 has expired, and was not run.", "Request 1 is expired already.")
        await stage.news("bob", lambda said: said.first_line in either)
        await until(lambda: "State  expired" in card(stage).text, "the card does not say so")
        assert card(stage).buttons == ["Show who"]
        await stage.news("erin", lambda said: "Request 1 expired: not enough people" in said.text, stage.direct("erin"))
