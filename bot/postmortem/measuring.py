"""What vendors and the product say of the time of an incident: asked once it is over, since their own records pass.

Every source is asked at once and apart. What cannot be had is kept as a sentence that says why, and is never a number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter

from bot.bounded import bounded
from bot.context import Services
from bot.deploys import changed
from bot.errors import UserError
from bot.incidents.impact import FEW, Interviews
from bot.postmortem.facts import NOWHERE, Figure, Measured, Page, Suspect
from bot.store.incidents import Incident

WITHIN: Final = 10.0
"""Seconds that a source may take."""
BEFORE: Final = timedelta(hours=2)
"""How long before it began something may have changed that set it off."""
MOST: Final = 100
"""What Stripe lists at once."""
_SHAPE: Final = TypeAdapter(Measured)

Counted = tuple[tuple[str, str], ...]
"""Names of figures, with what they are."""
Source = Callable[[Services, datetime, datetime], Awaitable[Counted]]


async def measure(services: Services, incident: Incident, since: datetime, until: datetime) -> Measured:
    """Ask everything for that time; of a drill no figures, as nothing real was hit."""
    sources = SOURCES if incident.drill is None else ()
    asked = await asyncio.gather(*(_figures(services, source, since, until) for source in sources))
    (suspects, unknown), (pages, pages_unknown) = await asyncio.gather(
        _suspects(services, since - BEFORE, until), _pages(services, incident)
    )
    return Measured(
        since=since,
        until=until,
        figures=tuple(figure for figures in asked for figure in figures),
        suspects=suspects,
        suspects_unknown=unknown,
        pages=pages,
        pages_unknown=pages_unknown,
    )


def dump(found: Measured) -> Mapping[str, Any]:
    """As it is kept. Pure."""
    kept: Mapping[str, Any] = _SHAPE.dump_python(found, mode="json")
    return kept


def load(kept: Mapping[str, Any]) -> Measured:
    """As it was kept. Pure."""
    return _SHAPE.validate_python(kept)


def merged(before: Measured | None, now: Measured) -> Measured:
    """What was measured before of the same time stays as it was; what could not be is filled in where it can be now. Pure."""
    if before is None or (before.since, before.until) != (now.since, now.until):
        return now
    known = {one.name: one for one in before.figures}
    lacks = {one.name for one in before.figures if one.unknown}
    figures = tuple(one if one.name in lacks and not one.unknown else known.get(one.name, one) for one in now.figures)
    changed_ = before if not before.suspects_unknown or now.suspects_unknown else now
    paged = before if not before.pages_unknown or now.pages_unknown else now
    return replace(
        now,
        figures=figures,
        suspects=changed_.suspects,
        suspects_unknown=changed_.suspects_unknown,
        pages=paged.pages,
        pages_unknown=paged.pages_unknown,
    )


async def _figures(
    services: Services, source: tuple[tuple[str, ...], str, Source], since: datetime, until: datetime
) -> tuple[Figure, ...]:
    names, where, ask = source
    try:
        found = dict(await bounded(ask(services, since, until), WITHIN))
        unknown = ""
    except TimeoutError:
        found, unknown = {}, f"no answer within {WITHIN:g} s"
    except UserError as error:
        found, unknown = {}, error.sentences
    at = services.now()
    return tuple(
        Figure(name=name, value=found.get(name, ""), source=where, at=at, unknown=unknown or _missing(found, name))
        for name in names
    )


def _missing(found: Mapping[str, str], name: str) -> str:
    return "" if name in found else "it does not say"


def _configured(service: Any, name: str) -> Any:
    if service is None:
        raise UserError(f"{name} is not configured.")
    return service


async def _payments(services: Services, since: datetime, until: datetime) -> Counted:
    stripe = _configured(services.vendors().stripe, "Stripe")
    succeeded, failed = await stripe.payments_since(since, until)
    whole = succeeded + failed
    newest = f", of the newest {MOST}" if whole >= MOST else ""
    return (("Payments that failed", f"{failed} of {whole}{_share(failed, whole)}{newest}"),)


async def _undelivered(services: Services, since: datetime, until: datetime) -> Counted:
    stripe = _configured(services.vendors().stripe, "Stripe")
    count = await stripe.undelivered(after=since, before=until)
    return (("Events of Stripe that we never took", f"{count}{' or more' if count >= MOST else ''}"),)


async def _errors(services: Services, since: datetime, until: datetime) -> Counted:
    sentry = _configured(services.vendors().sentry, "Sentry")
    count = await sentry.errors_between(since, until)
    minutes = max(1.0, (until - since).total_seconds() / 60)
    return (("Errors", f"{count:,}, {count / minutes:.1f} a minute"),)


async def _responses(services: Services, since: datetime, until: datetime) -> Counted:
    vercel = _configured(services.vendors().vercel, "Vercel")
    whole, failed = await asyncio.gather(
        vercel.observe("vercel.request.count", "sum", start=since, end=until),
        vercel.observe("vercel.request.count", "sum", start=since, end=until, only="http_status ge 500"),
    )
    return (("Requests answered with 5xx", f"{failed:,.0f} of {whole:,.0f}{_share(failed, whole)}"),)


async def _interviews(services: Services, since: datetime, until: datetime) -> Counted:
    product = _configured(services.product, "The product's database")
    found = Interviews(**(await product.fetch("impact", {"since": since, "until": until}, within=WITHIN))[0])
    # what is usual is the mean of the same hours on seven days, which overlap where that is more than a day
    known = found.usual >= FEW and until - since <= timedelta(days=1)
    usual = f"; {found.usual:.0f} usually begin in such a time" if known else ""
    return (
        ("Interviews that failed", f"{found.failed} of {found.started}{_share(found.failed, found.started)}{usual}"),
        (
            "People with a failed interview",
            f"{found.people_hit} of {found.people}{_share(found.people_hit, found.people)}",
        ),
    )


async def _support(services: Services, since: datetime, until: datetime) -> Counted:
    del services, since, until
    raise UserError("nothing that I am connected to counts them; fill it in by hand.")


def _share(part: float, whole: float) -> str:
    share = 100 * part / whole if whole else 0
    return f" ({share:.{0 if share >= 10 or not share else 1}f} %)" if whole else ""


SOURCES: Final[tuple[tuple[tuple[str, ...], str, Source], ...]] = (
    (("Payments that failed",), "Stripe, events payment_intent.succeeded and .payment_failed", _payments),
    (("Events of Stripe that we never took",), "Stripe, events with delivery_success=false", _undelivered),
    (
        ("Interviews that failed", "People with a failed interview"),
        "the product's database, sql/queries/impact.sql",
        _interviews,
    ),
    (("Errors",), "Sentry, dataset errors, count()", _errors),
    (("Requests answered with 5xx",), "Vercel, observability, vercel.request.count", _responses),
    (("Requests for support",), NOWHERE, _support),
)
"""Which figures each source gives, how it is named, and how it is asked."""


async def _suspects(
    services: Services, since: datetime, until: datetime
) -> tuple[tuple[Suspect, ...], tuple[str, ...]]:
    """What changed from then on, until it was over."""
    try:
        seen = await bounded(asyncio.gather(*(source(services, since) for source in changed.SOURCES)), WITHIN)
    except TimeoutError:
        return (), (f"What changed: no answer within {WITHIN:g} s",)
    found = sorted((change for one in seen for change in one.changes if change.at <= until), key=lambda one: one.at)
    suspects = tuple(Suspect(at=change.at, title=change.line.title, text=change.line.text) for change in found)
    return suspects, tuple(sentence for one in seen for sentence in one.unknown)


async def _pages(services: Services, incident: Incident) -> tuple[tuple[Page, ...], str]:
    """Who was paged and when somebody had it, by PagerDuty's own log; a drill pages nobody."""
    if incident.drill is not None:
        return (), "a drill pages nobody."
    pager = services.vendors().pagerduty
    if pager is None:
        return (), "PagerDuty is not configured."
    try:
        logged = await bounded(pager.log(incident.page_key), WITHIN)
    except TimeoutError:
        return (), f"no answer within {WITHIN:g} s"
    except UserError as error:
        return (), error.sentences
    return tuple(Page(at=one.at, what=one.what, who=one.who) for one in logged), ""
