"""UptimeRobot's stand-in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.vendors.uptimerobot import SITE_MONITOR
from sandbox.vendors.uptimerobot_pages import PAGE


@pytest.fixture
def robot(company: Any) -> httpx.AsyncClient:
    """A client of UptimeRobot with valid credentials."""
    return company.client("uptimerobot")


async def site(robot: httpx.AsyncClient) -> dict[str, Any]:
    """The site's monitor."""
    return (await robot.get(f"/v3/monitors/{SITE_MONITOR}")).json()


async def test_answers_are_what_the_specification_says(robot: httpx.AsyncClient, matches_spec: Any) -> None:
    """Monitors, incidents, pages, windows, figures, the user and integrations have the documented shapes."""
    spec = "uptimerobot-v3"
    monitors = matches_spec(spec, "GET", "/monitors", await robot.get("/v3/monitors"))["data"]
    assert {monitor["status"] for monitor in monitors} == {"UP"}
    matches_spec(spec, "GET", "/monitors/{id}", await robot.get(f"/v3/monitors/{SITE_MONITOR}"))
    incidents = matches_spec(spec, "GET", "/incidents", await robot.get("/v3/incidents"))["data"]
    one = await robot.get(f"/v3/incidents/{incidents[0]['id']}")
    matches_spec(spec, "GET", "/incidents/{id}", one)
    matches_spec(spec, "GET", "/psps", await robot.get("/v3/psps"))
    matches_spec(spec, "GET", "/user/me", await robot.get("/v3/user/me"))
    matches_spec(spec, "GET", "/integrations", await robot.get("/v3/integrations"))
    uptime = await robot.get(f"/v3/monitors/{SITE_MONITOR}/stats/uptime")
    assert matches_spec(spec, "GET", "/monitors/{id}/stats/uptime", uptime)["uptime"] == 100
    week = await robot.get("/v3/monitors/uptime-stats", params={"timeFrame": "WEEK"})
    matches_spec(spec, "GET", "/monitors/uptime-stats", week)


async def test_credentials_and_unknown_monitors_are_refused(company: Any, robot: httpx.AsyncClient) -> None:
    """A wrong key is 401, an unknown monitor 404, both with `statusCode` and `message`."""
    wrong = await company.client("uptimerobot", Authorization="Bearer x").get("/v3/monitors")
    assert (wrong.status_code, wrong.json()) == (401, {"statusCode": 401, "message": "Unauthorized"})
    assert (await robot.get("/v3/monitors/1")).status_code == 404


async def test_the_switch_brings_an_incident_and_ends_it(company: Any, robot: httpx.AsyncClient) -> None:
    """`down` opens an incident two minutes old, `up` resolves it; its length counts in the bot's time."""
    stand_in = company.vendors["uptimerobot"]
    stand_in.set_switch("site_monitor", "down")
    company.world.clock.jump(60)
    down = await site(robot)
    assert down["status"] == "DOWN"
    assert 180 <= down["currentStateDuration"] <= 182
    assert down["lastIncident"]["status"] == "Ongoing"
    listed = (await robot.get("/v3/monitors", params={"status": "DOWN,LOOKS_DOWN"})).json()["data"]
    assert [monitor["id"] for monitor in listed] == [SITE_MONITOR]
    stand_in.set_switch("site_monitor", "up")
    up = await site(robot)
    assert (up["status"], up["lastIncident"]["status"]) == ("UP", "Resolved")
    newest = (await robot.get("/v3/incidents", params={"monitor_id": SITE_MONITOR})).json()["data"][0]
    assert newest["resolvedAt"]
    assert 180 <= newest["duration"] <= 182


