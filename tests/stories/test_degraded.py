"""Something is silent: PagerDuty, Slack, or the bot's own database. A P0 is declared, paged and acknowledged all the same."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from storytelling import Said, Story, ilab, until

from sandbox.product.books import CASES
from sandbox.writes import Moment, Write

GRANT = ("grant", CASES["never_bought"], "5", "--reason", "the webhook was lost")
TITLE = "checkout answers 500"


def rooms(story: Story) -> list[Any]:
    """The incidents' channels in the workspace."""
    return [channel for channel in story.sandbox.workspace.state.channels.values() if channel.name.startswith("inc-")]


def cards(story: Story) -> list[Said]:
    """The incidents' cards in #incidents."""
    return [said for said in story.sees("bob") if said.text.splitlines()[0].endswith(f"P0 {TITLE}")]


def pages(story: Story) -> list[Any]:
    """PagerDuty's incidents."""
    return list(story.sandbox.vendors["pagerduty"].account.incidents)


async def steps_are(story: Story, **states: str) -> bool:
    """Whether these steps, of the only incident, are in these states."""
    found = dict(await story.rows("select name, state from steps"))
    return all(found.get(name) == state for name, state in states.items())


async def all_done(story: Story) -> bool:
    """Whether every step is done."""
    ((count, done),) = await story.rows("select count(*), count(*) filter (where state = 'done') from steps")
    return bool(count >= 10 and count == done)


# Slack or PagerDuty fails for a while


@pytest.mark.parametrize(
    "fault", [{"kind": "refused"}, {"kind": "status", "status": 503}, {"kind": "html"}], ids=["refused", "503", "html"]
)
async def test_a_channel_that_could_not_be_made_is_made_later(story: Story, fault: dict[str, Any]) -> None:
    """Slack makes no channel: the page is out at once; when Slack does again, everything is there, unasked."""
    for call in ("conversations.create", "conversations.list"):
        story.sandbox.faults.add("slack", call, **fault)
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: len(pages(story)) == 1, "nobody was paged")
    await until(lambda: steps_are(story, page="done", channel="failed", pin="failed"), "it was never given up")
    await story.settled()
    assert "It is tried again by itself." in cards(story)[0].text
    story.sandbox.faults.clear()
    story.sandbox.world.clock.jump(31)
    await until(lambda: all_done(story), "it was never made")
    await story.settled()
    assert len(rooms(story)) == len(cards(story)) == len(pages(story)) == 1
    assert "Retry what failed" not in cards(story)[0].buttons


@pytest.mark.parametrize(
    "fault", [{"kind": "refused"}, {"kind": "status", "status": 500}, {"kind": "status", "status": 403}]
)
async def test_a_page_that_could_not_be_sent_is_sent_later(story: Story, fault: dict[str, Any]) -> None:
    """PagerDuty takes no page, for whatever reason: said on the card, and tried again until it does."""
    story.sandbox.faults.add("pagerduty_events", **fault)
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: steps_are(story, page="failed", pin="done"), "it was never given up")
    for _ in range(2):
        await until(lambda: waits(story), "it is not tried again")
        story.sandbox.world.clock.jump(31)
        await until(lambda: steps_are(story, page="failed"), "it was never tried again")
    assert pages(story) == []
    await until(lambda: waits(story), "it is not tried again")
    story.sandbox.faults.clear()
    story.sandbox.world.clock.jump(31)
    await until(lambda: all_done(story), "nobody was paged")
    assert len(pages(story)) == 1


async def waits(story: Story) -> bool:
    """Whether what failed is due to be tried again."""
    return bool(await story.rows("select 1 from clocks where kind = 'set_up' and state = 'running'"))


async def test_who_has_it_is_not_paged(story: Story) -> None:
    """The page could not be sent, then somebody acknowledged: nobody is woken any more."""
    story.sandbox.faults.add("pagerduty_events", kind="status", status=500)
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: steps_are(story, page="failed"), "it was never given up")
    await story.presses("alice", "Acknowledge")
    story.sandbox.faults.clear()
    story.sandbox.world.clock.jump(31)
    await until(lambda: all_done(story), "it never ended")
    assert pages(story) == []


# our own database is silent


def keeper(story: Story) -> Any:
    """What keeps incidents while the database is silent."""
    found = story.bots[0].core.runner.keeper
    assert found is not None
    return found


def kept(story: Story) -> Any:
    """The only incident that is kept in the journal."""
    (found,) = [one for one in keeper(story)._ledger if one.declared_here]
    return found


def is_set_up(story: Story) -> bool:
    """Whether the only incident of the journal is set up as far as it goes by itself."""
    return [one.set_up for one in keeper(story)._ledger if one.declared_here] == [True]


def in_room(story: Story, name: str = "alice") -> list[Said]:
    """What stands in the only incident's channel."""
    (room,) = rooms(story)
    return story.sees(name, room.id)


