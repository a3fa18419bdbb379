"""A sandbox of its own for each test, and Slack's real SDK pointed at it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.server import Config, Sandbox
from sandbox.slack.workspace import Workspace
from sandbox.world import CREDENTIALS

Connected = Callable[[AsyncApp], AbstractAsyncContextManager[AsyncSocketModeHandler]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK would send even what is for this machine through a proxy of the environment."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def sandbox(manifest: dict[str, Any]) -> AsyncIterator[Sandbox]:
    """A running sandbox without rate limits, in which Slack waits half a second for an acknowledgement."""
    config = Config(manifest=manifest, rate_limits=False, ack_seconds=0.5, retry_seconds=(0.01, 0.02, 0.03))
    async with Sandbox.running(config) as running:
        yield running


@pytest.fixture
def workspace(sandbox: Sandbox) -> Workspace:
    """The workspace of that sandbox."""
    return sandbox.workspace


@pytest.fixture
def client(sandbox: Sandbox) -> AsyncWebClient:
    """Slack's own client with the bot's token."""
    return AsyncWebClient(token=CREDENTIALS["slack.bot_token"], base_url=f"{sandbox.url}/slack/api/", retry_handlers=[])


@pytest.fixture
def app(client: AsyncWebClient) -> AsyncApp:
    """A Bolt app without any listener."""
    return AsyncApp(client=client, signing_secret=CREDENTIALS["slack.signing_secret"])


@pytest.fixture
def connected(workspace: Workspace) -> Connected:
    """Connect a Bolt app by Socket Mode for the length of a block."""

    @asynccontextmanager
    async def connect(app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
        handler = AsyncSocketModeHandler(app, CREDENTIALS["slack.app_token"], ping_interval=0.3)
        connecting = asyncio.ensure_future(handler.connect_async())  # type: ignore[no-untyped-call]
        try:
            await workspace.socket.wait_for_connections()
            await connecting
            yield handler
        finally:
            connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await connecting
            await handler.close_async()  # type: ignore[no-untyped-call]

    return connect


@pytest.fixture
def until() -> Until:
    """Wait for something to become true, ten seconds at most."""

    async def wait(holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def refusal() -> Callable[[Awaitable[Any]], Awaitable[str]]:
    """The error code with which a call is refused; empty where it is not."""

    async def code_of(call: Awaitable[Any]) -> str:
        try:
            await call
        except SlackApiError as refused:
            return str(refused.response["error"])
        return ""

    return code_of


@pytest.fixture
def manifest() -> dict[str, Any]:
    """The manifest of an app that may do all that the stand-in knows, to be changed."""
    manifest: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "everything.yml").read_text(encoding="utf-8"))
    return manifest
