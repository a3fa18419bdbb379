"""`payment`: what became of what somebody paid, where it broke, and what mends it."""

from __future__ import annotations

import asyncio
import re
from typing import Final, LiteralString

import psycopg
import pytest
from buyers import entitlements, event_of, product, purchases, sent_again, starts_an_interview
from storytelling import Said, Story, ilab, until

from sandbox.product import company_of
from sandbox.product.books import CASES


async def traced(story: Story, case: str) -> Said:
    """Erin traces somebody's payment, by their address."""
    return await story.asks("erin", f"/ilab payment trace {CASES[case]}")


# the verdict


VERDICTS: Final[tuple[tuple[str, str, list[str] | None], ...]] = (
    ("card_declined", "Never paid: the card was declined (insufficient funds).", ["History"]),
    ("checkout_left", "Never paid: the checkout was opened 30 h ago, left, and has expired.", ["History"]),
    ("never_bought", "Never paid: Stripe knows no checkout of this address.", ["History"]),
    (
        "webhook_unsent",
        "Never sent: paid, and Stripe sent the event to nobody: no endpoint was enabled for it then.",
        ["Redeliver", "Grant by hand", "History"],
    ),
    (
        "webhook_unheard",
        "Undelivered: paid, and the event has not reached our server in 9 h; Stripe tries for three days.",
        ["Redeliver", "Grant by hand", "History"],
    ),
    (
        "webhook_badly_signed",
        "Bad signature: paid and delivered, and our server took the signature for a wrong one: its secret is not the"
        " endpoint's.",
        ["Grant by hand", "Redeliver", "History"],
    ),
    (
        "paid_no_credits",
        "Handler failed: paid and delivered, and our server answered 500: canceling statement due to"
        " statement timeout.",
        ["Redeliver", "Grant by hand", "History"],
    ),
    (
        "entitlement_vanished",
        "Processed, but no entitlement: our server took the event, and the product holds nothing for it.",
        ["Redeliver", "Grant by hand", "History"],
    ),
    ("granted_twice", "Granted twice: 2 entitlements for one payment.", ["Take back", "History"]),
    (
        "manual_grant",
        "Granted by hand: the webhook gave nothing, and somebody did (webhook failure).",
        ["History"],
    ),
    ("plus", "Ok: paid and granted (professional, 3 left, active).", ["History"]),
    ("capitals", "Ok: paid and granted (starter, 1 left, active).", ["History"]),
    ("subscription_lost", "Handler failed: paid and delivered, and our server answered 500", None),
)


async def test_the_verdict_names_the_link_that_broke(story: Story) -> None:
    """One word for where it broke, in the first line; then every link; then what mends it. Only the asker sees it."""
    for case, says, buttons in VERDICTS:
        said = await traced(story, case)
        assert says in said.first_line, case
        assert said.ephemeral
        if buttons is not None:
            assert said.buttons == buttons
        assert "Runbook: Issue 3: Payment Webhook Failed" in said.text
        held = str([said.button(label).get("value") for label in said.buttons])
        assert CASES[case].lower() not in held.lower()  # an address never stands in a button


async def test_every_link_is_shown(story: Story) -> None:
    """Each link with its sign and its age, in order; how far the log reaches where that is too short."""
    said = (await traced(story, "paid_no_credits")).text
    signs = [line.partition("  ")[0] for line in said.splitlines()[2:7]]
    assert signs == [
        ":white_check_mark: Checkout",
        ":white_check_mark: Event",
        ":warning: Delivery",
        ":red_circle: Server log",
        ":red_circle: Entitlement",
    ]
    assert "39.00 USD paid  _3 h ago_" in said
    old = (await traced(story, "manual_grant")).text
    assert ":grey_question: Server log  could not check: the log reaches back to" in old


async def test_two_causes_at_once(story: Story) -> None:
    """The handler failed, and the endpoint is off since: both stand in the first line; so does another payment of theirs."""
    story.sandbox.vendors["stripe"].set_switch("webhook_endpoint", "disabled")
    said = await traced(story, "paid_no_credits")
    assert said.first_line == (
        ":red_circle: Handler failed: paid and delivered, and our server answered 500: canceling statement due to"
        " statement timeout; also endpoint shut: no further delivery comes, and the endpoint we_1IlabProduct is"
        " disabled now."
    )
    both = await traced(story, "two_payments_lost")
    older = purchases(story, "two_payments_lost")[0]
    assert both.first_line.endswith("is disabled now. 1 more of their payments went wrong.")
    assert f"{older.session_id}  19.00 USD: paid, nothing granted" in both.text
    other = await story.presses("erin", f"Trace {older.session_id[-12:]}", said=both)
    assert other.first_line.startswith(":red_circle: Bad signature: ")


