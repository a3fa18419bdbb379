"""The inbox: stored before the ack, done once, finished by another copy if need be, whatever the database does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.clocks import real_now
from bot.journal import Journal
from bot.slack.inbox import BUDGET, CLAIM, GIVE_UP, Inbox
from bot.slack.payloads import storable
from bot.store import inbox as table
from bot.store.database import Database, DatabaseSilentError
from bot.store.inbox import Received
from sandbox.databases import DatabaseProxy

Plain = psycopg.AsyncConnection[Any]


class Hands:
    """Does the work, and remembers what was done."""

    def __init__(self) -> None:
        """Nothing was done yet."""
        self.done: list[Received] = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def __call__(self, received: Received) -> str:
        """Do it, once nothing holds it back."""
        self.done.append(received)
        await self.hold.wait()
        if received.payload.get("breaks"):
            raise RuntimeError("it broke")
        return "answered"

    @property
    def keys(self) -> list[str]:
        """What was done, in order."""
        return [received.key for received in self.done]


@pytest.fixture
def hands() -> Hands:
    """Whoever does the work."""
    return Hands()


@pytest.fixture
async def make_inbox(tmp_path: Path, hands: Hands) -> AsyncIterator[Callable[[Database], Inbox]]:
    """Copies of the bot, each with a journal of its own folder."""
    made: list[Inbox] = []

    def make(database: Database) -> Inbox:
        made.append(Inbox(database, Journal(tmp_path / f"journal-{len(made)}"), hands))
        return made[-1]

    yield make
    hands.hold.set()
    for inbox in made:
        await inbox.drain(5)


def received(key: str = "command:1", **payload: Any) -> Received:
    """A payload."""
    return Received(key=key, kind="command", payload=payload, received_at=datetime.now(UTC))


async def take(inbox: Inbox, payload: Received) -> bool:
    """What the listeners do: store, ack, start."""
    new = await inbox.store(payload)
    if new:
        inbox.start(payload)
    return new


async def rows(connection: Plain) -> list[tuple[Any, ...]]:
    """Key, tries and outcome of everything in the inbox."""
    return await (await connection.execute("select key, attempts, outcome from inbox order by key")).fetchall()


async def test_a_payload_is_stored_done_and_closed(
    database: Database, connection: Plain, make_inbox: Callable[[Database], Inbox], hands: Hands
) -> None:
    """It is in the database before the work begins, and closed after it."""
    inbox = make_inbox(database)
    payload = received(text="status")
    assert await inbox.store(payload)
    assert await rows(connection) == [("command:1", 1, None)]
    assert hands.done == []
    inbox.start(payload)
    assert inbox.in_hand == 1
    await inbox.drain(5)
    assert inbox.in_hand == 0
    assert hands.done == [payload]
    assert await rows(connection) == [("command:1", 1, "answered")]


async def test_a_second_delivery_is_known(
    database: Database, make_inbox: Callable[[Database], Inbox], hands: Hands
) -> None:
    """By the same copy, also while the first is being stored."""
    inbox = make_inbox(database)
    taken = await asyncio.gather(*(take(inbox, received()) for _ in range(5)))
    assert sorted(taken) == [False, False, False, False, True]
    assert not await take(inbox, received())
    await inbox.drain(5)
    assert hands.keys == ["command:1"]


async def test_two_copies_do_one_delivery_each_once(
    conninfo: str, database: Database, connection: Plain, make_inbox: Callable[[Database], Inbox], hands: Hands
) -> None:
    """Whatever is delivered to both at the same time is done by one of them."""
    other = Database(conninfo)
    await other.open()
    copies = [make_inbox(database), make_inbox(other)]
    payloads = [received(f"command:{number}") for number in range(20)]
    taken = await asyncio.gather(*(take(copy, payload) for payload in payloads for copy in copies))
    for copy in copies:
        await copy.drain(5)
    await other.close()
    assert sum(taken) == 20
    assert sorted(hands.keys) == sorted(payload.key for payload in payloads)
    assert {outcome for _, _, outcome in await rows(connection)} == {"answered"}


async def test_work_that_breaks_is_closed_as_a_fault(
    database: Database, connection: Plain, make_inbox: Callable[[Database], Inbox]
) -> None:
    """It is logged, and not tried again and again."""
    inbox = make_inbox(database)
    await take(inbox, received(breaks=True))
    await inbox.drain(5)
    assert await rows(connection) == [("command:1", 1, "fault")]


@pytest.mark.parametrize("state", ["down", "hang"])
async def test_while_the_database_is_silent_payloads_go_into_the_journal(
    state: str,
    proxy: DatabaseProxy,
    shaky: Database,
    connection: Plain,
    make_inbox: Callable[[Database], Inbox],
    hands: Hands,
) -> None:
    """Within the budget; the work runs, and when the database is back it knows that everything was done, once."""
    assert await shaky.answers(within=5)
    inbox = make_inbox(shaky)
    proxy.set(state)
    started = time.monotonic()
    assert await take(inbox, received())
    assert time.monotonic() - started < 4 * BUDGET
    assert not await take(inbox, received())
    more = [received(f"command:{number:02}") for number in range(2, 11)]  # more than the pool has connections
    assert all(await asyncio.gather(*(take(inbox, payload) for payload in more)))
    await inbox.drain(30)
    assert len(hands.done) == 10
    with pytest.raises(DatabaseSilentError):
        await inbox.sweep()
    assert await rows(connection) == []
    proxy.set("up")
    assert await shaky.answers(within=10)
    await inbox.sweep()
    found = await rows(connection)
    assert len(found) == 10
    assert {outcome for _, _, outcome in found} == {"answered"}
    await inbox.sweep()
    assert not await take(inbox, received())
    assert len(hands.done) == 10


async def test_a_slow_database_is_not_waited_for(
    proxy: DatabaseProxy, shaky: Database, connection: Plain, make_inbox: Callable[[Database], Inbox], hands: Hands
) -> None:
    """What arrives late all the same is the same payload: it is done once."""
    assert await shaky.answers(within=5)
    inbox = make_inbox(shaky)
    proxy.set("slow", seconds=1.0)
    started = time.monotonic()
    assert await take(inbox, received())
    assert time.monotonic() - started < 4 * BUDGET
    await inbox.drain(10)
    proxy.set("up")
    assert await shaky.answers(within=10)
    await inbox.sweep()
    assert await rows(connection) == [("command:1", 1, "answered")]
    assert hands.keys == ["command:1"]


async def test_a_payload_that_outlives_its_copy_in_the_journal_is_done_by_the_next(
    proxy: DatabaseProxy, shaky: Database, database: Database, connection: Plain, tmp_path: Path, hands: Hands
) -> None:
    """Journaled, acknowledged, and the process gone: the next start imports it, and the sweeper runs it."""
    assert await shaky.answers(within=5)
    proxy.set("down")
    dead = Inbox(shaky, Journal(tmp_path), hands)
    assert await dead.store(received())
    dead._journal._close()
    heir = Inbox(database, Journal(tmp_path), hands)
    assert not await heir.store(received())
    await heir.sweep()
    assert hands.done == []
    await connection.execute("update inbox set claimed_until = now() - interval '1 second'")
    await heir.sweep()
    await heir.drain(5)
    assert hands.keys == ["command:1"]
    assert await rows(connection) == [("command:1", 2, "answered")]


async def test_what_a_dead_copy_left_is_done_by_another(
    database: Database, connection: Plain, make_inbox: Callable[[Database], Inbox], hands: Hands
) -> None:
    """Once its claim has run out, and by one of the copies that look at the same time."""
    await make_inbox(database).store(received(text="status"))
    heirs = [make_inbox(database), make_inbox(database)]
    for heir in heirs:
        await heir.sweep()
    assert hands.done == []
    await connection.execute("update inbox set claimed_until = now() - interval '1 second'")
    await asyncio.gather(*(heir.sweep() for heir in heirs))
    for heir in heirs:
        await heir.drain(5)
    assert [(done.key, done.attempts, done.payload) for done in hands.done] == [("command:1", 2, {"text": "status"})]
    assert await rows(connection) == [("command:1", 2, "answered")]


async def test_a_living_copy_keeps_its_claims(
    database: Database, connection: Plain, make_inbox: Callable[[Database], Inbox], hands: Hands
) -> None:
    """Long work is not taken away while its copy sweeps."""
    inbox, other = make_inbox(database), make_inbox(database)
    hands.hold.clear()
    await take(inbox, received())
    await connection.execute("update inbox set claimed_until = now() + interval '1 second'")
    await inbox.sweep()
    cursor = await connection.execute("select claimed_until - now() > %s from inbox", [CLAIM / 2])
    assert await cursor.fetchone() == (True,)
    await other.sweep()
    assert hands.keys == ["command:1"]


async def test_late_claims_of_its_own_do_not_start_the_work_twice(
    database: Database, connection: Plain, make_inbox: Callable[[Database], Inbox], hands: Hands
) -> None:
    """After an outage that was longer than a claim, a copy that still works on a payload goes on with it."""
    inbox = make_inbox(database)
    hands.hold.clear()
    await take(inbox, received())
    await connection.execute("update inbox set claimed_until = now() - interval '1 second'")
    await inbox.sweep()
    hands.hold.set()
    await inbox.drain(5)
    assert hands.keys == ["command:1"]


async def test_what_kills_every_copy_is_given_up(
    database: Database, connection: Plain, make_inbox: Callable[[Database], Inbox], hands: Hands
) -> None:
    """Three copies try it, and the next leaves it alone for good."""
    await make_inbox(database).store(received())
    hands.hold.clear()
    for attempt in range(2, GIVE_UP + 1):
        await connection.execute("update inbox set claimed_until = now() - interval '1 second'")
        dying = make_inbox(database)
        await dying.sweep()
        assert dying.in_hand == 1
        await dying.drain(0.01)
        assert await rows(connection) == [("command:1", attempt, None)]
    await connection.execute("update inbox set claimed_until = now() - interval '1 second'")
    last = make_inbox(database)
    await last.sweep()
    assert last.in_hand == 0
    assert await rows(connection) == [("command:1", GIVE_UP + 1, "given up")]
    await last.sweep()
    assert len(hands.done) == GIVE_UP - 1


async def test_stopping_waits_for_the_work_in_hand(
    database: Database, connection: Plain, make_inbox: Callable[[Database], Inbox], hands: Hands
) -> None:
    """No longer than it is given; what is not finished then is left to the next copy."""
    inbox = make_inbox(database)
    hands.hold.clear()
    await take(inbox, received())
    await inbox.drain(0.05)
    assert inbox.in_hand == 0
    assert await rows(connection) == [("command:1", 1, None)]


async def test_abandoned_payloads_are_claimed_in_portions(database: Database, connection: Plain) -> None:
    """At most twenty at once, each by one copy, the oldest first."""
    await connection.execute(
        "insert into inbox (key, kind, payload, received_at, claimed_until) select 'command:' || n, 'command', '{}',"
        " now(), now() - n * interval '1 second' from generate_series(1, 50) as n"
    )

    async def claim() -> list[Received]:
        return await database.call(
            lambda connected: table.claim_abandoned(
                connected, real_now=real_now(), claimed_until=real_now() + timedelta(seconds=30)
            ),
            within=5,
        )

    portions = await asyncio.gather(claim(), claim(), claim())
    assert max(len(portion) for portion in portions) <= 20
    keys = [found.key for portion in portions for found in portion]
    while more := await claim():
        keys += [found.key for found in more]
    assert sorted(keys) == sorted(f"command:{number}" for number in range(1, 51))


async def test_old_payloads_are_purged(database: Database, connection: Plain) -> None:
    """They hold what people wrote, so they do not stay."""
    old = Received(key="command:old", kind="command", payload={}, received_at=real_now() - timedelta(days=31))
    until = real_now() + timedelta(seconds=30)
    async with database.transaction() as transaction:
        assert await table.add(transaction, old, claimed_until=until)
        assert await table.add(transaction, received(), claimed_until=until)
        assert await table.purge(transaction, before=real_now() - timedelta(days=30)) == 1
    assert await rows(connection) == [("command:1", 1, None)]


async def test_every_text_can_be_stored(
    database: Database, connection: Plain, make_inbox: Callable[[Database], Inbox]
) -> None:
    """PostgreSQL's JSON knows no NUL and no half of a surrogate pair; a payload with them is kept without."""
    inbox = make_inbox(database)
    payload = storable({"text": "a\0b \ud83d 😀", "parts": [{"k\0": "\udc00", "n": 1, "none": None}]})
    await take(inbox, received(**payload))
    await inbox.drain(5)
    cursor = await connection.execute("select payload, outcome from inbox")
    assert await cursor.fetchone() == (
        {"text": "ab ? 😀", "parts": [{"k": "?", "n": 1, "none": None}]},
        "answered",
    )
