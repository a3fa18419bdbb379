"""The score of a drill, from what is recorded of it."""

from __future__ import annotations

from typing import Final

from bot.context import Services, Transaction
from bot.drills.scenarios import scenario_of
from bot.drills.scoring import Score, score
from bot.incidents.telling import marked, tell
from bot.incidents.timeline import Kind
from bot.operation import Answer, Line, Lines, Offer
from bot.store import milestones, timeline
from bot.store.database import Connection
from bot.store.incidents import Incident

MISSED: Final = "update_overdue:"
"""What the timeline's keys begin with where nobody gave an update that was due."""


async def of(services: Services, connection: Connection, incident: Incident) -> Score:
    """How the drill went so far."""
    entries = await timeline.of(connection, incident.id)
    return score(
        await milestones.of(connection, incident.id),
        [entry.at for entry in entries if entry.kind is Kind.UPDATE],
        sum(entry.key.startswith(MISSED) for entry in entries),
        services.settings.incidents.deadlines(incident.severity),
        said=incident.cause,
        played=scenario_of(incident.drill).cause,
    )


async def score_lines(services: Services, connection: Connection, incident: Incident) -> tuple[Line, ...]:
    """The score, line by line; nothing of an incident that is no drill."""
    return () if incident.drill is None else (await of(services, connection, incident)).lines


async def tell_score(services: Services, transaction: Transaction, incident: Incident, *, key: str) -> None:
    """The drill's channel reads how it went; of an incident that is no drill, nothing."""
    if incident.drill is None:
        return
    answer = shown(await of(services, transaction, incident), incident)
    await tell(services, transaction, incident, key=f"score:{key}", channel=answer)


def shown(found: Score, incident: Incident) -> Answer:
    """The score, and what the runbook would have had one do. Pure."""
    played = scenario_of(incident.drill)
    moves = tuple(Line(title=move) for move in played.moves)
    read = Answer(
        verdict=f"{incident.label}, {played.name}: {found.verdict}.",
        evidence=(
            Lines(heading="Score", lines=found.lines),
            Lines(heading="What the runbook has one do", lines=moves),
        ),
        offers=(Offer(label="Clean up", words=f"incident drill clean INC-{incident.id}"),),
        section="P0 Response Procedure",
    )
    return marked(incident, read)
