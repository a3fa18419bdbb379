"""`oncall`, `escalate`, `contacts`: who is to be called, also while PagerDuty is silent."""

from __future__ import annotations

from typing import Any

from incidents import in_room, room, set_up
from storytelling import Said, Story, ilab, until

TITLE = "checkout answers 500"


def account(story: Story) -> Any:
    """PagerDuty's account in the sandbox."""
    return story.sandbox.vendors["pagerduty"].account


async def known(story: Story) -> None:
    """The bot has been told once who is on call."""

    async def told() -> bool:
        return bool(await story.rows("select 1 from on_call"))

    await until(told, "PagerDuty was never asked")


async def declared(story: Story, words: str = f"P0 {TITLE}") -> None:
    """An incident that is set up."""
    await story.asks("frank", f"/ilab incident declare {words}")
    await set_up(story)


def card(story: Story) -> Said:
    """The incident's card in #incidents."""
    return next(said for said in story.sees("bob") if "INC-1 P" in said.first_line)


async def test_who_is_on_call(story: Story) -> None:
    """Rung by rung, with numbers, until when, and who comes then; for the asker alone, and in a terminal."""
    said = await story.asks("frank", "/ilab oncall")
    assert said.first_line.startswith(":white_check_mark: Alice Ito is on call until Mon ")
    assert "On-call engineer: Alice Ito  +81 355500101; until Mon" in said.text
    assert "then Bob Okafor; answers within 15 minutes" in said.text
    assert "Team lead: Bob Okafor  +44 2079460102" in said.text
    assert "CTO: Carol Lindqvist  +46 855500103; within an hour" in said.text
    assert said.ephemeral
    token = (await story.asks("alice", "/ilab token issue")).text.split("ILAB_TOKEN=")[1].split()[0].strip("`")
    status, out, _ = await ilab(story, "run", "oncall", token=token)
    assert status == 0
    assert "Alice Ito is on call until" in out


async def test_pagerduty_is_silent(story: Story) -> None:
    """The last good answer, with its age, and why there is no newer one; a shift that has ended since is said to be so."""
    await known(story)
    story.sandbox.vendors["pagerduty"].set_switch("api", "down")
    story.sandbox.world.clock.jump(5 * 60)
    said = await story.asks("frank", "/ilab oncall")
    assert said.first_line.startswith(":grey_question: Alice Ito is on call until")
    assert "PagerDuty fails (503)." in said.text
    assert "+81 355500101" in said.text
    assert "5 min ago" in said.text
    story.sandbox.world.clock.jump(8 * 24 * 3600)
    said = await story.asks("frank", "/ilab oncall")
    assert "that shift has ended since: it may be somebody else by now" in said.first_line


async def test_it_was_never_told(stage: Story) -> None:
    """PagerDuty has been silent from the start: said, and nobody is named."""
    stage.sandbox.vendors["pagerduty"].set_switch("api", "down")
    await stage.start()
    said = await stage.asks("frank", "/ilab oncall")
    assert said.first_line == "I do not know who is on call. PagerDuty fails (503)."


async def test_nobody_could_be_paged(story: Story) -> None:
    """The channel and the card say so, and give names and numbers of the last good answer with its age."""
    await known(story)
    story.sandbox.vendors["pagerduty"].set_switch("api", "down")
    story.sandbox.vendors["pagerduty_events"].set_switch("api", "down")
    story.sandbox.world.clock.jump(7 * 60)
    await declared(story)
    (said,) = [said for said in in_room(story) if "Nobody was paged: call them." in said.text]
    assert "On-call engineer: Alice Ito  +81 355500101, as of" in said.text
    assert "Team lead: Bob Okafor  +44 2079460102" in said.text
    assert "as PagerDuty said 7 min ago" in said.text
    assert f"<@{story.person('alice')}>" in said.text
    assert "CTO: Carol Lindqvist  +46 855500103" in card(story).text
    assert {story.person("alice"), story.person("bob")} <= set(room(story).members)
    for vendor in ("pagerduty", "pagerduty_events"):
        story.sandbox.vendors[vendor].set_switch("api", "ok")
    story.sandbox.world.clock.jump(31)
    await until(lambda: bool(account(story).incidents), "it was never paged after all")
    await set_up(story)
    assert "355500101" not in card(story).text


