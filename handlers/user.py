"""`user`: what is known of a customer, and what an operator may do for them at Supabase Auth."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from bot.accounts import Account, account_of, auth_of, no_account, product_of
from bot.ages import age, span
from bot.context import Context, Services
from bot.errors import StaleError, UserError
from bot.masking import masked_text
from bot.operation import (
    Answer,
    Arg,
    Args,
    Audience,
    Change,
    Email,
    Execution,
    Family,
    Line,
    Lines,
    Mark,
    Offer,
    Outcome,
    Plan,
    Read,
)
from bot.people import Role
from bot.providers.supabase_auth import AuthUser

MAIL_EVERY: Final = timedelta(seconds=60)
"""How often Auth sends a mail to the same account."""
_SHOWN: Final = 20
"""Interviews of one answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UserArgs(Args):
    """Whom."""

    email: Annotated[Email, Arg(help="The customer's e-mail address.", positional=True)]


# What is known


async def show(args: UserArgs, context: Context) -> Answer:
    """Return account, entitlements, interviews and payments of a customer."""
    services = context.services
    account = await account_of(services, args.email)
    product, person = product_of(services), {"person": account.id}
    entitlements, sessions, payments = await asyncio.gather(
        product.fetch("entitlements_of", person),
        product.fetch("sessions_of", person),
        product.fetch("payments_of", person),
    )
    left = sum(row["remaining"] for row in entitlements if row["usable"])
    trouble = _trouble(account, left, context.now)
    return Answer(
        verdict=f"{account.email}: {trouble or f'{_interviews(left)} left'}.",
        mark=Mark.DEGRADED if trouble else Mark.NONE,
        evidence=(
            Lines(heading="Account", lines=_account(account, context.now)),
            Lines(heading="Entitlements", lines=_entitlements(entitlements)),
            Lines(heading="Interviews", lines=_sessions(sessions)),
            Lines(heading="Payments and grants", lines=_payments(payments)),
        ),
        offers=(
            Offer(label="Activity", words=f"user activity {account.email}"),
            Offer(label="Grant…", words=f"grant {account.email}"),
        ),
        audience=Audience.PRIVATE,
        at=context.now,
    )


async def activity(args: UserArgs, context: Context) -> Answer:
    """Return a customer's latest interviews, and how many there were in all."""
    account = await account_of(context.services, args.email)
    product, person = product_of(context.services), {"person": account.id}
    counts, latest = await asyncio.gather(
        product.fetch("sessions_of", person), product.fetch("activity_of", person | {"most": _SHOWN})
    )
    total = sum(row["count"] for row in counts)
    shown = f" The latest {len(latest)} are below." if total > len(latest) else ""
    last = f", the last {age(latest[0]['created_at'], context.now)} ago" if latest else ""
    return Answer(
        verdict=f"{account.email} has had {_interviews(total)}{last}.{shown}",
        evidence=(
            Lines(heading="In all", lines=_sessions(counts)),
            Lines(heading="Latest", lines=tuple(_interview(row) for row in latest)),
        )
        if total
        else (),
        offers=(Offer(label="Account", words=f"user show {account.email}"),),
        audience=Audience.PRIVATE,
        at=context.now,
    )


def _trouble(account: Account, left: int, now: datetime) -> str:
    if account.is_banned(now):
        return "is banned"
    if account.confirmed_at is None:
        return "has not confirmed the address"
    return "" if left else "no interviews left"


def _account(account: Account, now: datetime) -> tuple[Line, ...]:
    confirmed = Line(title="Address", text="not confirmed", mark=Mark.DEGRADED)
    if account.confirmed_at is not None:
        confirmed = Line(title="Address", text="confirmed", at=account.confirmed_at)
    signed_in = Line(title="Last sign-in", text="never")
    if account.last_sign_in_at is not None:
        signed_in = Line(title="Last sign-in", text=f"{account.signed_in} open", at=account.last_sign_in_at)
    lines = [Line(title="Id", text=f"`{account.id}`"), Line(title="Since", at=account.created_at), confirmed, signed_in]
    if account.providers:
        lines.append(Line(title="Signs in by", text=", ".join(account.providers)))
    if account.is_banned(now):
        lines.append(Line(title="Banned", text=f"until {account.banned_until:%Y-%m-%d}", mark=Mark.DOWN))
    return tuple(lines)


