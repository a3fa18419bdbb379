"""Slack by signed HTTP: the same conversation as over Socket Mode; and what is not Slack's is refused."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Final

import aiohttp
import pytest
from storytelling import Said, Story, until

from bot.serving import Bot
from sandbox.slack.http_delivery import Signed, signed

BY_HTTP: Final = {"ILAB_SLACK__APP_TOKEN": "", "ILAB_WEB__PORT": "0"}
COMMAND: Final = {
    "team_id": "T0ILAB001",
    "team_domain": "interviewlab",
    "channel_id": "C0INCIDNT",
    "channel_name": "incidents",
    "user_id": "U0ALICE01",
    "user_name": "alice",
    "command": "/ilab",
    "text": "whoami",
    "api_app_id": "A0ILABAPP",
    "is_enterprise_install": "false",
    "trigger_id": "1.2.abc",
}


@pytest.fixture
async def by_http(stage: Story) -> AsyncIterator[Bot]:
    """A bot that Slack reaches by HTTP alone."""
    bot = await stage.start(**BY_HTTP)
    stage.sandbox.workspace.deliver_to(f"{bot.address}/slack/events")
    yield bot
    workspace = stage.sandbox.workspace
    assert workspace.socket.hellos == 0
    assert workspace.pings == []
    assert workspace.unknown_calls == []


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A caller that is not Slack."""
    async with aiohttp.ClientSession() as opened:
        yield opened


async def post(session: aiohttp.ClientSession, bot: Bot, request: Signed) -> tuple[int, str]:
    """Send a request as it is: the status and the body of the answer."""
    url = f"{bot.address}/slack/events"
    async with session.post(url, data=request.body, headers=request.headers) as answer:
        return answer.status, await answer.text()


def command(story: Story, **changed: str) -> dict[str, Any]:
    """`/ilab whoami`, as Slack sends it."""
    url = story.sandbox.workspace.response_urls.issue(story.person("alice"), story.channel("incidents"))
    return COMMAND | {"response_url": url} | changed


# the same conversation


def read(said: Said) -> str:
    """What was read, without what differs from one minute to the next."""
    where = "alone: " if said.ephemeral else ""
    text = re.sub(r"<!date\^\d+[^>]*>", "<time>", said.text)
    text = re.sub(r"\(\d+\.\d s\)", "(… s)", text)
    text = re.sub(r"\d+ of 200 connections \(\d+%\), \d+ active", "… connections", text)
    return where + re.sub(r"\d+(\.\d+)?( ?)(ms|s|min) ago", "… ago", text)


async def conversation(story: Story) -> list[str]:
    """A long one, by every door; what the people read."""
    told = [
        await story.asks("alice", "/ilab"),
        await story.asks("frank", "/ilab help"),
        await story.asks("alice", "/ilab stauts"),
        await story.asks("gus", "/ilab status", "support"),
        await story.asks("alice", "/ilab status"),
    ]
    story.sandbox.vendors["site"].set_switch("site", "down")
    told += [
        await story.presses("alice", "Recheck"),
        await story.presses("alice", "Every check"),
        await story.presses("alice", "Share here"),
    ]
    story.sandbox.vendors["site"].set_switch("site", "up")
    mentioned = await story.asks("bob", "@ilab status")
    told += [
        mentioned,
        await story.presses("carol", "Recheck", thread_ts=mentioned.raw["thread_ts"]),
        await story.asks("bob", "@ilab whoami"),
        await story.asks("bob", "status", story.direct("bob")),
        await story.asks("bob", "nonsense “and more”", story.direct("bob")),
    ]
    await story.says("erin", "/ilab token revoke")
    await story.settled()
    form = story.modal("erin")
    assert form is not None
    wrong = await story.submits("erin", id="<!here>")
    told += [form, wrong, await story.submits("erin", id="999")]
    home = await story.opens_home("dave")
    told += [home, await story.presses_in("dave", home, "Every check"), await story.opens_home("gus")]
    shortcut = await story.uses_shortcut("frank", "status")
    assert shortcut is not None
    told += [shortcut, await story.presses_in("frank", shortcut, "Every check")]
    return [read(said) for said in told] + [str(wrong.errors)]


