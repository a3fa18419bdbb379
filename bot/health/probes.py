"""The probes: each asks one thing, and says what it found.

A probe catches no failed call (a full database apart, which is an answer): what one means is decided in one place,
`bot.health.readings.failure`, by the kind of the check. Its time limit is set by `bot.health.check`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bot.ages import age, span
from bot.health.readings import Cause, Fact, Finding, State

if TYPE_CHECKING:  # the clients import httpx and the database's driver
    from bot.product import Connections, ProductDatabase
    from bot.providers.openai import OpenAI
    from bot.providers.sentry import Sentry
    from bot.providers.site import Site, SiteAnswer
    from bot.providers.stripe import Stripe
    from bot.providers.stripe_shapes import WebhookEndpoint
    from bot.providers.supabase import Supabase, SupabaseManagement
    from bot.providers.uptimerobot import Monitor, UptimeRobot
    from bot.providers.vercel import Deployment, Project, Vercel

_RECENT: Final = timedelta(hours=1)
_ON_ITS_WAY: Final = timedelta(minutes=5)
"""An event this young may still be on its way to the endpoint."""
_LOOKED_THROUGH: Final = 20
"""Deployments among which staged ones are counted."""


async def site(client: Site, slow: float) -> Finding:
    """Say whether visitors get the home page."""
    started = time.monotonic()
    answer = await client.home()
    took = time.monotonic() - started
    instead = _not_the_site(answer)
    if instead:
        return instead
    if answer.maintenance:
        reason = f"shows its maintenance page ({answer.status})"
        return Finding(state=State.DEGRADED, reason=reason, phrase="the site is in maintenance mode", notice=True)
    if answer.status != 200:
        return _down("The site", f"answers {answer.status}")
    return _timed("The site", took, slow, note=f"answers 200 to {answer.method} /")


async def api(client: Site, slow: float) -> Finding:
    """Say whether the API answers as itself: 401 or 200, in JSON, where nobody has signed in."""
    started = time.monotonic()
    answer = await client.entitlements()
    took = time.monotonic() - started
    instead = _not_the_site(answer)
    if instead:
        return instead
    if answer.status not in (200, 401):
        return _down("The API", f"answers {answer.status} where 401 is due")
    if not answer.json:
        reason = f"answers a web page ({answer.status}) where JSON is due"
        return Finding(state=State.DEGRADED, reason=reason, phrase=f"The API {reason}")
    note = "answers 401, as it should" if answer.status == 401 else "answers 200 without a sign-in"
    return _timed("The API", took, slow, note=note)


def _not_the_site(answer: SiteAnswer) -> Finding | None:
    """Say so where something else answered in the site's place."""
    if answer.challenged:
        reason = "Vercel's Attack Challenge Mode is on and stops our probe (429)"
    elif answer.elsewhere:
        reason = f"protected: redirects to {answer.elsewhere}, not followed"
    elif answer.protected:
        reason = f"protected: a sign-in page answers ({answer.status}), not the app"
    elif answer.status == 429:
        reason = "too many requests (429)"
    else:
        return None
    return Finding(state=State.UNKNOWN, reason=reason)


async def supabase_rest(client: Supabase, slow: float) -> Finding:
    """Say whether one row can be read with the product's own key."""
    started = time.monotonic()
    rows = await client.one_row()
    took = time.monotonic() - started
    return _timed(
        "Supabase's REST API",
        took,
        slow,
        note=f"reads {client.settings.probe_table} ({rows} of 1 row visible to its key)",
    )


async def supabase_auth(client: Supabase, slow: float) -> Finding:
    """Say whether the Auth service says that it is well."""
    started = time.monotonic()
    version = await client.auth_version()
    return _timed("Supabase Auth", time.monotonic() - started, slow, note=f"healthy{version and f', {version}'}")


async def supabase_health(client: SupabaseManagement) -> Finding:
    """Say what Supabase itself reports about the project's services."""
    services = await client.health()
    if not services:
        return Finding(state=State.UNKNOWN, reason="names no service")
    ill = [service for service in services if not service.healthy]
    coming = [service for service in ill if service.status == "COMING_UP"]
    facts = {service.name: service.status for service in services}
    if not ill:
        return Finding(state=State.OK, reason=f"{len(services)} services healthy", facts=facts)
    reason = ", ".join(f"{service.name} {service.status.lower().replace('_', ' ')}" for service in ill)
    return Finding(
        state=State.DEGRADED if len(coming) == len(ill) else State.DOWN,
        reason=reason,
        phrase=f"Supabase reports: {reason}",
        facts=facts,
    )


