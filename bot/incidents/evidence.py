"""What is known of an incident without asking anybody: every source at once, each with its own time, and said apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from bot.ages import span
from bot.bounded import bounded
from bot.context import Services
from bot.deploys import changed, logs
from bot.drills.scenarios import scenario_of
from bot.errors import ProviderError, UserError
from bot.health.readings import Group, State
from bot.incidents.impact import Estimate, Interviews, Suspect, estimate, numbers, suspect
from bot.incidents.states import CAUSES
from bot.operation import Answer, Line, Lines, Mark
from bot.store.incidents import Incident
from bot.words import shorten

if TYPE_CHECKING:
    from bot.health.check import Report

T = TypeVar("T")

BEFORE: Final = timedelta(minutes=30)
"""How long before it was declared it may have begun."""
WITHIN: Final = 6.0
"""Seconds that a source may take."""
PRODUCT: Final = "The product"
MOST: Final = 5
"""Lines of each source: the form must be read on a phone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What the sources say, and what follows from it."""

    said: str
    mark: Mark
    groups: tuple[Lines, ...]
    share: Estimate
    cause: Suspect
    at: datetime


async def gather(services: Services, incident: Incident) -> Evidence:
    """Ask everything at once. A source that fails or is silent is a line that says so, and never looks well."""
    now = services.now()
    if incident.drill is not None:
        return pretended(incident, now)
    since = incident.declared_at - BEFORE
    lately = now - incident.declared_at + changed.WITHIN
    report, seen, errors, log, interviews, payments = await asyncio.gather(
        _had("Probes", lambda: services.health().report()),
        _had("What changed", lambda: changed.look(services, lately)),
        _had("Sentry", lambda: _errors(services)),
        _had("Server log", lambda: logs.excerpt(services, within=now - since)),
        _had("Interviews", lambda: _interviews(services, since, now)),
        _had("Checkouts", lambda: _payments(services, since)),
    )
    groups = (
        _health(report),
        _pages(report),
        _answer("What changed", seen if isinstance(seen, Line) else changed.told(seen, lately)),
        Lines(heading="Errors (Sentry)", lines=(errors,) if isinstance(errors, Line) else errors),
        _answer("Server log", log),
        _product(interviews, payments, span((now - since).total_seconds())),
    )
    site_down, database_wrong, blame = _judged(report)
    deployed = "" if isinstance(seen, Line) else changed.fresh_code(seen)
    known = interviews if isinstance(interviews, Interviews) else None
    return Evidence(
        said=report.verdict.headline if not isinstance(report, Line) else "The probes could not be asked",
        mark=Mark.UNKNOWN if isinstance(report, Line) else Mark.NONE,
        groups=tuple(group for group in groups if group.lines),
        share=estimate(known, site_down=site_down),
        cause=suspect(blame=blame, database_wrong=database_wrong, deployed=deployed),
        at=now,
    )


def pretended(incident: Incident, now: datetime) -> Evidence:
    """What a drill's scenario has one see; nobody is asked. Pure."""
    played = scenario_of(incident.drill)
    return Evidence(
        said=f"{played.headline} (pretended)",
        mark=Mark.NONE,
        groups=(Lines(heading="Pretended, as this is a drill", lines=played.lines),),
        share=Estimate(share=played.share, why="The scenario says so."),
        cause=Suspect(cause="", why=""),
        at=now,
    )


async def _had(title: str, ask: Callable[[], Awaitable[T]]) -> T | Line:
    """What a source says, or the line that says why it cannot be had."""
    try:
        return await bounded(ask(), WITHIN)
    except TimeoutError:
        why = f"no answer within {WITHIN:g} s"
    except ProviderError as error:
        why = error.what
    except UserError as error:
        why = error.what
    return Line(title=title, text=f"could not check: {why}", mark=Mark.UNKNOWN)


def _health(report: Report | Line) -> Lines:
    if isinstance(report, Line):
        return Lines(heading="Probes", lines=(report,))
    bad = [
        one for one in report.readings if one.failing or (one.state is State.UNKNOWN and one.group is not Group.PAGES)
    ]
    lines = [
        Line(title=one.title, text=one.reason, mark=one.state.mark, at=one.checked_at)
        for one in bad
        if one.group is not Group.PAGES
    ]
    first = Line(title=report.verdict.headline, at=report.taken_at)
    return Lines(heading="Probes", lines=(first, *lines[: MOST * 2]))


def _pages(report: Report | Line) -> Lines:
    if isinstance(report, Line):
        return Lines()
    lines = [
        Line(title=one.title, text=trouble.title, mark=trouble.state.mark)
        for one in report.readings
        for trouble in one.troubles
    ]
    lines += [
        Line(title=one.title, text=one.reason, mark=Mark.UNKNOWN)
        for one in report.readings
        if one.group is Group.PAGES and one.state is State.UNKNOWN
    ]
    return Lines(heading="Vendors' own pages", lines=tuple(lines[:MOST]))


