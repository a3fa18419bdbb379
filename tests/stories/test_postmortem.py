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
    channel = await _played(story)
    text = canvas(story)
    await _has_the_impact(story, text)
    await _has_the_times(story, text)
    await _has_the_records(story, text)
    assert text.count(OPEN) == len(QUESTIONS) + 2, "each question once, the review, and the note on top"
    assert all(f"{OPEN}: {question}" in text for question in QUESTIONS)

    await writes(story)
    said = await types(story, "alice", "/ilab postmortem done", channel)
    assert said.first_line == ":white_check_mark: INC-1 is closed."
    await done(story)
    assert await state_of(story) == "closed"
    assert "Alice’s own words." in canvas(story)
    assert len(told(story, channel, "The post-mortem of INC-1 is done, says alice: the incident is closed.")) == 1
    assert sum("is done, says alice: the incident is closed" in text for text in thread(story)) == 1
    assert card(story).buttons == ["Post-mortem"]
    (linked,) = [line for line in card(story).text.splitlines() if line.startswith("Post-mortem  done")]
    assert f"/{room(story).canvas}|" in linked
    kinds = await story.rows("select kind from audit where kind ~ 'closed|postmortem' order by seq")
    assert [kind for (kind,) in kinds] == ["postmortem.written", "incident.closed"]


async def _played(story: Story) -> str:
    """An alert, a P1, a P0, a rollback under glass, and its end; the incident's channel."""
    body = {"title": "Checkout fails", "state": "firing", "at": story.sandbox.world.clock.now().isoformat()}
    story.sandbox.world.webhooks.send("generic", body)
    await story.sandbox.world.webhooks.settled()
    await done(story)
    story.sandbox.world.clock.jump(60)
    await story.asks("frank", "/ilab alert declare 1 P1")
    await set_up(story)
    channel = str(room(story).id)
    await later(story, 6)
    for words in (
        "ack",
        "incident lead",
        "incident severity P0 payments fail",
        "incident milestone started 30h --reason the first complaint",
        "incident assess deployment --share 40 since the release",
        "incident update users can pay again",
    ):
        await types(story, "alice", f"/ilab {words}", channel)
    await _breaks_glass(story, channel)
    await types(story, "alice", "/ilab incident mitigate rolled back", channel)
    await types(story, "alice", "/ilab incident resolve --anyway", channel)
    await done(story)
    return channel


async def _has_the_impact(story: Story, text: str) -> None:
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
    assert "**0 of" not in str(impact), "a window without anything in it would prove nothing"


async def _has_the_times(story: Story, text: str) -> None:
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


async def _has_the_records(story: Story, text: str) -> None:
    log = story.sandbox.vendors["pagerduty"].account.incidents[0].log
    paged = [row[2] for row in rows(text, "Who responded") if row[2] in ("notified", "acknowledged", "resolved")]
    assert len(paged) == sum(entry["type"] != "trigger_log_entry" for entry in log)
    (action,) = rows(text, "What was done")
    assert (action[0], action[3]) == ("1", "break-glass")
    assert action[5].startswith("**succeeded**")
    (glass,) = rows(text, "Break-glass uses, to be reviewed")
    assert glass[2:4] == ["alice", "nobody answers"]
    assert [row[3] for row in rows(text, "What was said")] == ["users can pay again"]
    assert any(row[2] == "Rollback" for row in rows(text, "What changed around it"))
    kept = {said for _, said in await times_of(story)}
    assert {row[2].replace("\\", "") for row in rows(text, "Timeline")} <= kept
    head = int(re.findall(r"ended at row (\d+)", text)[0])
    ((hash_,),) = await story.rows("select encode(hash, 'hex') from audit where seq = %s", head)
    assert f"hash `{hash_}`" in text


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
    async with await psycopg.AsyncConnection.connect(story.direct_product) as connection:
        found = await (await connection.execute(query, [since, until_])).fetchone()
    assert found is not None
    began, failed, people, hit = found
    return f"{failed} of {began}{_share(failed, began)}", f"{hit} of {people}{_share(hit, people)}"


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


