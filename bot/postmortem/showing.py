"""How a post-mortem stands, for who asks; and its text, as it would be written now."""

from __future__ import annotations

from bot.context import Context
from bot.incidents.states import State
from bot.incidents.visibility import audience
from bot.operation import Answer, Attachment, Line, Lines, Mark
from bot.postmortem import document, drafting, finishing
from bot.postmortem.facts import Facts
from bot.postmortem.next_steps import next_steps
from bot.store import people, postmortems, tasks
from bot.store.incidents import Incident
from bot.store.postmortems import Done, Version


async def text(incident: Incident, context: Context) -> Answer:
    """The whole of it as it would be written now, as a file."""
    facts = await drafting.facts_now(context.services, incident)
    so_far = "" if facts.is_over else " so far"
    unknown = [one.name for one in facts.measured.figures if one.unknown]
    lines = (Line(title="Could not be measured", text=", ".join(unknown), mark=Mark.UNKNOWN),) if unknown else ()
    return Answer(
        verdict=f"The post-mortem of {incident.label}{so_far}, as the records have it now.",
        evidence=(Lines(lines=lines),) if lines else (),
        offers=next_steps(incident, is_written=True),
        audience=audience([incident]),
        attachments=(_file(incident, facts),),
    )


def _file(incident: Incident, facts: Facts) -> Attachment:
    return Attachment(
        name=f"INC-{incident.id}-post-mortem.md",
        title=f"Post-mortem of INC-{incident.id}",
        content=document.whole(facts).encode(),
    )


async def standing(incident: Incident, version: Version, context: Context) -> Answer:
    """Where it stands, what is still to be written, and until when."""
    async with context.services.database.connection() as connection:
        done = await postmortems.done(connection, incident.id)
        found = await tasks.of(connection, incident.id)
        by = await people.name_of(connection, done.by) if done else ""
    lacks = finishing.Missing()
    if incident.state == State.RESOLVED:
        lacks = await finishing.missing(context.services, version, found)
    still = sum(task.is_open for task in found)
    lines = (
        Line(title=_place(version, done), link=done.where if done else version.link),
        Line(title="Version", text=f"{version.number}, {version.written_at:%Y-%m-%d %H:%M} UTC"),
        Line(title="Action items", text=f"{still} of {len(found)} still to do"),
    )
    return Answer(
        verdict=_verdict(incident, version, done, by, lacks),
        mark=Mark.DEGRADED if lacks.lines else Mark.NONE,
        evidence=(Lines(lines=lines), *((Lines(lines=lacks.lines),) if lacks.lines else ())),
        offers=next_steps(incident),
        section="P0 Response Procedure",
        audience=audience([incident]),
    )


def _verdict(incident: Incident, version: Version, done: Done | None, by: str, lacks: finishing.Missing) -> str:
    if done is not None and incident.state == State.CLOSED:
        return f"The post-mortem of {incident.label} is done, says {by}, since {done.at:%Y-%m-%d %H:%M} UTC."
    if incident.state == State.CLOSED:
        return f"{incident.label} was closed without its post-mortem; a draft is there."
    if not lacks.lines and version.place == "canvas":
        return f"The post-mortem of {incident.label} has every question answered: say that it is done."
    return f"The post-mortem of {incident.label} is a draft."


def _place(version: Version, done: Done | None) -> str:
    if done is not None:
        return "It stands here"
    return {"canvas": "In the canvas of its channel", "file": "As a file"}.get(version.place or "", "Not in Slack yet")
