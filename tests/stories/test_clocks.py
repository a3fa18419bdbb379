"""The runbook's clocks: reminded before, one rung up when overdue, once, also when the time passed while nothing ran."""

from __future__ import annotations

import pytest
from incidents import card, declared, done, in_room, later, room, set_up, state_of, thread, times_of, types
from storytelling import Story, until

from bot.incidents import cadence
from bot.incidents.elsewhere import Elsewhere, acknowledged_elsewhere, resolved_elsewhere


def pages(story: Story) -> list[tuple[int, str]]:
    """Who PagerDuty has notified, and at which level."""
    return [(page.level, page.person.name) for page in story.sandbox.vendors["pagerduty"].account.pages]


async def test_nobody_assesses_nor_mitigates(story: Story) -> None:
    """Reminded in the channel at 10 and 25 minutes; at 15 the lead is paged, at 30 the CTO: one rung for each."""
    await declared(story)
    channel = room(story).id
    await types(story, "alice", "/ilab ack", channel)
    await later(story, 10.1)
    assert "INC-1 is not assessed yet" in in_room(story)[-1].text
    assert not any("not assessed" in text for text in thread(story))
    await later(story, 5)
    assert "INC-1 is not assessed, 15 min after it was declared." in thread(story)[-1]
    assert "Level 2 of the on-call policy is paged." in thread(story)[-1]
    await types(story, "alice", "/ilab incident assess database", channel)
    await later(story, 10)
    assert "INC-1 is not mitigated yet" in in_room(story)[-1].text
    await later(story, 5)
    assert "INC-1 is not mitigated, 30 min after it was declared." in thread(story)[-1]
    assert pages(story) == [(1, "alice"), (2, "bob"), (3, "carol")]
    assert await story.rows("select rung from incidents") == [(3,)]
    await types(story, "alice", "/ilab incident mitigate restored", channel)
    assert not any("is not" in text for text in thread(story)[-1:])


async def test_the_ladder_of_silence(story: Story) -> None:
    """While nobody acknowledges, that ladder alone pages: the lead at 15, the CTO at 45, and again when the hour is over."""
    await declared(story)
    await later(story, 5.1)
    await later(story, 10)
    assert pages(story) == [(1, "alice"), (1, "alice"), (2, "bob")]
    assert any("INC-1 is not assessed, 15 min after it was declared." in text for text in thread(story))
    await later(story, 15)
    assert pages(story)[3:] == []
    await later(story, 15)
    assert pages(story)[3:] == [(3, "carol")]
    await later(story, 60)
    assert pages(story)[4:] == [(3, "carol")]
    assert sum("is not acknowledged" in text for text in thread(story)) == 5


async def test_an_acknowledgement_lapses(story: Story) -> None:
    """Nothing is heard for 20 minutes of who acknowledged: nobody has it, the on-call are paged again, the ladder goes on."""
    await declared(story)
    channel = room(story).id
    await types(story, "alice", "/ilab ack", channel)
    await later(story, 15)
    await types(story, "alice", "/ilab incident note I look", channel)
    await later(story, 6)
    assert await state_of(story) == "acknowledged"
    before = len(pages(story))
    await later(story, 14.1)
    assert await state_of(story) == "declared"
    said = next(text for text in thread(story) if "that counts no more" in text)
    assert "INC-1 was acknowledged by alice, and nothing was heard for 20 min: that counts no more." in said
    assert (1, "alice") in pages(story)[before:]
    assert "Acknowledge" in card(story).buttons
    await later(story, 10.1)
    assert (
        "Level 2 of the on-call policy is paged." in [text for text in thread(story) if "not acknowledged" in text][-1]
    )
    await types(story, "bob", "/ilab ack", channel)
    assert await story.rows("select acknowledged_by from incidents") == [(story.person("bob"),)]
    assert await story.rows("select count(*) from milestones where name = 'acknowledged'") == [(1,)]


