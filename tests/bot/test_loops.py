"""What runs for ever: at once while there is more, and on after whatever a step meets."""

from __future__ import annotations

import asyncio

import pytest

from bot.loops import REST_AFTER_FAILURE, Baton, keep_going
from bot.store.database import DatabaseSilentError


async def test_a_step_is_taken_again_at_once_while_there_is_more() -> None:
    """Then it rests."""
    left = [True, True, True, None]
    empty = asyncio.Event()

    async def step() -> bool | None:
        more = left.pop(0)
        if not left:
            empty.set()
        return more

    looping = asyncio.create_task(keep_going("test", step, every=3600))
    async with asyncio.timeout(5):
        await empty.wait()
    await asyncio.sleep(0.01)
    assert not looping.done()
    looping.cancel()


async def test_whatever_a_step_meets_the_loop_goes_on() -> None:
    """After a rest; only a cancellation ends it."""

    async def survives(error: Exception) -> float:
        failures = [error]
        went_on = asyncio.Event()

        async def step() -> None:
            if failures:
                raise failures.pop()
            went_on.set()

        started = asyncio.get_running_loop().time()
        looping = asyncio.create_task(keep_going("test", step, every=3600))
        async with asyncio.timeout(10):
            await went_on.wait()
        looping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looping
        return asyncio.get_running_loop().time() - started

    errors = (DatabaseSilentError(), RuntimeError("broken"), TimeoutError(), AssertionError())
    took = await asyncio.gather(*(survives(error) for error in errors))
    assert all(seconds >= REST_AFTER_FAILURE for seconds in took)


async def test_a_baton_wakes_one_at_a_time() -> None:
    """Of several who wait one is woken, and the next only when that one passes it on; what nobody hears is kept."""
    baton = Baton()
    woken: list[int] = []

    async def wait(number: int) -> None:
        await baton.wait()
        woken.append(number)

    waiting = [asyncio.create_task(wait(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    baton.set()
    await asyncio.sleep(0.01)
    assert len(woken) == 1
    baton.set()
    await asyncio.sleep(0.01)
    assert len(woken) == 2
    baton.set()
    await asyncio.gather(*waiting)
    for _ in range(3):
        baton.set()
    await asyncio.wait_for(baton.wait(), 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(baton.wait(), 0.01)