def _entitlements(rows: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
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


def _sessions(rows: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    if not rows:
        return (Line(title="None yet."),)
    return tuple(
        Line(title=f"{row['count']:,} {row['status'].replace('_', ' ')}", text="the last", at=row["last_at"])
        for row in rows
    )


def _payments(rows: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
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


def _interview(row: Mapping[str, Any]) -> Line:
    where = f" at {row['company_name']}" if row["company_name"] else ""
    failed = f", {row['failed']} questions failed" if row["failed"] else ""
    return Line(
        title=f"{row['job_title'] or 'No title'}{where}",
        text=f"{row['mode']}, {row['status'].replace('_', ' ')}, {row['answered']} answered{failed}",
        mark=Mark.DEGRADED if row["status"] == "failed" else Mark.NONE,
        at=row["created_at"],
    )


def _interviews(count: int) -> str:
    return f"{count:,} interview{'' if count == 1 else 's'}"


# What is done for them


async def plan_confirm(args: UserArgs, context: Context) -> Plan:
    """Return whose address would be confirmed. Raise UserError where it is already."""
    user = await _auth_user(args.email, context.services)
    if user.confirmed_at is not None:
        raise UserError(
            f"{user.email} confirmed the address {age(user.confirmed_at, context.now)} ago.",
            why="There is nothing to confirm.",
            todo=f"`/ilab diagnose signin {user.email}` looks for what else it may be.",
        )
    who = masked_text(user.email)
    return Plan(
        effect=f"confirm the address of {who}",
        lines=(
            Line(title="Who", text=who),
            Line(title="Account", text=f"{span((context.now - user.created_at).total_seconds())} old, never confirmed"),
            Line(title="Undo", text="Auth takes no confirmation back"),
        ),
        decides={"person": user.id},
    )


async def execute_confirm(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Confirm the address, unless it is confirmed: asked again after a lost answer, that says whether it was done."""
    auth = auth_of(execution.services)
    user = await auth.get(decides["person"])
    if user is None:
        return Outcome(succeeded=False, said="There is no such account any more.")
    if user.confirmed_at is None:
        user = await auth.confirm(user.id)
    if user.confirmed_at is None:
        return Outcome(succeeded=False, said="Auth answered, and the address is still not confirmed.")
    return Outcome(succeeded=True, said="The address is confirmed: they can sign in.")


async def plan_reset(args: UserArgs, context: Context) -> Plan:
    """Return who would get the mail. Raise UserError where Auth would refuse, since one has just been sent."""
    user = await _auth_user(args.email, context.services)
    sent = user.recovery_sent_at
    if sent is not None and context.now - sent < MAIL_EVERY:
        wait = MAIL_EVERY - (context.now - sent)
        raise UserError(
            f"A mail to reset the password went to {user.email} {age(sent, context.now)} ago.",
            why="Auth sends one a minute at most.",
            todo=f"Look in the spam folder first; again in {wait.total_seconds():.0f} s.",
        )
    who = masked_text(user.email)
    before = f"the last one {age(sent, context.now)} ago" if sent else "the first"
    return Plan(
        effect=f"mail {who} a link for a new password",
        lines=(
            Line(title="Who", text=who),
            Line(title="Mail", text=f"from Supabase Auth, {before}"),
            Line(title="Undo", text="none is needed: the old password stays until they set another"),
        ),
        decides={"person": user.id, "sent": sent.isoformat() if sent else None},
    )


async def execute_reset(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Have the mail sent, unless Auth has sent one since the plan: a lost answer makes no second mail."""
    auth = auth_of(execution.services)
    user = await auth.get(decides["person"])
    if user is None:
        return Outcome(succeeded=False, said="There is no such account any more.")
    before = datetime.fromisoformat(decides["sent"]) if decides["sent"] else None
    if user.recovery_sent_at is None or user.recovery_sent_at == before:
        await auth.send_reset(user.email)
    return Outcome(succeeded=True, said="Auth has sent the mail; it is good for an hour. Have them look for spam, too.")


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Return why the plan is no longer true, where somebody had to approve it after all."""
    user = await auth_of(services).get(decides["person"])
    if user is None:
        raise StaleError("There is no such account any more.")
    return ""


async def _auth_user(email: str, services: Services) -> AuthUser:
    user = await auth_of(services).by_email(email)
    if user is None:
        raise no_account(email, ())
    return user


FAMILY = Family(
    name="user",
    summary="Customers' accounts",
    operations=(
        Read(
            words="user show",
            summary="Account, entitlements, interviews and payments of a customer.",
            who=Role.RESPONDER,
            args=UserArgs,
            examples=("user show ann@example.com",),
            section="Common Queries",
            read=show,
        ),
        Read(
            words="user activity",
            summary="A customer's latest interviews, with the questions answered.",
            who=Role.RESPONDER,
            args=UserArgs,
            examples=("user activity ann@example.com",),
            section="View User Activity",
            read=activity,
        ),
        Change(
            words="user confirm",
            summary="Confirm a customer's e-mail address at Supabase Auth.",
            who=Role.RESPONDER,
            args=UserArgs,
            examples=("user confirm ann@example.com",),
            section="Issue 1: Users Can't Sign In",
            quorum=0,
            plan=plan_confirm,
            recheck=recheck,
            execute=execute_confirm,
        ),
        Change(
            words="user reset-password",
            summary="Have Supabase Auth mail a customer a link for a new password.",
            who=Role.RESPONDER,
            args=UserArgs,
            examples=("user reset-password ann@example.com",),
            section="Reset User Password",
            quorum=0,
            plan=plan_reset,
            recheck=recheck,
            execute=execute_reset,
        ),
    ),
)
