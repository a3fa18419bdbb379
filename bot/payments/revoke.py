"""What a payment gave too much, taken back: the second of two entitlements, or what is left after the money was returned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.context import Services
from bot.errors import NotConfiguredError, StaleError, UserError
from bot.masking import masked_text
from bot.operation import Execution, Line, Offer, Outcome, Plan
from bot.payments.chain import REVOKED, Held
from bot.payments.trace import held_for, session_named, stripe_of
from bot.product import product_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """One entitlement, from the webhook or by hand, and what is left of it."""

    id: str
    left: int


async def plan(session_id: str, services: Services) -> Plan:
    """What would be taken back. UserError where nothing was given too much."""
    product, stripe = product_of(services), stripe_of(services)
    if not (await product.fetch("revoke_ready"))[0]["ready"]:
        raise NotConfiguredError(
            "The product's database lacks what a revocation needs.",
            todo="Apply `sql/product/004_ilab.sql` and `007_revocations.sql` to it, once.",
        )
    session = await session_named(session_id, stripe)
    held = (await held_for((session,), product))[session.id]
    given = all_given(held)
    returned = await stripe.refunded(session.payment_intent) if session.payment_intent else 0
    whole = bool(returned) and returned >= (session.amount or 0)
    excess = given if whole else given[1:]
    unused = sum(one.left for one in excess)
    if not unused:
        why = f"It was given {len(given)} times, and what was given too much is used up." if excess else ""
        raise UserError("There is nothing to take back.", why=why, todo=f"`/ilab payment trace {session.id}` shows it.")
    reason = "the payment was given back" if whole else f"one payment was granted {len(given)} times"
    who = masked_text(session.email) or "somebody"
    return Plan(
        effect=f"take {unused} unused interviews back from {who}: {reason}",
        lines=(
            Line(title="Session", text=f"{session.id}, {session.money} paid"),
            Line(title="Taken back", text=f"what is unused of {len(excess)} of {len(given)} entitlements"),
            Line(
                title="Kept",
                text="what was used" if whole else "the first entitlement, and what was used of the others",
            ),
            Line(title="Undo", text=f"`grant` gives {unused} again"),
        ),
        decides={
            "session": session.id,
            "entitlements": [{"entitlement": one.id, "left": one.left} for one in excess],
            "reason": reason,
        }
        | ({"person": session.reference} if held.is_known else {}),
    )


def all_given(held: Held) -> list[Given]:
    """Every entitlement that a session has led to and that was not taken back, the oldest first. Pure."""
    found = [(one.at, Given(id=one.id, left=one.left)) for one in held.entitlements if one.status != REVOKED]
    found += [(grant.at, Given(id=grant.id, left=grant.left)) for grant in held.by_hand if grant.names_it]
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Why the plan is no longer true, or nothing: some of it was used, or taken back."""
    sessions = [decides["session"]]
    product = product_of(services)
    rows = await product.fetch("session_entitlements", {"sessions": sessions})
    rows += await product.fetch("hand_grants", {"sessions": sessions, "people": []})
    left = {row["id"]: row["left"] for row in rows if row["status"] != REVOKED}
    for one in decides["entitlements"]:
        if left.get(one["entitlement"]) != one["left"]:
            now = left.get(one["entitlement"])
            return f"{now} interviews are left of one of them now, not {one['left']}." if now is not None else (
                "One of the entitlements is there no more."
            )  # fmt: skip
    return ""


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Take all of it back in one transaction; asked again, say what was taken the first time."""
    note = {
        "reason": decides["reason"],
        "stripe_session_id": decides["session"],
        "requested_by": execution.requester,
        "approved_by": list(execution.approvers),
    }
    params = {"request": execution.key, "items": json.dumps(decides["entitlements"]), "note": json.dumps(note)}
    try:
        result = await product_of(execution.services).run("revoke_entitlements", params)
    except StaleError as error:
        return Outcome(succeeded=False, said=f"Nothing was taken back: {error.what}.")
    trace = Offer(label="Trace it", words=f"payment trace {decides['session']}")
    return Outcome(succeeded=True, said=f"{result['taken']} unused interviews are taken back.", offers=(trace,))