async def test_whatever_names_the_payment(story: Story) -> None:
    """A session, an event, a payment, an address in capitals: the same verdict."""
    (bought,) = purchases(story, "paid_no_credits")
    names = (
        bought.session_id,
        event_of(bought),
        f"pi_{bought.suffix}",
        f"evt_{bought.suffix}ch",
        bought.customer.email.upper(),
    )
    for name in names:
        said = await story.asks("erin", f"/ilab payment trace {name}")
        assert said.first_line.startswith(":red_circle: Handler failed: "), name


async def test_what_names_no_payment(story: Story) -> None:
    """Each gets its sentence."""
    for of, says in (
        ("nobody@example.com", "Nobody has this e-mail address."),
        ("cs_test_none", "Stripe knows no checkout session called cs_test_none."),
        ("pi_none", "No checkout belongs to pi_none."),
        ("evt_none", "Stripe knows no event of the last 30 days called evt_none."),
        ("evt_3Beat", "Stripe knows no event of the last 30 days"),
        ("petra", "“petra” names no payment."),
    ):
        assert says in (await story.asks("erin", f"/ilab payment trace {of}")).first_line


async def test_who_may_trace(story: Story) -> None:
    """A viewer may not: customers' addresses are not everybody's."""
    assert "needs a responder" in (await story.asks("frank", "/ilab payment trace cs_test_1")).text


async def test_one_silent_vendor_leaves_the_rest(story: Story) -> None:
    """No log, or no database: that link could not be checked, is never ok, and the others are told all the same."""
    story.sandbox.faults.add("vercel", "search request logs", kind="html")
    said = await traced(story, "paid_no_credits")
    assert ":grey_question: Server log  could not check: Vercel's log history" in said.text
    assert said.first_line.startswith(":red_circle: Undelivered: ")
    story.sandbox.faults.clear()
    story.sandbox.databases["product"].set("down")
    said = await story.asks("erin", f"/ilab payment trace {purchases(story, 'plus')[0].session_id}")
    assert said.first_line.startswith(":grey_question: Could not tell: the product could not be asked")
    assert ":grey_question: Entitlement  could not check" in said.text


async def test_stripe_is_silent(story: Story) -> None:
    """Too many requests is said, with nothing made up; of a session the product is asked all the same."""
    story.sandbox.vendors["stripe"].set_switch("api", "rate_limited")
    said = await traced(story, "plus")
    assert said.first_line == "Stripe had too many requests from us (429)."
    (bought,) = purchases(story, "plus")
    said = await story.asks("erin", f"/ilab payment trace {bought.session_id}")
    assert said.first_line.startswith(":grey_question: Could not tell: Stripe could not be asked")
    assert ":white_check_mark: Entitlement  professional, 3 left, active" in said.text


# what mends it


@pytest.mark.parametrize("case", ["webhook_unsent", "webhook_unheard", "paid_no_credits", "entitlement_vanished"])
async def test_redelivering_mends_it(story: Story, case: str) -> None:
    """The customer cannot start an interview; one press later they can, and the trace is green."""
    (bought,) = purchases(story, case)
    assert await starts_an_interview(story, case) == 402
    said = await story.presses("erin", "Redeliver", said=await traced(story, case))
    assert said.first_line == (
        ":white_check_mark: Request 1 succeeded: Stripe delivered it again, and what was paid has arrived."
    )
    assert await starts_an_interview(story, case) == 201
    assert await entitlements(story, bought) == 1
    again = await story.presses("erin", "Trace it", said=said)
    assert again.first_line.startswith(":white_check_mark: Ok: paid and granted")
    kinds = [row[0] for row in await story.rows("select kind from audit order by seq")]
    assert kinds == ["request.asked", "request.executed"]


