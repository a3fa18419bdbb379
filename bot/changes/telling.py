"""Who is told what of a request: its requester, whom it was handed to, the thread under its card, and its incident."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.changes.card import MARKS, Told, decisions_on, lines_of
from bot.context import Services, Transaction
from bot.incidents.telling import tell
from bot.operation import Answer, Line, Lines, Mark
from bot.store import cards, incidents, people, requests
from bot.store.database import Connection
from bot.store.requests import Request
from bot.transitions import State

WORTH_TELLING_FOR: Final = timedelta(days=2)
"""How long after its wish a post of ours is still sent: what Slack did not take by then is old news."""


async def told(request: Request, connection: Connection) -> Told:
    """What can be told of the request as it stands."""

    async def name(person: str) -> str:
        return await people.name_of(connection, person)

    given = await requests.approvers(connection, request.id)
    handed = await requests.delegations(connection, request.id)
    return Told(
        request=request,
        requester=await name(request.requester),
        approvers=tuple([(person, await name(person)) for person in given]),
        delegations=tuple([(person, await name(person), await name(by)) for person, by in handed.items()]),
        decided_by=await name(request.decided_by) if request.decided_by else "",
        broken_by=await name(request.broken_glass_by) if request.broken_glass_by else "",
    )


async def say(services: Services, request_id: int, transaction: Transaction) -> None:
    """Want told what people are told of the request as it stands, when the transaction is committed; each thing once."""
    request = await requests.get(transaction, request_id)
    if request is None:
        return
    known = await told(request, transaction)
    channel = await cards.channel_of(transaction, request.subject)
    expires_at = services.now() + WORTH_TELLING_FOR
    for key, person, answer in direct(known):
        await services.announce(
            transaction,
            stream=f"person:{person}",
            key=f"{request.subject}:told:{key}",
            channel=person,
            answer=answer,
            expires_at=expires_at,
        )
    for key, answer in record(known) if channel else ():
        await services.announce(
            transaction,
            stream=f"{request.subject}:thread",
            key=f"{request.subject}:thread:{key}",
            channel=channel,
            answer=answer,
            thread_of=request.subject,
            expires_at=expires_at,
        )
    incident = await incidents.get(transaction, request.incident) if request.incident and known.broken_by else None
    if incident is not None:
        glass = announced(known)
        await tell(services, transaction, incident, key=f"glass:{request.id}", channel=glass, thread=glass)


def direct(known: Told) -> list[tuple[str, str, Answer]]:
    """Direct messages: a key, to whom, and what. Pure."""
    request = known.request
    messages = []
    if request.state is State.AWAITING_APPROVAL:
        messages += [
            (f"handed:{person}", person, _handed(request, by, known.requester)) for person, _, by in known.delegations
        ]
    if end := _end(known):
        mark = MARKS.get(request.state, Mark.NONE)
        messages.append((request.state.value, request.requester, Answer(verdict=end, mark=mark)))
    return messages


def _handed(request: Request, by: str, requester: str) -> Answer:
    return Answer(
        verdict=f"{by} hands you request {request.id}: {request.plan['effect']}",
        evidence=(
            Lines(lines=(Line(title="Asked", text=f"by {requester}", when=request.asked_at),)),
            Lines(lines=lines_of(request.plan)),
        ),
        offers=decisions_on(request),
    )


def record(known: Told) -> list[tuple[str, Answer]]:
    """What the thread under its card keeps: a key, and what. Pure."""
    request = known.request
    entries = [
        (f"handed:{person}", Answer(verdict=f"{by} handed this to {name}.")) for person, name, by in known.delegations
    ]
    entries += [
        (f"approved:{person}", Answer(verdict=f"Approved by {name}: {number} of {request.quorum}."))
        for number, (person, name) in enumerate(known.approvers, 1)
    ]
    if known.broken_by:
        entries.append(("glass", Answer(verdict=_broken(known), mark=Mark.DEGRADED)))
    if end := _end(known) or (f"Request {request.id} withdrawn." if request.state is State.WITHDRAWN else ""):
        entries.append((request.state.value, Answer(verdict=end, mark=MARKS.get(request.state, Mark.NONE))))
    return entries


def _end(known: Told) -> str:
    """How it ended, for its requester; nothing where it goes on, or where they ended it themselves. Pure."""
    request = known.request
    said = str(request.result["said"]) if request.result else request.reason
    sentences = {
        State.SUCCEEDED: f"Request {request.id} succeeded: {said}",
        State.FAILED: f"Request {request.id} failed: {said}",
        State.UNKNOWN: f"Request {request.id} unknown: {said}",
        State.REJECTED: f"Request {request.id} was denied by {known.decided_by}: {request.reason}",
        State.EXPIRED: f"Request {request.id} expired: not enough people approved it in time.",
        State.STALE: f"Request {request.id} is stale, and was not run: {said}",
    }
    return sentences.get(request.state, "")


def _broken(known: Told) -> str:
    return f"⚡ {known.broken_by} broke the glass: {known.request.broken_glass_why}"


def announced(known: Told) -> Answer:
    """What everybody is told of a glass that was broken. Pure."""
    request = known.request
    return Answer(
        verdict=f"⚡ Break-glass by {known.broken_by}: {request.plan['effect']}",
        mark=Mark.DEGRADED,
        evidence=(
            Lines(
                lines=(
                    Line(title="Why", text=request.broken_glass_why),
                    Line(title="Request", text=f"{request.id}, run without a second person"),
                    Line(title="It will be reviewed in the post-mortem."),
                )
            ),
        ),
    )
