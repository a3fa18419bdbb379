"""Several copies of the bot on one database, and one of them may die: whatever is done, is done once."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest
from grants import ASK, asked, card, granted
from incidents import declared, done, in_room, later, thread
from storytelling import Story, ilab, until

from bot.store.database import DatabaseSilentError
from sandbox.slack.interactions import NotAllowedError

PRESSING = ("bob", "dave", "carol", "alice", "frank")
"""The requester, two who may approve, and two who may not."""


async def test_a_hundred_presses(stage: Story) -> None:
    """Five people press twenty times each, and one of two copies is killed meanwhile: it runs once, and is told once."""
    await stage.start()
    async with stage.process() as doomed:
        await stage.sandbox.workspace.socket.wait_for_connections(2, limit=30)
        await stage.says("bob", ASK)
        shown = await stage.news("bob", lambda said: "Grant · request" in said.text, "ops-approvals")
        before = await granted(stage)
        button = shown.button("Approve")
        container = {"type": "message", "channel": stage.channel("ops-approvals"), "ts": shown.raw["ts"]}
        heard = 0

        async def press(name: str) -> bool:
            nonlocal heard
            outcome = await stage.sandbox.workspace.click(
                stage.person(name), container, button["action_id"], value=button["value"]
            )
            heard += 1
            return outcome.ok

        presses = [asyncio.create_task(press(name)) for name in PRESSING * 20]
        await until(lambda: heard >= 25, "nobody was heard")
        doomed.kill()
        await doomed.wait()
        outcomes = await asyncio.gather(*presses)
    assert sum(outcomes) >= 50  # the others were told by Slack that the app does not answer
    await stage.expire_claims()
    await stage.make_jobs_stalled()
    await until(lambda: "succeeded" in card(stage).text, "it never ran", 40)
    await until(lambda: _all_handled(stage), "something was never handled", 40)
    await stage.settled()
    assert await granted(stage) == (before[0] + 1, before[1] + 1)
    assert len([said for said in stage.sees("dave", "ops-approvals") if "Grant · request" in said.text]) == 1
    told = [said for said in stage.sees("bob", stage.direct("bob")) if "Request 1 succeeded" in said.text]
    assert len(told) == 1
    (approved,) = await stage.rows("select actor from audit where kind = 'request.approved'")
    assert approved[0] in (stage.person("dave"), stage.person("carol"))
    assert await stage.rows("select count(*) from audit where kind = 'request.executed'") == [(1,)]
    answers = {
        name: [said.first_line for said in stage.sees(name, "ops-approvals") if said.ephemeral] for name in PRESSING
    }
    assert all(answers.values())
    for name in ("bob", "alice", "frank"):
        assert not any(line.startswith(("Approved", "Noted")) for line in answers[name])
    assert sum(line.startswith("Approved") for name in ("dave", "carol") for line in answers[name]) in (1, 2)


async def test_sixty_press_at_once_on_one_copy(story: Story) -> None:
    """They wait for their turn at its few connections: nobody is told that the database is silent, for it is not."""
    await asked(story, name="erin")
    said = await story.news("bob", lambda said: "Grant · request" in said.text, "ops-approvals")
    button = said.button("Approve")
    container = {"type": "message", "channel": story.channel("ops-approvals"), "ts": said.raw["ts"]}
    story.sandbox.databases["own"].set("slow", seconds=0.02)
    outcomes = await asyncio.gather(
        *(
            story.sandbox.workspace.click(story.person(name), container, button["action_id"], value=button["value"])
            for name in PRESSING * 12
        )
    )
    assert all(outcome.ok for outcome in outcomes)
    await until(lambda: "succeeded" in card(story).text, "it never ran", 40)
    story.sandbox.databases["own"].set("up")
    await until(lambda: _all_handled(story), "something was never handled", 40)
    await until(lambda: not story.bots[0].core.journal.waiting, "the journal was never set aside", 20)
    await story.settled()
    told = [one.first_line for name in set(PRESSING) for one in story.sees(name, "ops-approvals") if one.ephemeral]
    assert len(told) >= len(set(PRESSING))
    assert DatabaseSilentError().what not in told
    assert await story.rows("select count(*) from audit where kind = 'request.approved'") == [(1,)]


async def _all_handled(story: Story) -> bool:
    return await story.rows("select count(*) from inbox where done_at is null") == [(0,)]


async def test_a_requester_approves_by_no_entry(story: Story) -> None:
    """Bob may approve, but not what he asked for: not by the button, not by words, not in a terminal with his own token."""
    await asked(story, name="bob")
    before = await granted(story)
    refusal = "You asked for this yourself."
    assert (await story.presses("bob", "Approve", "ops-approvals")).first_line == refusal
    assert (await story.asks("bob", "/ilab approve 1")).first_line == refusal
    assert (await story.asks("bob", "<@U0ILABBOT> approve 1")).first_line == refusal
    assert (await story.asks("bob", "approve 1", story.direct("bob"))).first_line == refusal
    token = re.search(r"ILAB_TOKEN=(ilab_[\w-]+)", (await story.asks("bob", "/ilab token issue")).text)[1]
    for words in (("approve", "1"), ("run", "approve", "1")):
        status, out, _ = await ilab(story, *words, token=token)
        assert (status, out.splitlines()[0].removeprefix("✖ ")) == (1, refusal)
    async with await psycopg.AsyncConnection.connect(story.proxies["own"].conninfo) as connection:
        with pytest.raises(psycopg.errors.CheckViolation, match="approver_is_not_requester"):
            await connection.execute("insert into approvals select id, requester, requester, now() from requests")
    await story.settled()
    assert "awaits approval" in card(story).text
    assert await granted(story) == before
    assert await story.rows("select count(*) from approvals") == [(0,)]


async def test_a_guest_does_nothing(story: Story) -> None:
    """Gus sees no card, may ask for nothing, approve nothing, and declare nothing; a press that he forges changes nothing."""
    await asked(story)
    before = await granted(story)
    shown = card(story)
    button = shown.button("Approve")
    container = {"type": "message", "channel": story.channel("ops-approvals"), "ts": shown.raw["ts"]}
    with pytest.raises(NotAllowedError):
        await story.sandbox.workspace.click(story.person("gus"), container, button["action_id"], value=button["value"])
    for words in ("approve 1", "deny 1 no", "withdraw 1", "grant a@example.com 5 --reason x", "incident declare P0 x"):
        said = await story.asks("gus", f"/ilab {words}", "support")
        assert said.first_line == "You may not do this.", words
    payload: dict[str, Any] = {
        "type": "block_actions",
        "team": {"id": "T0ILAB001"},
        "user": {"id": story.person("gus"), "team_id": "T0ILAB001"},
        "api_app_id": "A0ILABAPP",
        "container": {"type": "message", "channel_id": container["channel"], "message_ts": container["ts"]},
        "channel": {"id": container["channel"], "name": "ops-approvals"},
        "trigger_id": "1.2.forged",
        "response_url": "",
        "actions": [{**button, "type": "button", "block_id": "b", "action_ts": "1.1"}],
    }
    await story.sandbox.workspace.deliver_raw(payload, times=1)
    await story.settled()
    assert "awaits approval, 0 of 1" in card(story).text
    assert await granted(story) == before
    assert await story.rows("select count(*) from requests") == [(1,)]
    assert await story.rows("select count(*) from incidents") == [(0,)]
    assert await story.rows("select count(*) from audit where kind = 'denied'") == [(6,)]


def pages(story: Story) -> list[tuple[int, str]]:
    """Who PagerDuty has notified, and at which level."""
    return [(page.level, page.person.name) for page in story.sandbox.vendors["pagerduty"].account.pages]


def unacknowledged(story: Story) -> list[str]:
    """What was said of nobody having acknowledged, in the thread."""
    return [text for text in thread(story) if "is not acknowledged" in text]


async def test_three_copies_climb_the_ladder_once(stage: Story) -> None:
    """Nobody acknowledges while three copies run: reminder, page, lead, CTO, each said and paged once."""
    async with AsyncExitStack() as copies:
        for _ in range(3):
            await copies.enter_async_context(stage.bot())
        await declared(stage)
        assert pages(stage) == [(1, "alice")]
        said = 0
        for minutes, paged in ((3.1, None), (2, (1, "alice")), (10, (2, "bob")), (30, (3, "carol"))):
            before = pages(stage)
            await later(stage, minutes)
            said += 1
            assert len(unacknowledged(stage)) == said
            assert pages(stage)[len(before) :] == ([paged] if paged else [])
        for text in unacknowledged(stage):
            assert sum(text == one for one in thread(stage)) == 1
        assert sum("is not acknowledged" in one.text for one in in_room(stage)) == said


async def test_three_copies_were_down_when_two_fell_due(stage: Story) -> None:
    """The page at 5 minutes and the lead at 15 fell due while none ran: three that start at once say each of them once."""
    async with stage.bot():
        await declared(stage)
        await later(stage, 3.1)
        assert len(unacknowledged(stage)) == 1
    stage.sandbox.world.clock.jump(13 * 60)
    async with AsyncExitStack() as copies:
        await asyncio.gather(*(copies.enter_async_context(stage.bot()) for _ in range(3)))
        await done(stage)
        assert len(unacknowledged(stage)) == 3
        assert len([text for text in unacknowledged(stage) if "later than it should be" in text]) == 2
        assert sorted(pages(stage)[1:]) == [(1, "alice"), (2, "bob")]
        await later(stage, 30)
        assert pages(stage)[3:] == [(3, "carol")]
        assert len(unacknowledged(stage)) == 4
