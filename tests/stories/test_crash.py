"""The bot is killed at every write that it makes, before and after it, and in the end all is as if it never had been."""

from __future__ import annotations

from collections import Counter
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

MakeMatrix = Callable[..., Matrix]


@pytest.fixture
async def matrix(
    tmp_path: Path, postgres: EmbeddedServer, make_database: Any, product_template: str
) -> AsyncIterator[MakeMatrix]:
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


def seen(clean: Counter[str], words: str) -> int:
    """How much of what is there holds these words."""
    return sum(count for line, count in clean.items() if words in line)


async def declare(run: Run) -> None:
    """Frank declares a P0."""
    await run.types("frank", DECLARE, lambda: newest(run.story.sees("bob"), "P0 checkout") is not None)


async def test_a_p0_sets_itself_up(matrix: MakeMatrix, record_property: Callable[[str, str], None]) -> None:
    """One channel, one card in #incidents and one in the channel, one pin, one page, everybody invited, all said once."""
    p0 = matrix(declare)
    clean = (await p0.all()).stays
    record_property("said", f"A P0: {p0.summary}")
    room = "inc-#-checkout-answers-# "
    assert seen(clean, f"{room}topic INC-# P# checkout answers #") == 1
    assert [seen(clean, f"{room}member {who}") for who in ("U#FRANK#", "U#ALICE#", "U#BOB#")] == [1, 1, 1]
    assert seen(clean, f"{room}channel_join") == seen(clean, f"{room}member")
    assert [seen(clean, words) for words in ("incidents  U#ILABBOT incident:# ", f"{room} U#ILABBOT room:# ")] == [1, 1]
    assert seen(clean, f"{room}pin ") == 1
    assert seen(clean, f"{room}bookmark ") >= 4
    assert [seen(clean, f"incident:#:{post} ") for post in ("checklist", "snapshot", "changes")] == [1, 1, 1]
    assert (seen(clean, "pagerduty P# "), seen(clean, "page # alice")) == (1, 1)
    assert not seen(clean, ":red_circle: On-call")
    p0.check(least=130)


async def grant(run: Run) -> None:
    """Erin asks for interviews, Bob approves."""

    def card() -> Said | None:
        return newest(run.story.sees("bob", "ops-approvals"), "Grant · request")

    def decided() -> bool:
        shown = card()
        return shown is not None and "Approve" not in shown.buttons

    await run.types("erin", ASK, lambda: card() is not None)
    await run.presses("bob", "Approve", "ops-approvals", decided)


async def granted(run: Run) -> Counter[str]:
    """What the customer has, by the product's own tables."""
    async with await psycopg.AsyncConnection.connect(run.story.direct_product) as connection:
        cursor = await connection.execute(
            "select 'entitlement of ' || remaining_interviews from entitlements join auth.users u on u.id = user_id"
            " where u.email = lower(%(who)s) union all"
            " select 'history ' || action from entitlement_history join auth.users u on u.id = user_id"
            " where u.email = lower(%(who)s)",
            {"who": WHO},
        )
        return Counter(row[0] for row in await cursor.fetchall())


async def test_a_grant(matrix: MakeMatrix, record_property: Callable[[str, str], None]) -> None:
    """One entitlement, one row of history, one card, one message to who asked."""
    grants = matrix(grant, also=granted)
    clean = (await grants.all()).stays
    record_property("said", f"A grant: {grants.summary}")
    assert (clean["entitlement of 5"], clean["history grant"]) == (1, 1)
    assert seen(clean, "ops-approvals  U#ILABBOT request:# :white_check_mark: Grant") == 1
    assert seen(clean, "direct U#ERIN#  U#ILABBOT request:#:told") == 1
    grants.check(least=45)


async def climb(run: Run) -> None:
    """Nobody has it in time, so that the team lead is paged; then Alice presses Acknowledge."""

    def account() -> Any:
        return run.story.sandbox.vendors["pagerduty"].account

    await run.falls_due("ack_lead")
    await run.quiet()
    await run.presses("alice", "Acknowledge", "incidents", lambda: account().incidents[0].status == "acknowledged")


TURNS = ("'fired'", "steps", "update incidents", "pagerduty", "setTopic", "chat.postMessage", "chat.update")
"""Where the ladder and the acknowledgement may come to nothing, or come twice."""


async def test_a_ladder_and_an_acknowledgement(matrix: MakeMatrix, record_property: Callable[[str, str], None]) -> None:
    """One page more, said once in the thread and once in the channel; one acknowledgement, which PagerDuty knows."""
    climbing = matrix(climb, before=declare, only=TURNS)
    clean = (await climbing.all()).stays
    record_property("said", f"A page of the ladder, and an acknowledgement: {climbing.summary}")
    known = [line for line in clean.elements() if line.startswith("pagerduty ")]
    assert ([line.split()[-1] for line in known], seen(clean, "page # ")) == (["acknowledged"], 2)
    room = "inc-#-checkout-answers-# "
    for where in (f"{room} U#ILABBOT incident:#:", "incidents (under incident:#)  U#ILABBOT incident:#:thread:"):
        assert [seen(clean, f"{where}{what}:") for what in ("ack_lead", "acknowledged")] == [1, 1]
    climbing.check(least=16)
