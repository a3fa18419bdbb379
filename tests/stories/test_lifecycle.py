"""An incident from declaring to resolving: by buttons, with the clocks of the runbook, in words, and corrected."""

from __future__ import annotations

import asyncio

from incidents import (
    card,
    declared,
    done,
    in_room,
    later,
    opens,
    press,
    room,
    state_of,
    thread,
    times_of,
    token_of,
    types,
)
from storytelling import Story, ilab, until

UNTOLD = ("set_up", "health", "change", "paged", "task", "postmortem")
"""Kinds of entries that are not steps of an incident."""


async def test_a_p0_by_buttons(story: Story) -> None:
    """Acknowledged, assessed, told of, mitigated and resolved from the card, each step in thread, channel and timeline."""
    await declared(story)
    channel = room(story).id
    assert card(story).buttons == ["Acknowledge", "Assess…", "Update…", "Status page…", "Status"]
    await later(story, 2)
    said = await press(story, "alice", "Acknowledge", channel)
    assert said.first_line.startswith("You have INC-1.")
    await done(story)
    assert card(story).buttons == ["Assess…", "Update…", "Mitigated…", "Status page…", "Status"]
    assert room(story).topic["value"] == "INC-1 P0 checkout answers 500 · acknowledged"
    (page,) = story.sandbox.vendors["pagerduty"].account.incidents
    assert page.status == "acknowledged"

    await later(story, 6)
    form = await opens(story, "alice", "Assess…", channel)
    assert "Probes" in form.text
    assert "The product, in the last" in form.text
    said = await story.submits("alice", cause="deployment", share="40", found="since the release")
    assert (
        said.first_line
        == ":white_check_mark: INC-1 is assessed: a deployment, about 40 % of the users (since the release)"
    )
    assert said.buttons == ["Roll back", "Status page…", "Mitigated…", "Update…", "Resolve"]
    await done(story)
    assert "Cause  a deployment, about 40 % of the users: since the release" in card(story).text

    await opens(story, "alice", "Update…", channel)
    await story.submits("alice", text="The rollback runs, write to ann@example.com")
    assert "alice: The rollback runs, write to a•••@example.com" in thread(story)[-1]
    await opens(story, "alice", "Mitigated…", channel)
    await story.submits("alice", how="rolled back")
    await later(story, 10)
    said = await press(story, "alice", "Resolve", channel)
    assert said.first_line.startswith(":white_check_mark: INC-1 is resolved. Verified: All well")
    await done(story)

    assert page.status == "resolved"
    assert await state_of(story) == "resolved"
    assert card(story).buttons[-1] == "Fault is back…"
    assert [kind for kind, _ in await times_of(story) if kind not in UNTOLD] == [
        "declared",
        "acknowledged",
        "assessed",
        "update",
        "mitigated",
        "resolved",
    ]
    for words in ("acknowledged by alice", "assessed by alice", "mitigated by alice", "resolved by alice"):
        assert sum(words in text for text in thread(story)) == 1, words
        assert sum(words in said.text for said in in_room(story) if not said.ephemeral) == 1, words
    assert await story.rows("select name from milestones order by id") == [
        ("declared",),
        ("acknowledged",),
        ("assessed",),
        ("mitigated",),
        ("resolved",),
    ]
    kinds = [
        kind for (kind,) in await story.rows("select kind from audit where kind like %s order by seq", "incident.%")
    ]
    assert kinds == [
        f"incident.{step}" for step in ("declared", "acknowledged", "assessed", "updated", "mitigated", "resolved")
    ]
    running = await story.rows(
        "select kind from clocks where state = 'running' and subject = 'incident:1' order by due_at"
    )
    assert [kind for (kind,) in running] == [
        "postmortem_half",
        "postmortem_remind",
        "postmortem_last",
        "postmortem_overdue",
    ]
    assert story.sandbox.workspace.pings == []