@pytest.mark.parametrize("state", ["down", "hang"])
async def test_a_p0_while_our_database_is_silent(story: Story, state: str) -> None:
    """Declared from Slack: one channel, its card, its people, one page; somebody has it; all is said to be kept on disk."""
    story.sandbox.databases["own"].set(state)
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    said = next(said for said in story.sees("frank") if said.ephemeral)
    number = kept(story).incident.id
    assert 100_000 <= number <= 999_999
    assert said.first_line == f":red_circle: INC-{number} is declared: P0 {TITLE}"
    assert "My own database is silent" in said.text
    await until(lambda: is_set_up(story), "it was never set up", 30)
    (room,) = rooms(story)
    assert room.name == f"inc-{number}-checkout-answers-500"
    assert {story.person(name) for name in ("frank", "alice", "bob")} <= set(room.members)
    assert len(room.pins) == len(cards(story)) == len(pages(story)) == 1
    for words in ("The runbook's steps", "Health now", "changed in the last 2 hours"):
        assert sum(words in said.text for said in in_room(story)) == 1, words
    await story.presses("alice", "Acknowledge")
    await until(lambda: pages(story)[0].status == "acknowledged", "PagerDuty never heard")
    thread = str(cards(story)[0].raw["ts"])
    await until(
        lambda: any("acknowledged by alice" in said.text for said in story.sees("bob", thread_ts=thread)),
        "the thread never heard",
    )
    await until(lambda: "Acknowledged  by alice" in cards(story)[0].text, "the card never showed it")
    assert sum("acknowledged by alice" in said.text for said in in_room(story)) == 1


async def imported(story: Story, count: int = 1) -> None:
    """The database is back, and holds what was done without it."""
    await until(lambda: story.has_rows("incidents", count), "it was never brought in", 20)
    await until(lambda: not keeper(story)._journal.waiting, "the journal was never set aside", 20)
    await until(lambda: set_up(story), "it was never set up to the end", 30)
    await story.settled()


async def set_up(story: Story) -> bool:
    """Whether the database's own setting up has looked, and found everything done."""
    ((fired,),) = await story.rows("select count(*) from clocks where kind = 'set_up' and state = 'running'")
    ((jobs,),) = await story.rows("select count(*) from procrastinate_jobs where status in ('todo', 'doing')")
    return fired == jobs == 0 and await all_done(story)


async def test_it_is_brought_in(story: Story) -> None:
    """The database is back: one incident, the same number, all that was done, each once; and it goes on from there."""
    story.sandbox.databases["own"].set("down")
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: is_set_up(story), "it was never set up", 30)
    number, declared_at = kept(story).incident.id, kept(story).incident.declared_at
    await story.presses("alice", "Acknowledge")
    await until(lambda: kept(story).pager_told, "PagerDuty never heard")
    story.sandbox.databases["own"].set("up")
    await imported(story)
    rows = await story.rows("select id, state, declared_by, declared_at, acknowledged_by, channel_id from incidents")
    (room,) = rooms(story)
    assert rows == [(number, "acknowledged", story.person("frank"), declared_at, story.person("alice"), room.id)]
    assert await story.rows("select kind from audit order by seq") == [
        ("incident.declared",),
        ("incident.acknowledged",),
    ]
    assert [kind for (kind,) in await story.rows("select kind from timeline order by at")] == [
        "declared",
        "acknowledged",
    ]
    assert len(cards(story)) == len(pages(story)) == len(room.pins) == 1
    texts = [said.text for said in in_room(story)]
    for words in ("The runbook's steps", "Health now", "in the last 2 hours", "acknowledged by alice"):
        assert sum(words in text for text in texts) == 1, (words, texts)
    assert "My own database is silent" not in cards(story)[0].text
    assert "by frank" in cards(story)[0].text
    again = await story.asks("bob", f"/ilab incident ack {number}")
    assert again.first_line.startswith(f"INC-{number} is acknowledged already, by alice, ")


