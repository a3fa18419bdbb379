"""Vercel's stand-in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.product import company_of
from sandbox.vendors.vercel_config import CONFIG_ID
from sandbox.world import CREDENTIALS

PROJECT = CREDENTIALS["vercel.project"]


@pytest.fixture
def vercel(company: Any) -> httpx.AsyncClient:
    """A client of Vercel with valid credentials."""
    return company.client("vercel")


async def deployments(vercel: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    """The deployments that a query finds."""
    response = await vercel.get("/v7/deployments", params={"projectId": PROJECT, "limit": "100", **query})
    assert response.status_code == 200, response.text
    return response.json()["deployments"]


async def project(vercel: httpx.AsyncClient) -> dict[str, Any]:
    """The project."""
    return (await vercel.get(f"/v9/projects/{PROJECT}")).json()


async def test_answers_are_what_the_specification_says(vercel: httpx.AsyncClient, matches_spec: Any) -> None:
    """The list, a deployment of each state, the project, aliases, events and the user have the documented shapes."""
    listed = matches_spec(
        "vercel", "GET", "/v6/deployments", await vercel.get("/v6/deployments", params={"limit": 100})
    )
    assert len(listed["deployments"]) == 25
    by_state = {item["state"]: item["uid"] for item in listed["deployments"]}
    assert set(by_state) == {"READY", "ERROR", "CANCELED", "DELETED"}
    for uid in by_state.values():
        detail = await vercel.get(f"/v13/deployments/{uid}")
        matches_spec("vercel", "GET", "/v13/deployments/{idOrUrl}", detail)
        events = await vercel.get(f"/v3/deployments/{uid}/events", params={"limit": -1})
        assert matches_spec("vercel", "GET", "/v3/deployments/{idOrUrl}/events", events)
    aliases = await vercel.get(f"/v2/deployments/{by_state['READY']}/aliases")
    matches_spec("vercel", "GET", "/v2/deployments/{id}/aliases", aliases)
    matches_spec("vercel", "GET", "/v9/projects/{idOrName}", await vercel.get(f"/v9/projects/{PROJECT}"))
    matches_spec("vercel", "GET", "/v2/user", await vercel.get("/v2/user"))


async def test_credentials_are_checked(company: Any) -> None:
    """No token, a wrong token, and no team are refused with `forbidden`, and say which it was."""
    for headers, params, flag in (
        ({"Authorization": ""}, {}, "missingToken"),
        ({"Authorization": "Bearer wrong"}, {}, "invalidToken"),
        ({}, {"teamId": "team_other"}, None),
    ):
        response = await company.client("vercel", **headers).get(f"/v9/projects/{PROJECT}", params=params)
        assert response.status_code == 403
        error = response.json()["error"]
        assert error["code"] == "forbidden"
        assert flag is None or error[flag] is True


async def test_the_list_is_filtered_and_paged(vercel: httpx.AsyncClient) -> None:
    """State, target, branch, commit and candidacy narrow the list; `next` leads on until it is null."""
    every = await deployments(vercel)
    production = await deployments(vercel, target="production")
    assert 0 < len(production) < len(every)
    assert all(item["target"] == "production" for item in production)
    assert [item["state"] for item in await deployments(vercel, state="ERROR")] == ["ERROR"]
    [teams] = {item["meta"]["githubCommitRef"] for item in await deployments(vercel, branch="feat/teams")}
    assert teams == "feat/teams"
    sha = every[0]["meta"]["githubCommitSha"]
    assert {item["meta"]["githubCommitSha"] for item in await deployments(vercel, sha=sha)} == {sha}
    candidates = await deployments(vercel, rollbackCandidate="true")
    assert candidates
    assert (await project(vercel))["targets"]["production"]["id"] not in {item["uid"] for item in candidates}

    seen: list[str] = []
    until: int | None = None
    for _ in range(10):
        params = {"limit": 7} if until is None else {"limit": 7, "until": until}
        page = (await vercel.get("/v7/deployments", params=params)).json()
        seen += [item["uid"] for item in page["deployments"]]
        until = page["pagination"]["next"]
        if until is None:
            break
    assert seen == [item["uid"] for item in every]


async def test_a_rollback_moves_the_domains_and_freezes_what_follows(company: Any, vercel: httpx.AsyncClient) -> None:
    """A rollback is pending, then done; later pushes stay staged until one is promoted."""
    before = (await project(vercel))["targets"]["production"]["id"]
    target = (await deployments(vercel, rollbackCandidate="true"))[0]["uid"]
    response = await vercel.post(f"/v1/projects/{PROJECT}/rollback/{target}", params={"description": "broken"}, json={})
    assert (response.status_code, response.content) == (201, b"")
    moving = await project(vercel)
    assert moving["lastAliasRequest"]["jobStatus"] == "pending"
    assert moving["targets"]["production"]["id"] == before
    again = await vercel.post(f"/v1/projects/{PROJECT}/rollback/{target}", json={})
    assert again.status_code == 409

    company.world.clock.jump(3)
    moved = await project(vercel)
    assert moved["lastAliasRequest"] | {"requestedAt": 0} == {
        "type": "rollback",
        "jobStatus": "succeeded",
        "requestedAt": 0,
        "fromDeploymentId": before,
        "toDeploymentId": target,
    }
    assert moved["targets"]["production"]["id"] == target == company.world.production_deployment
    assert moved["autoAssignCustomDomains"] is False
    assert company.vendors["vercel"].state["production"] == "rolled_back"

    staged = company.vendors["vercel"].deployments.push("A fix", ("lib/fix.ts",), age=200)
    [found] = await deployments(vercel, sha=staged.commit.sha)
    assert (found["readyState"], found["readySubstate"], found["aliasAssigned"]) == ("READY", "STAGED", False)
    assert (await vercel.post(f"/v10/projects/{PROJECT}/promote/{staged.id}", json={})).status_code == 201
    company.world.clock.jump(3)
    promoted = await project(vercel)
    assert promoted["autoAssignCustomDomains"] is True
    assert promoted["targets"]["production"]["id"] == staged.id
    assert promoted["lastAliasRequest"]["type"] == "promote"


async def test_a_push_that_breaks_the_site(company: Any, vercel: httpx.AsyncClient) -> None:
    """It builds, serves, and everything of the site fails, until production is moved to another deployment."""
    before = (await project(vercel))["targets"]["production"]["id"]
    site = company.client("site")
    assert (await site.get("/")).status_code == 200
    company.vendors["vercel"].set_switch("production", "broken")
    assert (await project(vercel))["targets"]["production"]["readyState"] == "READY"
    assert [(await site.get(path)).status_code for path in ("/", "/api/user/entitlements")] == [500, 500]
    assert company.vendors["vercel"].state["production"] == "broken"
    await vercel.post(f"/v1/projects/{PROJECT}/rollback/{before}", json={})
    company.world.clock.jump(3)
    await project(vercel)
    assert (await site.get("/")).status_code == 200
    company.vendors["vercel"].set_switch("production", "ready")
    assert (await project(vercel))["autoAssignCustomDomains"] is True
    assert (await site.get("/")).status_code == 200


@pytest.mark.parametrize(
    ("behaviour", "status"), [("failing", "failed"), ("skipped", "skipped"), ("stuck", "in-progress")]
)
async def test_moves_that_do_not_happen(company: Any, vercel: httpx.AsyncClient, behaviour: str, status: str) -> None:
    """The job says so, and production stays where it was."""
    before = (await project(vercel))["targets"]["production"]["id"]
    company.vendors["vercel"].set_switch("alias_moves", behaviour)
    target = (await deployments(vercel, rollbackCandidate="true"))[0]["uid"]
    await vercel.post(f"/v1/projects/{PROJECT}/rollback/{target}", json={})
    company.world.clock.jump(60)
    after = await project(vercel)
    assert after["lastAliasRequest"]["jobStatus"] == status
    assert after["targets"]["production"]["id"] == before
    assert after["autoAssignCustomDomains"] is True


async def test_what_is_not_there_for_a_rollback(company: Any, vercel: httpx.AsyncClient) -> None:
    """What retention took is 410 and no candidate; a deployment of another project is listed there, and 404 here."""
    [gone] = await deployments(vercel, state="DELETED")
    assert gone["softDeletedByRetention"] is True
    assert gone["uid"] not in {item["uid"] for item in await deployments(vercel, rollbackCandidate="true")}
    detail = (await vercel.get(f"/v13/deployments/{gone['uid']}")).json()
    assert (detail["readyState"], detail["deletedAt"]) == ("READY", gone["deletedAt"])
    foreign = company.vendors["vercel"].deployments.foreign
    [listed] = (await vercel.get("/v6/deployments", params={"projectId": foreign.project})).json()["deployments"]
    assert listed["projectId"] == foreign.project != PROJECT
    for uid, status in ((gone["uid"], 410), (foreign.id, 404)):
        assert (await vercel.post(f"/v1/projects/{PROJECT}/rollback/{uid}", json={})).status_code == status


async def test_moves_that_cannot_be_are_refused(vercel: httpx.AsyncClient) -> None:
    """Unknown deployments, the serving one, failed builds and previews are refused, each with its own status."""
    serving = (await project(vercel))["targets"]["production"]["id"]
    [failed] = await deployments(vercel, state="ERROR")
    preview = (await deployments(vercel, branch="feat/teams"))[0]["uid"]
    old = (await deployments(vercel, rollbackCandidate="true"))[0]["uid"]
    for verb, uid, status in (
        ("v1/projects/{}/rollback", "dpl_unknown", 404),
        ("v1/projects/{}/rollback", serving, 422),
        ("v1/projects/{}/rollback", failed["uid"], 422),
        ("v1/projects/{}/rollback", preview, 422),
        ("v10/projects/{}/promote", preview, 400),
        ("v10/projects/{}/promote", failed["uid"], 400),
        ("v10/projects/{}/promote", old, 409),
    ):
        response = await vercel.post(f"/{verb.format(PROJECT)}/{uid}", json={})
        assert response.status_code == status, (verb, response.text)
        assert set(response.json()["error"]) == {"code", "message"}
    assert (await vercel.post(f"/v1/projects/prj_other/rollback/{old}", json={})).status_code == 404


@pytest.mark.parametrize(("option", "status"), [("stuck", "in-progress"), ("failing", "failed")])
async def test_a_move_may_get_stuck_or_fail(company: Any, vercel: httpx.AsyncClient, option: str, status: str) -> None:
    """With the switch set, the job never succeeds and the domains stay where they are."""
    company.vendors["vercel"].set_switch("alias_moves", option)
    before = (await project(vercel))["targets"]["production"]["id"]
    target = (await deployments(vercel, rollbackCandidate="true"))[0]["uid"]
    await vercel.post(f"/v9/projects/{PROJECT}/rollback/{target}", json={})
    company.world.clock.jump(100)
    after = await project(vercel)
    assert after["lastAliasRequest"]["jobStatus"] == status
    assert after["targets"]["production"]["id"] == before
    aliases = await vercel.get(f"/v9/projects/{PROJECT}/rollback/aliases", params={"failedOnly": "true"})
    failed = aliases.json()["aliases"]
    assert bool(failed) is (status == "failed")


async def test_the_production_switch_shows_in_the_project(company: Any, vercel: httpx.AsyncClient) -> None:
    """`error` shows a failed build, `rolled_back` a frozen project, `ready` is well again; the site keeps its build."""
    stand_in = company.vendors["vercel"]
    serving = company.world.production_deployment
    stand_in.set_switch("production", "error")
    broken = (await project(vercel))["targets"]["production"]
    assert broken["readyState"] == "ERROR"
    assert company.world.production_deployment == serving
    detail = (await vercel.get(f"/v13/deployments/{broken['id']}")).json()
    assert detail["errorMessage"]
    assert (await deployments(vercel))[0]["state"] == "ERROR"

    stand_in.set_switch("production", "ready")
    well = await project(vercel)
    assert (well["targets"]["production"]["readyState"], well["autoAssignCustomDomains"]) == ("READY", True)
    assert stand_in.state["production"] == "ready"

    stand_in.set_switch("production", "rolled_back")
    rolled = await project(vercel)
    assert (rolled["autoAssignCustomDomains"], rolled["lastAliasRequest"]["type"]) == (False, "rollback")
    stand_in.set_switch("production", "ready")
    assert (await project(vercel))["autoAssignCustomDomains"] is True


async def test_a_push_builds_and_goes_live_by_itself(company: Any, vercel: httpx.AsyncClient) -> None:
    """A push is building first, then serves; while it builds it can be cancelled, afterwards it cannot."""
    pushed = company.vendors["vercel"].deployments.push("A feature", ("app/page.tsx",))
    assert (await vercel.get(f"/v13/deployments/{pushed.id}")).json()["readyState"] == "QUEUED"
    company.world.clock.jump(10)
    assert (await vercel.get(f"/v13/deployments/{pushed.id}")).json()["readyState"] == "BUILDING"
    company.world.clock.jump(200)
    assert (await project(vercel))["targets"]["production"]["id"] == pushed.id
    assert (await vercel.patch(f"/v12/deployments/{pushed.id}/cancel")).status_code == 400
    other = company.vendors["vercel"].deployments.push("Another", ("app/page.tsx",))
    assert (await vercel.patch(f"/v12/deployments/{other.id}/cancel")).json()["readyState"] == "CANCELED"


async def test_a_preview_is_promoted_by_building_it_again(vercel: httpx.AsyncClient, company: Any) -> None:
    """A deployment created from a preview with the target production builds and serves."""
    preview = (await deployments(vercel, branch="feat/coupon-codes"))[0]["uid"]
    body = {"deploymentId": preview, "name": "interviewlab", "target": "production", "meta": {"action": "promote"}}
    created = (await vercel.post("/v13/deployments", json=body)).json()
    assert created["target"] == "production"
    company.world.clock.jump(300)
    assert (await project(vercel))["targets"]["production"]["id"] == created["id"]
    assert (await vercel.post("/v13/deployments", json={"name": 1})).status_code == 400


@pytest.mark.parametrize("prefix", ["edge-config", "global-config"])
async def test_the_maintenance_flag_reaches_the_world(company: Any, vercel: httpx.AsyncClient, prefix: str) -> None:
    """Writing `maintenance_mode` under either name changes what the site obeys; a bad batch changes nothing."""
    items = f"/v1/{prefix}/{CONFIG_ID}/items"
    on = {"operation": "upsert", "key": "maintenance_mode", "value": True}
    assert (await vercel.patch(items, json={"items": [on]})).json() == {"status": "ok"}
    assert company.world.maintenance is True
    assert (await vercel.get(f"/v1/{prefix}/{CONFIG_ID}/item/maintenance_mode")).json()["value"] is True
    off = {"operation": "update", "key": "maintenance_mode", "value": False}
    for bad, status in (
        ({"operation": "update", "key": "nothing", "value": 1}, 404),
        ({"operation": "create", "key": "maintenance_mode", "value": 1}, 409),
        ({"operation": "upsert", "key": "not a key", "value": 1}, 400),
    ):
        assert (await vercel.patch(items, json={"items": [off, bad]})).status_code == status
        assert company.world.maintenance is True
    assert (await vercel.patch(items, json={"items": [off]})).status_code == 200
    assert company.world.maintenance is False
    assert (await vercel.get(f"/v1/{prefix}/ecfg_other/item/maintenance_mode")).status_code == 404


async def test_config_items_match_the_specification(vercel: httpx.AsyncClient, matches_spec: Any) -> None:
    """Reading and writing items, and webhooks, have the documented shapes."""
    items = f"/v1/edge-config/{CONFIG_ID}"
    item = await vercel.get(f"{items}/item/maintenance_mode")
    matches_spec("vercel", "GET", "/v1/edge-config/{edgeConfigId}/item/{edgeConfigItemKey}", item)
    hook = await vercel.post("/v1/webhooks", json={"url": "https://ops.example/hook", "events": ["deployment.error"]})
    created = matches_spec("vercel", "POST", "/v1/webhooks", hook)
    listed = matches_spec("vercel", "GET", "/v1/webhooks", await vercel.get("/v1/webhooks"))
    assert "secret" in created
    assert "secret" not in listed[0]
    assert (await vercel.delete(f"/v1/webhooks/{created['id']}")).status_code == 204
    assert (await vercel.get("/v1/webhooks")).json() == []


async def test_reading_items_is_limited(vercel: httpx.AsyncClient) -> None:
    """The 21st read of an item within a minute is refused with 429 and when to come again."""
    where = f"/v1/edge-config/{CONFIG_ID}/item/maintenance_mode"
    answers = [await vercel.get(where) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    limit = answers[-1].json()["error"]["limit"]
    assert limit["total"] == 20
    assert limit["remaining"] == 0
    assert int(answers[-1].headers["retry-after"]) <= 60


async def test_the_history_of_requests_is_searched_and_paged(company: Any, vercel: httpx.AsyncClient) -> None:
    """Rows are newest first, no older than a day, narrowed by text, status and level; failing traffic shows."""
    query = {"projectId": PROJECT, "ownerId": CREDENTIALS["vercel.team_id"], "environment": "production"}
    first = (await vercel.get("/api/logs/request-logs", params=query)).json()
    second = (await vercel.get("/api/logs/request-logs", params=query | {"page": "1"})).json()
    assert first["hasMoreRows"] is True
    stamps = [row["timestamp"] for row in first["rows"] + second["rows"]]
    assert len(stamps) == 100
    assert stamps == sorted(stamps, reverse=True)
    company_of(company.world).write_log(
        "info", "[T134 Webhook] evt_1 granted", method="POST", path="/api/stripe-webhook", status=200
    )
    hooks = (await vercel.get("/api/logs/request-logs", params=query | {"search": "[T134 Webhook]"})).json()["rows"]
    assert hooks[0]["logs"][0]["message"] == "[T134 Webhook] evt_1 granted"
    assert all("[T134 Webhook]" in row["logs"][0]["message"] for row in hooks)
    assert len({row["deploymentId"] for row in first["rows"] + second["rows"]}) == 1
    recent = {"startDate": str(int((company.world.clock.timestamp() - 600) * 1000)), "statusCode": "5xx"}
    calm = (await vercel.get("/api/logs/request-logs", params=query | recent)).json()["rows"]
    company.vendors["vercel"].set_switch("traffic", "failing")
    failing = (await vercel.get("/api/logs/request-logs", params=query | recent)).json()["rows"]
    assert len(failing) > len(calm)
    assert all(row["statusCode"] == 500 and row["logs"][0]["level"] == "error" for row in failing)


async def test_the_runtime_log_is_a_stream_without_end(vercel: httpx.AsyncClient, company: Any) -> None:
    """Lines of JSON come while requests are served, until the caller leaves."""
    company.world.clock.set_speed(120)
    uid = company.world.production_deployment
    lines: list[str] = []
    where = f"/v1/projects/{PROJECT}/deployments/{uid}/runtime-logs"
    async with vercel.stream("GET", where) as response:
        assert response.headers["content-type"] == "application/stream+json"
        async for line in response.aiter_lines():
            lines.append(line)
            if len(lines) == 3:
                break
    row = httpx.Response(200, content=lines[0]).json()
    assert {"level", "message", "rowId", "source", "timestampInMs", "requestPath", "responseStatusCode"} <= set(row)


async def test_observability_answers_a_series_and_a_summary(company: Any, vercel: httpx.AsyncClient) -> None:
    """The key is the metric and its aggregation; slow traffic raises the percentile; an unknown metric is refused."""
    now = company.world.clock.now()
    query = {
        "scope": {"type": "project", "ownerId": CREDENTIALS["vercel.team_id"], "projectIds": [PROJECT]},
        "metric": "vercel.function_invocation.function_duration_ms",
        "aggregation": "p95",
        "startTime": now.replace(microsecond=0).isoformat().replace("+00:00", "Z"),
        "endTime": now.isoformat(),
        "granularity": {"minutes": 5},
    }
    key = "vercel_function_invocation_function_duration_ms_p95"
    calm = (await vercel.post("/v2/observability/query", json=query)).json()
    company.vendors["vercel"].set_switch("traffic", "slow")
    slow = (await vercel.post("/v2/observability/query", json=query)).json()
    assert slow["summary"][0][key] > 2000 > calm["summary"][0][key]
    refused = await vercel.post("/v2/observability/query", json=query | {"metric": "vercel.nothing"})
    assert refused.status_code == 400
    assert not company.vendors["vercel"].log[-1].acted
