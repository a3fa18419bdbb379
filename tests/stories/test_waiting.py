"""While nobody decides: reminders, the approver on duty paged, an outcome that nobody knows; each once."""

from __future__ import annotations

from typing import Any

import pytest
from storytelling import Said, Story, until

from sandbox.product.books import CASES
from sandbox.vendors.pagerduty_account import Account

ASK = f"/ilab grant {CASES['never_bought']} 5 --reason the webhook was lost"


def minutes(story: Story, number: float) -> None:
    """So many minutes pass."""
    story.sandbox.world.clock.jump(number * 60)


def card(story: Story, place: str = "ops-approvals") -> Said:
    """The request's card."""
    return [said for said in story.sees("alice", place) if "· request" in said.first_line][-1]


def reminders(story: Story, place: str = "ops-approvals") -> list[Said]:
    """What was said of its waiting."""
    return [said for said in story.sees("alice", place) if "still waits for approval" in said.first_line]


async def asked(story: Story, place: str = "incidents") -> None:
    """Alice asks for a grant, and the card is there."""
    await story.says("alice", ASK, place)
    await story.settled()


async def declared(story: Story, severity: str = "P0") -> str:
    """Frank declares an incident; its channel, once alice is in it."""
    await story.asks("frank", f"/ilab incident declare {severity} checkout is down")
    channels = story.sandbox.workspace.state.channels

    def there() -> bool:
        return any(one.name.startswith("inc-") and story.person("alice") in one.members for one in channels.values())

    await until(there, "it was never set up")
    await story.settled()
    return next(channel.id for channel in channels.values() if channel.name.startswith("inc-"))


def account(story: Story) -> Account:
    """What PagerDuty knows."""
    known: Account = story.sandbox.vendors["pagerduty"].account
    return known


def paged(story: Story) -> list[tuple[str, int]]:
    """Who was notified for the request, and at which level."""
    found = [incident for incident in account(story).incidents if incident.key == "ilab-request-1"]
    assert len(found) <= 1
    return [(page.person.name, page.level) for page in account(story).pages if found and page.incident == found[0].id]


async def ran(story: Story, kind: str) -> bool:
    """Whether the request's clock of this kind does not wait to be done now."""
    rows = await story.rows("select state, due_at from clocks where subject = 'request:1' and kind = %s", kind)
    jobs = await story.rows("select count(*) from procrastinate_jobs where args ->> 'kind' = %s", kind)
    return bool(jobs[0][0] == 0 and (rows[0][0] != "running" or rows[0][1] > story.sandbox.world.clock.now()))


async def test_reminded_ever_more_rarely(stage: Story) -> None:
    """After 15 minutes, an hour, four hours; by three copies once each, and once for what passed while none ran."""
    async with stage.bot(), stage.bot(), stage.bot():
        await asked(stage)
        minutes(stage, 16)
        await until(lambda: len(reminders(stage)) == 1, "it never reminded")
        assert reminders(stage)[0].buttons == ["Approve"]
        minutes(stage, 30)
        await stage.settled()
        assert len(reminders(stage)) == 1
        minutes(stage, 16)
        await until(lambda: len(reminders(stage)) == 2, "it never reminded again")
    minutes(stage, 20 * 60)
    async with stage.bot(), stage.bot():
        await until(lambda: len(reminders(stage)) == 3, "it never said that it still waits")
        await until(lambda: ran(stage, "remind"), "the reminder never ended")
        await stage.settled()
        assert len(reminders(stage)) == 3
        minutes(stage, 4 * 60)
        await until(lambda: "State  expired" in card(stage).text, "it never expired")
        await stage.settled()
        assert len(reminders(stage)) == 3


async def test_the_approver_on_duty_is_paged(story: Story) -> None:
    """In a P0, after 3 minutes it reminds, after 5 it pages the lead, once; approved, PagerDuty pages nobody further."""
    place = await declared(story)
    await asked(story, place)
    minutes(story, 3.5)
    await until(lambda: len(reminders(story, place)) == 1, "it never reminded")
    assert paged(story) == []
    minutes(story, 2)
    said = "The approver on duty is paged for request 1 (level 2 of the policy)."
    await until(lambda: any(one.first_line == said for one in story.sees("alice", place)), "nobody was paged")
    assert paged(story) == [("alice", 1), ("bob", 2)]
    incident = next(one for one in account(story).incidents if one.key == "ilab-request-1")
    assert incident.title.startswith("Request 1 needs approval: grant 5 interviews to n•••@example.com")
    assert "(P0 checkout is down (INC-1))" in incident.title
    minutes(story, 20)
    await story.settled()
    assert len(paged(story)) == 2
    assert await story.rows("select kind, said from timeline where kind = 'paged' and key like 'request:%%'") == [
        ("paged", "Request 1 waits: the approver on duty is paged (level 2)")
    ]
    await story.presses("bob", "Approve", place, said=card(story, place))
    await until(lambda: incident.status == "resolved", "PagerDuty was never told")
    await until(lambda: "State  succeeded" in card(story, place).text, "it never ran")