async def database(client: ProductDatabase, *, within: float, slow: float) -> Finding:
    """Say whether the product's database can be connected to and read, and how full it is."""
    from bot.product import DatabaseFullError  # noqa: PLC0415 -- it imports the database's driver

    started = time.monotonic()
    try:
        found = await client.connections(within=within)
    except DatabaseFullError as error:
        phrase = f"The product's database is full ({error.why})"
        return Finding(state=State.DOWN, reason=error.why, phrase=phrase, cause=Cause.OURS)
    took = time.monotonic() - started
    return connections(found, took=took, slow=slow, warn=client.settings.warn_connections,
                       alert=client.settings.alert_connections)  # fmt: skip


def connections(found: Connections, *, took: float, slow: float, warn: float, alert: float) -> Finding:
    """Judge the connections against the maximum (shares of it)."""
    reason = f"{found.total} of {found.maximum} connections ({found.share:.0%}), {found.active} active"
    facts: dict[str, Fact] = {
        "connections": found.total,
        "active": found.active,
        "maximum": found.maximum,
        "share": found.share,
    }
    if found.share >= warn:
        return Finding(
            state=State.DEGRADED,
            reason=reason,
            phrase=f"The product's database is nearly full ({found.total} of {found.maximum} connections)",
            cause=Cause.OURS,
            alert=found.share >= alert,
            facts=facts,
        )
    return _timed("The product's database", took, slow, note=reason, facts=facts)


async def stripe_events(client: Stripe, now: datetime) -> Finding:
    """Say how old Stripe's newest event is: a shop that sells leaves one every few hours."""
    event = await client.newest_event()
    quiet = client.settings.quiet_hours
    if event is None:
        reason = "no event in the last 30 days"
        return Finding(state=State.DEGRADED, reason=reason, phrase=f"Stripe has seen {reason}")
    seconds = max(0.0, (now - event.created).total_seconds())
    facts: dict[str, Fact] = {"age_seconds": round(seconds), "type": event.type}
    if seconds > quiet * 3600:
        reason = f"no event for {span(seconds)} (expected within {quiet:g} h)"
        return Finding(state=State.DEGRADED, reason=reason, phrase=f"Stripe has seen {reason}", facts=facts)
    return Finding(state=State.OK, reason=f"last event {span(seconds)} ago ({event.type})", facts=facts)


async def stripe_webhook(client: Stripe, now: datetime) -> Finding:
    """Say whether Stripe delivers to the product's endpoint, and whether that takes what is delivered."""
    endpoints, undelivered = await asyncio.gather(
        client.webhook_endpoints(), client.undelivered(after=now - _RECENT, before=now - _ON_ITS_WAY)
    )
    return webhook(endpoints, client.settings.webhook_url, undelivered=undelivered)


def webhook(endpoints: Sequence[WebhookEndpoint], url: str, *, undelivered: int = 0) -> Finding:
    """Judge the account's endpoints; without `url` any enabled one counts."""
    ours = [endpoint for endpoint in endpoints if not url or endpoint.url.rstrip("/") == url.rstrip("/")]
    host = urlsplit(url).netloc or "any address"
    if not ours:
        reason = f"no endpoint for {host}{urlsplit(url).path}"
        return Finding(state=State.DOWN, reason=reason, phrase=f"Stripe has {reason}", cause=Cause.OURS)
    enabled = [endpoint for endpoint in ours if endpoint.status == "enabled"]
    if not enabled:
        reason = f"the endpoint {ours[0].id} is {ours[0].status}"
        return Finding(
            state=State.DOWN, reason=reason, phrase=f"Stripe delivers no webhooks ({reason})", cause=Cause.OURS
        )
    facts: dict[str, Fact] = {"endpoint": enabled[0].id, "undelivered": undelivered}
    if undelivered:
        count = f"{undelivered}{'+' if undelivered >= 100 else ''}"
        reason = f"{count} events of the last hour not delivered"
        return Finding(state=State.DEGRADED, reason=reason, phrase=f"Stripe's webhooks fail ({reason})", facts=facts)
    return Finding(state=State.OK, reason=f"enabled for {urlsplit(enabled[0].url).netloc}", facts=facts)


async def openai(client: OpenAI) -> Finding:
    """Say whether OpenAI answers us, how fast, and whether the product's model is among those we may use."""
    started = time.monotonic()
    models = await client.models()
    took = time.monotonic() - started
    model = client.settings.model
    if model not in models:
        reason = f"{model} is not among our {len(models)} models"
        return Finding(state=State.DEGRADED, reason=reason, phrase=f"OpenAI: {reason}", cause=Cause.OURS)
    return _timed("OpenAI", took, client.settings.slow_seconds, note=f"{model} available", cause=Cause.THEIRS)


async def deployment(client: Vercel, now: datetime) -> Finding:
    """Say what serves production, and where later pushes are held, how many wait."""
    project = await client.project()
    recent = () if project.auto_assign else (await client.deployments(limit=_LOOKED_THROUGH)).deployments
    return production(project, now, recent=recent)


