"""A version of the post-mortem is put where people go on writing it: the channel's canvas, else a file.

What people wrote is never written over: a later version stands below it, or in a file of its own. Whatever a dead copy
of the bot left is found before it is done again.
"""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from bot.audit import Event
from bot.context import ClockWork, Duty, Services, Transaction
from bot.documents import Desk, Document
from bot.errors import ProviderError
from bot.incidents import moving
from bot.incidents.moving import BOT, Deed, Happening
from bot.incidents.states import State
from bot.incidents.timeline import Kind
from bot.incidents.visibility import stands_in_the_open
from bot.operation import Answer, Attachment, Line, Lines, Mark
from bot.postmortem import document, drafting
from bot.postmortem.next_steps import next_steps
from bot.steps import Book, Results, Step, Table, once
from bot.store import cards, clocks, incidents, postmortems
from bot.store.incidents import Incident
from bot.store.postmortems import Version

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.postmortem")

WRITE: Final = "postmortem_draft"
"""The clock whose work writes what is known; a clock of the incident, since it runs from its end."""
AGAIN_AFTER: Final = timedelta(seconds=30)
"""How long after Slack did not answer it is tried again."""
OWN_SCOPE: Final = "missing_scope"
"""An app that was installed before it wrote canvases."""


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when a post-mortem is to be written."""
    return {WRITE: functools.partial(write, duty.services)}


async def write(services: Services, subject: str, _due_at: datetime) -> None:
    """What is known of it stands where people read it; where nothing is new, nothing is done."""
    incident = await services.database.call(lambda connection: incidents.get(connection, int(subject.split(":")[1])))
    if incident is None or State(incident.state) not in (State.RESOLVED, State.CLOSED):
        return
    book = Table(services.database, f"postmortem:{incident.id}")
    async with book.held() as ours:
        written = ours and await _write(services, book, incident)
    if not written:
        due_at = services.now() + AGAIN_AFTER
        await services.database.call(lambda connection: clocks.start(connection, subject, WRITE, due_at=due_at))


async def _write(services: Services, book: Book, incident: Incident) -> bool:
    """What is new stands there; False where it is to be tried again."""
    version = await drafting.wanted(services, incident)
    if version is None:
        return True
    try:
        place, there = await _put(services, book, incident, version)
    except ProviderError as error:
        log.warning("the post-mortem waits", incident=incident.id, error=error.what)
        return False
    await _tell(services, incident, version, place, there)
    return True


async def _put(services: Services, book: Book, incident: Incident, version: Version) -> tuple[str, Document]:
    """Where it stands now. Raises ProviderError where it is to be tried again."""
    desk = services.documents.desk
    if incident.channel_id:
        try:
            return "canvas", await _on_canvas(services, desk, book, incident, version)
        except ProviderError as error:
            if _waits(error):
                raise
            log.info("no canvas", incident=incident.id, error=error.why or error.what)
    for channel, thread_ts in await _places(services, incident):
        try:
            return "file", await _as_file(desk, book, version, channel, thread_ts)
        except ProviderError as error:
            if _waits(error):
                raise
            log.warning("no file", incident=incident.id, channel=channel, error=error.why or error.what)
    return "nowhere", Document(id="", link="")


async def _on_canvas(services: Services, desk: Desk, book: Book, incident: Incident, version: Version) -> Document:
    """The channel's canvas begins with it; or, where that is there already, ends with what is new."""
    known = await services.database.call(lambda connection: postmortems.canvas(connection, incident.id))
    channel, heading = str(incident.channel_id), document.heading_of(incident.label)

    async def create(_: Results) -> dict[str, Any]:
        title = f"Post-mortem {incident.label}"
        return _packed(await desk.create(channel, title=title, markdown=version.whole))

    async def find(_: Results) -> dict[str, Any] | None:
        found = await desk.find(channel, heading)
        return None if found is None else _packed(found)

    async def append(_: Results) -> dict[str, Any]:
        await desk.append(known, version.added)
        return {"id": known, "link": desk.link_to(known)}

    async def was_appended(_: Results) -> dict[str, Any] | None:
        there = await desk.holds(known, document.added(version.number))
        return {"id": known, "link": desk.link_to(known)} if there else None

    if known:
        step = Step(name=f"append:{version.number}", title="Added", run=append, find=was_appended)
    else:
        step = Step(name=f"canvas:{version.number}", title="Canvas", run=create, find=find)
    return Document(**await once(book, step))