async def test_what_passed_while_nothing_ran(stage: Story) -> None:
    """Reminders and deadlines of three quarters of an hour are said at once, each once, and that they are late."""
    async with stage.bot():
        await declared(stage)
    stage.sandbox.world.clock.jump(50 * 60)
    await stage.start()
    await done(stage)
    late = [text for text in thread(stage) if "later than it should be: nothing was running." in text]
    assert len([text for text in late if "is not acknowledged" in text]) == 4
    assert len([text for text in late if "is not assessed" in text]) == 1
    assert len([text for text in late if "is not mitigated" in text]) == 1
    assert sum("Nothing was said of INC-1" in text for text in thread(stage)) == 1
    # and the CTO is paged, by the last of them
    assert pages(stage)[-1][0] in (1, 2, 3)
    assert {level for level, _ in pages(stage)} == {1, 2, 3}


async def test_a_reminder_that_was_overtaken(story: Story) -> None:
    """While its work waited somebody spoke: neither is an update asked for that was given, nor is it said that none was."""
    await declared(story)
    services, subject, due_at = story.bots[0].core.services, "incident:1", story.sandbox.world.clock.now()
    before = len(in_room(story))
    await cadence.remind(services, subject, due_at)
    await cadence.speak(services, subject, due_at)
    await done(story)
    assert len(in_room(story)) == before
    assert not any("Nothing was said of INC-1" in text for text in thread(story))


async def test_two_copies_speak_once(stage: Story) -> None:
    """Two bots on one database: each clock speaks once, and pages once."""
    async with stage.bot(), stage.bot():
        await declared(stage)
        await later(stage, 5.1)
        await later(stage, 10)
        said = [text for text in thread(stage) if "is not acknowledged" in text]
        assert len(said) == 3
        assert pages(stage) == [(1, "alice"), (1, "alice"), (2, "bob")]


async def test_pagerduty_is_silent_when_it_is_needed(story: Story) -> None:
    """The lead cannot be paged: that is said; a minute later it is tried again, and works."""
    await declared(story)
    await later(story, 5.1)
    fault = story.sandbox.faults.add("pagerduty", "update incident", kind="status", status=503)
    await later(story, 10)
    failed = [text for text in thread(story) if "Paging level 2 failed" in text]
    assert len(failed) == 1
    await later(story, 1.1)
    assert len([text for text in thread(story) if "Paging level 2 failed" in text]) == 1
    story.sandbox.faults.remove(fault.id)
    await later(story, 1.1)
    assert any("Level 2 of the on-call policy is paged." in text for text in thread(story))
    assert pages(story)[-1] == (2, "bob")
    assert [said for kind, said in await times_of(story) if kind == "paged" and "Level 2" in said]


async def test_a_page_that_fails_on(story: Story) -> None:
    """Tried each minute over the turn of a clock's ten minutes it is said once, and once more ten minutes after that."""
    now = story.sandbox.world.clock.now()
    # the lead is paged 15 minutes after the declaration: less than a minute before full ten minutes
    story.sandbox.world.clock.jump((4 * 60 + 10 - now.minute % 10 * 60 - now.second) % 600)
    await declared(story)
    await later(story, 5.1)
    story.sandbox.faults.add("pagerduty", "update incident", kind="status", status=503)

    def failed() -> int:
        return len([text for text in thread(story) if "Paging level 2 failed" in text])

    await later(story, 10)
    due = await story.rows("select due_at from clocks where kind = 'ack_lead'")
    assert (failed(), due[0][0].minute % 10) == (1, 0)
    await later(story, 1.1)
    assert failed() == 1
    await later(story, 9)
    assert failed() == 2


async def test_a_page_whose_answer_is_lost_is_not_sent_twice(story: Story) -> None:
    """PagerDuty raised it and the answer never came: it is found there, and nobody is called twice."""
    await declared(story)
    await later(story, 5.1)
    story.sandbox.faults.add("pagerduty", "update incident", kind="lost", times=1)
    await later(story, 10)
    assert any("Level 2 of the on-call policy is paged." in text for text in thread(story))
    assert [page for page in pages(story) if page[0] == 2] == [(2, "bob")]


