"""Socket Mode, kept alive: the SDK's own client, and a watch over what it cannot mend itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from bot.metrics import SOCKET
from bot.settings import SlackSettings
from bot.slack.client import Slack

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.socket")

LOOK_EVERY: Final = 0.2
PING_EVERY: Final = 2.0
"""Seconds between pings, and between looks whether the socket still lives: a dropped one is made again that soon."""
DEAD_AFTER: Final = 4.0
"""Seconds without a connection after which the address is thrown away."""


class Socket:
    """One Socket Mode connection; `connected` is what `/healthz` asks."""

    def __init__(self, handler: AsyncSocketModeHandler) -> None:
        """Watch over the handler's client."""
        self._handler = handler
        self.connected = False
        self.since = time.monotonic()

    async def watch(self, connecting: asyncio.Task[None]) -> None:
        """For ever: throw the address away when it seems dead. `connecting` ends with the first connection.

        The client asks for an address once and then tries that one for ever; its ticket lives only some seconds, so
        after an outage in between it never connects again. Seen in slack_sdk 3.47, aiohttp Socket Mode client.
        """
        while True:
            connected = bool(await self._handler.client.is_connected())
            now = time.monotonic()
            if connected != self.connected:
                log.info("socket", connected=connected)
                self.connected, self.since = connected, now
                SOCKET.set(int(connected))
            elif not connected and now - self.since > DEAD_AFTER:
                log.warning("the socket's address seems dead: asking for a new one")
                self._handler.client.wss_uri = None
                self.since = now
            if connecting.done():
                await asyncio.sleep(LOOK_EVERY)
            else:
                await asyncio.wait({connecting}, timeout=LOOK_EVERY)  # who waits for the start hears of it at once


@asynccontextmanager
async def listening(
    app: AsyncApp, slack: Slack, settings: SlackSettings, *, once: asyncio.Event
) -> AsyncIterator[Socket]:
    """The bot hears Slack over Socket Mode, `once` that happened. The connection is made, and again, in the background."""
    assert settings.app_token is not None  # noqa: S101 -- `bot.app` looked
    handler = AsyncSocketModeHandler(
        app,
        settings.app_token.get_secret_value(),
        web_client=slack.quick,
        proxy=slack.quick.proxy,
        ping_interval=PING_EVERY,
    )
    socket = Socket(handler)
    connecting = asyncio.create_task(_connect(handler, once), name="socket connect")
    watching = asyncio.create_task(socket.watch(connecting), name="socket watch")
    try:
        yield socket
    finally:
        for task in (watching, connecting):
            task.cancel()
        await asyncio.gather(watching, connecting, return_exceptions=True)
        await handler.close_async()  # type: ignore[no-untyped-call]


async def _connect(handler: AsyncSocketModeHandler, once: asyncio.Event) -> None:
    await once.wait()
    await handler.connect_async()  # type: ignore[no-untyped-call]