def journal(story: Story, copy: str = "bot") -> list[dict[str, Any]]:
    """All lines of a copy's journal that are not imported."""
    files = sorted((story.directory / copy / "journal").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def make_the_journal_old(story: Story) -> None:
    """The time passes after which a dead process's calls must have ended."""
    for file in (story.directory / "bot" / "journal").glob("*.jsonl"):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            if line["line"] in ("step", "request_step", "say"):
                line["at"] = (datetime.fromisoformat(line["at"]) - timedelta(minutes=1)).isoformat()
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def landed(story: Story, vendor: str, call: str) -> int:
    """How many of these writes were done: the next bot takes what was in the air for landed, as it was a minute ago."""
    done = (write for write in story.sandbox.world.writes.log if write.place == vendor)
    return sum(call in ("*", write.what) for write in done)


@pytest.mark.parametrize(
    ("vendor", "call"),
    [("slack", "conversations.create"), ("slack", "chat.postMessage"), ("pagerduty_events", "*")],
    ids=["create", "post", "page"],
)
async def test_killed_while_it_sets_up_without_the_database(stage: Story, vendor: str, call: str) -> None:
    """Killed with -9 while a call was in the air: the next bot goes on from the journal, and all is there once."""
    stage.sandbox.databases["own"].set("down")
    fault = stage.sandbox.faults.add(vendor, call, kind="slow", seconds=2)
    async with stage.process() as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        await stage.says("frank", f"/ilab incident declare P0 {TITLE}")
        await until(lambda: fault.hits > 0, "it never called")
        process.kill()
        await process.wait()
    await until(lambda: landed(stage, vendor, call) >= fault.hits, "what was in the air never landed")
    stage.sandbox.faults.clear()
    assert "set_up" not in {line["line"] for line in journal(stage)}
    make_the_journal_old(stage)
    await stage.start()
    await until(lambda: is_set_up(stage), "it was never set up", 30)
    await until(lambda: len(pages(stage)) == 1, "nobody was paged")
    (room,) = rooms(stage)
    assert len(cards(stage)) == len(room.pins) == 1
    assert sum("The runbook's steps" in said.text for said in in_room(stage)) == 1
    stage.sandbox.databases["own"].set("up")
    await imported(stage)
    assert len(rooms(stage)) == len(cards(stage)) == len(pages(stage)) == len(room.pins) == 1
    assert sum("The runbook's steps" in said.text for said in in_room(stage)) == 1


async def test_killed_after_the_ack_and_before_it_was_declared(stage: Story) -> None:
    """Slack had its ack and the process died: the next one declares it from the journal, the database still down."""
    stage.sandbox.databases["own"].set("down")
    hanging = stage.sandbox.faults.add("slack", "users.info", kind="timeout")
    async with stage.process() as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        await stage.says("frank", f"/ilab incident declare P0 {TITLE}")
        await until(lambda: hanging.hits > 0, "it never asked who frank is")
        process.kill()
        await process.wait()
    stage.sandbox.faults.clear()
    assert [line["line"] for line in journal(stage)] == ["inbox"]
    await stage.start(ILAB_DEGRADED__PATIENCE_SECONDS="0.5")
    await until(lambda: rooms(stage) != [], "it was never declared", 20)
    await until(lambda: is_set_up(stage), "it was never set up", 30)
    assert len(rooms(stage)) == len(cards(stage)) == len(pages(stage)) == 1


async def test_the_same_payload_three_times_without_the_database(story: Story) -> None:
    """Slack delivers it three times: one incident, one channel, one page."""
    story.sandbox.databases["own"].set("down")
    await story.says("frank", f"/ilab incident declare P0 {TITLE}")
    await story.sandbox.workspace.redeliver(times=3)
    await until(lambda: is_set_up(story), "it was never set up", 30)
    assert len(rooms(story)) == len(cards(story)) == len(pages(story)) == 1
    story.sandbox.databases["own"].set("up")
    await imported(story)
    await story.sandbox.workspace.redeliver(times=1)
    await story.settled()
    assert await story.rows("select count(*) from incidents") == [(1,)]


async def test_what_was_declared_before_is_acknowledged(story: Story) -> None:
    """Declared while all was well, then the database falls silent: in its channel `ack` is enough, and it stays said."""
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: all_done(story), "it was never set up")
    await until(
        lambda: [one.incident.channel_id for one in keeper(story)._ledger if one.set_up or one.steps.get("pin")],
        "it was never mirrored",
    )
    (room,) = rooms(story)
    story.sandbox.databases["own"].set("down")
    await story.says("alice", "/ilab ack", room.id)
    await until(lambda: pages(story)[0].status == "acknowledged", "PagerDuty never heard")
    await until(lambda: "Acknowledged  by alice" in cards(story)[0].text, "the card never showed it")
    again = await story.asks("bob", "/ilab incident ack 1")
    assert again.first_line.startswith("INC-1 is acknowledged already, by alice, ")
    unknown = await story.asks("bob", "/ilab incident ack 77")
    assert unknown.first_line == "I do not know INC-77."
    story.sandbox.databases["own"].set("up")

    async def known() -> bool:
        return await story.rows("select acknowledged_by from incidents") == [(story.person("alice"),)]

    await until(known, "it was never brought in", 20)
    await until(lambda: not keeper(story)._journal.waiting, "the journal was never set aside", 20)
    await story.settled()
    assert sum("is acknowledged by alice" in said.text for said in in_room(story)) == 1
    assert len(cards(story)) == 1


async def test_what_can_wait_waits(story: Story) -> None:
    """Without the database a P2 is refused, with what to do; a viewer may still not acknowledge; a second is asked about."""
    story.sandbox.databases["own"].set("down")
    refused = await story.asks("frank", "/ilab incident declare P2 a label is wrong")
    assert refused.first_line == "A P2 must wait until my own database answers again."
    await story.says("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: cards(story) != [], "it was never declared")
    assert (await story.asks("frank", "/ilab incident ack")).first_line == "You may not do this."
    await story.says("erin", "/ilab incident declare P0 payments fail")
    await until(lambda: any("is it the same fault" in said.text for said in story.sees("erin")), "erin was not asked")
    assert "database does not answer" in (await story.asks("alice", "/ilab incident retry 1")).text


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("other", "the copy “other” alone does this, and Slack chose another."),
        ("", "No copy of me is named to go on without it."),
    ],
)
async def test_another_copy_keeps_incidents(stage: Story, named: str, says: str) -> None:
    """The copy that is not named says which one is, or that none is; and nothing is declared."""
    await stage.start(ILAB_DEGRADED__KEEPER=named)
    stage.sandbox.databases["own"].set("down")
    said = await stage.asks("frank", f"/ilab incident declare P0 {TITLE}")
    assert said.first_line == "My own database does not answer."
    assert says in said.text
    assert rooms(stage) == []


