"""What is set right about an incident: severity, roles, titles, milestones, and that it was none, is another's, or is back."""

from __future__ import annotations

import pytest
from incidents import card, declared, done, later, room, rooms, set_up, state_of, thread, times_of, types
from storytelling import Story, until

MINOR = "P2 a label is wrong"


async def running(story: Story, incident: int = 1) -> list[str]:
    """The clocks of the incident that run, the next one first."""
    rows = await story.rows(
        "select kind from clocks where subject = %s and state = 'running' order by due_at", f"incident:{incident}"
    )
    return [kind for (kind,) in rows]


async def test_a_p2_becomes_a_p0(story: Story) -> None:
    """It gets what a P0 has: channel, people, page and clocks; the thread reads who said so and why."""
    await declared(story, MINOR)
    assert rooms(story) == []
    said = await types(story, "erin", "/ilab incident severity INC-1 p0 nobody can pay")
    assert said.first_line == ":white_check_mark: INC-1 is a P0 now."
    await set_up(story)
    assert room(story).name == "inc-1-a-label-is-wrong"
    assert len(story.sandbox.vendors["pagerduty"].account.incidents) == 1
    assert (await running(story))[:2] == ["ack_remind", "ack_again"]
    assert "INC-1 P0 a label is wrong" in card(story).text
    assert any(
        "INC-1 is a P0 now, said erin; it was a P2." in text and "nobody can pay" in text for text in thread(story)
    )
    again = await types(story, "erin", "/ilab incident severity INC-1 p0")
    assert again.first_line == "INC-1 is a P0 already."


async def test_who_took_a_p2_is_paged_for_the_p0(story: Story) -> None:
    """Acknowledged as a P2 it stays acknowledged, and whoever is on call is paged all the same, once."""
    await declared(story, MINOR)
    await types(story, "bob", "/ilab incident ack INC-1")
    await types(story, "bob", "/ilab incident severity INC-1 p0")
    await set_up(story)
    account = story.sandbox.vendors["pagerduty"].account
    assert [(page.level, page.person.name) for page in account.pages] == [(1, "alice")]
    assert await state_of(story) == "acknowledged"
    assert "assess_remind" in await running(story)
    assert "ack_again" not in await running(story)


async def test_a_p0_becomes_a_p2(story: Story) -> None:
    """Its clocks stop; the channel stays, and its topic says so."""
    await declared(story)
    await types(story, "alice", "/ilab incident severity p2 only a few", room(story).id)
    assert await running(story) == []
    assert room(story).topic["value"] == "INC-1 P2 checkout answers 500"
    await later(story, 60)
    assert not any("is not acknowledged" in text for text in thread(story))


async def test_the_lead_is_handed_over(story: Story) -> None:
    """Alice leads, then Bob, who is let in, called, and told how it stands; a viewer cannot lead."""
    await declared(story)
    channel = room(story).id
    said = await types(story, "alice", "/ilab incident lead", channel)
    assert said.first_line == ":white_check_mark: You lead INC-1."
    assert room(story).topic["value"].endswith("· lead alice")
    erin = story.person("erin")
    await types(story, "alice", f"/ilab incident lead <@{erin}|erin>", channel)
    handed = next(one for one in story.sees("alice", channel) if "erin leads INC-1 now; it was alice." in one.text)
    assert "Handed over" in handed.text
    assert f"<@{erin}>" in handed.text
    assert "State  declared" in handed.text
    assert erin in room(story).members
    assert await story.rows("select lead, lead_by from incidents") == [(erin, story.person("alice"))]
    assert "Lead  erin" in card(story).text
    refused = await types(story, "alice", f"/ilab incident lead <@{story.person('frank')}|frank>", channel)
    assert refused.first_line == "frank may not lead an incident: it takes a responder."


