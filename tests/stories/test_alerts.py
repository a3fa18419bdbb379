"""Alerts: vendors' webhooks come in, one card a thing; the site down becomes a P0 without a person."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import Counter

import aiohttp
import pytest
from storytelling import Said, Story, until

SITE = "800100001"


@pytest.fixture
async def heard(stage: Story) -> Story:
    """A story whose bot has an HTTP address, and whose vendors know it."""
    bot = await stage.start(ILAB_WEB__PORT="0")
    assert bot.address is not None
    stage.sandbox.world.webhooks.url = bot.address
    return stage


async def arrived(story: Story) -> None:
    """Every delivery has come, and everything of it was done."""
    await story.sandbox.world.webhooks.settled()
    await story.settled()


def generic(story: Story, title: str, *, state: str = "firing", forged: bool = False, **more: str) -> None:
    """Something of our own sends an alert."""
    body = {"title": title, "state": state, "at": story.sandbox.world.clock.now().isoformat()} | more
    story.sandbox.world.webhooks.send("generic", body, forged=forged)


def cards(story: Story, words: str = "From") -> list[Said]:
    """The cards of alerts in #incidents."""
    return [said for said in story.sees("bob") if words in said.text and "INC-" not in said.first_line]


async def test_an_alert_has_one_card(heard: Story) -> None:
    """Said three times it is one card that counts; its recovery is said there, and its buttons go."""
    for _ in range(3):
        generic(heard, "The nightly export is late")
        heard.sandbox.world.clock.jump(1)
    await arrived(heard)
    (shown,) = cards(heard)
    assert shown.first_line == ":red_circle: The nightly export is late"
    assert "3 times" in shown.text
    assert shown.buttons == ["Declare incident", "Mute 1 h", "Not actionable"]
    heard.sandbox.world.clock.jump(60)
    generic(heard, "The nightly export is late", state="recovered")
    await arrived(heard)
    (shown,) = cards(heard)
    assert shown.first_line == ":white_check_mark: The nightly export is late"
    assert shown.buttons == []
    listed = await heard.asks("frank", "/ilab alert list")
    assert listed.first_line == "0 alerts firing."
    assert "The nightly export is late (3 times)" in listed.text


async def test_the_same_delivery_counts_once(heard: Story) -> None:
    """A vendor that lost our answer sends again under the same id: it is known, and counted once."""
    generic(heard, "Disk is full")
    await arrived(heard)
    hooks = heard.sandbox.world.webhooks
    for _ in range(3):
        hooks.again(hooks.sent[0])
    await arrived(heard)
    assert [sent.arrived for sent in hooks.sent] == [True]
    assert await heard.rows("select count from alerts") == [(1,)]


async def test_what_is_not_signed_is_not_stored(heard: Story) -> None:
    """A forged signature, an unknown vendor, no JSON, a secret missing in the address: refused, and nothing is kept."""
    generic(heard, "Forged", forged=True)
    await arrived(heard)
    assert heard.sandbox.world.webhooks.sent[0].statuses == [401]
    url = heard.sandbox.world.webhooks.url
    async with aiohttp.ClientSession() as session:
        for path, body, status in (
            ("nobody", b"{}", 404),
            ("uptimerobot", b"{}", 401),
            ("uptimerobot/guess", b"{}", 401),
            ("uptimerobot/sandbox-uptimerobot", b"no json", 400),
        ):
            async with session.post(f"{url}/webhooks/{path}", data=body) as answer:
                assert answer.status == status, path
        async with session.post(f"{url}/webhooks/generic", data=b"x" * 1_100_000) as answer:
            assert answer.status == 413
        async with session.post(f"{url}/webhooks/uptimerobot/sandbox-uptimerobot", json={"id": "1"}) as answer:
            assert answer.status == 200
    await heard.settled()
    assert await heard.rows("select count(*) from alerts") == [(0,)]
    assert await heard.rows("select count(*) from inbox where kind = 'webhook'") == [(1,)]


