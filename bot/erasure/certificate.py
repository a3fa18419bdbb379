"""What is certified of a deletion: counts, hashes, what is left, and what nobody here can reach. No personal data.

[pure]
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.operation import Line


def body(
    *,
    request: int,
    customer: str,
    asked_by: str,
    approved_by: tuple[str, ...],
    done: Mapping[str, Any],
    left: Mapping[str, Any],
    elsewhere: Mapping[str, float],
    at: datetime,
) -> dict[str, Any]:
    """The certificate. `customer` is a hash whose key is destroyed; `elsewhere` are places and the days they keep."""
    return {
        "certificate": request,
        "customer": customer,
        "deleted_at": at.isoformat(timespec="seconds"),
        "asked_by": asked_by,
        "approved_by": list(approved_by),
        "deleted": dict(done),
        "left": dict(left),
        "not_reached": {place: _until(days, at) for place, days in elsewhere.items()},
    }


def _until(days: float, at: datetime) -> str:
    return f"until {at + timedelta(days=days):%Y-%m-%d}" if days else "by its own rules"


def digest(certified: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical text: whoever was given it can prove that nothing was changed since."""
    return hashlib.sha256(canonical(certified).encode()).hexdigest()


def canonical(certified: Mapping[str, Any]) -> str:
    """The body as one text, always the same."""
    return json.dumps(certified, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def is_whole(certified: Mapping[str, Any]) -> bool:
    """Whether nothing of the person is known to be left."""
    return not certified["left"]


def lines(certified: Mapping[str, Any]) -> tuple[Line, ...]:
    """The certificate as it is read."""
    deleted = certified["deleted"]
    rows = deleted["rows"]
    said = [
        Line(title="Customer", text=f"`{certified['customer']}`, a hash whose key is destroyed"),
        Line(title="Deleted", text=certified["deleted_at"]),
        Line(
            title="Asked and approved",
            text=f"{certified['asked_by']}; {', '.join(certified['approved_by']) or 'nobody'}",
        ),
        Line(title="Rows", text=f"{sum(rows.values())} in {len(rows)} tables: {_counted(rows)}"),
        Line(title="Files", text=f"{deleted['files']}, {deleted['bytes']:,} bytes"),
        Line(title="Stripe", text=_stripe(deleted)),
        Line(title="Our own records", text=_counted(deleted["ours"]) or "held nothing"),
    ]
    left = certified["left"]
    said.append(Line(title="Counted again", text=f"left: {_counted(left)}" if left else "nothing is left"))
    said += [Line(title=f"Not reached: {place}", text=until) for place, until in certified["not_reached"].items()]
    return tuple(said)


def _stripe(deleted: Mapping[str, Any]) -> str:
    if deleted["stripe"] is None:
        return "was not configured: not looked at"
    ended = f", {deleted['subscriptions']} subscriptions ended" if deleted["subscriptions"] else ""
    return f"{deleted['stripe']} customers{ended}; payments stay, as the law asks"


def _counted(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {'not visible' if count is None else count}" for name, count in counts.items())


def markdown(certified: Mapping[str, Any], sha256: str) -> str:
    """The certificate as a document."""
    parts = [f"# Certificate of deletion {certified['certificate']}", ""]
    parts += [f"- **{line.title}**: {line.text}" for line in lines(certified)]
    parts += ["", f"SHA-256 of the canonical text below: `{sha256}`", "", "```", canonical(certified), "```", ""]
    return "\n".join(parts)