async def test_granting_mends_it(story: Story) -> None:
    """The button asks for what the session's price buys; approved, the customer has it, and the trace is green."""
    (bought,) = purchases(story, "webhook_badly_signed")
    assert await starts_an_interview(story, "webhook_badly_signed") == 402
    said = await story.presses("erin", "Grant by hand", said=await traced(story, "webhook_badly_signed"))
    assert said.first_line == (
        "Request 1 waits for approval: grant 5 professional interviews to w•••@example.com: balance 0 → 5"
    )
    assert "webhook: bad signature" in said.text
    await story.presses("bob", "Approve", "ops-approvals")
    await until(lambda: story.state_of(1, "succeeded"), "it never ran")
    assert await starts_an_interview(story, "webhook_badly_signed") == 201
    assert await entitlements(story, bought) == 1
    again = await traced(story, "webhook_badly_signed")
    assert again.first_line.startswith(":white_check_mark: Ok: paid and granted (professional, 4 left, active)")
    assert ":warning: Delivery  never confirmed, and no longer needed" in again.text


async def test_a_lost_answer_does_nothing_twice(story: Story) -> None:
    """Stripe delivers, and its answer is lost: what arrived is found, and nothing is sent again."""
    (bought,) = purchases(story, "paid_no_credits")
    story.sandbox.faults.add("stripe", "events.retry", kind="lost")
    said = await story.asks("erin", f"/ilab payment redeliver {event_of(bought)}")
    assert said.first_line == (
        ":white_check_mark: Request 1 succeeded: Stripe's answer was lost, and it delivered, and what was paid has arrived."
    )
    assert (sent_again(story), await entitlements(story, bought)) == (1, 1)


async def test_too_many_requests(story: Story) -> None:
    """A 429 is tried again after a while, and once it passes, once."""
    (bought,) = purchases(story, "paid_no_credits")
    story.sandbox.faults.add("stripe", "events.retry", kind="status", status=429, times=1)
    asking = asyncio.create_task(story.asks("erin", f"/ilab payment redeliver {event_of(bought)}"))
    await story.tries_again(1)
    story.sandbox.world.clock.jump(11)
    await asking
    await until(lambda: story.state_of(1, "succeeded"), "it never ran")
    ((said,),) = await story.rows("select result ->> 'said' from requests")
    assert "what was paid has arrived" in str(said)
    assert (sent_again(story), await entitlements(story, bought)) == (1, 1)


@pytest.mark.parametrize("refusal", ["unknown call", "endpoint disabled"])
async def test_stripe_will_not_send_it_again(story: Story, refusal: str) -> None:
    """The call is undocumented: refused, the event is replayed, signed, to the app's own endpoint."""
    (bought,) = purchases(story, "paid_no_credits")
    if refusal == "unknown call":
        story.sandbox.faults.add("stripe", "events.retry", kind="status", status=404)
    else:
        story.sandbox.vendors["stripe"].set_switch("webhook_endpoint", "disabled")
    said = await story.asks("erin", f"/ilab payment redeliver {event_of(bought)}")
    assert "so it was replayed, signed, to our own endpoint, and what was paid has arrived." in said.first_line
    assert await entitlements(story, bought) == 1


async def test_the_replay_is_refused(stage: Story) -> None:
    """The app's secret is another: the answer says so, and the request has failed."""
    await stage.start()
    (bought,) = purchases(stage, "paid_no_credits")
    stage.sandbox.faults.add("stripe", "events.retry", kind="status", status=403)
    stage.sandbox.vendors["site"].set_switch("webhook", "wrong_secret")
    said = await stage.asks("erin", f"/ilab payment redeliver {event_of(bought)}")
    assert said.first_line == (
        ":red_circle: Request 1 failed: Stripe would not (403), and our own endpoint answered 400 to the replay. It takes"
        " the signature for a wrong one: its secret differs from ours."
    )
    assert await entitlements(stage, bought) == 0


@pytest.mark.parametrize("state", ["forgetful", "failing"])
async def test_it_is_delivered_and_does_not_arrive(stage: Story, state: str) -> None:
    """Stripe delivers, and the app gives nothing: the request has failed, and offers the trace."""
    await stage.start(ILAB_STRIPE__ARRIVES_WITHIN_SECONDS="0.5")
    (bought,) = purchases(stage, "paid_no_credits")
    stage.sandbox.vendors["site"].set_switch("webhook", state)
    said = await stage.asks("erin", f"/ilab payment redeliver {event_of(bought)}")
    assert "nothing has arrived within 0.5 s: the app does not give it" in said.first_line
    said = await stage.presses("erin", "Trace it", said=said)
    word = {"forgetful": "Processed, but no entitlement: ", "failing": "Handler failed: "}[state]
    assert said.first_line.startswith(f":red_circle: {word}")


