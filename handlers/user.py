"""`user`: what is known of a customer, and what an operator may do for them at Supabase Auth."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from bot import account_lines
from bot.accounts import account_of, auth_of, no_account
from bot.ages import age, span
from bot.context import Context, Services
from bot.erasure import certificate, deleting
from bot.errors import StaleError, UserError
from bot.masking import masked_text
from bot.operation import (
    Answer,
    Arg,
    Args,
    Attachment,
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
from bot.product import product_of
from bot.store import erasure

if TYPE_CHECKING:  # it imports httpx, which a terminal does without
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
    trouble = account_lines.trouble(account, left, context.now)
    return Answer(
        verdict=f"{account.email}: {trouble or f'{account_lines.interviews(left)} left'}.",
        mark=Mark.DEGRADED if trouble else Mark.NONE,
        evidence=(
            Lines(heading="Account", lines=account_lines.account(account, context.now)),
            Lines(heading="Entitlements", lines=account_lines.entitlements(entitlements)),
            Lines(heading="Interviews", lines=account_lines.sessions(sessions)),
            Lines(heading="Payments and grants", lines=account_lines.payments(payments)),
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
        verdict=f"{account.email} has had {account_lines.interviews(total)}{last}.{shown}",
        evidence=(
            Lines(heading="In all", lines=account_lines.sessions(counts)),
            Lines(heading="Latest", lines=tuple(account_lines.interview(row) for row in latest)),
        )
        if total
        else (),
        offers=(Offer(label="Account", words=f"user show {account.email}"),),
        audience=Audience.PRIVATE,
        at=context.now,
    )


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


# Deleting


@dataclass(frozen=True, kw_only=True, slots=True)
class DeleteArgs(Args):
    """Whom, said twice."""

    email: Annotated[Email, Arg(help="The customer's e-mail address.", positional=True)]
    confirm: Annotated[Email, Arg(help="The same address once more, typed: it is deleted for good.", positional=True)]


async def plan_delete(args: DeleteArgs, context: Context) -> Plan:
    """Return everything that would go. Raise UserError where the address was not repeated as it is."""
    if args.email != args.confirm:
        raise UserError(
            "The two addresses differ, so nothing was asked for.",
            why=f"The first is {args.email}, the second {args.confirm}.",
            todo="Type the address of whom you mean twice.",
        )
    return await deleting.plan(args.email, context)


@dataclass(frozen=True, kw_only=True, slots=True)
class CertificateArgs(Args):
    """Which deletion."""

    request: Annotated[
        int, Arg(help="The number of the deletion's request.", positional=True, minimum=1, maximum=2**62)
    ]


async def show_certificate(args: CertificateArgs, context: Context) -> Answer:
    """Return what was certified of a deletion, to read and as a document."""
    found = await context.services.database.call(lambda one: erasure.certificate(one, args.request))
    if found is None:
        raise UserError(
            f"There is no certificate {args.request}.", todo="It has the number of the request that deleted somebody."
        )
    left = ", ".join(found.body["left"])
    return Answer(
        verdict=f"Certificate {args.request}: "
        + (f"deleted; to be handled by hand: {left}." if left else "deleted, and nothing is left."),
        mark=Mark.DEGRADED if left else Mark.OK,
        evidence=(
            Lines(lines=certificate.lines(found.body)),
            Lines(lines=(Line(title="SHA-256", text=f"`{found.sha256}`"),)),
        ),
        attachments=(
            Attachment(
                name=f"deletion-{args.request}.md",
                title=f"Certificate of deletion {args.request}",
                content=certificate.markdown(found.body, found.sha256).encode(),
            ),
        ),
        audience=Audience.PRIVATE,
        at=found.at,
    )


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
            title="Customer",
            submit="Show",
            who=Role.RESPONDER,
            args=UserArgs,
            examples=("user show ann@example.com",),
            section="Common Queries",
            read=show,
        ),
        Read(
            words="user activity",
            summary="A customer's latest interviews, with the questions answered.",
            title="A customer's interviews",
            submit="Show",
            who=Role.RESPONDER,
            args=UserArgs,
            examples=("user activity ann@example.com",),
            section="View User Activity",
            read=activity,
        ),
        Change(
            words="user confirm",
            summary="Confirm a customer's e-mail address at Supabase Auth.",
            title="Confirm an address",
            submit="Confirm it",
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
            title="Reset a password",
            submit="Mail the link",
            who=Role.RESPONDER,
            args=UserArgs,
            examples=("user reset-password ann@example.com",),
            section="Reset User Password",
            quorum=0,
            plan=plan_reset,
            recheck=recheck,
            execute=execute_reset,
        ),
        Change(
            words="user delete",
            summary="Have a customer deleted for good (GDPR): files, Stripe customer, account, all rows; proven and certified.",
            title="Delete a customer",
            submit="Ask for approval",
            who=Role.ADMIN,
            approver=Role.ADMIN,
            args=DeleteArgs,
            examples=("user delete ann@example.com ann@example.com",),
            section="Delete User Account (GDPR)",
            plan=plan_delete,
            recheck=deleting.recheck,
            execute=deleting.execute,
        ),
        Read(
            words="user certificate",
            summary="What was certified of a deletion: counts, the proof, and what could not be reached.",
            title="Certificate",
            submit="Show",
            who=Role.RESPONDER,
            args=CertificateArgs,
            examples=("user certificate 12",),
            section="Delete User Account (GDPR)",
            read=show_certificate,
        ),
    ),
)
