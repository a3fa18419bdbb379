"""What was done to an incident at PagerDuty: acknowledged or resolved there, it is so here, too.

Our own word comes back from there as well: what is so already is done no second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.context import Services
from bot.incidents import acknowledging, moving, resolving
from bot.incidents.moving import PAGER, Deed
from bot.incidents.states import State, Step, after
from bot.incidents.telling import tell
from bot.incidents.timeline import Kind
from bot.operation import Answer, Lines, Mark, Offer
from bot.store import clocks, incidents, timeline
from bot.store.database import Connection
from bot.store.incidents import Incident

_PAGE_KEY: Final = "ilab-inc-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Elsewhere:
    """Something that was done at a vendor. `person` is their Slack id, where that is known; `key` is the vendor's own."""

    where: str
    person: str
    name: str
    at: datetime
    key: str

    @property
    def deed(self) -> Deed:
        """The same as a deed here."""
        return Deed(
            by=self.person or self.name,
            name=f"{self.name} (at {self.where})",
            at=self.at,
            key=self.key,
            detail={"at": self.where},
        )


async def of_page(connection: Connection, page_key: str) -> Incident | None:
    """The incident that PagerDuty knows by this key; None where the key is not one of ours."""
    number = page_key.removeprefix(_PAGE_KEY)
    if number == page_key or not number.isdecimal():
        return None
    return await incidents.get(connection, int(number))


async def acknowledged_elsewhere(services: Services, incident_id: int, done: Elsewhere) -> None:
    """Somebody acknowledged it there: they have it. Where somebody has it already, the channel reads that they come, too."""
    async with services.database.transaction() as transaction:
        incident = await incidents.get(transaction, incident_id, lock=True)
        if incident is None:
            return
        if after(State(incident.state), Step.ACKNOWLEDGE) is not None:
            await acknowledging.take(services, transaction, incident, done.deed)
            return
        if not State(incident.state).is_open or done.person in ("", incident.acknowledged_by):
            return
        said = f"{done.name} acknowledged {incident.label} at {done.where}, too."
        written = await timeline.add(
            transaction,
            incident.id,
            Kind.ACKNOWLEDGED,
            key=f"{Kind.ACKNOWLEDGED}:{done.key}",
            actor=done.person,
            said=said,
            at=done.at,
            recorded_at=services.now(),
        )
        if written is not None:
            await tell(services, transaction, incident, key=f"too:{done.key}", channel=Answer(verdict=said))
            services.wake()


async def resolved_elsewhere(services: Services, incident_id: int, done: Elsewhere) -> None:
    """Somebody resolved it there: where our probes agree it is over here; else it stays open, and that is said."""
    incident = await services.database.call(lambda connection: incidents.get(connection, incident_id))
    if incident is None or not State(incident.state).is_open:
        return
    verified = await resolving.verify(services)
    async with services.database.transaction() as transaction:
        before, was_done = await moving.lock(transaction, incident, done.deed, Kind.RESOLVED)
        if was_done or not State(before.state).is_open:
            return
        if not verified.wrong:
            await resolving.end(services, transaction, before, done.deed, verified)
            return
        said = f"{done.name} resolved {before.label} at {done.where}, but {verified.said}"
        written = await timeline.add(
            transaction,
            before.id,
            Kind.HEALTH,
            key=f"{Kind.HEALTH}:{done.key}",
            actor=done.deed.by,
            said=f"{said} It stays open here.",
            at=done.at,
            recorded_at=services.now(),
        )
        if written is None:
            return
        answer = Answer(
            verdict=f"{said}: it stays open here.",
            mark=Mark.DOWN,
            evidence=(Lines(lines=verified.wrong),),
            offers=(
                Offer(label="Look again", words=f"incident resolve INC-{before.id}", style="primary"),
                Offer(label="Status", words="status"),
            ),
        )
        await tell(services, transaction, before, key=f"not_resolved:{done.key}", channel=answer, thread=answer)
        await clocks.start(transaction, before.subject, PAGER, due_at=services.now())
        services.wake()
