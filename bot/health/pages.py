"""What a vendor's own page means for us: only the components that we use count."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from bot.health.components import VENDORS, concerned_parts, used_parts
from bot.health.readings import Finding, State, Trouble

if TYPE_CHECKING:  # the clients import httpx
    from bot.providers.status_pages import Page, StatusPages

FROZEN: Final = timedelta(days=90)
"""A page that says nothing new for so long is one that the vendor has left behind, whatever it says."""
_COMPONENT_STATES: Final = {
    "degraded_performance": State.DEGRADED,
    "partial_outage": State.DEGRADED,
    "under_maintenance": State.DEGRADED,
    "major_outage": State.DOWN,
}
_IMPACTS: Final = {"critical": State.DOWN, "major": State.DOWN}


async def status_page(client: StatusPages, vendor: str, now: datetime) -> Finding:
    """Say whether the vendor reports trouble with what we use."""
    return judged(await client.page(vendor), now)


def judged(page: Page, now: datetime) -> Finding:
    """Judge a page as it stands."""
    if page.updated_at and now - page.updated_at > FROZEN:
        return Finding(state=State.UNKNOWN, reason=f"has said nothing new since {page.updated_at:%d %B %Y}")
    troubles, others = _troubles(page)
    if not troubles:
        note = f" ({others} on parts we do not use)" if others else ""
        return Finding(state=State.OK, reason=f"no incident on what we use{note}", facts={"elsewhere": others})
    worst = State.DOWN if any(trouble.state is State.DOWN for trouble in troubles) else State.DEGRADED
    title = VENDORS[page.vendor].title
    return Finding(
        state=worst,
        reason="; ".join(f"“{trouble.title}”" for trouble in troubles[:3]),
        phrase=f"{title} reports “{troubles[0].title}”",
        notice=True,
        facts={"elsewhere": others},
        troubles=troubles,
    )


def _troubles(page: Page) -> tuple[tuple[Trouble, ...], int]:
    """Return what concerns us, and how much does not: incidents first, then components that no incident explains."""
    troubles: list[Trouble] = []
    others = 0
    for incident in page.incidents:
        parts = concerned_parts(page.vendor, incident.title, incident.components)
        if parts:
            state = _IMPACTS.get(incident.impact, State.DEGRADED)
            troubles.append(Trouble(title=_line(incident.title), parts=parts, state=state, url=incident.url))
        else:
            others += 1
    explained = {name for incident in page.incidents for name in incident.components}
    unspecified = any(not incident.components for incident in page.incidents)
    for component in page.components:
        state = _COMPONENT_STATES.get(component.status, State.OK)
        if state is State.OK or component.name in explained:
            continue
        parts = used_parts(page.vendor, [component.name])
        if not parts:
            others += 1
        elif not (unspecified and troubles):
            title = f"{_line(component.name)}: {component.status.replace('_', ' ')}"
            troubles.append(Trouble(title=title, parts=parts, state=state))
    return tuple(troubles), others


def _line(text: str, most: int = 80) -> str:
    """Return a vendor's words as one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
