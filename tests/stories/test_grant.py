"""`grant`: asked by one person, approved by another, done once."""

from __future__ import annotations

import asyncio
import re

import psycopg
import pytest
from grants import ASK, WHO, asked, card, granted, product
from storytelling import Story, ilab, until

from bot.store import clocks
from sandbox.product import company_of


async def test_asked_approved_done(story: Story) -> None:
    """Erin asks, bob approves, five interviews are there: entitlement, history with both names, and erin is told."""
    before = await granted(story)
    said = await asked(story)
    assert said.ephemeral
    assert (
        said.first_line
        == "Request 1 waits for approval: grant 5 professional interviews to n•••@example.com: balance 0 → 5"
    )
    shown = card(story)
    assert WHO not in shown.text
    assert "awaits approval, 0 of 1" in shown.text
    assert shown.buttons == ["Approve", "Deny…", "Hand on…", "Show who"]
    assert shown.button("Approve")["confirm"]["text"]["text"].startswith("grant 5 professional interviews to")
    assert [(ping.kind, ping.target) for ping in story.sandbox.workspace.pings] == [("group", "S0APPROVE")]
    pressed = await story.presses("bob", "Approve", "ops-approvals")
    assert pressed.first_line == "Approved. Request 1 runs now."
    await until(lambda: "succeeded" in card(story).text, "it never ran")
    await story.settled()
    assert "5 granted, balance 0 → 5" in card(story).text
    assert "approved by bob" in card(story).text
    assert card(story).buttons == ["Show who"]
    assert await granted(story) == (before[0] + 1, before[1] + 1)
    (note,) = (
        await product(story, "select metadata from entitlement_history where action = 'grant' and metadata ? 'request'")
    )[0]
    assert note["requested_by"] == story.person("erin")
    assert note["approved_by"] == [story.person("bob")]
    assert note["reason"] == "the webhook was lost"
    told = [said.text for said in story.sees("erin", story.direct("erin"))]
    assert any("Request 1 succeeded: 5 granted" in text for text in told)
    kinds = [row[0] for row in await story.rows("select kind from audit order by seq")]
    assert kinds == ["request.asked", "request.approved", "request.executed"]
    assert len(story.sees("bob", "ops-approvals")) == 2  # the card, and bob's own answer


async def test_nobody_approves_their_own(story: Story) -> None:
    """Bob, an approver, asks; his own press is refused, by button and by words; a second approver's press runs it."""
    await asked(story, name="bob")
    assert (await story.presses("bob", "Approve", "ops-approvals")).first_line == "You asked for this yourself."
    assert (await story.asks("bob", "/ilab approve 1")).first_line == "You asked for this yourself."
    assert (await story.asks("bob", "/ilab deny 1 no")).first_line == "You asked for this yourself."
    await story.presses("dave", "Approve", "ops-approvals")
    await until(lambda: "succeeded" in card(story).text, "it never ran")


@pytest.mark.parametrize("name", ["erin", "frank"])
async def test_who_may_not_approve(story: Story, name: str) -> None:
    """A responder's and a viewer's press is refused with the role named, and changes nothing."""
    await asked(story, name="alice")
    said = await story.presses(name, "Approve", "ops-approvals")
    assert "needs an approver" in said.text
    assert "awaits approval" in card(story).text


