"""The real Bolt app behind its own web server: signed deliveries."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.http_delivery import HttpDelivery, signed
from sandbox.slack.interactions import in_message
from sandbox.slack.workspace import Workspace

Until = Callable[[Callable[[], bool]], Awaitable[None]]

BUTTON = {"type": "button", "action_id": "press", "text": {"type": "plain_text", "text": "Press"}}


@contextlib.asynccontextmanager
async def serving(application: web.Application) -> AsyncIterator[str]:
    """The address of an application while it is served."""
    runner = web.AppRunner(application, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    finally:
        await runner.cleanup()


@pytest.fixture
async def http(app: AsyncApp, workspace: Workspace) -> AsyncIterator[HttpDelivery]:
    """The Bolt app at a request URL, to which the workspace delivers."""
    async with serving(app.web_app(path="/slack/events")) as url:
        workspace.deliver_to(url)
        assert workspace.http is not None
        yield workspace.http
        workspace.deliver_to(None)


async def test_the_same_conversation_goes_over_http(
    app: AsyncApp, http: HttpDelivery, workspace: Workspace, client: AsyncWebClient, until: Until
) -> None:
    """A command, a button and an event arrive, signed, at the same listeners."""
    heard: list[str] = []

    @app.command("/ilab")
    async def command(ack: AsyncAck, respond: AsyncRespond, command: dict[str, Any]) -> None:
        await ack("at once")
        heard.append(command["text"])
        await respond("later")

    @app.action("press")
    async def pressed(ack: AsyncAck) -> None:
        await ack()
        heard.append("press")

    @app.event("reaction_added")
    async def reacted(event: dict[str, Any]) -> None:
        heard.append(event["reaction"])

    blocks = [{"type": "actions", "elements": [BUTTON]}]
    place = workspace.channel("incidents")
    assert (await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab status @bob")).ok
    await until(lambda: len(place.ephemerals) == 2)
    posted = await client.chat_postMessage(channel="C0INCIDNT", text="x", blocks=blocks)
    assert (await workspace.click("U0ALICE01", in_message("C0INCIDNT", posted["ts"]), "press")).ok
    await workspace.react("U0ALICE01", "C0INCIDNT", posted["ts"], "eyes")
    await until(lambda: len(heard) == 3)
    assert heard == ["status <@U0BOB0002|bob>", "press", "eyes"]
    assert {held["message"]["text"] for held in place.ephemerals} == {"at once", "later"}
    assert http.sent[0].headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_the_request_url_is_verified(http: HttpDelivery) -> None:
    """Bolt answers Slack's challenge."""
    assert await http.verify()


async def test_forged_and_old_requests_are_refused_and_three_deliveries_arrive(
    app: AsyncApp, http: HttpDelivery, workspace: Workspace
) -> None:
    """A wrong secret and a timestamp six minutes old are 401; a replay within five minutes is a delivery like any."""
    heard: list[str] = []

    @app.command("/ilab")
    async def command(ack: AsyncAck, body: dict[str, Any]) -> None:
        heard.append(body["trigger_id"])
        await ack()

    await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab status")
    payload = workspace.delivery.log[0].payload
    forged = await http.post(signed("slash_commands", payload, secret="another"))
    old = await http.post(signed("slash_commands", payload, at=time.time() - 360))
    replayed = await http.replay(0)
    thrice = await workspace.deliver_raw(payload, times=3)
    assert (forged.status, old.status, replayed.status) == (401, 401, 200)
    assert [answer.ok for answer in thrice] == [True] * 3
    assert len(heard) == 5
    assert len(set(heard)) == 1


async def test_events_are_retried_with_slacks_headers_unless_the_app_asks_for_none(
    workspace: Workspace, until: Until
) -> None:
    """A failing request URL gets three more tries, each with its number and reason; `x-slack-no-retry` ends them."""
    seen: list[tuple[str | None, str | None]] = []
    headers: dict[str, str] = {}

    async def fail(request: web.Request) -> web.Response:
        seen.append((request.headers.get("X-Slack-Retry-Num"), request.headers.get("X-Slack-Retry-Reason")))
        return web.Response(status=500, headers=headers)

    application = web.Application()
    application.router.add_post("/slack/events", fail)
    async with serving(application) as url:
        workspace.deliver_to(url)
        await workspace.open_home("U0ALICE01")
        await until(lambda: len(seen) == 4)
        first, seen[:] = list(seen), []
        headers["x-slack-no-retry"] = "1"
        await workspace.open_home("U0ALICE01")
        await asyncio.sleep(0.1)
    assert first == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
    assert seen == [(None, None)]


@pytest.mark.parametrize(("pause", "status", "error"), [(0.7, 200, "operation_timeout"), (0, 500, "dispatch_failed")])
async def test_a_command_that_is_not_acknowledged_fails_for_the_person(
    workspace: Workspace, pause: float, status: int, error: str
) -> None:
    """A slow answer is a time-out, an HTTP error a failed dispatch."""

    async def answer(request: web.Request) -> web.Response:
        del request
        await asyncio.sleep(pause)
        return web.Response(status=status)

    application = web.Application()
    application.router.add_post("/slack/events", answer)
    async with serving(application) as url:
        workspace.deliver_to(url)
        outcome = await workspace.say("U0ALICE01", "C0INCIDNT", "/ilab status")
    assert outcome.error == error
    assert workspace.toasts == [("U0ALICE01", f"/ilab failed with the error “{error}”")]