async def test_two_copies_declare_one_fault(stage: Story) -> None:
    """One copy has the database and one has not: two incidents. Brought in, the second asks, and one press merges them."""
    async with stage.bot("other", ILAB_NAME="other"):
        await stage.asks("frank", f"/ilab incident declare P0 {TITLE}")
        await until(lambda: all_done(stage), "the first was never set up")
    stage.sandbox.databases["own"].set("down")
    await stage.start()
    await stage.says("erin", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: is_set_up(stage), "the second was never set up", 30)
    number = kept(stage).incident.id
    stage.sandbox.databases["own"].set("up")
    await imported(stage, 2)
    assert len(rooms(stage)) == len(cards(stage)) == len(pages(stage)) == 2
    card = next(said for said in cards(stage) if f"INC-{number}" in said.text)
    thread = str(card.raw["ts"])
    asked = next(said for said in stage.sees("alice", thread_ts=thread) if "is it the same fault?" in said.text)
    assert f"INC-{number} was declared while my own database was silent, and so was INC-1" in asked.text
    await stage.presses("alice", "Merge into INC-1", thread_ts=thread, said=asked)

    async def merged() -> bool:
        return await stage.rows("select merged_into from incidents where id = %s", number) == [(1,)]

    await until(merged, "they were never merged")
    await until(lambda: [one.status for one in pages(stage)] == ["triggered", "resolved"], "PagerDuty never heard")


async def test_a_slow_database_is_not_a_silent_one(stage: Story) -> None:
    """A copy died with what it had declared still in hand: the next finds it, though the database is slow, once."""
    async with stage.bot():
        await stage.says("frank", f"/ilab incident declare P0 {TITLE}")
        await until(lambda: all_done(stage), "it was never set up")
        await stage.settled()
    await stage.take_in_hand()
    (stage.directory / "bot" / "mirror.json").unlink(missing_ok=True)  # as if it had died before it looked
    stage.sandbox.databases["own"].set("slow", seconds=0.2)
    await stage.start()
    await until(stage.nothing_in_hand, "it was never taken up", 60)
    stage.sandbox.databases["own"].set("up")
    await until(lambda: not keeper(stage)._journal.waiting, "the journal was never set aside", 20)
    await stage.settled()
    assert await stage.rows("select id, state from incidents") == [(1, "declared")]
    assert len(rooms(stage)) == len(cards(stage)) == len(pages(stage)) == 1


