"""The vendors' keys: each with a real call that only reads, and where to get one that does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bot.doctor.examining import Check, Ground
from bot.doctor.findings import Found, broken, by_hand, ok
from bot.errors import ProviderError
from bot.providers.stripe_shapes import WebhookEndpoint

if TYPE_CHECKING:
    from datetime import datetime

    from bot.providers.openai import OpenAI
    from bot.providers.pagerduty import PagerDuty
    from bot.providers.stripe import Stripe
    from bot.providers.supabase_metrics import SupabaseMetrics
    from bot.providers.uptimerobot import UptimeRobot

VENDORS: Final = "Vendors"
ALERTS: Final = "Vendors' own alerts"
COMPLETED: Final = "checkout.session.completed"
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
STRIPE_KEYS: Final = "dashboard.stripe.com → Developers → API keys"
_LIMITED: Final = 403
"""Stripe's status for what a restricted key may not do; a wrong key is a 401."""


def checks(ground: Ground) -> tuple[Check, ...]:
    """What to look at, vendor by vendor."""
    return (
        *_site(ground),
        *_supabase(ground),
        *_stripe(ground),
        *_watchers(ground),
        *_others(ground),
        *_alerts(ground),
    )


def _check(title: str, run: Callable[[], Awaitable[Found]] | None, fix: str, setting: str) -> Check:
    return Check(title=title, group=VENDORS, run=run, fix=fix, setting=f"`{setting}`")


async def _read(call: Callable[[], Awaitable[object]], said: str) -> Found:
    """It is ok where the call is answered."""
    await call()
    return ok(said)


def _site(ground: Ground) -> tuple[Check, ...]:
    vercel, config = ground.vendors.vercel, ground.vendors.vercel_config
    place = (
        "vercel.com → Account Settings → Tokens: one of the team's scope into `ILAB_VERCEL__TOKEN`, and check "
        "`ILAB_VERCEL__TEAM_ID` and `ILAB_VERCEL__PROJECT`"
    )
    return (
        _check(
            "Vercel project",
            partial(_read, vercel.project, "readable") if vercel else None,
            place,
            "ILAB_VERCEL__TOKEN",
        ),
        _check(
            "Vercel config",
            partial(_read, config.items, "readable") if config else None,
            "vercel.com → the team → Storage: the id (ecfg_…) of the config into `ILAB_VERCEL__CONFIG_ID`",
            "ILAB_VERCEL__CONFIG_ID",
        ),
    )


def _supabase(ground: Ground) -> tuple[Check, ...]:
    vendors, settings = ground.vendors, ground.settings.supabase
    public, auth, management = vendors.supabase, vendors.supabase_auth, vendors.supabase_management
    storage, metrics = vendors.supabase_storage, vendors.supabase_metrics
    where = f"supabase.com/dashboard/project/{settings.ref if settings else '…'}/settings/api-keys"
    secret = f"{where}: a secret key (sb_secret_…) into `ILAB_SUPABASE__SECRET_KEY`"
    published = f"{where}: the publishable key into `ILAB_SUPABASE__PUBLISHABLE_KEY`"
    tokens = (
        "supabase.com/dashboard/account/tokens: one that may read the project into `ILAB_SUPABASE__ACCESS_TOKEN`, and "
        "check `ILAB_SUPABASE__REF`"
    )
    return (
        _check(
            "Supabase publishable key",
            partial(_read, public.auth_version, "Auth answers it") if public else None,
            published,
            "ILAB_SUPABASE__PUBLISHABLE_KEY",
        ),
        _check(
            "Supabase REST",
            partial(_read, public.one_row, "the probe table answers") if public else None,
            f"check `ILAB_SUPABASE__PROBE_TABLE`; {published}",
            "ILAB_SUPABASE__PUBLISHABLE_KEY",
        ),
        _check(
            "Supabase secret key",
            partial(_read, partial(auth.get, NOBODY), "may read accounts") if auth else None,
            secret,
            "ILAB_SUPABASE__SECRET_KEY",
        ),
        _check(
            "Supabase Storage",
            partial(_read, storage.alive, "answers") if storage else None,
            secret,
            "ILAB_SUPABASE__SECRET_KEY",
        ),
        _check(
            "Supabase metrics",
            partial(_metrics, metrics, ground.now()) if metrics else None,
            secret,
            "ILAB_SUPABASE__SECRET_KEY",
        ),
        _check(
            "Supabase Management token",
            partial(_read, management.health, "reads the project") if management else None,
            tokens,
            "ILAB_SUPABASE__ACCESS_TOKEN",
        ),
    )


async def _metrics(metrics: SupabaseMetrics, at: datetime) -> Found:
    await metrics.look(at)
    return ok("are read")