async def test_the_next_rung(story: Story) -> None:
    """Each *escalate* pages one rung up in PagerDuty's one incident; everybody reads who; above the last there is none."""
    await declared(story)
    said = await story.asks("alice", "/ilab escalate INC-1")
    assert "Team lead is paged for INC-1: Bob Okafor." in said.text
    await story.asks("alice", "/ilab escalate", room(story).id)
    await until(lambda: len(account(story).pages) == 3, "the CTO was never paged")
    assert [(page.level, page.person.name) for page in account(story).pages] == [(1, "alice"), (2, "bob"), (3, "carol")]
    assert len(account(story).incidents) == 1
    await story.settled()
    assert sum("called the next rung" in said.text for said in in_room(story)) == 2
    again = await story.asks("alice", "/ilab escalate INC-1")
    assert "CTO is paged for INC-1: Carol Lindqvist (again: there is no rung above)." in again.text
    assert await story.rows("select rung from incidents") == [(3,)]


async def test_a_p2_is_escalated(story: Story) -> None:
    """What paged nobody pages the first rung when somebody asks for it."""
    await story.asks("frank", "/ilab incident declare P2 a label is wrong")
    said = await story.asks("alice", "/ilab escalate INC-1")
    assert "On-call engineer is paged for INC-1: Alice Ito." in said.text
    assert [(page.level, page.person.name) for page in account(story).pages] == [(1, "alice")]


async def test_escalating_fails(story: Story) -> None:
    """PagerDuty is silent: the answer and the channel say whom to call, with the number."""
    await declared(story)
    story.sandbox.faults.add("pagerduty", "update incident", kind="status", status=400)
    said = await story.asks("alice", "/ilab escalate INC-1")
    assert "Paging level 2 failed" in said.text
    assert any("Team lead: Bob Okafor  +44 2079460102" in said.text for said in in_room(story))


async def test_the_answer_of_an_escalation_is_lost(story: Story) -> None:
    """PagerDuty raised it and the answer never came: nobody is paged twice."""
    await declared(story)
    story.sandbox.faults.add("pagerduty", "update incident", kind="lost", times=1)
    await story.says("alice", "/ilab escalate INC-1")
    await until(lambda: story.state_of(1, "succeeded"), "it was never settled")
    assert [(page.level, page.person.name) for page in account(story).pages] == [(1, "alice"), (2, "bob")]


async def test_the_shift_changes(story: Story) -> None:
    """Bob takes over while it is open: he is let in and called, and the channel reads the hand-over note, once."""
    await known(story)
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await set_up(story)
    await story.presses("alice", "Acknowledge")
    await story.sandbox.workspace.leave(story.person("bob"), room(story).id)
    story.sandbox.vendors["pagerduty"].set_switch("on_call", "bob")
    story.sandbox.world.clock.jump(11 * 60)
    await until(lambda: any("takes over from Alice Ito" in said.text for said in in_room(story)), "nobody heard of it")
    await story.settled()
    (note,) = [said for said in in_room(story) if "takes over from" in said.text]
    assert note.first_line == "On call now for INC-1: On-call engineer: Bob Okafor, who takes over from Alice Ito."
    assert "Acknowledged  by alice" in note.text
    assert f"<@{story.person('bob')}>" in note.text
    assert story.person("bob") in room(story).members
    story.sandbox.world.clock.jump(11 * 60)
    await story.settled()
    assert sum("takes over from" in said.text for said in in_room(story)) == 1
    assert (await story.asks("frank", "/ilab oncall")).first_line.startswith(":white_check_mark: Bob Okafor is on call")


async def test_contacts(stage: Story) -> None:
    """Every vendor with its answer time; one vendor with what the ticket needs, reached as the settings say."""
    await stage.start(ILAB_CONTACTS='{\\"stripe\\": \\"+1 555 0100, our account manager\\"}')
    said = await stage.asks("frank", "/ilab contacts")
    for words in ("support@vercel.com, within 4 hours", "within 8 hours", "within 24 hours", "within 48 hours"):
        assert words in said.text
    said = await stage.asks("frank", "/ilab contacts stripe")
    assert said.first_line == "Stripe: +1 555 0100, our account manager (they answer within 24 hours)."
    assert "What belongs into the ticket" in said.text
    assert (await stage.asks("frank", "/ilab contacts paypal")).ephemeral