async def test_the_same_conversation(stage: Story) -> None:
    """By Socket Mode and by HTTP people read the very same."""
    workspace = stage.sandbox.workspace
    talks: list[AbstractAsyncContextManager[Bot]] = [stage.bot(), stage.bot(**BY_HTTP)]
    heard = []
    for talk in talks:
        async with talk as bot:
            workspace.deliver_to(f"{bot.address}/slack/events" if bot.address else None)
            assert (bot.socket is None) is bool(bot.address)
            heard.append(await conversation(stage))
    by_socket, by_http = heard
    assert len(by_socket) == 22
    for over_socket, over_http in zip(by_socket, by_http, strict=True):
        assert over_http.splitlines() == over_socket.splitlines()
    assert workspace.socket.hellos == 1
    assert workspace.socket.connections == 0
    assert workspace.http is not None
    assert len(workspace.http.sent) >= 20
    assert workspace.pings == []
    assert workspace.unknown_calls == []
    assert workspace.toasts == []
    assert await stage.rows("select key, outcome from inbox where done_at is null or outcome = 'fault'") == []


@pytest.mark.parametrize("at_once", [False, True], ids=["one after another", "all at once"])
@pytest.mark.parametrize("text", ["/ilab whoami", "@ilab help"])
async def test_three_times(
    by_http: Bot,
    stage: Story,
    session: aiohttp.ClientSession,
    text: str,
    at_once: bool,  # noqa: FBT001 -- a table's column
) -> None:
    """What Slack delivers three times by HTTP, signed anew each time, is taken three times and answered once."""
    workspace = stage.sandbox.workspace
    await stage.asks("alice", text)
    # a mention is delivered as a message, too, which is dropped
    sent = next(
        one for one in reversed(workspace.delivery.log) if (one.payload.get("event") or {}).get("type") != "message"
    )
    payload = dict(sent.payload) | {"trigger_id": "1.2.abc", "event_id": "Ev0STORY01"}
    before = len(workspace.calls)
    deliveries = [
        post(session, by_http, signed(sent.kind, payload, attempt=attempt, at=time.time() - attempt))
        for attempt in range(3)
    ]
    answers = await asyncio.gather(*deliveries) if at_once else [await delivery for delivery in deliveries]
    assert [status for status, _ in answers] == [200, 200, 200]
    await stage.settled()
    said = [call.method for call in workspace.calls[before:] if call.method in ("response_url", "chat.postMessage")]
    assert len(said) == 1
    assert await stage.rows("select count(*), count(done_at) from inbox") == [(2, 2)]


# what is refused


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ("forged", 401),
        ("no headers", 401),
        ("no signature", 401),
        ("another version", 401),
        ("six minutes old", 401),
        ("six minutes ahead", 401),
        ("a time that is none", 401),
        ("another time", 401),
        ("body changed", 401),
        ("no body", 401),
        ("wrong content type", 415),
        ("no content type", 415),
        ("two megabytes", 413),
    ],
)
async def test_what_is_not_slacks(
    by_http: Bot, stage: Story, session: aiohttp.ClientSession, change: str, status: int
) -> None:
    """It is refused before anything reads it: nothing is stored, nobody is answered."""
    payload = command(stage)
    good = signed("slash_commands", payload)
    time_header, signature = "X-Slack-Request-Timestamp", "X-Slack-Signature"
    now = time.time()
    requests = {
        "forged": signed("slash_commands", payload, secret="of somebody else"),
        "no headers": replace(good, headers={"Content-Type": "application/x-www-form-urlencoded"}),
        "no signature": replace(good, headers=good.headers | {signature: ""}),
        "another version": replace(
            good, headers=good.headers | {signature: good.headers[signature].replace("v0", "v1")}
        ),
        "six minutes old": signed("slash_commands", payload, at=now - 360),
        "six minutes ahead": signed("slash_commands", payload, at=now + 360),
        "a time that is none": replace(good, headers=good.headers | {time_header: "yesterday"}),
        "another time": replace(good, headers=good.headers | {time_header: str(int(now) - 7)}),
        "body changed": replace(good, body=good.body.replace(b"whoami", b"token")),
        "no body": replace(good, body=b""),
        "wrong content type": replace(good, headers=good.headers | {"Content-Type": "text/plain"}),
        "no content type": replace(good, headers=good.headers | {"Content-Type": "application/octet-stream"}),
        "two megabytes": signed("slash_commands", payload | {"text": "x" * 2_000_000}),
    }
    calls = len(stage.sandbox.workspace.calls)
    answered, body = await post(session, by_http, requests[change])
    assert answered == status
    assert "Traceback" not in body
    await stage.settled()
    assert await stage.rows("select key from inbox") == []
    assert len(stage.sandbox.workspace.calls) == calls
    assert (await post(session, by_http, good))[0] == 200
    await stage.settled()
    assert stage.sees("alice")[-1].first_line == "You are alice, a responder."