def _judged(report: Report | Line) -> tuple[bool, bool, str]:
    """Whether the site is down, whether the database is wrong, and whose it is."""
    if isinstance(report, Line):
        return False, False, ""
    by_name = {one.name: one for one in report.readings}
    site, database = by_name.get("site"), by_name.get("database")
    return (
        site is not None and site.state is State.DOWN,
        database is not None and database.failing,
        report.verdict.blame.value,
    )


def _answer(heading: str, answer: Answer | Line) -> Lines:
    if isinstance(answer, Line):
        return Lines(heading=heading, lines=(answer,))
    lines = [Line(title=answer.verdict, mark=answer.mark)]
    lines += [line for group in answer.evidence for line in group.lines][:MOST]
    return Lines(heading=heading, lines=tuple(lines))


def _product(interviews: Interviews | Line, payments: tuple[int, int] | Line | None, since: str) -> Lines:
    asked = [one for one in (interviews, payments) if isinstance(one, Line)]
    paid = None if isinstance(payments, Line) else payments
    known = numbers(interviews, paid) if isinstance(interviews, Interviews) else ()
    return Lines(heading=f"{PRODUCT}, in the last {since}", lines=(*known, *asked))


async def _errors(services: Services) -> tuple[Line, ...]:
    sentry = services.vendors().sentry
    if sentry is None:
        return (Line(title="Sentry is not configured.", mark=Mark.UNKNOWN),)
    rate, issues = await asyncio.gather(sentry.error_rate(), sentry.top_issues(most=MOST, within="1h"))
    alert = sentry.settings.alert_errors_per_minute
    first = Line(
        title=f"{rate.per_minute:.1f} errors a minute in the last {rate.minutes:.0f} min",
        mark=Mark.DOWN if rate.last_per_minute >= alert else Mark.NONE,
    )
    return (
        first,
        *(
            Line(
                title=shorten(issue.title, 90),
                text=f"{issue.count} times, {issue.users} users{', new' if issue.is_new else ''}",
                mark=Mark.DEGRADED if issue.is_new else Mark.NONE,
            )
            for issue in issues
        ),
    )


async def _interviews(services: Services, since: datetime, until: datetime) -> Interviews:
    if services.product is None:
        raise UserError("The product's database is not configured.")
    row = (await services.product.fetch("impact", {"since": since, "until": until}, within=WITHIN))[0]
    return Interviews(**row)


async def _payments(services: Services, since: datetime) -> tuple[int, int]:
    stripe = services.vendors().stripe
    if stripe is None:
        raise UserError("Stripe is not configured.")
    return await stripe.payments_since(since)


def shown(evidence: Evidence) -> Answer:
    """The evidence as an answer. Pure."""
    short = in_short(evidence)
    return replace(short, evidence=(*short.evidence, *evidence.groups), at=evidence.at)


def in_short(evidence: Evidence) -> Answer:
    """The verdict and what follows from it, which is what a form has room for above its fields. Pure."""
    cause = evidence.cause
    guesses = [
        Line(title=f"Perhaps: {CAUSES[cause.cause.replace('-', '_')]}", text=cause.why)
        if cause.cause
        else Line(title="Cause: not known", text="neither a fresh deployment nor a probe points anywhere")
    ]
    share = "not known" if evidence.share.share is None else f"about {evidence.share.share:g} %"
    guesses.append(Line(title=f"Share of users: {share}", text=evidence.share.why))
    return Answer(verdict=evidence.said, mark=evidence.mark, evidence=(Lines(lines=tuple(guesses)),))


def in_full(evidence: Evidence) -> Answer:
    """What the short of it was concluded from. Pure."""
    return Answer(verdict="What is known by itself", evidence=evidence.groups, at=evidence.at)


def to_be_kept(evidence: Evidence) -> Answer:
    """The same for a message that stands: with times of day, since an age would soon be wrong. Pure."""
    answer = shown(evidence)
    groups = tuple(
        replace(group, lines=tuple(replace(line, at=None, when=line.when or line.at) for line in group.lines))
        for group in answer.evidence
    )
    return replace(answer, evidence=groups, at=None)


def in_one_line(evidence: Evidence) -> str:
    """What the timeline keeps of it: the verdict, and the product's own numbers. Pure."""
    product = [
        f"{line.title}: {line.text}"
        for group in evidence.groups
        if group.heading.startswith(PRODUCT)
        for line in group.lines
    ]
    return shorten(f"{evidence.said} — {'; '.join(product)}", 900)