async def test_the_database_refuses_a_second(story: Story) -> None:
    """By hand: the same request's history again, or the same Stripe session again, is refused by the product."""
    company = company_of(story.sandbox.world)
    lost = company.books.cases["paid_no_credits"]
    purchase = next(one for one in company.books.purchases if one.customer == lost)
    email = purchase.customer.email
    await asked(story, f"/ilab grant {email} --preset webhook --session {purchase.session_id} --reason lost")
    await story.presses("bob", "Approve", "ops-approvals")
    await until(lambda: "succeeded" in card(story).text, "it never ran")
    async with await psycopg.AsyncConnection.connect(story.direct_product, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            await connection.execute(
                "insert into entitlements (user_id, type, stripe_session_id)"
                " select user_id, type, stripe_session_id from entitlements where stripe_session_id = %s",
                [purchase.session_id],
            )
        with pytest.raises(psycopg.errors.UniqueViolation):
            await connection.execute(
                "insert into entitlement_history (user_id, entitlement_id, action, new_balance, metadata)"
                " select user_id, entitlement_id, action, new_balance, metadata from entitlement_history"
                " where metadata ? 'request'"
            )
    again = await story.asks("erin", f"/ilab grant {email} 5 --session {purchase.session_id} --reason again")
    assert again.first_line == "This session was granted already."
    by_hand = next(one for one in company.books.purchases if one.customer == company.books.cases["manual_grant"])
    words = f"/ilab grant {by_hand.customer.email} 5 --session {by_hand.session_id} --reason again"
    # the runbook's own INSERT names the session in the history alone
    assert (await story.asks("erin", words)).first_line == "This session was granted already."


async def test_a_plan_that_is_no_longer_true(story: Story) -> None:
    """The balance changes after the plan: the press is refused, nothing runs, and the card says why."""
    await asked(story)
    async with await psycopg.AsyncConnection.connect(story.direct_product, autocommit=True) as connection:
        await connection.execute(
            "insert into entitlements (user_id, type, status, remaining_interviews)"
            " select id, 'interview_package', 'active', 2 from auth.users where email = %s",
            [WHO],
        )
    before = await granted(story)
    said = await story.presses("bob", "Approve", "ops-approvals")
    assert said.first_line == "Request 1 is stale, and was not run."
    assert "The balance is 2 now, and was 0" in said.text
    await story.settled()
    assert "stale" in card(story).text
    assert await granted(story) == before


async def test_the_product_lacks_what_a_grant_needs(story: Story) -> None:
    """Where `004_ilab.sql` was never applied, the plan says so, before anybody approves anything."""
    async with await psycopg.AsyncConnection.connect(story.direct_product, autocommit=True) as connection:
        await connection.execute("drop schema ilab cascade")
    said = await story.asks("erin", ASK)
    assert said.first_line == "The product's database lacks what a grant needs."
    assert "004_ilab.sql" in said.text


async def test_denied_with_a_reason(story: Story) -> None:
    """Deny without a reason opens a form; the reason stands on the card, and nothing is granted."""
    await asked(story)
    before = await granted(story)
    said = await story.asks("bob", "/ilab deny 1 they have a subscription")
    assert said.first_line == "Request 1 is denied."
    await story.settled()
    assert "they have a subscription" in card(story).text
    assert card(story).buttons == ["Show who"]
    assert (await story.asks("dave", "/ilab approve 1")).first_line == "Request 1 is rejected already."
    assert await granted(story) == before


async def test_withdrawn_by_its_requester(story: Story) -> None:
    """Only who asked may withdraw; afterwards nobody can approve it."""
    await asked(story)
    assert (
        await story.asks("alice", "/ilab withdraw 1")
    ).first_line == "Only the one who asked can withdraw a request."
    assert (await story.presses("erin", "Withdraw it")).first_line == "Request 1 is withdrawn."
    await story.settled()
    assert "withdrawn" in card(story).text


async def test_it_reminds_once_and_expires(story: Story) -> None:
    """After a quarter of an hour it is said once that it waits; after a day it is over."""
    await asked(story)
    story.sandbox.world.clock.jump(16 * 60)
    await story.news("bob", lambda said: "still waits for approval" in said.text, "ops-approvals")
    story.sandbox.world.clock.jump(24 * 3600)
    await until(lambda: "expired" in card(story).text, "it never expired")
    assert sum("still waits" in said.text for said in story.sees("bob", "ops-approvals")) == 1
    await story.says("bob", "/ilab approve 1")
    await story.news("bob", lambda said: said.first_line == "Request 1 is expired already.")


async def test_the_product_is_silent_while_it_runs(story: Story) -> None:
    """The product's database goes away after the approval: it waits as executing, and runs once when it is back."""
    await asked(story)
    before = await granted(story)
    async with story.bots[0].core.services.database.transaction() as transaction:
        # the approval commits while the product still answers; the job meets it silent
        await clocks.stop(transaction, "nothing")
    story.sandbox.faults.clear()
    pressing = asyncio.create_task(story.presses("bob", "Approve", "ops-approvals"))
    await until(lambda: story.state_of(1, "executing", "succeeded"), "never approved")
    story.sandbox.databases["product"].set("down")
    await pressing
    story.sandbox.databases["product"].set("up")
    await story.tries_again(1, unless="succeeded")
    story.sandbox.world.clock.jump(11)
    await until(lambda: "succeeded" in card(story).text, "it never ran")
    assert await granted(story) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("/ilab grant nobody@example.com 5 --reason x", "There is no customer with this e-mail address."),
        (f"/ilab grant {WHO} --reason x", "How many interviews?"),
        (f"/ilab grant {WHO} 500 --reason x", "it must be a whole number from 1 to 50"),
        (f"/ilab grant {WHO} 5 --perks gold --reason x", "There is no perk “gold”."),
        (f"/ilab grant {WHO} 5 --session cs_none --reason x", "Stripe knows no such checkout session."),
        ("/ilab approve 99", "You may not do this."),
    ],
)
async def test_what_is_wrong_is_said(story: Story, words: str, says: str) -> None:
    """Each wrong thing gets its sentence, and nothing waits; what the plan refuses is kept, with who asked."""
    said = await story.asks("erin", words)
    assert says in said.text
    kept = await story.rows("select state, requester, reason like %s from requests", f"{says}%")
    assert kept in ([], [("denied", story.person("erin"), True)])
    assert await story.rows("select count(*) from audit where kind = 'request.refused'") == [(len(kept),)]


