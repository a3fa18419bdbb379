"""The list of checks: what is asked, what it depends on, and where it stands in the answer."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from bot.health import probes
from bot.health.check import Check, Health
from bot.health.components import VENDORS, every_part
from bot.health.pages import status_page
from bot.health.readings import Group, Kind
from bot.providers import Providers
from bot.settings import Settings

if TYPE_CHECKING:  # it imports the database's driver
    from bot.context import Now
    from bot.product import ProductDatabase

_PRODUCT_PARTS = ("vercel", "supabase", "stripe", "openai")


def build_health(settings: Settings, providers: Providers, product: ProductDatabase | None, now: Now) -> Health:
    """Return the service over everything that is configured. `now` is the bot's time."""
    checks = (
        *_product(settings, providers, product),
        *_vendors(settings, providers, now),
        *_monitors(settings, providers, now),
        *_pages(settings, providers, now),
    )
    return Health(checks, cache_seconds=settings.status.cache_seconds, now=now)


def _product(settings: Settings, providers: Providers, product: ProductDatabase | None) -> tuple[Check, ...]:
    status, site, supabase = settings.status, providers.site, providers.supabase
    own = functools.partial(Check, kind=Kind.OWN, group=Group.PRODUCT, limit=status.probe_timeout_seconds)
    return (
        own(
            name="site",
            title="Site",
            what="The site",
            setting="ILAB_SITE__URL",
            needs=("vercel.serving",),
            run=(lambda: probes.site(site, status.slow_seconds)) if site else None,
        ),
        own(
            name="api",
            title="API",
            what="The API",
            setting="ILAB_SITE__ENTITLEMENTS_PATH",
            needs=("vercel.serving", "supabase.auth", "supabase.gateway", "supabase.database"),
            run=(lambda: probes.api(site, status.slow_seconds)) if site else None,
        ),
        own(
            name="supabase.rest",
            title="Supabase REST",
            what="Supabase's REST API",
            setting="ILAB_SUPABASE__PUBLISHABLE_KEY and ILAB_SUPABASE__PROBE_TABLE",
            needs=("supabase.gateway", "supabase.database"),
            run=(lambda: probes.supabase_rest(supabase, status.slow_seconds)) if supabase else None,
        ),
        own(
            name="supabase.auth",
            title="Supabase Auth",
            what="Supabase Auth",
            setting="ILAB_SUPABASE__PUBLISHABLE_KEY",
            needs=("supabase.auth", "supabase.gateway", "supabase.database"),
            run=(lambda: probes.supabase_auth(supabase, status.slow_seconds)) if supabase else None,
        ),
        own(
            name="database",
            title="Product database",
            what="The product's database",
            setting="ILAB_PRODUCT__DATABASE_URL",
            needs=("supabase.database", "supabase.pooler"),
            run=(lambda: probes.database(product, within=status.probe_timeout_seconds, slow=status.slow_seconds))
            if product
            else None,
        ),
    )


def _vendors(settings: Settings, providers: Providers, now: Now) -> tuple[Check, ...]:
    stripe, openai = providers.stripe, providers.openai
    shared = functools.partial(
        Check, kind=Kind.SHARED, group=Group.VENDORS, limit=settings.status.probe_timeout_seconds
    )
    return (
        shared(
            name="stripe.events",
            title="Stripe events",
            what="Stripe",
            setting="ILAB_STRIPE__API_KEY",
            needs=("stripe.api", "stripe.checkout"),
            run=(lambda: probes.stripe_events(stripe, now())) if stripe else None,
        ),
        shared(
            name="stripe.webhook",
            title="Stripe webhook",
            what="Stripe",
            setting="ILAB_STRIPE__API_KEY",
            needs=("stripe.api", "stripe.webhooks"),
            run=(lambda: probes.stripe_webhook(stripe, now())) if stripe else None,
        ),
        shared(
            name="openai",
            title="OpenAI",
            what="OpenAI",
            setting="ILAB_OPENAI__API_KEY",
            needs=("openai.api",),
            run=(lambda: probes.openai(openai)) if openai else None,
        ),
    )


def _monitors(settings: Settings, providers: Providers, now: Now) -> tuple[Check, ...]:
    vercel, management = providers.vercel, providers.supabase_management
    uptimerobot, sentry = providers.uptimerobot, providers.sentry
    everything = tuple(part for vendor in _PRODUCT_PARTS for part in every_part(vendor))
    watcher = functools.partial(
        Check, kind=Kind.WATCHER, group=Group.MONITORS, limit=settings.status.probe_timeout_seconds
    )
    return (
        watcher(
            name="vercel.deployment",
            title="Production deployment",
            setting="ILAB_VERCEL__TOKEN, ILAB_VERCEL__PROJECT and ILAB_VERCEL__TEAM_ID",
            needs=("vercel.deploying",),
            run=(lambda: probes.deployment(vercel, now())) if vercel else None,
        ),
        watcher(
            name="supabase.health",
            title="Supabase services",
            setting="ILAB_SUPABASE__ACCESS_TOKEN",
            needs=every_part("supabase"),
            run=(lambda: probes.supabase_health(management)) if management else None,
        ),
        watcher(
            name="uptimerobot",
            title="UptimeRobot monitors",
            setting="ILAB_UPTIMEROBOT__API_KEY",
            needs=everything,
            symptom=True,
            keep=settings.uptimerobot.cache_seconds if settings.uptimerobot else 0,
            run=(lambda: probes.uptimerobot(uptimerobot)) if uptimerobot else None,
        ),
        watcher(
            name="sentry",
            title="Sentry errors",
            setting="ILAB_SENTRY__TOKEN",
            needs=everything,
            symptom=True,
            run=(lambda: probes.sentry(sentry)) if sentry else None,
        ),
    )


def _pages(settings: Settings, providers: Providers, now: Now) -> tuple[Check, ...]:
    pages = providers.status_pages

    def page(vendor: str) -> Check:
        return Check(
            name=f"page.{vendor}",
            title=f"{VENDORS[vendor].title}'s status page",
            kind=Kind.PAGE,
            group=Group.PAGES,
            setting=f"ILAB_STATUS_PAGES__{vendor.upper()}",
            needs=every_part(vendor),
            limit=settings.status.probe_timeout_seconds,
            keep=settings.status_pages.cache_seconds,
            run=(lambda: status_page(pages, vendor, now())) if pages and pages.address(vendor) else None,
        )

    return tuple(page(vendor) for vendor in VENDORS)