# people's words


async def test_what_people_wrote_is_never_written_over(story: Story) -> None:
    """What is known later stands below it, once; where nothing is new nothing is written."""
    channel = await resolved(story)
    await writes(story)
    mine = canvas(story)
    await types(story, "alice", "/ilab postmortem write", channel)
    assert canvas(story) == mine, "nothing was new"
    await types(story, "alice", "/ilab incident note the bank wrote: it was them, too", channel)
    await types(story, "alice", '/ilab incident task "ask the bank" --owner @bob --due 2d --kind prevent', channel)
    said = await types(story, "alice", "/ilab postmortem write", channel)
    assert said.first_line == "I write down what is new of INC-1; where nothing is, I write nothing."
    grown = canvas(story)
    assert grown.startswith(mine)
    added = grown[len(mine) :]
    assert added.count("## Added later (version 2)") == 1
    assert "### Timeline, new entries" in added
    assert "the bank wrote: it was them, too" in added
    assert "| 2 | ask the bank | bob |" in added
    assert "Declared by" not in added
    assert OPEN not in added
    assert len(told(story, channel, "The post-mortem of INC-1 has grown, in the canvas")) == 1
    assert "untouched" in told(story, channel, "has grown")[0].text


async def test_it_is_not_done_while_questions_are_open(story: Story) -> None:
    """Which are open is said, as are items that nobody will do; all the same it is done for a reason that stays with it."""
    channel = await resolved(story)
    said = await types(story, "alice", "/ilab postmortem done", channel)
    assert said.first_line == "The post-mortem of INC-1 is not done: 7 questions unanswered."
    await writes(story, but="what surprised us")
    await types(story, "alice", "/ilab incident task buy a second bank", channel)
    said = await types(story, "alice", "/ilab postmortem done", channel)
    assert said.first_line == (
        "The post-mortem of INC-1 is not done: 1 question unanswered, 1 action item without an owner or a date."
    )
    assert "Not written yet: What surprised us" in said.text
    assert "Task 2 has no owner and no date: buy a second bank" in said.text
    assert await state_of(story) == "resolved"
    said = await types(story, "alice", "/ilab postmortem", channel)
    assert said.first_line == ":warning: The post-mortem of INC-1 is a draft."
    await types(story, "alice", "/ilab postmortem done --anyway nothing surprised us", channel)
    await done(story)
    assert await state_of(story) == "closed"
    (closed,) = [words for kind, words in await times_of(story) if kind == "closed"]
    assert "Although: Not written yet: What surprised us" in closed
    assert closed.endswith("nothing surprised us")
    said = await types(story, "alice", "/ilab postmortem", channel)
    assert said.first_line.startswith("The post-mortem of INC-1 is done, says alice, since ")
    _, out, _ = await ilab(story, "run", "postmortem", "INC-1", token=await token_of(story, "alice"))
    assert "**Status:** done, says alice, since " in out
    assert "no person has reviewed it" not in out
    said = await types(story, "alice", "/ilab postmortem done", channel)
    assert said.first_line == "INC-1 is closed already."


async def test_an_incident_is_closed_without_one_for_a_reason(story: Story) -> None:
    """The reason is asked for, and everybody reads it; before it is resolved nothing is closed."""
    await declared(story, "P1 search is slow")
    channel = str(room(story).id)
    for words in ("incident close --without nobody was hit", "postmortem done", "postmortem write"):
        said = await types(story, "alice", f"/ilab {words}", channel)
        assert said.first_line.startswith("INC-1 is declared"), words
    said = await types(story, "alice", "/ilab postmortem", channel)
    assert said.first_line == "The post-mortem of INC-1 so far, as the records have it now."
    await types(story, "alice", "/ilab incident resolve --anyway", channel)
    await types(story, "alice", "/ilab incident close --without nobody was hit", channel)
    assert await state_of(story) == "closed"
    assert any("is closed without a post-mortem, says alice: nobody was hit" in text for text in thread(story))
    said = await types(story, "alice", "/ilab postmortem", channel)
    assert said.first_line == "INC-1 was closed without its post-mortem; a draft is there."
    before = len(in_room(story))
    await later(story, 60 * HOURS)
    assert not [one for one in in_room(story)[before:] if "owed" in one.text], "what is closed owes nothing"


