"""`/ilab maintenance`: scheduled with two people, announced, begun, watched and completed by itself; and the site's page."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from storytelling import Said, Story, until

WHAT = "faster search"


async def approved(story: Story, name: str, words: str) -> Said:
    """Somebody asks for a change, bob approves it, and it has ended; what the card says then."""
    await story.asks(name, f"/ilab {words}")
    ((number,),) = await story.rows("select max(id) from requests")
    await story.asks("bob", f"/ilab approve {number}")
    await until(lambda: story.state_of(number, "succeeded", "failed"), f"{words} never ended", 60)
    await story.settled()
    return next(said for said in story.sees("bob", "ops-approvals") if f"request {number}:" in said.first_line)


async def scheduled(story: Story, words: str = f"next --what {WHAT}") -> datetime:
    """A maintenance is scheduled and announced; returns when it begins."""
    await approved(story, "alice", f"maintenance schedule {words}")

    async def announced() -> bool:
        return "announced" in (await story.rows("select told from maintenances order by id desc limit 1"))[0][0]

    await until(announced, "it was never announced", 60)
    await story.settled()
    ((start_at,),) = await story.rows("select start_at from maintenances order by id desc limit 1")
    assert isinstance(start_at, datetime)
    return start_at


def jump_to(story: Story, at: datetime) -> None:
    """The bot's clock shows this moment."""
    story.sandbox.world.clock.jump((at - story.sandbox.world.clock.now()).total_seconds())


def card(story: Story) -> Said:
    """The card of the newest maintenance."""
    return [said for said in story.sees("bob") if "Maintenance 1: " in said.first_line][-1]


def thread(story: Story) -> list[Said]:
    """What stands under it; nothing before it is shown."""
    if not any("Maintenance 1: " in said.first_line for said in story.sees("bob")):
        return []
    return story.sees("bob", "incidents", str(card(story).raw["ts"]))


async def told(story: Story, words: str) -> Said:
    """Wait until the thread reads this."""
    await until(lambda: any(words in said.text for said in thread(story)), f"never said: {words}", 60)
    await story.settled()
    return next(said for said in thread(story) if words in said.text)


async def test_from_schedule_to_completion(story: Story) -> None:
    """Announced to everybody once, begun with the site closed as seen, watched for two hours, and told that it is over."""
    said = await story.asks("alice", f"/ilab maintenance schedule next --what {WHAT}")
    assert "announce and carry out a maintenance on Tuesday" in said.first_line
    assert "InterviewLab will not be available during that time." in said.text
    ((customers,),) = await story.product_rows(
        "select count(*) from auth.users where email_confirmed_at is not null and deleted_at is null "
        "and (banned_until is null or banned_until < now())"
    )
    assert f"the status page and {customers:,} customers by mail" in said.text
    assert "Warning" not in said.text
    resend = story.sandbox.vendors["resend"]
    before = len(resend.emails)
    await story.asks("bob", "/ilab approve 1")

    async def announced() -> bool:
        rows = await story.rows("select told from maintenances")
        return bool(rows and "announced" in rows[0][0])

    await until(announced, "it was never announced", 60)
    await told(story, "Told the status page and")
    mails = resend.emails[before:]
    assert len(mails) == customers
    assert all(len(mail.given["to"]) == 1 for mail in mails)
    assert len({mail.given["to"][0] for mail in mails}) == customers
    (page,) = [one for one in story.sandbox.vendors["statuspage"].incidents if one.scheduled_for]
    assert page.status == "scheduled"
    ((start_at, end_at),) = await story.rows("select start_at, end_at from maintenances")
    assert start_at.weekday() == 1
    jump_to(story, start_at - timedelta(minutes=59))
    await told(story, "Maintenance 1 begins soon")
    jump_to(story, start_at + timedelta(seconds=1))
    begun = await told(story, "is under way: the site shows its maintenance page, as seen there")
    assert begun.buttons == ["Promote…", "Finish", "30 minutes more"]
    assert story.sandbox.world.maintenance
    assert page.status == "in_progress"
    await story.asks("alice", "/ilab maintenance finish 1")
    opened = await told(story, "the work is done, the site is open again, as seen there. I watch for 120 min.")
    assert "Still failing" not in opened.text
    assert not story.sandbox.world.maintenance
    assert len(resend.emails) - before == customers
    story.sandbox.world.clock.jump(7201)
    over = await told(story, "Maintenance 1 is complete; told the status page and")
    assert over.first_line.endswith("Nothing fails.")
    assert page.status == "completed"
    assert len(resend.emails) - before == 2 * customers
    assert "Told: completed" in card(story).text
    assert await story.rows("select state from maintenances") == [("done",)]
    assert end_at > start_at


