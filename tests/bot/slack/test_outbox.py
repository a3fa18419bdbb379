"""The outbox against the workspace: what is wanted is said once, in order, whatever becomes of the calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from bot.operation import Answer, Offer
from bot.slack.announcer import Announcer
from bot.slack.client import Slack
from bot.slack.outbox import LOST_AFTER, Outbox
from bot.slack.speaker import EVENT_TYPE
from bot.store import posts
from bot.store.database import Database
from bot.store.posts import Post
from sandbox import world
from sandbox.server import Sandbox
from sandbox.world import Clock

CHANNEL = "C0INCIDNT"
Plain = psycopg.AsyncConnection[Any]
Want = Callable[..., Awaitable[None]]


@pytest.fixture
def outbox(slack: Slack, database: Database, clock: Clock) -> Outbox:
    """One copy's outbox."""
    return Outbox(slack, database, clock.now)


@pytest.fixture
def want(database: Database, clock: Clock) -> Want:
    """Wants a post."""

    async def add(
        key: str,
        *,
        channel: str = CHANNEL,
        stream: str = "a",
        thread_ts: str | None = None,
        expires_at: datetime | None = None,
        reminder: bool = False,
    ) -> None:
        body = {"text": f"This is {key}", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": key}}]}
        post = Post(
            stream=stream,
            key=key,
            channel=channel,
            body=body,
            wanted_at=clock.now(),
            thread_ts=thread_ts,
            expires_at=expires_at,
            reminder=reminder,
        )
        async with database.transaction() as transaction:
            await posts.add(transaction, post)

    return add


async def states(connection: Plain) -> list[tuple[Any, ...]]:
    """Key, state, tries, error of every post."""
    return await (await connection.execute("select key, state, attempts, error from posts order by id")).fetchall()


async def time_passes(connection: Plain, by: timedelta = LOST_AFTER) -> None:
    """It is so much later for whoever looks for lost and waiting posts: real time is what counts there."""
    await connection.execute(
        "update posts set started_at = started_at - %(by)s, not_before = not_before - %(by)s",
        {"by": by + timedelta(seconds=1)},
    )


def said(sandbox: Sandbox, channel: str = CHANNEL) -> list[str]:
    """What stands in a channel."""
    return [str(message["text"]) for message in sandbox.workspace.channel(channel).messages]


def calls(sandbox: Sandbox, method: str) -> int:
    """How often a method was called."""
    return sum(call.method == method for call in sandbox.workspace.calls)


async def test_what_is_wanted_is_said_once(outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want) -> None:
    """In order, each with its key in the metadata, and then there is nothing more to do."""
    await want("one")
    await want("two")
    assert await outbox.send_next()
    assert await outbox.send_next()
    assert not await outbox.send_next()
    assert said(sandbox) == ["This is one", "This is two"]
    first = sandbox.workspace.channel(CHANNEL).messages[0]
    assert first["metadata"] == {"event_type": EVENT_TYPE, "event_payload": {"key": "one"}}
    assert await states(connection) == [("one", "sent", 1, None), ("two", "sent", 1, None)]
    cursor = await connection.execute("select ts from posts where key = 'one'")
    assert await cursor.fetchone() == (first["ts"],)


async def test_a_rate_limit_is_waited_for(outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want) -> None:
    """Nothing is asked before Slack's own Retry-After has passed; then it is said, once, and in order."""
    await want("one")
    await want("two")
    sandbox.faults.add("slack", "chat.postMessage", kind="status", status=429, seconds=30, times=1)
    assert await outbox.send_next()
    assert not await outbox.send_next()
    assert calls(sandbox, "chat.postMessage") == 1
    await time_passes(connection, timedelta(seconds=20))
    assert not await outbox.send_next()
    await time_passes(connection, timedelta(seconds=10))
    assert await outbox.send_next()
    assert await outbox.send_next()
    assert said(sandbox) == ["This is one", "This is two"]
    assert calls(sandbox, "conversations.history") == 0
    assert [state for _, state, _, _ in await states(connection)] == ["sent", "sent"]


@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_lost_answer_is_found_and_not_said_again(
    outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want, *, in_thread: bool
) -> None:
    """The call was acted on, and its answer lost: the message is known by its key."""
    thread_ts = None
    if in_thread:
        await want("parent")
        await outbox.send_next()
        thread_ts = str(sandbox.workspace.channel(CHANNEL).messages[0]["ts"])
    await want("one", thread_ts=thread_ts)
    sandbox.faults.add("slack", "chat.postMessage", kind="lost", times=1)
    assert await outbox.send_next()
    assert said(sandbox)[-1] == "This is one"
    assert not await outbox.send_next()
    await time_passes(connection)
    assert await outbox.send_next()
    assert not await outbox.send_next()
    assert said(sandbox).count("This is one") == 1
    (row,) = [row for row in await states(connection) if row[0] == "one"]
    assert row == ("one", "sent", 2, None)
    cursor = await connection.execute("select ts from posts where key = 'one'")
    assert await cursor.fetchone() == (sandbox.workspace.channel(CHANNEL).messages[-1]["ts"],)


@pytest.mark.parametrize(
    ("kind", "status"), [("status", 503), ("html", 200), ("garbled", 200), ("refused", 0), ("status", 500)]
)
async def test_an_answer_that_says_nothing_is_looked_after(
    outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want, kind: str, status: int
) -> None:
    """It was not said: looked for, not found, said."""
    await want("one")
    sandbox.faults.add("slack", "chat.postMessage", kind=kind, status=status, times=1)
    assert await outbox.send_next()
    assert said(sandbox) == []
    await time_passes(connection, timedelta(minutes=2))
    assert await outbox.send_next()
    assert calls(sandbox, "conversations.history") == 1
    assert said(sandbox) == ["This is one"]
    assert [row[1] for row in await states(connection)] == ["sent"]


async def test_looking_for_a_lost_post_obeys_a_rate_limit(
    outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want
) -> None:
    """The look itself may be refused for a while; the post stays one that may have been said."""
    await want("one")
    sandbox.faults.add("slack", "chat.postMessage", kind="lost", times=1)
    assert await outbox.send_next()
    await time_passes(connection)
    sandbox.faults.add("slack", "conversations.history", kind="status", status=429, seconds=60, times=1)
    assert await outbox.send_next()
    await time_passes(connection)
    assert not await outbox.send_next()
    await time_passes(connection, timedelta(seconds=60))
    assert await outbox.send_next()
    assert said(sandbox) == ["This is one"]
    assert [row[:2] for row in await states(connection)] == [("one", "sent")]


async def test_a_slack_that_cannot_be_reached_is_asked_again(
    outbox: Outbox, slack: Slack, connection: Plain, want: Want
) -> None:
    """A connection that was never made has carried nothing: no look is needed, and no long wait."""
    await want("one")
    right = slack.quick.base_url
    slack.quick.base_url = "http://127.0.0.1:9/slack/api/"
    assert await outbox.send_next()
    ((_, state, attempts, error),) = await states(connection)
    assert (state, attempts, error) == ("wanted", 1, "Slack did not answer chat.postMessage.")
    slack.quick.base_url = right
    await time_passes(connection, timedelta(seconds=4))
    assert await outbox.send_next()
    assert [row[:2] for row in await states(connection)] == [("one", "sent")]


@pytest.mark.parametrize("what", ["gone", "archived", "private"])
async def test_what_slack_refuses_for_good_is_parked(
    outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want, what: str
) -> None:
    """With Slack's reason, once; and what comes after it on the stream is said."""
    channel, error = {
        "gone": ("C0NOWHERE", "channel_not_found"),
        "archived": ("C0APPROVE", "is_archived"),
        "private": ("C0LEADERS", "channel_not_found"),
    }[what]
    sandbox.workspace.channel("C0APPROVE").is_archived = what == "archived"
    await want("one", channel=channel)
    await want("two")
    while await outbox.send_next():
        pass
    assert await states(connection) == [("one", "parked", 1, error), ("two", "sent", 1, None)]


async def test_what_nobody_needs_any_more_is_not_said(
    outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want, clock: Clock
) -> None:
    """By the bot's own time."""
    await want("old", expires_at=clock.now() + timedelta(minutes=30))
    await want("new", expires_at=clock.now() + timedelta(minutes=90))
    clock.jump(3600)
    while await outbox.send_next():
        pass
    assert said(sandbox) == ["This is new"]
    assert [row[:2] for row in await states(connection)] == [("old", "expired"), ("new", "sent")]


@pytest.mark.parametrize("author", ["another bot", "a person"])
async def test_a_strangers_message_is_not_taken_for_ours(
    outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want, author: str
) -> None:
    """The same key in a message of somebody else's is a forgery: our own is said all the same."""
    await want("one")
    sandbox.faults.add("slack", "chat.postMessage", kind="status", status=503, times=1)
    assert await outbox.send_next()
    workspace = sandbox.workspace
    forged = {
        "type": "message",
        "text": "forged",
        "ts": workspace.next_ts(),
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": "one"}},
    }
    who = {"user": "U0OTHERBOT", "bot_id": "B0OTHERBOT"} if author == "another bot" else {"user": "U0ALICE01"}
    workspace.channel(CHANNEL).messages.append(forged | who)
    await time_passes(connection)
    assert await outbox.send_next()
    assert said(sandbox) == ["forged", "This is one"]
    ours = workspace.channel(CHANNEL).messages[-1]
    assert ours["bot_id"] == world.BOT_ID
    cursor = await connection.execute("select ts from posts")
    assert await cursor.fetchone() == (ours["ts"],)


async def test_another_post_of_ours_is_not_taken_for_it(
    outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want
) -> None:
    """Only the very key counts, also behind many other messages."""
    for number in range(3):
        await want(f"before {number}")
        await outbox.send_next()
    await want("one")
    sandbox.faults.add("slack", "chat.postMessage", kind="lost", times=1)
    assert await outbox.send_next()
    channel = sandbox.workspace.channel(CHANNEL)
    for number in range(450):
        channel.messages.append(
            {"type": "message", "user": "U0ALICE01", "text": f"{number}", "ts": sandbox.workspace.next_ts()}
        )
    await time_passes(connection)
    assert await outbox.send_next()
    assert said(sandbox).count("This is one") == 1
    assert calls(sandbox, "conversations.history") == 3


async def test_a_post_of_a_dead_copy_is_finished_by_another(
    outbox: Outbox, slack: Slack, database: Database, sandbox: Sandbox, connection: Plain, want: Want, clock: Clock
) -> None:
    """The power went between Slack's answer and the row, or before the call: either way it stands there once."""
    await want("said", stream="a")
    await want("unsaid", stream="b")
    assert await outbox.send_next()
    await connection.execute("update posts set state = 'sending', ts = null where key = 'said'")
    await database.call(lambda connected: posts.claim(connected, real_now=datetime.now().astimezone()))
    await time_passes(connection)
    other = Outbox(slack, database, clock.now)
    while await other.send_next():
        pass
    assert said(sandbox) == ["This is said", "This is unsaid"]
    assert {row[1] for row in await states(connection)} == {"sent"}


@pytest.mark.parametrize("where", ["U0ERIN005", "C0SUPPORT"])
async def test_a_lost_answer_is_found_wherever_it_was_said(
    outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want, where: str
) -> None:
    """To a person, by their direct message; in a public channel that the bot is not in, by joining it."""
    await want("one", channel=where)
    sandbox.faults.add("slack", "chat.postMessage", kind="lost", times=1)
    assert await outbox.send_next()
    await time_passes(connection)
    assert await outbox.send_next()
    place = sandbox.workspace.direct(where) if where.startswith("U") else sandbox.workspace.channel(where)
    assert [message["text"] for message in place.messages if message.get("bot_id")] == ["This is one"]
    assert [row[:2] for row in await states(connection)] == [("one", "sent")]


async def test_a_refused_token_loses_nothing(
    outbox: Outbox, slack: Slack, sandbox: Sandbox, connection: Plain, want: Want
) -> None:
    """While Slack refuses the bot's token what is wanted waits; with one that works it is said."""
    right, slack.quick.token = slack.quick.token, "xoxb-revoked"
    await want("one")
    assert await outbox.send_next()
    assert [(key, state) for key, state, _, _ in await states(connection)] == [("one", "wanted")]
    slack.quick.token = right
    await time_passes(connection, timedelta(minutes=1))
    assert await outbox.send_next()
    assert said(sandbox) == ["This is one"]


async def test_jobs_say_answers(outbox: Outbox, database: Database, sandbox: Sandbox, clock: Clock) -> None:
    """An Answer becomes a message with buttons, in the transaction of what it tells of; the same key once."""
    announce = Announcer(clock.now, runbook_url="https://example.com/runbook.md")
    answer = Answer(
        verdict="Site is down <!channel>", offers=(Offer(label="Status", words="status"),), section="Health"
    )
    for _ in range(2):
        async with database.transaction() as transaction:
            await announce(transaction, stream="watch", key="watch:1", channel=CHANNEL, answer=answer)
    async with database.connection() as connection, connection.transaction(force_rollback=True):
        await announce(connection, stream="watch", key="watch:2", channel=CHANNEL, answer=answer)
    while await outbox.send_next():
        pass
    (message,) = sandbox.workspace.channel(CHANNEL).messages
    assert message["text"] == "Site is down &lt;!channel&gt;"
    assert message["blocks"][1]["elements"][0]["value"] == "w:status"
    assert sandbox.workspace.pings == []


async def becomes_late(connection: Plain) -> None:
    """What is stored waits for an hour."""
    await connection.execute("update posts set stored_at = stored_at - interval '1 hour'")


async def all_said(outbox: Outbox) -> None:
    """Everything that can be sent now is sent."""
    while await outbox.send_next():
        pass


async def test_what_piled_up_is_one_message(
    outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want, clock: Clock
) -> None:
    """After an outage a stream's posts are told in one message, in order, each with its time; other streams are theirs."""
    for key in ("one", "two", "three", "four"):
        await want(key, reminder=key == "two")
        clock.jump(60)
    await want("elsewhere", stream="b")
    await becomes_late(connection)
    await want("five")
    await all_said(outbox)
    digest, other = sorted(said(sandbox))
    assert other == "This is elsewhere"
    assert digest.startswith("Said late, in short: what was to be said here between ")
    (message,) = (
        message for message in sandbox.workspace.channel(CHANNEL).messages if message["text"].startswith("Said late")
    )
    lines = message["blocks"][1]["text"]["text"].splitlines()
    assert [line.split()[-1] for line in lines] == ["one", "three", "four", "five"]
    assert message["metadata"]["event_payload"] == {"key": "digest:one"}
    assert {state for _, state, _, _ in await states(connection)} == {"expired", "sent"}


async def test_few_late_posts_are_said_as_they_are(
    outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want
) -> None:
    """Two are said one by one; a reminder goes unsaid where something newer was said, and is said where it is the last."""
    await want("one", reminder=True)
    await want("two")
    await want("three", reminder=True)
    await becomes_late(connection)
    await all_said(outbox)
    assert said(sandbox) == ["This is two", "This is three"]


async def test_a_late_post_whose_answer_was_lost_is_found_first(
    outbox: Outbox, sandbox: Sandbox, connection: Plain, want: Want
) -> None:
    """It stands in Slack already: it is not told once more in the message of what piled up behind it."""
    sandbox.faults.add("slack", "chat.postMessage", kind="lost", times=1)
    for key in ("one", "two", "three", "four"):
        await want(key)
    assert await outbox.send_next()
    await becomes_late(connection)
    await time_passes(connection)
    await all_said(outbox)
    first, digest = said(sandbox)
    assert first == "This is one"
    assert digest.startswith("Said late")
