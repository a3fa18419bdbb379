"""Slack's answers as our errors: what failed, whether it may have been done, and when to ask again."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.errors import ProviderError
from bot.settings import SlackSettings
from bot.slack.client import Slack, call, connected
from sandbox.server import Sandbox


async def failed(slack: Slack, method: str = "auth.test", **arguments: object) -> ProviderError:
    """The error that a call ends in."""
    with pytest.raises(ProviderError) as caught:
        await call(slack.quick, method, **arguments)
    return caught.value


async def test_the_bot_knows_itself(slack: Slack) -> None:
    """Who it is, and in which workspace."""
    assert (slack.bot_id, slack.bot_user_id, slack.team_id) == ("B0ILABBOT", "U0ILABBOT", "T0ILAB001")


async def test_arguments_that_are_none_are_left_out(slack: Slack, sandbox: Sandbox) -> None:
    """Slack refuses a null where it wants a text."""
    await call(slack.quick, "chat.postMessage", channel="C0INCIDNT", text="hello", thread_ts=None)
    assert "thread_ts" not in sandbox.workspace.calls[-1].args


@pytest.mark.parametrize(
    ("kind", "status", "expected", "ambiguous"),
    [
        ("status", 429, "rate_limited", False),
        ("status", 500, "server", True),
        ("status", 503, "server", True),
        ("html", 200, "garbled", True),
        ("garbled", 200, "garbled", True),
        ("refused", 0, "refused", True),
        ("lost", 0, "refused", True),
    ],
)
async def test_faults_of_slack_have_their_kind(
    slack: Slack, sandbox: Sandbox, kind: str, status: int, expected: str, *, ambiguous: bool
) -> None:
    """Whatever comes back is a ProviderError, and says whether the call may have been done."""
    sandbox.faults.add("slack", "auth.test", kind=kind, status=status, seconds=7, times=1)
    error = await failed(slack)
    assert (error.provider, error.kind, error.ambiguous) == ("slack", expected, ambiguous)
    assert error.retry_after == (7 if status == 429 else None)


@pytest.mark.parametrize(
    ("method", "arguments", "kind", "why"),
    [
        ("users.info", {"user": "U0NOBODY"}, "not_found", "user_not_found"),
        ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "not_found", "channel_not_found"),
        ("chat.postMessage", {"channel": "C0INCIDNT"}, "rejected", "no_text"),
        ("usergroups.users.list", {"usergroup": "S0NONE"}, "rejected", "no_such_subteam"),
        ("views.open", {"trigger_id": "old", "view": {}}, "rejected", "invalid_trigger_id"),
    ],
)
async def test_refusals_keep_slacks_own_word(
    slack: Slack, method: str, arguments: dict[str, object], kind: str, why: str
) -> None:
    """`why` holds the error code; a refusal was surely not done."""
    error = await failed(slack, method, **arguments)
    assert (error.kind, error.why, error.ambiguous) == (kind, why, False)


async def test_a_wrong_token_is_said_as_such(sandbox: Sandbox) -> None:
    """The bot's start ends with it."""
    settings = SlackSettings(bot_token=SecretStr("xoxb-wrong"), base_url=f"{sandbox.url}/slack/api/")
    async with connected(settings) as clients:
        error = await failed(clients)
    assert (error.kind, error.why) == ("unauthorized", "invalid_auth")
    assert "xoxb-wrong" not in error.sentences


async def test_nobody_there_is_surely_not_done(slack: Slack) -> None:
    """A connection that was never made has carried nothing."""
    slack.quick.base_url = "http://127.0.0.1:9/slack/api/"
    error = await failed(slack)
    assert (error.kind, error.ambiguous) == ("refused", False)


async def test_silence_is_a_time_out(slack: Slack, sandbox: Sandbox) -> None:
    """It may have been done."""
    slack.session._timeout = aiohttp.ClientTimeout(total=0.1)
    slack.quick.timeout = 1
    sandbox.faults.add("slack", "auth.test", kind="timeout", times=1)
    error = await failed(slack)
    assert (error.kind, error.ambiguous) == ("timeout", True)


@pytest.mark.parametrize("status", [200, 500])
async def test_a_body_that_only_claims_to_be_json_is_garbled(slack: Slack, status: int) -> None:
    """Half an answer from something in between, labelled as JSON."""

    async def half(_: web.Request) -> web.Response:
        return web.Response(body=b'{"ok": tr', content_type="application/json", status=status)

    app = web.Application()
    app.router.add_post("/api/auth.test", half)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    slack.quick.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    error = await failed(slack)
    await runner.cleanup()
    assert (error.kind, error.ambiguous) == ("garbled" if status == 200 else "server", True)
    assert json.dumps(error.sentences)


async def test_the_patient_client_waits_out_a_rate_limit(slack: Slack, sandbox: Sandbox) -> None:
    """One second, as Slack asked; the quick one does not wait."""
    sandbox.faults.add("slack", "auth.test", kind="status", status=429, seconds=1, times=1)
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert (await call(slack.patient, "auth.test"))["ok"]
    assert loop.time() - started >= 1
