"""What was done to an incident at PagerDuty: acknowledged or resolved there, it is so here, too.

Our own word comes back from there as well: what is so already is done no second time.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from bot.context import ClockWork, Duty, Services
from bot.incidents import acknowledging, moving, resolving
from bot.incidents.moving import PAGER, Deed
from bot.incidents.states import State, Step, after
from bot.incidents.telling import tell
from bot.incidents.timeline import Kind
from bot.operation import Answer, Lines, Mark, Offer
from bot.store import clocks, incidents, on_call, timeline

ECHO: Final = "page_echo"
"""The clock that a webhook of PagerDuty starts about a page of ours; its subject is a `Said`."""
ITSELF: Final = "PagerDuty itself"
"""Who resolves there without being a person: its own rule, or an event of ours."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What PagerDuty's webhook says of a page of ours: `acknowledged` or `resolved`, when, by whom."""

    what: str
    page: str
    at: datetime
    key: str
    name: str

    @property
    def subject(self) -> str:
        """The same as the subject of a clock."""
        return f"{ECHO}|{self.what}|{self.page}|{self.at.isoformat()}|{self.key}|{self.name}"

    @classmethod
    def of(cls, subject: str) -> Self:
        """What a subject says."""
        _, what, page, at, key, name = subject.split("|", 5)
        return cls(what=what, page=page, at=datetime.fromisoformat(at), key=key, name=name)


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when PagerDuty tells of a page of ours."""
    return {ECHO: functools.partial(echo, duty)}


async def echo(duty: Duty, subject: str, _due_at: datetime) -> None:
    """What a person did there is done here."""
    said, services = Said.of(subject), duty.services
    async with services.database.connection() as connection:
        incident = await incidents.by_page(connection, said.page)
        known = [one.email for one in await on_call.everybody(connection) if one.name == said.name]
    if incident is None or (said.name == ITSELF and said.at < (incident.updated_at or incident.declared_at)):
        return  # what it tells of itself from before the last step is our own word that comes back
    found = await duty.rooms.people(known)
    done = Elsewhere(where="PagerDuty", person=next(iter(found.values()), ""), name=said.name, at=said.at, key=said.key)
    act = acknowledged_elsewhere if said.what == "acknowledged" else resolved_elsewhere
    await act(services, incident.id, done)


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