async def test_a_p0_wholly_from_a_terminal(story: Story) -> None:
    """While Slack is down a P0 is declared, paged, acknowledged, assessed and resolved; back again, Slack reads it all, once."""
    token = await token_of(story, "alice")
    story.sandbox.faults.add("slack", kind="status", status=503)

    async def runs(*words: str) -> tuple[int, str]:
        status, out, err = await ilab(story, "run", *words, token=token)
        return status, out + err

    status, said = await runs("incident", "declare", "P0", "checkout answers 500")
    assert (status, "INC-1 is declared" in said) == (1, True)
    account = story.sandbox.vendors["pagerduty"].account
    await until(lambda: len(account.incidents) == 1, "nobody was paged")
    status, said = await runs("incident", "ack")
    assert status == 1
    assert "Open now: INC-1 checkout answers 500." in said
    assert (await runs("ack", "INC-1"))[1].startswith("You have INC-1. Acknowledged")
    await until(lambda: account.incidents[0].status == "acknowledged", "PagerDuty was never told")
    status, said = await runs("incident", "assess", "INC-1")
    assert "incident assess needs <deployment|third-party|database|other>" in said
    assert "Share of users" in said
    for words in (
        ("assess", "INC-1", "third-party", "Stripe", "--share", "30"),
        ("update", "INC-1", "we wait for Stripe"),
        ("note", "INC-1", "Stripe answered our ticket"),
        ("mitigate", "INC-1", "users read a banner"),
    ):
        assert (await runs("incident", *words))[0] == 0, words
    status, said = await runs("incident", "resolve", "INC-1", "--anyway")
    assert "INC-1 is resolved." in said
    assert "Time to resolve" in (await runs("incident", "show", "INC-1"))[1]
    kinds = [kind for kind, _ in await times_of(story) if kind not in UNTOLD]
    assert kinds == ["declared", "acknowledged", "assessed", "update", "note", "mitigated", "resolved"]
    by = await story.rows("select distinct detail ->> 'surface' from audit where kind = 'incident.resolved'")
    assert by == [("terminal",)]

    story.sandbox.faults.clear()
    await story.make_lost_posts_old()
    await until(lambda: bool([one for one in story.sees("bob") if "INC-1 P0" in one.first_line]), "no card came", 40)
    for said in ("acknowledged by alice", "alice: we wait for Stripe", "mitigated by alice", "resolved by alice"):
        await until(lambda said=said: any(said in text for text in thread(story)), f"“{said}” never came", 60)
        assert sum(said in text for text in thread(story)) == 1
    assert card(story).first_line.endswith("INC-1 P0 checkout answers 500")


async def test_the_evidence_is_gathered(story: Story) -> None:
    """Probes, what changed, errors, the log, vendors and the product's numbers, each apart; what is silent says so."""
    await declared(story, "P2 something is off")
    story.sandbox.vendors["sentry"].set_switch("errors", "storm")
    story.sandbox.vendors["site"].set_switch("site", "down")
    story.sandbox.faults.add("stripe", kind="status", status=500)
    said = await types(story, "alice", "/ilab incident evidence INC-1")
    assert "Share of users: about 100 %  the site itself is down" in said.text
    for words in (
        "Probes",
        "What changed",
        "Errors (Sentry)",
        "Server log",
        "The product, in the last",
        "errors a minute",
    ):
        assert words in said.text, words
    assert ":grey_question: Checkouts  could not check" in said.text
    assert said.buttons == ["Assess…"]


async def test_the_form_proposes_what_the_evidence_says(story: Story) -> None:
    """OpenAI's page has an incident and its API fails: a third party, most likely, and words to tell users with."""
    await declared(story, "P2 questions do not come")
    story.sandbox.vendors["status_pages"].set_switch("openai", "major_outage")
    story.sandbox.vendors["openai"].set_switch("api", "down")
    form = await opens(story, "alice", "Assess…")
    chosen = {
        block["block_id"]: block["element"].get("initial_option", {}).get("value")
        for block in form.raw["blocks"]
        if block["type"] == "input"
    }
    assert chosen["cause"] == "third-party"
    said = await story.submits("alice", cause="third-party", found="OpenAI")
    assert "The runbook: tell users" in said.text
    form = await opens(story, "alice", "Update…")
    text = next(block["element"]["initial_value"] for block in form.raw["blocks"] if block["block_id"] == "text")
    assert text.startswith("The trouble is at OpenAI, not with us.")


async def test_the_form_proposes_nothing_that_nothing_points_at(story: Story) -> None:
    """All is well and nothing was deployed: no cause is chosen, and the fields stand above what is long to read."""
    await declared(story, "P2 checkout is down")
    form = await opens(story, "alice", "Assess…")
    blocks = form.raw["blocks"]
    cause = next(block for block in blocks if block.get("block_id") == "cause")
    assert "initial_option" not in cause["element"]
    shown = ["input" if block["type"] == "input" else str(block) for block in blocks]
    above, below = shown[: shown.index("input")], shown[len(shown) - shown[::-1].index("input") :]
    assert any("Cause: not known" in text for text in above)
    assert any("Nothing changed in the last" in text for text in below)


