"""Statuspage's stand-in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.vendors.moments import iso
from sandbox.world import CREDENTIALS

PAGE = f"/v1/pages/{CREDENTIALS['statuspage.page_id']}"


@pytest.fixture
def page(company: Any) -> httpx.AsyncClient:
    """A client of Statuspage with valid credentials, for which the limit of one request a second is lifted."""
    company.world.rate_limits = False
    return company.client("statuspage")


async def component(page: httpx.AsyncClient, key: str) -> str:
    """The state of a component."""
    return (await page.get(f"{PAGE}/components/{key}")).json()["status"]


async def test_an_incident_goes_from_investigating_to_resolved(company: Any, page: httpx.AsyncClient) -> None:
    """Creating changes components, updates add up, and resolving leaves the components unless they are sent along."""
    body = {
        "name": "Payments fail",
        "status": "investigating",
        "body": "We are looking into it.",
        "components": {"cmppayment01": "major_outage"},
        "deliver_notifications": True,
    }
    created = await page.post(f"{PAGE}/incidents", json={"incident": body})
    assert created.status_code == 201
    incident = created.json()
    assert (incident["status"], incident["impact"]) == ("investigating", "critical")
    assert incident["shortlink"].startswith("https://")
    assert await component(page, "cmppayment01") == "major_outage"
    where = f"{PAGE}/incidents/{incident['id']}"
    unresolved = (await page.get(f"{PAGE}/incidents/unresolved")).json()
    assert [found["id"] for found in unresolved] == [incident["id"]]

    update = {"incident": {"status": "resolved", "body": "Fixed.", "deliver_notifications": False}}
    resolved = (await page.patch(where, json=update)).json()
    assert resolved["resolved_at"]
    assert [update["status"] for update in resolved["incident_updates"]] == ["resolved", "investigating"]
    assert await component(page, "cmppayment01") == "major_outage"
    await page.patch(where, json={"incident": {"components": {"cmppayment01": "operational"}}})
    assert await component(page, "cmppayment01") == "operational"
    assert (await page.get(f"{PAGE}/incidents/unresolved")).json() == []
    assert [text for _, _, text in company.vendors["statuspage"].notifications] == ["We are looking into it."]


async def test_a_maintenance_begins_and_ends_by_itself(company: Any, page: httpx.AsyncClient) -> None:
    """Scheduled with automatic transitions, it goes in progress and completed with the bot's clock, components too."""
    now = company.world.clock.timestamp()
    body = {
        "name": "Database migration",
        "status": "scheduled",
        "scheduled_for": iso(now + 3600),
        "scheduled_until": iso(now + 7200),
        "scheduled_auto_in_progress": True,
        "scheduled_auto_completed": True,
        "component_ids": ["cmpapi000001"],
        "body": "We will be back at 04:00 UTC.",
    }
    incident = (await page.post(f"{PAGE}/incidents", json={"incident": body})).json()
    assert (incident["status"], incident["impact"]) == ("scheduled", "maintenance")
    assert len((await page.get(f"{PAGE}/incidents/upcoming")).json()) == 1
    company.world.clock.jump(3700)
    [active] = (await page.get(f"{PAGE}/incidents/active_maintenance")).json()
    assert active["status"] == "in_progress"
    assert await component(page, "cmpapi000001") == "under_maintenance"
    company.world.clock.jump(3700)
    done = (await page.get(f"{PAGE}/incidents/{incident['id']}")).json()
    assert done["status"] == "completed"
    assert await component(page, "cmpapi000001") == "operational"


async def test_a_component_is_changed_alone(page: httpx.AsyncClient) -> None:
    """PATCH sets one component; an unknown state and an unknown component are refused."""
    where = f"{PAGE}/components/cmpwebsite01"
    changed = await page.patch(where, json={"component": {"status": "degraded_performance"}})
    assert changed.json()["status"] == "degraded_performance"
    assert (await page.patch(where, json={"component": {"status": "broken"}})).status_code == 422
    assert (await page.patch(f"{PAGE}/components/none", json={"component": {}})).status_code == 404
    listed = (await page.get(f"{PAGE}/components")).json()
    assert [c["status"] for c in listed].count("degraded_performance") == 1


@pytest.mark.parametrize(
    ("incident", "status"),
    [
        ({"name": ""}, 422),
        ({"name": "x", "status": "broken"}, 422),
        ({"name": "x", "status": "scheduled"}, 422),
        ({"name": "x", "components": {"none": "operational"}}, 422),
        ({"name": "x", "component_ids": ["none"]}, 422),
        ({"name": "x", "impact_override": "huge"}, 422),
        ({"name": "x", "scheduled_for": "soon"}, 422),
        (None, 400),
    ],
)
async def test_a_wrong_incident_is_refused(page: httpx.AsyncClient, incident: Any, status: int) -> None:
    """422 or 400 with `error`, and nothing is published."""
    before = (await page.get(f"{PAGE}/incidents")).json()
    refused = await page.post(f"{PAGE}/incidents", json={"incident": incident})
    assert (refused.status_code, set(refused.json())) == (status, {"error"})
    assert (await page.get(f"{PAGE}/incidents")).json() == before


async def test_incidents_are_found_deleted_and_written_up(page: httpx.AsyncClient) -> None:
    """`q` finds by name and text; a post-mortem is kept as a draft; a deleted incident is gone."""
    [found] = (await page.get(f"{PAGE}/incidents", params={"q": "slow interviews"})).json()
    where = f"{PAGE}/incidents/{found['id']}"
    draft = await page.put(f"{where}/postmortem", json={"postmortem": {"body_draft": "What happened"}})
    assert draft.json()["body_draft"] == "What happened"
    assert (await page.put(f"{where}/postmortem", json={"postmortem": {}})).status_code == 422
    assert (await page.delete(where)).json()["id"] == found["id"]
    assert (await page.get(where)).status_code == 404


async def test_the_second_request_of_a_second_is_refused(company: Any) -> None:
    """One request a second: the next is 420."""
    client = company.client("statuspage")
    assert [(await client.get(PAGE)).status_code for _ in range(3)] == [200, 420, 420]


async def test_another_page_is_not_there(page: httpx.AsyncClient) -> None:
    """A page that is not ours is 404."""
    assert (await page.get("/v1/pages/other/incidents")).status_code == 404