async def test_a_replay(by_http: Bot, stage: Story, session: aiohttp.ClientSession) -> None:
    """The same bytes a second time are refused, however well they are signed."""
    request = signed("slash_commands", command(stage))
    assert (await post(session, by_http, request))[0] == 200
    await stage.settled()
    assert (await post(session, by_http, request))[0] == 401
    await stage.settled()
    assert [said.first_line for said in stage.sees("alice")] == ["You are alice, a responder."]
    assert await stage.rows("select count(*) from inbox") == [(1,)]


async def test_slack_tries_the_address(by_http: Bot, stage: Story, session: aiohttp.ClientSession) -> None:
    """When the address is entered, Slack's challenge comes back; a forged one does not."""
    http = stage.sandbox.workspace.http
    assert http is not None
    assert await http.verify()
    challenge = {"type": "url_verification", "token": "x", "challenge": "let me in"}
    status, body = await post(session, by_http, signed("url_verification", challenge, secret="of somebody else"))
    assert status == 401
    assert "let me in" not in body
    assert await stage.rows("select key from inbox") == []


# what else is served


async def test_health_and_metrics(by_http: Bot, stage: Story, session: aiohttp.ClientSession) -> None:
    """The address says that the bot is well, with the database's state, and counts what was asked."""
    await stage.asks("alice", "/ilab whoami")
    async with session.get(f"{by_http.address}/healthz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"ok": True, "database": True, "in_hand": 0}
    async with session.get(f"{by_http.address}/metrics") as answer:
        assert answer.status == 200
        metrics = await answer.text()
    assert 'operation="whoami",outcome="ok"' in metrics
    assert "alice" not in metrics
    for method, path in (("GET", "/slack/events"), ("GET", "/"), ("POST", "/healthz"), ("GET", "/../bot/app.py")):
        async with session.request(method, f"{by_http.address}{path}") as answer:
            assert answer.status in (404, 405)


async def test_health_without_the_database(by_http: Bot, stage: Story, session: aiohttp.ClientSession) -> None:
    """A silent database is said, and is no reason to restart: the bot still answers."""
    stage.sandbox.databases["own"].set("down")

    async def told() -> bool:
        async with session.get(f"{by_http.address}/healthz") as answer:
            assert answer.status == 200
            return (await answer.json())["database"] is False

    await until(told, "the database was never missed")
    assert (await stage.says("alice", "/ilab status")).ok
    await stage.news("alice", lambda said: said.first_line.endswith("17 of 17 checks ok"))
    stage.sandbox.databases["own"].set("up")


async def test_health_without_the_socket(stage: Story, session: aiohttp.ClientSession) -> None:
    """With the socket dead the bot hears nothing, and says so; when it comes back, it is well again."""
    bot = await stage.start(ILAB_WEB__PORT="0")
    socket = stage.sandbox.workspace.socket

    async def status() -> int:
        async with session.get(f"{bot.address}/healthz") as answer:
            assert (await answer.json())["socket"] is (answer.status == 200)
            return answer.status

    async def well() -> bool:
        return await status() == 200

    async def unwell() -> bool:
        return await status() == 503

    await until(well, "it was never well")
    socket.tickets_are_dead = True
    socket.drop()
    await until(unwell, "it was never unwell")
    socket.tickets_are_dead = False
    await until(well, "it never came back", 30)
