"""Socket Mode: tickets, connections, envelopes and their acknowledgements.

Source: Slack's page on using Socket Mode; up to ten connections, each payload to any one of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import time
import uuid
from typing import Any, Final

from aiohttp import WSMsgType, web

from sandbox import world
from sandbox.faults import Faults
from sandbox.slack.delivery import Answer
from sandbox.slack.failing import fail
from sandbox.slack.state import Json

TICKET_SECONDS: Final = 30.0
"""How long an address may be used, once."""
MOST_CONNECTIONS: Final = 10
HOST: Final = "applink-sandbox-1"


class SocketMode:
    """The side of Slack. An acknowledgement counts on whichever connection it comes back."""

    def __init__(self, faults: Faults, ack_seconds: float = 3.0) -> None:
        """Start with no connection."""
        self.ack_seconds = ack_seconds
        self.tickets_are_dead = False
        """While true, every address that is issued is dead."""
        self.dead_next = 0
        """So many of the next addresses are dead."""
        self.late_acks: list[str] = []
        """Envelope ids that were acknowledged after their time."""
        self.refused = 0
        """How often a dead address was tried."""
        self.hellos = 0
        """How many connections there have been."""
        self._faults = faults
        self._tickets: dict[str, tuple[float, bool]] = {}
        self._links: list[tuple[web.WebSocketResponse, web.Request]] = []
        self._waiting: dict[str, asyncio.Future[Json | None]] = {}
        self._sent: dict[str, str] = {}
        self._changed = asyncio.Condition()

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._links)

    def issue(self, base_url: str) -> str:
        """Return an address that works once, and soon: what `apps.connections.open` gives."""
        ticket = str(uuid.uuid4())
        dead = self.tickets_are_dead or self.dead_next > 0
        self.dead_next = max(0, self.dead_next - 1)
        self._tickets[ticket] = (time.monotonic() + TICKET_SECONDS, dead)
        return f"{base_url.replace('http', 'ws', 1)}/slack/link?ticket={ticket}&app_id={secrets.token_hex(4)}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer the websocket's upgrade, and stay with it until it ends."""
        fault = self._faults.strike("slack", "socket")
        if fault is not None and fault.kind != "lost":
            failed = await fail(fault, request)
            if failed is not None:
                return failed
        until, dead = self._tickets.pop(request.query.get("ticket", ""), (0.0, True))
        if dead or time.monotonic() > until:
            self.refused += 1
            return web.json_response({"ok": False, "error": "invalid_ticket"}, status=404)
        link = web.WebSocketResponse(heartbeat=20)
        await link.prepare(request)
        if len(self._links) >= MOST_CONNECTIONS:
            await self._disconnect(link, "too_many_websockets")
            await link.close()
            return link
        entry = (link, request)
        self._links.append(entry)
        self.hellos += 1
        try:
            await link.send_json(
                {
                    "type": "hello",
                    "num_connections": len(self._links),
                    "debug_info": {"host": HOST, "build_number": 10, "approximate_connection_time": 18060},
                    "connection_info": {"app_id": world.APP_ID},
                }
            )
            await self._notify()
            async for message in link:
                if message.type is WSMsgType.TEXT:
                    self._acknowledged(message.json())
        finally:
            self._links.remove(entry)
            await self._notify()
        return link

    def _acknowledged(self, frame: Any) -> None:
        envelope_id = frame.get("envelope_id") if isinstance(frame, dict) else None
        if not isinstance(envelope_id, str) or envelope_id not in self._sent:
            return
        waiting = self._waiting.get(envelope_id)
        if waiting is None or waiting.done():
            self.late_acks.append(envelope_id)
        else:
            waiting.set_result(frame.get("payload"))

    async def send(self, kind: str, payload: Json, *, attempt: int = 0, reason: str = "") -> Answer:
        """Deliver one envelope to one connection, and wait for its acknowledgement."""
        begin = time.monotonic()
        links = [link for link, _ in self._links if not link.closed]
        if not links:
            return Answer(ok=False, took=0.0, error="no_connection")
        envelope_id = str(uuid.uuid4())
        frame: Json = {
            "envelope_id": envelope_id,
            "payload": payload,
            "type": kind,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            frame |= {"retry_attempt": attempt, "retry_reason": "timeout" if reason == "no_connection" else reason}
        waiting: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = waiting
        self._sent[envelope_id] = kind
        try:
            link = random.choice(links)
            with contextlib.suppress(ConnectionError):
                await link.send_json(frame)
            body = await asyncio.wait_for(waiting, self.ack_seconds)
        except TimeoutError:
            return Answer(ok=False, took=time.monotonic() - begin, error="timeout")
        finally:
            del self._waiting[envelope_id]
        return Answer(ok=True, took=time.monotonic() - begin, body=body if isinstance(body, dict) else None)

    async def wait_for_connections(self, least: int = 1, limit: float = 30.0) -> None:
        """Return when at least so many connections are open. Raise TimeoutError after `limit` seconds."""
        async with asyncio.timeout(limit), self._changed:
            await self._changed.wait_for(lambda: len(self._links) >= least)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # what may happen to connections

    def drop(self) -> None:
        """Cut all connections, as a network does: no close frame."""
        for _, request in list(self._links):
            if request.transport is not None:
                request.transport.abort()

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Tell all connections to go: warning, refresh_requested or link_disabled; the last closes them, too."""
        for link, _ in list(self._links):
            with contextlib.suppress(ConnectionError):
                await self._disconnect(link, reason)
                if reason == "link_disabled":
                    await link.close()

    async def _disconnect(self, link: web.WebSocketResponse, reason: str) -> None:
        await link.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": HOST}})

    def break_next_ticket(self) -> None:
        """Make the next address that is issued a dead one, and cut all connections, so that it is asked for."""
        self.dead_next = 1
        self.drop()

    async def stop(self) -> None:
        """Close all connections, and answer whoever waits."""
        for waiting in list(self._waiting.values()):
            waiting.cancel()
        for link, _ in list(self._links):
            with contextlib.suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(link.close(), 0.2)