async def _as_file(desk: Desk, book: Book, version: Version, channel: str, thread_ts: str | None) -> Document:
    """The whole of it is shared there as a file."""
    named = f"INC-{version.incident}-post-mortem" + (f"-{version.number}" if version.number > 1 else "")
    title = f"Post-mortem of INC-{version.incident}, version {version.number}"
    file = Attachment(name=f"{named}.md", title=title, content=version.whole.encode())

    async def upload(_: Results) -> dict[str, Any]:
        return _packed(await desk.upload(file))

    uploaded = Document(**await once(book, Step(name=f"upload:{version.number}", title="File", run=upload)))

    async def share(_: Results) -> dict[str, Any]:
        await desk.share(uploaded, title, channel=channel, thread_ts=thread_ts)
        return {}

    async def find(_: Results) -> dict[str, Any] | None:
        return {} if await desk.is_shared(uploaded.id, channel=channel, thread_ts=thread_ts) else None

    await once(book, Step(name=f"share:{version.number}:{channel}", title="Shared", run=share, find=find))
    return uploaded


def _packed(there: Document) -> dict[str, Any]:
    return {"id": there.id, "link": there.link}


async def _places(services: Services, incident: Incident) -> list[tuple[str, str | None]]:
    """Where a file of it may stand: its channel, and for what is no secret the thread under its card."""
    places: list[tuple[str, str | None]] = [(incident.channel_id, None)] if incident.channel_id else []
    slack = services.settings.slack
    if stands_in_the_open(incident) and slack is not None and slack.incidents_channel:
        ts = await services.database.call(lambda connection: cards.ts_of(connection, incident.subject))
        if ts is None and not places:
            raise ProviderError("The card is not shown yet.", provider="slack", kind="timeout")
        if ts is not None:
            places.append((slack.incidents_channel, ts))
    return places


def _waits(error: ProviderError) -> bool:
    """Whether it is tried again: what Slack refuses for good is done another way. Pure."""
    return error.transient or error.ambiguous or (error.kind == "unauthorized" and error.why != OWN_SCOPE)


async def _tell(services: Services, incident: Incident, version: Version, place: str, there: Document) -> None:
    """The version is there; those who write it read where, and everybody that it is."""
    now = services.now()
    deed = Deed(by=BOT, name=BOT, at=now, key=f"postmortem:{version.number}")
    async with services.database.transaction() as transaction:
        before, done = await moving.lock(transaction, incident, deed, Kind.POSTMORTEM)
        await postmortems.publish(transaction, version, place=place, document=there.id, link=there.link)
        if done:
            return
        said = f"Version {version.number} of the post-mortem"
        told = _announcement(services, before, version, place, there)
        await moving.record(
            services,
            transaction,
            before,
            deed,
            Happening(
                now=before,
                kind=Kind.POSTMORTEM,
                event=Event.POSTMORTEM_WRITTEN,
                said=f"{said}: {there.link or 'Slack took it nowhere'}",
                channel=told,
                thread=told if before.channel_id is None else Answer(verdict=told.verdict, evidence=told.evidence[:1]),
                detail={"version": version.number, "place": place},
            ),
        )
        await _keep_open(transaction, before)


async def _keep_open(transaction: Transaction, incident: Incident) -> None:
    """What was done before an incident was reopened is not done for what came after."""
    done = await postmortems.done(transaction, incident.id)
    if done is not None and incident.state == State.RESOLVED:
        await postmortems.reopen(transaction, incident.id)


def _announcement(services: Services, incident: Incident, version: Version, place: str, there: Document) -> Answer:
    """What the channel reads of a version. Pure."""
    where = {"canvas": "in the canvas of its channel", "file": "as a file", "nowhere": "nowhere in Slack"}[place]
    if version.number == 1:
        verdict = f"The post-mortem of {incident.label} has its draft, {where}."
        lines = [Line(title="All that the records hold is filled in.", link=there.link)]
        asked = Line(title="For people", text=", ".join(one.lower() for one in version.prompts))
        more = [asked, Line(title="When every question is answered", text=f"`/ilab postmortem done INC-{incident.id}`")]
    else:
        verdict = f"The post-mortem of {incident.label} has grown, {where} (version {version.number})."
        untouched = "What people wrote is untouched: what is new stands below it."
        if place == "file":
            untouched = "Nobody's copy was touched: this is a file of its own, with all that is known."
        lines, more = [Line(title=untouched, link=there.link)], []
    if place == "nowhere":
        lines = [Line(title=f"`ilab run postmortem INC-{incident.id} > file.md` prints it.", mark=Mark.DEGRADED)]
    due = _due(services, incident)
    if due is not None and incident.state == State.RESOLVED:
        more.append(Line(title="Due", text=f"{due:%Y-%m-%d %H:%M} UTC"))
    return Answer(
        verdict=verdict,
        evidence=(Lines(lines=tuple(lines)), *((Lines(lines=tuple(more)),) if more else ())),
        offers=next_steps(incident),
        section="P0 Response Procedure",
        mentions=(incident.lead,) if incident.lead and version.number == 1 else (),
    )


def _due(services: Services, incident: Incident) -> datetime | None:
    hours = services.settings.incidents.deadlines(incident.severity).postmortem_hours
    return incident.ended_at + timedelta(hours=hours) if hours and incident.ended_at else None
