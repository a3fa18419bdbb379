"""Table `posts`: in order within a stream, one in flight a stream, each taken by one copy."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from bot.store import posts
from bot.store.database import Connection, Database
from bot.store.posts import Claimed, Post

AT = datetime(2025, 6, 1, 12, 30, tzinfo=UTC)
LOST = timedelta(seconds=15)
SECOND = timedelta(seconds=1)
Plain = psycopg.AsyncConnection[Any]


def post(key: str, stream: str = "a") -> Post:
    """A message that is wanted."""
    return Post(stream=stream, key=key, channel="C1", body={"text": key, "blocks": []}, wanted_at=AT)


async def want(database: Database, *keys: str, stream: str = "a") -> None:
    """These are wanted, in this order."""
    for key in keys:
        async with database.transaction() as transaction:
            await posts.add(transaction, post(key, stream))


async def claim(database: Database, at: datetime = AT) -> Claimed | None:
    """Take the next."""
    return await database.call(lambda connection: posts.claim(connection, real_now=at), within=5)


async def lost(database: Database, at: datetime) -> Claimed | None:
    """Take one whose sender is gone."""
    return await database.call(
        lambda connection: posts.claim_lost(connection, real_now=at, lost_before=at - LOST), within=5
    )


async def sent(database: Database, claimed: Claimed) -> None:
    """It stands in Slack."""
    await database.call(lambda connection: posts.sent(connection, claimed.id, ts="1.1"))


async def waiting(database: Database) -> int:
    """How many are not yet said."""
    return await database.call(posts.waiting)


async def test_a_stream_is_said_in_order(database: Database) -> None:
    """The second goes only when the first stands; what was taken is whole."""
    await want(database, "one", "two", "three")
    first = await claim(database)
    assert first is not None
    assert (first.key, first.stream, first.channel, first.body) == ("one", "a", "C1", {"text": "one", "blocks": []})
    assert (first.attempts, first.ambiguous, first.started_at) == (1, False, AT)
    assert await claim(database) is None
    await sent(database, first)
    second = await claim(database)
    assert second is not None
    assert second.key == "two"
    assert await waiting(database) == 2


async def test_a_key_is_wanted_once(database: Database) -> None:
    """Also after it was said."""
    await want(database, "one", "one")
    first = await claim(database)
    assert first is not None
    await sent(database, first)
    await want(database, "one")
    assert await waiting(database) == 0


async def test_streams_do_not_wait_for_each_other(database: Database) -> None:
    """One in flight in each."""
    await want(database, "a1", "a2", stream="a")
    await want(database, "b1", "b2", stream="b")
    found = [await claim(database) for _ in range(3)]
    assert [claimed and claimed.key for claimed in found] == ["a1", "b1", None]


async def test_what_waits_holds_its_stream_back(database: Database) -> None:
    """Until Slack may be asked again: nothing overtakes."""
    await want(database, "a1", "a2")
    first = await claim(database)
    assert first is not None
    await database.call(
        lambda connection: posts.wait(connection, first.id, not_before=AT + 30 * SECOND, error="ratelimited")
    )
    assert await claim(database, AT + 29 * SECOND) is None
    again = await claim(database, AT + 30 * SECOND)
    assert again is not None
    assert (again.key, again.attempts) == ("a1", 2)


async def test_what_is_given_up_frees_its_stream(database: Database) -> None:
    """Parked or expired, it is not said and nobody waits for it."""
    await want(database, "a1", "a2", "a3")
    for state in ("parked", "expired"):
        claimed = await claim(database)
        assert claimed is not None
        await database.call(
            lambda connection, id_=claimed.id, state=state: posts.close(connection, id_, state=state, error="why")
        )
    last = await claim(database)
    assert last is not None
    assert last.key == "a3"


async def test_copies_take_each_post_once_and_in_order(conninfo: str, database: Database, connection: Plain) -> None:
    """Three copies, four streams of ten: each post taken once, each stream in order, never two of one in flight."""
    streams = ("a", "b", "c", "d")
    for stream in streams:
        await want(database, *(f"{stream}{number}" for number in range(10)), stream=stream)
    said: list[str] = []
    in_flight: set[str] = set()

    async def copy() -> None:
        pool = Database(conninfo)
        await pool.open()
        while await waiting(pool):
            claimed = await claim(pool)
            if claimed is None:
                await asyncio.sleep(0.001)
                continue
            assert claimed.stream not in in_flight
            in_flight.add(claimed.stream)
            await asyncio.sleep(0.001)
            said.append(claimed.key)
            in_flight.discard(claimed.stream)
            await sent(pool, claimed)
        await pool.close()

    await asyncio.gather(*(copy() for _ in range(3)))
    assert sorted(said) == sorted(f"{stream}{number}" for stream in streams for number in range(10))
    for stream in streams:
        assert [key for key in said if key[0] == stream] == [f"{stream}{number}" for number in range(10)]


async def test_one_claim_takes_one_post(database: Database, connection: Plain) -> None:
    """However the statement is planned."""
    for number in range(30):
        await want(database, f"k{number}", stream=f"s{number}")
    await connection.execute("analyze posts")
    for count in range(1, 31):
        assert await claim(database) is not None
        cursor = await connection.execute("select count(*) from posts where state = 'sending'")
        assert await cursor.fetchone() == (count,)
    for count in range(1, 31):
        assert await lost(database, AT + LOST + SECOND) is not None
        cursor = await connection.execute("select count(*) from posts where attempts = 2")
        assert await cursor.fetchone() == (count,)


async def test_a_post_whose_sender_died_is_found(database: Database) -> None:
    """Not before the sender's call has surely ended; then by one copy, as one that may have been said."""
    await want(database, "a1")
    first = await claim(database)
    assert first is not None
    assert await lost(database, AT + LOST) is None
    found = await asyncio.gather(*(lost(database, AT + LOST + SECOND) for _ in range(4)))
    (one,) = [claimed for claimed in found if claimed is not None]
    assert (one.key, one.attempts, one.ambiguous) == ("a1", 2, True)
    assert await claim(database, AT + LOST + SECOND) is None


async def test_a_post_that_may_have_been_said_waits_as_long_as_slack_asks(database: Database) -> None:
    """Looking for it, too, is a call that Slack may hold back."""
    await want(database, "a1")
    first = await claim(database)
    assert first is not None
    until = AT + 60 * SECOND
    await database.call(
        lambda connection: posts.wait(connection, first.id, not_before=until, error="ratelimited", ambiguous=True)
    )
    assert await lost(database, AT + 59 * SECOND) is None
    assert await lost(database, until) is not None


async def test_a_dropped_stream_says_nothing_more(database: Database) -> None:
    """What is in flight stays in flight; other streams are not touched."""
    await want(database, "a1", "a2", "a3", stream="a")
    await want(database, "b1", stream="b")
    first = await claim(database)

    async def drop(connection: Connection) -> None:
        await posts.drop_stream(connection, "a", error="the watch ended")

    await database.call(drop)
    assert first is not None
    assert await waiting(database) == 2
    await sent(database, first)
    last = await claim(database)
    assert last is not None
    assert last.key == "b1"
