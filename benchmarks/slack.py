"""The least of a Slack: it sends slash commands by HTTP and by websocket, times their acks, and takes the answers.

Its client is raw (asyncio's streams): what it costs itself would make every ratio look better.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any, Self

from aiohttp import WSMsgType, web

from sandbox.slack.http_delivery import signed
from sandbox.world import CREDENTIALS, TEAM_ID

PERSON = "U0ALICE01"


class Slack:
    """One workspace with one person in it, who types commands."""

    def __init__(self) -> None:
        """Nobody is connected yet."""
        self.url = ""
        self.answered = 0
        """How many answers came to the commands' response addresses."""
        self._links: dict[str, web.WebSocketResponse] = {}
        self._acks: dict[str, asyncio.Future[float]] = {}
        self._answers: dict[str, asyncio.Event] = {}
        self._came = asyncio.Condition()

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        """It listens on this machine until the block ends."""
        slack = cls()
        app = web.Application()
        app.router.add_route("*", "/api/{method}", slack._call)
        app.router.add_get("/link/{name}", slack._link)
        app.router.add_post("/response/{id}", slack._response)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        slack.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield slack
        finally:
            for link in list(slack._links.values()):
                await link.close()
            await runner.cleanup()

    def settings(self) -> dict[str, str]:
        """What points a bot at it."""
        return {
            "ILAB_SLACK__BOT_TOKEN": CREDENTIALS["slack.bot_token"],
            "ILAB_SLACK__APP_TOKEN": CREDENTIALS["slack.app_token"],
            "ILAB_SLACK__SIGNING_SECRET": CREDENTIALS["slack.signing_secret"],
            "ILAB_SLACK__BASE_URL": f"{self.url}/api/",
        }

    def link_address(self, name: str) -> str:
        """Where a client that calls itself so gets its envelopes."""
        return self.url.replace("http", "ws", 1) + f"/link/{name}"

    async def linked(self, name: str, *, seconds: float = 30) -> None:
        """Return when that client is connected."""
        async with asyncio.timeout(seconds), self._came:
            await self._came.wait_for(lambda: name in self._links)

    def command(self, text: str = "whoami") -> dict[str, str]:
        """One slash command, with a trigger and a response address of its own, in Slack's shape."""
        number = uuid.uuid4().hex
        return {
            "token": "legacy-verification-token",
            "team_id": TEAM_ID,
            "team_domain": "ilab",
            "channel_id": "C0INC0001",
            "channel_name": "general",
            "user_id": PERSON,
            "user_name": "alice",
            "command": "/ilab",
            "text": text,
            "api_app_id": "A0ILABAPP",
            "is_enterprise_install": "false",
            "response_url": f"{self.url}/response/{number}",
            "trigger_id": f"8123456789012.7123456789.{number}",
        }

    def expect(self, command: dict[str, str]) -> asyncio.Event:
        """Set when the command's answer has come."""
        return self._answers.setdefault(command["response_url"].rpartition("/")[2], asyncio.Event())

    async def send(self, name: str, command: dict[str, str], *, seconds: float = 10) -> float:
        """Deliver over that client's websocket; return the seconds until its ack."""
        envelope = str(uuid.uuid4())
        frame = json.dumps(
            {"envelope_id": envelope, "payload": command, "type": "slash_commands", "accepts_response_payload": True}
        )
        ack: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._acks[envelope] = ack
        begun = time.perf_counter()
        await self._links[name].send_str(frame)
        return await asyncio.wait_for(ack, seconds) - begun

    async def _link(self, request: web.Request) -> web.WebSocketResponse:
        link = web.WebSocketResponse()
        await link.prepare(request)
        name = request.match_info["name"]
        await link.send_json({"type": "hello", "num_connections": 1})
        self._links[name] = link
        async with self._came:
            self._came.notify_all()
        async for message in link:
            if message.type is WSMsgType.TEXT:
                at = time.perf_counter()
                ack = self._acks.pop(json.loads(message.data)["envelope_id"], None)
                if ack is not None and not ack.done():
                    ack.set_result(at)
        return link

    async def _response(self, request: web.Request) -> web.Response:
        await request.read()
        self.answered += 1
        self._answers.setdefault(request.match_info["id"], asyncio.Event()).set()
        return web.Response(text="ok")

    async def _call(self, request: web.Request) -> web.Response:
        await request.read()
        answers: dict[str, dict[str, Any]] = {
            "auth.test": {"team_id": TEAM_ID, "user_id": "U0BOT", "bot_id": "B0BOT", "user": "ilab", "team": "ilab"},
            "apps.connections.open": {"url": self.link_address("bot")},
            "users.info": {"user": {"id": PERSON, "name": "alice", "team_id": TEAM_ID, "profile": {}}},
        }
        method = request.match_info["method"]
        if method not in answers:
            return web.json_response({"ok": False, "error": "unknown_method"})
        return web.json_response({"ok": True} | answers[method])


class HttpClient:
    """One kept connection to a bot's address, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use what `connected` opens."""
        self._reader = reader
        self._writer = writer

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, port: int) -> AsyncIterator[Self]:
        """A connection to that port of this machine, until the block ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    async def send(self, command: dict[str, str]) -> float:
        """Deliver signed; return the seconds until the 200. Raise RuntimeError where it is none."""
        request = signed("slash_commands", command)
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        whole = (
            f"POST /slack/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(request.body)}\r\n{head}\r\n"
        ).encode() + request.body
        begun = time.perf_counter()
        self._writer.write(whole)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        took = time.perf_counter() - begun
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"not acked: {answer!r}")
        length = next(
            (int(line[15:]) for line in answer.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        if length:
            await self._reader.readexactly(length)
        return took