async def test_the_post_mortem_is_owed(story: Story) -> None:
    """Resolved, its post-mortem is reminded of after 24, 40 and 47 hours, and every day once it is overdue."""
    await declared(story)
    channel = room(story).id
    await types(story, "alice", "/ilab incident resolve", channel)

    def said() -> list[str]:
        return [one.text for one in in_room(story) if "The post-mortem of INC-1 is owed by" in one.text]

    for hours, words, count in (
        (24.01, "Half of its time is over.", 1),
        (16, "Its time is nearly over.", 2),
        (7, "It is due within the hour.", 3),
        (1, "It is overdue.", 4),
        (24, "It is overdue.", 5),
    ):
        await later(story, hours * 60)
        assert len(said()) == count
        assert words in said()[-1]
        assert f"<@{story.person('alice')}>" in said()[-1]
    assert sum("It is overdue." in text for text in thread(story)) == 2


@pytest.mark.parametrize("named", [True, False])
async def test_acknowledged_at_pagerduty(story: Story, *, named: bool) -> None:
    """What is acknowledged there is so here; said again, or of what somebody has, it changes nothing."""
    await declared(story)
    services = story.bots[0].core.services
    done_there = Elsewhere(
        where="PagerDuty",
        person=story.person("alice") if named else "",
        name="Alice Fischer",
        at=services.now(),
        key="webhook:1",
    )
    for _ in range(2):
        await acknowledged_elsewhere(services, 1, done_there)
    await done(story)
    assert await state_of(story) == "acknowledged"
    said = [text for text in thread(story) if "acknowledged by Alice Fischer (at PagerDuty)" in text]
    assert len(said) == 1
    too = Elsewhere(where="PagerDuty", person=story.person("bob"), name="Bob", at=services.now(), key="webhook:2")
    for _ in range(2):
        await acknowledged_elsewhere(services, 1, too)
    await done(story)
    assert sum("Bob acknowledged INC-1 at PagerDuty, too." in one.text for one in in_room(story)) == 1


async def test_resolved_at_pagerduty(story: Story) -> None:
    """Where health agrees it is over here; where something is red it stays open, said once, and is paged anew."""
    await declared(story)
    services = story.bots[0].core.services
    story.sandbox.vendors["site"].set_switch("site", "down")
    account = story.sandbox.vendors["pagerduty"].account
    account.resolve(account.incidents[0], "")
    there = Elsewhere(where="PagerDuty", person="", name="Alice", at=services.now(), key="webhook:1")
    for _ in range(2):
        await resolved_elsewhere(services, 1, there)
    await done(story)
    assert await state_of(story) == "declared"
    assert sum("Alice resolved INC-1 at PagerDuty, but health says" in text for text in thread(story)) == 1
    await until(lambda: len(account.incidents) == 2, "nobody was paged anew")
    story.sandbox.vendors["site"].set_switch("site", "up")
    later_there = Elsewhere(where="PagerDuty", person="", name="Alice", at=services.now(), key="webhook:2")
    await resolved_elsewhere(services, 1, later_there)
    await resolved_elsewhere(services, 1, later_there)
    await done(story)
    assert await state_of(story) == "resolved"
    assert any("INC-1 is resolved by Alice (at PagerDuty)" in text for text in thread(story))


async def test_killed_over_a_page(stage: Story) -> None:
    """Killed with -9 while the lead is being paged: the next bot finds the page, and the timeline tells it once."""
    async with stage.process() as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        await stage.says("frank", "/ilab incident declare P0 checkout answers 500")
        await set_up(stage)
        stage.sandbox.faults.add("pagerduty", "update incident", kind="slow", seconds=3)
        await stage.is_due("incident:1", "ack_lead")

        async def begun() -> bool:
            return bool(
                await stage.rows("select 1 from steps where subject like 'page:1:ack_lead:%%' and state = 'started'")
            )

        await until(begun, "it never began to page")
        process.kill()
        await process.wait()
    stage.sandbox.faults.clear()
    await stage.start()
    await stage.make_jobs_stalled()
    await done(stage)
    told = [said for kind, said in await times_of(stage) if "Level 2 of the on-call policy is paged." in said]
    assert len(told) == 1
    assert sum("Level 2 of the on-call policy is paged." in text for text in thread(stage)) == 1


