"""`incident timeline`: what happened, by the clock, with links. A 📌 on a message adds to it: `bot/incidents/marks.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Final

from bot.context import Context
from bot.incidents.finding import WhichArgs, which
from bot.incidents.marks import standing
from bot.incidents.telling import marked, spoken
from bot.incidents.visibility import audience
from bot.markdown import link, plain, stamp, table
from bot.operation import Answer, Attachment, Line, Lines, Read
from bot.people import Role
from bot.store import people, timeline
from bot.store.incidents import Incident
from bot.store.timeline import Entry

SHOWN: Final = 25
"""Entries that a message shows; the whole comes as a file."""


async def show(args: WhichArgs, context: Context) -> Answer:
    """Return the timeline in UTC: the newest entries, and the whole of it as a file."""
    async with context.services.database.connection() as connection:
        incident = await which(args.id, context, connection)
        entries = standing(await timeline.of(connection, incident.id))
        names = {entry.actor: await people.name_of(connection, entry.actor) for entry in entries}
    left_out = max(0, len(entries) - SHOWN)
    lines = tuple(Line(title=_when(entry), text=_said(entry, names)) for entry in entries[left_out:])
    verdict = f"{incident.label}: {len(entries)} entr{'y' if len(entries) == 1 else 'ies'}, in UTC."
    if left_out:
        verdict += f" The first {left_out} are in the file."
    shown = Answer(
        verdict=verdict,
        evidence=(Lines(lines=lines),) if lines else (),
        audience=audience([incident]),
        attachments=(
            Attachment(
                name=f"INC-{incident.id}-timeline.md",
                title=f"Timeline of {incident.label}",
                content=written(f"{incident.label} {incident.title}", entries, names, incident).encode(),
            ),
        ),
    )
    return marked(incident, shown)


def _when(entry: Entry) -> str:
    return f"{entry.at.astimezone(UTC):%H:%M:%S}"


def _said(entry: Entry, names: Mapping[str, str]) -> str:
    said = entry.said if len(entry.said) <= 300 else entry.said[:299] + "…"
    return f"{said} ({names[entry.actor]})" if entry.actor != "ilab" else said


def written(title: str, entries: Sequence[Entry], names: Mapping[str, str], incident: Incident) -> str:
    """A timeline as Markdown: a row an entry, with actor and link. Pure."""
    rows = [
        (
            stamp(entry.at),
            plain(names[entry.actor]),
            plain(spoken(incident, entry.said)),
            link("message", entry.link) if entry.link else "",
        )
        for entry in entries
    ]
    return f"# Timeline of {title}\n\n{table(('UTC', 'who', 'what', 'link'), rows)}\n"


OPERATIONS: Final = (
    Read(
        words="incident timeline",
        summary="What happened, by the clock; a 📌 on a message adds it.",
        who=Role.VIEWER,
        args=WhichArgs,
        examples=("incident timeline 12", "incident timeline"),
        read=show,
    ),
)