async def test_the_site_goes_down(heard: Story) -> None:
    """UptimeRobot says so, our own probe confirms it: a P0 with its channel, no person involved; then it is up again."""
    site, robot = heard.sandbox.vendors["site"], heard.sandbox.vendors["uptimerobot"]
    site.set_switch("site", "down")
    robot.set_switch("site_monitor", "down")

    async def set_up() -> bool:
        rows = await heard.rows("select count(*), count(*) filter (where state = 'started') from steps")
        return bool(rows[0][0] >= 10 and rows[0][1] == 0)

    await until(set_up, "no incident set itself up", 40)
    await arrived(heard)
    ((severity, title, source),) = await heard.rows("select severity, title, source from incidents")
    assert (severity, source) == ("P0", "alert")
    assert title == "InterviewLab site is down (HTTP 502 - Bad Gateway)"
    rooms = [c for c in heard.sandbox.workspace.state.channels.values() if c.name.startswith("inc-1-")]
    assert len(rooms) == 1
    assert {heard.person("alice"), heard.person("bob")} <= set(rooms[0].members)
    (page,) = heard.sandbox.vendors["pagerduty"].account.incidents
    assert page.key.startswith("ilab-inc-")
    shown = next(said for said in heard.sees("bob") if "uptimerobot: site down" in said.text)
    assert "declared INC-1: our own probe of the site: down" in shown.text
    incident = next(
        said
        for said in heard.sees("bob")
        if said.first_line.endswith("is down (HTTP 502 - Bad Gateway)") and "INC-1" in said.first_line
    )
    assert "an alert" in incident.text
    site.set_switch("site", "up")
    robot.set_switch("site_monitor", "up")
    thread = str(incident.raw["ts"])
    await until(
        lambda: any("well again" in said.text for said in heard.sees("bob", "incidents", thread)), "it was never said"
    )
    told = next(said for said in heard.sees("bob", "incidents", thread) if "well again" in said.text)
    assert told.buttons == ["Mitigated…", "Resolve"]
    assert await heard.rows("select count(*) from incidents") == [(1,)]
    kinds = await heard.rows("select count(*) from timeline where kind = 'alert'")
    assert kinds == [(2,)]


async def test_killed_while_its_p0_sets_itself_up(stage: Story) -> None:
    """The bot dies just after the alert became a P0: the next one finishes it, with one channel, one page, one card."""
    hooks, port = stage.sandbox.world.webhooks, free_port()
    hooks.url = f"http://127.0.0.1:{port}"
    site, robot = stage.sandbox.vendors["site"], stage.sandbox.vendors["uptimerobot"]
    state = stage.sandbox.workspace.state
    async with stage.process(ILAB_WEB__PORT=str(port)) as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        site.set_switch("site", "down")
        robot.set_switch("site_monitor", "down")
        await until(lambda: any(one.name.startswith("inc-1-") for one in state.channels.values()), "no channel", 40)
        process.kill()
        await process.wait()
    async with stage.process(ILAB_WEB__PORT=str(port)):

        async def set_up() -> bool:
            await stage.expire_claims()
            await stage.make_jobs_stalled()
            await stage.make_steps_old()
            rows = await stage.rows("select count(*), count(*) filter (where state <> 'done') from steps")
            return bool(rows[0][0] >= 10 and rows[0][1] == 0)

        await until(set_up, "the P0 never finished setting itself up", 60)
        await hooks.settled()
        await until(lambda: all_shown(stage), "the alert's card never caught up", 30)
        shown = "select 1 from cards where wanted <= shown and subject = 'incident:1'"
        await until(lambda: stage.finds(shown), "the incident's card never caught up", 30)
    assert await stage.rows("select severity, source from incidents") == [("P0", "alert")]
    assert len([one for one in state.channels.values() if one.name.startswith("inc-1-")]) == 1
    assert len(stage.sandbox.vendors["pagerduty"].account.incidents) == 1
    assert len([said for said in stage.sees("bob") if "uptimerobot: site down" in said.text]) == 1
    assert len([said for said in stage.sees("bob") if "INC-1" in said.first_line]) == 1


