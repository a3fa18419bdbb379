"""The bot is killed at every write that it makes, before and after it, and what people see is as if it never had been."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from crashing import Matrix, Play, Run, newest
from nursery import Nursery
from storytelling import Said

from bot.store.embedded import EmbeddedServer
from sandbox.product.books import CASES

DECLARE = "/ilab incident declare P0 checkout answers 500"
WHO = CASES["never_bought"]
ASK = f"/ilab grant {WHO} 5 --tier professional --reason the webhook was lost"

MakeMatrix = Callable[..., Any]


@pytest.fixture
async def matrix(
    tmp_path: Path, postgres: EmbeddedServer, make_database: Any, product_template: str
) -> AsyncIterator[Callable[..., Matrix]]:
    """All runs of a play, when it is given."""
    own = str(psycopg.conninfo.conninfo_to_dict(await make_database())["dbname"])
    async with Nursery.open() as nursery:

        def make(play: Play, **given: Any) -> Matrix:
            return Matrix(
                server=postgres,
                nursery=nursery,
                directory=tmp_path,
                own=own,
                product=product_template,
                play=play,
                **given,
            )

        yield make


async def declare(run: Run) -> None:
    """Frank declares a P0."""
    await run.types("frank", DECLARE, lambda: newest(run.story.sees("bob"), "INC-1 P0") is not None)


async def grant(run: Run) -> None:
    """Erin asks for interviews, Bob approves."""
    story = run.story

    def card() -> Said | None:
        return newest(story.sees("bob", "ops-approvals"), "Grant · request")

    def approved() -> bool:
        shown = card()
        return shown is not None and "Approve" not in shown.buttons

    await run.types("erin", ASK, lambda: card() is not None)
    await run.presses("bob", "Approve", "ops-approvals", approved)


async def test_grant(matrix: Callable[..., Matrix]) -> None:
    """Interviews are granted."""
    played = matrix(grant, copies_product=True)
    clean = await played.all()
    print(len(played.points), played.seconds, len(played.unreached), len(played.failures))
    print("\n".join(str(point) for point in played.points if point.moment == "before"))
    print("\n".join(clean.stays))
    print("\n".join(clean.passing))
    print("\n".join(map(str, played.unreached)))
    print("\n\n".join(played.failures))
    assert not played.failures


async def test_p0(matrix: Callable[..., Matrix]) -> None:
    """A P0 sets itself up."""
    played = matrix(declare)
    clean = await played.all()
    print(len(played.points), played.seconds, len(played.unreached), len(played.failures))
    print("\n".join(str(point) for point in played.points if point.moment == "before"))
    print("\n".join(clean.stays))
    print("\n".join(map(str, played.unreached)))
    print("\n\n".join(played.failures))
    assert not played.failures


async def test_clean(matrix: Callable[..., Matrix]) -> None:
    """One clean run."""
    import time

    played = matrix(declare)
    for _ in range(3):
        t = time.monotonic()
        writes, seen = await played.clean()
        print("took", time.monotonic() - t)
        print(sum(writes.values()), len(writes))
    print("\n".join(f"{n} {w}" for w, n in writes.items()))
    print("\n".join(f"{n} {w}" for w, n in seen.stays.items()))
    print(seen.passing)
