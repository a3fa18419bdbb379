"""How Slack's Web API is called: one HTTP session a process, no retry that could say a thing twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import ProviderError
from bot.settings import SlackSettings

TIMEOUT: Final = aiohttp.ClientTimeout(total=10, connect=3)
UNREACHABLE: Final = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Which bot of which workspace we are."""

    bot_id: str
    bot_user_id: str
    team_id: str
    url: str = ""


@dataclass(kw_only=True, slots=True)
class Slack:
    """The clients: `quick` never retries (for `views.open`, whose trigger lives 3 s); `patient` waits out a 429.

    Who we are Slack says with its first answer. Until then whatever needs to know it fails as a call to Slack would.
    """

    quick: AsyncWebClient
    patient: AsyncWebClient
    session: aiohttp.ClientSession
    identity: Identity | None = None

    @property
    def bot_id(self) -> str:
        """By this our messages are known."""
        return self._known.bot_id

    @property
    def bot_user_id(self) -> str:
        """By this we are mentioned, and make channels."""
        return self._known.bot_user_id

    @property
    def team_id(self) -> str:
        """The home workspace."""
        return self._known.team_id

    @property
    def url(self) -> str:
        """The workspace's own address, with a slash at its end."""
        return self._known.url

    @property
    def _known(self) -> Identity:
        if self.identity is None:
            raise ProviderError("Slack has not said yet who I am.", provider="slack", kind="refused")
        return self.identity


@asynccontextmanager
async def connected(settings: SlackSettings) -> AsyncIterator[Slack]:
    """The clients over one session, closed at the end. Nothing is called yet."""
    none: list[AsyncRetryHandler] = []
    wait_out_429: list[AsyncRetryHandler] = [AsyncRateLimitErrorRetryHandler(max_retry_count=3)]
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        quick, patient = (
            AsyncWebClient(
                token=settings.bot_token.get_secret_value(),
                base_url=settings.base_url,
                session=session,
                retry_handlers=handlers,
                user_agent_suffix="ilab",
            )
            for handlers in (none, wait_out_429)
        )
        if urlsplit(settings.base_url).hostname in ("127.0.0.1", "localhost", "::1"):
            # the SDK takes the environment's proxy even for this machine, and knows no NO_PROXY
            quick.proxy = patient.proxy = None
        yield Slack(quick=quick, patient=patient, session=session)


async def whoami(slack: Slack) -> Slack:
    """The clients know which bot of which workspace they are. Raises ProviderError."""
    answer = await call(slack.quick, "auth.test")
    try:
        slack.identity = Identity(
            bot_id=answer["bot_id"],
            bot_user_id=answer["user_id"],
            team_id=answer["team_id"],
            url=f"{str(answer.get('url', '')).rstrip('/')}/",
        )
    except KeyError as error:
        raise ProviderError("Slack did not say who I am.", provider="slack", kind="garbled") from error
    return slack


async def call(client: AsyncWebClient, method: str, **arguments: Any) -> dict[str, Any]:
    """The answer of a Web API method, or ProviderError: `why` then holds Slack's own error code.

    Arguments that are None are left out. Source: docs.slack.dev/apis/web-api; 200 with `ok: false` is a refusal.
    """
    data, _ = await _answered(client, method, {key: value for key, value in arguments.items() if value is not None})
    return data


async def signed_in(client: AsyncWebClient) -> tuple[dict[str, Any], dict[str, str]]:
    """Who our token is, and the headers that come with it, in lower case: `x-oauth-scopes` and `date` among them."""
    return await _answered(client, "auth.test", {})


async def _answered(
    client: AsyncWebClient, method: str, given: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        response = await client.api_call(method, json=given) if given else await client.api_call(method)
    except SlackApiError as error:
        raise _refused(method, error) from error
    except UNREACHABLE as error:
        raise ProviderError(
            f"Slack did not answer {method}.",
            provider="slack",
            kind="timeout" if isinstance(error, TimeoutError) else "refused",
            # a connection that was never made has carried nothing
            ambiguous=not isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)),
            why=type(error).__name__,
        ) from error
    if not isinstance(response.data, dict):
        raise ProviderError(f"Slack answered {method} with no JSON.", provider="slack", kind="garbled", ambiguous=True)
    return response.data, {name.lower(): str(value) for name, value in response.headers.items()}


_KINDS: Final = {
    "ratelimited": "rate_limited",
    "rate_limited": "rate_limited",
    "invalid_auth": "unauthorized",
    "not_authed": "unauthorized",
    "account_inactive": "unauthorized",
    "token_revoked": "unauthorized",
    "missing_scope": "unauthorized",
    "user_not_found": "not_found",
    "users_not_found": "not_found",
    "user_not_visible": "not_found",
    "channel_not_found": "not_found",
    "internal_error": "server",
    "fatal_error": "server",
    "service_unavailable": "server",
    "request_timeout": "server",
}


def _refused(method: str, error: SlackApiError) -> ProviderError:
    # where the body is no JSON, the SDK gives aiohttp's response in place of its own
    response = error.response
    given = getattr(response, "data", None)
    data = given if isinstance(given, dict) else {}
    code = str(data.get("error", ""))
    status = int(response.status if isinstance(response, aiohttp.ClientResponse) else response.status_code)
    kind = _KINDS.get(code, "")
    if not kind:
        kind = "rate_limited" if status == 429 else "server" if status >= 500 else "rejected" if code else "garbled"
    retry_after = response.headers.get("Retry-After") or response.headers.get("retry-after")
    return ProviderError(
        f"Slack refused {method}: {code or status}.",
        provider="slack",
        kind=kind,
        status=status,
        retry_after=float(retry_after) if retry_after else None,
        # after these Slack itself says that part of the call may have been done
        ambiguous=kind in ("server", "garbled"),
        why=code,
    )
