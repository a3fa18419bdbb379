"""What stories of grants look at."""

from __future__ import annotations

from typing import Any

import psycopg
from storytelling import Said, Story

from sandbox.product.books import CASES

WHO = CASES["never_bought"]
ASK = f"/ilab grant {WHO} 5 --tier professional --reason the webhook was lost"


async def product(story: Story, query: str, **params: Any) -> list[tuple[Any, ...]]:
    """Look into the product's database."""
    async with await psycopg.AsyncConnection.connect(story.direct_product) as connection:
        return await (await connection.execute(query, params)).fetchall()


async def granted(story: Story, email: str = WHO) -> tuple[int, int]:
    """How many entitlements and grants in the history a customer has."""
    rows = await product(
        story,
        "select (select count(*) from entitlements e where e.user_id = u.id),"
        " (select count(*) from entitlement_history h where h.user_id = u.id and h.action = 'grant')"
        " from auth.users u where email = lower(%(email)s)",
        email=email,
    )
    return rows[0][0], rows[0][1]


def card(story: Story, name: str = "bob") -> Said:
    """The newest card in the approvals channel."""
    return [said for said in story.sees(name, "ops-approvals") if "Grant · request" in said.text][-1]


async def asked(story: Story, words: str = ASK, name: str = "erin") -> Said:
    """Somebody asks, and the card is there."""
    said = await story.asks(name, words)
    await story.settled()
    return said
