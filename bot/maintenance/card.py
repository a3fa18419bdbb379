"""What everybody sees of a maintenance: when, what, how it stands, whom it was told, and what can be done. Mostly pure."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

from bot.context import CardOf, Duty, Services
from bot.maintenance.keeping import offers
from bot.maintenance.states import State
from bot.maintenance.texts import spoken
from bot.operation import Answer, Line, Lines, Mark
from bot.store import alerts, maintenances, people
from bot.store.database import Connection
from bot.store.maintenances import Maintenance

MARKS: Final[Mapping[State, Mark]] = {
    State.SCHEDULED: Mark.NONE,
    State.RUNNING: Mark.DEGRADED,
    State.WATCHING: Mark.DEGRADED,
    State.DONE: Mark.OK,
    State.CANCELLED: Mark.NONE,
}
SECTION: Final = "Maintenance Windows"


def card_faces(duty: Duty) -> dict[str, CardOf]:
    """What a maintenance's card shows."""
    return {"maintenance": functools.partial(card_of, duty.services)}


async def card_of(_: Services, connection: Connection, subject: str) -> Answer | None:
    """The card of a maintenance as it stands now."""
    maintenance = await maintenances.get(connection, int(subject.partition(":")[2]))
    if maintenance is None:
        return None
    held = len(await alerts.held(connection, maintenance.id))
    return card(maintenance, asked=await people.name_of(connection, maintenance.asked_by), held=held)


def card(maintenance: Maintenance, *, asked: str, held: int = 0) -> Answer:
    """A maintenance's card. Pure."""
    lines = [
        Line(title="When", text=spoken(maintenance.start_at, maintenance.end_at)),
        Line(title="State", text=maintenance.state.value + (f": {maintenance.reason}" if maintenance.reason else "")),
        Line(title="Site", text="closed meanwhile" if maintenance.offline else "stays open"),
        Line(title="Asked", text=f"by {asked}"),
    ]
    if maintenance.migration:
        lines.append(Line(title="Migration", text=maintenance.migration))
    for occasion, told in maintenance.told.items():
        parts = [
            *(("the status page",) if told["page"] else ()),
            *((f"{told['mails']:,} customers by mail",) if told["mails"] is not None else ()),
        ]
        lines.append(Line(title=f"Told: {occasion}", text=" and ".join(parts) or "nobody outside", mark=Mark.OK))
    if held:
        lines.append(Line(title="Held back", text=f"{held} alert{'' if held == 1 else 's'}"))
    if maintenance.note:
        lines.append(Line(title="Trouble", text=maintenance.note, mark=Mark.DOWN))
    return Answer(
        verdict=f"Maintenance {maintenance.id}: {maintenance.what}",
        mark=MARKS[maintenance.state],
        evidence=(Lines(lines=tuple(lines)),),
        offers=offers(maintenance),
        section=SECTION,
    )