async def test_it_is_not_over_while_something_is_red(story: Story) -> None:
    """Resolving is refused with what is red; resolved all the same, it says so, and whose word that is."""
    await declared(story, "P2 the site is slow")
    story.sandbox.vendors["site"].set_switch("site", "down")
    said = await types(story, "alice", "/ilab incident resolve INC-1")
    assert said.first_line.startswith(":red_circle: Not resolved: health says: ")
    assert said.buttons == ["Look again", "Resolve anyway"]
    assert await state_of(story) == "declared"
    await press(story, "alice", "Resolve anyway")
    await done(story)
    assert await state_of(story) == "resolved"
    assert "alice says that it is over all the same" in thread(story)[-1]
    assert ":red_circle: Site  answers 500" in thread(story)[-1].split("Red")[1]


async def test_what_could_not_be_verified_is_said(story: Story) -> None:
    """A probe gets an answer that says nothing: it is resolved, and everybody reads that it was not verified."""
    await declared(story, "P2 the site is slow")
    story.sandbox.faults.add("supabase", "auth.health", kind="garbled")
    said = await types(story, "alice", "/ilab incident resolve INC-1 restarted")
    assert said.first_line == ":grey_question: INC-1 is resolved. Could not be verified: Supabase Auth."
    assert "Could not be checked" in thread(story)[-1]
    assert "verified: All well" not in thread(story)[-1]


async def test_an_update_is_put_off_under_a_name(stage: Story) -> None:
    """Nobody hears nothing for half an hour: reminded at 25 minutes, put off by Bob, and then said by the bot itself."""
    await stage.start(ILAB_INCIDENTS__P2__UPDATE_MINUTES="30")
    await declared(stage, "P2 a label is wrong")
    await later(stage, 25.1)
    reminder = thread(stage)[-1]
    assert "INC-1: the next update is due within" in reminder
    assert "Nobody leads it." in reminder
    await stage.asks("bob", "@ilab incident snooze 45m", thread_ts=str(card(stage).raw["ts"]))
    await done(stage)
    assert any("bob: the next update of INC-1 by" in text for text in thread(stage))
    await later(stage, 30)
    assert not any("Nothing was said" in text for text in thread(stage))
    await later(stage, 16)
    assert "Nothing was said of INC-1 for 71 min; it is declared." in thread(stage)[-1]
    assert "What is known" in thread(stage)[-1]
    await later(stage, 30.1)
    assert sum("Nothing was said" in text for text in thread(stage)) == 2
    refused = await types(stage, "bob", "/ilab incident snooze INC-1 9h")
    assert refused.first_line == "An update can be put off for a minute to four hours."


async def test_in_words_the_channel_implies_it(story: Story) -> None:
    """In its channel no number is needed, and a number in a text is part of it; elsewhere INC-1 names it."""
    await declared(story, "P1 interviews do not start")
    channel = room(story).id
    assert (await types(story, "alice", "/ilab incident ack", channel)).first_line.startswith("You have INC-1.")
    said = await types(story, "alice", "/ilab incident assess database --share 12.5% no connection is left", channel)
    assert said.first_line == (
        ":white_check_mark: INC-1 is assessed: the database, about 12.5 % of the users (no connection is left)"
    )
    assert said.buttons[:2] == ["Backups", "Health of the database"]
    await types(story, "alice", "/ilab incident update 500 errors a minute, we restart the pooler", channel)
    assert "alice: 500 errors a minute, we restart the pooler" in thread(story)[-1]
    await types(story, "bob", "/ilab incident note INC-1 the pooler was restarted at 14:02")
    assert ("note", "the pooler was restarted at 14:02") in await times_of(story)
    assert not any("the pooler was restarted at 14:02" in text for text in thread(story))
    refused = await types(story, "bob", "/ilab incident note 500 errors")
    assert refused.first_line == "Which incident? This is no incident's channel."
    assert "Open now: INC-1 interviews do not start." in refused.text


async def test_the_same_press_twice_is_one_step(story: Story) -> None:
    """The payload of a step delivered again changes nothing and says nothing twice."""
    await declared(story, "P2 a label is wrong")
    await types(story, "alice", "/ilab incident update INC-1 we look")
    await story.sandbox.workspace.redeliver(times=3)
    await done(story)
    assert [kind for kind, _ in await times_of(story)] == ["declared", "update"]
    assert sum("alice: we look" in text for text in thread(story)) == 1


