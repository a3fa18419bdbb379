"""PagerDuty's stand-ins."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.vendors.pagerduty_account import SERVICE
from sandbox.world import CREDENTIALS

POLICY = CREDENTIALS["pagerduty.escalation_policy"]
KEY = CREDENTIALS["pagerduty.routing_key"]


@pytest.fixture
def pagerduty(company: Any) -> httpx.AsyncClient:
    """A client of the REST API with valid credentials."""
    return company.client("pagerduty")


@pytest.fixture
def events(company: Any) -> httpx.AsyncClient:
    """A client of Events v2."""
    return company.client("pagerduty_events")


def trigger(**changes: Any) -> dict[str, Any]:
    """A valid event."""
    payload = {"summary": "Site down", "source": "ilab", "severity": "critical"}
    return {"routing_key": KEY, "event_action": "trigger", "dedup_key": "inc-1", "payload": payload} | changes


def new_incident(**changes: Any) -> dict[str, Any]:
    """A valid incident."""
    service = {"id": SERVICE, "type": "service_reference"}
    return {"incident": {"type": "incident", "title": "Site down", "service": service} | changes}


async def test_who_is_on_call(pagerduty: httpx.AsyncClient) -> None:
    """Three levels of the policy; users are references, or whole where asked for; level 3 is for good."""
    params = {"escalation_policy_ids[]": POLICY, "earliest": "true"}
    oncalls = (await pagerduty.get("/oncalls", params=params)).json()["oncalls"]
    assert [(oncall["escalation_level"], oncall["user"]["id"]) for oncall in oncalls] == [
        (1, "PALICE1"),
        (2, "PBOB002"),
        (3, "PCAROL3"),
    ]
    assert "email" not in oncalls[0]["user"]
    assert oncalls[0]["start"] < oncalls[0]["end"]
    assert (oncalls[2]["schedule"], oncalls[2]["start"], oncalls[2]["end"]) == (None, None, None)
    whole = (await pagerduty.get("/oncalls", params=params | {"include[]": "users"})).json()["oncalls"]
    assert whole[0]["user"]["email"] == "alice@interviewlab.io"


async def test_the_approver_has_a_schedule(pagerduty: httpx.AsyncClient) -> None:
    """Dave is on the approvers' schedule now; its users come whole."""
    on_duty = (await pagerduty.get("/oncalls", params={"schedule_ids[]": "PSCHAPR"})).json()["oncalls"]
    assert [oncall["user"]["id"] for oncall in on_duty] == ["PDAVE04"]
    users = (await pagerduty.get("/schedules/PSCHAPR/users")).json()["users"]
    assert [user["email"] for user in users] == ["dave@interviewlab.io", "bob@interviewlab.io"]
    assert (await pagerduty.get("/schedules/PNONE")).json()["error"]["code"] == 2100


async def test_people_have_numbers(pagerduty: httpx.AsyncClient) -> None:
    """A user's contact methods are whole where asked for, with country code and number."""
    params = {"include[]": "contact_methods"}
    user = (await pagerduty.get("/users/PALICE1", params=params)).json()["user"]
    phone = next(m for m in user["contact_methods"] if m["type"] == "phone_contact_method")
    assert (phone["country_code"], phone["address"]) == (81, "355500101")
    short = (await pagerduty.get("/users/PALICE1")).json()["user"]
    assert all(method["type"].endswith("_reference") for method in short["contact_methods"])
    found = (await pagerduty.get("/users", params={"query": "dave@"})).json()["users"]
    assert [user["id"] for user in found] == ["PDAVE04"]


async def test_writes_need_a_user_of_the_account(company: Any, pagerduty: httpx.AsyncClient) -> None:
    """Without `From`, and from a stranger, an incident is refused and not opened."""
    for sender in ("", "stan@partner.example"):
        refused = await company.client("pagerduty", From=sender).post("/incidents", json=new_incident())
        assert refused.status_code == 400
        assert {"code", "message", "errors"} == set(refused.json()["error"])
    assert (await pagerduty.get("/incidents")).json()["incidents"] == []


async def test_an_incident_is_opened_acknowledged_noted_and_resolved(
    company: Any, pagerduty: httpx.AsyncClient
) -> None:
    """Each step shows; a second of the same is refused with PagerDuty's own number."""
    created = await pagerduty.post("/incidents", json=new_incident(incident_key="ilab-1", urgency="high"))
    assert created.status_code == 201
    incident = created.json()["incident"]
    assert (incident["status"], incident["urgency"]) == ("triggered", "high")
    assert incident["assignments"][0]["assignee"]["id"] == "PALICE1"
    twice = await pagerduty.post("/incidents", json=new_incident(incident_key="ilab-1"))
    assert (twice.status_code, twice.json()["error"]["code"]) == (400, 2002)

    where = f"/incidents/{incident['id']}"

    async def put(status: str) -> httpx.Response:
        return await pagerduty.put(where, json={"incident": {"type": "incident_reference", "status": status}})

    acknowledged = (await put("acknowledged")).json()["incident"]
    assert acknowledged["acknowledgements"][0]["acknowledger"]["id"] == "PALICE1"
    assert (await put("acknowledged")).json()["error"]["code"] == 1002
    note = await pagerduty.post(f"{where}/notes", json={"note": {"content": "Rolled back"}})
    assert note.status_code == 201
    assert [n["content"] for n in (await pagerduty.get(f"{where}/notes")).json()["notes"]] == ["Rolled back"]
    assert (await put("resolved")).json()["incident"]["status"] == "resolved"
    assert (await put("resolved")).json()["error"]["code"] == 1001
    open_ones = await pagerduty.get("/incidents", params={"statuses[]": ["triggered", "acknowledged"]})
    assert open_ones.json()["incidents"] == []
    assert (await pagerduty.get("/incidents/QNONE")).status_code == 404
    assert [page.person.name for page in company.vendors["pagerduty"].account.pages] == ["alice"]


