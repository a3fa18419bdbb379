"""GitHub's issues, their comments, and the search for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.faults import Faults
from sandbox.repository import Author
from sandbox.vendors.github.account import API, BOT, REPOSITORY, SITE, GitHubAccount, user
from sandbox.vendors.moments import iso_seconds
from sandbox.vendors.vendor import RefusalError, call
from sandbox.world import World


@dataclass(kw_only=True, slots=True)
class Issue:
    """One issue; times are in seconds since the epoch."""

    number: int
    title: str
    body: str
    author: Author
    created: float
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    comments: list[tuple[float, str]] = field(default_factory=list)
    closed: float | None = None
    updated: float = 0.0


class GitHubIssues(GitHubAccount):
    """The calls about issues."""

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with three open issues."""
        super().__init__(world, faults)
        self.issues: list[Issue] = []
        people = world.repository.authors
        for title, days, author, labels in (
            ("Safari: no sound after the first question", 19.0, people[0], ["bug"]),
            ("Explain what “professional” includes on the pricing page", 11.0, people[1], ["docs"]),
            ("INC-7: add an index for the report page", 8.5, people[2], ["postmortem"]),
        ):
            self.open_issue(title, "", author, world.started - days * 86400).labels = list(labels)

    def open_issue(self, title: str, body: str, author: Author, at: float) -> Issue:
        """Add an issue with the next number."""
        number = 341 + len(self.issues)
        issue = Issue(number=number, title=title, body=body, author=author, created=at, updated=at)
        self.issues.append(issue)
        return issue

    @call("GET", "/repos/{owner}/{repo}/issues", "list issues")
    async def list_issues(self, request: web.Request) -> web.Response:
        """List issues, newest first, by state and labels."""
        self.check_repository(request)
        state = request.query.get("state", "open")
        labels = {label for label in request.query.get("labels", "").split(",") if label}
        found = [
            self._issue(issue)
            for issue in reversed(self.issues)
            if state in ("all", "closed" if issue.closed else "open") and labels <= set(issue.labels)
        ]
        return self.paged(request, found)

    @call("POST", "/repos/{owner}/{repo}/issues", "create issue")
    async def create_issue(self, request: web.Request) -> web.Response:
        """Open an issue: 201. Doing it twice opens two."""
        self.check_repository(request)
        body = await self.json_object(request)
        if not isinstance(body.get("title"), str) or not body["title"].strip():
            errors = [{"resource": "Issue", "code": "missing_field", "field": "title"}]
            raise RefusalError(self._invalid(errors))
        known = {author.login for author in self.world.repository.authors}
        unknown = [login for login in body.get("assignees") or [] if login not in known]
        if unknown:
            errors = [{"resource": "Issue", "code": "invalid", "field": "assignees", "value": unknown[0]}]
            raise RefusalError(self._invalid(errors))
        issue = self.open_issue(body["title"], str(body.get("body") or ""), BOT, self.now())
        labels = [label if isinstance(label, str) else label["name"] for label in body.get("labels") or []]
        issue.labels, issue.assignees = labels, list(body.get("assignees") or [])
        return web.json_response(self._issue(issue), status=201)

    def _invalid(self, errors: list[dict[str, str]]) -> web.Response:
        body = {
            "message": "Validation Failed",
            "documentation_url": "https://docs.github.com/rest",
            "status": "422",
            "errors": errors,
        }
        return web.json_response(body, status=422)

    def _found(self, request: web.Request) -> Issue:
        self.check_repository(request)
        for issue in self.issues:
            if str(issue.number) == request.match_info["number"]:
                return issue
        raise RefusalError(self.error(404, "Not Found"))

    @call("GET", "/repos/{owner}/{repo}/issues/{number}", "get issue")
    async def get_issue(self, request: web.Request) -> web.Response:
        """Return one issue."""
        return web.json_response(self._issue(self._found(request)))

    @call("PATCH", "/repos/{owner}/{repo}/issues/{number}", "update issue")
    async def update_issue(self, request: web.Request) -> web.Response:
        """Change an issue's title, body, labels, or state."""
        issue, body = self._found(request), await self.json_object(request)
        if body.get("state") not in (None, "open", "closed"):
            raise RefusalError(self._invalid([{"resource": "Issue", "code": "invalid", "field": "state"}]))
        issue.title, issue.body = str(body.get("title", issue.title)), str(body.get("body", issue.body))
        issue.labels = list(body.get("labels", issue.labels))
        if "state" in body:
            issue.closed = self.now() if body["state"] == "closed" else None
        issue.updated = self.now()
        return web.json_response(self._issue(issue))

    @call("POST", "/repos/{owner}/{repo}/issues/{number}/comments", "comment on issue")
    async def comment(self, request: web.Request) -> web.Response:
        """Add a comment: 201."""
        issue, body = self._found(request), await self.json_object(request)
        if not isinstance(body.get("body"), str) or not body["body"]:
            raise RefusalError(self._invalid([{"resource": "IssueComment", "code": "missing_field", "field": "body"}]))
        issue.comments.append((self.now(), body["body"]))
        issue.updated = self.now()
        number = 7_000_000 + issue.number * 100 + len(issue.comments)
        url = f"{API}/repos/{REPOSITORY}/issues"
        comment = {
            "id": number,
            "node_id": f"IC_{number}",
            "url": f"{url}/comments/{number}",
            "html_url": f"{SITE}/{REPOSITORY}/issues/{issue.number}#issuecomment-{number}",
            "issue_url": f"{url}/{issue.number}",
            "user": user(BOT),
            "created_at": iso_seconds(self.now()),
            "updated_at": iso_seconds(self.now()),
            "body": body["body"],
            "author_association": "MEMBER",
        }
        return web.json_response(comment, status=201)

    @call("GET", "/search/issues", "search issues")
    async def search_issues(self, request: web.Request) -> web.Response:
        """Find issues by words, in title and body, and by `repo:`, `is:`, `state:`, `label:`."""
        words = request.query.get("q", "").split()
        if not words:
            raise RefusalError(self._invalid([{"resource": "Search", "code": "missing", "field": "q"}]))
        found = [issue for issue in reversed(self.issues) if all(self._matches(issue, word) for word in words)]
        items = [self._issue(issue) | {"score": 1.0} for issue in found]
        return web.json_response({"total_count": len(items), "incomplete_results": False, "items": items})

    @staticmethod
    def _matches(issue: Issue, word: str) -> bool:
        key, colon, value = word.partition(":")
        facts = {
            "repo": {REPOSITORY},
            "is": {"issue", "closed" if issue.closed else "open"},
            "state": {"closed" if issue.closed else "open"},
            "label": set(issue.labels),
            "in": {"title", "body", "title,body"},
        }
        if colon and key in facts:
            return value.strip('"') in facts[key]
        return word.strip('"').lower() in f"{issue.title} {issue.body}".lower()

    def _issue(self, issue: Issue) -> dict[str, Any]:
        url = f"{API}/repos/{REPOSITORY}/issues/{issue.number}"
        assigned = [user(author) for author in self.world.repository.authors if author.login in issue.assignees]
        return {
            "id": 2_600_000_000 + issue.number,
            "node_id": f"I_{issue.number}",
            "url": url,
            "repository_url": f"{API}/repos/{REPOSITORY}",
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": f"{SITE}/{REPOSITORY}/issues/{issue.number}",
            "number": issue.number,
            "state": "closed" if issue.closed else "open",
            "state_reason": "completed" if issue.closed else None,
            "title": issue.title,
            "body": issue.body or None,
            "user": user(issue.author),
            "labels": [{"id": 1, "name": label, "color": "ededed", "default": False} for label in issue.labels],
            "assignee": assigned[0] if assigned else None,
            "assignees": assigned,
            "milestone": None,
            "locked": False,
            "comments": len(issue.comments),
            "author_association": "MEMBER",
            "closed_at": iso_seconds(issue.closed) if issue.closed else None,
            "created_at": iso_seconds(issue.created),
            "updated_at": iso_seconds(issue.updated),
        }
