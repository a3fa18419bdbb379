"""The bot's own HTTP address, against a real client: only what Slack signed just now, and only once."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from bot.app import registry
from bot.journal import Journal
from bot.slack import listeners
from bot.slack.client import Slack
from bot.slack.inbox import Inbox
from bot.store.database import Database
from bot.store.inbox import Received
from bot.web import LARGEST, WINDOW, SlackEndpoint, serving
from sandbox.slack.http_delivery import SECRET, Signed, signed

Plain = psycopg.AsyncConnection[Any]


def command(number: int = 1) -> dict[str, Any]:
    """A slash command."""
    return {
        "token": "legacy-verification-token",
        "command": "/ilab",
        "text": "status — “ü”",
        "user_id": "U0ALICE01",
        "channel_id": "C0INCIDNT",
        "team_id": "T0ILAB001",
        "trigger_id": f"1.2.{number}",
        "response_url": "https://hooks.slack.com/commands/T0/1/x",
    }


async def worked(received: Received) -> str:
    """Do nothing: what is stored is what counts here."""
    return received.kind


async def well() -> tuple[bool, dict[str, Any]]:
    """This copy is well."""
    return True, {"database": True}


@pytest.fixture
async def inbox(database: Database, tmp_path: Path) -> AsyncIterator[Inbox]:
    """The inbox behind the address."""
    made = Inbox(database, Journal(tmp_path), worked)
    yield made
    await made.drain(5)


@pytest.fixture
async def address(slack: Slack, inbox: Inbox) -> AsyncIterator[str]:
    """The bot's address."""
    endpoint = SlackEndpoint(listeners.build(slack, inbox, registry(), command="/ilab"), SECRET)
    async with serving(host="127.0.0.1", port=0, health=well, slack=endpoint) as url:
        yield url


async def post(address: str, request: Signed) -> tuple[int, str]:
    """Status and body of the answer."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{address}/slack/events", data=request.body, headers=request.headers) as response,
    ):
        return response.status, await response.text()


async def stored(connection: Plain) -> list[Any]:
    """The keys in the inbox."""
    return [row[0] for row in await (await connection.execute("select key from inbox order by key")).fetchall()]


def changed(request: Signed, **headers: str | None) -> Signed:
    """The request with other headers; None takes one away."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: value for name, value in request.headers.items() if name not in named}
    return replace(request, headers=kept | {name: value for name, value in named.items() if value is not None})


async def test_what_slack_signed_is_stored_and_acknowledged(address: str, connection: Plain) -> None:
    """At once, without Slack's old token."""
    assert (await post(address, signed("slash_commands", command())))[0] == 200
    assert await stored(connection) == ["command:1.2.1"]
    cursor = await connection.execute("select payload ->> 'text', payload ? 'token' from inbox")
    assert await cursor.fetchone() == ("status — “ü”", False)


@pytest.mark.parametrize(
    "request_",
    [
        signed("slash_commands", command(), secret="another secret"),
        signed("slash_commands", command(), secret=""),
        signed("slash_commands", command(), at=0),
        changed(signed("slash_commands", command()), X_Slack_Signature=None),
        changed(signed("slash_commands", command()), X_Slack_Signature=""),
        changed(signed("slash_commands", command()), X_Slack_Signature="v0="),
        changed(signed("slash_commands", command()), X_Slack_Signature="v0=" + "0" * 64),
        changed(signed("slash_commands", command()), X_Slack_Signature="v0=ü\udcff"),
        changed(signed("slash_commands", command()), X_Slack_Request_Timestamp=None),
        changed(signed("slash_commands", command()), X_Slack_Request_Timestamp=""),
        changed(signed("slash_commands", command()), X_Slack_Request_Timestamp="soon"),
        changed(signed("slash_commands", command()), X_Slack_Request_Timestamp="1e9"),
        changed(signed("slash_commands", command()), X_Slack_Request_Timestamp="-1"),
        changed(signed("slash_commands", command()), X_Slack_Request_Timestamp="٣"),
        changed(signed("slash_commands", command()), X_Slack_Request_Timestamp="9" * 5000),
        replace(signed("slash_commands", command()), headers={}),
        replace(signed("slash_commands", command()), body=b"text=another"),
        replace(signed("slash_commands", command()), body=b""),
        replace(signed("slash_commands", command()), body=b"\xff\xfe\x00"),
    ],
    ids=[
        "forged",
        "empty secret",
        "of 1970",
        "no signature",
        "empty signature",
        "half a signature",
        "zero signature",
        "no text",
        "no stamp",
        "empty stamp",
        "words for a stamp",
        "a float for a stamp",
        "a negative stamp",
        "another script's digit",
        "a huge stamp",
        "no headers",
        "another body",
        "no body",
        "a body that is no text",
    ],
)
async def test_what_slack_did_not_sign_is_refused(address: str, connection: Plain, request_: Signed) -> None:
    """401, nothing stored, and nothing fails."""
    status, _ = await post(address, request_)
    assert status == 401
    assert await stored(connection) == []


@pytest.mark.parametrize("off", [-WINDOW - 10, WINDOW + 10])
async def test_old_and_future_requests_are_refused(address: str, connection: Plain, off: float) -> None:
    """However well they are signed."""
    assert (await post(address, signed("slash_commands", command(), at=time.time() + off)))[0] == 401
    assert await stored(connection) == []


@pytest.mark.parametrize("off", [-WINDOW + 20, WINDOW - 20])
async def test_clocks_may_differ_a_little(address: str, connection: Plain, off: float) -> None:
    """Five minutes, as Slack says."""
    assert (await post(address, signed("slash_commands", command(), at=time.time() + off)))[0] == 200
    assert await stored(connection) == ["command:1.2.1"]


