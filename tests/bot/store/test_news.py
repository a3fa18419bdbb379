"""What the database says unasked, once it is committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from bot.store import cards, clocks, posts
from bot.store.database import Database, DatabaseSilentError
from bot.store.news import News
from bot.store.posts import Post
from sandbox.databases import DatabaseProxy

AT = datetime(2025, 6, 1, 12, 30, tzinfo=UTC)
POST = Post(stream="a", key="a", channel="C1", body={"text": "a", "blocks": []}, wanted_at=AT)
Plain = psycopg.AsyncConnection[Any]


class Heard:
    """One event a table."""

    def __init__(self, news: News) -> None:
        """Wait for news of all three."""
        self.events = {table: asyncio.Event() for table in ("posts", "cards", "clocks")}
        for table, event in self.events.items():
            news.wake(event, table)

    async def next(self) -> set[str]:
        """Of which tables there was news; what comes together is heard together."""
        waiting = [asyncio.create_task(event.wait()) for event in self.events.values()]
        await asyncio.wait(waiting, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        found = {table for table, event in self.events.items() if event.is_set()}
        for event in self.events.values():
            event.clear()
        return found


@pytest.fixture
async def heard(conninfo: str) -> AsyncIterator[Heard]:
    """Somebody listens; at the beginning everybody looks once."""
    news = News(conninfo)
    heard = Heard(news)
    listening = asyncio.create_task(news.listen())
    assert await heard.next() == {"posts", "cards", "clocks"}
    yield heard
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_what_is_wanted_is_told_at_its_commit(heard: Heard, database: Database) -> None:
    """Not before, and not where it is rolled back."""
    async with database.transaction() as transaction:
        await posts.add(transaction, POST)
        await asyncio.sleep(0.05)
        assert not heard.events["posts"].is_set()
    assert await heard.next() == {"posts"}
    async with database.connection() as connection, connection.transaction(force_rollback=True):
        await clocks.start(connection, "watch:1", "watch", due_at=AT)
    async with database.transaction() as transaction:
        await cards.want(transaction, "incident:1", channel="C1")
    assert await heard.next() == {"cards"}
    async with database.transaction() as transaction:
        await clocks.start(transaction, "watch:1", "watch", due_at=AT)
        await cards.raise_if_there(transaction, "incident:1")
    assert await heard.next() == {"cards", "clocks"}


async def test_taking_what_is_wanted_is_no_news(heard: Heard, database: Database) -> None:
    """Or looking would make everybody look again, for ever."""
    async with database.transaction() as transaction:
        await posts.add(transaction, POST)
        await cards.want(transaction, "incident:1", channel="C1")
        await clocks.start(transaction, "watch:1", "watch", due_at=AT)
    assert await heard.next() == {"posts", "cards", "clocks"}
    async with database.transaction() as transaction:
        assert await posts.claim(transaction, real_now=AT) is not None
        assert await posts.claim(transaction, real_now=AT) is None
        assert await cards.claim(transaction, real_now=AT, claimed_until=AT) is not None
        assert await clocks.take_due(transaction, now=AT)
        assert not await clocks.take_due(transaction, now=AT)
    async with database.transaction() as transaction:
        await clocks.start(transaction, "watch:2", "watch", due_at=AT)
    assert await heard.next() == {"clocks"}


async def test_the_database_goes_away(proxy: DatabaseProxy) -> None:
    """Whoever listens is told so, and listens again."""
    news = News(proxy.conninfo)
    heard = Heard(news)
    listening = asyncio.create_task(news.listen())
    await heard.next()
    proxy.set("down")
    with pytest.raises(DatabaseSilentError):
        await asyncio.wait_for(listening, 5)
    with pytest.raises(DatabaseSilentError):
        await news.listen()
