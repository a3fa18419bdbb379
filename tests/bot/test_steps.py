"""A step that is done once: what an earlier try left is looked for before it is tried again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.clocks import real_now
from bot.errors import ProviderError
from bot.steps import CALL_ENDS_WITHIN, Ahead, Ended, Step, Table, once, run
from bot.store import steps
from bot.store.database import Connection, Database


class World:
    """Something that can be done, and be seen to have been done."""

    def __init__(self) -> None:
        """Nothing was done."""
        self.done = self.looked = 0
        self.broken = False

    @property
    def step(self) -> Step:
        """Doing it."""

        async def run(_: Any) -> dict[str, Any]:
            self.done += 1
            if self.broken:
                raise ProviderError("It broke.", provider="x", kind="timeout", ambiguous=True)
            return {"by": "run"}

        async def find(_: Any) -> dict[str, Any] | None:
            self.looked += 1
            return {"by": "find"} if self.done else None

        return Step(name="do", title="Do", run=run, find=find)


async def test_done_once(database: Database) -> None:
    """The first time it is done without looking; afterwards what it made is remembered."""
    world, book = World(), Table(database, "request:1")
    assert await once(book, world.step) == {"by": "run"}
    assert await once(book, world.step) == {"by": "run"}
    assert (world.done, world.looked) == (1, 0)


async def test_a_lost_answer_is_looked_for(database: Database) -> None:
    """It happened although it failed: it is found, and not done again."""
    world, book = World(), Table(database, "request:1")
    world.broken = True
    with pytest.raises(ProviderError):
        await once(book, world.step)
    assert await once(book, world.step) == {"by": "find"}
    assert world.done == 1


async def test_what_a_dead_copy_left_is_looked_for(database: Database) -> None:
    """Begun by a copy that died: looked for, and done where there is nothing."""
    world, book = World(), Table(database, "request:1")
    long_ago = real_now() - CALL_ENDS_WITHIN - timedelta(seconds=1)
    await database.call(lambda connection: steps.start(connection, "request:1", "do", at=long_ago))
    assert await once(book, world.step) == {"by": "run"}
    assert (world.done, world.looked) == (1, 1)


async def test_what_can_be_known_before_is_asked_before(database: Database) -> None:
    """It is asked while the step waits for another; what went wrong then is the step's own failure, and asked again."""
    asked: list[str] = []
    begun = asyncio.Event()

    async def ask() -> str:
        asked.append("")
        begun.set()
        if len(asked) == 1:
            raise ProviderError("Silent.", provider="x", kind="timeout", retry_after=0)
        return "said"

    ahead = Ahead(ask)

    async def first(_: Any) -> dict[str, Any]:
        await asyncio.wait_for(begun.wait(), 5)
        return {}

    async def second(_: Any) -> dict[str, Any]:
        return {"heard": await ahead.answer()}

    async def nothing() -> None:
        return

    book = Table(database, "incident:1")
    graph = (
        Step(name="first", title="First", run=first),
        Step(name="second", title="Second", run=second, needs=("first",), ahead=ahead),
    )
    assert await run(book, graph, changed=nothing) is Ended.DONE
    assert (await book.all())["second"].result == {"heard": "said"}
    assert len(asked) == 2


async def test_who_shows_the_steps_is_told_in_their_transaction(database: Database) -> None:
    """A crash comes between any two commits: so the end of a step and what it lets be shown are one."""
    told: list[str] = []

    async def changed(transaction: Connection) -> None:
        found = (await steps.all_of(transaction, "request:1"))["do"].state
        told.append(f"{found}, {(await database.call(lambda other: steps.all_of(other, 'request:1')))['do'].state}")

    await once(Table(database, "request:1", changed), World().step)
    assert told == ["done, started"]
