"""The server as a whole: its doors, who may knock, the panel, and how it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from bot.settings import Settings
from sandbox.server import Config, Sandbox


class Bot:
    """A bot that can be started and stopped, as far as the panel sees."""

    def __init__(self) -> None:
        """Start running."""
        self.done: list[str] = []

    async def start(self) -> None:
        """Note it."""
        self.done.append("start")

    async def stop(self) -> None:
        """Note it."""
        self.done.append("stop")

    async def kill(self) -> None:
        """Note it."""
        self.done.append("kill")

    async def state(self) -> Mapping[str, Any]:
        """Say what was done last."""
        return {"state": "running" if self.done[-1:] in ([], ["start"]) else "stopped", "pid": 42}


class Base:
    """A database that can be cut off."""

    def __init__(self) -> None:
        """Start well."""
        self.state = "up"

    def set(self, state: str) -> None:
        """Behave so."""
        self.state = state


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox with a bot and a database."""
    async with Sandbox.running(databases={"own": Base()}, bot_control=Bot()) as running:
        yield running


@pytest.fixture
async def session(sandbox: Sandbox) -> AsyncIterator[aiohttp.ClientSession]:
    """A client at its address."""
    async with aiohttp.ClientSession(sandbox.url) as opened:
        yield opened


async def panel(session: aiohttp.ClientSession) -> Any:
    """The panel's state."""
    async with session.get("/panel/state") as answer:
        assert answer.status == 200
        return await answer.json()


async def post(session: aiohttp.ClientSession, path: str, **body: Any) -> int:
    """The status of a POST to the panel."""
    async with session.post(f"/panel/{path}", json=body) as answer:
        return answer.status