async def test_a_drill_pages_nobody(story: Story) -> None:
    """Its ladder says who would be paged, every line says DRILL, and PagerDuty never hears of it."""
    await declared(story, "P2 checkout is down")
    async with story.bots[0].core.services.database.transaction() as transaction:
        await transaction.execute("update incidents set drill = 'checkout-down'")
    await types(story, "alice", "/ilab incident severity INC-1 p0 to see")
    await set_up(story)
    await later(story, 5.1)
    await types(story, "alice", "/ilab incident ack INC-1")
    await types(story, "alice", "/ilab incident assess INC-1 other")
    await types(story, "alice", "/ilab incident resolve INC-1")
    assert story.sandbox.vendors["pagerduty"].account.incidents == []
    said = [one.text for one in in_room(story) if one.raw.get("bot_id") and not one.raw.get("subtype")]
    assert all("DRILL" in text.splitlines()[0] for text in said), said
    assert any("Level 1 of the on-call policy would be paged now; a drill pages nobody." in text for text in said)
    assert card(story).first_line.endswith("DRILL INC-1 P0 checkout is down")


async def test_a_private_one_leaks_nowhere(story: Story) -> None:
    """Every step of a private P0: the canary in its title and its texts stands in no channel but its own, and not at PagerDuty."""
    await story.asks("alice", "/ilab incident declare --private P0 the canarybird leaked")
    await set_up(story)
    channel = room(story).id
    for words in (
        "ack",
        "incident assess other --share 1 canarybird one",
        "incident update canarybird two",
        "incident note canarybird three",
        "incident severity p1 canarybird four",
        "incident lead",
        "incident title the canarybird flew --rename",
        "incident milestone started 5m --reason canarybird five",
        "incident mitigate canarybird six",
        "incident reopen canarybird seven",
        "incident snooze 45m",
    ):
        await types(story, "alice", f"/ilab {words}", channel)
    await later(story, 60)
    await types(story, "alice", "/ilab incident resolve canarybird eight", channel)
    await types(story, "alice", "/ilab incident reopen canarybird nine", channel)
    await types(story, "alice", "/ilab incident cancel canarybird ten", channel)
    workspace = story.sandbox.workspace
    elsewhere = [
        message
        for other in workspace.state.channels.values()
        if other.id != channel and not other.is_im
        for message in other.messages
    ]
    assert not any("canarybird" in str(message) for message in elsewhere)
    assert "canarybird" not in str(story.sandbox.vendors["pagerduty"].account.incidents)
    assert not any("canarybird" in str(row) for row in await story.rows("select detail from audit"))
    refused = await types(story, "erin", "/ilab incident show INC-1")
    assert refused.first_line == "There is no INC-1."


async def test_pagerdutys_webhooks_are_heard(stage: Story) -> None:
    """Alice presses in PagerDuty's own app: it is hers here, too, and our own word that comes back does nothing."""
    bot = await stage.start(ILAB_WEB__PORT="0")
    stage.sandbox.world.webhooks.url = bot.address
    await declared(stage)
    account = stage.sandbox.vendors["pagerduty"].account
    account.acknowledge(account.incidents[0], stage.sandbox.world.person("alice"))
    await stage.sandbox.world.webhooks.settled()
    await until(
        lambda: any("acknowledged by Alice Ito (at PagerDuty)" in text for text in thread(stage)), "nobody heard"
    )
    await done(stage)
    assert await stage.rows("select acknowledged_by from incidents") == [(stage.person("alice"),)]
    await types(stage, "alice", "/ilab incident mitigate INC-1 restarted")
    await types(stage, "alice", "/ilab incident reopen INC-1 not yet")
    await stage.sandbox.world.webhooks.settled()
    await done(stage)
    assert [kind for kind, _ in await times_of(stage) if kind == "acknowledged"] == ["acknowledged"]
    account.resolve(account.incidents[0], "", stage.sandbox.world.person("alice"))
    await stage.sandbox.world.webhooks.settled()
    await until(lambda: any("resolved by Alice Ito (at PagerDuty)" in text for text in thread(stage)), "nobody heard")
    await done(stage)
    assert await state_of(stage) == "resolved"