async def test_a_fix_that_waits_staged_is_offered(story: Story) -> None:
    """After a rollback the fix waits staged: whoever resolves may promote it from there."""
    await declared(story, "P2 the site is slow")
    vercel = story.sandbox.vendors["vercel"]
    vercel.set_switch("production", "rolled_back")
    fix = vercel.deployments.push("Mend the session middleware", ("middleware.ts",), age=200)
    said = await types(story, "alice", "/ilab incident resolve INC-1")
    assert "waits staged (rolled back): promote it, if it is the fix." in said.text
    assert f"Promote {fix.commit.sha[:7]}…" in said.buttons


async def test_the_evidence_is_kept_when_it_is_assessed(story: Story) -> None:
    """What was known then stands in the channel and in the timeline, once: logs at vendors are soon gone."""
    await declared(story)
    await types(story, "alice", "/ilab incident assess other", room(story).id)
    kept = [said.text for said in in_room(story) if "Evidence when INC-1 was assessed" in said.text]
    assert len(kept) == 1
    assert "Interviews" in kept[0]
    told = [said for kind, said in await times_of(story) if kind == "health" and "Interviews:" in said]
    assert len(told) == 1


async def test_killed_between_its_steps(stage: Story) -> None:
    """Killed with -9 right after each step was typed: in the end there is one timeline, and everything was said once."""
    await stage.start()
    await declared(stage, "P2 a label is wrong")
    await stage.stack.aclose()
    steps = (
        ("ack INC-1", "acknowledged"),
        ("incident assess INC-1 other --share 3 a typo", "assessed"),
        ("incident update INC-1 the fix is in review", "assessed"),
        ("incident mitigate INC-1 hidden", "mitigated"),
        ("incident resolve INC-1 deployed", "resolved"),
    )
    for words, state in steps:
        async with stage.process() as process:
            await stage.sandbox.workspace.socket.wait_for_connections()
            await stage.says("alice", f"/ilab {words}")
            process.kill()
            await process.wait()
        await stage.expire_claims()
        await stage.make_jobs_stalled()
        async with stage.bot():
            await until(lambda state=state: is_in(stage, state), f"“{words}” was never done")
            await stage.make_lost_posts_old()
            await done(stage)
    kinds = [kind for kind, _ in await times_of(stage) if kind != "health"]
    assert kinds == ["declared", "acknowledged", "assessed", "update", "mitigated", "resolved"]
    for said in (
        "acknowledged by alice",
        "assessed by alice",
        "the fix is in review",
        "mitigated by alice",
        "resolved by alice",
    ):
        assert sum(said in text for text in thread(stage)[1:]) == 1, said


async def is_in(story: Story, state: str) -> bool:
    """Whether the incident has come to that state."""
    return await state_of(story) == state


async def test_in_its_channel_the_last_word_is_enough(story: Story) -> None:
    """`/ilab update`, `/ilab mitigate` and `/ilab resolve` mean this incident; elsewhere one is asked which."""
    await declared(story)
    channel = room(story).id
    await types(story, "alice", "/ilab update we look at it", channel)
    await types(story, "alice", "/ilab mitigate payments are off", channel)
    elsewhere = await story.asks("alice", "/ilab resolve")
    assert elsewhere.first_line.startswith("Which incident?")
    await types(story, "alice", "/ilab resolve", channel)
    assert await state_of(story) == "resolved"
    assert any("alice: we look at it" in line for line in thread(story))
    other = await story.asks("alice", "/ilab declare P0 checkout is down")
    assert "Did you mean `/ilab incident declare` or `/ilab alert declare`?" in other.text


async def test_two_take_it_at_once(story: Story) -> None:
    """Alice and Bob press in the same moment: one of them has it, and the other reads who."""
    await declared(story, "P2 a label is wrong")
    await asyncio.gather(*(story.says(name, "/ilab incident ack INC-1") for name in ("alice", "bob")))
    await done(story)
    read = [[said.first_line for said in story.sees(name) if said.ephemeral][-1] for name in ("alice", "bob")]
    assert sum(line.startswith("You have INC-1.") for line in read) == 1
    assert sum("is acknowledged already, by" in line for line in read) == 1
    assert [kind for kind, _ in await times_of(story)] == ["declared", "acknowledged"]