async def test_the_page_and_nothing_beside_it_is_served(session: aiohttp.ClientSession) -> None:
    """The page's own files are there; anything else, and anything above, is 404."""
    async with session.get("/") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"
    async with session.get("/assets/app.js") as answer:
        assert answer.status == 200
        assert "javascript" in answer.content_type
    for path in ("/assets/nothing.js", "/assets/%2e%2e/server.py", "/assets/..%2fserver.py", "/nothing"):
        async with session.get(path) as answer:
            assert answer.status == 404, path


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/panel/state", {}, 200),
        ("GET", "/panel/state", {"Host": "evil.example"}, 403),
        ("GET", "/panel/state", {"Host": "127.0.0.1.evil.example"}, 403),
        ("GET", "/panel/state", {"Host": "localhost:1"}, 200),
        ("GET", "/panel/state", {"Host": "["}, 403),
        ("POST", "/panel/faults/clear", {"Origin": "http://["}, 403),
        ("GET", "/slack/api/chat.postMessage?text=x", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", "/slack/api/chat.postMessage?text=x", {"Sec-Fetch-Site": "same-site"}, 403),
        ("GET", "/slack/api/chat.postMessage?text=x", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("GET", "/", {"Sec-Fetch-Site": "cross-site"}, 200),
        ("POST", "/panel/faults/clear", {"Origin": "https://evil.example"}, 403),
        ("POST", "/panel/faults/clear", {"Origin": "null"}, 403),
        ("POST", "/panel/faults/clear", {"Origin": "{url}"}, 200),
        ("GET", "/person/U0ALICE01/events", {"Origin": "https://evil.example", "Upgrade": "websocket"}, 403),
    ],
)
async def test_only_this_machine_and_this_page_may_knock(
    sandbox: Sandbox, session: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """A rebound name and another site's page are refused."""
    headers = {key: value.format(url=sandbox.url) for key, value in headers.items()}
    async with session.request(method, path, headers=headers) as answer:
        assert answer.status == status


async def test_the_panel_shows_everything_that_can_break(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    """Vendors with their calls and switches, Slack, databases, clock, bot, and the kinds of faults."""
    state = await panel(session)
    assert {vendor["name"] for vendor in state["vendors"]} == set(sandbox.vendors)
    assert all(vendor["calls"] for vendor in state["vendors"])
    assert "chat.postMessage" in {call["name"] for call in state["slack"]["calls"]}
    assert {"socket", "response_url"} < {call["name"] for call in state["slack"]["calls"]}
    assert state["databases"] == [{"name": "own", "state": "up", "states": ["up", "slow", "hang", "down"]}]
    assert state["clock"]["speed"] == 1.0
    assert state["bot"] == {"state": "running", "pid": 42}
    assert "lost" in state["fault_kinds"]


async def test_faults_are_added_removed_and_cleared(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    """A fault is seen with its vendor, and goes by its id or with its vendor."""
    for call in ("chat.postMessage", "views.open"):
        assert await post(session, "fault", vendor="slack", call=call, kind="status", status=429, seconds=3) == 200
    first, second = (await panel(session))["slack"]["faults"]
    assert (first["call"], first["status"], first["times"]) == ("chat.postMessage", 429, None)
    async with session.delete(f"/panel/fault/{first['id']}") as answer:
        assert answer.status == 200
    assert [fault.id for fault in sandbox.faults.list()] == [second["id"]]
    assert await post(session, "faults/clear", vendor="slack") == 200
    assert sandbox.faults.list() == []


async def test_switches_clock_database_and_bot_are_set(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    """Each switch of the panel does what it says."""
    before = sandbox.world.clock.timestamp()
    vendor = next(vendor for vendor in sandbox.vendors.values() if vendor.switches)
    switch = vendor.switches[0]
    for path, body in (
        ("switch", {"vendor": vendor.name, "name": switch.name, "option": switch.options[1]}),
        ("switch", {"vendor": "slack", "name": "tickets", "option": "dead"}),
        ("switch", {"vendor": "slack", "name": "rate_limits", "option": "off"}),
        ("clock", {"jump": 3600}),
        ("clock", {"speed": 10}),
        ("database", {"name": "own", "state": "down"}),
        ("bot", {"do": "kill"}),
    ):
        assert await post(session, path, **body) == 200, path
    assert vendor.state[switch.name] == switch.options[1]
    assert sandbox.workspace.socket.tickets_are_dead
    assert not sandbox.workspace.limits.on
    assert sandbox.world.clock.timestamp() >= before + 3600
    state = await panel(session)
    assert state["databases"][0]["state"] == "down"
    assert state["bot"]["state"] == "stopped"
    assert state["clock"]["speed"] == 10


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("switch", {"vendor": "slack", "name": "tickets", "option": "soft"}),
        ("switch", {"vendor": "nobody", "name": "x", "option": "y"}),
        ("fault", {"vendor": "slack", "kind": "curse"}),
        ("fault", {"vendor": "nobody", "kind": "slow"}),
        ("clock", {"jump": -1}),
        ("database", {"name": "other", "state": "down"}),
        ("bot", {"do": "dance"}),
        ("slack", {"do": "dance"}),
    ],
)
async def test_the_panel_refuses_what_there_is_not(
    session: aiohttp.ClientSession, path: str, body: dict[str, Any]
) -> None:
    """Nonsense is 400 with a sentence."""
    async with session.post(f"/panel/{path}", json=body) as answer:
        assert answer.status == 400
        assert isinstance((await answer.json())["error"], str)


async def test_slacks_own_troubles_can_be_caused(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    """Dropping, refreshing and dead addresses are one press each."""
    url = sandbox.workspace.socket.issue(sandbox.url)
    async with session.ws_connect(url) as link:
        await link.receive_json()
        assert await post(session, "slack", do="refresh_sockets") == 200
        assert (await link.receive_json())["reason"] == "refresh_requested"
        assert await post(session, "slack", do="dead_ticket") == 200
        message = await link.receive(timeout=2)
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSE)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await session.ws_connect(sandbox.workspace.socket.issue(sandbox.url))
    async with session.ws_connect(sandbox.workspace.socket.issue(sandbox.url)) as link:
        assert (await link.receive_json())["type"] == "hello"


async def test_the_log_has_the_last_requests_of_everybody(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    """Vendors' requests and Slack's calls are in one list, newest first, or each by itself."""
    async with session.get("/openai/v1/models") as answer:
        assert answer.status == 401
    async with session.post("/slack/api/auth.test") as answer:
        assert not (await answer.json())["ok"]
    async with session.get("/panel/log") as answer:
        everything = (await answer.json())["log"]
    async with session.get("/panel/log?vendor=slack") as answer:
        slack = (await answer.json())["log"]
    assert [entry["vendor"] for entry in everything] == ["slack", "openai"]
    assert [entry["call"] for entry in slack] == ["auth.test"]


async def test_the_environment_is_one_that_the_bot_accepts(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable is known to the bot's settings, and every section they fill is whole."""
    environment = sandbox.bot_environment()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.slack is not None
    assert settings.slack.base_url == f"{sandbox.url}/slack/api/"
    assert settings.vercel is not None
    assert settings.supabase is not None
    assert settings.status_pages.slack == f"{sandbox.url}/status_pages/slack/api/v2.0.0/current"
    known = {f"ILAB_{section}__{field}".upper() for section, field in _fields(settings)}
    assert environment.keys() <= known | {f"ILAB_{name}".upper() for name in type(settings).model_fields}


def _fields(settings: Settings) -> list[tuple[str, str]]:
    return [
        (section, field)
        for section in type(settings).model_fields
        for field in getattr(type(getattr(settings, section)), "model_fields", {})
    ]


async def test_over_http_the_bot_gets_no_app_token() -> None:
    """With a request URL the bot is told to serve, not to connect."""
    async with Sandbox.running(Config(request_url="http://127.0.0.1:1/slack/events")) as running:
        environment = running.bot_environment()
    assert "ILAB_SLACK__APP_TOKEN" not in environment
    assert "ILAB_SLACK__SIGNING_SECRET" in environment


async def test_the_end_is_quick_whatever_hangs() -> None:
    """Calls that never get an answer, open sockets and waiting retries do not hold up the end, and nothing is left."""
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        async with Sandbox.running() as running:
            running.faults.add("slack", "auth.test", kind="timeout")
            running.faults.add("openai", kind="timeout")
            hanging = [
                asyncio.ensure_future(session.get(f"{running.url}{path}"))
                for path in ("/slack/api/auth.test", "/openai/v1/models")
            ]
            page = await session.ws_connect(f"{running.url}/person/U0ALICE01/events")
            link = await session.ws_connect(running.workspace.socket.issue(running.url))
            await running.workspace.open_home("U0ALICE01")
            await asyncio.sleep(0.1)
            begin = time.monotonic()
        took = time.monotonic() - begin
        results = await asyncio.gather(*hanging, return_exceptions=True)
        await page.close()
        await link.close()
    await asyncio.sleep(0.05)
    assert took < 10
    assert all(isinstance(result, aiohttp.ClientError) for result in results)
    assert asyncio.all_tasks() - before == set()