def _stripe(ground: Ground) -> tuple[Check, ...]:
    stripe = ground.vendors.stripe
    rights: tuple[tuple[str, Callable[[Stripe], Awaitable[object]]], ...] = (
        ("Events", lambda api: api.newest_event()),
        ("Checkout Sessions", lambda api: api.sessions(most=1)),
        ("Customers", lambda api: api.customers("doctor@invalid.example")),
        ("Subscriptions", lambda api: api.running_subscriptions("cus_none")),
    )
    fix = f"{STRIPE_KEYS}: a live key of this account into `ILAB_STRIPE__API_KEY`"
    return (
        *(
            _check(
                f"Stripe {right}", partial(_right, stripe, right, call) if stripe else None, fix, "ILAB_STRIPE__API_KEY"
            )
            for right, call in rights
        ),
        _check(
            "Stripe webhook endpoint",
            partial(_endpoint, stripe, stripe.settings.webhook_url) if stripe and stripe.settings.webhook_url else None,
            fix,
            "ILAB_STRIPE__WEBHOOK_URL",
        ),
    )


async def _right(stripe: Stripe, right: str, call: Callable[[Stripe], Awaitable[object]]) -> Found:
    try:
        await call(stripe)
    except ProviderError as error:
        if error.status == _LIMITED:
            return broken(f"the key may not read {right}", f"{STRIPE_KEYS} → edit the restricted key: {right}: Read")
        if error.kind == "not_found" or (error.kind == "rejected" and error.status == 400):
            return ok("readable")
        raise
    return ok("readable")


async def _endpoint(stripe: Stripe, url: str) -> Found:
    try:
        found = await stripe.webhook_endpoints()
    except ProviderError as error:
        if error.status == _LIMITED:
            right = "Webhook Endpoints"
            return broken(f"the key may not read {right}", f"{STRIPE_KEYS} → edit the restricted key: {right}: Read")
        raise
    return endpoint_of(found, url)


def endpoint_of(endpoints: tuple[WebhookEndpoint, ...], url: str) -> Found:
    """What is wrong with the product's endpoint among the account's."""
    where = "dashboard.stripe.com → Developers → Webhooks"
    ours = next((one for one in endpoints if one.url.rstrip("/") == url.rstrip("/")), None)
    if ours is None:
        return broken("Stripe has no endpoint of that address", f"{where}: add {url} with {COMPLETED}")
    if ours.status != "enabled":
        return broken(f"it is {ours.status}: nothing paid arrives", f"{where} → {ours.id} → ⋯ → Enable")
    if not ours.wants(COMPLETED):
        return broken(f"it is not told of {COMPLETED}", f"{where} → {ours.id} → Edit: select {COMPLETED}")
    return ok(f"enabled, told of {COMPLETED}")


def _watchers(ground: Ground) -> tuple[Check, ...]:
    robot, sentry, site = ground.vendors.uptimerobot, ground.vendors.sentry, ground.settings.site
    robot_key = "uptimerobot.com → Integrations & API → API: the main key into `ILAB_UPTIMEROBOT__API_KEY`"
    permissions = (
        "sentry.io → Settings → Custom Integrations → ilab: permissions Organization: Read and Issue & Event: Read"
    )
    slug = "; its token into `ILAB_SENTRY__TOKEN`"
    return (
        _check(
            "UptimeRobot monitor",
            partial(_monitor, robot, site.url if site else "https://interviewlab.io") if robot else None,
            robot_key,
            "ILAB_UPTIMEROBOT__API_KEY",
        ),
        _check(
            "Sentry org:read",
            partial(_read, sentry.error_rate, "readable") if sentry else None,
            permissions + slug,
            "ILAB_SENTRY__TOKEN",
        ),
        _check(
            "Sentry event:read",
            partial(_read, partial(sentry.top_issues, most=1), "readable") if sentry else None,
            permissions + slug,
            "ILAB_SENTRY__TOKEN",
        ),
    )


async def _monitor(robot: UptimeRobot, url: str) -> Found:
    host = urlsplit(url).hostname
    # the sandbox's site has an address of this machine, and its monitors watch the real name
    local = host in ("127.0.0.1", "localhost")
    monitors = await robot.monitors()
    ours = [one for one in monitors if local or urlsplit(one.url).hostname == host]
    if not ours:
        return broken(f"no monitor watches {host}", f"uptimerobot.com → New monitor: HTTP, {url}, every minute")
    watching = [one for one in ours if one.status != "PAUSED"]
    if not watching:
        return broken(f"“{ours[0].name}” is paused", "uptimerobot.com → that monitor → Start")
    if not any(one.alerted for one in watching):
        return broken(
            f"nobody is told by “{watching[0].name}”", "uptimerobot.com → that monitor → Edit: choose an alert contact"
        )
    return ok(f"“{watching[0].name}” watches, and tells {watching[0].alerted}")


