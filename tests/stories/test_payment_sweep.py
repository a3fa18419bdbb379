"""`payment sweep`: everybody who paid and got nothing gets it, by one approval."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
from buyers import entitlements, event_of, product, purchases, starts_an_interview
from storytelling import Said, Story, until

from sandbox.product import company_of
from sandbox.product.books import CASES, Purchase

LOST = (
    "webhook_unsent",
    "webhook_unheard",
    "webhook_badly_signed",
    "entitlement_vanished",
    "two_payments_lost",
    "paid_no_credits",
    "subscription_lost",
)
"""Those of the last day whose payment gave nothing: seven customers, eight payments."""


def lost(story: Story) -> list[Purchase]:
    """Their payments."""
    return [one for case in LOST for one in purchases(story, case)]


def card(story: Story) -> Said:
    """The newest card of a sweep."""
    return [said for said in story.sees("bob", "ops-approvals") if "Payment sweep · request" in said.text][-1]


async def write(story: Story, statement: str, **params: Any) -> None:
    """Change the product's database behind everybody's back."""
    async with await psycopg.AsyncConnection.connect(story.direct_product, autocommit=True) as connection:
        await connection.execute(statement, params)


async def approved(story: Story) -> Said:
    """Bob approves the sweep, and it has run."""
    await story.settled()
    await story.presses("bob", "Approve", "ops-approvals")
    await until(lambda: story.state_of(1, "succeeded", "failed"), "it never ran")
    await story.settled()
    return card(story)


async def test_everybody_gets_what_they_paid(story: Story) -> None:
    """Before, none of the seven can start an interview; afterwards each can, once for each payment, and nothing is left."""
    assert {await starts_an_interview(story, case) for case in LOST} == {402}
    said = await story.asks("erin", "/ilab payment sweep")
    assert said.first_line == (
        "Request 1 waits for approval: give 8 paid sessions of 7 customers what they bought: 58 interviews"
    )
    assert "s•••@example.com  20 professional interviews, cs_test_a1" in said.text
    assert not any(CASES[case] in said.text for case in LOST)
    shown = await approved(story)
    assert "8 of 8 sessions have what they bought." in shown.text
    assert [await entitlements(story, one) for one in lost(story)] == [1] * 8
    assert {await starts_an_interview(story, case) for case in LOST} == {201}
    for case in LOST:
        traced = await story.asks("erin", f"/ilab payment trace {CASES[case]}")
        assert traced.first_line.startswith(":white_check_mark: Ok: ")
    again = await story.asks("erin", "/ilab payment sweep")
    assert "Nothing needs repair: " in again.first_line
    assert "and all were granted." in again.first_line
    kinds = await product(
        story, "select type, count(*) from entitlements e join entitlement_history h on h.entitlement_id = e.id"
        " and h.action = 'grant' where h.metadata ? 'request' group by type order by type",
    )  # fmt: skip
    assert kinds == [("interview_package", 7), ("subscription", 1)]


async def test_the_history_knows_who(story: Story) -> None:
    """Each entry has its session, both names, and a key of its own; no address is in our own tables."""
    await story.asks("erin", "/ilab payment sweep")
    await approved(story)
    rows = await product(story, "select metadata from entitlement_history where metadata ? 'request'")
    notes = [row[0] for row in rows]
    assert {note["stripe_session_id"] for note in notes} == {one.session_id for one in lost(story)}
    assert len({note["request"] for note in notes}) == 8
    assert all(note["requested_by"] == story.person("erin") for note in notes)
    assert all(note["approved_by"] == [story.person("bob")] for note in notes)
    kept = await story.rows("select r::text from requests r union all select a::text from audit a")
    kept += await story.rows("select p::text from posts p")
    held = "\n".join(row for (row,) in kept)
    ids = [str(company_of(story.sandbox.world).books.cases[case].id) for case in LOST]
    assert not any(secret in held for secret in (*(CASES[case].lower() for case in LOST), *ids))


async def test_what_somebody_saw_to_is_left_alone(story: Story) -> None:
    """Given by hand since, given back, of nobody known: named with the reason, and not touched."""
    company = company_of(story.sandbox.world)
    by_hand, refunded, gone = (
        purchases(story, case)[0] for case in ("webhook_unsent", "webhook_unheard", "subscription_lost")
    )
    await write(
        story,
        "insert into entitlements (user_id, type, status, remaining_interviews) values (%(id)s, 'interview_package',"
        " 'active', 5)",
        id=by_hand.customer.id,
    )
    await write(story, "update auth.users set deleted_at = now() where id = %(id)s", id=gone.customer.id)
    story.sandbox.vendors["stripe"].ledger.refund(
        refunded, refunded.package.cents, company.world.clock.timestamp(), None, {}
    )
    said = await story.asks("erin", "/ilab payment sweep")
    assert "give 5 paid sessions of 4 customers what they bought" in said.first_line
    assert f"something was given by hand since: look with payment trace ({by_hand.session_id})" in said.text.replace(
        "`", ""
    )
    assert f"Left alone: 1  given back ({refunded.session_id})" in said.text
    assert f"Left alone: 1  paid for nobody whom the product knows ({gone.session_id})" in said.text
    await approved(story)
    assert [await entitlements(story, one) for one in (by_hand, refunded, gone)] == [0, 0, 0]


async def test_the_plan_is_frozen(story: Story) -> None:
    """One of them is granted in the meantime: the press is refused, and nothing of the batch runs."""
    await story.asks("erin", "/ilab payment sweep")
    await story.asks("alice", f"/ilab payment redeliver {event_of(purchases(story, 'paid_no_credits')[0])}")
    said = await story.presses("bob", "Approve", "ops-approvals")
    assert said.first_line == "Request 1 is stale, and was not run."
    assert "1 of the 8 sessions were granted in the meantime." in said.text
    assert await entitlements(story, purchases(story, "webhook_unsent")[0]) == 0


async def test_the_batch_is_idempotent(story: Story) -> None:
    """The same request again gives its receipt; another one finds everything granted; at once, each is given once."""
    items = [
        {"session": one.session_id, "person": str(one.customer.id), "interviews": 5, "tier": "x", "perks": {},
         "type": "interview_package"}
        for one in lost(story)
    ]  # fmt: skip

    async def run(request: str) -> dict[str, int]:
        rows = await _committed(story, request, items)
        return dict(rows[0][0])

    outcomes = await asyncio.gather(*(run(request) for request in ("a", "b", "a", "c")))
    assert sum(outcome["given"] for outcome in (outcomes[0], outcomes[1], outcomes[3])) == 8
    assert outcomes[0] == outcomes[2]
    assert await run("d") == {"given": 0, "passed": 8}
    assert [await entitlements(story, one) for one in lost(story)] == [1] * 8


async def _committed(story: Story, request: str, items: list[dict[str, Any]]) -> list[Any]:
    async with await psycopg.AsyncConnection.connect(story.direct_product, autocommit=True) as connection:
        cursor = await connection.execute(
            "select ilab.grant_sessions(%s, %s::jsonb, '{}'::jsonb)", [request, json.dumps(items)]
        )
        return await cursor.fetchall()


async def test_what_is_wrong_is_said(story: Story) -> None:
    """Too short, too long, a silent Stripe, a database without the function: a sentence each, and no request."""
    assert "between 10 minutes and 30 days" in (await story.asks("erin", "/ilab payment sweep --since 5m")).first_line
    assert "between 10 minutes and 30 days" in (await story.asks("erin", "/ilab payment sweep --since 90d")).first_line
    story.sandbox.vendors["stripe"].set_switch("api", "rate_limited")
    assert (await story.asks("erin", "/ilab payment sweep")).first_line == "Stripe had too many requests from us (429)."
    story.sandbox.vendors["stripe"].set_switch("api", "ok")
    await write(story, "drop function ilab.grant_sessions(text, jsonb, jsonb)")
    said = await story.asks("erin", "/ilab payment sweep")
    assert said.first_line == "The product's database lacks what a sweep needs."
    assert await story.rows("select count(*) from requests where state <> 'denied'") == [(0,)]
