"""What is told once a day: errors and business figures; and once a week: the incidents. At the hour and zone set."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from bot.context import ClockWork, Duty, Services
from bot.errors import ProviderError
from bot.figures.kinds import Level
from bot.figures.measuring import Measured, measure, start_of_day
from bot.masking import masked_text
from bot.operation import Answer, Line, Lines, Mark, Offer
from bot.store import clocks, incidents
from bot.store.incidents import Incident

if TYPE_CHECKING:  # it imports httpx, which a terminal does without
    from bot.providers.sentry import TopIssue

SUBJECT: Final = "digest"
DAILY: Final = "daily_digest"
WEEKLY: Final = "weekly_digest"
WORTH: Final = timedelta(hours=6)
"""A digest that could not be said for so long is not said any more."""
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when a digest is due."""
    return {DAILY: functools.partial(daily, duty), WEEKLY: functools.partial(weekly, duty)}


def next_at(now: datetime, hour: str, timezone: str, *, weekday: int | None = None) -> datetime:
    """The next moment at that time of day there (and on that day of the week, Monday is 0). Pure."""
    zone = ZoneInfo(timezone)
    hours, minutes = (int(part) for part in hour.split(":"))
    there = now.astimezone(zone)
    for days in range(9):
        day = (there + timedelta(days=days)).date()
        moment = datetime(day.year, day.month, day.day, hours, minutes, tzinfo=zone)
        if moment > there and weekday in (None, day.weekday()):
            return moment.astimezone(now.tzinfo)
    raise AssertionError("a week has every day")


async def daily(duty: Duty, _subject: str, due_at: datetime) -> None:
    """Say yesterday's errors and business figures, and start the next day's clock."""
    services = duty.services
    settings = services.settings.figures
    now = services.now()
    if _is_due(due_at, settings.digest_at, settings.timezone, None):
        today = start_of_day(now, settings.timezone)
        found = await measure(services, frozenset({"mrr", "churn", "payments", "completion"}))
        counted = await _counted(services, today - DAY, today)
        answer = daily_answer(await _worst(services), tuple(found.values()), counted, day=today - DAY)
        await _say(duty, f"digest:daily:{today:%Y-%m-%d}", answer)
    await _again(services, DAILY, next_at(now, settings.digest_at, settings.timezone))


async def weekly(duty: Duty, _subject: str, due_at: datetime) -> None:
    """Say last week's incidents, and start the next week's clock."""
    services = duty.services
    settings = services.settings.figures
    now = services.now()
    if _is_due(due_at, settings.digest_at, settings.timezone, 0):
        week_ago = now - WEEK
        async with services.database.connection() as connection:
            found = await incidents.declared_since(connection, week_ago)
        shown = [incident for incident in found if not incident.private and incident.drill is None]
        await _say(duty, f"digest:weekly:{now:%G-%V}", weekly_answer(shown))
    await _again(services, WEEKLY, next_at(now, settings.digest_at, settings.timezone, weekday=0))


def _is_due(due_at: datetime, hour: str, timezone: str, weekday: int | None) -> bool:
    """Whether the clock stood at the digest's own time: its very first only finds out when that is."""
    just_before = due_at - timedelta(seconds=1)
    return next_at(just_before, hour, timezone, weekday=weekday) == due_at


async def _worst(services: Services) -> tuple[TopIssue, ...] | str:
    sentry = services.vendors().sentry
    if sentry is None:
        return "Sentry is not configured"
    try:
        return await sentry.top_issues(most=5)
    except ProviderError as error:
        return error.what


async def _counted(services: Services, start: datetime, end: datetime) -> dict[str, int] | str:
    if services.product is None:
        return "the product's database is not configured"
    try:
        row = (await services.product.fetch("figures", {"start": start, "end": end}))[0]
    except ProviderError as error:
        return error.what
    return {"signups": row["signups"], "interviews": row["completed_then"]}


def daily_answer(
    issues: tuple[TopIssue, ...] | str, figures: Sequence[Measured], counted: dict[str, int] | str, *, day: datetime
) -> Answer:
    """The daily digest. Pure."""
    if isinstance(counted, str):
        business = [Line(title="Signups, interviews", text=f"could not count: {counted}", mark=Mark.UNKNOWN)]
    else:
        business = [
            Line(title="Signups", text=f"{counted['signups']:,}"),
            Line(title="Interviews completed", text=f"{counted['interviews']:,}"),
        ]
    business += [figure_line(found) for found in figures]
    if isinstance(issues, str):
        errors = [Line(title="Errors", text=f"could not list: {issues}", mark=Mark.UNKNOWN)]
    else:
        errors = [
            Line(title=f"{issue.count:,}×", text=f"{masked_text(issue.title)} ({issue.users:,} people)")
            for issue in issues
        ] or [Line(title="No error in 24 hours")]
    return Answer(
        verdict=f"The day: {day:%A %d %B}",
        evidence=(
            Lines(heading="Business", lines=tuple(business)),
            Lines(heading="Errors of 24 hours, the most frequent first", lines=tuple(errors)),
        ),
        offers=(Offer(label="Metrics", words="metrics"),),
        section="Key Metrics to Watch",
    )


def weekly_answer(found: Sequence[Incident]) -> Answer:
    """The weekly digest. Pure."""
    still = sum(incident.is_open for incident in found)
    lines = tuple(
        Line(
            title=f"INC-{incident.id} {incident.severity}",
            text=f"{incident.title} ({incident.state})",
            mark=Mark.DOWN if incident.is_open else Mark.OK,
            when=incident.declared_at,
        )
        for incident in found[:20]
    )
    many = f"{len(found)} incident{'' if len(found) == 1 else 's'}"
    return Answer(
        verdict=f"The week: {many}, {still} still open." if found else "The week: no incident.",
        evidence=(Lines(lines=lines),) if lines else (),
        offers=(Offer(label="All incidents", words="incident list"),),
    )


def figure_line(found: Measured) -> Line:
    """A figure as one line: its value against its thresholds, or why there is none. Pure."""
    if found.value is None:
        return Line(
            title=found.figure.title, text=f"could not measure: {found.why}", mark=Level.UNKNOWN.mark, at=found.at
        )
    bounds = f" ({found.figure.bounds})" if found.figure.bounds else ""
    mark = found.figure.level(found.value).mark if found.figure.bounds else Mark.NONE
    return Line(title=found.figure.title, text=f"{found.figure.spoken(found.value)}{bounds}", mark=mark, at=found.at)


async def _say(duty: Duty, key: str, answer: Answer) -> None:
    settings = duty.services.settings
    channel = settings.figures.digest_channel or (settings.slack.incidents_channel if settings.slack else "")
    async with duty.services.database.transaction() as transaction:
        await duty.announce(
            transaction,
            stream="digest",
            key=key,
            channel=channel,
            answer=answer,
            expires_at=duty.services.now() + WORTH,
        )


async def _again(services: Services, kind: str, due_at: datetime) -> None:
    await services.database.call(lambda connection: clocks.start(connection, SUBJECT, kind, due_at=due_at))
