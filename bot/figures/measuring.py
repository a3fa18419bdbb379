"""Every figure measured at once, each from where it really is. What cannot be measured says why."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.context import Services
from bot.errors import ProviderError
from bot.figures.kinds import FIGURES, Figure

WINDOW: Final = timedelta(minutes=15)
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
MONTH: Final = timedelta(days=30)
FEW: Final = 5
"""Fewer of them say nothing about a share."""
FEW_PAYMENTS: Final = 20
"""With fewer, one card that is declined would look like an outage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What was found: a value, or why there is none. `at` is in the bot's time."""

    figure: Figure
    value: float | None
    why: str = ""
    at: datetime


class _NoneError(Exception):
    """It could not be measured, for this reason."""


Found = Mapping[str, float | str]
"""By figure: its value, or why there is none."""


async def measure(services: Services, names: frozenset[str] | None = None) -> dict[str, Measured]:
    """Measure all figures, or those named. One that fails stops no other."""
    wanted = frozenset(FIGURES) if names is None else names
    sources: tuple[tuple[frozenset[str], Callable[[Services], Awaitable[Found]]], ...] = (
        (frozenset({"p95"}), _responses),
        (frozenset({"error_share"}), _failures),
        (frozenset({"errors"}), _errors),
        (frozenset({"completion", "signups", "interviews"}), _product),
        (frozenset({"payments"}), _payments),
        (frozenset({"connections"}), _connections),
        (frozenset({"cpu", "memory", "storage"}), _machine),
        (frozenset({"mrr", "churn"}), _subscriptions),
    )
    asked = [(names_, source) for names_, source in sources if names_ & wanted]
    found = await asyncio.gather(*(_one(services, names_, source) for names_, source in asked))
    at = services.now()
    measured = {}
    for answer in found:
        for name, value in answer.items():
            if name in wanted:
                is_value = not isinstance(value, str)
                measured[name] = Measured(
                    figure=figure_of(services, name),
                    value=float(value) if is_value else None,
                    why="" if is_value else str(value),
                    at=at,
                )
    return {name: measured[name] for name in FIGURES if name in measured}


def figure_of(services: Services, name: str) -> Figure:
    """The figure, with the thresholds of the settings."""
    figure = FIGURES[name]
    ours = services.settings.figures.thresholds.get(name)
    if ours is None:
        return figure
    return Figure(
        name=figure.name,
        title=figure.title,
        group=figure.group,
        unit=figure.unit,
        warn=figure.warn if ours.warn is None else ours.warn,
        alert=figure.alert if ours.alert is None else ours.alert,
        low_is_bad=figure.low_is_bad,
    )


async def _one(services: Services, names: frozenset[str], source: Callable[[Services], Awaitable[Found]]) -> Found:
    try:
        return await source(services)
    except ProviderError as error:
        return dict.fromkeys(names, "plan" if error.status == 402 else error.what)
    except _NoneError as error:
        return dict.fromkeys(names, str(error))


async def _responses(services: Services) -> Found:
    """The P95 of the product's functions over a quarter of an hour, from Vercel's observability."""
    vercel = services.vendors().vercel
    if vercel is None:
        raise _NoneError("Vercel is not configured")
    now = services.now()
    metric = "vercel.function_invocation.function_duration_ms"
    return {"p95": await vercel.observe(metric, "p95", start=now - WINDOW, end=now)}


async def _failures(services: Services) -> Found:
    """The share of requests that were answered 5xx over a quarter of an hour."""
    vercel = services.vendors().vercel
    if vercel is None:
        raise _NoneError("Vercel is not configured")
    now = services.now()
    start = now - WINDOW
    whole, failed = await asyncio.gather(
        vercel.observe("vercel.request.count", "sum", start=start, end=now),
        vercel.observe("vercel.request.count", "sum", start=start, end=now, only="http_status ge 500"),
    )
    if whole < FEW:
        raise _NoneError("too few requests")
    return {"error_share": 100 * failed / whole}


async def _errors(services: Services) -> Found:
    sentry = services.vendors().sentry
    if sentry is None:
        raise _NoneError("Sentry is not configured")
    rate = await sentry.error_rate()
    if not rate.minutes:
        raise _NoneError("Sentry counts nothing yet")
    return {"errors": rate.last_per_minute}


async def _product(services: Services) -> Found:
    """Interviews of the last 24 hours that were completed; and of today, in the settings' time zone, what was done."""
    if services.product is None:
        raise _NoneError("the product's database is not configured")
    now = services.now()
    midnight = start_of_day(now, services.settings.figures.timezone)
    (last,), (today,) = await asyncio.gather(
        services.product.fetch("figures", {"start": now - DAY, "end": now}),
        services.product.fetch("figures", {"start": midnight, "end": now}),
    )
    ended = last["completed"] + last["broken_off"]
    share: float | str = 100 * last["completed"] / ended if ended >= FEW else "too few interviews"
    return {"completion": share, "signups": today["signups"], "interviews": today["completed_then"]}


async def _payments(services: Services) -> Found:
    stripe = services.vendors().stripe
    if stripe is None:
        raise _NoneError("Stripe is not configured")
    succeeded, failed = await stripe.payments_since(services.now() - DAY)
    if succeeded + failed < FEW_PAYMENTS:  # a quiet day: the week, of which Stripe's last hundred are looked at
        succeeded, failed = await stripe.payments_since(services.now() - WEEK)
    if succeeded + failed < FEW_PAYMENTS:
        raise _NoneError("too few payments")
    return {"payments": 100 * succeeded / (succeeded + failed)}


async def _connections(services: Services) -> Found:
    if services.product is None:
        raise _NoneError("the product's database is not configured")
    return {"connections": 100 * (await services.product.connections()).share}


async def _machine(services: Services) -> Found:
    """The database's machine, from Supabase's metrics. The processor's share needs two looks, a minute apart."""
    metrics = services.vendors().supabase_metrics
    if metrics is None:
        raise _NoneError("Supabase's secret key is not configured")
    look = await metrics.look(services.now())
    now = look.now
    processor = look.processor
    return {
        "cpu": 100 * processor if processor is not None else "the first of two looks",
        "memory": _used(now.memory, now.memory_available),
        "storage": _used(now.disk, now.disk_available),
    }


def _used(whole: float | None, available: float | None) -> float | str:
    if not whole or available is None:
        return "Supabase does not say"
    return 100 * (1 - available / whole)


async def _subscriptions(services: Services) -> Found:
    """What the living subscriptions bring in a month, and how many of those of 30 days ago have ended since."""
    stripe = services.vendors().stripe
    if stripe is None:
        raise _NoneError("Stripe is not configured")
    found = await stripe.subscriptions()
    month_ago = services.now() - MONTH
    monthly = sum(one.monthly_cents for one in found if one.lives)
    before = [one for one in found if one.created < month_ago and (one.ended is None or one.ended >= month_ago)]
    lost = sum(one.ended is not None for one in before)
    return {"mrr": monthly / 100, "churn": 100 * lost / len(before) if before else "no subscription is that old"}


def start_of_day(now: datetime, timezone: str) -> datetime:
    """When the day began there."""
    there = now.astimezone(ZoneInfo(timezone))
    return there.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(now.tzinfo)