async def test_parts_are_given(story: Story) -> None:
    """Communications and scribe stand on the card; who has a part already is told so."""
    await declared(story, MINOR)
    await types(story, "alice", "/ilab incident role INC-1 communications @bob")
    await types(story, "alice", "/ilab incident role INC-1 scribe")
    assert "Communications  bob" in card(story).text
    assert "Scribe  alice" in card(story).text
    again = await types(story, "alice", "/ilab incident role INC-1 scribe")
    assert again.first_line == "alice writes down what happens in INC-1 already."


async def test_it_was_none(story: Story) -> None:
    """Cancelled with a reason: clocks stand, PagerDuty is resolved, and nothing more can be done but reopen it."""
    await declared(story)
    await types(story, "alice", "/ilab incident cancel the monitor was wrong", room(story).id)
    (page,) = story.sandbox.vendors["pagerduty"].account.incidents
    await until(lambda: page.status == "resolved", "PagerDuty was never told")
    assert await running(story) == ["archive_announce", "archive"]
    assert any("INC-1 is cancelled by alice: the monitor was wrong" in text for text in thread(story))
    assert card(story).buttons == ["Reopen…"]
    refused = await types(story, "alice", "/ilab incident resolve INC-1")
    assert refused.first_line == "INC-1 is cancelled, and cannot be resolved now."
    assert "/ilab incident reopen INC-1" in refused.text


@pytest.mark.parametrize("words", ["cancel", "reopen"])
async def test_a_reason_is_asked_for(story: Story, words: str) -> None:
    """Without a reason a form opens that asks for one."""
    await declared(story, MINOR)
    await story.says("alice", f"/ilab incident {words} INC-1")
    await until(lambda: story.modal("alice") is not None, "no form opened")
    assert "Reason: ____" in story.modal("alice").text


async def test_it_is_back(story: Story) -> None:
    """Reopened with a reason: its clocks begin anew, the on-call are paged anew, and it was not resolved after all."""
    await declared(story)
    channel = room(story).id
    await types(story, "alice", "/ilab ack", channel)
    await later(story, 4)
    await types(story, "alice", "/ilab incident resolve it was a blip", channel)
    assert await story.rows("select count(*) from milestones where name = 'resolved' and at is not null") == [(1,)]
    await later(story, 30)
    await types(story, "bob", "/ilab incident reopen it fails again", channel)
    account = story.sandbox.vendors["pagerduty"].account
    await until(lambda: len(account.incidents) == 2, "the on-call were never paged anew")
    assert (await running(story))[:3] == ["ack_remind", "ack_again", "assess_remind"]
    assert any("INC-1 is open again, said bob: it fails again" in text for text in thread(story))
    shown = await types(story, "bob", "/ilab incident show INC-1")
    assert "Resolved" not in shown.text.split("Milestones")[1].split("Times")[0]
    assert "Time to acknowledge" in shown.text
    await later(story, 5.1)
    assert "INC-1 is not acknowledged" in thread(story)[-1]
    assert "Level 1 of the on-call policy is paged." in thread(story)[-1]


async def test_it_did_not_hold(story: Story) -> None:
    """What was mitigated and is back goes on with whoever has it, its clocks for assessing and mitigating anew."""
    await declared(story)
    channel = room(story).id
    await types(story, "alice", "/ilab incident mitigate restarted it", channel)
    await types(story, "alice", "/ilab incident reopen it fails again", channel)
    assert await state_of(story) == "acknowledged"
    assert {"assess_remind", "mitigate_remind", "ack_lapse"} <= set(await running(story))
    assert len(story.sandbox.vendors["pagerduty"].account.incidents) == 1