async def test_a_reopened_incident_has_its_post_mortem_grow(story: Story) -> None:
    """What came after stands below what people wrote; it is to be finished anew."""
    channel = await resolved(story)
    await writes(story)
    await types(story, "alice", "/ilab postmortem done", channel)
    await types(story, "alice", "/ilab incident reopen it is back", channel)
    await later(story, 10)
    await types(story, "alice", "/ilab ack", channel)
    await types(story, "alice", "/ilab incident resolve --anyway", channel)
    await done(story)
    text = canvas(story)
    assert text.count("# Post-mortem: INC-1") == 1
    assert "Alice’s own words." in text
    added = text.split("## Added later (version 2)")[1]
    assert "Reopened: it is back" in added
    assert "### Impact" in added, "it lasted longer than was measured"
    assert await state_of(story) == "resolved"
    said = await types(story, "alice", "/ilab postmortem", channel)
    assert said.first_line == "The post-mortem of INC-1 has every question answered: say that it is done."


# where it stands


async def test_where_the_plan_has_no_canvas_it_is_a_file(story: Story) -> None:
    """The file holds the whole of it; done needs the link to where it was finished, and a later version is another file."""
    story.sandbox.workspace.canvases = "none"
    channel = await resolved(story)
    (text,) = files(story, channel)
    assert text.startswith("# Post-mortem: INC-1 checkout answers 500\n")
    (said,) = told(story, channel, "The post-mortem of INC-1 has its draft, as a file.")
    assert "https://interviewlab.slack.com/files/U0ILABBOT/" in said.text
    refused = await types(story, "alice", "/ilab postmortem done", channel)
    assert refused.first_line == "Where is the post-mortem of INC-1?"
    refused = await types(story, "alice", "/ilab postmortem done INC-1 on my desk", channel)
    assert "I did not understand" in refused.first_line or refused.first_line == "That is no link."
    await types(story, "alice", "/ilab incident note more is known", channel)
    await types(story, "alice", "/ilab postmortem write", channel)
    assert len(files(story, channel)) == 2
    assert "more is known" in files(story, channel)[1]
    assert OPEN in files(story, channel)[1]
    await types(story, "alice", "/ilab postmortem done https://docs.example.com/pm-1", channel)
    assert await state_of(story) == "closed"
    assert any("https://docs.example.com/pm-1" in words for kind, words in await times_of(story) if kind == "closed")


async def test_a_canvas_of_people_is_left_alone(story: Story) -> None:
    """Where the channel has a canvas already, nothing is put into it: the post-mortem is a file."""
    await declared(story)
    channel = str(room(story).id)
    await story.sandbox.workspace.people.create_canvas(
        story.person("alice"), channel, "# Our notes\n\nPost-mortem soon"
    )
    await types(story, "alice", "/ilab incident resolve --anyway", channel)
    await done(story)
    assert canvas(story) == "# Our notes\n\nPost-mortem soon"
    assert len(files(story, channel)) == 1


@pytest.mark.parametrize("lost", ["conversations.canvases.create", "files.completeUploadExternal"])
async def test_a_lost_answer_makes_no_second_one(story: Story, lost: str) -> None:
    """What Slack did although its answer was lost is found, and not done again."""
    if lost.startswith("files"):
        story.sandbox.workspace.canvases = "disabled"
    story.sandbox.faults.add("slack", lost, kind="lost", times=1)
    channel = await resolved(story)
    await later(story, 1)
    await done(story)
    assert len(told(story, channel, "The post-mortem of INC-1 has its draft")) == 1
    workspace = story.sandbox.workspace
    if lost.startswith("files"):
        assert len(files(story, channel)) == 1
    else:
        assert len(workspace.state.canvases) == 1
        assert canvas(story).startswith("# Post-mortem: INC-1")
    assert sum(call.method == lost for call in workspace.calls) == 1


