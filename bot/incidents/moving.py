"""Everything that happens to an incident is recorded here: its row, its clocks, its timeline, the audit, and the posts.

All in the one transaction that does it. Whatever crashes, either all of it happened or nothing; and what is done twice
under one key is done once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from bot.audit import Event
from bot.context import Context, Services, Surface, Transaction
from bot.errors import UserError
from bot.incidents import timekeeping
from bot.incidents.deadlines import Group
from bot.incidents.figures import Milestone
from bot.incidents.states import State, Step, after
from bot.incidents.telling import tell
from bot.incidents.timeline import Kind
from bot.operation import Answer
from bot.store import audit, cards, clocks, incidents, milestones, timeline
from bot.store.incidents import Incident

TOPIC: Final = "topic"
"""The clock whose work sets the channel's topic."""
PAGER: Final = "pager"
"""The clock whose work tells PagerDuty how the incident stands."""
BOT: Final = "ilab"
"""Who does what nobody did."""

_DONE: Final[Mapping[Step, str]] = {
    Step.ACKNOWLEDGE: "acknowledged",
    Step.LAPSE: "declared",
    Step.ASSESS: "assessed",
    Step.MITIGATE: "mitigated",
    Step.RESOLVE: "resolved",
    Step.CLOSE: "closed",
    Step.CANCEL: "cancelled",
    Step.MERGE: "merged",
    Step.REOPEN: "reopened",
}
WORDS: Final = ("reason", "title")
"""What of a detail is somebody's words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """Who does something, when, and under which key."""

    by: str
    name: str
    at: datetime
    key: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What the audit holds besides: the terminal it was typed in, the vendor it was done at."""

    @property
    def is_a_persons(self) -> bool:
        """Somebody did it, and not the bot by itself."""
        return self.by != BOT


def deed_of(context: Context) -> Deed:
    """What the one who asks does by this request."""
    place = context.place
    detail = {"surface": place.surface.value} if place.surface is Surface.TERMINAL else {}
    return Deed(by=context.actor.id, name=context.actor.name, at=context.now, key=context.request_id, detail=detail)


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """What happens: how the incident stands afterwards, and what is written and said of it."""

    now: Incident
    kind: Kind
    event: Event
    said: str
    """The entry of the timeline."""
    channel: Answer | None = None
    thread: Answer | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    reached: Mapping[Milestone, datetime | None] = field(default_factory=dict)
    """Milestones as they are known from now on; None takes one back."""
    reason: str = ""
    """Of a correction."""
    at: datetime | None = None
    """When it happened, where that was earlier than it is written down."""
    told: bool = False
    """People heard how it stands: what they may not miss for long begins anew."""


async def lock(transaction: Transaction, incident: Incident, deed: Deed, kind: Kind) -> tuple[Incident, bool]:
    """The incident, locked, and whether this deed was done before."""
    found = await incidents.get(transaction, incident.id, lock=True)
    assert found is not None  # noqa: S101 -- incidents are never deleted
    return found, await was_done(transaction, incident, deed, kind)


async def was_done(transaction: Transaction, incident: Incident, deed: Deed, kind: Kind) -> bool:
    """Whether this deed was done before."""
    return await timeline.by_key(transaction, incident.id, _key(kind, deed)) is not None


def step(incident: Incident, step: Step) -> State:
    """The state that the step leads to. Raises UserError, saying how it stands, where it is not possible now."""
    reached = after(State(incident.state), step)
    if reached is None:
        wanted = _DONE[step]
        state = incident.state
        said = f"{state} already" if wanted == state else f"{state}, and cannot be {wanted} now"
        raise UserError(f"{incident.label} is {said}.", todo=instead(incident))
    return reached


def instead(incident: Incident) -> str:
    """What can be done where a step is not possible. Pure."""
    state = State(incident.state)
    if state is State.MERGED:
        return f"It is followed in INC-{incident.merged_into}."
    if Step.REOPEN in _possible(state):
        return f"Where it is not over: `/ilab incident reopen INC-{incident.id} --reason …`."
    return f"`/ilab incident show INC-{incident.id}` says how it stands."


def _possible(state: State) -> set[Step]:
    return {step for step in Step if after(state, step) is not None}


