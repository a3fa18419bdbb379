"""A post-mortem is done, or there is none for a reason: only then is an incident closed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from bot.audit import Event
from bot.context import Context, Services, Transaction
from bot.errors import ProviderError, UserError
from bot.incidents import archiving, moving
from bot.incidents.moving import Happening
from bot.incidents.states import State, Step
from bot.incidents.timeline import Kind
from bot.incidents.updating import LONGEST, one_line
from bot.operation import Answer, Audience, Line, Lines, Mark, Offer
from bot.postmortem import document
from bot.postmortem.next_steps import next_steps
from bot.postmortem.publishing import WRITE
from bot.store import clocks, postmortems, tasks
from bot.store.incidents import Incident
from bot.store.postmortems import Version
from bot.tasks import telling

LONGEST_LINK: Final = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """What is still to be written, and what nobody will do as it is; `unknown` says why that could not be looked at."""

    unwritten: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def lines(self) -> tuple[Line, ...]:
        """The same as lines."""
        return (
            *(Line(title=f"Not written yet: {one}", mark=Mark.DEGRADED) for one in self.unwritten),
            *(Line(title=one, mark=Mark.DEGRADED) for one in self.items),
            *((Line(title=self.unknown, mark=Mark.UNKNOWN),) if self.unknown else ()),
        )

    @property
    def said(self) -> str:
        """The same in one line."""
        unwritten = f"Not written yet: {', '.join(self.unwritten)}" if self.unwritten else ""
        return "; ".join(part for part in (unwritten, *self.items, self.unknown) if part)


async def missing(services: Services, version: Version | None, found: Sequence[tasks.Task]) -> Missing:
    """What stands between the post-mortem and its end, as far as it can be seen."""
    items = telling.wanting(found)
    if version is None or version.place != "canvas":
        return Missing(items=items)
    try:
        return Missing(items=items, unwritten=await _unwritten(services, version))
    except ProviderError as error:
        return Missing(items=items, unknown=f"I could not look into the canvas: {error.what}")


async def _unwritten(services: Services, version: Version) -> tuple[str, ...]:
    """The questions of which the line still stands there that people replace."""
    desk = services.documents.desk
    if not await desk.holds(version.document, document.OPEN):
        return ()
    asked = list(version.prompts)
    there = await asyncio.gather(*(desk.holds(version.document, document.unwritten(one)) for one in asked))
    return tuple(one for one, still in zip(asked, there, strict=True) if still)


async def finish(incident: Incident, where: str, anyway: str, context: Context, transaction: Transaction) -> Answer:
    """It is done, and the incident closed; refused while questions are unanswered, unless for a reason."""
    deed = moving.deed_of(context)
    if await moving.was_done(transaction, incident, deed, Kind.CLOSED):
        return _closed(incident, "")
    moving.step(incident, Step.CLOSE)
    version = await postmortems.newest(transaction, incident.id)
    link = _link(where)
    if refused := _nowhere(incident, version, link):
        return refused
    lacks = await missing(context.services, None if link else version, await tasks.of(transaction, incident.id))
    if lacks.lines and not anyway.strip():
        return _not_yet(incident, lacks)
    before, _ = await moving.lock(transaction, incident, deed, Kind.CLOSED)
    there = link or (version.link if version else "")
    why = f" Although: {lacks.said}. {one_line(anyway, LONGEST)}" if lacks.lines else ""
    now = replace(before, state=moving.step(before, Step.CLOSE))
    told = Answer(
        verdict=f"The post-mortem of {now.label} is done, says {deed.name}: the incident is closed.",
        mark=Mark.OK,
        evidence=(Lines(lines=(Line(title="It stands here", link=there), *_still(why))),),
    )
    await postmortems.finish(transaction, now.id, by=deed.by, at=deed.at, where=there)
    await moving.record(
        context.services,
        transaction,
        before,
        deed,
        Happening(
            now=now,
            kind=Kind.CLOSED,
            event=Event.CLOSED,
            said=f"Closed: the post-mortem is done, {there}.{why}",
            channel=told,
            thread=told,
            detail={"reason": anyway} if anyway.strip() else {},
        ),
    )
    await clocks.start(transaction, now.subject, WRITE, due_at=deed.at)
    await archiving.plan(context.services, transaction, now, at=deed.at)
    return _closed(now, there)


def _still(why: str) -> tuple[Line, ...]:
    return (Line(title=why.strip(), mark=Mark.DEGRADED),) if why else ()


async def close(incident: Incident, without: str, context: Context, transaction: Transaction) -> Answer:
    """It is closed without a post-mortem, for a reason that everybody reads."""
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.CLOSED)
    if not done:
        reason = one_line(without, LONGEST)
        now = replace(before, state=moving.step(before, Step.CLOSE))
        told = Answer(verdict=f"{now.label} is closed without a post-mortem, says {deed.name}: {reason}")
        await moving.record(
            context.services,
            transaction,
            before,
            deed,
            Happening(
                now=now,
                kind=Kind.CLOSED,
                event=Event.CLOSED,
                said=f"Closed without a post-mortem: {reason}",
                channel=told,
                thread=told,
                detail={"reason": reason},
            ),
        )
        await archiving.plan(context.services, transaction, now, at=deed.at)
        before = now
    return _closed(before, "")


async def write(incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """What is new is written down soon."""
    if State(incident.state) not in (State.RESOLVED, State.CLOSED):
        raise UserError(
            f"{incident.label} is {incident.state}: its post-mortem is written once it is resolved.",
            todo=f"`/ilab postmortem INC-{incident.id}` shows it so far.",
        )
    await clocks.start(transaction, incident.subject, WRITE, due_at=context.now)
    context.services.wake()
    return Answer(
        verdict=f"I write down what is new of {incident.label}; where nothing is, I write nothing.",
        evidence=(Lines(lines=(Line(title="What people wrote is left as it is."),)),),
        audience=Audience.PRIVATE,
    )


def _link(where: str) -> str:
    """Where people finished it. Raises UserError for what leads nowhere."""
    link = where.strip()
    if link and (urlsplit(link).scheme != "https" or not urlsplit(link).hostname or len(link) > LONGEST_LINK):
        raise UserError("That is no link.", todo="Such as https://interviewlab.slack.com/docs/…")
    return link


def _nowhere(incident: Incident, version: Version | None, link: str) -> Answer | None:
    """Why it cannot be done yet because nobody could read it; None where people wrote it somewhere."""
    if link or (version is not None and version.place == "canvas"):
        return None
    if version is None:
        verdict = f"{incident.label} has no draft yet."
        why = "Write the draft first, or say where you wrote one."
    else:
        verdict = f"Where is the post-mortem of {incident.label}?"
        why = "Its draft is a file, in which nobody can go on writing: give the link to where it was finished."
    return Answer(
        verdict=verdict,
        evidence=(Lines(lines=(Line(title=why), Line(title=f"`/ilab postmortem done INC-{incident.id} https://…`"))),),
        offers=tuple(
            offer for offer in next_steps(incident, is_written=version is not None) if "done" not in offer.words
        ),
        audience=Audience.PRIVATE,
        refused=True,
    )


def _not_yet(incident: Incident, lacks: Missing) -> Answer:
    verdict = f"The post-mortem of {incident.label} is not done: {_counted(lacks)}."
    return Answer(
        verdict=verdict,
        mark=Mark.UNKNOWN if lacks.unknown else Mark.NONE,
        evidence=(
            Lines(lines=lacks.lines),
            Lines(lines=(Line(title=f"All the same: `/ilab postmortem done INC-{incident.id} --anyway why`"),)),
        ),
        offers=(
            Offer(label="Look again", words=f"postmortem done INC-{incident.id}", style="primary"),
            Offer(label="The tasks", words=f"incident tasks INC-{incident.id}"),
        ),
        audience=Audience.PRIVATE,
        refused=True,
    )


def _counted(lacks: Missing) -> str:
    parts = []
    if lacks.unwritten:
        parts.append(f"{len(lacks.unwritten)} question{'s' if len(lacks.unwritten) > 1 else ''} unanswered")
    if lacks.items:
        parts.append(f"{len(lacks.items)} action item{'s' if len(lacks.items) > 1 else ''} without an owner or a date")
    if lacks.unknown:
        parts.append("what people wrote could not be looked at")
    return ", ".join(parts)


def _closed(incident: Incident, there: str) -> Answer:
    return Answer(
        verdict=f"{incident.label} is closed.",
        mark=Mark.OK,
        evidence=(Lines(lines=(Line(title="Its post-mortem", link=there),)),) if there else (),
        audience=Audience.PRIVATE,
    )