async def test_the_address_is_shown_to_one(story: Story) -> None:
    """The card masks the address; *Show who* gives it to the one who asks, and to nobody else."""
    await asked(story)
    said = await story.presses("alice", "Show who", "ops-approvals")
    assert said.first_line == f"Request 1 is about {WHO}."
    assert said.ephemeral
    assert (await story.asks("erin", "/ilab approvals who 1")).first_line == f"Request 1 is about {WHO}."
    assert "You may not do this." in (await story.asks("frank", "/ilab approvals who 1")).text
    kept = await story.rows("select r::text from requests r union all select a::text from audit a")
    kept += await story.rows("select p::text from posts p union all select c::text from cards c")
    assert not any(WHO in row for (row,) in kept)
    assert kept


async def test_killed_in_the_middle(stage: Story) -> None:
    """Killed with -9 after the approval, while the product does not answer: the next bot does it, once."""
    async with stage.process() as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        await stage.says("erin", ASK)
        await until(
            lambda: any("Grant · request" in said.text for said in stage.sees("bob", "ops-approvals")), "no card"
        )
        before = await granted(stage)
        shown = card(stage)
        element = shown.button("Approve")
        container = {"type": "message", "channel": stage.channel("ops-approvals"), "ts": shown.raw["ts"]}
        await stage.sandbox.workspace.click(
            stage.person("bob"), container, element["action_id"], value=element["value"]
        )
        await until(lambda: stage.state_of(1, "executing", "succeeded"), "never approved")
        process.kill()
        await process.wait()
    await stage.start()
    await stage.make_jobs_stalled()
    await until(lambda: "succeeded" in card(stage).text, "it never ran", 30)
    await stage.settled()
    assert await granted(stage) == (before[0] + 1, before[1] + 1)
    told = [said for said in stage.sees("erin", stage.direct("erin")) if "Request 1 succeeded" in said.text]
    assert len(told) == 1


async def test_from_a_terminal(story: Story) -> None:
    """Asked in Slack, approved by `ilab approve` in a terminal with bob's token; erin's token may not."""
    await asked(story)
    tokens = {}
    for name in ("erin", "bob"):
        shown = await story.asks(name, "/ilab token issue")
        tokens[name] = re.search(r"ILAB_TOKEN=(ilab_[\w-]+)", shown.text)[1]
    status, out, _ = await ilab(story, "approve", "1", token=tokens["erin"])
    assert status == 1
    assert "needs an approver" in out
    status, out, _ = await ilab(story, "approve", "1", token=tokens["bob"])
    assert (status, out.splitlines()[0]) == (0, "Approved. Request 1 runs now.")
    await until(lambda: "succeeded" in card(story).text, "it never ran")
    assert await story.rows("select detail ->> 'surface' from audit where kind = 'request.approved'") == [("terminal",)]