async def test_what_was_given_by_hand_is_not_given_again(story: Story) -> None:
    """After a manual grant a redelivery is refused and says why; asked for all the same, it gives, and that shows."""
    (bought,) = purchases(story, "manual_grant")
    said = await story.asks("erin", f"/ilab payment redeliver {event_of(bought)}")
    assert said.first_line == "Something was given by hand for this payment already."
    assert "“webhook failure”" in said.text
    assert sent_again(story) == 0
    said = await story.asks("erin", f"/ilab payment redeliver {event_of(bought)} --anyway")
    assert "what was paid has arrived" in said.first_line
    assert (await traced(story, "manual_grant")).first_line.startswith(":red_circle: Granted twice: 2 entitlements")


async def test_what_was_given_twice_is_taken_back(story: Story) -> None:
    """The second entitlement's unused interviews go, the first's stay, and the trace is green."""
    (bought,) = purchases(story, "granted_twice")
    query: LiteralString = "select remaining_interviews, status from entitlements where stripe_session_id = %(session)s order by created_at"
    assert await product(story, query, session=bought.session_id) == [(5, "active"), (5, "active")]
    said = await story.presses("erin", "Take back", said=await traced(story, "granted_twice"))
    assert said.first_line == (
        "Request 1 waits for approval: take 5 unused interviews back from g•••@example.com: one payment was granted 2 times"
    )
    await story.presses("bob", "Approve", "ops-approvals")
    await until(lambda: story.state_of(1, "succeeded"), "it never ran")
    assert await product(story, query, session=bought.session_id) == [(5, "active"), (0, "revoked")]
    assert await starts_an_interview(story, "granted_twice") == 201
    assert (await traced(story, "granted_twice")).first_line.startswith(":white_check_mark: Ok: paid and granted")
    again = await story.asks("erin", f"/ilab payment revoke {bought.session_id}")
    assert again.first_line == "There is nothing to take back."


async def test_what_was_refunded_is_taken_back(story: Story) -> None:
    """The money is back, and the interviews are still there: taken back, the customer can begin none any more."""
    (bought,) = purchases(story, "plus")
    company = company_of(story.sandbox.world)
    now = company.world.clock.timestamp()
    story.sandbox.vendors["stripe"].ledger.refund(bought, bought.package.cents, now, None, {})
    said = await traced(story, "plus")
    assert said.first_line == (
        ":warning: Refunded, and not taken back: 39.00 USD given back, and 3 interviews are still there."
    )
    await story.presses("erin", "Take back", said=said)
    assert await starts_an_interview(story, "plus") == 201
    stale = await story.presses("bob", "Approve", "ops-approvals")
    assert "2 interviews are left of one of them now, not 3." in stale.text
    await story.asks("erin", f"/ilab payment revoke {bought.session_id}")
    await story.asks("bob", "/ilab approve 2")
    await until(lambda: story.state_of(2, "succeeded"), "it never ran")
    assert await starts_an_interview(story, "plus") == 402
    assert (await traced(story, "plus")).first_line.startswith(
        ":white_check_mark: Ok: paid and granted (professional, 0 left, revoked)"
    )


async def test_there_is_nothing_to_deliver(story: Story) -> None:
    """What has its entitlement, was never paid, or is no event, is refused with a sentence."""
    (bought,) = purchases(story, "plus")
    said = await story.asks("erin", f"/ilab payment redeliver {event_of(bought)}")
    assert said.first_line == "There is nothing to deliver: the entitlement is there."
    said = await story.asks("erin", f"/ilab payment redeliver {bought.session_id}")
    assert said.first_line == f"“{bought.session_id}” is no event."
    assert await story.rows("select count(*) from requests where state <> 'denied'") == [(0,)]


# the history


