"""What everybody in the channel sees of a request: the plan, who asked, and where it stands.

[pure]
"""

from __future__ import annotations

from collections.abc import Mapping
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


def card(
    request: Request, change: Change[Any], *, requester: str, approvers: tuple[str, ...], mentions: tuple[str, ...]
) -> Answer:
    """The card as it stands now; `requester` and `approvers` are names, `mentions` the ids of who is called by it."""
    lines = [
        *lines_of(request.plan),
        Line(title="Asked", text=f"by {requester}", when=request.asked_at),
        Line(title="State", text=_standing(request, approvers)),
    ]
    if request.reason:
        lines.append(Line(title="Reason", text=request.reason))
    if request.state is State.EXECUTING and request.progress:
        lines.append(Line(title="Progress", text=request.progress))
    if request.result:
        lines += [Line(title="Outcome", text=str(request.result["said"])), *lines_of(request.result)]
    waits = request.state is State.AWAITING_APPROVAL
    offers = (
        Offer(label="Approve", words=f"approve {request.id}", style="primary", confirm=request.plan["effect"]),
        Offer(label="Deny…", words=f"deny {request.id}", style="danger"),
    )
    who = (Offer(label="Show who", words=f"approvals who {request.id}"),) if "person" in request.plan["decides"] else ()
    return Answer(
        verdict=f"{change.words.capitalize()} · request {request.id}: {request.plan['effect']}",
        mark=MARKS.get(request.state, Mark.NONE),
        evidence=(Lines(lines=tuple(lines)),),
        offers=(*(offers if waits else offers_after(request)), *who),
        section=change.section,
        mentions=mentions if waits else (),
    )


def lines_of(plan: Mapping[str, Any]) -> tuple[Line, ...]:
    """The lines that a plan or an outcome was stored with."""
    return tuple(Line(title=line["title"], text=line["text"]) for line in plan.get("lines", ()))


def offers_after(request: Request) -> tuple[Offer, ...]:
    """What can be done next, as its outcome says."""
    offered = (request.result or {}).get("offers", ())
    return tuple(Offer(label=offer["label"], words=offer["words"], confirm=offer["confirm"]) for offer in offered)


def _standing(request: Request, approvers: tuple[str, ...]) -> str:
    given = " and ".join(approvers)
    if request.state is State.AWAITING_APPROVAL:
        return f"awaits approval, {len(approvers)} of {request.quorum}" + (f", by {given}" if given else "")
    return request.state.label + (f", approved by {given}" if given else "")
