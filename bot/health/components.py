"""Which of a vendor's components the product uses: an incident on any other is none of ours.

The vendors' pages name components freely and change their ids, so they are matched by words in their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class VendorParts:
    """What we use of one vendor: component key → words of its names on the vendor's page."""

    title: str
    parts: dict[str, tuple[str, ...]]
    elsewhere: tuple[str, ...] = ()
    """Words in the title of an incident that lists no component, by which it is known to be about something else."""


VENDORS: Final[dict[str, VendorParts]] = {
    "vercel": VendorParts(
        title="Vercel",
        parts={
            "serving": (
                "edge network", "cdn", "routing", "proxy", "dns", "ssl", "certificates", "domains", "firewall",
                "functions", "middleware", "global config", "edge config",
            ),
            "deploying": ("builds?", "deployments?", "api", "git integrations?"),
        },
    ),
    "supabase": VendorParts(
        title="Supabase",
        parts={
            "gateway": ("api gateway", "rest", "postgrest", "data api"),
            "auth": ("auth", "authentication"),
            "database": ("database", "databases", "postgres", "compute"),
            "pooler": ("pooler", "connection pooling", "supavisor"),
            "storage": ("storage",),
            "management": ("management api", "dashboard"),
        },
    ),
    "stripe": VendorParts(
        title="Stripe",
        parts={
            "api": ("api",),
            "webhooks": ("webhooks?", "events?"),
            "checkout": ("checkout", "payments?", "cards?"),
        },
    ),
    "openai": VendorParts(
        title="OpenAI",
        parts={"api": ("apis?", "chat completions", "responses", "moderations?", "embeddings")},
        elsewhere=("chatgpt", "sora", "codex", "dall-e", "atlas"),
    ),
    "slack": VendorParts(
        title="Slack",
        parts={
            "messaging": ("messaging", "connections?", "connectivity"),
            "apps": ("apps?", "integrations?", "apis?"),
        },
    ),
}  # fmt: skip
"""Names as on the pages in November 2026. Source: the vendors' `summary.json`; Slack's `services`."""


def every_part(vendor: str) -> tuple[str, ...]:
    """All components of a vendor that we use, as `<vendor>.<component>`."""
    return tuple(f"{vendor}.{part}" for part in VENDORS[vendor].parts)


def used_parts(vendor: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of our components that the names on the vendor's page stand for, as `<vendor>.<component>`."""
    found: list[str] = []
    for name in names:
        for part, words in VENDORS[vendor].parts.items():
            key = f"{vendor}.{part}"
            if key not in found and re.search(rf"\b(?:{'|'.join(words)})\b", name, re.IGNORECASE):
                found.append(key)
    return tuple(found)


def concerned_parts(vendor: str, title: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of our components that an incident touches: all of the vendor's where it does not say which."""
    listed = tuple(names)
    if listed:
        return used_parts(vendor, listed)
    words = VENDORS[vendor].elsewhere
    if words and re.search(rf"\b(?:{'|'.join(words)})\b", title, re.IGNORECASE) and not used_parts(vendor, [title]):
        return ()
    return every_part(vendor)


def vendor_of(part: str) -> str:
    """Return the vendor of a `<vendor>.<component>`."""
    return part.partition(".")[0]