async def test_a_p3_has_one_where_somebody_asks(story: Story) -> None:
    """It has neither channel nor deadline: nothing is written by itself, and what is asked for stands in its thread."""
    await types(story, "alice", "/ilab incident declare P3 a typo")
    await types(story, "alice", "/ilab incident resolve INC-1 --anyway")
    await later(story, 1)
    assert await story.rows("select count(*) from postmortem_versions") == [(0,)]
    said = await types(story, "alice", "/ilab postmortem done INC-1")
    assert said.first_line == "INC-1 has no draft yet."
    await types(story, "alice", "/ilab postmortem write INC-1")
    ts = str(card(story).raw["ts"])
    (text,) = files(story, "incidents", ts)
    assert text.startswith("# Post-mortem: INC-1 a typo\n")
    await later(story, 60 * HOURS)
    assert not any("owed" in text for text in thread(story))


# what is not known


async def test_what_could_not_be_measured_says_why_and_is_filled_in_later(story: Story) -> None:
    """Silent vendors leave sentences, no zeros; asked again, what was measured stays, and what was missing is added."""
    await declared(story, "P0 checkout answers 500", "alice")
    channel = str(room(story).id)
    await types(story, "alice", "/ilab incident milestone started 30h --reason the first complaint", channel)
    for vendor in ("stripe", "sentry", "pagerduty", "vercel"):
        story.sandbox.faults.add(vendor, kind="status", status=500)
    story.proxies["product"].set("down")
    await types(story, "alice", "/ilab incident resolve --anyway", channel)
    await done(story)
    text = canvas(story)
    impact = {row[0]: row[1] for row in rows(text, "Impact")}
    assert impact["Payments that failed"].startswith("could not measure: Stripe")
    assert impact["Errors"].startswith("could not measure: Sentry")
    assert impact["Interviews that failed"].startswith("could not measure: The product")
    assert impact["Requests answered with 5xx"].startswith("could not measure: Vercel")
    assert "Who was paged could not be checked: PagerDuty" in text
    assert "could not check: Deployments: Vercel" in text
    assert "Could not be measured: Payments that failed" in text
    story.sandbox.faults.clear()
    story.proxies["product"].set("up")
    await types(story, "alice", "/ilab postmortem write", channel)
    added = canvas(story).split("## Added later (version 2)")[1]
    impact = {
        row[0]: row[1] for row in rows("\n" + added.replace("### Impact", "## Impact").replace("### ", "## "), "Impact")
    }
    assert all("could not" not in value for name, value in impact.items() if name != "Requests for support")
    assert "By PagerDuty's own log" in added


async def test_reminders_stop_when_it_is_done_and_speak_once_after_an_outage(stage: Story) -> None:
    """While nothing ran all three fell due: one speaks. When it is done, none does."""
    async with stage.bot():
        channel = await resolved(stage)
    stage.sandbox.world.clock.jump(47.5 * 3600)
    async with stage.bot(), stage.bot():
        await done(stage)
        owed = [one.first_line for one in in_room(stage) if "is owed by" in one.first_line]
        assert len(owed) == 1
        assert "It is due within the hour." in owed[0]
        await writes(stage)
        await types(stage, "alice", "/ilab postmortem done", channel)
        await later(stage, 30 * HOURS)
        assert len([one for one in in_room(stage) if "is owed by" in one.first_line]) == 1


# who may read it


