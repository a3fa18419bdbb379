"""What all stand-ins share: faults, switches, the log, unknown calls, limits."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

from sandbox.faults import KINDS
from sandbox.vendors.vendor import RateLimit, Vendor
from sandbox.world import CREDENTIALS, World

CALLS = {
    "vercel": ("list deployments", "/v6/deployments"),
    "openai": ("list models", "/v1/models"),
    "uptimerobot": ("list monitors", "/v3/monitors"),
    "sentry": ("list issues", "/api/0/organizations/interviewlab/issues/"),
    "pagerduty": ("list on-calls", "/oncalls"),
    "statuspage": ("get page", f"/v1/pages/{CREDENTIALS['statuspage.page_id']}"),
    "resend": ("list emails", "/emails"),
    "github": ("list commits", "/repos/interviewlab/web/commits"),
    "status_pages": ("summary", "/vercel/api/v2/summary.json"),
}
"""A call of each vendor that reads."""


@pytest.fixture(params=CALLS)
def vendor(request: pytest.FixtureRequest) -> str:
    """Each vendor in turn."""
    return request.param


async def test_a_healthy_vendor_answers_and_logs(company: Any, vendor: str) -> None:
    """A call is answered 200 and stands in the log with its name, status and time."""
    name, path = CALLS[vendor]
    response = await company.client(vendor).get(path)
    assert response.status_code == 200, response.text
    logged = company.vendors[vendor].log[-1]
    assert (logged.call, logged.method, logged.path, logged.status) == (name, "GET", path, 200)
    assert logged.fault is None
    assert not logged.acted
    assert 0 <= logged.took < 2


async def test_wrong_and_missing_credentials_are_refused(company: Any, vendor: str) -> None:
    """Without credentials, and with somebody else's, a vendor refuses in JSON; a public page refuses nobody."""
    company.world.rate_limits = False
    for credentials in ("", "Bearer wrong", "Token token=wrong", "OAuth wrong"):
        response = await company.client(vendor, Authorization=credentials).get(CALLS[vendor][1])
        if vendor == "status_pages":
            assert response.status_code == 200
            continue
        assert response.status_code in ((401, 403, 404) if vendor == "github" else (401, 403))
        assert response.headers["content-type"].startswith("application/json")
        assert company.vendors[vendor].log[-1].status == response.status_code


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_fault_strikes(company: Any, vendor: str, kind: str) -> None:
    """A fault of each kind does to the call what it says, is logged, and is over after its one time."""
    name, path = CALLS[vendor]
    client = company.client(vendor)
    company.world.rate_limits = False
    company.faults.add(vendor, name, kind=kind, seconds=0.05, status=502, times=1)
    if kind in ("refused", "lost"):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.get(path)
    elif kind == "timeout":
        with pytest.raises(httpx.ReadTimeout):
            await client.get(path, timeout=0.1)
    else:
        response = await client.get(path)
        expected = {"slow": 200, "status": 502, "html": 200, "garbled": 200}[kind]
        assert response.status_code == expected
        if kind == "html":
            assert response.headers["content-type"].startswith("text/html")
        if kind == "garbled":
            assert "unexpected" in response.json()
    logged = company.vendors[vendor].log[-1]
    assert (logged.call, logged.fault) == (name, kind)
    assert (logged.status is None) is (kind in ("refused", "lost", "timeout"))
    assert (await client.get(path)).status_code == 200
    assert company.vendors[vendor].log[-1].fault is None


async def test_a_lost_answer_took_effect(company: Any) -> None:
    """With `lost` the call acts, and the caller cannot know."""
    company.faults.add("pagerduty", "create incident", kind="lost", times=1)
    incident = {"type": "incident", "title": "Site down", "service": {"id": "PSVCILAB", "type": "service_reference"}}
    client = company.client("pagerduty")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await client.post("/incidents", json={"incident": incident})
    assert [found["title"] for found in (await client.get("/incidents")).json()["incidents"]] == ["Site down"]
    assert company.vendors["pagerduty"].log[0].acted


