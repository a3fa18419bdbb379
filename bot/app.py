"""The composition root: from settings to everything built, by name, in one place.

`core` is what a terminal needs; `bot.serving` adds Slack, the jobs and the HTTP address.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

import handlers
from bot.bounded import bounded
from bot.changes import rules
from bot.context import Now, Services
from bot.directory import Directory
from bot.errors import ProviderError
from bot.journal import Journal
from bot.operation import Registry
from bot.people import Grants, ids
from bot.runner import Observe, Runner, unobserved
from bot.settings import Settings
from bot.store.database import Database, DatabaseSilentError

if TYPE_CHECKING:
    from bot.doctor.examining import Ground
    from bot.health.check import Health
    from bot.product import ProductDatabase
    from bot.providers import Providers
    from bot.slack.client import Slack
    from bot.store.embedded import EmbeddedServer

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.app")

REACHED_WITHIN = 2.0
"""Real seconds that a terminal gives Slack to answer at all."""


def now() -> datetime:
    """The real time; the sandbox passes in a clock of its own instead."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Core:
    """What any door needs."""

    settings: Settings
    services: Services
    runner: Runner
    journal: Journal
    data_dir: Path
    stack: AsyncExitStack
    embedded: EmbeddedServer | None
    due: asyncio.Event
    """Set when something is due now."""


def registry() -> Registry:
    """Every command there is."""
    return Registry(handlers.FAMILIES)


def grants(settings: Settings) -> Grants:
    """The settings' lists of who may what."""
    roles = settings.roles
    named = (ids(rule.approvers) for rule in settings.approvals.rules.values())
    return Grants(
        responders=ids(roles.responders),
        approvers=ids(roles.approvers),
        admins=ids(roles.admins),
        named=frozenset().union(*named),
    )


@asynccontextmanager
async def examined(settings: Settings, *, data_dir: Path, clock: Now = now) -> AsyncIterator[Ground]:
    """What `ilab doctor` looks at: all that the settings name, and our own database only where a bot has run."""
    from bot.doctor.examining import Ground

    if settings.database_url is not None or (data_dir / "postgresql").exists():
        async with core(settings, data_dir=data_dir, clock=clock) as built:
            services = built.services
            yield Ground(
                settings=settings,
                vendors=services.vendors(),
                product=services.product,
                database=services.database,
                now=clock,
            )
        return
    async with AsyncExitStack() as stack:
        product = None
        if settings.product is not None:
            from bot.product import ProductDatabase

            product = ProductDatabase(settings.product)
            stack.push_async_callback(product.close)
        yield Ground(settings=settings, vendors=_vendors(settings, stack), product=product, database=None, now=clock)


@asynccontextmanager
async def core(
    settings: Settings, *, data_dir: Path, clock: Now = now, observe: Observe = unobserved
) -> AsyncIterator[Core]:
    """The database is open (if it answers), the runner ready; health is built at first use."""
    from bot.slack.announcer import Announcer

    async with AsyncExitStack() as stack:
        embedded, conninfo = None, settings.database_url.get_secret_value() if settings.database_url else ""
        if not conninfo:
            from bot.store.embedded import EmbeddedServer

            embedded = await stack.enter_async_context(EmbeddedServer(data_dir / "postgresql"))
            await embedded.create_database("ilab")
            conninfo = embedded.conninfo("ilab")
            if embedded.owns:
                await migrate_ours(conninfo)
        database = Database(conninfo)
        await database.open()
        stack.push_async_callback(database.close)
        vendors = functools.cache(functools.partial(_vendors, settings, stack))
        product = None
        if settings.product is not None:
            from bot.product import ProductDatabase

            product = ProductDatabase(settings.product)
            stack.push_async_callback(product.close)
        due = asyncio.Event()
        known = registry()
        rules.check(settings.approvals, known)
        services = Services(
            settings=settings,
            registry=known,
            database=database,
            now=clock,
            announce=Announcer(clock, runbook_url=settings.runbook_url),
            people=Directory(
                lookup=None,
                database=database,
                grants=grants(settings),
                now=clock,
                fresh_for=timedelta(seconds=settings.roles.cache_seconds),
            ),
            health=functools.cache(functools.partial(_health, settings, vendors, product, clock, stack)),
            vendors=vendors,
            product=product,
            wake=due.set,
            data_dir=data_dir,
        )
        journal = Journal(data_dir / "journal")
        yield Core(
            settings=settings,
            services=services,
            runner=Runner(services, journal, observe),
            journal=journal,
            data_dir=data_dir,
            stack=stack,
            embedded=embedded,
            due=due,
        )


def _vendors(settings: Settings, stack: AsyncExitStack) -> Providers:
    """The clients of every vendor that the settings name, with their libraries loaded."""
    import httpx

    from bot.providers import build_providers

    trusted = httpx.create_ssl_context()

    def http() -> httpx.AsyncClient:
        # one a vendor: httpcore looks at every connection of a client at every request, a third of a report's time
        client = httpx.AsyncClient(
            verify=trusted, headers={"User-Agent": "ilab"}, timeout=settings.status.probe_timeout_seconds
        )
        stack.push_async_callback(client.aclose)
        return client

    providers = build_providers(settings, http)
    providers.load()
    return providers


def _health(
    settings: Settings,
    vendors: Callable[[], Providers],
    product: ProductDatabase | None,
    clock: Now,
    stack: AsyncExitStack,
) -> Health:
    """The checks of everything that the settings name."""
    from bot.health.checks import build_health

    health = build_health(settings, vendors(), product, clock)
    stack.push_async_callback(health.close)
    return health


def introduce(core: Core, slack: Slack) -> None:
    """From now on Slack is asked who somebody is; until then it is what was kept of its answers. Documents are there."""
    from bot.slack.canvases import Canvases
    from bot.slack.lookup import GROUPS_FOR, WorkspaceLookup

    groups_for = min(GROUPS_FOR, core.settings.roles.cache_seconds)
    core.services.documents.connect(Canvases(slack))
    core.services.people.connect(WorkspaceLookup(slack, core.services.now, groups_for=groups_for))


async def reach_slack(core: Core) -> None:
    """Slack is asked who somebody is, where it answers now; else what was kept of its answers goes on counting."""
    from bot.slack.client import connected, whoami

    if core.settings.slack is None:
        return
    slack = await core.stack.enter_async_context(connected(core.settings.slack))
    try:
        introduce(core, await bounded(whoami(slack), REACHED_WITHIN))
    except (ProviderError, TimeoutError) as error:
        log.info("slack does not answer", error=type(error).__name__)


async def migrate_ours(conninfo: str) -> None:
    """The tables of our own database are those that this copy works with. DatabaseSilentError where it is silent."""
    import psycopg

    from bot.store.migrate import migrate

    try:
        applied = await migrate(conninfo)
    except psycopg.OperationalError as error:
        raise DatabaseSilentError from error
    if applied:
        log.info("migrated", applied=applied)