async def test_paged_once_whatever_dies(story: Story) -> None:
    """The copy that paged died before it could say so: the next finds the page, and nobody is called twice."""
    place = await declared(story)
    await asked(story, place)
    minutes(story, 6)
    await until(lambda: len(paged(story)) == 2, "nobody was paged")
    await until(lambda: ran(story, "page_approver"), "it was never recorded")
    await story.rows("update requests set paged_at = null returning id")
    await story.rows("update clocks set state = 'running' where kind = 'page_approver' returning kind")
    await until(lambda: is_paged(story), "it was never recorded again")
    assert len(paged(story)) == 2
    await story.settled()
    assert sum("The approver on duty is paged" in said.text for said in story.sees("alice", place)) == 1


async def is_paged(story: Story) -> bool:
    """Whether the row says so."""
    return bool((await story.rows("select paged_at is not null from requests"))[0][0])


@pytest.mark.parametrize(
    "becomes",
    [
        "update incidents set drill = 'checkout' returning id",
        "update incidents set state = 'resolved', ended_at = declared_at returning id",
    ],
)
async def test_who_is_never_paged(story: Story, becomes: Any) -> None:
    """Nobody for a drill, nobody for what is over."""
    place = await declared(story)
    await asked(story, place)
    await story.rows(becomes)
    minutes(story, 6)
    await until(lambda: ran(story, "page_approver"), "the clock never ran")
    minutes(story, 30)
    await story.settled()
    assert paged(story) == []


async def test_it_becomes_a_p0_while_the_request_waits(story: Story) -> None:
    """For a P2 nobody is paged; raised to P0, the request that still waits pages."""
    place = await declared(story)
    await story.rows("update incidents set severity = 'P2' returning id")
    await asked(story, place)
    minutes(story, 6)
    await until(lambda: ran(story, "page_approver"), "the clock never ran")
    assert paged(story) == []
    await story.rows("update incidents set severity = 'P0' returning id")
    minutes(story, 6)
    await until(lambda: len(paged(story)) == 2, "nobody was paged")


async def test_pagerduty_is_silent(story: Story) -> None:
    """The channel reads that nobody could be paged, once, and calls who may approve; back again, it pages."""
    place = await declared(story)
    await asked(story, place)
    story.sandbox.vendors["pagerduty_events"].set_switch("api", "down")
    minutes(story, 6)
    said = await story.news("alice", lambda one: "could not be paged for request 1" in one.text, place)
    assert "For <!subteam^S0APPROVE>" in said.text
    minutes(story, 1)
    await until(lambda: ran(story, "page_approver"), "it was never tried again")
    story.sandbox.vendors["pagerduty_events"].set_switch("api", "ok")
    minutes(story, 1)
    await until(lambda: len(paged(story)) == 2, "nobody was paged")
    await story.settled()
    assert sum("could not be paged" in one.text for one in story.sees("alice", place)) == 1


# where nobody knows what became of it


@pytest.fixture
async def unknown(stage: Story) -> Story:
    """A story in which it cannot be known whether a grant happened."""
    await stage.start(ILAB_PRODUCT__STATEMENT_TIMEOUT_SECONDS="0.2")
    await asked(stage)
    stage.sandbox.faults.clear()
    await stage.rows("update requests set state = 'executing', decided_at = asked_at returning id")
    stage.sandbox.databases["product"].set("down")
    minutes(stage, 11)
    await stage.rows(
        "insert into clocks (subject, kind, due_at) values ('request:1', 'execute', %s) returning kind",
        stage.sandbox.world.clock.now(),
    )
    await until(lambda: "State  unknown" in card(stage).text, "it never gave up", 20)
    await stage.settled()
    return stage


async def test_asked_again(unknown: Story) -> None:
    """Back again, the product is asked once more: it had not happened, and now it does, once."""
    assert card(unknown).buttons == ["Ask again", "I looked…", "Show who"]
    said = await unknown.asks("bob", "/ilab approvals")
    assert said.first_line == ":grey_question: Nothing waits for approval."
    assert "Nobody knows what became of it: somebody must look\nRequest 1" in said.text
    unknown.sandbox.databases["product"].set("up")
    for name, says in (("alice", "You may not do this."), ("erin", "You may not do this.")):
        assert says in (await unknown.asks(name, "/ilab approvals retry 1")).text
    assert (await unknown.asks("bob", "/ilab approvals retry 1")).first_line == "Request 1: I am asking again."
    await until(lambda: "State  succeeded" in card(unknown).text, "it never ran")
    kinds = [row[0] for row in await unknown.rows("select kind from audit where subject = 'request:1' order by seq")]
    assert kinds == ["request.asked", "request.executed", "request.asked_again", "request.executed"]
    assert "is succeeded already" in (await unknown.asks("bob", "/ilab approvals retry 1")).text


@pytest.mark.parametrize(("became", "state"), [("happened", "succeeded"), ("nothing", "failed")])
async def test_a_person_looked(unknown: Story, became: str, state: str) -> None:
    """Who looked says what they saw; that is the outcome, with their name, and the requester is told."""
    said = await unknown.asks("bob", f"/ilab approvals settle 1 {became} the entitlement of {CASES['never_bought']}")
    assert said.first_line == f"Noted: request 1 {'happened' if became == 'happened' else 'did not happen'}."
    outcome = "bob looked: the entitlement of n•••@example.com"
    await unknown.news("alice", lambda one: f"Request 1 {state}: {outcome}" in one.text, unknown.direct("alice"))
    await unknown.settled()
    assert f"State  {state} by bob" in card(unknown).text
    assert f"Outcome  {outcome}" in card(unknown).text
