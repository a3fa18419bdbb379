"""The vendors' public status pages."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

PAGES = ("vercel", "supabase", "stripe", "openai")


@pytest.fixture
def pages(company: Any) -> httpx.AsyncClient:
    """A client without credentials."""
    return company.client("status_pages")


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_has_the_shape_of_statuspage(pages: httpx.AsyncClient, page: str) -> None:
    """All is operational, with the keys that a reader relies on."""
    body = (await pages.get(f"/{page}/api/v2/summary.json")).json()
    assert {"page", "status", "components", "incidents", "scheduled_maintenances"} == set(body)
    assert body["status"]["indicator"] == "none"
    assert {component["status"] for component in body["components"]} == {"operational"}
    assert (await pages.get(f"/{page}/api/v2/status.json")).json()["status"] == body["status"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("option", "indicator"), [("degraded", "minor"), ("major_outage", "major")])
async def test_an_incident_shows(
    company: Any, pages: httpx.AsyncClient, page: str, option: str, indicator: str
) -> None:
    """The indicator and an incident show on every page, and on all but OpenAI's summary the component, too."""
    company.vendors["status_pages"].set_switch(page, option)
    body = (await pages.get(f"/{page}/api/v2/summary.json")).json()
    assert body["status"]["indicator"] == indicator
    [incident] = body["incidents"]
    assert incident["incident_updates"]
    hit = [component for component in body["components"] if component["status"] != "operational"]
    assert bool(hit) is (page != "openai")
    listed = (await pages.get(f"/{page}/api/v2/components.json")).json()["components"]
    assert any(component["status"] != "operational" for component in listed)
    unresolved = (await pages.get(f"/{page}/api/v2/incidents/unresolved.json")).json()
    assert [found["id"] for found in unresolved["incidents"]] == [incident["id"]]
    others = [other for other in PAGES if other != page]
    for other in others:
        assert (await pages.get(f"/{other}/api/v2/summary.json")).json()["incidents"] == []


async def test_openai_s_summary_leaves_components_out(pages: httpx.AsyncClient) -> None:
    """Chat Completions, Embeddings and Moderations are in components.json only."""
    summary = {c["name"] for c in (await pages.get("/openai/api/v2/summary.json")).json()["components"]}
    whole = {c["name"] for c in (await pages.get("/openai/api/v2/components.json")).json()["components"]}
    assert whole - summary == {"Chat Completions", "Embeddings", "Moderations"}


@pytest.mark.parametrize("page", [*PAGES, "slack"])
async def test_a_page_may_be_html_with_200(company: Any, pages: httpx.AsyncClient, page: str) -> None:
    """Every address of the page then answers 200 with a web page."""
    company.vendors["status_pages"].set_switch(page, "html")
    names = ("summary", "components", "status", "incidents/unresolved")
    paths = ["api/v2.0.0/current"] if page == "slack" else [f"api/v2/{name}.json" for name in names]
    for path in paths:
        response = await pages.get(f"/{page}/{path}")
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/html")


async def test_a_page_may_be_frozen_or_under_maintenance(company: Any, pages: httpx.AsyncClient) -> None:
    """A frozen page says all is well since February 2024; a maintenance is no incident."""
    company.vendors["status_pages"].set_switch("stripe", "frozen")
    frozen = (await pages.get("/stripe/api/v2/summary.json")).json()
    assert frozen["page"]["updated_at"].startswith("2024-02")
    assert frozen["status"]["indicator"] == "none"
    company.vendors["status_pages"].set_switch("supabase", "maintenance")
    body = (await pages.get("/supabase/api/v2/summary.json")).json()
    assert (body["status"]["indicator"], body["incidents"]) == ("maintenance", [])
    assert body["scheduled_maintenances"][0]["status"] == "in_progress"


async def test_slack_s_page_has_its_own_shape(company: Any, pages: httpx.AsyncClient) -> None:
    """`ok` without incidents; `active` with one that names services."""
    assert (await pages.get("/slack/api/v2.0.0/current")).json()["status"] == "ok"
    company.vendors["status_pages"].set_switch("slack", "major_outage")
    body = (await pages.get("/slack/api/v2.0.0/current")).json()
    assert body["status"] == "active"
    assert body["active_incidents"][0]["type"] == "outage"
    assert body["active_incidents"][0]["services"]


async def test_an_unknown_page_is_not_there(pages: httpx.AsyncClient) -> None:
    """A vendor without a page is 404."""
    assert (await pages.get("/nobody/api/v2/summary.json")).status_code == 404
