"""What customers do in the sandbox, as the product's own pages do it for them, and what the product's database holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import psycopg
from storytelling import Story

from sandbox.product.books import PASSWORD
from sandbox.world import CREDENTIALS

PUBLIC = {"apikey": CREDENTIALS["supabase.publishable_key"]}


async def sign_in(story: Story, email: str) -> Mapping[str, Any]:
    """The customer signs in; what Auth answers."""
    async with httpx.AsyncClient(base_url=story.sandbox.url) as client:
        answer = await client.post(
            "/supabase/auth/v1/token?grant_type=password",
            headers=PUBLIC,
            json={"email": email, "password": PASSWORD},
        )
    found: Mapping[str, Any] = answer.json()
    return found


async def _token(story: Story, email: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {(await sign_in(story, email)).get('access_token', '')}"}


async def start_interview(story: Story, email: str) -> tuple[int, Mapping[str, Any]]:
    """The customer, signed in, starts an interview on the site: the status and what it answers."""
    async with httpx.AsyncClient(base_url=story.sandbox.url) as client:
        answer = await client.post("/site/api/interview/start", headers=await _token(story, email), json={})
    return answer.status_code, answer.json()


async def upload(story: Story, email: str, *, size: int = 40_000, kind: str = "application/pdf") -> tuple[int, str]:
    """The customer, signed in, puts a CV in place of the last, under row-level security: the status and Storage's words."""
    signed_in = await sign_in(story, email)
    headers = PUBLIC | {
        "Authorization": f"Bearer {signed_in['access_token']}",
        "Content-Type": kind,
        "x-upsert": "true",
    }
    name = f"{signed_in['user']['id']}/cv.pdf"
    async with httpx.AsyncClient(base_url=story.sandbox.url) as client:
        answer = await client.post(f"/supabase/storage/v1/object/cvs/{name}", headers=headers, content=b"%" * size)
    return answer.status_code, str(answer.json().get("message", answer.json().get("Key")))


async def product(story: Story, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Look into the product's database, or change it behind everybody's back."""
    async with await psycopg.AsyncConnection.connect(story.direct_product, autocommit=True) as connection:
        cursor = await connection.execute(query, values or None)
        return await cursor.fetchall() if cursor.description else []


async def id_of(story: Story, email: str) -> str:
    """A customer's id."""
    return str((await product(story, "select id from auth.users where email = lower(%s)", email))[0][0])
