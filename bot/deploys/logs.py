"""What the product's server wrote, told in few lines: the same words count once, the gravest and newest come first."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from bot.ages import span
from bot.context import Services
from bot.deploys import deployments
from bot.errors import NotConfiguredError, ProviderError
from bot.masking import masked_text
from bot.operation import Answer, Audience, Line, Lines, Mark
from bot.words import shorten

if TYPE_CHECKING:
    from bot.providers.vercel_logs import Found, LogLine, VercelLogs

GROUPS: Final = 15
"""How many different lines are shown."""
AT_START: Final = timedelta(minutes=30)
"""How far back the excerpt of an incident's beginning goes."""
_GRAVE: Final = ("error", "fatal")
_MARKS: Final = {"fatal": Mark.DOWN, "error": Mark.DOWN, "warning": Mark.DEGRADED}
_ORDER: Final = ("fatal", "error", "warning")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is looked for: a span of time, the least level, a text, a deployment."""

    since: datetime
    until: datetime
    level: str = ""
    text: str = ""
    deployment: str = ""

    def spoken(self, now: datetime) -> str:
        """The same in words: `in the last 60 min, with “webhook”`."""
        age = span((now - self.since).total_seconds())
        until = (now - self.until).total_seconds()
        said = f"from {age} to {span(until)} ago" if until >= 1 else f"in the last {age}"
        if self.text:
            said += f", with “{shorten(self.text, 40)}”"
        return said + (f", {self.level} or graver" if self.level else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Lines that say the same: how often, and when last."""

    level: str
    said: str
    count: int
    at: datetime


async def search(wanted: Wanted, services: Services) -> Answer:
    """Return what the server wrote; where its history cannot be read, what it writes at the moment."""
    logs = _logs_of(services)
    try:
        found, others = await _searched(logs, wanted)
    except ProviderError as error:
        if error.kind in ("rate_limited", "unauthorized"):
            raise
        return await _live(wanted, error, logs, services)
    return told(found, wanted, others=others, now=services.now(), kept=timedelta(hours=logs.settings.logs_kept_hours))


async def _searched(logs: VercelLogs, wanted: Wanted) -> tuple[Found, Found | None]:
    """The lines of the level that is asked for; where none is, warnings and errors apart from the newest of all.

    Apart, since a busy site writes so much that its errors would not be among the newest.
    """
    from bot.providers.vercel_logs import Found, from_level  # noqa: PLC0415 -- it imports httpx

    ask = functools.partial(
        logs.search, since=wanted.since, until=wanted.until, text=wanted.text, deployment=wanted.deployment
    )
    if wanted.level:
        return await ask(levels=from_level(wanted.level)), None
    grave, newest = await asyncio.gather(ask(levels=from_level("warning")), ask(pages=2))
    rest = tuple(line for line in newest.lines if line.level not in _MARKS)
    return grave, Found(lines=rest, more=newest.more)


async def excerpt(services: Services, *, within: timedelta = AT_START) -> Answer:
    """Return what went wrong lately, as a shared channel may keep it: Vercel keeps it for an hour to a day."""
    from bot.providers.vercel_logs import from_level  # noqa: PLC0415 -- it imports httpx

    logs, now = _logs_of(services), services.now()
    wanted = Wanted(since=now - within, until=now, level="warning")
    found = await logs.search(since=wanted.since, until=now, levels=from_level("warning"))
    answer = told(found, wanted, now=now, kept=timedelta(hours=logs.settings.logs_kept_hours))
    return Answer(verdict=f"The server's log: {answer.verdict}", mark=answer.mark, evidence=answer.evidence[:1], at=now)


def told(found: Found, wanted: Wanted, *, now: datetime, kept: timedelta, others: Found | None = None) -> Answer:
    """The lines as an answer, with how far back they reach; `others` are those beside warnings and errors. Pure."""
    lines = (*found.lines, *(others.lines if others else ()))
    errors = sum(line.level in _GRAVE for line in lines)
    warnings = sum(line.level == "warning" for line in lines)
    groups = grouped(lines)
    rest = len(lines) - errors - warnings
    more = "+" if (others or found).more else ""
    counts = [
        _counted(errors, "+" if found.more else "", "error") if errors else "No error",
        *([_counted(warnings, "", "warning")] if warnings else []),
        *([_counted(rest, more, "other line")] if rest else []),
    ]
    if not lines:
        verdict = f"No line {wanted.spoken(now)}."
    else:
        mostly = f": mostly “{shorten(_mostly(lines), 90)}”" if errors else ""
        verdict = f"{', '.join(counts)} {wanted.spoken(now)}{mostly}."
    return Answer(
        verdict=verdict,
        mark=Mark.DEGRADED if errors else Mark.NONE,
        evidence=(*_shown(groups), Lines(lines=(_reach(found, wanted, others=others, now=now, kept=kept),))),
        audience=Audience.PRIVATE,
        at=now,
    )