async def test_the_history(story: Story) -> None:
    """The runbook's query with what was given by hand: of one customer, or everybody's newest, addresses masked."""
    said = await story.asks("erin", f"/ilab payment history {CASES['manual_grant']}")
    assert said.first_line.startswith("1 payments and grants of manual.grant@example.com, 1 by hand; the newest 8 days")
    assert "grant by hand  professional, balance 5" in said.text
    everybody = await story.asks("erin", "/ilab payment history")
    assert everybody.first_line.startswith("50 payments and grants of everybody, 1 by hand; the newest ")
    assert "@example.com" in everybody.text
    assert not any(email.lower() in everybody.text for email in CASES.values())
    assert everybody.ephemeral
    nobody = await story.asks("erin", "/ilab payment history nobody@example.com")
    assert nobody.first_line == "There is no customer with this e-mail address."


async def test_the_history_as_a_file(story: Story) -> None:
    """With `--csv` the rows come as a file, too, in a direct message; its addresses are masked."""
    await story.asks("erin", "/ilab payment history --csv")
    (shared,) = [said for said in story.sees("erin", story.direct("erin")) if said.raw.get("files")]
    assert shared.raw["files"][0]["name"] == "payments.csv"


# the test of the endpoint


async def test_a_signed_test_event(stage: Story, staging: str) -> None:
    """Staging takes what we sign, and gives its customer a package; production hears nothing of it; the answer is shown."""
    await stage.start()
    said = await stage.asks("alice", "/ilab payment test-webhook")
    assert "/site/staging/api/stripe-webhook took the signed event: 200." in said.first_line
    assert 'Answer  200: {"received": true}' in said.text
    async with await psycopg.AsyncConnection.connect(staging) as connection:
        query = "select count(*) from entitlements where stripe_session_id like 'cs_test_ilab_%'"
        rows = await (await connection.execute(query)).fetchall()
    assert rows == [(1,)]
    company = company_of(stage.sandbox.world)
    assert not company.server_log
    assert await product(stage, "select 1 from entitlements where stripe_session_id like 'cs_test_ilab_%%'") == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"ILAB_STRIPE__TEST_WEBHOOK_URL": "production"}, "This is production's endpoint: no test goes there."),
        ({"ILAB_STRIPE__TEST_WEBHOOK_URL": ""}, "There is no endpoint for tests."),
        ({"ILAB_STRIPE__TEST_WEBHOOK_SECRET": ""}, "There is no endpoint for tests."),
        ({"ILAB_STRIPE__WEBHOOK_URL": ""}, "I cannot tell the test's endpoint from production's."),
        ({"ILAB_STRIPE__TEST_WEBHOOK_SECRET": "whsec_other"}, "It takes the signature for a wrong one."),
    ],
)
async def test_where_no_test_goes(stage: Story, changed: dict[str, str], says: str) -> None:
    """Production is refused, however its address is written, and so is what cannot be told from it."""
    production = f"{stage.sandbox.url}/site/api/stripe-webhook/?x=1"
    await stage.start(**{name: production if value == "production" else value for name, value in changed.items()})
    said = await stage.asks("alice", "/ilab payment test-webhook")
    assert says in said.first_line
    taken = [one for one in stage.sandbox.vendors["site"].log if one.call == "stripe_webhook"]
    assert taken == []


# the terminal


async def test_from_a_terminal(story: Story) -> None:
    """The same in a terminal: the verdict and the links, what mends it as commands, and an exit status that says so."""
    shown = await story.asks("erin", "/ilab token issue")
    token = re.search(r"ILAB_TOKEN=(ilab_[\w-]+)", shown.text)[1]  # type: ignore[index]  # it is there
    (bought,) = purchases(story, "paid_no_credits")
    status, out, _ = await ilab(story, "run", "payment", "trace", bought.customer.email, token=token)
    assert status == 1
    assert "Handler failed: paid and delivered" in out
    assert f"ilab run payment redeliver {event_of(bought)}" in out
    status, out, _ = await ilab(story, "run", "payment", "redeliver", event_of(bought), token=token)
    assert (status, "what was paid has arrived" in out) == (0, True)
    status, out, _ = await ilab(story, "run", "payment", "trace", bought.session_id, token=token)
    assert (status, "Ok: paid and granted" in out) == (0, True)
    status, out, _ = await ilab(story, "run", "payment", "history", bought.customer.email, "--csv", token=token)
    assert "created_at,action,new_balance,email,tier,session,reason,by_hand" in out