async def test_a_private_one_stands_in_its_channel_alone(story: Story) -> None:
    """Its canvas is the private channel's; nobody else gets its text, in Slack or in a terminal, nor hears that it is there."""
    await declared(story, "P1 zanzibar key leaked --private", "alice")
    channel = str(room(story).id)
    await types(story, "alice", "/ilab incident resolve --anyway", channel)
    await done(story)
    assert "zanzibar" in canvas(story)
    assert "For users" not in canvas(story)
    with pytest.raises(Exception, match="that you can see"):
        story.sandbox.workspace.people.canvas(story.person("erin"), room(story).canvas)
    for words in ("postmortem INC-1", "postmortem INC-1 --file", "postmortem write INC-1", "postmortem done INC-1"):
        said = await types(story, "erin", f"/ilab {words}")
        assert said.first_line == "There is no INC-1.", words
    assert "zanzibar" not in str(story.sandbox.workspace.channel("incidents").messages)
    status, out, err = await ilab(story, "run", "postmortem", "INC-1", token=await token_of(story, "erin"))
    assert status == 1
    assert "zanzibar" not in out + err
    said = await types(story, "alice", "/ilab postmortem INC-1 --file")
    assert said.ephemeral
    assert any("zanzibar" in text for text in files(story, story.direct("alice")))
    assert not await story.rows("select 1 from audit where detail::text like %s", "%zanzibar%")


async def test_a_terminal_prints_the_markdown_alone(story: Story) -> None:
    """What goes into a file is the document and nothing else, for open incidents, too; a viewer may not."""
    await declared(story)
    token = await token_of(story, "alice")
    status, out, err = await ilab(story, "run", "postmortem", "INC-1", token=token)
    assert status == 0, err
    assert out.startswith("# Post-mortem: INC-1 checkout answers 500\n")
    assert "not over yet" in out
    assert "The post-mortem of INC-1 so far" in err
    said = await types(story, "frank", "/ilab postmortem INC-1")
    assert said.first_line == "You may not do this."


# the channel afterwards


async def test_a_closed_incidents_channel_is_archived_by_rule(story: Story) -> None:
    """Announced a day before, once; then archived, which its open tasks outlive: the thread reads of them."""
    channel = await resolved(story)
    await types(story, "alice", "/ilab incident close --without nobody was hit", channel)
    await later(story, 13 * 24 * HOURS + 1)
    (said,) = told(story, channel, "This channel is archived on ")
    assert said.buttons == ["Keep it open"]
    assert not room(story).is_archived
    await later(story, 24 * HOURS)
    assert room(story).is_archived
    assert any(words == "Its channel is archived, by rule" for _, words in await times_of(story))
    await types(story, "bob", "/ilab incident task INC-1 read the logs --due 1h")
    await later(story, 2 * HOURS)
    assert any("Nobody has it." in text for text in thread(story))


@pytest.mark.parametrize(
    ("words", "state"), [("cancel the monitor was wrong", "cancelled"), ("merge --into INC-2", "merged into INC-2")]
)
async def test_the_channel_of_what_was_none_is_archived_too(story: Story, words: str, state: str) -> None:
    """Cancelled, or the same as another: no post-mortem is owed, and its channel ends by the same rule."""
    await declared(story)
    channel = str(room(story).id)
    await types(story, "frank", "/ilab incident declare --another P2 the footer is green")
    await types(story, "alice", f"/ilab incident {words}", channel)
    await later(story, 13 * 24 * HOURS + 1)
    (said,) = told(story, channel, "This channel is archived on ")
    assert said.first_line.endswith(f"INC-1 is {state}.")
    assert not room(story).is_archived
    await later(story, 24 * HOURS)
    assert room(story).is_archived


async def test_a_channel_is_kept_where_somebody_asks(story: Story) -> None:
    """One press keeps it; that of a reopened incident is not archived either."""
    channel = await resolved(story)
    await types(story, "alice", "/ilab incident close --without nobody was hit", channel)
    await later(story, 13 * 24 * HOURS + 1)
    said = await types(story, "alice", "/ilab incident keep", channel)
    assert said.first_line == ":white_check_mark: The channel of INC-1 stays open."
    assert len(told(story, channel, "This channel stays open, says alice.")) == 1
    await types(story, "alice", "/ilab incident reopen it is back", channel)
    await later(story, 2 * 24 * HOURS)
    assert not room(story).is_archived
    said = await types(story, "alice", "/ilab incident keep", channel)
    assert said.first_line == "No channel of INC-1 is about to be archived."