@pytest.mark.parametrize(
    ("words", "warned"),
    [
        ("{soon} --what x", "only 3 h of notice: the runbook wants"),
        ("{wednesday} --what x", "outside the recommended time (Tuesday 02:00 to 04:00 UTC)"),
        ("next --lasts 3h --what x", "outside the recommended time"),
    ],
)
async def test_what_speaks_against_a_time_is_said(story: Story, words: str, warned: str) -> None:
    """Too little notice, or another time than the runbook's: warned of on the card, and forbidden to nobody."""
    now = story.sandbox.world.clock.now()
    wednesday = now + timedelta(days=(2 - now.weekday()) % 7 + 7)
    typed = words.format(
        soon=f"{now + timedelta(hours=3, minutes=1):%Y-%m-%dT%H:%M}", wednesday=f"{wednesday:%Y-%m-%d}T02:00"
    )
    said = await story.asks("alice", f"/ilab maintenance schedule {typed}")
    assert warned in said.text


async def test_bad_times_get_a_sentence(story: Story) -> None:
    """No time, one that has passed, one that is taken, no length, an unknown number: each says what is right."""
    said = await story.asks("alice", "/ilab maintenance schedule tomorrow --what x")
    assert said.first_line == "When? “tomorrow” is no time such as 2026-12-01T02:00 or next."
    said = await story.asks("alice", "/ilab maintenance schedule 2020-01-01T02:00 --what x")
    assert "has passed" in said.first_line
    said = await story.asks("alice", "/ilab maintenance schedule next --lasts 2d --what x")
    assert said.first_line == "A maintenance takes from five minutes to twelve hours."
    await scheduled(story)
    said = await story.asks("alice", "/ilab maintenance schedule next --what the same night")
    assert said.first_line.startswith("Maintenance 1 is then already: Tuesday")
    assert (await story.asks("alice", "/ilab maintenance finish 9")).first_line == "There is no maintenance 9."
    assert (await story.asks("alice", "/ilab maintenance finish 1")).first_line == "Maintenance 1 is scheduled."
    assert "was approved for" in (await story.asks("alice", "/ilab maintenance start 1")).first_line
    refused = await story.asks("frank", "/ilab maintenance cancel 1 no")
    assert "needs a responder" in refused.text


async def test_cancelled_before_it_begins(story: Story) -> None:
    """The same people are told that it will not be; its clocks are quiet; the list says so."""
    resend = story.sandbox.vendors["resend"]
    seeded = len(resend.emails)
    start_at = await scheduled(story)
    announced = len(resend.emails) - seeded
    assert (await story.asks("frank", "/ilab maintenance list")).first_line.startswith("The next one is on Tuesday")
    await story.asks("alice", "/ilab maintenance cancel 1 the migration is not ready")
    await told(story, "no maintenance on Tuesday")
    assert len(resend.emails) - seeded == 2 * announced > 200
    jump_to(story, start_at + timedelta(minutes=5))
    await story.settled()
    assert not story.sandbox.world.maintenance
    assert "cancelled: the migration is not ready" in card(story).text
    assert (await story.asks("frank", "/ilab maintenance list")).first_line == "No maintenance is scheduled."


async def test_alerts_are_held_back_and_recoveries_pass(story: Story) -> None:
    """What fires meanwhile is counted and not told; at the end what still fires is named, and told like any other."""
    bot = await story.start(ILAB_WEB__PORT="0")
    hooks = story.sandbox.world.webhooks
    hooks.url = str(bot.address)

    async def fires(title: str, state: str = "firing") -> None:
        hooks.send("generic", {"title": title, "state": state, "at": story.sandbox.world.clock.now().isoformat()})
        await hooks.settled()
        await story.settled()

    await fires("The queue is long")
    start_at = await scheduled(story)
    jump_to(story, start_at + timedelta(seconds=1))
    await told(story, "is under way")
    await fires("The database is read only")
    await fires("The site is slow")
    await fires("The site is slow", "recovered")
    await fires("The queue is long", "recovered")
    titles = [said.first_line for said in story.sees("bob")]
    assert ":white_check_mark: The queue is long" in titles
    assert not any("read only" in title or "is slow" in title for title in titles)
    assert "Held back  2 alerts" in card(story).text.replace("*", "")
    await story.asks("alice", "/ilab maintenance finish 1")
    opened = await told(story, "the work is done")
    assert "Still failing  The database is read only" in opened.text.replace("*", "").replace(":red_circle: ", "")
    await until(
        lambda: any("The database is read only" in said.first_line for said in story.sees("bob")), "it was never told"
    )
    assert not any("is slow" in said.first_line for said in story.sees("bob"))