async def test_pausing_and_starting_change_the_monitor(
    company: Any, robot: httpx.AsyncClient, matches_spec: Any
) -> None:
    """A monitor is paused and started again; the panel's switch follows."""
    where = f"/v3/monitors/{SITE_MONITOR}"
    matches_spec("uptimerobot-v3", "POST", "/monitors/{id}/pause", await robot.post(f"{where}/pause"))
    assert (await site(robot))["status"] == "PAUSED"
    assert company.vendors["uptimerobot"].state["site_monitor"] == "paused"
    matches_spec("uptimerobot-v3", "POST", "/monitors/{id}/start", await robot.post(f"{where}/start"))
    assert (await site(robot))["status"] == "UP"


async def test_lists_are_paged_by_link(robot: httpx.AsyncClient) -> None:
    """`nextLink` leads through all monitors and ends with null."""
    seen: list[int] = []
    link: str | None = str(robot.base_url) + "v3/monitors?limit=4"
    while link:
        page = (await robot.get(link)).json()
        seen += [monitor["id"] for monitor in page["data"]]
        link = page["nextLink"]
    assert len(seen) == len(set(seen)) == 6


async def test_an_announcement_is_published_and_changed(robot: httpx.AsyncClient, matches_spec: Any) -> None:
    """An announcement is created, listed and archived; a wrong status and an unknown field are refused."""
    where = f"/v3/psps/{PAGE}/announcements"
    body = {"title": "Maintenance", "content": "Tuesday 02:00 UTC", "status": "Published", "type": "Maintenance"}
    path = "/psps/{pspId}/announcements"
    created = matches_spec("uptimerobot-v3", "POST", path, await robot.post(where, json=body))
    published = await robot.get(where, params={"status": "PUBLISHED"})
    assert matches_spec("uptimerobot-v3", "GET", path, published)["data"][0]["id"] == created["id"]
    changed = await robot.patch(f"{where}/{created['id']}", json={"status": "Archived"})
    assert matches_spec("uptimerobot-v3", "PATCH", path + "/{id}", changed)["status"] == "Archived"
    for wrong in ({"status": "PUBLISHED"}, {"colour": "red"}, {"title": "x" * 256}):
        assert (await robot.post(where, json=body | wrong)).status_code == 400
    assert (await robot.post("/v3/psps/1/announcements", json=body)).status_code == 404


async def test_a_maintenance_window_is_kept_and_removed(robot: httpx.AsyncClient, matches_spec: Any) -> None:
    """A window is created, shown with its monitor, and deleted; a wrong date is refused."""
    body = {
        "name": "Migration",
        "interval": "once",
        "date": "2026-12-01",
        "time": "02:00:00",
        "duration": 120,
        "monitorIds": [SITE_MONITOR],
    }
    created = await robot.post("/v3/maintenance-windows", json=body)
    window = matches_spec("uptimerobot-v3", "POST", "/maintenance-windows", created)
    assert (await site(robot))["maintenanceWindows"] == [window]
    assert (await robot.delete(f"/v3/maintenance-windows/{window['id']}")).status_code == 204
    assert (await robot.get("/v3/maintenance-windows")).json()["data"] == []
    assert (await robot.post("/v3/maintenance-windows", json=body | {"date": "1 Dec"})).status_code == 400


async def test_the_plan_s_limit_is_kept(robot: httpx.AsyncClient) -> None:
    """The 101st request of a minute is refused, and every answer says what is left."""
    answers = [await robot.get("/v3/user/me") for _ in range(101)]
    assert answers[0].headers["x-ratelimit-remaining"] == "99"
    assert [answer.status_code for answer in answers[-2:]] == [200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_an_integration_sends_alerts_to_a_webhook(robot: httpx.AsyncClient, matches_spec: Any) -> None:
    """A webhook is added to the integrations; another type is refused."""
    data = {"friendlyName": "ilab", "urlToNotify": "https://ops.example/webhooks/uptimerobot", "postValue": "{}"}
    created = await robot.post("/v3/integrations", json={"type": "Webhook", "data": data})
    matches_spec("uptimerobot-v3", "POST", "/integrations", created)
    assert len((await robot.get("/v3/integrations")).json()["data"]) == 2
    assert (await robot.post("/v3/integrations", json={"type": "Slack", "data": {}})).status_code == 400
