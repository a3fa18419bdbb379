"""The stand-ins for the vendors: state behind HTTP in the vendors' own shapes."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sandbox.faults import Faults
    from sandbox.vendors.vendor import Vendor
    from sandbox.world import World

_OTHERS: Final = (
    ("sandbox.vendors.supabase", "SupabaseManagement"),
    ("sandbox.vendors.supabase", "SupabaseProject"),
    ("sandbox.vendors.stripe", "Stripe"),
    ("sandbox.vendors.site", "Site"),
)


def every_vendor(world: World, faults: Faults) -> dict[str, Vendor]:
    """Return one stand-in of each vendor, by name, in the order of the panel, all sharing one world and its faults."""
    from sandbox.vendors.openai import OpenAI  # noqa: PLC0415
    from sandbox.vendors.pagerduty import PagerDuty, PagerDutyEvents  # noqa: PLC0415
    from sandbox.vendors.sentry import Sentry  # noqa: PLC0415
    from sandbox.vendors.status_pages import StatusPages  # noqa: PLC0415
    from sandbox.vendors.uptimerobot import UptimeRobot  # noqa: PLC0415
    from sandbox.vendors.vercel import Vercel  # noqa: PLC0415

    pagerduty = PagerDuty(world, faults)
    vendors: list[Vendor] = [
        Vercel(world, faults),
        OpenAI(world, faults),
        UptimeRobot(world, faults),
        Sentry(world, faults),
        pagerduty,
        PagerDutyEvents(pagerduty),
        StatusPages(world, faults),
    ]
    for module, name in _OTHERS:
        if find_spec(module) and hasattr(import_module(module), name):
            vendors.append(getattr(import_module(module), name)(world, faults))
    return {vendor.name: vendor for vendor in vendors}