async def test_a_refused_call_did_not_act(company: Any) -> None:
    """With `refused` and `status` nothing happens behind the fault; 429 says when to come again."""
    body = {"incident": {"type": "incident", "title": "x", "service": {"id": "PSVCILAB"}}}
    client = company.client("pagerduty")
    company.faults.add("pagerduty", kind="status", status=429, seconds=7, times=1)
    limited = await client.post("/incidents", json=body)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    company.faults.add("pagerduty", kind="refused", times=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await client.post("/incidents", json=body)
    assert (await client.get("/incidents")).json()["incidents"] == []


async def test_a_silent_call_does_not_delay_the_end(company: Any) -> None:
    """While callers wait for answers that never come, and streams run, all is closed at once."""
    company.faults.add("openai", kind="timeout")
    company.faults.add("sentry", kind="slow", seconds=60)
    waiting = [
        asyncio.create_task(company.client("openai").get("/v1/models")),
        asyncio.create_task(company.client("sentry").get(CALLS["sentry"][1])),
    ]
    await asyncio.sleep(0.1)
    started = time.monotonic()
    for vendor in company.vendors.values():
        vendor.close()
    await company.server.close()
    assert time.monotonic() - started < 10
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], httpx.RemoteProtocolError | httpx.ReadError)
    assert isinstance(answers[1], httpx.Response)


async def test_an_unknown_call_fails_loudly(company: Any, vendor: str) -> None:
    """What the stand-in does not know is answered 404, and logged as unknown."""
    response = await company.client(vendor).post("/no/such/call", json={})
    assert response.status_code == 404
    assert company.vendors[vendor].log[-1].call == "unknown"


async def test_the_api_switch_takes_a_vendor_down(company: Any, vendor: str) -> None:
    """Where a vendor has the switch, `down` answers every call 503 in its own shape, before credentials are looked at."""
    stand_in: Vendor = company.vendors[vendor]
    if "api" not in stand_in.state:
        with pytest.raises(ValueError, match="no switch"):
            stand_in.set_switch("api", "down")
        return
    stand_in.set_switch("api", "down")
    response = await company.client(vendor, Authorization="").get(CALLS[vendor][1])
    assert response.status_code == 503
    assert response.headers["content-type"].startswith("application/json")


async def test_every_switch_takes_every_option(company: Any) -> None:
    """Each option of each switch can be set and is shown; what is not an option is refused."""
    for vendor in company.vendors.values():
        for switch in vendor.switches:
            for option in (*switch.options[1:], switch.options[0]):
                vendor.set_switch(switch.name, option)
                assert vendor.state[switch.name] == option
            with pytest.raises(ValueError, match="has no switch"):
                vendor.set_switch(switch.name, "nonsense")


async def test_calls_have_names_and_handlers(company: Any) -> None:
    """Every vendor declares its calls; a name and a path mean one thing."""
    for vendor in company.vendors.values():
        declared = vendor.declared()
        assert declared
        assert len({(call.method, call.path) for call in declared}) == len(declared)
        assert all(callable(getattr(vendor, call.handler)) and call.name for call in declared)


async def test_a_body_that_is_no_object_is_refused(company: Any) -> None:
    """Broken JSON and a bare list are 400 in the vendor's own shape."""
    for content in (b"{", b"[1]"):
        response = await company.client("openai").post("/v1/chat/completions", content=content)
        assert response.status_code == 400
        assert response.json()["error"]["type"] == "invalid_request_error"


def test_a_rate_limit_counts_in_windows() -> None:
    """The call beyond the limit is not allowed, until the window is over, or limits are off."""
    world = World()
    limit = RateLimit(world, limit=2, seconds=0.05)
    assert [limit.take().allowed for _ in range(3)] == [True, True, False]
    assert limit.take().whole_reset == 1
    time.sleep(0.06)
    assert limit.take().allowed
    world.rate_limits = False
    assert all(limit.take().allowed for _ in range(5))