async def test_two_approvals_where_the_settings_ask_for_two(stage: Story) -> None:
    """With a quorum of two, the first approval is noted, pressing again changes nothing, the second person's runs it."""
    await stage.start(ILAB_APPROVALS__RULES='{\\"grant\\": {\\"quorum\\": 2}}')
    await asked(stage)
    assert (
        await stage.presses("bob", "Approve", "ops-approvals")
    ).first_line == "Noted: 1 of 2 approvals of request 1."
    again = await stage.asks("bob", "/ilab approve 1")
    assert again.first_line == "You have approved request 1 already."
    await stage.settled()
    assert "1 of 2, by bob" in card(stage).text
    await stage.asks("dave", "/ilab approve 1")
    await until(lambda: "succeeded" in card(stage).text, "it never ran")
    assert "approved by bob and dave" in card(stage).text


async def test_approvals_lists_what_waits(story: Story) -> None:
    """What waits for me, with a button; nothing for whom nothing waits."""
    assert (await story.asks("bob", "/ilab approvals")).first_line == "Nothing waits for approval."
    await asked(story)
    said = await story.asks("bob", "/ilab approvals")
    assert said.first_line == "1 waits for you."
    assert said.buttons == ["Approve 1"]
    assert (await story.asks("erin", "/ilab approvals")).buttons == []


async def test_the_form(story: Story) -> None:
    """`grant` alone opens a form; what is wrong in it is said above it, nothing typed is lost, and then it is asked."""
    said = await story.says("erin", "/ilab grant")
    assert said.ok
    await story.settled()
    form = story.modal("erin")
    assert form is not None
    assert [line for line in form.text.splitlines() if line.endswith("____")] == [
        f"{field}: ____" for field in ("Email", "Interviews", "Reason", "Preset", "Tier", "Perks", "Session")
    ]
    wrong = await story.submits("erin", email="no address", interviews="many", reason="lost")
    assert wrong.errors == {
        "email": "“no address” does not fit “email”: it must be an e-mail address, such as ann@example.com.",
        "interviews": "“many” does not fit “interviews”: it must be a whole number from 1 to 50.",
    }
    refused = await story.submits("erin", email="nobody@example.com", interviews="5", reason="the webhook was lost")
    assert refused.first_line == "There is no customer with this e-mail address."
    initial = {
        block["block_id"]: block["element"].get("initial_value")
        for block in refused.raw["blocks"]
        if block["type"] == "input"
    }
    assert (initial["email"], initial["interviews"], initial["reason"]) == (
        "nobody@example.com",
        "5",
        "the webhook was lost",
    )
    no_number = await story.submits("erin", email=WHO, interviews="", reason="the webhook was lost", perks="gold")
    assert no_number.first_line == "There is no perk “gold”."
    asked_now = await story.submits("erin", email=WHO, interviews="", reason="lost", preset="webhook", perks="")
    assert asked_now.first_line.startswith("Request 2 waits for approval: grant 5 professional interviews to n•••")


async def test_a_button_fills_the_form_in(story: Story) -> None:
    """*Grant…* on a customer's account opens the form with the address in it; the button itself carries none."""
    said = await story.asks("erin", f"/ilab user show {WHO}")
    element = said.button("Grant…")
    assert WHO not in element["value"]
    container = {"type": "ephemeral", "channel": story.channel("incidents"), "ts": said.raw["ts"]}
    outcome = await story.sandbox.workspace.click(
        story.person("erin"), container, element["action_id"], value=element["value"]
    )
    assert outcome.ok
    await story.settled()
    form = story.modal("erin")
    assert form is not None
    email = next(block for block in form.raw["blocks"] if block.get("block_id") == "email")
    assert email["element"]["initial_value"] == WHO
    asked_now = await story.submits("erin", interviews="3", reason="sorry")
    assert asked_now.first_line.startswith("Request 1 waits for approval: grant 3 interviews to n•••@example.com")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (f"grant {WHO} 5 --preset gold --reason x", "“gold” does not fit “preset”: it must be one of webhook, free."),
        (f"grant {WHO} 5 --preset webhok --reason x", "Did you mean “webhook”?"),
        (f"grant {WHO} webhook --reason x", "“webhook” does not fit “interviews”"),
        (f"grant {WHO} 5 --tier gold --reason x", "There is no tier “gold”."),
        (f"grant {WHO} 0 --reason x", "it must be a whole number from 1 to 50"),
        ("grant ann 5 --reason x", "it must be an e-mail address"),
    ],
)
async def test_a_wrong_word(story: Story, words: str, says: str) -> None:
    """Each gets its sentence, and the usage."""
    said = await story.asks("erin", f"/ilab {words}")
    assert says in said.text
    assert "Usage: `/ilab grant" in said.text
