"""A sandbox, an app of a few lines on its socket, and headless Chromium in front of it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import aiohttp
import pytest
from playwright.async_api import Browser, Page, async_playwright

from sandbox.server import Config, Sandbox
from sandbox.world import CREDENTIALS

Json = dict[str, Any]
Answering = Callable[[Json], Json | None]

MANIFEST: Final[Json] = {
    "display_information": {"name": "ilab"},
    "features": {
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True, "messages_tab_read_only_enabled": False},
        "bot_user": {"display_name": "ilab", "always_online": True},
        "slash_commands": [{"command": "/ilab", "description": "Operations", "should_escape": True}],
        "shortcuts": [
            {"name": "Declare incident", "type": "global", "callback_id": "declare", "description": "Set one up"},
            {"name": "Add to timeline", "type": "message", "callback_id": "note", "description": "Keep it"},
        ],
    },
    "oauth_config": {"scopes": {"bot": ["chat:write", "chat:write.public", "commands", "im:write", "reactions:write"]}},
    "settings": {"event_subscriptions": {"bot_events": ["app_home_opened"]}, "interactivity": {"is_enabled": True}},
}
COMPLETIONS: Final = (
    {"words": "status", "usage": "/ilab status", "summary": "Ask every probe how things are"},
    {"words": "status watch", "usage": "/ilab status watch [minutes]", "summary": "Post when something changes"},
    {"words": "help", "usage": "/ilab help [family]", "summary": "What you may do"},
)
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


class App:
    """The least app that can be talked to: it acknowledges what comes over the socket, and remembers it."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        """Talk to this sandbox."""
        self.heard: list[Json] = []
        self.answers: dict[str, Answering] = {}
        """Payload type (or `slash_commands`) → what goes into its acknowledgement."""
        self._sandbox = sandbox
        self._session = session
        self._work: list[asyncio.Future[Json]] = []

    async def call(self, method: str, token: str = CREDENTIALS["slack.bot_token"], **arguments: Any) -> Json:
        """Call the Web API; it must say ok."""
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.post(
            f"{self._sandbox.url}/slack/api/{method}", json=arguments, headers=headers
        ) as answer:
            body: Json = await answer.json()
        assert body["ok"], body
        return body

    def later(self, method: str, **arguments: Any) -> None:
        """Call the Web API after the acknowledgement that asks for it."""
        self._work.append(asyncio.ensure_future(self.call(method, **arguments)))

    async def post(self, channel: str, text: str, blocks: list[Json] | None = None, **more: Any) -> str:
        """Post a message and return its ts."""
        given = {"blocks": blocks} if blocks else {}
        return str((await self.call("chat.postMessage", channel=channel, text=text, **given, **more))["ts"])

    async def listen(self, ready: asyncio.Event) -> None:
        """Acknowledge everything, until cancelled."""
        opened = await self.call("apps.connections.open", CREDENTIALS["slack.app_token"])
        async with self._session.ws_connect(opened["url"]) as socket:
            async for message in socket:
                envelope = message.json()
                if envelope["type"] == "hello":
                    ready.set()
                if "envelope_id" not in envelope:
                    continue
                payload = envelope["payload"]
                answering = self.answers.get(str(payload.get("type", envelope["type"])))
                body = answering(payload) if answering else None
                await socket.send_json({"envelope_id": envelope["envelope_id"], **({"payload": body} if body else {})})
                self.heard.append(payload)

    async def hears(self, kind: str, limit: float = 5.0) -> Json:
        """Return the newest payload of a type, as soon as there is one."""
        async with asyncio.timeout(limit):
            while True:
                found = [heard for heard in self.heard if kind in (heard.get("type"), heard.get("command"))]
                if found:
                    return found[-1]
                await asyncio.sleep(0.02)


def _executable() -> str:
    wanted = os.environ.get("ILAB_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), "")
    if wanted:
        return wanted
    message = "no Chromium here: install one, or name it in ILAB_CHROMIUM"
    if os.environ.get("CI") == "true" or os.environ.get("ILAB_REQUIRE_BROWSER") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One headless browser a run."""
    executable = _executable()
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield launched
        await launched.close()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A fresh workspace, without a bot and without databases."""
    async with Sandbox.running(Config(manifest=MANIFEST, completions=COMPLETIONS, rate_limits=False)) as running:
        yield running


@pytest.fixture
async def app(sandbox: Sandbox) -> AsyncIterator[App]:
    """The small app, connected."""
    async with aiohttp.ClientSession() as session:
        small = App(sandbox, session)
        ready = asyncio.Event()
        listening = asyncio.create_task(small.listen(ready))
        await asyncio.wait_for(ready.wait(), 5)
        yield small
        listening.cancel()
        await asyncio.gather(listening, *small._work, return_exceptions=True)


Opening = Callable[..., Any]


@pytest.fixture
async def visit(browser: Browser, sandbox: Sandbox) -> AsyncIterator[Opening]:
    """Open the page as somebody, in a channel; an error in the page's own script fails the test."""
    contexts: list[Any] = []
    errors: list[str] = []

    async def opened(person: str = "alice", channel: str = "incidents", **options: Any) -> Page:
        context = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(5000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(f"{sandbox.url}/#as={person}&in={channel}")
        await page.locator("#header h1", has_text=channel).wait_for()
        return page

    yield opened
    for context in contexts:
        await context.close()
    assert not errors, errors