async def test_duplicates_are_joined(story: Story) -> None:
    """One ends and points to the other, whose channel reads it and lets its people in; its clocks and page stop."""
    await declared(story)
    first = room(story).id
    await story.asks("erin", "/ilab incident declare --another P0 payments fail")
    await set_up(story, 2)
    second = next(channel for channel in rooms(story) if channel.id != first)
    assert story.person("erin") not in story.sandbox.workspace.channel(first).members
    said = await types(story, "alice", "/ilab incident merge --into INC-1", second.id)
    assert said.first_line == ":white_check_mark: INC-2 ends; its people are let into the channel of INC-1."
    assert story.person("erin") in story.sandbox.workspace.channel(first).members
    assert await running(story, 2) == ["archive_announce", "archive"]
    kept, joined = story.sandbox.vendors["pagerduty"].account.incidents
    await until(lambda: joined.status == "resolved", "PagerDuty was never told")
    assert kept.status == "triggered"
    assert any("INC-2 is the same: payments fail, said alice." in said.text for said in story.sees("alice", first))
    assert any("INC-2 is the same as INC-1, said alice" in said.text for said in story.sees("alice", second.id))
    assert ("merged", "INC-2 is the same: payments fail") in await times_of(story)
    shown = await types(story, "bob", "/ilab incident show INC-2")
    assert "merged into INC-1" in shown.first_line
    refused = await types(story, "bob", "/ilab incident merge INC-1 --into INC-2")
    assert refused.first_line == "INC-2 is merged."
    itself = await types(story, "bob", "/ilab incident merge INC-1 --into INC-1")
    assert itself.first_line == "An incident is no duplicate of itself."


async def test_a_private_one_is_never_joined_to_an_open_one(story: Story) -> None:
    """Joined, each would tell of the other: it is refused with what to do instead."""
    await declared(story, MINOR)
    await story.asks("alice", "/ilab incident declare --private --another P2 a colleague's account")
    await done(story)
    refused = await types(story, "alice", "/ilab incident merge INC-2 --into INC-1")
    assert refused.first_line == "One of the two is private and the other is not."


async def test_a_milestone_is_corrected(story: Story) -> None:
    """It was resolved earlier: with a reason, kept beside what was believed, and the times follow."""
    await declared(story, MINOR)
    await later(story, 60)
    await types(story, "alice", "/ilab incident resolve INC-1")
    said = await types(story, "alice", "/ilab incident milestone INC-1 resolved 20m --reason the graphs say so")
    assert said.first_line.startswith(":white_check_mark: INC-1: resolved at ")
    assert "Time to resolve  40 min" in said.text
    rows = await story.rows("select reason from milestones where name = 'resolved' order by id")
    assert rows == [("",), ("the graphs say so",)]
    kind, words = (await times_of(story))[-1]
    assert kind == "milestone"
    assert words.endswith("): the graphs say so")
    for when, why in (
        ("25:99", "“25:99” is no moment."),
        ("2h", "Then “resolved” would come before “declared”."),
        ("2999-01-01 10:00", "2999-01-01 10:00 UTC is still ahead."),
    ):
        refused = await types(story, "alice", f"/ilab incident milestone INC-1 resolved {when} --reason x")
        assert refused.first_line == why


async def test_it_gets_a_better_title(story: Story) -> None:
    """Card and topic follow; the channel keeps its name, unless that is asked for, too."""
    await declared(story)
    channel = room(story).id
    await types(story, "alice", "/ilab incident title checkout fails in Europe", channel)
    assert room(story).name == "inc-1-checkout-answers-500"
    assert room(story).topic["value"] == "INC-1 P0 checkout fails in Europe"
    assert "INC-1 P0 checkout fails in Europe" in card(story).first_line
    await types(story, "alice", "/ilab incident title checkout fails everywhere --rename", channel)
    assert room(story).name == "inc-1-checkout-fails-everywhere"


async def test_a_viewer_only_looks(story: Story) -> None:
    """Frank sees how it stands; every step is a responder's."""
    await declared(story, MINOR)
    shown = await types(story, "frank", "/ilab incident show INC-1")
    assert shown.first_line == ":red_circle: INC-1 P2 a label is wrong: declared"
    for words in (
        "severity INC-1 p0",
        "lead INC-1",
        "cancel INC-1 x",
        "note INC-1 x",
        "update INC-1 x",
        "snooze INC-1",
    ):
        refused = await types(story, "frank", f"/ilab incident {words}")
        assert refused.first_line == "You may not do this.", words
