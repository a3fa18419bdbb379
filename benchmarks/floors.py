"""The floors of the acks: the least that a bot must do which stores what Slack sends before it acks it.

python -m benchmarks.floors http PORT   an aiohttp server: the signature, one INSERT, 200
python -m benchmarks.floors socket URL  an aiohttp websocket client: one INSERT, the ack

Both insert into a table like the bot's own (same columns, same indexes), in the same database, through a psycopg pool
without any check of its connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import psycopg
from aiohttp import web
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from sandbox.world import CREDENTIALS

TABLE = "create table if not exists inbox_floor (like inbox including all)"
INSERT = (
    "insert into inbox_floor (key, kind, payload, received_at, claimed_until) values (%s, 'command', %s, %s, %s)"
    " on conflict (key) do nothing returning key"
)

Pool = AsyncConnectionPool[psycopg.AsyncConnection[Any]]


async def store(pool: Pool, payload: Mapping[str, Any]) -> None:
    """The payload is in the table, durably."""
    now = datetime.now(UTC)
    async with pool.connection() as connection:
        cursor = await connection.execute(
            INSERT, [payload["trigger_id"], Jsonb(payload), now, now + timedelta(seconds=30)]
        )
        await cursor.fetchone()


async def serve_http(pool: Pool, port: int) -> None:
    """Check the signature, store, answer 200; for ever."""
    secret = CREDENTIALS["slack.signing_secret"].encode()

    async def command(request: web.Request) -> web.Response:
        body = await request.read()
        stamp = request.headers["X-Slack-Request-Timestamp"]
        digest = hmac.new(secret, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        if abs(time.time() - int(stamp)) > 300 or not hmac.compare_digest(
            "v0=" + digest, request.headers["X-Slack-Signature"]
        ):
            return web.Response(status=401)
        await store(pool, dict(parse_qsl(body.decode(), keep_blank_values=True)))
        return web.Response()

    async def healthz(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/slack/events", command)
    app.router.add_get("/healthz", healthz)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def listen(pool: Pool, url: str) -> None:
    """Store each envelope's payload, then ack it; until the connection ends."""
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as link:
        async for message in link:
            frame = json.loads(message.data)
            if "envelope_id" in frame:
                await store(pool, frame["payload"])
                await link.send_str(json.dumps({"envelope_id": frame["envelope_id"]}))


async def main(kind: str, where: str) -> None:
    """Run one of them."""
    pool: Pool
    async with AsyncConnectionPool(
        os.environ["FLOOR_DATABASE"], min_size=1, max_size=8, open=False, kwargs={"autocommit": True}
    ) as pool:
        await (serve_http(pool, int(where)) if kind == "http" else listen(pool, where))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1], sys.argv[2]))
