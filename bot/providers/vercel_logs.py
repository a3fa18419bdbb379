"""What the product's server wrote: Vercel's history of requests, and its live stream.

The documented call is a stream of what is written from now on. What Vercel's own program searches is an undocumented
address (`vercel logs`, packages/cli/src/util/logs-v2.ts), kept for an hour to a day, as the plan has it: every answer
of another shape is a ProviderError, after which the stream is what is left.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from bot.providers.http import Api
from bot.settings import VercelSettings

Level = Literal["trace", "debug", "info", "warning", "error", "fatal"]
LEVELS: Final[tuple[Level, ...]] = ("trace", "debug", "info", "warning", "error", "fatal")
"""From the least to the gravest."""
PAGE: Final = 50
_STREAM_HEARD_FOR: Final = 2.0
"""Seconds for which the stream is listened to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLine:
    """One line, with the request that wrote it. `message` may be cut by Vercel; it may hold personal data."""

    at: datetime
    level: str
    message: str
    method: str = ""
    path: str = ""
    status: int = 0
    deployment: str = ""
    request: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Lines, newest first. `more`: there are older ones that were not asked for."""

    lines: tuple[LogLine, ...]
    more: bool


class _Log(BaseModel):
    level: str
    message: str = ""


class _Row(BaseModel):
    requestId: str = ""  # noqa: N815 -- Vercel's name
    timestamp: datetime
    deploymentId: str = ""  # noqa: N815
    requestMethod: str = ""  # noqa: N815
    requestPath: str = ""  # noqa: N815
    statusCode: int = 0  # noqa: N815
    logs: list[_Log] = []


class _Rows(BaseModel):
    rows: list[_Row]
    hasMoreRows: bool = False  # noqa: N815


class _Streamed(BaseModel):
    level: str
    message: str = ""
    timestampInMs: int  # noqa: N815
    requestMethod: str = ""  # noqa: N815
    requestPath: str = ""  # noqa: N815
    responseStatusCode: int = 0  # noqa: N815
    rowId: str = ""  # noqa: N815


_ROWS: Final = TypeAdapter(_Rows)
_STREAMED: Final = TypeAdapter(_Streamed)


class VercelLogs:
    """The logs of one project."""

    def __init__(self, settings: VercelSettings, http: httpx.AsyncClient) -> None:
        """Send the same token to both addresses."""
        self.settings = settings
        headers = {"authorization": f"Bearer {settings.token.get_secret_value()}"}
        self._history = Api(provider="Vercel's log history", http=http, base_url=settings.logs_url, headers=headers)
        self._stream = Api(
            provider="Vercel's log stream", http=http, base_url=settings.base_url, headers=headers, timeout=10
        )

    async def search(
        self,
        *,
        since: datetime,
        until: datetime,
        levels: Sequence[str] = (),
        text: str = "",
        deployment: str = "",
        pages: int = 4,
    ) -> Found:
        """Return what production wrote in a span of time, newest first: at most `pages` pages of 50 requests."""
        settings = self.settings
        params: dict[str, str | int] = {
            "projectId": settings.project,
            "ownerId": settings.team_id,
            "startDate": int(since.timestamp() * 1000),
            "endDate": int(until.timestamp() * 1000),
            "environment": "production",
        }
        if levels:
            params["level"] = ",".join(levels)
        if text:
            params["search"] = text
        if deployment:
            params["deploymentId"] = deployment
        lines: list[LogLine] = []
        more = True
        for page in range(pages):
            found = await self._history.read("/api/logs/request-logs", _ROWS, params=params | {"page": page})
            lines += [line for row in found.rows for line in _lines(row)]
            more = found.hasMoreRows
            if not more:
                break
        # the address is undocumented: that it obeys each filter is not taken for granted
        kept = (line for line in lines if since <= line.at <= until and (not levels or line.level in levels))
        return Found(lines=tuple(line for line in kept if matches(line, text)), more=more)

    async def hear(self, deployment: str, *, seconds: float = _STREAM_HEARD_FOR) -> tuple[LogLine, ...]:
        """Return what a deployment writes while it is listened to, newest first."""
        path = f"/v1/projects/{self.settings.project}/deployments/{deployment}/runtime-logs"
        params = {"teamId": self.settings.team_id} if self.settings.team_id else {}
        heard: list[LogLine] = []
        async with self._stream.exchange("GET", path, params=params) as response:
            if not response.is_success:
                await response.aread()
            self._stream.accepted(response)
            try:
                async with asyncio.timeout(seconds):
                    async for text in response.aiter_lines():
                        heard += _heard(text, deployment)
            except TimeoutError:  # it has no end of its own
                pass
        return tuple(reversed(heard))


def matches(line: LogLine, text: str) -> bool:
    """Whether the text stands in the line or in the path of its request, whatever the case."""
    return text.lower() in f"{line.message} {line.path}".lower()


def from_level(least: str) -> tuple[str, ...]:
    """A level and the graver ones."""
    return tuple(LEVELS[LEVELS.index(least) :]) if least in LEVELS else ()


def _lines(row: _Row) -> list[LogLine]:
    at = row.timestamp if row.timestamp.tzinfo else row.timestamp.replace(tzinfo=UTC)
    return [
        LogLine(
            at=at,
            level=log.level,
            message=log.message,
            method=row.requestMethod,
            path=row.requestPath,
            status=row.statusCode,
            deployment=row.deploymentId,
            request=row.requestId,
        )
        for log in row.logs
    ]


def _heard(text: str, deployment: str) -> list[LogLine]:
    try:
        row = _STREAMED.validate_python(json.loads(text))
    except (ValueError, ValidationError, RecursionError):
        return []
    return [
        LogLine(
            at=datetime.fromtimestamp(row.timestampInMs / 1000, UTC),
            level=row.level,
            message=row.message,
            method=row.requestMethod,
            path=row.requestPath,
            status=row.responseStatusCode,
            deployment=deployment,
            request=row.rowId,
        )
    ]