async def test_an_incident_is_raised_level_by_level(company: Any, pagerduty: httpx.AsyncClient) -> None:
    """Asked for, it goes to the next level at once; left alone, it goes up by itself after half an hour."""
    incident = (await pagerduty.post("/incidents", json=new_incident())).json()["incident"]
    body = {"incident": {"type": "incident_reference", "escalation_level": 2}}
    raised = (await pagerduty.put(f"/incidents/{incident['id']}", json=body)).json()["incident"]
    assert raised["assignments"][0]["assignee"]["id"] == "PBOB002"
    company.world.clock.jump(31 * 60)
    later = (await pagerduty.get(f"/incidents/{incident['id']}")).json()["incident"]
    assert later["assignments"][0]["assignee"]["id"] == "PCAROL3"
    assert [page.person.name for page in company.vendors["pagerduty"].account.pages] == ["alice", "bob", "carol"]


async def test_events_with_one_key_are_one_incident(pagerduty: httpx.AsyncClient, events: httpx.AsyncClient) -> None:
    """Twice the same key is one incident with two alerts; after resolving, the key opens another one."""
    for _ in range(2):
        answer = await events.post("/v2/enqueue", json=trigger())
        assert (answer.status_code, answer.json()["dedup_key"]) == (202, "inc-1")
    [incident] = (await pagerduty.get("/incidents")).json()["incidents"]
    assert incident["incident_key"] == "inc-1"
    assert len((await pagerduty.get(f"/incidents/{incident['id']}/alerts")).json()["alerts"]) == 2
    for action, status in (("acknowledge", "acknowledged"), ("resolve", "resolved")):
        event = {"routing_key": KEY, "event_action": action, "dedup_key": "inc-1"}
        assert (await events.post("/v2/enqueue", json=event)).status_code == 202
        found = (await pagerduty.get(f"/incidents/{incident['id']}")).json()["incident"]
        assert found["status"] == status
    await events.post("/v2/enqueue", json=trigger())
    assert len((await pagerduty.get("/incidents")).json()["incidents"]) == 2
    without = await events.post("/v2/enqueue", json=trigger(dedup_key=None))
    assert len(without.json()["dedup_key"]) == 32


@pytest.mark.parametrize(
    "wrong",
    [
        {"routing_key": "x"},
        {"event_action": "page"},
        {"dedup_key": "x" * 256},
        {"payload": None},
        {"payload": {"summary": "x", "source": "y", "severity": "bad"}},
        {"payload": {"summary": "", "source": "y", "severity": "critical"}},
        {"payload": {"summary": "x" * 1025, "source": "y", "severity": "critical"}},
        {"event_action": "resolve", "dedup_key": None},
    ],
)
async def test_a_wrong_event_is_refused(
    pagerduty: httpx.AsyncClient, events: httpx.AsyncClient, wrong: dict[str, Any]
) -> None:
    """400 with status, message and errors; nothing is opened."""
    answer = await events.post("/v2/enqueue", json=trigger(**wrong))
    assert answer.status_code == 400
    assert set(answer.json()) == {"status", "message", "errors"}
    assert (await pagerduty.get("/incidents")).json()["incidents"] == []


async def test_the_limits_are_told(pagerduty: httpx.AsyncClient) -> None:
    """Every answer says how many calls are left; a page may not lie beyond 10,000."""
    response = await pagerduty.get("/schedules")
    assert response.headers["ratelimit-limit"] == "960"
    assert response.headers["ratelimit-remaining"] == "959"
    assert (await pagerduty.get("/users", params={"offset": "10000"})).status_code == 400


async def test_a_subscription_tells_its_secret_once(pagerduty: httpx.AsyncClient) -> None:
    """The secret is in the answer to the creation only."""
    method = {"type": "http_delivery_method", "url": "https://ops.example/webhooks/pagerduty"}
    body = {"webhook_subscription": {"delivery_method": method, "events": ["incident.acknowledged"]}}
    created = (await pagerduty.post("/webhook_subscriptions", json=body)).json()["webhook_subscription"]
    assert created["delivery_method"]["secret"]
    [listed] = (await pagerduty.get("/webhook_subscriptions")).json()["webhook_subscriptions"]
    assert listed["delivery_method"]["secret"] is None


async def test_the_log_of_an_incident(pagerduty: httpx.AsyncClient, events: httpx.AsyncClient) -> None:
    """Who was notified, who acknowledged and that it was resolved, newest first; it is there when all is over, too."""
    await events.post("/v2/enqueue", json=trigger())
    (incident,) = (await pagerduty.get("/incidents", params={"incident_key": "inc-1"})).json()["incidents"]
    body = {"incident": {"type": "incident_reference", "status": "acknowledged"}}
    headers = {"From": "bob@interviewlab.io"}
    await pagerduty.put(f"/incidents/{incident['id']}", json=body, headers=headers)
    await events.post("/v2/enqueue", json=trigger(event_action="resolve"))
    answer = (await pagerduty.get(f"/incidents/{incident['id']}/log_entries")).json()
    assert [entry["type"].removesuffix("_log_entry") for entry in answer["log_entries"]] == [
        "resolve",
        "acknowledge",
        "notify",
        "trigger",
    ]
    assert answer["log_entries"][1]["agent"]["id"] == "PBOB002"
    assert answer["log_entries"][2]["user"]["id"] == "PALICE1"
    assert answer["more"] is False
    assert (await pagerduty.get("/incidents/QNOWHERE/log_entries")).status_code == 404
