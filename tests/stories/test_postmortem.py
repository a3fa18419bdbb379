"""The post-mortem: filled from the records, finished by people; and an incident that is closed only with it, or for a reason."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from incidents import card, declared, done, in_room, later, room, set_up, state_of, thread, times_of, token_of, types
from postmortems import OPEN, canvas, files, resolved, rows, told, writes
from storytelling import Story, ilab, until

HOURS = 60.0
QUESTIONS = (
    "in short",
    "contributing factors",
    "what went well",
    "what went badly",
    "where we were lucky",
    "what surprised us",
    "open questions",
)


# from declaring to closed


@pytest.fixture
async def heard(stage: Story) -> Story:
    """A story whose bot hears webhooks, and asks Vercel often how far a move is."""
    bot = await stage.start(ILAB_WEB__PORT="0", ILAB_DEPLOYS__POLL_SECONDS="0.05")
    assert bot.address is not None
    stage.sandbox.world.webhooks.url = bot.address
    return stage


async def test_a_p0_from_an_alert_to_its_closed_post_mortem(heard: Story) -> None:
    """Every figure of the document is that of the vendors, the product and our own records; people write the rest."""
    story = heard
    body = {"title": "Checkout fails", "state": "firing", "at": story.sandbox.world.clock.now().isoformat()}
    story.sandbox.world.webhooks.send("generic", body)
    await story.sandbox.world.webhooks.settled()
    await done(story)
    story.sandbox.world.clock.jump(60)
    await story.asks("frank", "/ilab alert declare 1 P1")
    await set_up(story)
    channel = str(room(story).id)
    await later(story, 6)
    await types(story, "alice", "/ilab ack", channel)
    try:
        await types(story, "alice", "/ilab incident lead", channel)
    except AssertionError:
        print(await story.rows("select status, task_name, args, attempts, scheduled_at, now() from procrastinate_jobs where status in ('todo','doing')"))
        print(await story.rows("select * from clocks where state='running' and due_at <= %s", story.sandbox.world.clock.now()))
        raise
    await types(story, "alice", "/ilab incident severity P0 payments fail", channel)
    await types(story, "alice", "/ilab incident milestone started 30h --reason the first complaint", channel)
    await types(story, "alice", "/ilab incident assess deployment --share 40 since the release", channel)
    await types(story, "alice", "/ilab incident update users can pay again", channel)
    await _breaks_glass(story, channel)
    await types(story, "alice", "/ilab incident mitigate rolled back", channel)
    await types(story, "alice", "/ilab incident resolve --anyway", channel)
    await done(story)

    text = canvas(story)
    since, until_ = await _milestone(story, "started"), await _milestone(story, "resolved")
    impact = {row[0]: row[1] for row in rows(text, "Impact")}
    assert impact == {
        "Time as P1": await _spell(story, 0),
        "Time as P0": await _spell(story, 1),
        "Payments that failed": f"**{_payments(story, since, until_)}**",
        "Events of Stripe that we never took": f"**{_undelivered(story, since, until_)}**",
        "Interviews that failed": f"**{(await _interviews(story, since, until_))[0]}**",
        "People with a failed interview": f"**{(await _interviews(story, since, until_))[1]}**",
        "Errors": f"**{_errors(story, since, until_)}**",
        "Requests answered with 5xx": f"**{_responses(story, since, until_)}**",
        "Requests for support": "could not measure: nothing that I am connected to counts them; fill it in by hand.",
    }
    assert "**0 of 0" not in str(impact), "a window without anything in it would prove nothing"
    assert "First noticed by alert 1 of generic" in text
    alert = await story.rows("select first_at from alerts where id = 1")
    assert await _milestone(story, "detected") == alert[0][0], "it was noticed when the alert began"
    assert [row[:2] for row in rows(text, "Times")][:5] == [
        [f"Time to {name}", f"**{_exact(await _milestone(story, end) - await _milestone(story, begin))}**"]
        for name, begin, end in (
            ("detect (TTD)", "started", "detected"),
            ("acknowledge (TTA)", "declared", "acknowledged"),
            ("assess", "declared", "assessed"),
            ("mitigate (TTM)", "started", "mitigated"),
            ("resolve (TTR)", "started", "resolved"),
        )
    ]
    assert any("the first complaint" in cell for row in rows(text, "Times") for cell in row)
    account = story.sandbox.vendors["pagerduty"].account
    by_pager = [(entry["type"], entry.get("user", {}).get("summary")) for entry in account.incidents[0].log]
    told_ = [row[2] for row in rows(text, "Who responded") if row[2] in ("notified", "acknowledged", "resolved")]
    assert len(told_) == sum(kind != "trigger_log_entry" for kind, _ in by_pager)
    (action,) = rows(text, "What was done")
    assert action[0] == "1"
    assert action[3] == "break-glass"
    assert action[5].startswith("**succeeded**")
    (glass,) = rows(text, "Break-glass uses, to be reviewed")
    assert glass[2:4] == ["alice", "nobody answers"]
    assert [row[3] for row in rows(text, "What was said")] == ["users can pay again"]
    assert any(
        row[2].startswith("Deployment") or row[2].startswith("Rollback") for row in rows(text, "What changed around it")
    )
    kept = {said for _, said in await times_of(story)}
    assert {row[2].replace("\\", "") for row in rows(text, "Timeline")} <= kept
    ((head,),) = await story.rows(
        "select encode(hash, 'hex') from audit where seq = %s", int(re.findall(r"ended at row (\d+)", text)[0])
    )
    assert f"hash `{head}`" in text
    assert text.count(OPEN) == len(QUESTIONS) + 2, "each question once, the review, and the note on top"

    await writes(story)
    said = await types(story, "alice", "/ilab postmortem done", channel)
    assert said.first_line == ":white_check_mark: INC-1 is closed."
    await done(story)
    assert await state_of(story) == "closed"
    assert "Alice’s own words." in canvas(story)
    assert len(told(story, channel, "The post-mortem of INC-1 is done, says alice: the incident is closed.")) == 1
    assert sum("is done, says alice: the incident is closed" in text for text in thread(story)) == 1
    assert card(story).buttons == ["Post-mortem"]
    kinds = [
        kind for (kind,) in await story.rows("select kind from audit where kind ~ 'closed|postmortem' order by seq")
    ]
    assert kinds[:2] == ["postmortem.written", "incident.closed"]


async def _breaks_glass(story: Story, channel: str) -> None:
    story.sandbox.vendors["vercel"].set_switch("production", "broken")
    await types(story, "alice", "/ilab rollback", channel)
    await story.asks("alice", "/ilab approvals break-glass 1 nobody answers", channel)

    async def succeeded() -> bool:
        story.sandbox.world.clock.jump(1)
        return bool((await story.rows("select state from requests"))[0][0] == "succeeded")

    await until(succeeded, "the rollback never ended")
    await done(story)


async def _milestone(story: Story, name: str) -> datetime:
    found = await story.rows("select at from milestones where name = %s order by id desc limit 1", name)
    at: datetime = found[0][0]
    return at


def _exact(lasted: timedelta) -> str:
    minutes, seconds = divmod(round(lasted.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} day{'s' if days > 1 else ''} {hours} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


async def _spell(story: Story, number: int) -> str:
    """How long it was as grave as that, by the audit."""
    said = await story.rows(
        "select at from audit where kind in ('incident.declared', 'incident.severity') order by seq"
    )
    ends = [said[1][0], await _milestone(story, "resolved")]
    return _exact(ends[number] - said[number][0])


def _share(part: float, whole: float) -> str:
    share = 100 * part / whole if whole else 0
    return f" ({share:.{0 if share >= 10 or not share else 1}f} %)" if whole else ""


def _events(story: Story, since: datetime, until_: datetime) -> list[Any]:
    stripe = story.sandbox.vendors["stripe"]
    start, end = int(since.timestamp()), int(until_.timestamp())
    kept = stripe.ledger.events(stripe.now(), silent_since=None)
    return [event for event in kept if start <= event.created < end]


def _payments(story: Story, since: datetime, until_: datetime) -> str:
    kinds = [event.type for event in _events(story, since, until_)]
    failed, succeeded = kinds.count("payment_intent.payment_failed"), kinds.count("payment_intent.succeeded")
    return f"{failed} of {failed + succeeded}{_share(failed, failed + succeeded)}"


def _undelivered(story: Story, since: datetime, until_: datetime) -> int:
    stripe = story.sandbox.vendors["stripe"]
    return sum(not stripe._reached(event) for event in _events(story, since, until_))


async def _interviews(story: Story, since: datetime, until_: datetime) -> tuple[str, str]:
    query = """select count(*), count(*) filter (where status = 'failed'), count(distinct user_id),
        count(distinct user_id) filter (where status = 'failed') from sessions where created_at >= %s and created_at < %s"""
    usual = """select count(*) / 7.0 from sessions, generate_series(1, 7) as ago
        where created_at >= %s - ago * interval '1 day' and created_at < least(%s - ago * interval '1 day', %s)"""
    async with await psycopg.AsyncConnection.connect(story.direct_product) as connection:
        found = await (await connection.execute(query, [since, until_])).fetchone()
        often = await (await connection.execute(usual, [since, until_, since])).fetchone()
    assert found is not None
    assert often is not None
    began, failed, people, hit = found
    said = f"{failed} of {began}{_share(failed, began)}"
    del often
    return said, f"{hit} of {people}{_share(hit, people)}"


def _errors(story: Story, since: datetime, until_: datetime) -> str:
    sentry = story.sandbox.vendors["sentry"]
    first = int(since.timestamp() // 60) * 60
    count = sum(sentry._count(at, at + 60) for at in range(first, int(until_.timestamp()) + 1, 60))
    return f"{count:,}, {count / ((until_ - since).total_seconds() / 60):.1f} a minute"


def _responses(story: Story, since: datetime, until_: datetime) -> str:
    vercel = story.sandbox.vendors["vercel"]
    moments = range(int(since.timestamp()) // 300 * 300, int(until_.timestamp()), 300)
    whole, failed = (
        sum(vercel._figure("vercel.request.count", "sum", at, 5, failures=failures) for at in moments)
        for failures in (False, True)
    )
    return f"{failed:,.0f} of {whole:,.0f}{_share(failed, whole)}"