def _others(ground: Ground) -> tuple[Check, ...]:
    vendors = ground.vendors
    openai, pagerduty, statuspage = vendors.openai, vendors.pagerduty, vendors.statuspage
    resend, github = vendors.resend, vendors.github
    duty_key = "pagerduty.com → Integrations → API Access Keys: one into `ILAB_PAGERDUTY__API_KEY`"
    sender = ground.settings.pagerduty.from_email if ground.settings.pagerduty else ""
    return (
        _check(
            "OpenAI key",
            partial(_model, openai) if openai else None,
            "platform.openai.com/api-keys: the product's key into `ILAB_OPENAI__API_KEY`",
            "ILAB_OPENAI__API_KEY",
        ),
        _check(
            "PagerDuty policy",
            partial(_policy, pagerduty) if pagerduty else None,
            f"{duty_key}, and check `ILAB_PAGERDUTY__ESCALATION_POLICY`",
            "ILAB_PAGERDUTY__API_KEY",
        ),
        _check(
            "PagerDuty sender",
            partial(_sender, pagerduty, sender) if pagerduty and sender else None,
            duty_key,
            "ILAB_PAGERDUTY__FROM_EMAIL",
        ),
        _check(
            "Statuspage page",
            partial(_read, statuspage.components, "its components are readable") if statuspage else None,
            "manage.statuspage.io → API info: key and page id into `ILAB_STATUSPAGE__API_KEY`, `ILAB_STATUSPAGE__PAGE_ID`",
            "ILAB_STATUSPAGE__API_KEY",
        ),
        _check(
            "Resend key",
            partial(_read, partial(resend.sent_to, "doctor@invalid.example", pages=1), "readable") if resend else None,
            "resend.com/api-keys: one of Full access (a sending key reads nothing) into `ILAB_RESEND__API_KEY`",
            "ILAB_RESEND__API_KEY",
        ),
        _check(
            "GitHub repository",
            partial(_read, github.branch, "readable") if github else None,
            "github.com/settings/tokens: one with Contents: Read of the repository into `ILAB_GITHUB__TOKEN`, and check "
            "`ILAB_GITHUB__REPOSITORY`",
            "ILAB_GITHUB__TOKEN",
        ),
    )


async def _model(openai: OpenAI) -> Found:
    if openai.settings.model not in await openai.models():
        return broken(
            f"the key may not use {openai.settings.model}",
            "platform.openai.com → the project → Limits: allow it, or correct `ILAB_OPENAI__MODEL`",
        )
    return ok(f"may use {openai.settings.model}")


async def _policy(pagerduty: PagerDuty) -> Found:
    levels = await pagerduty.levels()
    staffed = {duty.level for duty in await pagerduty.on_call()}
    vacant = [str(level) for level in range(1, levels + 1) if level not in staffed]
    where = "pagerduty.com → People → Escalation Policies → ours"
    if not levels:
        return broken("the policy has no level", f"{where}: add who is paged first")
    if vacant:
        return broken(f"nobody is on call at level {', '.join(vacant)}", f"{where}: fill its schedule")
    return ok(f"{levels} levels, all staffed")


async def _sender(pagerduty: PagerDuty, email: str) -> Found:
    if not await pagerduty.has_user(email):
        return broken(
            "nobody there has the address of `ILAB_PAGERDUTY__FROM_EMAIL`", "set it to that of a user of the account"
        )
    return ok("is a user")


def _alerts(ground: Ground) -> tuple[Check, ...]:
    vendors = ground.vendors
    looks = (
        (
            "Vercel alerts",
            vendors.vercel,
            "ILAB_VERCEL__TOKEN",
            "vercel.com → the project → Observability → Alerts: error and usage anomalies on",
        ),
        (
            "Sentry alert rules",
            vendors.sentry,
            "ILAB_SENTRY__TOKEN",
            "sentry.io → Alerts: new errors, and more than 10 a minute, both with the action ilab",
        ),
        (
            "Supabase alerts",
            vendors.supabase,
            "ILAB_SUPABASE__REF",
            "supabase.com/dashboard → Reports: it has no alerts of CPU, connections or storage; `metrics` watches them",
        ),
        (
            "Resend domain",
            vendors.resend,
            "ILAB_RESEND__API_KEY",
            "resend.com/domains: the domain of `ILAB_RESEND__FROM_ADDRESS` must be Verified",
        ),
    )
    return tuple(
        Check(
            title=title, group=ALERTS, run=partial(_look, where) if vendor is not None else None, setting=f"`{setting}`"
        )
        for title, vendor, setting, where in looks
    )


async def _look(where: str) -> Found:
    return by_hand("no API that we know tells it", where)
