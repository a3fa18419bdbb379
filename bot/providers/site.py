"""InterviewLab's own site, asked as a visitor would, without signing in."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

from bot.providers.http import Api, is_json
from bot.settings import SiteSettings

_MOST_HOPS: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteAnswer:
    """What the site answered, after redirects on its own host."""

    status: int
    json: bool
    """Whether the body is a JSON object; of an answer to HEAD nobody knows."""
    method: str
    hops: int = 0
    elsewhere: str = ""
    """The host to which a redirect pointed away, which was not followed."""
    challenged: bool = False
    """Vercel's Attack Challenge Mode answered (429, `x-vercel-mitigated: challenge`), not the site."""
    maintenance: bool = False
    """503 that says when to come back (`Retry-After`), as the app's own maintenance page does."""

    @property
    def protected(self) -> bool:
        """Whether a sign-in wall answered in the site's place: 401/403 with a page, or a redirect to another host."""
        return bool(self.elsewhere) or (self.status in (401, 403) and not self.json)


class Site:
    """The public addresses of the product."""

    def __init__(self, settings: SiteSettings, http: httpx.AsyncClient) -> None:
        """Ask under the production domain: deployment addresses may sit behind protection."""
        self.settings = settings
        self._api = Api(provider="The site", http=http, base_url=settings.url)

    async def home(self) -> SiteAnswer:
        """`HEAD /`, and `GET /` where that is not answered with 200: not every middleware knows HEAD.

        A 500 is asked about again, too: what visitors get is what counts.
        """
        answer = await self._ask("HEAD", "/")
        if answer.status == 200 or answer.elsewhere or answer.maintenance:
            return answer
        return await self._ask("GET", "/")

    async def entitlements(self) -> SiteAnswer:
        """`GET` of the entitlements API without signing in: 401 with the app's own JSON is the healthy answer."""
        return await self._ask("GET", self.settings.entitlements_path)

    async def _ask(self, method: str, path: str) -> SiteAnswer:
        api = replace(self._api, base_url=self._api.base_url.rstrip("/") + path)
        own = _bare(urlsplit(api.base_url).netloc)
        for hop in range(_MOST_HOPS):
            async with api.exchange(method) as response:
                location = response.headers.get("location", "")
                try:
                    target = urljoin(str(response.url), location) if 300 <= response.status_code < 400 else ""
                    elsewhere = urlsplit(target).netloc if location else ""
                except ValueError as error:
                    status = response.status_code
                    raise api.failed("garbled", status=status, why="redirects to what is no address") from error
                if not location or not target or _bare(elsewhere) != own:
                    return SiteAnswer(
                        status=response.status_code,
                        json=await _is_object(api, response),
                        method=method,
                        hops=hop,
                        elsewhere=elsewhere if target else "",
                        maintenance=response.status_code == 503 and "retry-after" in response.headers,
                        challenged=response.headers.get("x-vercel-mitigated") == "challenge",
                    )
            api = replace(api, base_url=target)
        raise self._api.failed("garbled", why=f"redirects in a circle ({_MOST_HOPS} times)")


async def _is_object(api: Api, response: httpx.Response) -> bool:
    """Whether the answer is a JSON object, as the app's own answers are."""
    if response.request.method == "HEAD" or not is_json(response):
        return False
    try:
        return isinstance(json.loads(await api.content(response)), dict)
    except (ValueError, RecursionError):
        return False


def _bare(netloc: str) -> str:
    """Return the host without `www.`: the apex sends there, and it is the same site."""
    return netloc.lower().removeprefix("www.")