async def test_the_answer_of_its_commit_is_lost(stage: Story) -> None:
    """The database has declared it and answers others: it is found there, and not declared without it, too."""
    writes = stage.sandbox.world.writes
    stage.proxies["own"]._writes = writes  # from now on it tells of commits
    lost: list[Write] = []

    def strike(write: Write, moment: Moment) -> bool:
        strikes = not lost and moment == "after" and write.place == "own" and "insert incidents" in write.what
        lost.extend([write] if strikes else [])
        return strikes

    await stage.start()
    writes.strike = strike
    await stage.says("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: all_done(stage), "it was never set up", 30)
    await until(stage.nothing_in_hand, "it was never answered", 30)
    await stage.settled()
    assert len(lost) == 1
    assert await stage.rows("select id, state from incidents") == [(1, "declared")]
    assert not keeper(stage)._journal.waiting
    assert len(rooms(stage)) == len(cards(stage)) == len(pages(stage)) == 1


def written(story: Story, *lines: dict[str, Any]) -> None:
    """A process that died has left these lines in the journal."""
    folder = story.directory / "bot" / "journal"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


async def declared_twice(story: Story, *more: dict[str, Any]) -> None:
    """What is declared as INC-1 was declared as INC-123456, too, without the database; and acknowledged by alice."""
    async with story.bot():
        await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
        await until(lambda: all_done(story), "it was never set up")
        await story.settled()
    ((key, by),) = await story.rows("select key, declared_by from incidents")
    at = story.sandbox.world.clock.now().isoformat()
    first = {"line": "declared", "severity": "P0", "title": TITLE, "private": False, "message": ""}
    first |= {"by": by, "name": "frank"}
    last = {"line": "acknowledged", "by": story.person("alice"), "name": "alice", "request": "ack"}
    written(story, *({"incident": 123456, "key": key, "at": at} | line for line in (first, *more, last)))
    await story.start()

    async def merged() -> bool:
        return await story.rows("select id, state, merged_into from incidents where id <> 1") == [(123456, "merged", 1)]

    await until(merged, "they were never merged", 20)
    await until(lambda: pages(story)[0].status == "acknowledged", "PagerDuty never heard", 20)
    await story.settled()
    assert len(pages(story)) == 1
    assert await story.rows("select acknowledged_by from incidents where id = 1") == [(story.person("alice"),)]


async def test_what_one_payload_declared_twice_is_one_incident(stage: Story) -> None:
    """The commit's answer was lost, and without the database its card was begun: it is merged by itself, and told of."""
    card = {"line": "say", "message": "incident:123456", "channel": stage.channel("incidents")}
    long_ago = (stage.sandbox.world.clock.now() - timedelta(minutes=1)).isoformat()
    await declared_twice(stage, card | {"body": {}, "stream": "", "thread_of": None, "at": long_ago})
    assert len(cards(stage)) == 2
    thread = next(str(one.raw["ts"]) for one in cards(stage) if "INC-123456" in one.text)
    assert any("is the same as INC-1" in said.text for said in stage.sees("bob", thread_ts=thread))


async def test_what_nobody_has_seen_is_joined_unsaid(stage: Story) -> None:
    """Of what one payload declared twice the one stood nowhere in Slack: it is the other, and its number leads there."""
    await declared_twice(stage)
    assert len(rooms(stage)) == len(cards(stage)) == 1
    assert not any("is the same as" in said.text for said in (*in_room(stage), *stage.sees("bob")))
    said = await stage.asks("bob", "/ilab incident ack 123456")
    assert said.first_line == "INC-123456 is merged, and cannot be acknowledged now."
    assert "It is followed in INC-1." in said.text


async def test_a_line_that_the_database_refuses_keeps_nothing_else_out(stage: Story) -> None:
    """It is set aside whole, and everything else is brought in."""
    folder = stage.directory / "bot" / "journal"
    folder.mkdir(parents=True)
    at = stage.sandbox.world.clock.now().isoformat()
    lost = {"line": "channel", "incident": 5, "key": "nobody's", "channel": "C1"}
    denied = {"line": "audit", "kind": "denied", "actor": "U0FRANK06", "subject": "token", "at": at}
    (folder / "1.jsonl").write_text(json.dumps(lost) + "\n" + json.dumps(denied) + "\n")
    await stage.start()

    async def audited() -> bool:
        return await stage.rows("select kind, actor from audit") == [("denied", "U0FRANK06")]

    await until(audited, "it was never brought in")
    assert json.loads((folder / "refused").read_text()) == lost | {"id": "1:0"}


async def test_a_private_incident_stays_private_without_the_database(story: Story) -> None:
    """Its channel is private, nothing of it stands in #incidents, and PagerDuty reads no title; brought in, it stays so."""
    story.sandbox.databases["own"].set("down")
    await story.says("frank", "/ilab incident declare P0 a key was leaked --private")
    await until(lambda: is_set_up(story), "it was never set up", 30)
    (room,) = rooms(story)
    assert room.is_private
    assert not any("leaked" in said.text for said in story.sees("bob"))
    assert "leaked" not in pages(story)[0].title
    number = kept(story).incident.id
    unknown = await story.asks("erin", f"/ilab incident ack {number}")
    assert unknown.first_line == f"I do not know INC-{number}."
    story.sandbox.databases["own"].set("up")
    await imported(story)
    assert await story.rows("select private from incidents") == [(True,)]
    assert not any("leaked" in said.text for said in story.sees("bob"))


# Slack is silent


async def token_of(story: Story, name: str) -> str:
    """The secret that `/ilab token issue` shows."""
    said = await story.asks(name, "/ilab token issue laptop")
    found = re.search(r"ILAB_TOKEN=(ilab_[\w-]+)", said.text)
    assert found is not None
    return found[1]


def silence_slack(story: Story) -> None:
    """Every call of Slack's is refused, and its socket is cut."""
    story.sandbox.faults.add("slack", kind="refused")
    story.sandbox.workspace.socket.drop()


async def refused_by_slack(story: Story) -> bool:
    """Whether Slack refused a post already."""
    return bool(await story.rows("select 1 from posts where state = 'wanted' and error is not null"))


async def alter(story: Story, statement: LiteralString) -> None:
    """Change the bot's own tables, as so much time would."""
    async with await psycopg.AsyncConnection.connect(story.proxies["own"].conninfo, autocommit=True) as connection:
        await connection.execute(statement)


async def shown(story: Story) -> None:
    """Slack is back after an hour, and everything is there."""
    # also of those whose answer was lost: they are not wanted any more, but looked for
    await alter(
        story, "update posts set stored_at = stored_at - interval '1 hour' where state in ('wanted', 'sending')"
    )
    story.sandbox.faults.clear("slack")

    async def is_set_up() -> bool:
        # a try that was in flight when Slack came back starts its clock after any jump: what waits is due now instead
        await alter(story, "update clocks set due_at = due_at - interval '31 seconds' where kind = 'set_up'")
        return await all_done(story)

    await until(is_set_up, "it was never set up", 30)

    async def said() -> bool:
        # what is in flight now must not look lost, or it is sent a second time
        await alter(story, "update posts set not_before = null where state = 'wanted'")
        await alter(story, "update cards set not_before = null")
        ((posts,),) = await story.rows("select count(*) from posts where state in ('wanted', 'sending')")
        ((behind,),) = await story.rows("select count(*) from cards where wanted > shown")
        return bool(posts == behind == 0)

    await until(said, "it was never said", 30)
    await story.settled()


async def test_wholly_from_a_terminal_while_slack_is_silent(story: Story) -> None:
    """Declared, paged and acknowledged from a terminal; when Slack is back it shows the channel, the card, the thread."""
    tokens = {name: await token_of(story, name) for name in ("alice", "bob", "erin")}
    silence_slack(story)
    status, out, _ = await ilab(story, "run", "incident", "declare", "P0", TITLE, token=tokens["erin"])
    assert (status, out.splitlines()[0]) == (1, f"✖ INC-1 is declared: P0 {TITLE}")
    await until(lambda: len(pages(story)) == 1, "nobody was paged")
    status, out, _ = await ilab(story, "run", "incident", "ack", "1", token=tokens["alice"])
    assert (status, out.splitlines()[0].split(".")[0]) == (0, "You have INC-1")
    assert "No bot is serving" not in out
    await until(lambda: refused_by_slack(story), "nothing was refused")
    _, out, _ = await ilab(story, "run", "incident", "update", "INC-1", "we look at it", token=tokens["alice"])
    assert out.splitlines()[0] == "✔ Your update of INC-1 is recorded, for its thread and its channel."
    assert "! Slack does not take what is said. It is written down, and shown there as soon as it does." in out
    await until(lambda: pages(story)[0].status == "acknowledged", "PagerDuty never heard")
    _, out, _ = await ilab(story, "run", "status", token=tokens["bob"])
    assert out.splitlines()[0].endswith("checks ok")
    _, out, _ = await ilab(story, "run", *GRANT, token=tokens["erin"])
    assert out.splitlines()[0].startswith("Request 1 waits for approval: grant 5 interviews to n•••@")
    _, out, _ = await ilab(story, "approve", "1", token=tokens["bob"])
    assert out.splitlines()[0] == "Approved. Request 1 runs now."
    await until(lambda: story.state_of(1, "succeeded"), "it never ran")
    assert rooms(story) == cards(story) == []
    await shown(story)
    (room,), (card,) = rooms(story), cards(story)
    assert "Acknowledged  by alice" in card.text
    thread = [said.text for said in story.sees("bob", thread_ts=str(card.raw["ts"]))][1:]
    assert sum("INC-1 is acknowledged by alice" in text for text in thread) == 1
    assert sum("alice: we look at it" in text for text in thread) == 1, thread
    assert {story.person(name) for name in ("erin", "alice", "bob")} <= set(room.members)
    assert len(pages(story)) == len(room.pins) == 1


async def test_a_whole_incident_from_a_terminal_while_slack_is_silent(story: Story) -> None:
    """From its declaration to its closed post-mortem no word passes Slack; back again, it shows each step once."""
    token = await token_of(story, "alice")
    silence_slack(story)

    async def does(*words: str) -> str:
        status, out, err = await ilab(story, "run", *words, token=token)
        assert status == 0, (words, out, err)
        return out

    await ilab(story, "run", "incident", "declare", "P0", TITLE, token=token)
    await until(lambda: len(pages(story)) == 1, "nobody was paged")
    await does("incident", "ack", "1")
    await does("incident", "assess", "INC-1", "deployment", "--share", "40", "the release broke it")
    await does("incident", "update", "INC-1", "we look at it")
    await does("incident", "mitigate", "INC-1", "rolled back by hand")
    await does("incident", "resolve", "INC-1", "the fix is live")
    written = await does("postmortem", "INC-1")
    for words in (f"Post-mortem: INC-1 {TITLE}", "the release broke it", "rolled back by hand", "the fix is live"):
        assert words in written, words
    await does("postmortem", "done", "INC-1", "https://docs.example.com/inc-1", "--anyway", "Slack is silent")
    assert await story.rows("select state from incidents") == [("closed",)]
    steps = ["declared", "acknowledged", "assessed", "mitigated", "resolved"]
    milestones = await story.rows("select name from milestones where name = any(%s) order by at, id", steps)
    assert [name for (name,) in milestones] == steps
    assert rooms(story) == cards(story) == []
    await shown(story)
    (card,) = cards(story)
    assert "closed" in card.text
    thread = [said.text for said in story.sees("bob", thread_ts=str(card.raw["ts"]))][1:]
    for words in (
        "INC-1 is acknowledged by alice",
        "INC-1 is assessed by alice",
        "alice: we look at it",
        "INC-1 is mitigated by alice",
        "INC-1 is resolved by alice",
        "The post-mortem of INC-1 is done",
    ):
        assert sum(words in text for text in thread) == 1, (words, thread)
    (page,) = pages(story)
    assert page.status == "resolved"


async def test_a_bot_that_starts_while_slack_is_silent(stage: Story) -> None:
    """It pages and keeps its clocks all the same, and hears Slack as soon as it is back."""
    async with stage.bot():
        token = await token_of(stage, "alice")
    silence_slack(stage)
    await stage.start(deaf=True)
    await ilab(stage, "run", "incident", "declare", "P0", TITLE, token=token)
    await until(lambda: len(pages(stage)) == 1, "nobody was paged")
    stage.sandbox.faults.clear("slack")
    await stage.sandbox.workspace.socket.wait_for_connections()
    await stage.says("bob", "/ilab whoami")
    await stage.news("bob", lambda said: said.first_line.startswith("You are bob"))
    await shown(stage)
    assert len(rooms(stage)) == len(cards(stage)) == len(pages(stage)) == 1


async def test_where_no_bot_serves_the_terminal_pages(stage: Story) -> None:
    """It says what it did and what waits; the bot that comes later pages nobody twice, and shows the rest."""
    async with stage.bot():
        token = await token_of(stage, "alice")
    status, out, _ = await ilab(stage, "run", "incident", "declare", "P0", TITLE, token=token)
    assert status == 1
    assert "! No bot is serving: this is written down, and waits until one does." in out
    assert "✔ The on-call are paged for INC-1." in out
    assert len(pages(stage)) == 1
    _, out, _ = await ilab(stage, "run", "escalate", "INC-1", token=token)
    assert "✔ Request 1 succeeded: Team lead is paged for INC-1" in out
    status, out, _ = await ilab(stage, "run", "incident", "ack", "1", token=token)
    assert "✔ PagerDuty knows that INC-1 is acknowledged." in out
    assert pages(stage)[0].status == "acknowledged"
    await stage.start()
    await until(lambda: all_done(stage), "it was never set up", 30)
    await stage.settled()
    assert len(rooms(stage)) == len(cards(stage)) == len(pages(stage)) == 1
    assert pages(stage)[0].status == "acknowledged"


async def test_where_no_bot_serves_and_pagerduty_is_silent(stage: Story) -> None:
    """The terminal says that nobody is paged, and whom to call, as far as that is known."""
    async with stage.bot():
        token = await token_of(stage, "alice")
        await until(lambda: stage.rows("select 1 from on_call"), "nobody asked who is on call")
    for vendor in ("pagerduty", "pagerduty_events"):
        stage.sandbox.faults.add(vendor, kind="status", status=500)
    status, out, _ = await ilab(stage, "run", "incident", "declare", "P0", TITLE, token=token)
    assert status == 1
    assert "✖ Nobody is paged: PagerDuty fails (500)." in out
    assert "Alice Ito" in out
    assert "+81" in out
    stage.sandbox.faults.clear()
    await stage.start()
    await until(lambda: all_done(stage), "nobody was ever paged", 30)
    assert len(pages(stage)) == 1


async def test_stale_reminders_are_dropped(story: Story) -> None:
    """Nobody acknowledges while Slack is silent: when it is back, the last word alone is said, once a place."""
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: all_done(story), "it was never set up")
    await story.settled()
    silence_slack(story)
    for minutes in (3.1, 2):
        before = (await story.rows("select count(*) from posts"))[0][0]
        story.sandbox.world.clock.jump(minutes * 60)

        async def more(before: int = before) -> bool:
            return bool((await story.rows("select count(*) from posts"))[0][0] > before)

        await until(more, "no clock spoke")
    await shown(story)
    thread = [said.text for said in story.sees("bob", thread_ts=str(cards(story)[0].raw["ts"]))][1:]
    assert sum("is not acknowledged" in text for text in thread) == 1
    assert sum("is not acknowledged" in said.text for said in in_room(story)) == 1