async def test_it_overruns(story: Story) -> None:
    """Its time is over: said, and said again; thirty minutes more moves the end, also on the page."""
    start_at = await scheduled(story)
    jump_to(story, start_at + timedelta(seconds=1))
    await told(story, "is under way")
    jump_to(story, start_at + timedelta(hours=2, seconds=1))
    said = await told(story, "should have ended at 04:00 UTC")
    assert said.buttons == ["Finish", "30 minutes more"]
    more = await story.asks("alice", "/ilab maintenance extend 1 30m")
    assert more.first_line.startswith("Maintenance 1 takes until 04:3")
    await told(story, "Our maintenance takes longer than we thought")
    story.sandbox.world.clock.jump(1200)
    await story.settled()
    assert sum("should have ended" in said.text for said in thread(story)) == 1


async def test_the_site_does_not_obey(story: Story) -> None:
    """The flag cannot be written at first: said on the card, tried again, and done once it can be."""
    start_at = await scheduled(story)
    fault = story.sandbox.faults.add("vercel", "write config items", kind="status", status=500)
    jump_to(story, start_at + timedelta(seconds=1))
    await until(lambda: "Trouble" in card(story).text, "the trouble was never shown", 60)
    assert not story.sandbox.world.maintenance
    story.sandbox.faults.remove(fault.id)
    story.sandbox.world.clock.jump(31)
    await told(story, "is under way: the site shows its maintenance page")
    assert "Trouble" not in card(story).text


@pytest.mark.parametrize("call", ["send batch", "create incident"])
async def test_a_vendors_answer_is_lost(story: Story, call: str) -> None:
    """Resend sent, or the page has it, and the answer never came: nobody is told twice."""
    vendor = "resend" if call == "send batch" else "statuspage"
    resend = story.sandbox.vendors["resend"]
    before = len(resend.emails)
    story.sandbox.faults.add(vendor, call, kind="lost", times=1)
    await approved(story, "alice", f"maintenance schedule next --what {WHAT}")

    async def announced() -> bool:
        story.sandbox.world.clock.jump(31)
        await story.make_steps_old()
        return "announced" in (await story.rows("select told from maintenances"))[0][0]

    await until(announced, "it was never announced", 60)
    await story.settled()
    addresses = [mail.given["to"][0] for mail in resend.emails[before:]]
    assert len(addresses) == len(set(addresses)) > 100
    assert len([one for one in story.sandbox.vendors["statuspage"].incidents if one.scheduled_for]) == 1


async def test_killed_while_mails_go_out(stage: Story) -> None:
    """Killed with -9 between two batches: the next bot goes on there, and everybody has one mail."""
    resend = stage.sandbox.vendors["resend"]
    before = len(resend.emails)
    async with stage.process() as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        await stage.says("alice", f"/ilab maintenance schedule next --what {WHAT}")
        await until(lambda: stage.has_request(1), "it was never asked for")
        stage.sandbox.faults.add("resend", "send batch", kind="slow", seconds=1)
        await stage.says("bob", "/ilab approve 1", "ops-approvals")
        await until(lambda: len(resend.emails) > before, "no mail went out", 60)
        process.kill()
        await process.wait()
    stage.sandbox.faults.clear()
    await stage.start()
    await stage.make_jobs_stalled()

    async def announced() -> bool:
        await stage.make_steps_old()
        rows = await stage.rows("select told from maintenances")
        return bool(rows and "announced" in rows[0][0])

    await until(announced, "it was never announced", 60)
    addresses = [mail.given["to"][0] for mail in resend.emails[before:]]
    assert len(addresses) == len(set(addresses)) > 100


async def test_the_maintenance_page_now(story: Story) -> None:
    """`maintenance on` closes the site once another person agrees, and says what visitors were seen to read; `off` opens it."""
    shown = await approved(story, "alice", "maintenance on We are back at 14:00 UTC.")
    assert "the site shows its maintenance page, as seen there" in shown.text
    assert story.sandbox.world.maintenance_message == "We are back at 14:00 UTC."
    assert "Open the site…" in shown.buttons
    again = await story.asks("alice", "/ilab maintenance on We are back at 14:00 UTC.")
    assert again.first_line == "The site shows its maintenance page already."
    await approved(story, "erin", "maintenance off")
    assert not story.sandbox.world.maintenance
    refused = await story.asks("alice", "/ilab maintenance off")
    assert refused.first_line == "The site does not show its maintenance page already."
