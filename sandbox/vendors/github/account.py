"""What all of GitHub's calls share: the token, the repository, the limit, pages, and the shape of errors and users."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from aiohttp import web

from sandbox.faults import Faults
from sandbox.repository import Author
from sandbox.vendors.vendor import Allowance, RateLimit, RefusalError, Vendor
from sandbox.world import CREDENTIALS, World

API: Final = "https://api.github.com"
SITE: Final = "https://github.com"
REPOSITORY: Final = CREDENTIALS["github.repository"]
BOT: Final = Author(login="ilab-ops", name="ilab", email="ops@interviewlab.io")


class GitHubAccount(Vendor):
    """The account: 5,000 requests an hour; without credentials a private repository does not exist."""

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with the whole allowance."""
        super().__init__(world, faults)
        self.limit = RateLimit(world, limit=5000, seconds=3600)
        self.allowance: Allowance | None = None

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
        self.allowance = self.limit.take()
        if not self.allowance.allowed:
            return self.error(403, "API rate limit exceeded for user ID 9001.")
        return await super().before(request)

    def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the limit's headers."""
        del request
        if self.allowance:
            response.headers["x-ratelimit-limit"] = str(self.allowance.limit)
            response.headers["x-ratelimit-remaining"] = str(self.allowance.remaining)
            response.headers["x-ratelimit-used"] = str(self.allowance.limit - self.allowance.remaining)
            response.headers["x-ratelimit-reset"] = str(int(self.now() + self.allowance.reset))
            response.headers["x-ratelimit-resource"] = "core"
        response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"

    def check_repository(self, request: web.Request) -> None:
        """Raise RefusalError (404) where the repository is not ours."""
        if f"{request.match_info['owner']}/{request.match_info['repo']}" != REPOSITORY:
            raise RefusalError(self.error(404, "Not Found"))

    def paged(self, request: web.Request, items: list[dict[str, Any]]) -> web.Response:
        """Return one page of items, with `Link` where there are more."""
        size = min(100, max(1, self.whole_number(request, "per_page", 30)))
        page = max(1, self.whole_number(request, "page", 1))
        response = web.json_response(items[(page - 1) * size : page * size])
        self.link(request, response, page, -(-len(items) // size))
        return response

    @staticmethod
    def link(request: web.Request, response: web.Response, page: int, pages: int) -> None:
        """Add the header that leads to the pages before and after."""
        links = []
        if page > 1:
            links.append(f'<{request.url.update_query(page=str(page - 1))}>; rel="prev"')
        if page < pages:
            links.append(f'<{request.url.update_query(page=str(page + 1))}>; rel="next"')
            links.append(f'<{request.url.update_query(page=str(pages))}>; rel="last"')
        if links:
            response.headers["Link"] = ", ".join(links)


def user(author: Author) -> dict[str, Any]:
    """Return a user in GitHub's shape."""
    url = f"{API}/users/{author.login}"
    number = int(hashlib.sha256(author.login.encode()).hexdigest()[:6], 16)
    return {
        "login": author.login,
        "id": number,
        "node_id": f"U_{number}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{SITE}/{author.login}",
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
