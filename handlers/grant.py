"""`grant`: interviews for a customer, in one transaction of the product's, after a second person has looked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from bot.context import Context, Services
from bot.errors import NotConfiguredError, ProviderError, UsageError, UserError
from bot.masking import masked_text
from bot.operation import Arg, Args, Change, Email, Execution, Family, Line, Outcome, Plan
from bot.payments.packages import package_for
from bot.people import Role
from bot.product import ProductDatabase, product_of
from bot.providers.stripe_shapes import CheckoutSession
from bot.words import shorten

PERKS: Final = ("voice_mode", "multi_stage")
PRESETS: Final[Mapping[str, tuple[int, str, tuple[str, ...]]]] = {
    "webhook": (5, "professional", ("voice_mode", "multi_stage")),
    "free": (3, "", ("voice_mode",)),
}
"""The runbook's two packages: Issue 3 (a lost webhook) and "Grant Free Interviews": interviews, tier, perks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GrantArgs(Args):
    """Who gets what, and why."""

    email: Annotated[Email, Arg(help="The customer's e-mail address.", positional=True)]
    interviews: Annotated[
        int, Arg(help="How many interviews; or say a preset.", positional=True, minimum=1, maximum=50)
    ] = 0
    reason: Annotated[str, Arg(help="Why; it stays in the history.", rest=True, personal=True)]
    preset: Annotated[
        Literal["webhook", "free"] | None,
        Arg(help="The runbook's packages: webhook is 5 professional interviews, free is 3 with voice."),
    ] = None
    tier: Annotated[str, Arg(help="The package's tier, such as professional.")] = ""
    perks: Annotated[str, Arg(help="Comma-separated: voice_mode, multi_stage.")] = ""
    session: Annotated[
        str,
        Arg(
            help="The Stripe checkout session that was paid: what its price buys is given, where no number is said.",
            personal=True,
        ),
    ] = ""


async def plan(args: GrantArgs, context: Context) -> Plan:
    """Return who would get what: the balance before and after, and what Stripe says of the session."""
    product = product_of(context.services)
    if not (await product.fetch("grant_ready"))[0]["ready"]:
        raise NotConfiguredError(
            "The product's database lacks what a grant needs.", todo="Apply `sql/product/004_ilab.sql` to it, once."
        )
    found = await product.fetch("person_by_email", {"email": args.email})
    if not found:
        raise UserError(
            "There is no customer with this e-mail address.", todo="Check the spelling; `+` and dots count."
        )
    person, reason = str(found[0]["id"]), masked_text(args.reason)
    lines = [Line(title="Who", text=masked(args.email)), Line(title="Why", text=reason)]
    price = ""
    if args.session:
        price = (await _checked_session(args.session, person, args.email, context.services)).price
        lines.append(Line(title="Stripe", text=f"session {args.session} is paid, theirs, and was never granted"))
    interviews, tier, perks = _package(args, price, context.services)
    balance = await _balance(product, person)
    package = f"{interviews} {tier + ' ' if tier else ''}interview{'' if interviews == 1 else 's'}"
    if perks:
        lines.append(Line(title="Perks", text=", ".join(perks)))
    lines += [
        Line(title="Balance", text=f"{balance} → {balance + interviews}"),
        Line(title="Undo", text="there is no button for it: unused interviews must be revoked by hand"),
    ]
    return Plan(
        effect=f"grant {package} to {masked(args.email)}: balance {balance} → {balance + interviews}",
        lines=tuple(lines),
        decides={
            "person": person,
            "interviews": interviews,
            "tier": tier or None,
            "perks": dict.fromkeys(perks, True),
            "session": args.session or None,
            "balance": balance,
            "reason": reason,
        },
    )


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Return why the plan is no longer true, or nothing."""
    product = product_of(services)
    balance = await _balance(product, decides["person"])
    if balance != decides["balance"]:
        return f"The balance is {balance} now, and was {decides['balance']} when this was planned."
    if decides["session"] and await _granted(product, decides["session"]):
        return "The Stripe session was granted in the meantime."
    return ""


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Write entitlement, history and receipt in one transaction; asked again, say what it did the first time."""
    product = product_of(execution.services)
    note = {
        "reason": decides["reason"],
        "requested_by": execution.requester,
        "approved_by": list(execution.approvers),
    }
    params = {
        "request": execution.key,
        "person": decides["person"],
        "interviews": decides["interviews"],
        "tier": decides["tier"],
        "perks": json.dumps(decides["perks"]),
        "session": decides["session"],
        "balance": decides["balance"],
        "note": json.dumps(note),
    }
    result = await product.run("grant", params)
    return Outcome(
        succeeded=True, said=f"{decides['interviews']} granted, balance {result['before']} → {result['after']}."
    )