def production(project: Project, now: datetime, *, recent: Sequence[Deployment] = ()) -> Finding:
    """Judge the project's production deployment; the gravest thing comes first."""
    current = project.production
    if project.paused or current is None:
        reason = "the project is paused" if project.paused else "there is no production deployment"
        return Finding(state=State.DOWN, reason=reason, phrase=f"Vercel: {reason}", cause=Cause.OURS)
    commit = f"{current.commit[:7]} " if current.commit else ""
    said = f"{commit}{current.state}, {age(current.created_at, now)} old"
    facts: dict[str, Fact] = {
        "id": current.id,
        "state": current.state,
        "commit": current.commit,
        "author": current.author,
    }
    if current.state in ("ERROR", "CANCELED", "BLOCKED", "DELETED"):
        reason = f"the last production build is {said}; what served before still serves"
        phrase = f"The last production build failed ({commit.strip() or current.id})"
        return Finding(state=State.DEGRADED, reason=reason, phrase=phrase, facts=facts)
    if project.protection == "all":
        reason = "production is behind Vercel's sign-in (deployment protection: all)"
        phrase = f"Visitors meet a wall: {reason}"
        return Finding(state=State.DEGRADED, reason=reason, phrase=phrase, cause=Cause.OURS, alert=True, facts=facts)
    if not project.auto_assign:
        move = project.last_move
        why = "rolled back" if move and move.type == "rollback" else "automatic assignment is off"
        staged = sum(one.substate == "STAGED" and one.created_at > current.created_at for one in recent)
        waiting = f"; {staged} staged" if staged else ""
        reason = f"{why}: later pushes stay staged until you promote ({said}{waiting})"
        phrase = f"deployments are held ({why})"
        facts["held"], facts["staged"] = True, staged
        return Finding(state=State.DEGRADED, reason=reason, phrase=phrase, notice=True, facts=facts)
    note = "" if current.state == "READY" else "a new one is on its way: "
    return Finding(state=State.OK, reason=note + said, facts=facts)


async def uptimerobot(client: UptimeRobot) -> Finding:
    """Say what the outside monitors see."""
    return monitors(await client.monitors())


def monitors(found: Sequence[Monitor]) -> Finding:
    """Judge the monitors; paused ones watch nothing, which is said."""
    down = [monitor for monitor in found if monitor.status == "DOWN"]
    shaky = [monitor for monitor in found if monitor.status == "LOOKS_DOWN"]
    paused = sum(monitor.status == "PAUSED" for monitor in found)
    watching = len(found) - paused
    if not watching:
        return Finding(state=State.UNKNOWN, reason=f"no monitor is watching ({paused} paused)")
    if down or shaky:
        named = ", ".join(
            monitor.name + (f" for {span(monitor.since)}" if monitor.since else "") for monitor in [*down, *shaky][:3]
        )
        word = "down" if down else "looks down"
        return Finding(
            state=State.DOWN if down else State.DEGRADED,
            reason=f"{len(down) + len(shaky)} of {watching} {word}: {named}",
            phrase=f"UptimeRobot sees {named} down",
        )
    note = f", {paused} paused" if paused else ""
    return Finding(state=State.OK, reason=f"{watching} monitors up{note}", facts={"up": watching, "paused": paused})


async def sentry(client: Sentry) -> Finding:
    """Say how many errors a minute arrive, against the runbook's thresholds."""
    rate = await client.error_rate()
    if not rate.minutes:
        return Finding(state=State.UNKNOWN, reason="no interval to count in")
    worst = max(rate.per_minute, rate.last_per_minute)
    alert = client.settings.alert_errors_per_minute
    reason = f"{worst:.1f} errors a minute (alert above {alert:g})"
    facts = {"per_minute": rate.per_minute, "last_per_minute": rate.last_per_minute, "minutes": rate.minutes}
    if worst > client.settings.warn_errors_per_minute:
        return Finding(
            state=State.DEGRADED,
            reason=reason,
            phrase=f"Errors are high ({worst:.0f} a minute)",
            alert=worst > alert,
            facts=facts,
        )
    return Finding(state=State.OK, reason=reason, facts=facts)


def _down(what: str, reason: str) -> Finding:
    return Finding(state=State.DOWN, reason=reason, phrase=f"{what} is down ({reason})")


def _timed(
    what: str,
    took: float,
    slow: float,
    *,
    note: str,
    cause: Cause = Cause.UNCLEAR,
    facts: dict[str, Fact] | None = None,
) -> Finding:
    """Say ok, or degraded where the answer took longer than `slow` seconds."""
    if took > slow:
        reason = f"slow: {took:.1f} s (over {slow:g} s), {note}"
        phrase = f"{what} is slow ({took:.1f} s)"
        return Finding(state=State.DEGRADED, reason=reason, phrase=phrase, cause=cause, facts=facts or {})
    return Finding(state=State.OK, reason=note, facts=facts or {})
