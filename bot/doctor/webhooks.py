"""What vendors send us: our address, what they sign with, and whether they were told of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from bot.doctor.examining import Check, Ground
from bot.doctor.findings import Found, State, broken, ok

if TYPE_CHECKING:
    from bot.providers.pagerduty import PagerDuty
    from bot.providers.vercel import Vercel

GROUP: Final = "Webhooks"
DEPLOYMENTS: Final = ("deployment.error", "deployment.succeeded")
VENDORS: Final = {
    "uptimerobot": "uptimerobot.com → Integrations → Webhook: make up a secret, /webhooks/uptimerobot/<secret>",
    "sentry": "sentry.io → Settings → Custom Integrations → ilab: the Client Secret",
    "vercel": "vercel.com → Team Settings → Webhooks: the secret shown once when it is made",
    "stripe": "dashboard.stripe.com → Developers → Webhooks → the endpoint of ours: Signing secret",
    "pagerduty": "pagerduty.com → Integrations → Generic Webhooks (v3): the secret shown once when it is made",
    "resend": "resend.com/webhooks → ours: Signing Secret",
}
"""Vendor → where its secret is."""


def checks(ground: Ground) -> tuple[Check, ...]:
    """What to look at."""
    settings, vendors = ground.settings, ground.vendors
    vercel, pagerduty = vendors.vercel, vendors.pagerduty
    told = "pagerduty.com → Integrations → API Access Keys: one that may read webhooks"
    return (
        Check(title="Our address", group=GROUP, run=partial(_address, settings.web.port)),
        *(
            Check(
                title=f"{vendor.capitalize()} secret",
                group=GROUP,
                run=partial(_secret, ground, vendor) if getattr(settings, vendor) is not None else None,
                setting=f"`ILAB_WEBHOOKS__{vendor.upper()}_SECRET` with the vendor",
            )
            for vendor in VENDORS
        ),
        Check(
            title="Vercel tells us",
            group=GROUP,
            run=partial(_vercel, vercel) if vercel else None,
            fix="vercel.com → Team Settings → Webhooks: they need the plan Pro",
            setting="`ILAB_VERCEL__TOKEN`",
        ),
        Check(
            title="PagerDuty tells us",
            group=GROUP,
            run=partial(_pagerduty, pagerduty) if pagerduty else None,
            fix=told,
            setting="`ILAB_PAGERDUTY__API_KEY`",
        ),
    )


async def _address(port: int | None) -> Found:
    if port is None:
        return Found(state=State.NOT_CONFIGURED, said="set `ILAB_WEB__PORT`; without it no vendor's webhook is heard")
    return ok(f"port {port}")


async def _secret(ground: Ground, vendor: str) -> Found:
    if getattr(ground.settings.webhooks, f"{vendor}_secret") is None:
        return broken(
            "it is not set: its webhooks are answered 404",
            f"{VENDORS[vendor]}, into `ILAB_WEBHOOKS__{vendor.upper()}_SECRET`",
        )
    return ok("set")


async def _vercel(vercel: Vercel) -> Found:
    where = "vercel.com → Team Settings → Webhooks"
    ours = [hook for hook in await vercel.webhooks() if "/webhooks/vercel" in hook.url]
    told = frozenset[str]().union(*(hook.events for hook in ours))
    missing = [event for event in DEPLOYMENTS if event not in told]
    if not ours:
        return broken(
            "it has no webhook to us",
            f"{where} → Create: https://<our address>/webhooks/vercel with {' and '.join(DEPLOYMENTS)}",
        )
    if missing:
        return broken(f"it does not tell us of {', '.join(missing)}", f"{where} → ours: select them")
    return ok("of deployments")


async def _pagerduty(pagerduty: PagerDuty) -> Found:
    where = "pagerduty.com → Integrations → Generic Webhooks (v3)"
    ours = [one for one in await pagerduty.subscriptions() if "/webhooks/pagerduty" in one.url]
    if not ours:
        return broken(
            "it has no subscription to us",
            f"{where} → New Webhook: https://<our address>/webhooks/pagerduty with incident.acknowledged and "
            "incident.resolved",
        )
    if not any(one.active for one in ours):
        return broken("its subscription to us is off", f"{where} → ours: Enable")
    return ok("of incidents")