async def test_a_replay_is_refused(address: str, connection: Plain) -> None:
    """Byte for byte the same, it is no second request."""
    request = signed("slash_commands", command())
    assert (await post(address, request))[0] == 200
    status, body = await post(address, request)
    assert (status, json.loads(body)) == (401, {"error": "seen before"})
    assert await stored(connection) == ["command:1.2.1"]


async def test_slacks_own_repetition_is_acknowledged_and_done_once(
    address: str, connection: Plain, inbox: Inbox
) -> None:
    """It is signed anew, and has the same key."""
    event = {
        "type": "event_callback",
        "team_id": "T0ILAB001",
        "event_id": "Ev1",
        "event": {"type": "app_mention", "user": "U0ALICE01", "text": "hi", "ts": "1.1", "channel": "C0INCIDNT"},
    }
    now = time.time()
    for attempt in range(3):
        request = signed("events_api", event, attempt=attempt, reason="timeout" if attempt else "", at=now + attempt)
        assert (await post(address, request))[0] == 200
    assert await stored(connection) == ["event:Ev1"]
    await inbox.drain(5)
    cursor = await connection.execute("select attempts, outcome from inbox")
    assert await cursor.fetchall() == [(1, "event")]


async def test_the_address_proves_itself(address: str, connection: Plain) -> None:
    """Slack's challenge comes back; a forged one does not."""
    asked = {"token": "x", "challenge": "c" * 40, "type": "url_verification"}
    status, body = await post(address, signed("url_verification", asked))
    assert status == 200
    assert "c" * 40 in body
    status, body = await post(address, signed("url_verification", asked, secret="another"))
    assert status == 401
    assert "c" * 40 not in body
    assert await stored(connection) == []


async def test_a_huge_body_is_not_read(address: str, connection: Plain) -> None:
    """It is refused by its size."""
    request = signed("slash_commands", command() | {"text": "x" * (LARGEST + 1)})
    assert (await post(address, request))[0] == 413
    assert await stored(connection) == []


async def test_a_packed_body_is_not_unpacked(address: str, connection: Plain) -> None:
    """Who signed nothing could else have the bot unpack a gigabyte a request, and hold up every ack meanwhile."""
    body = zlib.compress(b" " * 50 * LARGEST)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{address}/slack/events", data=body, headers={"Content-Encoding": "deflate"}) as response,
    ):
        assert response.status == 401
    request = signed("slash_commands", command())
    packed = replace(
        request, headers={**request.headers, "Content-Encoding": "deflate"}, body=zlib.compress(request.body)
    )
    assert (await post(address, packed))[0] == 401
    assert await stored(connection) == []


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("interactive", {"type": "something_of_2030", "user": {"id": "U1"}, "team": {"id": "T0ILAB001"}}),
        ("events_api", {"type": "event_callback", "event_id": "Ev9", "event": {"type": "new_in_2030"}}),
        ("slash_commands", {"command": "/other", "trigger_id": "1", "user_id": "U1", "team_id": "T0ILAB001"}),
    ],
)
async def test_what_is_unknown_is_not_stored(
    address: str, connection: Plain, kind: str, payload: dict[str, Any]
) -> None:
    """Signed or not, nothing comes of it, and the next request is heard."""
    status, _ = await post(address, signed(kind, payload))
    assert status in (200, 404)
    assert await stored(connection) == []
    assert (await post(address, signed("slash_commands", command())))[0] == 200


async def test_many_at_once_are_all_heard(address: str, connection: Plain) -> None:
    """None is taken for another's replay."""
    answers = await asyncio.gather(*(post(address, signed("slash_commands", command(number))) for number in range(30)))
    assert {status for status, _ in answers} == {200}
    assert len(await stored(connection)) == 30


async def test_what_could_not_be_kept_may_come_again(
    slack: Slack, database: Database, connection: Plain, tmp_path: Path
) -> None:
    """A request that failed here is no replay when Slack sends it as it was."""
    (tmp_path / "no folder").write_text("in the way")
    broken = Inbox(database, Journal(tmp_path / "no folder"), worked)
    await connection.execute("alter table inbox rename to elsewhere")
    endpoint = SlackEndpoint(listeners.build(slack, broken, registry(), command="/ilab"), SECRET)
    request = signed("slash_commands", command())
    async with serving(host="127.0.0.1", port=0, health=well, slack=endpoint) as url:
        assert (await post(url, request))[0] >= 500
        await connection.execute("alter table elsewhere rename to inbox")
        assert (await post(url, request))[0] == 200
    await broken.drain(5)
    assert await stored(connection) == ["command:1.2.1"]


@pytest.mark.parametrize("is_well", [True, False])
async def test_health_is_said(*, is_well: bool) -> None:
    """200 or 503, with the parts; and without a signing secret Slack is not heard here."""

    async def health() -> tuple[bool, dict[str, Any]]:
        return is_well, {"socket": is_well}

    async with (
        serving(host="127.0.0.1", port=0, health=health, slack=None) as url,
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"{url}/healthz") as response:
            assert response.status == (200 if is_well else 503)
            assert await response.json() == {"ok": is_well, "socket": is_well}
        async with session.get(f"{url}/metrics") as response:
            assert response.status == 200
            assert "ilab_ack_seconds" in await response.text()
        async with session.post(f"{url}/slack/events", data=b"") as response:
            assert response.status == 404
