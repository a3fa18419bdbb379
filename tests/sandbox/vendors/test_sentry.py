"""Sentry's stand-in."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import httpx
import pytest

ORGANIZATION = "/api/0/organizations/interviewlab"


@pytest.fixture
def sentry(company: Any) -> httpx.AsyncClient:
    """A client of Sentry with valid credentials."""
    return company.client("sentry")


async def per_minute(sentry: httpx.AsyncClient, minutes: int = 10) -> float:
    """Errors a minute over the last minutes."""
    params = {"dataset": "errors", "yAxis": "count()", "interval": 60, "statsPeriod": f"{minutes}m", "project": "web"}
    body = (await sentry.get(f"{ORGANIZATION}/events-timeseries/", params=params)).json()
    return sum(point["value"] for point in body["timeSeries"][0]["values"]) / minutes


async def test_the_series_has_the_documented_shape(company: Any, sentry: httpx.AsyncClient) -> None:
    """Points are in milliseconds, evenly spaced, the last one incomplete; the same question gets the same numbers."""
    params = {"dataset": "errors", "yAxis": "count()", "interval": 300, "statsPeriod": "1h", "project": "web"}
    body = (await sentry.get(f"{ORGANIZATION}/events-timeseries/", params=params)).json()
    [series] = body["timeSeries"]
    stamps = [point["timestamp"] for point in series["values"]]
    assert len(stamps) in (12, 13)
    assert {later - earlier for earlier, later in pairwise(stamps)} == {300_000}
    assert [point["incomplete"] for point in series["values"]] == [False] * (len(stamps) - 1) + [True]
    assert body["meta"]["dataset"] == "errors"
    assert stamps[-1] <= company.world.clock.timestamp() * 1000
    again = (await sentry.get(f"{ORGANIZATION}/events-timeseries/", params=params)).json()
    assert again["timeSeries"][0]["values"][:-1] == series["values"][:-1]


async def test_the_switch_sets_the_rate_at_once(company: Any, sentry: httpx.AsyncClient) -> None:
    """Calm is under one error a minute, raised a few, storm far beyond ten; calm again is calm at once."""
    assert await per_minute(sentry) < 1
    company.vendors["sentry"].set_switch("errors", "raised")
    assert 3 < await per_minute(sentry) < 8
    company.vendors["sentry"].set_switch("errors", "storm")
    assert await per_minute(sentry) > 40
    company.vendors["sentry"].set_switch("errors", "calm")
    assert await per_minute(sentry) < 1


async def test_issues_are_found_by_query(company: Any, sentry: httpx.AsyncClient) -> None:
    """Unresolved issues by frequency, with `count` as a string; a storm brings one that is new."""
    params = {"project": "web", "query": "is:unresolved", "sort": "freq", "statsPeriod": "24h"}
    issues = (await sentry.get(f"{ORGANIZATION}/issues/", params=params)).json()
    counts = [int(issue["count"]) for issue in issues]
    assert counts == sorted(counts, reverse=True)
    assert all(isinstance(issue["count"], str) for issue in issues)
    new = params | {"query": "is:unresolved firstSeen:-1h", "statsPeriod": "1h"}
    assert (await sentry.get(f"{ORGANIZATION}/issues/", params=new)).json() == []
    company.vendors["sentry"].set_switch("errors", "storm")
    [found] = (await sentry.get(f"{ORGANIZATION}/issues/", params=new)).json()
    assert (found["substatus"], found["level"], found["priority"]) == ("new", "error", "high")
    assert int(found["count"]) > 100


async def test_issues_are_paged_by_link(sentry: httpx.AsyncClient) -> None:
    """The cursor of rel=next leads on while results are true."""
    params: dict[str, Any] = {"statsPeriod": "14d", "limit": 5}
    seen: list[str] = []
    for _ in range(5):
        response = await sentry.get(f"{ORGANIZATION}/issues/", params=params)
        seen += [issue["id"] for issue in response.json()]
        following = response.headers["link"].split(", <")[1]
        if 'results="false"' in following:
            break
        params["cursor"] = following.split('cursor="')[-1].rstrip('"')
    assert len(seen) == len(set(seen)) == 12
    assert (await sentry.get(f"{ORGANIZATION}/issues/", params={"cursor": "x"})).status_code == 400


async def test_an_issue_is_resolved(sentry: httpx.AsyncClient) -> None:
    """PUT changes the status, and the issue leaves the unresolved; a status that is none is refused."""
    [first, *_] = (await sentry.get(f"{ORGANIZATION}/issues/")).json()
    where = f"{ORGANIZATION}/issues/{first['id']}/"
    assert (await sentry.put(where, json={"status": "done"})).status_code == 400
    assert (await sentry.put(where, json={"status": "resolved"})).json()["status"] == "resolved"
    rest = (await sentry.get(f"{ORGANIZATION}/issues/")).json()
    assert first["id"] not in {issue["id"] for issue in rest}
    assert (await sentry.get(where)).json()["substatus"] is None


async def test_outcomes_are_counted(sentry: httpx.AsyncClient) -> None:
    """stats_v2 groups by outcome, and totals are the sum of the series."""
    params = {
        "field": "sum(quantity)",
        "groupBy": "outcome",
        "category": "error",
        "statsPeriod": "1d",
        "interval": "1h",
    }
    body = (await sentry.get(f"{ORGANIZATION}/stats_v2/", params=params)).json()
    accepted = next(group for group in body["groups"] if group["by"] == {"outcome": "accepted"})
    assert accepted["totals"]["sum(quantity)"] == sum(accepted["series"]["sum(quantity)"]) > 100
    assert len(accepted["series"]["sum(quantity)"]) == len(body["intervals"])


async def test_what_is_not_ours_or_not_possible_is_refused(company: Any, sentry: httpx.AsyncClient) -> None:
    """A wrong token, organisation, project, dataset, and period are refused with `detail`."""
    for response, status in (
        (await company.client("sentry", Authorization="").get(f"{ORGANIZATION}/issues/"), 401),
        (await sentry.get("/api/0/organizations/other/issues/"), 404),
        (await sentry.get(f"{ORGANIZATION}/issues/", params={"project": "other"}), 403),
        (await sentry.get(f"{ORGANIZATION}/issues/", params={"statsPeriod": "long"}), 400),
        (await sentry.get(f"{ORGANIZATION}/events-timeseries/", params={"dataset": "spans"}), 400),
        (await sentry.get(f"{ORGANIZATION}/stats_v2/", params={"field": "x"}), 400),
    ):
        assert response.status_code == status, response.text
        assert set(response.json()) == {"detail"}
    assert (await sentry.get(f"{ORGANIZATION}/issues/")).headers["x-sentry-rate-limit-limit"] == "40"