# A reversible mitigation without the database


QUICK = {"ILAB_DEPLOYS__POLL_SECONDS": "0.05"}


def moves(story: Story) -> list[Any]:
    """What Vercel was asked to move."""
    return [logged for logged in story.sandbox.vendors["vercel"].log if logged.call == "rollback"]


async def grave(story: Story) -> Any:
    """A P0 is declared and set up, the copy that keeps incidents knows it, and then the database falls silent."""
    await story.asks("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: all_done(story), "it was never set up")
    await until(lambda: any(one.steps.get("pin") for one in keeper(story)._ledger), "it was never mirrored")
    (room,) = rooms(story)
    story.sandbox.databases["own"].set("down")
    return room


def asked_for(story: Story) -> Any:
    """The change that was asked for without the database."""
    (found,) = [asked for kept in keeper(story)._ledger for asked in kept.requests.values()]
    return found


def request_cards(story: Story) -> list[Said]:
    """The cards of requests in the only incident's channel."""
    return [said for said in in_room(story) if "Rollback · request" in said.text]


async def test_a_rollback_by_break_glass_without_the_database(stage: Story) -> None:
    """The on-call rolls back alone: planned, announced, done once; brought in, it is a request like any other."""
    await stage.start(**QUICK)
    room = await grave(stage)
    before = stage.sandbox.world.production_deployment
    said = await stage.asks("alice", "/ilab rollback --reason checkout fails", room.id)
    number = asked_for(stage).request.id
    assert said.first_line.startswith(f":warning: Request {number}: roll production back from")
    assert "nobody can approve it" in said.text
    assert said.buttons == ["⚡ Break glass…"]
    assert request_cards(stage)[0].buttons == ["⚡ Break glass…"]
    refused = await stage.asks("erin", f"/ilab approvals break-glass {number} I want to")
    assert refused.first_line == "You may not break this glass."
    await stage.says("alice", f"/ilab approvals break-glass {number} nobody answers", room.id)
    await until(lambda: moves(stage) != [], "Vercel was never asked")
    stage.sandbox.world.clock.jump(3)
    await until(lambda: asked_for(stage).request.state == "succeeded", "it never ran", 20)
    assert stage.sandbox.world.production_deployment != before
    await until(lambda: "succeeded" in request_cards(stage)[0].text, "the card never showed it")
    assert sum("⚡ Break-glass by alice" in said.text for said in in_room(stage)) == 1
    stage.sandbox.databases["own"].set("up")

    async def known() -> bool:
        return await stage.rows("select id, state, broken_glass_by, broken_glass_why from requests") == [
            (number, "succeeded", stage.person("alice"), "nobody answers")
        ]

    await until(known, "it was never brought in", 20)
    await until(lambda: not keeper(stage)._journal.waiting, "the journal was never set aside", 20)
    await stage.settled()
    assert len(request_cards(stage)) == 1
    assert sum("⚡ Break-glass by alice" in said.text for said in in_room(stage)) == 1
    kinds = [
        kind
        for (kind,) in await stage.rows("select kind from audit where subject = %s order by seq", f"request:{number}")
    ]
    assert kinds == ["request.asked", "request.broke_glass", "request.executed"]
    assert ("break_glass",) in await stage.rows("select kind from timeline")
    told = [said for said in stage.sees("alice", stage.direct("alice")) if f"Request {number} succeeded" in said.text]
    assert len(told) == 1


async def test_killed_while_it_rolls_back_without_the_database(stage: Story) -> None:
    """Killed with -9 while Vercel moves the domains: the next bot follows that move, and asks for no second one."""
    async with stage.bot(**QUICK):
        room = await grave(stage)
    stage.sandbox.faults.add("vercel", "rollback", kind="slow", seconds=1)
    async with stage.process(**QUICK) as process:
        await stage.sandbox.workspace.socket.wait_for_connections()
        await stage.says("alice", "/ilab rollback", room.id)
        await until(lambda: request_cards(stage) != [], "it was never planned")
        number = re.search(r"request (\d+)", request_cards(stage)[0].text)[1]
        await stage.says("alice", f"/ilab approvals break-glass {number} nobody answers", room.id)
        await until(lambda: moves(stage) != [], "Vercel was never asked")
        process.kill()
        await process.wait()
    await until(lambda: moves(stage)[0].acted, "Vercel never heard what was in the air")
    stage.sandbox.faults.clear()
    make_the_journal_old(stage)
    stage.sandbox.world.clock.jump(3)
    await stage.start(**QUICK)
    await until(lambda: asked_for(stage).request.state == "succeeded", "it never ended", 30)
    assert len(request_cards(stage)) == len(moves(stage)) == 1


async def test_no_glass_without_an_incident(story: Story) -> None:
    """Without the database nobody approves, and without an open P0 or P1 there is no glass."""
    story.sandbox.databases["own"].set("down")
    said = await story.asks("alice", "/ilab rollback")
    assert said.first_line == "My own database is silent: nobody can approve this now."
    assert "declare it: /ilab incident declare P0" in said.text.replace("`", "")
    said = await story.asks("erin", f"/ilab {' '.join(GRANT)}")
    assert said.first_line == "My own database does not answer."


async def test_nobody_acknowledges_without_the_database(story: Story) -> None:
    """The ladder goes on: said, and paged again; brought in, what was done is not done anew."""
    story.sandbox.databases["own"].set("down")
    await story.says("frank", f"/ilab incident declare P0 {TITLE}")
    await until(lambda: is_set_up(story), "it was never set up", 30)
    story.sandbox.world.clock.jump(5.1 * 60)
    await until(lambda: {"ack_remind", "ack_again"} <= kept(story).rungs, "no clock spoke", 20)
    spoken = [said.text for said in in_room(story) if "is not acknowledged" in said.text]
    assert len(spoken) == 2
    assert any("On-call engineer is paged." in text for text in spoken)
    story.sandbox.databases["own"].set("up")
    await imported(story)
    assert sum("is not acknowledged" in said.text for said in in_room(story)) == 2
    assert len(pages(story)) == 1
    kinds = await story.rows("select kind from clocks where state = 'running' and kind like 'ack%%' order by kind")
    assert ("ack_lead",) in kinds
    assert ("ack_again",) not in kinds


async def test_status_offers_to_declare_without_the_database(story: Story) -> None:
    """The site is down and so is our database: status says it, and its button declares, with the title filled in."""
    story.sandbox.databases["own"].set("down")
    story.sandbox.vendors["site"].set_switch("site", "down")
    said = await story.asks("alice", "/ilab status")
    assert said.first_line.startswith(":red_circle: The site is down")
    await story.presses("alice", "Declare incident", said=said)
    await until(lambda: is_set_up(story), "it was never declared", 30)
    assert kept(story).incident.title.startswith("The site is down")
    assert len(pages(story)) == 1