def _mostly(lines: Sequence[LogLine]) -> str:
    """What most errors say, whatever the request."""
    said = Counter(_message(line) for line in lines if line.level in _GRAVE)
    return said.most_common(1)[0][0]


def _counted(number: int, more: str, word: str) -> str:
    return f"{number}{more} {word}{'' if number == 1 and not more else 's'}"


def grouped(lines: Iterable[LogLine]) -> list[Group]:
    """Lines that say the same as one: the gravest first, then the most frequent, then the newest. Pure."""
    counted: dict[tuple[str, str], tuple[int, datetime]] = {}
    for line in lines:
        key = (line.level, _said(line))
        count, at = counted.get(key, (0, line.at))
        counted[key] = (count + 1, max(at, line.at))
    groups = [Group(level=key[0], said=key[1], count=count, at=at) for key, (count, at) in counted.items()]
    return sorted(groups, key=lambda group: (_rank(group.level), -group.count, -group.at.timestamp()))


def _rank(level: str) -> int:
    return _ORDER.index(level) if level in _ORDER else len(_ORDER)


def _said(line: LogLine) -> str:
    """The line, with the request that wrote it where the line does not say it itself. Personal data is masked."""
    message = _message(line)
    request = " ".join(part for part in (line.method, line.path.partition("?")[0]) if part)
    if request and line.path not in message:
        message = f"{request}{f' {line.status}' if line.status else ''}: {message}"
    return masked_text(message)


def _message(line: LogLine) -> str:
    return masked_text(" ".join(line.message.split()))


def _shown(groups: Sequence[Group]) -> tuple[Lines, ...]:
    if not groups:
        return ()
    shown = [
        Line(
            title=group.level + (f" ×{group.count}" if group.count > 1 else ""),
            text=shorten(group.said, 300),
            mark=_MARKS.get(group.level, Mark.NONE),
            at=group.at,
        )
        for group in groups[:GROUPS]
    ]
    if len(groups) > GROUPS:
        rest = sum(group.count for group in groups[GROUPS:])
        shown.append(Line(title=f"… and {rest} lines of {len(groups) - GROUPS} other kinds"))
    return (Lines(lines=tuple(shown)),)


def _reach(found: Found, wanted: Wanted, *, others: Found | None, now: datetime, kept: timedelta) -> Line:
    """How far back this reaches, and why no further."""
    if found.more and found.lines:
        said = f"the newest only, back to {_ago(found, now)}: narrow it with `--grep`, `--level` or `--until`"
        return Line(title="Reach", text=said, mark=Mark.DEGRADED)
    if now - wanted.since > kept:
        said = f"{span(kept.total_seconds())} at most: Vercel keeps no more on our plan, what is older is gone"
        return Line(title="Reach", text=said, mark=Mark.DEGRADED)
    keeps = f"Vercel keeps {span(kept.total_seconds())}"
    if others and others.more and others.lines:
        return Line(
            title="Reach",
            text=f"warnings and errors: all of that time; others: the newest, back to {_ago(others, now)}; {keeps}",
        )
    return Line(title="Reach", text=f"all of that time; {keeps}")


def _ago(found: Found, now: datetime) -> str:
    return f"{span((now - found.lines[-1].at).total_seconds())} ago"


async def _live(wanted: Wanted, error: ProviderError, logs: VercelLogs, services: Services) -> Answer:
    """The documented stream instead: the serving deployment is listened to for some seconds."""
    from bot.providers.vercel_logs import LEVELS, from_level, matches  # noqa: PLC0415 -- it imports httpx

    deployment = wanted.deployment
    if not deployment:
        current = (await deployments.look(deployments.vercel_of(services), limit=20)).serving
        deployment = current.id if current else ""
    levels = from_level(wanted.level) or LEVELS
    heard = [line for line in await logs.hear(deployment) if line.level in levels and matches(line, wanted.text)]
    groups = grouped(heard)
    return Answer(
        verdict=f"What was written before cannot be read; {len(heard)} lines came in the last seconds.",
        mark=Mark.UNKNOWN,
        evidence=(
            *_shown(groups),
            Lines(lines=(Line(title="Reach", text=f"some seconds: {error.what} {error.why}".strip()),)),
        ),
        audience=Audience.PRIVATE,
        at=services.now(),
    )


def _logs_of(services: Services) -> VercelLogs:
    logs = services.vendors().vercel_logs
    if logs is None:
        raise NotConfiguredError(
            "Vercel is not configured.",
            todo="Set `ILAB_VERCEL__TOKEN`, `ILAB_VERCEL__PROJECT` and `ILAB_VERCEL__TEAM_ID`.",
        )
    return logs
