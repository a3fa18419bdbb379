"""A bot begins on an empty database: nobody is heard before its tables are there, and none is told of a fault."""

from __future__ import annotations

import psycopg
from storytelling import Story, until


async def emptied(stage: Story) -> None:
    """Our own database holds nothing, as on the first day."""
    async with await psycopg.AsyncConnection.connect(stage.proxies["own"].conninfo, autocommit=True) as connection:
        await connection.execute("drop schema public cascade")
        await connection.execute("create schema public")


async def test_the_first_words_are_done(stage: Story) -> None:
    """What is typed the moment the bot hears is done, though a minute ago there was no table."""
    await emptied(stage)
    await stage.start()
    assert (await stage.asks("alice", "/ilab status watch 10")).first_line.startswith("Watching until ")


async def test_it_comes_back_empty(stage: Story) -> None:
    """It was silent when the bot began, and comes back without tables: silent it counts until it has them."""
    await emptied(stage)
    stage.proxies["own"].set("down")
    await stage.start()
    silent = "My own database does not answer."
    assert (await stage.asks("alice", "/ilab status watch 10")).first_line == silent
    stage.proxies["own"].set("up")
    answers = set()

    async def watched() -> bool:
        answers.add((await stage.asks("alice", "/ilab status watch 10")).first_line)
        return any(one.startswith("Watching until ") for one in answers)

    await until(watched, "it never came back", 30)
    assert {one for one in answers if not one.startswith("Watching until ")} <= {silent}
