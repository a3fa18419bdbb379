"""A stand-in for GitHub's REST API, over the repository that Vercel deploys from: https://docs.github.com/rest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from sandbox.faults import Faults
from sandbox.repository import Author, Commit
from sandbox.vendors.moments import iso_seconds, parsed
from sandbox.vendors.vendor import API_SWITCH, Allowance, RateLimit, RefusalError, Vendor, call
from sandbox.vendors.vercel_deployments import Deployment, Deployments
from sandbox.world import CREDENTIALS, World

_API: Final = "https://api.github.com"
_SITE: Final = "https://github.com"
_REPOSITORY: Final = CREDENTIALS["github.repository"]
_BOT: Final = Author(login="ilab-ops", name="ilab", email="ops@interviewlab.io")


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


class GitHub(Vendor):
    """One private repository: 5,000 requests an hour; without credentials it does not exist."""

    name = "github"
    title = "GitHub"
    switches = (API_SWITCH,)

    def __init__(self, world: World, faults: Faults, deployments: Deployments) -> None:
        """Show the world's repository, and `deployments` as Vercel's integration reports them."""
        super().__init__(world, faults)
        self._deployments = deployments
        self._limit = RateLimit(world, limit=5000, seconds=3600)
        self._allowance: Allowance | None = None
        self.issues: list[Issue] = []
        people = world.repository.authors
        for title, days, author, labels in (
            ("Safari: no sound after the first question", 19.0, people[0], ["bug"]),
            ("Explain what “professional” includes on the pricing page", 11.0, people[1], ["docs"]),
            ("INC-7: add an index for the report page", 8.5, people[2], ["postmortem"]),
        ):
            self._open(title, "", author, world.started - days * 86400).labels = list(labels)

    # credentials, errors, limits

    def authorized(self, request: web.Request) -> bool:
        """Ask for the token, as `Bearer` or `token`."""
        token = CREDENTIALS["github.token"]
        return request.headers.get("Authorization") in (f"Bearer {token}", f"token {token}")

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer `{"message", "documentation_url", "status"}`."""
        del code
        body = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
        return web.json_response(body, status=status)

    def unauthorized(self, request: web.Request) -> web.Response:
        """Answer 401 to a wrong token; without one a private repository is 404."""
        if request.headers.get("Authorization"):
            return self.error(401, "Bad credentials")
        return self.error(404, "Not Found")

    async def before(self, request: web.Request) -> web.Response | None:
        """Refuse callers without a name, and count the call."""
        if not request.headers.get("User-Agent"):
            return web.Response(text="Request forbidden by administrative rules. User-Agent is missing.", status=403)
        self._allowance = self._limit.take()
        if not self._allowance.allowed:
            return self.error(403, "API rate limit exceeded for user ID 9001.")
        return await super().before(request)

    def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the limit's headers."""
        del request
        if self._allowance:
            response.headers["x-ratelimit-limit"] = str(self._allowance.limit)
            response.headers["x-ratelimit-remaining"] = str(self._allowance.remaining)
            response.headers["x-ratelimit-used"] = str(self._allowance.limit - self._allowance.remaining)
            response.headers["x-ratelimit-reset"] = str(int(self.now() + self._allowance.reset))
            response.headers["x-ratelimit-resource"] = "core"
        response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"

    def _repository(self, request: web.Request) -> None:
        if f"{request.match_info['owner']}/{request.match_info['repo']}" != _REPOSITORY:
            raise RefusalError(self.error(404, "Not Found"))

    def _paged(self, request: web.Request, items: list[dict[str, Any]]) -> web.Response:
        """Return one page of items, with `Link` where there are more."""
        size = min(100, max(1, self.whole_number(request, "per_page", 30)))
        page = max(1, self.whole_number(request, "page", 1))
        response = web.json_response(items[(page - 1) * size : page * size])
        self._link(request, response, page, -(-len(items) // size))
        return response

    @staticmethod
    def _link(request: web.Request, response: web.Response, page: int, pages: int) -> None:
        links = []
        if page > 1:
            links.append(f'<{request.url.update_query(page=str(page - 1))}>; rel="prev"')
        if page < pages:
            links.append(f'<{request.url.update_query(page=str(page + 1))}>; rel="next"')
            links.append(f'<{request.url.update_query(page=str(pages))}>; rel="last"')
        if links:
            response.headers["Link"] = ", ".join(links)

    # commits

    def _commit(self, ref: str) -> Commit:
        try:
            return self.world.repository.commit(ref)
        except KeyError:
            raise RefusalError(self.error(404, "Not Found")) from None

    @call("GET", "/repos/{owner}/{repo}/commits", "list commits")
    async def list_commits(self, request: web.Request) -> web.Response:
        """List the commits reachable from `sha`, newest first, between `since` and `until`, touching `path`."""
        self._repository(request)
        query = request.query
        head = self._commit(query.get("sha", "main"))
        try:
            since = parsed(query["since"]) if "since" in query else 0.0
            until = parsed(query["until"]) if "until" in query else float("inf")
        except ValueError:
            raise RefusalError(self.error(422, "Validation Failed")) from None
        found = [
            self._listed(commit)
            for commit in self.world.repository.history(head.sha)
            if since <= commit.at <= until
            and query.get("author", commit.author.login) in (commit.author.login, commit.author.email)
            and any(file.startswith(query.get("path", "")) for file in commit.files)
        ]
        return self._paged(request, found)

    @call("GET", "/repos/{owner}/{repo}/commits/{ref}", "get commit")
    async def get_commit(self, request: web.Request) -> web.Response:
        """Return one commit with its files."""
        self._repository(request)
        commit = self._commit(request.match_info["ref"])
        files = [self._file(commit, name) for name in commit.files]
        stats = {
            "additions": sum(file["additions"] for file in files),
            "deletions": sum(file["deletions"] for file in files),
            "total": sum(file["changes"] for file in files),
        }
        return web.json_response(self._listed(commit) | {"stats": stats, "files": files})

    @call("GET", "/repos/{owner}/{repo}/compare/{basehead:.+}", "compare commits")
    async def compare(self, request: web.Request) -> web.Response:
        """Say what lies between two commits: oldest first; files on the first page only."""
        self._repository(request)
        base_ref, dots, head_ref = request.match_info["basehead"].partition("...")
        if not dots:
            raise RefusalError(self.error(404, "Not Found"))
        base, head = self._commit(base_ref), self._commit(head_ref)
        ahead, behind, common = self.world.repository.between(base.sha, head.sha)
        status = "diverged" if ahead and behind else "ahead" if ahead else "behind" if behind else "identical"
        size = min(100, max(1, self.whole_number(request, "per_page", 100)))
        page = max(1, self.whole_number(request, "page", 1))
        changed = {name: self._file(commit, name) for commit in ahead for name in commit.files}
        where = f"/compare/{base_ref}...{head_ref}"
        body = {
            "url": f"{_API}/repos/{_REPOSITORY}{where}",
            "html_url": f"{_SITE}/{_REPOSITORY}{where}",
            "permalink_url": f"{_SITE}/{_REPOSITORY}/compare/{base.sha[:12]}...{head.sha[:12]}",
            "diff_url": f"{_SITE}/{_REPOSITORY}{where}.diff",
            "patch_url": f"{_SITE}/{_REPOSITORY}{where}.patch",
            "base_commit": self._listed(base),
            "merge_base_commit": self._listed(common),
            "status": status,
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "commits": [self._listed(commit) for commit in ahead[(page - 1) * size : page * size]],
            "files": list(changed.values()) if page == 1 else [],
        }
        response = web.json_response(body)
        self._link(request, response, page, -(-len(ahead) // size))
        return response

    def _listed(self, commit: Commit) -> dict[str, Any]:
        person = {"name": commit.author.name, "email": commit.author.email, "date": iso_seconds(commit.at)}
        url = f"{_API}/repos/{_REPOSITORY}/commits/{commit.sha}"
        tree = hashlib.sha1(commit.sha.encode(), usedforsecurity=False).hexdigest()
        parents = [commit.parent] if commit.parent else []
        return {
            "sha": commit.sha,
            "node_id": f"C_{commit.sha[:20]}",
            "url": url,
            "html_url": f"{_SITE}/{_REPOSITORY}/commit/{commit.sha}",
            "comments_url": f"{url}/comments",
            "commit": {
                "url": f"{_API}/repos/{_REPOSITORY}/git/commits/{commit.sha}",
                "author": person,
                "committer": person,
                "message": commit.message,
                "comment_count": 0,
                "tree": {"sha": tree, "url": f"{_API}/repos/{_REPOSITORY}/git/trees/{tree}"},
                "verification": {
                    "verified": True,
                    "reason": "valid",
                    "payload": None,
                    "signature": None,
                    "verified_at": iso_seconds(commit.at),
                },
            },
            "author": _user(commit.author),
            "committer": _user(commit.author),
            "parents": [
                {
                    "sha": parent,
                    "url": f"{_API}/repos/{_REPOSITORY}/commits/{parent}",
                    "html_url": f"{_SITE}/{_REPOSITORY}/commit/{parent}",
                }
                for parent in parents
            ],
        }

    @staticmethod
    def _file(commit: Commit, name: str) -> dict[str, Any]:
        sha = hashlib.sha1(f"{commit.sha}{name}".encode(), usedforsecurity=False).hexdigest()
        fresh = name.startswith("db/migrations/")
        additions, deletions = 3 + int(sha[:2], 16) % 60, 0 if fresh else int(sha[2:4], 16) % 30
        return {
            "sha": sha,
            "filename": name,
            "status": "added" if fresh else "modified",
            "additions": additions,
            "deletions": deletions,
            "changes": additions + deletions,
            "blob_url": f"{_SITE}/{_REPOSITORY}/blob/{commit.sha}/{name}",
            "raw_url": f"{_SITE}/{_REPOSITORY}/raw/{commit.sha}/{name}",
            "contents_url": f"{_API}/repos/{_REPOSITORY}/contents/{name}?ref={commit.sha}",
            "patch": f"@@ -1,{deletions} +1,{additions} @@ {commit.message}",
        }

    # issues

    def _open(self, title: str, body: str, author: Author, at: float) -> Issue:
        number = 341 + len(self.issues)
        issue = Issue(number=number, title=title, body=body, author=author, created=at, updated=at)
        self.issues.append(issue)
        return issue

    @call("GET", "/repos/{owner}/{repo}/issues", "list issues")
    async def list_issues(self, request: web.Request) -> web.Response:
        """List issues, newest first, by state and labels."""
        self._repository(request)
        state = request.query.get("state", "open")
        labels = {label for label in request.query.get("labels", "").split(",") if label}
        found = [
            self._issue(issue)
            for issue in reversed(self.issues)
            if state in ("all", "closed" if issue.closed else "open") and labels <= set(issue.labels)
        ]
        return self._paged(request, found)

    @call("POST", "/repos/{owner}/{repo}/issues", "create issue")
    async def create_issue(self, request: web.Request) -> web.Response:
        """Open an issue: 201. Doing it twice opens two."""
        self._repository(request)
        body = await self.json_object(request)
        if not isinstance(body.get("title"), str) or not body["title"].strip():
            errors = [{"resource": "Issue", "code": "missing_field", "field": "title"}]
            raise RefusalError(self._invalid(errors))
        known = {author.login for author in self.world.repository.authors}
        unknown = [login for login in body.get("assignees") or [] if login not in known]
        if unknown:
            errors = [{"resource": "Issue", "code": "invalid", "field": "assignees", "value": unknown[0]}]
            raise RefusalError(self._invalid(errors))
        issue = self._open(body["title"], str(body.get("body") or ""), _BOT, self.now())
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
        self._repository(request)
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
        url = f"{_API}/repos/{_REPOSITORY}/issues"
        comment = {
            "id": number,
            "node_id": f"IC_{number}",
            "url": f"{url}/comments/{number}",
            "html_url": f"{_SITE}/{_REPOSITORY}/issues/{issue.number}#issuecomment-{number}",
            "issue_url": f"{url}/{issue.number}",
            "user": _user(_BOT),
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
            "repo": {_REPOSITORY},
            "is": {"issue", "closed" if issue.closed else "open"},
            "state": {"closed" if issue.closed else "open"},
            "label": set(issue.labels),
            "in": {"title", "body", "title,body"},
        }
        if colon and key in facts:
            return value.strip('"') in facts[key]
        return word.strip('"').lower() in f"{issue.title} {issue.body}".lower()

    def _issue(self, issue: Issue) -> dict[str, Any]:
        url = f"{_API}/repos/{_REPOSITORY}/issues/{issue.number}"
        assigned = [_user(author) for author in self.world.repository.authors if author.login in issue.assignees]
        return {
            "id": 2_600_000_000 + issue.number,
            "node_id": f"I_{issue.number}",
            "url": url,
            "repository_url": f"{_API}/repos/{_REPOSITORY}",
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": f"{_SITE}/{_REPOSITORY}/issues/{issue.number}",
            "number": issue.number,
            "state": "closed" if issue.closed else "open",
            "state_reason": "completed" if issue.closed else None,
            "title": issue.title,
            "body": issue.body or None,
            "user": _user(issue.author),
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

    # deployments, the repository, the limit

    @call("GET", "/repos/{owner}/{repo}/deployments", "list deployments")
    async def list_deployments(self, request: web.Request) -> web.Response:
        """List Vercel's deployments, newest first, by environment, commit and branch."""
        self._repository(request)
        query = request.query
        found = [
            self._deployment(deployment)
            for deployment in self._deployments.all
            if query.get("environment", self._environment(deployment)) == self._environment(deployment)
            and query.get("sha", deployment.commit.sha) == deployment.commit.sha
            and query.get("ref", deployment.commit.sha) in (deployment.commit.sha, deployment.commit.branch)
        ]
        return self._paged(request, found)

    @staticmethod
    def _environment(deployment: Deployment) -> str:
        return "Production" if deployment.production else "Preview"

    def _deployment(self, deployment: Deployment) -> dict[str, Any]:
        number = 1_900_000_000 + int(hashlib.sha256(deployment.id.encode()).hexdigest()[:6], 16)
        url = f"{_API}/repos/{_REPOSITORY}/deployments/{number}"
        vercel = Author(login="vercel[bot]", name="Vercel", email="bot@vercel.com")
        return {
            "id": number,
            "node_id": f"DE_{number}",
            "url": url,
            "sha": deployment.commit.sha,
            "ref": deployment.commit.sha,
            "task": "deploy",
            "payload": {},
            "original_environment": self._environment(deployment),
            "environment": self._environment(deployment),
            "description": None,
            "creator": _user(vercel),
            "created_at": iso_seconds(deployment.created),
            "updated_at": iso_seconds(deployment.ready_at),
            "statuses_url": f"{url}/statuses",
            "repository_url": f"{_API}/repos/{_REPOSITORY}",
            "production_environment": deployment.production,
        }

    @call("GET", "/repos/{owner}/{repo}", "get repository")
    async def get_repository(self, request: web.Request) -> web.Response:
        """Return the repository, with what the token may do in it."""
        self._repository(request)
        owner, name = _REPOSITORY.split("/")
        body = {
            "id": 711204330,
            "name": name,
            "full_name": _REPOSITORY,
            "private": True,
            "html_url": f"{_SITE}/{_REPOSITORY}",
            "default_branch": "main",
            "has_issues": True,
            "archived": False,
            "owner": {"login": owner, "type": "Organization"},
            "permissions": {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True},
        }
        return web.json_response(body)

    @call("GET", "/rate_limit", "get rate limit")
    async def rate_limit(self, request: web.Request) -> web.Response:
        """Return what is left of the hour."""
        del request
        left = self._allowance.remaining if self._allowance else self._limit.limit
        reset = int(self.now() + (self._allowance.reset if self._allowance else 3600))
        core = {"limit": self._limit.limit, "remaining": left, "reset": reset, "used": self._limit.limit - left}
        search = {"limit": 30, "remaining": 30, "reset": reset, "used": 0}
        return web.json_response({"resources": {"core": core, "search": search}, "rate": core})

    @call("GET", "/user", "get user")
    async def get_user(self, request: web.Request) -> web.Response:
        """Return whose token it is."""
        del request
        return web.json_response(_user(_BOT))


def _user(author: Author) -> dict[str, Any]:
    """Return a user in GitHub's shape."""
    url = f"{_API}/users/{author.login}"
    number = int(hashlib.sha256(author.login.encode()).hexdigest()[:6], 16)
    return {
        "login": author.login,
        "id": number,
        "node_id": f"U_{number}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{_SITE}/{author.login}",
        "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events",
        "type": "Bot" if author.login.endswith("[bot]") else "User",
        "site_admin": False,
    }