async def record(
    services: Services, transaction: Transaction, before: Incident, deed: Deed, happening: Happening
) -> Incident:
    """It happened. `before` is the incident as it was, locked; returns it as it stands."""
    now = happening.now
    if happening.told and deed.is_a_persons:
        now = replace(now, updated_at=deed.at)
    await incidents.save(transaction, now)
    await _keep_time(services, transaction, before, now, deed, told=happening.told)
    for name, at in happening.reached.items():
        await milestones.put(
            transaction,
            now.id,
            name.value,
            key=f"{name}:{deed.key}",
            at=at,
            by=deed.by,
            recorded_at=deed.at,
            reason=happening.reason,
        )
    await timeline.add(
        transaction,
        now.id,
        happening.kind,
        key=_key(happening.kind, deed),
        actor=deed.by,
        said=happening.said,
        at=happening.at or deed.at,
        recorded_at=deed.at,
    )
    await audit.add(
        transaction,
        happening.event,
        actor=deed.by,
        subject=now.subject,
        at=deed.at,
        detail={**_open_detail(now, happening), **deed.detail},
    )
    await tell(
        services,
        transaction,
        now,
        key=_key(happening.kind, deed),
        channel=happening.channel,
        thread=happening.thread,
    )
    await show(services, transaction, before, now, at=deed.at)
    return now


async def begin(services: Services, transaction: Transaction, incident_id: int, deed: Deed) -> None:
    """It was declared just now: its clocks run, and its timeline and its milestones begin."""
    incident = await incidents.get(transaction, incident_id)
    assert incident is not None  # noqa: S101 -- its row was just added
    await timekeeping.begin(services, transaction, incident, at=deed.at)
    await milestones.put(
        transaction,
        incident.id,
        Milestone.DECLARED.value,
        key=f"{Milestone.DECLARED}:{deed.key}",
        at=deed.at,
        by=deed.by,
        recorded_at=deed.at,
    )
    await timeline.add(
        transaction,
        incident.id,
        Kind.DECLARED,
        key=_key(Kind.DECLARED, deed),
        actor=deed.by,
        said=f"Declared by {deed.name}: {incident.severity} {incident.title}",
        at=deed.at,
        recorded_at=deed.at,
    )


async def show(services: Services, transaction: Transaction, before: Incident, now: Incident, *, at: datetime) -> None:
    """Its cards, its topic and its page at PagerDuty follow how it stands."""
    await raise_cards(transaction, now)
    if now.channel_id and _topical(before) != _topical(now):
        await clocks.start(transaction, now.subject, TOPIC, due_at=at)
    if before.state != now.state:
        await clocks.start(transaction, now.subject, PAGER, due_at=at)
    services.wake()


async def raise_cards(transaction: Transaction, incident: Incident) -> None:
    """Its cards are shown anew."""
    for subject in (incident.subject, incident.room):
        await cards.raise_if_there(transaction, subject)


async def _keep_time(
    services: Services, transaction: Transaction, before: Incident, now: Incident, deed: Deed, *, told: bool
) -> None:
    if before.severity != now.severity:
        await timekeeping.begin(services, transaction, now, at=deed.at)
        return
    await timekeeping.follow(services, transaction, before, now, at=deed.at)
    if not State(now.state).is_open:
        return
    if told:
        await timekeeping.start(services, transaction, now, (Group.UPDATE,), at=deed.at)
    if deed.is_a_persons and now.state == before.state == State.ACKNOWLEDGED:
        await timekeeping.start(services, transaction, now, (Group.SIGN_OF_LIFE,), at=deed.at)


async def reaching(
    transaction: Transaction, incident: Incident, *names: Milestone, at: datetime
) -> dict[Milestone, datetime | None]:
    """Those of the milestones that are reached for the first time: who acknowledges again was not quicker by that."""
    known = await milestones.of(transaction, incident.id)
    return {name: at for name in names if name.value not in known}


def taken(incident: Incident, deed: Deed) -> Incident:
    """Whoever works on what nobody has, has it. Pure."""
    if incident.acknowledged_at is not None:
        return incident
    return replace(incident, acknowledged_by=deed.by, acknowledged_at=deed.at)


def _open_detail(incident: Incident, happening: Happening) -> Mapping[str, Any]:
    """What the audit holds, which more people read than a private incident: of that, no words of anybody."""
    if not incident.private:
        return happening.detail
    return {name: value for name, value in happening.detail.items() if name not in WORDS}


def _topical(incident: Incident) -> tuple[object, ...]:
    return (incident.severity, incident.title, incident.state, incident.lead)


def _key(kind: Kind, deed: Deed) -> str:
    return f"{kind}:{deed.key}"
