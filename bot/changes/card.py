"""What everybody in the channel sees of a request: the plan, who asked, and where it stands.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bot.operation import Answer, Change, Line, Lines, Mark, Offer
from bot.transitions import State

if TYPE_CHECKING:
    from bot.store.requests import Request

MARKS: Final[Mapping[State, Mark]] = {
    State.SUCCEEDED: Mark.OK,
    State.FAILED: Mark.DOWN,
    State.UNKNOWN: Mark.UNKNOWN,
    State.STALE: Mark.DEGRADED,
    State.REJECTED: Mark.DEGRADED,
    State.EXPIRED: Mark.DEGRADED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Everything about a request that somebody is told, with people by their names."""

    request: Request
    requester: str
    approvers: tuple[tuple[str, str], ...]
    """Id and name of each."""
    delegations: tuple[tuple[str, str, str], ...]
    """Id and name of whom it was handed to, and the name of who did that."""
    decided_by: str
    broken_by: str


def card(told: Told, change: Change[Any], *, mentions: tuple[str, ...], has_glass: bool) -> Answer:
    """The card as it stands now; `mentions` are the ids of who is called by it while it waits."""
    request = told.request
    waits = request.state is State.AWAITING_APPROVAL
    return Answer(
        verdict=f"{change.words.capitalize()} · request {request.id}: {request.plan['effect']}",
        mark=MARKS.get(request.state, Mark.NONE),
        evidence=(Lines(lines=(*lines_of(request.plan), *_course(told))),),
        offers=(*_offers(request, has_glass=has_glass), *_who(request)),
        section=change.section,
        mentions=mentions if waits else (),
    )


def _course(told: Told) -> list[Line]:
    """Who asked, and what came of it until now."""
    request = told.request
    lines = [
        Line(title="Asked", text=f"by {told.requester}", when=request.asked_at),
        Line(title="State", text=_standing(told)),
    ]
    lines += [Line(title="Handed on", text=f"to {name}, by {by}") for _, name, by in told.delegations]
    if told.broken_by:
        why = request.broken_glass_why
        lines.append(Line(title="⚡ Break-glass", text=f"run by {told.broken_by} alone: {why}", mark=Mark.DEGRADED))
    if request.reason:
        lines.append(Line(title="Reason", text=request.reason))
    if request.state is State.EXECUTING:
        lines += [Line(title="Progress", text=request.progress)] if request.progress else []
    elif request.result:
        lines += [Line(title="Outcome", text=str(request.result["said"])), *lines_of(request.result)]
    return lines


def lines_of(plan: Mapping[str, Any]) -> tuple[Line, ...]:
    """The lines that a plan or an outcome was stored with."""
    return tuple(Line(title=line["title"], text=line["text"]) for line in plan.get("lines", ()))


def decisions_on(request: Request) -> tuple[Offer, ...]:
    """The buttons of a request that waits, but for those of its incident."""
    return (
        Offer(label="Approve", words=f"approve {request.id}", style="primary", confirm=request.plan["effect"]),
        Offer(label="Deny…", words=f"deny {request.id}", style="danger"),
    )


def offers_after(request: Request) -> tuple[Offer, ...]:
    """What can be done next, as its outcome says."""
    offered = (request.result or {}).get("offers", ())
    return tuple(Offer(label=offer["label"], words=offer["words"], confirm=offer["confirm"]) for offer in offered)


def _offers(request: Request, *, has_glass: bool) -> tuple[Offer, ...]:
    if request.state is State.AWAITING_APPROVAL:
        glass = (Offer(label="⚡ Break glass…", words=f"approvals break-glass {request.id}"),) if has_glass else ()
        hand_on = Offer(label="Hand on…", words=f"approvals delegate {request.id}")
        return (*decisions_on(request), hand_on, *glass)
    if request.state is State.UNKNOWN:
        return (
            Offer(label="Ask again", words=f"approvals retry {request.id}", confirm=request.plan["effect"]),
            Offer(label="I looked…", words=f"approvals settle {request.id}"),
        )
    return offers_after(request)


def _who(request: Request) -> tuple[Offer, ...]:
    has_customer = "person" in request.plan["decides"]
    return (Offer(label="Show who", words=f"approvals who {request.id}"),) if has_customer else ()


def _standing(told: Told) -> str:
    request, given = told.request, " and ".join(name for _, name in told.approvers)
    if request.state is State.AWAITING_APPROVAL:
        return f"awaits approval, {len(told.approvers)} of {request.quorum}" + (f", by {given}" if given else "")
    by = f" by {told.decided_by}" if told.decided_by and request.state is not State.UNKNOWN else ""
    return request.state.label + by + (f", approved by {given}" if given else "")