async def test_our_own_probe_denies_it(heard: Story) -> None:
    """The monitor is wrong, our probe finds the site well: no incident; the card says why, and it is looked at again."""
    heard.sandbox.vendors["uptimerobot"].set_switch("site_monitor", "down")
    await until(lambda: any("not confirmed" in said.text for said in cards(heard)), "it was never judged")
    assert await heard.rows("select count(*) from incidents") == [(0,)]
    assert heard.sandbox.vendors["pagerduty"].account.incidents == []
    heard.sandbox.vendors["site"].set_switch("site", "down")
    heard.sandbox.world.clock.jump(31)
    await until(lambda: heard.has_rows("incidents", 1), "the second look declared nothing")


async def test_it_cannot_be_confirmed(heard: Story) -> None:
    """Where our own look says nothing, nobody declares: the on-call is paged, once."""
    heard.sandbox.vendors["site"].set_switch("site", "protected")
    heard.sandbox.vendors["uptimerobot"].set_switch("site_monitor", "down")
    account = heard.sandbox.vendors["pagerduty"].account
    await until(lambda: bool(account.incidents), "nobody was paged")
    await arrived(heard)
    (page,) = account.incidents
    assert page.key.startswith("ilab-alert-")
    assert await heard.rows("select count(*) from incidents") == [(0,)]
    assert any("the on-call is paged" in said.text for said in cards(heard))


async def test_payments_fail(heard: Story) -> None:
    """One declined card is nobody's alert; five within minutes, and Stripe's own figures agree: a P0 without a person."""
    stripe = heard.sandbox.vendors["stripe"]
    (first,) = stripe.ledger.decline(
        next(one for one in stripe.company.books.customers if one.stripe_id), stripe.now()
    )[1:]
    heard.sandbox.world.webhooks.send("stripe", stripe._event(first))
    await arrived(heard)
    assert await heard.rows("select count(*) from incidents") == [(0,)]
    stripe.set_switch("payments", "failing")
    await until(lambda: heard.has_rows("incidents", 1), "no incident was declared", 30)
    await arrived(heard)
    assert await heard.rows("select severity, source from incidents") == [("P0", "alert")]
    shown = next(said for said in heard.sees("bob") if "stripe: payment failed" in said.text)
    assert re.search(r"declared INC-1: Stripe.s last 15 minutes: \d payments? succeeded, 9 failed", shown.text), (
        shown.text
    )


async def test_what_is_done_at_pagerduty_is_so_here(heard: Story) -> None:
    """Acknowledged in PagerDuty's app, it is acknowledged here: by whom, there; resolved there, our probes look first."""
    await heard.asks("frank", "/ilab incident declare P0 checkout answers 500")
    account = heard.sandbox.vendors["pagerduty"].account
    await until(lambda: bool(account.incidents), "nobody was paged", 30)
    await heard.settled()
    account.acknowledge(account.incidents[0], heard.sandbox.world.person("bob"))

    async def state(wanted: str) -> bool:
        return (await heard.rows("select state from incidents"))[0][0] == wanted

    await until(lambda: state("acknowledged"), "it was never acknowledged here")
    ((said,),) = await heard.rows("select said from timeline where kind = 'acknowledged'")
    assert "Bob Okafor (at PagerDuty)" in said
    heard.sandbox.vendors["site"].set_switch("site", "down")
    account.resolve(account.incidents[0], "")
    await until(lambda: heard.said_anywhere("it stays open here"), "nobody was told that it is not over", 30)
    assert await state("acknowledged")


async def test_flapping_is_one_alert(heard: Story) -> None:
    """Down, up, down, up within minutes: one card that says so."""
    for state in ("firing", "recovered", "firing", "recovered", "firing"):
        generic(heard, "The queue is long", state=state)
        await arrived(heard)
        heard.sandbox.world.clock.jump(30)
    (shown,) = cards(heard)
    assert "it came back 2 times" in shown.text
    assert await heard.rows("select count, flaps, state from alerts") == [(3, 2, "firing")]


