"""`payment`: what became of what somebody paid, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

from bot import tables
from bot.ages import age
from bot.context import Context
from bot.errors import UserError
from bot.masking import masked_text
from bot.operation import (
    Answer,
    Arg,
    Args,
    Audience,
    Change,
    Email,
    Family,
    Line,
    Lines,
    Mark,
    Offer,
    Plan,
    Read,
)
from bot.payments import redeliver, revoke, sweep, testing
from bot.payments.chain import Cause
from bot.payments.packages import package_for, spoken
from bot.payments.trace import WRONG, Trace, trace
from bot.people import Role
from bot.product import product_of
from bot.providers.stripe_shapes import CheckoutSession

SECTION: Final = "Issue 3: Payment Webhook Failed"
HISTORY: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceArgs(Args):
    """Which payment."""

    of: Annotated[
        str,
        Arg(
            help="The customer's e-mail address, or an id of Stripe's: cs_…, pi_…, evt_… or sub_….",
            positional=True,
            personal=True,
        ),
    ]


async def trace_(args: TraceArgs, context: Context) -> Answer:
    """Follow a payment from the checkout to the interviews, and return where it broke with what mends it."""
    found = await trace(args.of.strip("<>"), context.services)
    chain = found.chain
    links = tuple(Line(title=link.title, text=link.said, mark=link.mark, at=link.at) for link in chain.links)
    evidence = [Lines(heading=_heading(found, context), lines=links)]
    if found.others:
        others = tuple(
            Line(title=one.id, text=f"{one.money}: {word}", at=one.created) for one, word in found.others[:5]
        )
        evidence.append(Lines(heading="Their other checkouts", lines=others))
    wrong = len(_wrong(found))
    more = f" {wrong} more of their payments went wrong." if wrong else ""
    return Answer(
        verdict=chain.verdict + more,
        mark=chain.mark,
        evidence=tuple(evidence),
        offers=_mends(found),
        audience=Audience.PRIVATE,
        at=context.now,
    )


def _heading(found: Trace, context: Context) -> str:
    session, stripe = found.session, context.services.settings.stripe
    if session is None or stripe is None:
        return found.email
    package = package_for(session.price, stripe)
    bought = spoken(package) if package else f"{session.price or 'something'}, to which the settings give nothing"
    return f"{session.id}: {bought} for {found.email or 'somebody'}"


def _wrong(found: Trace) -> list[CheckoutSession]:
    """The other checkouts that need somebody, too."""
    return [one for one, word in found.others if word in WRONG]


def _mends(found: Trace) -> tuple[Offer, ...]:
    """The buttons that mend it, the likeliest first. Pure."""
    chain, session = found.chain, found.session
    offers = [Offer(label=f"Trace {one.id[-12:]}", words=f"payment trace {one.id}") for one in _wrong(found)[:2]]
    if session is not None and chain.is_lost:
        again = "Something was given by hand since: this may give it twice." if found.by_hand else ""
        mends = []
        if found.event is not None:
            sure = " --anyway" if found.by_hand else ""
            mends.append(Offer(label="Redeliver", words=f"payment redeliver {found.event.id}{sure}", confirm=again))
        if found.email:
            words = f"grant {found.email} --session {session.id} --reason webhook: {chain.cause}"
            mends.append(Offer(label="Grant by hand", words=words, confirm=again))
        # a signature that was refused is refused again
        offers = [*(reversed(mends) if Cause.BAD_SIGNATURE in chain.causes else mends), *offers]
    if session is not None and chain.cause in (Cause.TWICE, Cause.REFUNDED):
        offers.insert(0, Offer(label="Take back", words=f"payment revoke {session.id}"))
    if found.email:
        offers.append(Offer(label="History", words=f"payment history {found.email}"))
    return tuple(offers)


@dataclass(frozen=True, kw_only=True, slots=True)
class RedeliverArgs(Args):
    """Which event."""

    event: Annotated[str, Arg(help="The event's id, evt_…; `payment trace` names it.", positional=True)]
    anyway: Annotated[bool, Arg(help="Although something was given by hand: the customer then has both.")] = False


async def plan_redelivery(args: RedeliverArgs, context: Context) -> Plan:
    """Return what would be delivered again, and to whom."""
    return await redeliver.plan(args.event, context.services, anyway=args.anyway)


@dataclass(frozen=True, kw_only=True, slots=True)
class RevokeArgs(Args):
    """Which payment."""

    session: Annotated[str, Arg(help="The checkout session, cs_…; `payment trace` names it.", positional=True)]


async def plan_revocation(args: RevokeArgs, context: Context) -> Plan:
    """Return what of it was given too much and is unused."""
    return await revoke.plan(args.session, context.services)


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepArgs(Args):
    """How far back."""

    since: Annotated[timedelta, Arg(help="How far back, such as 24h or 7d; at most 30d.")] = timedelta(hours=24)


async def plan_sweep(args: SweepArgs, context: Context) -> Plan:
    """Return what every paid session that gave nothing would be given."""
    if not timedelta(minutes=10) <= args.since <= timedelta(days=30):
        raise UserError("A sweep looks back between 10 minutes and 30 days.", todo="`/ilab payment sweep --since 24h`")
    return await sweep.plan(args.since, context.services)


async def plan_test(args: Args, context: Context) -> Plan:
    """Return what would be sent where."""
    del args
    return await testing.plan(context.services)


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryArgs(Args):
    """Whose."""

    email: Annotated[Email | None, Arg(help="One customer's; left out, everybody's newest.", positional=True)] = None
    csv: Annotated[bool, Arg(help="As a file, too.")] = False


async def history(args: HistoryArgs, context: Context) -> Answer:
    """Return what was bought, given by hand and given back, newest first."""
    product = product_of(context.services)
    if args.email and not await product.fetch("person_by_email", {"email": args.email}):
        raise UserError(
            "There is no customer with this e-mail address.", todo="Check the spelling; `+` and dots count."
        )
    rows = await product.fetch("payment_history", {"email": args.email or "", "most": HISTORY})
    by_hand = sum(row["by_hand"] for row in rows)
    whose = f"of {args.email}" if args.email else "of everybody"
    newest = f"; the newest {age(rows[0]['created_at'], context.now)} ago" if rows else ""
    capped = f" (no more than {HISTORY} are shown)" if len(rows) == HISTORY else ""
    lines = tuple(_told(row, named=args.email is None) for row in rows)
    return Answer(
        verdict=f"{len(rows)} payments and grants {whose}, {by_hand} by hand{newest}{capped}.",
        mark=Mark.NONE,
        evidence=(Lines(lines=lines),) if lines else (),
        offers=(Offer(label="Trace", words=f"payment trace {args.email}"),) if args.email else (),
        section="Common Queries",
        audience=Audience.PRIVATE,
        at=context.now,
        attachments=(tables.file_of("payments", rows),) if args.csv and rows else (),
    )


def _told(row: dict[str, Any], *, named: bool) -> Line:
    parts = [row["tier"], f"balance {row['new_balance']}", masked_text(row["email"]) if named else "", row["session"]]
    said = ", ".join(part for part in parts if part)
    reason = f": {masked_text(row['reason'])}" if row["reason"] else ""
    hand = " by hand" if row["by_hand"] else ""
    return Line(title=f"{row['action']}{hand}", text=said + reason, at=row["created_at"])


FAMILY = Family(
    name="payment",
    summary="What became of a payment, and what mends it",
    operations=(
        Read(
            words="payment trace",
            summary="Follow a payment from checkout to interviews: where it broke, and the button that mends it.",
            title="Trace a payment",
            submit="Trace it",
            who=Role.RESPONDER,
            args=TraceArgs,
            examples=("payment trace ann@example.com", "payment trace cs_test_1", "payment trace evt_1"),
            section=SECTION,
            read=trace_,
        ),
        Change(
            words="payment redeliver",
            summary="Have Stripe deliver an event again, and look whether what was paid arrives.",
            title="Deliver an event again",
            submit="Deliver it again",
            who=Role.RESPONDER,
            args=RedeliverArgs,
            examples=("payment redeliver evt_1",),
            section=SECTION,
            plan=plan_redelivery,
            recheck=redeliver.recheck,
            execute=redeliver.execute,
            quorum=0,
        ),
        Change(
            words="payment sweep",
            summary="Give every paid session that gave nothing what it bought, once a second person has approved.",
            who=Role.RESPONDER,
            args=SweepArgs,
            examples=("payment sweep", "payment sweep --since 7d"),
            section=SECTION,
            plan=plan_sweep,
            recheck=sweep.recheck,
            execute=sweep.execute,
            exclusive="payment sweep",
        ),
        Change(
            words="payment revoke",
            summary="Take back what a payment gave twice, or kept after a refund, once a second person has approved.",
            title="Take interviews back",
            submit="Ask for approval",
            who=Role.RESPONDER,
            args=RevokeArgs,
            examples=("payment revoke cs_test_1",),
            section=SECTION,
            plan=plan_revocation,
            recheck=revoke.recheck,
            execute=revoke.execute,
        ),
        Read(
            words="payment history",
            summary="What was bought, given by hand and given back, newest first.",
            who=Role.RESPONDER,
            args=HistoryArgs,
            examples=("payment history", "payment history ann@example.com", "payment history --csv"),
            section="Common Queries",
            read=history,
        ),
        Change(
            words="payment test-webhook",
            summary="Send a signed test event to the endpoint for tests, never to production, and show its answer.",
            who=Role.RESPONDER,
            examples=("payment test-webhook",),
            section="Useful Commands",
            plan=plan_test,
            recheck=testing.recheck,
            execute=testing.execute,
            quorum=0,
        ),
    ),
)
