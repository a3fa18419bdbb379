"""Sentry's API: how many errors arrive (https://docs.sentry.io/api/)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import httpx
from pydantic import BaseModel, TypeAdapter

from bot.providers.http import Api
from bot.settings import SentrySettings


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorRate:
    """Errors a minute over the `minutes` of whole intervals that Sentry returned, and in the last of them."""

    per_minute: float
    last_per_minute: float
    minutes: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TopIssue:
    """An issue, how often it happened, and to how many people."""

    title: str
    count: int
    users: int
    link: str
    is_new: bool = False
    """New, back, or coming much more often than before."""


class _Value(BaseModel):
    timestamp: float
    value: float | None = None
    incomplete: bool = False


class _Series(BaseModel):
    values: list[_Value]


class _Timeseries(BaseModel):
    timeSeries: list[_Series]  # noqa: N815 -- Sentry's name


class _Issue(BaseModel):
    title: str
    count: int
    userCount: int = 0  # noqa: N815 -- Sentry's name
    permalink: str = ""
    substatus: str | None = None


_ISSUES: Final = TypeAdapter(list[_Issue])
_TIMESERIES: Final = TypeAdapter(_Timeseries)


class Sentry:
    """Sentry's API for one project of one organisation."""

    def __init__(self, settings: SentrySettings, http: httpx.AsyncClient) -> None:
        """Send the token, which needs `org:read`."""
        self.settings = settings
        self._api = Api(
            provider="Sentry",
            http=http,
            base_url=settings.base_url,
            headers={"authorization": f"Bearer {settings.token.get_secret_value()}"},
        )

    async def top_issues(self, *, most: int, within: str = "24h") -> tuple[TopIssue, ...]:
        """Return the most frequent unresolved issues of that time: `GET …/issues/`. Needs `event:read`."""
        found = await self._api.read(
            f"/api/0/organizations/{self.settings.organization}/issues/",
            _ISSUES,
            params={
                "project": self.settings.project,
                "query": "is:unresolved",
                "sort": "freq",
                "statsPeriod": within,
                "limit": most,
            },
        )
        return tuple(
            TopIssue(
                title=issue.title,
                count=issue.count,
                users=issue.userCount,
                link=issue.permalink,
                is_new=issue.substatus in ("new", "regressed", "escalating"),
            )
            for issue in found[:most]
        )

    async def error_rate(self) -> ErrorRate:
        """Return the errors a minute of the last quarter of an hour: `GET …/events-timeseries/`.

        The unit of `interval` is not documented, so the step is taken from the timestamps (milliseconds).
        """
        values = sorted(await self._counts({"interval": 300, "statsPeriod": "15m"}), key=lambda value: value.timestamp)
        times = sorted({value.timestamp for value in values})
        if len(times) < 2:
            return ErrorRate(per_minute=0.0, last_per_minute=0.0, minutes=0.0)
        step = min(later - earlier for earlier, later in pairwise(times)) / 60_000
        whole = [value for value in values if not value.incomplete] or values
        last = max(value.timestamp for value in whole)
        counted = len({value.timestamp for value in whole}) * step
        return ErrorRate(
            per_minute=sum(value.value or 0 for value in whole) / counted,
            last_per_minute=sum(value.value or 0 for value in whole if value.timestamp == last) / step,
            minutes=counted,
        )

    async def errors_between(self, start: datetime, end: datetime) -> int:
        """Return how many errors arrived in that time, to the minute (of more than a week, to the hour)."""
        step = 60 if end - start < timedelta(days=7) else 3600
        begins, ends = (f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" for at in (start, end))
        values = await self._counts({"interval": step, "start": begins, "end": ends})
        return round(sum(value.value or 0 for value in values))

    async def _counts(self, when: dict[str, Any]) -> list[_Value]:
        """How many errors arrived in each step of the time that those parameters say."""
        found = await self._api.read(
            f"/api/0/organizations/{self.settings.organization}/events-timeseries/",
            _TIMESERIES,
            params={"dataset": "errors", "yAxis": "count()", "project": self.settings.project, **when},
        )
        return [value for series in found.timeSeries for value in series.values]
