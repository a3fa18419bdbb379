"""One module a vendor, all of one shape: settings, a client over httpx, and failures as ProviderError."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from bot.providers.github import GitHub
    from bot.providers.openai import OpenAI
    from bot.providers.pagerduty import PagerDuty
    from bot.providers.resend import Resend
    from bot.providers.sentry import Sentry
    from bot.providers.site import Site
    from bot.providers.status_pages import StatusPages
    from bot.providers.statuspage import Statuspage
    from bot.providers.stripe import Stripe
    from bot.providers.supabase import Supabase, SupabaseManagement
    from bot.providers.supabase_auth import SupabaseAuth
    from bot.providers.supabase_backups import SupabaseBackups
    from bot.providers.supabase_metrics import SupabaseMetrics
    from bot.providers.supabase_storage import SupabaseStorage
    from bot.providers.uptimerobot import UptimeRobot
    from bot.providers.vercel import Vercel
    from bot.providers.vercel_config import VercelConfig
    from bot.providers.vercel_logs import VercelLogs
    from bot.providers.webhook import Webhook
    from bot.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Providers:
    """Each vendor's client, `None` where the settings do not hold it."""

    site: Site | None = None
    vercel: Vercel | None = None
    vercel_logs: VercelLogs | None = None
    supabase: Supabase | None = None
    supabase_auth: SupabaseAuth | None = None
    """With the secret key, which acts for customers."""
    supabase_storage: SupabaseStorage | None = None
    supabase_management: SupabaseManagement | None = None
    supabase_backups: SupabaseBackups | None = None
    supabase_metrics: SupabaseMetrics | None = None
    vercel_config: VercelConfig | None = None
    stripe: Stripe | None = None
    webhook: Webhook | None = None
    """The product's endpoint for Stripe's events, where its secret is known."""
    test_webhook: Webhook | None = None
    openai: OpenAI | None = None
    uptimerobot: UptimeRobot | None = None
    sentry: Sentry | None = None
    pagerduty: PagerDuty | None = None
    statuspage: Statuspage | None = None
    """InterviewLab's own page; the vendors' are `status_pages`."""
    github: GitHub | None = None
    resend: Resend | None = None
    status_pages: StatusPages | None = None

    def load(self) -> None:
        """Import now what is otherwise imported with the first call; a serving bot calls this at its start."""
        if self.stripe:
            self.stripe.load()


def build_providers(settings: Settings, http: Callable[[], httpx.AsyncClient]) -> Providers:
    """Return the clients of everything the settings hold, each over an `http` of its own. Nothing is called yet."""
    # imported here, so that a terminal command that asks no vendor does not pay for the clients
    from bot.providers.github import GitHub  # noqa: PLC0415
    from bot.providers.openai import OpenAI  # noqa: PLC0415
    from bot.providers.pagerduty import PagerDuty  # noqa: PLC0415
    from bot.providers.resend import Resend  # noqa: PLC0415
    from bot.providers.sentry import Sentry  # noqa: PLC0415
    from bot.providers.site import Site  # noqa: PLC0415
    from bot.providers.status_pages import StatusPages  # noqa: PLC0415
    from bot.providers.statuspage import Statuspage  # noqa: PLC0415
    from bot.providers.stripe import Stripe  # noqa: PLC0415
    from bot.providers.supabase import Supabase, SupabaseManagement  # noqa: PLC0415
    from bot.providers.supabase_auth import SupabaseAuth  # noqa: PLC0415
    from bot.providers.supabase_backups import SupabaseBackups  # noqa: PLC0415
    from bot.providers.supabase_metrics import SupabaseMetrics  # noqa: PLC0415
    from bot.providers.supabase_storage import SupabaseStorage  # noqa: PLC0415
    from bot.providers.uptimerobot import UptimeRobot  # noqa: PLC0415
    from bot.providers.vercel import Vercel  # noqa: PLC0415
    from bot.providers.vercel_config import VercelConfig  # noqa: PLC0415
    from bot.providers.vercel_logs import VercelLogs  # noqa: PLC0415
    from bot.providers.webhook import Webhook  # noqa: PLC0415

    supabase, stripe = settings.supabase, settings.stripe
    return Providers(
        site=Site(settings.site, http()) if settings.site else None,
        vercel=Vercel(settings.vercel, http()) if settings.vercel else None,
        vercel_logs=VercelLogs(settings.vercel, http()) if settings.vercel else None,
        supabase=Supabase(supabase, http()) if supabase else None,
        supabase_auth=SupabaseAuth(supabase, supabase.secret_key, http()) if supabase and supabase.secret_key else None,
        supabase_storage=SupabaseStorage(supabase, supabase.secret_key, http())
        if supabase and supabase.secret_key
        else None,
        supabase_management=(
            SupabaseManagement(supabase, supabase.access_token, http()) if supabase and supabase.access_token else None
        ),
        supabase_backups=(
            SupabaseBackups(supabase, supabase.access_token, http()) if supabase and supabase.access_token else None
        ),
        vercel_config=VercelConfig(settings.vercel, http()) if settings.vercel and settings.vercel.config_id else None,
        supabase_metrics=(
            SupabaseMetrics(supabase, supabase.secret_key, http()) if supabase and supabase.secret_key else None
        ),
        stripe=Stripe(stripe, http()) if stripe else None,
        webhook=(
            Webhook(stripe.webhook_url, stripe.webhook_secret, http())
            if stripe and stripe.webhook_url and stripe.webhook_secret
            else None
        ),
        test_webhook=(
            Webhook(stripe.test_webhook_url, stripe.test_webhook_secret, http())
            if stripe and stripe.test_webhook_url and stripe.test_webhook_secret
            else None
        ),
        openai=OpenAI(settings.openai, http()) if settings.openai else None,
        uptimerobot=UptimeRobot(settings.uptimerobot, http()) if settings.uptimerobot else None,
        sentry=Sentry(settings.sentry, http()) if settings.sentry else None,
        pagerduty=PagerDuty(settings.pagerduty, http()) if settings.pagerduty else None,
        statuspage=Statuspage(settings.statuspage, http()) if settings.statuspage else None,
        github=GitHub(settings.github, http()) if settings.github else None,
        resend=Resend(settings.resend, http()) if settings.resend else None,
        status_pages=StatusPages(settings.status_pages, http()),
    )
