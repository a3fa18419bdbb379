"""It is over: verified first, and where it could not be verified, that is said."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bot.ages import age, span
from bot.audit import Event
from bot.context import Context, Progress, Services, Transaction
from bot.deploys import deployments, naming, targets
from bot.drills import scored
from bot.errors import ProviderError
from bot.health import readings as health
from bot.incidents import moving
from bot.incidents.figures import Milestone, measured
from bot.incidents.moving import Deed, Happening
from bot.incidents.next_steps import next_steps, told_next
from bot.incidents.states import Step
from bot.incidents.timeline import Kind
from bot.incidents.updating import LONGEST, one_line
from bot.operation import Answer, Audience, Line, Lines, Mark, Offer
from bot.store import milestones
from bot.store.incidents import Incident

if TYPE_CHECKING:
    from bot.health.check import Report


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What our own probes say before it is called over."""

    said: str
    mark: Mark
    wrong: tuple[Line, ...] = ()
    """What is red."""
    unknown: tuple[Line, ...] = ()
    """What could not be checked."""


PLAYED: Final = Verified(said="what was played is over; nothing real was looked at", mark=Mark.OK)
"""Of a drill."""


async def resolve(
    how: str, incident: Incident, context: Context, transaction: Transaction, *, anyway: bool = False
) -> Answer:
    """It is over, unless something is red and nobody says that it is over all the same."""
    services = context.services
    deed = moving.deed_of(context)
    if await moving.was_done(transaction, incident, deed, Kind.RESOLVED):
        return _answer(incident, None, _Waiting(), context)
    moving.step(incident, Step.RESOLVE)
    # looked at before the incident is locked: meanwhile others can work on it
    if incident.drill is None:
        verified, waiting = await asyncio.gather(verify(services, context.progress), _waiting(services))
    else:
        verified, waiting = PLAYED, _Waiting()
    if verified.wrong and not anyway:
        return _not_yet(incident, verified)
    before, _ = await moving.lock(transaction, incident, deed, Kind.RESOLVED)
    return _answer(await end(services, transaction, before, deed, verified, how=how), verified, waiting, context)


async def verify(services: Services, progress: Progress | None = None) -> Verified:
    """Look at everything anew."""
    return judged(await services.health().report(fresh=True, progress=progress))


def judged(report: Report) -> Verified:
    """What a report means for whether it is over. Pure."""
    wrong = tuple(
        Line(title=reading.title, text=reading.reason, mark=reading.state.mark, at=reading.checked_at)
        for reading in report.readings
        if reading.red
    )
    unknown = tuple(
        Line(title=reading.title, text=reading.reason, mark=Mark.UNKNOWN, at=reading.checked_at)
        for reading in report.readings
        if reading.state is health.State.UNKNOWN and reading.group is health.Group.PRODUCT
    )
    if wrong:
        said, mark = f"health says: {report.verdict.headline}", Mark.DOWN
    elif unknown:
        said, mark = f"could not be verified: {', '.join(line.title for line in unknown)}", Mark.UNKNOWN
    else:
        said, mark = f"verified: {report.verdict.headline}", Mark.OK
    return Verified(said=said, mark=mark, wrong=wrong, unknown=unknown)


async def end(
    services: Services,
    transaction: Transaction,
    before: Incident,
    deed: Deed,
    verified: Verified,
    *,
    how: str = "",
) -> Incident:
    """It is over: the incident, which is locked, is resolved, and everybody reads it."""
    state = moving.step(before, Step.RESOLVE)
    now = replace(moving.taken(before, deed), state=state, ended_at=deed.at)
    parts = [one_line(how, LONGEST)] if how.strip() else []
    parts.append(verified.said[:1].upper() + verified.said[1:])
    if verified.wrong:
        parts.append(f"{deed.name} says that it is over all the same")
    reached = await moving.reaching(
        transaction, before, Milestone.ACKNOWLEDGED, Milestone.MITIGATED, Milestone.RESOLVED, at=deed.at
    )
    known = await milestones.of(transaction, before.id) | {name.value: at for name, at in reached.items() if at}
    told = Answer(
        verdict=f"{now.label} is resolved by {deed.name}, {age(now.declared_at, deed.at)} after it was declared.",
        mark=verified.mark,
        evidence=(
            Lines(lines=tuple(Line(title=part) for part in parts)),
            *((Lines(heading="Red", lines=verified.wrong),) if verified.wrong else ()),
            *((Lines(heading="Could not be checked", lines=verified.unknown),) if verified.unknown else ()),
            Lines(heading="Times", lines=times(measured(known))),
        ),
        offers=next_steps(now, services),
    )
    ended = await moving.record(
        services,
        transaction,
        before,
        deed,
        Happening(
            now=now,
            kind=Kind.RESOLVED,
            event=Event.RESOLVED,
            said=f"Resolved. {' '.join(parts)}",
            channel=told,
            thread=told,
            detail={"verified": verified.mark.value},
            reached=reached,
            told=True,
        ),
    )
    await scored.tell_score(services, transaction, ended, key=deed.key)
    return ended


def times(taken: Mapping[str, timedelta]) -> tuple[Line, ...]:
    """Each time that was measured. Pure."""
    return tuple(Line(title=name, text=span(length.total_seconds())) for name, length in taken.items())


def _not_yet(incident: Incident, verified: Verified) -> Answer:
    return Answer(
        verdict=f"Not resolved: {verified.said}",
        mark=Mark.DOWN,
        evidence=(Lines(lines=verified.wrong),),
        offers=(
            Offer(label="Look again", words=f"incident resolve INC-{incident.id}", style="primary"),
            Offer(
                label="Resolve anyway",
                words=f"incident resolve INC-{incident.id} --anyway",
                style="danger",
                confirm=f"Red: {', '.join(line.title for line in verified.wrong)}. It is said in your name.",
            ),
        ),
        refused=True,
        audience=Audience.PRIVATE,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Waiting:
    """What waits to be promoted, or why that is not known."""

    lines: tuple[Line, ...] = ()
    offers: tuple[Offer, ...] = ()


async def _waiting(services: Services) -> _Waiting:
    """The newest deployment that waits staged since a rollback: most likely the fix."""
    vercel = services.vendors().vercel
    if vercel is None:
        return _Waiting()
    try:
        production = await deployments.look(vercel)
    except ProviderError as error:
        return _Waiting(lines=(Line(title=f"Whether a fix waits staged: {error.what}", mark=Mark.UNKNOWN),))
    why = naming.held(production.project)
    if not why or not production.staged:
        return _Waiting()
    newest = production.staged[0]
    return _Waiting(
        lines=(Line(title=f"{naming.spoken(newest)} waits staged ({why}): promote it, if it is the fix."),),
        offers=(targets.offer(newest, "promote"),),
    )


def _answer(incident: Incident, verified: Verified | None, waiting: _Waiting, context: Context) -> Answer:
    said = f" {verified.said[:1].upper()}{verified.said[1:]}." if verified else ""
    return Answer(
        verdict=f"{incident.label} is {incident.state}.{said}",
        mark=verified.mark if verified else Mark.NONE,
        evidence=(Lines(lines=(*waiting.lines, *(verified.unknown if verified else ()))),),
        offers=(
            *waiting.offers,
            *told_next(incident, context.services),
        ),
        audience=Audience.PRIVATE,
    )
