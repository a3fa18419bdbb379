"""What is known of a customer's account, as lines of an answer.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.operation import Line, Mark

if TYPE_CHECKING:
    from bot.accounts import Account


def trouble(account: Account, left: int, now: datetime) -> str:
    """What stands in the first line instead of the balance, or nothing."""
    if account.is_banned(now):
        return "is banned"
    if account.confirmed_at is None:
        return "has not confirmed the address"
    return "" if left else "no interviews left"


def account(account: Account, now: datetime) -> tuple[Line, ...]:
    """Who they are at Auth."""
    confirmed = Line(title="Address", text="not confirmed", mark=Mark.DEGRADED)
    if account.confirmed_at is not None:
        confirmed = Line(title="Address", text="confirmed", at=account.confirmed_at)
    signed_in = Line(title="Last sign-in", text="never")
    if account.last_sign_in_at is not None:
        signed_in = Line(
            title="Last sign-in",
            text=f"signed in on {account.signed_in} devices now, the last",
            at=account.last_sign_in_at,
        )
    lines = [Line(title="Id", text=f"`{account.id}`"), Line(title="Since", at=account.created_at), confirmed, signed_in]
    if account.providers:
        lines.append(Line(title="Signs in by", text=", ".join(account.providers)))
    if account.is_banned(now):
        lines.append(Line(title="Banned", text=f"until {account.banned_until:%Y-%m-%d}", mark=Mark.DOWN))
    return tuple(lines)


def entitlements(rows: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    """What they may use."""
    if not rows:
        return (Line(title="None, and there never was one."),)
    lines = []
    for row in rows:
        perks = f", {', '.join(row['perks'])}" if row["perks"] else ""
        source = "" if row["bought"] else ", no Stripe session"
        expires = f", until {row['expires_at']:%Y-%m-%d}" if row["expires_at"] else ""
        lines.append(
            Line(
                title=f"{row['remaining']} left",
                text=f"{row['tier'] or 'no tier'} {row['type'].replace('_', ' ')}, {row['status']}{perks}{expires}{source}",
                mark=Mark.OK if row["usable"] else Mark.NONE,
                at=row["created_at"],
            )
        )
    more = rows[0]["total"] - len(rows)
    return (*lines, Line(title=f"… and {more} more")) if more else tuple(lines)


def sessions(rows: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    """How many interviews there were, by how they ended."""
    if not rows:
        return (Line(title="None yet."),)
    return tuple(
        Line(title=f"{row['count']:,} {row['status'].replace('_', ' ')}", text="the last", at=row["last_at"])
        for row in rows
    )


def payments(rows: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    """What was bought, granted and given back."""
    if not rows:
        return (Line(title="None."),)
    lines = [
        Line(
            title=row["action"],
            text=" ".join(
                filter(
                    None,
                    (
                        f"${row['cents'] / 100:.2f}," if row["cents"] else "",
                        f"{row['tier'] or 'no tier'}, balance {row['new_balance']}",
                        f"`{row['session']}`" if row["session"] else "",
                    ),
                )
            ),
            at=row["created_at"],
        )
        for row in rows
    ]
    more = rows[0]["total"] - len(rows)
    return (*lines, Line(title=f"… and {more} more")) if more else tuple(lines)


def interview(row: Mapping[str, Any]) -> Line:
    """One interview."""
    where = f" at {row['company_name']}" if row["company_name"] else ""
    failed = f", {row['failed']} questions failed" if row["failed"] else ""
    return Line(
        title=f"{row['job_title'] or 'No title'}{where}",
        text=f"{row['mode']}, {row['status'].replace('_', ' ')}, {row['answered']} answered{failed}",
        mark=Mark.DEGRADED if row["status"] == "failed" else Mark.NONE,
        at=row["created_at"],
    )


def interviews(count: int) -> str:
    """So many interviews, in words."""
    return f"{count:,} interview{'' if count == 1 else 's'}"
