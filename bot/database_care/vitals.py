"""Asks the database and its machine at once how they are; what one cannot say leaves the others told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bot.context import Services
from bot.database_care.gauges import Gauge, judged, size, unknown
from bot.errors import ProviderError
from bot.operation import Mark
from bot.product import DatabaseFullError, ProductDatabase, product_of
from bot.settings import ProductSettings

if TYPE_CHECKING:  # it imports what a terminal does without
    from bot.providers.supabase_metrics import Look

MOST: Final = 5
"""Queries and locks that are shown."""
SLOW: Final = 60.0
"""Seconds after which a transaction that is still open is worth a look."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vitals:
    """How the database is: its figures, what works in it, and who waits for whom."""

    gauges: tuple[Gauge, ...]
    queries: tuple[dict[str, Any], ...] | str
    """The longest, or why they could not be had."""
    locks: tuple[dict[str, Any], ...] | str
    settles: bool
    """A second look, a minute later, says more."""


async def take(services: Services) -> Vitals:
    """How the database is now."""
    product = product_of(services)
    look, (live, queries, locks) = await asyncio.gather(_machine(services), _live(product))
    machine = [unknown("CPU, memory and storage", look)] if isinstance(look, str) else _judge(look, product.settings)
    gauges = [live, *machine]
    if not isinstance(queries, str):
        gauges += _open_long(queries)
    if not isinstance(locks, str) and locks:
        longest = max(row["seconds"] or 0 for row in locks)
        why = f"{len(locks)} wait for a lock, the first for {longest:.0f} s"
        gauges.append(Gauge(title="Locks", mark=Mark.DOWN if longest >= SLOW else Mark.DEGRADED, said=why, why=why))
    elif not isinstance(locks, str):
        gauges.append(Gauge(title="Locks", mark=Mark.OK, said="nobody waits for one"))
    return Vitals(
        gauges=tuple(gauges),
        queries=queries,
        locks=locks,
        settles=not isinstance(look, str) and look.processor is None,
    )


async def _live(
    product: ProductDatabase,
) -> tuple[Gauge, tuple[dict[str, Any], ...] | str, tuple[dict[str, Any], ...] | str]:
    """What the database itself says: one question after the other, since each takes a connection."""
    live = await _connections(product)
    queries = await _rows(product, "longest_queries")
    return live, queries, await _rows(product, "locks")


async def _connections(product: ProductDatabase) -> Gauge:
    settings = product.settings
    try:
        found = await product.connections()
    except DatabaseFullError:
        why = "no connection is left"
        return Gauge(title="Connections", mark=Mark.DOWN, said=why, why=why)
    except ProviderError as error:
        return unknown("Connections", error.why or error.what)
    said = f"{found.total} of {found.maximum}, {found.active} at work"
    return judged("Connections", found.share, said, warn=settings.warn_connections, alert=settings.alert_connections)


async def _machine(services: Services) -> Look | str:
    metrics = services.vendors().supabase_metrics
    if metrics is None:
        return "Supabase's secret key is not set (ILAB_SUPABASE__SECRET_KEY)"
    try:
        return await metrics.look(services.now())
    except ProviderError as error:
        return error.what.rstrip(".") + (f" ({error.why})" if error.why else "")


async def _rows(product: ProductDatabase, query: str) -> tuple[dict[str, Any], ...] | str:
    try:
        return tuple(await product.fetch(query, {"most": MOST}))
    except ProviderError as error:
        return error.why or error.what


def _judge(look: Look, settings: ProductSettings) -> list[Gauge]:
    """The machine's figures. Pure."""
    now = look.now
    gauges = []
    if now.up is False:
        why = "Supabase says that it is down"
        gauges.append(Gauge(title="PostgreSQL", mark=Mark.DOWN, said=why, why=why, at=now.at))
    if now.read_only:
        why = "it is read-only, as Supabase makes it where the disk is full"
        gauges.append(Gauge(title="Writing", mark=Mark.DOWN, said=why, why=why, at=now.at))
    if now.connections is not None and now.most_connections:
        share = now.connections / now.most_connections
        said = f"{now.connections} of {now.most_connections}"
        gauges.append(judged("Connections, by Supabase", share, said, warn=settings.warn_connections,
                             alert=settings.alert_connections, at=now.at))  # fmt: skip
    gauges.append(_processor(look, settings))
    gauges.append(_used("Memory", now.memory, now.memory_available, settings.warn_memory, settings.alert_memory, look))
    gauges.append(_used("Storage", now.disk, now.disk_available, settings.warn_storage, settings.alert_storage, look))
    return gauges


def _processor(look: Look, settings: ProductSettings) -> Gauge:
    now, warn, alert = look.now, settings.warn_cpu, settings.alert_cpu
    if look.processor is not None and look.before is not None:
        spent = (now.at - look.before.at).total_seconds()
        return judged("CPU", look.processor, f"over the last {spent:.0f} s", warn=warn, alert=alert, at=now.at)
    if now.load is None or not now.cores:
        return unknown("CPU", "Supabase's metrics do not name it")
    said = f"by the load of 5 minutes, {now.load:.1f} on {now.cores} cores; its share needs a second look in a minute"
    return judged("CPU", now.load / now.cores, said, warn=warn, alert=alert, at=now.at)


def _used(title: str, whole: float | None, available: float | None, warn: float, alert: float, look: Look) -> Gauge:
    if not whole or available is None:
        return unknown(title, "Supabase's metrics do not name it")
    said = f"{size(whole - available)} of {size(whole)}"
    return judged(title, 1 - available / whole, said, warn=warn, alert=alert, at=look.now.at)


def _open_long(queries: tuple[dict[str, Any], ...]) -> list[Gauge]:
    """A transaction that has been open for long holds back others, and the vacuum. Pure."""
    longest = max((row["in_transaction"] or 0.0 for row in queries), default=0.0)
    if longest < SLOW:
        return [Gauge(title="Transactions", mark=Mark.OK, said=f"the longest is open for {longest:.0f} s")]
    why = f"a transaction is open for {longest:.0f} s"
    return [Gauge(title="Transactions", mark=Mark.DEGRADED, said=why, why=why)]