async def test_mute_join_dismiss_declare(heard: Story) -> None:
    """The card's buttons: each does what it says, and a viewer may only declare."""
    for title in ("One", "Two", "Three"):
        generic(heard, title)
        await arrived(heard)
    by_title = {said.first_line.split()[-1]: said for said in cards(heard)}
    refused = await heard.presses("frank", "Mute 1 h", said=by_title["One"])
    assert "needs a responder" in refused.text
    said = await heard.presses("alice", "Mute 1 h", said=by_title["One"])
    assert "is muted until" in said.first_line
    generic(heard, "One")
    await arrived(heard)
    assert any("Muted" in card.text and "by alice" in card.text for card in cards(heard))
    said = await heard.presses("alice", "Not actionable", said=by_title["Two"])
    assert said.first_line.endswith("is not actionable.")
    assert "Two" in (await heard.asks("alice", "/ilab alert show 2")).text
    await heard.presses("frank", "Declare incident", said=by_title["Three"])
    await until(lambda: heard.has_rows("incidents", 1), "nothing was declared")
    generic(heard, "Four")
    await arrived(heard)
    four = next(said for said in cards(heard) if said.first_line.endswith("Four"))
    said = await heard.presses("alice", "Join INC-1", said=four)
    assert said.first_line == "Alert 4 belongs to INC-1 now."
    assert (await heard.asks("alice", "/ilab alert dismiss 4")).first_line == "Alert 4 belongs to INC-1 already."
    assert (await heard.asks("alice", "/ilab alert mute 99")).first_line == "There is no alert 99."
    assert (await heard.asks("alice", "/ilab alert join 1 7")).first_line == "There is no open INC-7."
    assert (await heard.asks("alice", "/ilab alert declare 4 p9")).first_line.startswith("“p9” does not fit")
    kinds = await heard.rows("select kind from audit where kind like 'alert.%%' order by seq")
    assert kinds == [("alert.muted",), ("alert.dismissed",), ("alert.joined",), ("alert.joined",)]


async def test_every_vendor_is_heard(heard: Story) -> None:
    """Sentry, Vercel, PagerDuty, Resend and UptimeRobot as they send: a card each; what we paged ourselves is none."""
    vendors = heard.sandbox.vendors
    vendors["sentry"].set_switch("errors", "storm")
    vendors["vercel"].set_switch("production", "error")
    vendors["pagerduty"].account.trigger("The office is on fire", key="somebody", urgency="high", details=None)
    vendors["resend"].set_switch("delivery", "bounced")
    await arrived(heard)
    kinds = {row[0] for row in await heard.rows("select kind from alerts")}
    assert kinds >= {"error_new", "error_spike", "build_failed", "page"}
    vendors["sentry"].set_switch("errors", "calm")
    vendors["vercel"].set_switch("production", "ready")
    await arrived(heard)
    recovered = {row[0] for row in await heard.rows("select kind from alerts where state = 'recovered'")}
    assert recovered >= {"error_spike", "build_failed"}
    listed = await heard.asks("frank", "/ilab alert list")
    for words in ("The build for production failed", "Error spike", "PagerDuty: The office is on fire"):
        assert words in listed.text, words


async def test_the_database_is_silent(heard: Story) -> None:
    """What comes in meanwhile is on disk before its 2xx, and folded when the database is back."""
    heard.proxies["own"].set("down")
    generic(heard, "Nobody sees this yet")
    await heard.sandbox.world.webhooks.settled()
    assert heard.sandbox.world.webhooks.sent[0].statuses == [200]
    heard.proxies["own"].set("up")
    await heard.expire_claims()

    async def folded() -> bool:
        await heard.expire_claims()
        return bool((await heard.rows("select count(*) from alerts"))[0][0])

    await until(folded, "it was lost", 30)


async def test_many_at_once_stand_on_one_card(heard: Story) -> None:
    """More new alerts than people can read: one card counts them, names the newest, and ends when they do."""
    for number in range(30):
        generic(heard, f"Worker {number} is stuck")
    await arrived(heard)
    shown = cards(heard)
    assert len(shown) == 11
    storm = next(said for said in shown if "alerts at once" in said.first_line)
    assert storm.first_line == ":red_circle: 20 alerts at once, 20 of them firing"
    assert "… and 12 more" in storm.text
    for number in range(30):
        generic(heard, f"Worker {number} is stuck", state="recovered")
    await arrived(heard)
    heard.sandbox.world.clock.jump(601)
    await until(lambda: any("The storm is over" in said.text for said in cards(heard)), "it never ended")


