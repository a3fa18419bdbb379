"""The stand-ins for the vendors: state behind HTTP in the vendors' own shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.faults import Faults
    from sandbox.vendors.vendor import Vendor
    from sandbox.world import World


def every_vendor(world: World, faults: Faults) -> dict[str, Vendor]:
    """Return one stand-in of each vendor, by name, in the order of the panel, all sharing one world and its faults."""
    from sandbox.vendors.github import GitHub  # noqa: PLC0415
    from sandbox.vendors.openai import OpenAI  # noqa: PLC0415
    from sandbox.vendors.pagerduty import PagerDuty  # noqa: PLC0415
    from sandbox.vendors.pagerduty_events import PagerDutyEvents  # noqa: PLC0415
    from sandbox.vendors.resend import Resend  # noqa: PLC0415
    from sandbox.vendors.sentry import Sentry  # noqa: PLC0415
    from sandbox.vendors.site import Site  # noqa: PLC0415
    from sandbox.vendors.status_pages import StatusPages  # noqa: PLC0415
    from sandbox.vendors.statuspage import Statuspage  # noqa: PLC0415
    from sandbox.vendors.stripe import Stripe  # noqa: PLC0415
    from sandbox.vendors.supabase import SupabaseManagement, SupabaseProject  # noqa: PLC0415
    from sandbox.vendors.uptimerobot import UptimeRobot  # noqa: PLC0415
    from sandbox.vendors.vercel import Vercel  # noqa: PLC0415

    vercel, pagerduty = Vercel(world, faults), PagerDuty(world, faults)
    vendors: list[Vendor] = [
        Site(world, faults),
        vercel,
        SupabaseProject(world, faults),
        SupabaseManagement(world, faults),
        Stripe(world, faults),
        OpenAI(world, faults),
        UptimeRobot(world, faults),
        Sentry(world, faults),
        pagerduty,
        PagerDutyEvents(pagerduty),
        Statuspage(world, faults),
        Resend(world, faults),
        GitHub(world, faults, vercel.deployments),
        StatusPages(world, faults),
    ]
    return {vendor.name: vendor for vendor in vendors}