def masked(email: str) -> str:
    """An e-mail address as shared channels may show it: `a•••@example.com`."""
    name, _, domain = email.partition("@")
    return f"{name[:1]}•••@{domain}"


def _package(args: GrantArgs, price: str, services: Services) -> tuple[int, str, tuple[str, ...]]:
    """What is given: what was said, else the preset, else what the settings give for the price that was paid."""
    interviews, tier, perks = PRESETS[args.preset] if args.preset else (0, "", ())
    stripe = services.settings.stripe
    bought = package_for(price, stripe) if stripe and not args.preset and not args.interviews else None
    if bought:
        interviews, tier, perks = bought.interviews, bought.tier, bought.perks
    asked = tuple(part.strip() for part in args.perks.split(",") if part.strip())
    unknown = [perk for perk in asked if perk not in PERKS]
    if unknown:
        raise UsageError(f"There is no perk “{unknown[0]}”.", todo=f"There are {', '.join(PERKS)}.")
    interviews = args.interviews or interviews
    if not interviews:
        raise UsageError(
            "How many interviews?",
            why=f"The settings give nothing for {price} (`ILAB_STRIPE__PACKAGES`)." if price else "",
            todo="Say a number or a preset: `/ilab grant ann@example.com 5 --reason …`.",
        )
    return interviews, _tier(args.tier, services) or tier, asked or perks


def _tier(given: str, services: Services) -> str:
    """The tier that is meant, one of those that are sold or that a preset gives."""
    settings = services.settings.stripe
    sold = {package.tier for package in (settings.packages.values() if settings else ()) if package.tier}
    known = sorted(sold | {tier for _, tier, _ in PRESETS.values() if tier})
    if given and given.lower() not in known:
        raise UsageError(
            f"There is no tier “{shorten(given)}”.",
            todo=f"There are {', '.join(known)}. Usage: `/ilab grant ann@example.com 5 --tier {known[0]} --reason …`.",
        )
    return given.lower()


async def _checked_session(session_id: str, person: str, email: str, services: Services) -> CheckoutSession:
    """Return the session. Raise UserError unless it is paid, this customer's, and was never granted."""
    stripe = services.vendors().stripe
    if stripe is None:
        raise NotConfiguredError("I cannot ask Stripe about the session.", todo="Set ILAB_STRIPE__API_KEY.")
    try:
        session = await stripe.checkout_session(session_id)
    except ProviderError as error:
        if error.kind != "not_found":
            raise
        raise UserError("Stripe knows no such checkout session.", todo="It begins with cs_.") from error
    if session.payment_status != "paid":
        raise UserError(f"This session is not paid: Stripe says {session.payment_status}.")
    if person != session.reference and email != session.email:
        raise UserError("This session is another customer's.")
    if await _granted(product_of(services), session_id):
        raise UserError("This session was granted already.", todo="`/ilab grant` without `--session` grants on top.")
    return session


async def _granted(product: ProductDatabase, session_id: str) -> bool:
    return bool((await product.fetch("granted_session", {"session": session_id}))[0]["granted"])


async def _balance(product: ProductDatabase, person: str) -> int:
    return int((await product.fetch("balance", {"person": person}))[0]["balance"])


FAMILY = Family(
    name="grant",
    summary="Interviews for customers",
    operations=(
        Change(
            words="grant",
            summary="Give a customer interviews, once a second person has approved.",
            title="Grant interviews",
            submit="Ask for approval",
            who=Role.RESPONDER,
            args=GrantArgs,
            examples=(
                "grant ann@example.com 5 --tier professional --reason webhook failed",
                "grant ann@example.com --preset webhook --session cs_test_1 --reason webhook failed",
            ),
            section="Grant Free Interviews (Admin)",
            plan=plan,
            recheck=recheck,
            execute=execute,
        ),
    ),
)
