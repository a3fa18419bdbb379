"""The customers of a story: what they bought, what they hold, and whether the site lets them begin an interview."""

from __future__ import annotations

from typing import Any, LiteralString

import httpx
import psycopg
from storytelling import Story

from sandbox.product import company_of
from sandbox.product.books import PASSWORD, Purchase
from sandbox.world import CREDENTIALS


def purchases(story: Story, case: str) -> list[Purchase]:
    """What somebody bought, oldest first."""
    books = company_of(story.sandbox.world).books
    return [one for one in books.purchases if one.customer == books.cases[case]]


def event_of(purchase: Purchase) -> str:
    """The event that says that it was paid."""
    return f"evt_{purchase.suffix}cs"


async def product(story: Story, query: LiteralString, **params: Any) -> list[tuple[Any, ...]]:
    """Look into the product's database."""
    async with await psycopg.AsyncConnection.connect(story.direct_product) as connection:
        return await (await connection.execute(query, params)).fetchall()


async def entitlements(story: Story, purchase: Purchase) -> int:
    """How many entitlements a purchase has."""
    query = "select count(*) from entitlements where stripe_session_id = %(session)s"
    return int((await product(story, query, session=purchase.session_id))[0][0])


async def starts_an_interview(story: Story, case: str) -> int:
    """The customer signs in and starts an interview on the site; the site's answer."""
    async with httpx.AsyncClient(base_url=story.sandbox.url) as http:
        email = company_of(story.sandbox.world).books.cases[case].email
        signed_in = await http.post(
            "/supabase/auth/v1/token?grant_type=password",
            json={"email": email, "password": PASSWORD},
            headers={"apikey": CREDENTIALS["supabase.publishable_key"]},
        )
        headers = {"authorization": f"Bearer {signed_in.json()['access_token']}"}
        return (await http.post("/site/api/interview/start", json={"mode": "text"}, headers=headers)).status_code


def sent_again(story: Story) -> int:
    """How often Stripe was asked to deliver again, and did."""
    return sum(one.call == "events.retry" and one.acted for one in story.sandbox.vendors["stripe"].log)
