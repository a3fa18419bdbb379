"""Paid sessions that gave nothing, found and given what they bought: one batch, planned, approved, run once."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from bot.ages import age, span
from bot.context import Services
from bot.errors import NotConfiguredError, StaleError, UserError
from bot.masking import masked_text
from bot.operation import Execution, Line, Outcome, Plan
from bot.payments.chain import ON_ITS_WAY, Held
from bot.payments.packages import package_for, spoken
from bot.payments.trace import held_for, stripe_of
from bot.product import product_of
from bot.providers.stripe_shapes import CheckoutSession
from bot.settings import PackageSettings

MOST_SESSIONS: Final = 1000
"""Checkouts that one sweep looks at, newest first."""
MOST_REPAIRED: Final = 50
"""What one approval may give: more is for a person to look at first."""
AT_ONCE: Final = 4
"""Calls of Stripe at a time: it allows 25 a second in test mode."""
SHOWN: Final = 20

LEFT_OUT: Final = {
    "young": "may still be on its way",
    "by_hand": "something was given by hand since: look with `payment trace`",
    "stranger": "paid for nobody whom the product knows",
    "refunded": "given back",
    "unpriced": "the settings give nothing for its price (ILAB_STRIPE__PACKAGES)",
}
"""Why a session that was paid and gave nothing is not repaired."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """A session to be repaired, with what it bought."""

    session: CheckoutSession
    package: PackageSettings


async def plan(since: timedelta, services: Services) -> Plan:
    """What would be given to whom. UserError where nothing needs to be."""
    product, now = product_of(services), services.now()
    if not (await product.fetch("sweep_ready"))[0]["ready"]:
        raise NotConfiguredError(
            "The product's database lacks what a sweep needs.",
            todo="Apply `sql/product/004_ilab.sql` and `005_payments.sql` to it, once.",
        )
    stripe = stripe_of(services)
    found, more = await stripe.sessions(since=now - since, most=MOST_SESSIONS)
    paid = [one for one in found if one.is_paid]
    held = await held_for(paid, product)
    lacking = [one for one in paid if not held[one.id].entitlements and not _is_given(held[one.id])]
    sorted_out = {one.id: why for one in lacking if (why := _why_not(one, held[one.id], services))}
    lost = await _priced([one for one in lacking if one.id not in sorted_out], sorted_out, services)
    looked = f"{len(paid)} paid sessions of the last {span(since.total_seconds())}" + (
        f" (the newest {MOST_SESSIONS} checkouts; there are more)" if more else ""
    )
    if not lost:
        _refuse(looked, sorted_out)
    if len(lost) > MOST_REPAIRED:
        raise UserError(
            f"{len(lost)} paid sessions gave nothing, and one batch repairs {MOST_REPAIRED}.",
            why="So many are an outage: find its cause first.",
            todo="Mend the webhook; then sweep a shorter time, such as `/ilab payment sweep --since 2h`.",
        )
    return _planned(lost, sorted_out, looked, services)


def _is_given(held: Held) -> bool:
    """Somebody gave it by hand, and its history says so. Pure."""
    return any(grant.names_it for grant in held.by_hand)


def _why_not(session: CheckoutSession, held: Held, services: Services) -> str:
    """Why it is left alone, as far as that can be said without asking anybody. Pure."""
    if services.now() - session.created < ON_ITS_WAY:
        return "young"
    if not held.is_known:
        return "stranger"
    return "by_hand" if held.by_hand else ""


async def _priced(sessions: Sequence[CheckoutSession], left_out: dict[str, str], services: Services) -> list[Lost]:
    """What each has bought; whatever was given back, or buys nothing that we know, is added to `left_out`."""
    stripe, turns = stripe_of(services), asyncio.Semaphore(AT_ONCE)

    async def look(session: CheckoutSession) -> Lost | None:
        async with turns:
            whole = await stripe.checkout_session(session.id)
            returned = await stripe.refunded(whole.payment_intent) if whole.payment_intent else 0
        package = package_for(whole.price, stripe.settings)
        if returned or package is None:
            left_out[session.id] = "refunded" if returned else "unpriced"
            return None
        return Lost(session=whole, package=package)

    return [one for one in await asyncio.gather(*(look(session) for session in sessions)) if one is not None]


def _refuse(looked: str, left_out: Mapping[str, str]) -> None:
    if left_out:
        raise UserError(
            f"Nothing can be repaired: of {looked}, {len(left_out)} gave nothing and are left alone.",
            why=" ".join(f"{line.title}: {line.text}." for line in _left_alone(left_out)),
            todo="`/ilab payment trace cs_…` says what became of one.",
        )
    raise UserError(f"Nothing needs repair: {looked}, and all were granted.")


def _left_alone(left_out: Mapping[str, str]) -> list[Line]:
    """What is not repaired, by why. Pure."""
    count = Counter(left_out.values())
    named: dict[str, list[str]] = {}
    for session, why in left_out.items():
        named.setdefault(why, []).append(session)
    return [
        Line(title=f"Left alone: {count[why]}", text=f"{LEFT_OUT[why]} ({', '.join(named[why][:3])})")
        for why in LEFT_OUT
        if why in named
    ]


def _planned(lost: Sequence[Lost], left_out: Mapping[str, str], looked: str, services: Services) -> Plan:
    """The plan, frozen: each session with what it is given. Pure but for the clock."""
    interviews = sum(one.package.interviews for one in lost)
    people = len({one.session.reference for one in lost})
    lines = [Line(title="Looked at", text=looked)]
    lines += [
        Line(
            title=masked_text(one.session.email) or "somebody",
            text=f"{spoken(one.package)}, {one.session.id}, {one.session.money} paid "
            f"{age(one.session.created, services.now())} ago",
        )
        for one in lost[:SHOWN]
    ]
    if len(lost) > SHOWN:
        lines.append(Line(title=f"… and {len(lost) - SHOWN} more"))
    lines += _left_alone(left_out)
    lines.append(Line(title="Undo", text="there is no button for it: unused interviews must be revoked by hand"))
    sessions = f"{len(lost)} paid session{'' if len(lost) == 1 else 's'}"
    return Plan(
        effect=f"give {sessions} of {people} customer{'' if people == 1 else 's'} what they bought: {interviews} interviews",
        lines=tuple(lines),
        decides={
            "sessions": [
                {
                    "session": one.session.id,
                    "person": one.session.reference,
                    "interviews": one.package.interviews,
                    "tier": one.package.tier or None,
                    "perks": dict.fromkeys(one.package.perks, True),
                    "type": one.package.type,
                }
                for one in lost
            ]
        },
    )


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Why the plan is no longer true, or nothing."""
    sessions = [one["session"] for one in decides["sessions"]]
    product = product_of(services)
    granted = await product.fetch("session_entitlements", {"sessions": sessions})
    by_hand = await product.fetch("hand_grants", {"sessions": sessions, "people": []})
    done = {row["session"] for row in (*granted, *by_hand)}
    if not done:
        return ""
    return f"{len(done)} of the {len(sessions)} sessions were granted in the meantime."


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Give all of it in one transaction; asked again, say what was given the first time."""
    note = {
        "reason": "payment sweep: paid, and the webhook gave nothing",
        "requested_by": execution.requester,
        "approved_by": list(execution.approvers),
    }
    params = {"request": execution.key, "items": json.dumps(decides["sessions"]), "note": json.dumps(note)}
    try:
        result = await product_of(execution.services).run("grant_sessions", params)
    except StaleError as error:
        return Outcome(succeeded=False, said=f"Nothing was given: {error.what}.")
    given, passed = result["given"], result["passed"]
    if given + passed != len(decides["sessions"]):
        said = (
            f"{given} were given and {passed} passed over, of {len(decides['sessions'])} planned: look at the history."
        )
        return Outcome(succeeded=False, said=said)
    also = f"; {passed} had been granted by the webhook a moment before" if passed else ""
    return Outcome(succeeded=True, said=f"{given} of {len(decides['sessions'])} sessions have what they bought{also}.")
