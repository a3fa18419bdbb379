"""Calls that concern everybody alike."""

from __future__ import annotations

import asyncio

import pytest

from bot.flights import Flights


async def test_one_call_for_all_who_ask() -> None:
    """Ten at once cause one; its answer serves for a while; who gives up does not end it for the others."""
    flights, calls, gate = Flights(), 0, asyncio.Event()

    async def work() -> int:
        nonlocal calls
        calls += 1
        await gate.wait()
        return calls

    waiting = [asyncio.create_task(flights.join("x", work, keep=60)) for _ in range(10)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    gate.set()
    assert await asyncio.gather(*waiting[1:]) == [1] * 9
    assert await flights.join("x", work, keep=60) == 1
    assert await flights.join("x", work, keep=0) == 2
    assert await flights.join("y", work, keep=60) == 3


async def test_a_failure_is_not_kept() -> None:
    """All who waited get it, and who asks next asks anew."""
    flights, outcomes = Flights(), [ValueError("no"), None]

    async def work() -> str:
        outcome = outcomes.pop(0)
        if outcome:
            raise outcome
        return "yes"

    failed = await asyncio.gather(*(flights.join("x", work, keep=60) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in failed] == [ValueError] * 2
    assert await flights.join("x", work, keep=60) == "yes"
    with pytest.raises(IndexError):
        await flights.join("y", work, keep=60)