async def test_a_thousand_in_ten_seconds(stage: Story) -> None:
    """Four vendors, duplicates, forged ones, Slack that asks to wait, and the bot killed in the middle: one incident.

    Every validly signed delivery is stored and counted once, and the cards are right at the end.
    """
    hooks, port = stage.sandbox.world.webhooks, free_port()
    hooks.url = f"http://127.0.0.1:{port}"
    stage.sandbox.vendors["site"].set_switch("site", "down")
    for method in ("chat.update", "chat.postMessage"):
        stage.sandbox.faults.add("slack", method, kind="status", status=429, seconds=1, times=5)
    async with stage.process(ILAB_WEB__PORT=str(port)) as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        await storm(stage, 0, 500)
        process.kill()
        await process.wait()
    async with stage.process(ILAB_WEB__PORT=str(port)):
        await storm(stage, 500, 1000)
        for sent in hooks.sent[:60]:
            if sent.arrived:
                hooks.again(sent, resource="event_alert")
        await hooks.settled()
        assert all(sent.arrived is not sent.forged for sent in hooks.sent)
        genuine = sum(sent.arrived for sent in hooks.sent)
        assert genuine >= 950  # PagerDuty tells of our own page, too
        stored = "select 1 where (select count(*) from inbox where kind = 'webhook') = %s"
        await until(
            lambda: stage.finds(stored, genuine), "some were not stored", 60
        )  # some may be in the journal still
        await until(lambda: all_folded(stage), "some were never folded", 60)
        assert await stage.rows("select count(*) from alert_deliveries") == [(950,)]
        assert await stage.rows("select sum(count) from alerts where vendor <> 'ilab.storm'") == [(950,)]
        assert await stage.rows("select count(*) from incidents") == [(1,)]
        await until(lambda: all_shown(stage), "the cards never caught up", 60)
        assert len(cards(stage)) <= 12
        for title, count in await stage.rows(
            "select title, count from alerts where storm is null and vendor <> 'ilab.storm'"
        ):
            card = next(said for said in cards(stage) if title in said.first_line)
            assert f"{count} times" in card.text
    for method in ("chat.update", "chat.postMessage"):
        minutes = Counter(int(call.at / 60) for call in stage.sandbox.workspace.calls if call.method == method)
        assert max(minutes.values()) < 100, (method, minutes)


async def storm(story: Story, first: int, last: int) -> None:
    """Alerts from four vendors, one in twenty of them forged, a hundred a second."""
    hooks, clock = story.sandbox.world.webhooks, story.sandbox.world.clock
    for number in range(first, last):
        if number % 50 == 49:
            await asyncio.sleep(0.4)
        if number % 20 == 0:
            generic(story, f"Forged {number}", forged=True)
        elif number % 4 == 0:
            body = {"id": SITE, "name": "InterviewLab site", "type": "1", "at": str(clock.timestamp())}
            hooks.send("uptimerobot", body)
        elif number % 4 == 1:
            event = {"title": f"Error {number % 7}", "issue_id": str(number % 7), "event_id": str(number)}
            hooks.send("sentry", {"action": "triggered", "data": {"event": event}}, resource="event_alert")
        elif number % 4 == 2:
            data = {"id": f"Q{number % 5}", "title": f"Page {number % 5}", "incident_key": "theirs"}
            hooks.send("pagerduty", {"event": {"event_type": "incident.triggered", "data": data}})
        else:
            generic(story, f"Worker {number % 11} is stuck")


async def all_folded(story: Story) -> bool:
    """Nothing that came in waits to be folded; the claims of the copy that was killed have run out."""
    await story.expire_claims()
    return await story.rows("select count(*) from inbox where kind = 'webhook' and done_at is null") == [(0,)]


async def all_shown(story: Story) -> bool:
    """Every card of an alert is as its alert stands."""
    rows = await story.rows("select count(*) from cards where subject like 'alert:%%' and wanted > shown")
    return rows == [(0,)]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
