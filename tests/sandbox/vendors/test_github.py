"""GitHub's stand-in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

REPOSITORY = "/repos/interviewlab/web"
SPEC = "/repos/{owner}/{repo}"


@pytest.fixture
def github(company: Any) -> httpx.AsyncClient:
    """A client of GitHub with valid credentials."""
    return company.client("github")


async def test_answers_are_what_the_specification_says(
    company: Any, github: httpx.AsyncClient, matches_spec: Any
) -> None:
    """Commits, a comparison, issues, deployments and the limit have the documented shapes."""
    commits = matches_spec("github", "GET", f"{SPEC}/commits", await github.get(f"{REPOSITORY}/commits"))
    one = await github.get(f"{REPOSITORY}/commits/{commits[0]['sha']}")
    matches_spec("github", "GET", f"{SPEC}/commits/{{ref}}", one)
    compared = await github.get(f"{REPOSITORY}/compare/{commits[3]['sha']}...{commits[0]['sha']}")
    matches_spec("github", "GET", f"{SPEC}/compare/{{basehead}}", compared)
    matches_spec("github", "GET", f"{SPEC}/issues", await github.get(f"{REPOSITORY}/issues"))
    deployments = await github.get(f"{REPOSITORY}/deployments", params={"environment": "Production"})
    assert len(matches_spec("github", "GET", f"{SPEC}/deployments", deployments)) == 20
    matches_spec("github", "GET", "/rate_limit", await github.get("/rate_limit"))


async def test_what_lies_between_two_deployments(company: Any, github: httpx.AsyncClient) -> None:
    """Commits come oldest first, with a migration among the files; the other way round it is behind."""
    vercel = company.client("vercel")
    listed = (await vercel.get("/v6/deployments", params={"target": "production", "limit": "100"})).json()
    new, old = (listed["deployments"][at]["meta"]["githubCommitSha"] for at in (0, 3))
    body = (await github.get(f"{REPOSITORY}/compare/{old}...{new}")).json()
    assert (body["status"], body["ahead_by"], body["total_commits"]) == ("ahead", 3, 3)
    assert body["commits"][-1]["sha"] == new
    dates = [commit["commit"]["author"]["date"] for commit in body["commits"]]
    assert dates == sorted(dates)
    assert any(file["filename"].startswith("db/migrations/") for file in body["files"])
    back = (await github.get(f"{REPOSITORY}/compare/{new}...{old}")).json()
    assert (back["status"], back["behind_by"], back["commits"]) == ("behind", 3, [])
    branch = (await github.get(f"{REPOSITORY}/compare/main...feat/teams")).json()
    assert branch["status"] == "diverged"
    assert (await github.get(f"{REPOSITORY}/compare/main...main")).json()["status"] == "identical"
    paged = await github.get(f"{REPOSITORY}/compare/{old}...{new}", params={"per_page": 2, "page": 2})
    assert (len(paged.json()["commits"]), paged.json()["files"]) == (1, [])
    assert 'rel="prev"' in paged.headers["link"]
    for unknown in (f"{'0' * 40}...{new}", "main..feat", "none...main"):
        assert (await github.get(f"{REPOSITORY}/compare/{unknown}")).status_code == 404


async def test_a_push_shows_everywhere(company: Any, github: httpx.AsyncClient) -> None:
    """What is pushed is the newest commit and a deployment of GitHub, too."""
    pushed = company.vendors["vercel"].deployments.push("Hotfix", ("lib/fix.ts",))
    assert (await github.get(f"{REPOSITORY}/commits")).json()[0]["sha"] == pushed.commit.sha
    found = (await github.get(f"{REPOSITORY}/deployments", params={"sha": pushed.commit.sha})).json()
    assert [deployment["environment"] for deployment in found] == ["Production"]


async def test_commits_are_narrowed_and_paged(company: Any, github: httpx.AsyncClient) -> None:
    """`since`, `author` and `path` narrow; `Link` leads on."""
    commits = (await github.get(f"{REPOSITORY}/commits", params={"per_page": 100})).json()
    since = commits[4]["commit"]["author"]["date"]
    recent = (await github.get(f"{REPOSITORY}/commits", params={"since": since})).json()
    assert [commit["sha"] for commit in recent] == [commit["sha"] for commit in commits[: len(recent)]]
    assert len(recent) in (4, 5)
    bob = (await github.get(f"{REPOSITORY}/commits", params={"author": "bokafor"})).json()
    assert {commit["author"]["login"] for commit in bob} == {"bokafor"}
    migrations = (await github.get(f"{REPOSITORY}/commits", params={"path": "db/migrations"})).json()
    assert 0 < len(migrations) < len(commits)
    page = await github.get(f"{REPOSITORY}/commits", params={"per_page": 10})
    assert 'rel="next"' in page.headers["link"]
    assert (await github.get(f"{REPOSITORY}/commits", params={"since": "x"})).status_code == 422


async def test_an_issue_is_opened_found_commented_and_closed(github: httpx.AsyncClient, matches_spec: Any) -> None:
    """Opening is 201 and not idempotent; searching finds it; a comment counts; closing removes it from the open."""
    body = {"title": "INC-12: add a time-out", "body": "From the post-mortem", "labels": ["postmortem"]}
    issue = matches_spec("github", "POST", f"{SPEC}/issues", await github.post(f"{REPOSITORY}/issues", json=body))
    again = (await github.post(f"{REPOSITORY}/issues", json=body)).json()
    assert again["number"] == issue["number"] + 1
    found = (await github.get("/search/issues", params={"q": 'repo:interviewlab/web is:issue "INC-12"'})).json()
    assert found["total_count"] == 2
    where = f"{REPOSITORY}/issues/{issue['number']}"
    comment = await github.post(f"{where}/comments", json={"body": "Done"})
    matches_spec("github", "POST", f"{SPEC}/issues/{{issue_number}}/comments", comment)
    closed = await github.patch(where, json={"state": "closed"})
    assert matches_spec("github", "PATCH", f"{SPEC}/issues/{{issue_number}}", closed)["comments"] == 1
    still_open = {found["number"] for found in (await github.get(f"{REPOSITORY}/issues")).json()}
    assert issue["number"] not in still_open


async def test_what_is_wrong_is_refused(company: Any, github: httpx.AsyncClient) -> None:
    """A wrong token is 401, none is 404, another repository 404, an issue without a title 422."""
    wrong = await company.client("github", Authorization="Bearer x").get(f"{REPOSITORY}/commits")
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Bad credentials")
    assert (await company.client("github", Authorization="").get(f"{REPOSITORY}/commits")).status_code == 404
    assert (await github.get("/repos/other/web/commits")).status_code == 404
    untitled = await github.post(f"{REPOSITORY}/issues", json={"title": " "})
    assert (untitled.status_code, untitled.json()["errors"][0]["field"]) == (422, "title")
    stranger = await github.post(f"{REPOSITORY}/issues", json={"title": "x", "assignees": ["stranger"]})
    assert stranger.status_code == 422
    assert (await github.get(f"{REPOSITORY}/issues/1")).status_code == 404


async def test_the_limit_is_told(github: httpx.AsyncClient) -> None:
    """Each answer counts down from 5,000, in the headers and in the call of its own."""
    first = await github.get(REPOSITORY)
    assert first.headers["x-ratelimit-remaining"] == "4999"
    assert (await github.get("/rate_limit")).json()["rate"]["remaining"] == 4998
