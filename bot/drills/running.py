"""A drill begins, ends, and is cleaned away; and what would change something real is only written down."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.audit import Event
from bot.context import ClockWork, Context, Duty, Transaction
from bot.drills import scored
from bot.drills.scenarios import SCENARIOS
from bot.errors import NotConfiguredError, ProviderError, UserError
from bot.incidents import archiving, declaring, ending, moving
from bot.incidents.declaring import Declaration
from bot.incidents.moving import Happening
from bot.incidents.states import State, Step, after
from bot.incidents.telling import marked
from bot.incidents.timeline import Kind
from bot.operation import Answer, Audience, Line, Lines, Mark, Offer
from bot.store import clocks, incidents, posts
from bot.store.incidents import Incident

ARCHIVE: Final = "drill_archive"
"""The clock whose work archives the channel of a drill."""
AFTER: Final = timedelta(seconds=5)
"""How long the last words have before the channel is archived."""
AGAIN_AFTER: Final = timedelta(minutes=1)


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done once a drill is cleaned away."""
    return {ARCHIVE: functools.partial(archive, duty)}


async def begin(name: str, context: Context, transaction: Transaction) -> Answer:
    """It is declared as a real one would be, and #incidents reads that it is none."""
    slack = context.services.settings.slack
    if slack is None or not slack.incidents_channel:
        raise NotConfiguredError("I do not know #incidents.", todo="Set ILAB_SLACK__INCIDENTS_CHANNEL to its id.")
    played = SCENARIOS[name]
    await incidents.lock_declaring(transaction)
    await declaring.declare(
        Declaration(severity=played.severity, title=played.title, drill=played.name), context, transaction
    )
    incident = await incidents.by_key(transaction, context.request_id)
    assert incident is not None  # noqa: S101 -- it was just declared, or before
    said = marked(
        incident,
        Answer(
            verdict=f"{incident.label} runs, {played.name}, begun by {context.actor.name}: nothing real is broken.",
            evidence=(Lines(lines=(Line(title="It is followed in its own channel. Nobody outside hears of it."),)),),
            offers=(Offer(label="Join", words=f"incident join {incident.id}"),),
        ),
    )
    await context.services.announce(
        transaction,
        stream=incident.subject,
        key=f"{incident.subject}:drill",
        channel=slack.incidents_channel,
        answer=said,
    )
    return Answer(
        verdict=f"{incident.label} begins: {incident.severity} {incident.title}, which is only played.",
        evidence=(Lines(lines=(Line(title="I am setting up its channel and clocks. Play it there."),)),),
        offers=(
            Offer(label="Acknowledge", words=f"incident ack {incident.id}", style="primary"),
            Offer(label="End", words=f"incident drill end {incident.id}"),
        ),
        audience=Audience.PRIVATE,
    )


def check(incident: Incident) -> None:
    """Raise UserError where it is real."""
    if incident.drill is None:
        raise UserError(
            f"{incident.label} is no drill.", todo="A real one is resolved: `/ilab incident resolve`, or cancelled."
        )


async def end(incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """It is over, wherever it stands, and its score is read."""
    check(incident)
    if State(incident.state).is_open:
        await ending.cancel("the drill is over", incident, context, transaction)
    known = await incidents.get(transaction, incident.id)
    assert known is not None  # noqa: S101 -- incidents are never deleted
    if known.state == State.CANCELLED:
        await scored.tell_score(context.services, transaction, known, key="end")
    return replace(
        scored.shown(await scored.of(context.services, transaction, known), known), audience=Audience.PRIVATE
    )


async def clean(incident: Incident, context: Context, transaction: Transaction) -> Answer:
    """It is closed without a post-mortem, and its channel is archived soon."""
    check(incident)
    if State(incident.state).is_open:
        raise UserError(f"{incident.label} still runs.", todo=f"`/ilab incident drill end INC-{incident.id}` ends it.")
    deed = moving.deed_of(context)
    before, done = await moving.lock(transaction, incident, deed, Kind.CLOSED)
    if not done:
        closed = after(State(before.state), Step.CLOSE)
        said = f"Cleaned away by {deed.name}: a drill."
        happening = Happening(
            now=replace(before, state=closed or before.state),
            kind=Kind.CLOSED,
            event=Event.DRILL_CLEANED,
            said=said,
            channel=Answer(verdict=f"{before.label} is cleaned away by {deed.name}: this channel is archived."),
        )
        await moving.record(context.services, transaction, before, deed, happening)
        if before.channel_id and before.room_lost is None:
            await clocks.start(transaction, before.subject, ARCHIVE, due_at=deed.at + AFTER)
    return Answer(
        verdict=f"{before.label} is closed, and its channel is archived.", mark=Mark.OK, audience=Audience.PRIVATE
    )


async def archive(duty: Duty, subject: str, _due_at: datetime) -> None:
    """The channel is archived once all was said in it; archived twice, it is archived once."""
    now = duty.services.now()
    async with duty.services.database.transaction() as transaction:
        incident = await incidents.get(transaction, int(subject.partition(":")[2]))
        if incident is None or not incident.channel_id or incident.drill is None or incident.is_open:
            return
        if await posts.waiting_in(transaction, incident.channel_id):
            await clocks.start(transaction, subject, ARCHIVE, due_at=now + AFTER)
            return
    try:
        if not await archiving.shut(duty, incident.id, incident.channel_id):
            return
    except ProviderError:
        due_at = now + AGAIN_AFTER
        await duty.services.database.call(lambda connection: clocks.start(connection, subject, ARCHIVE, due_at=due_at))
        return
    async with duty.services.database.transaction() as transaction:
        await incidents.lose_room(transaction, incident.id, "archived")


async def practise(words: str, incident: Incident, context: Context, *, earnest: str) -> Answer:
    """What would change something real is written down as done in the drill, and is not asked for.

    `earnest` says what to do where it was no move of the drill.
    """
    deed = moving.deed_of(context)
    async with context.services.database.transaction() as transaction:
        before, done = await moving.lock(transaction, incident, deed, Kind.CHANGE)
        if not done:
            said = f"{deed.name} would have asked for `{words}`; in a drill nothing is changed."
            happening = Happening(
                now=before, kind=Kind.CHANGE, event=Event.PRACTISED, said=said, channel=Answer(verdict=said)
            )
            await moving.record(context.services, transaction, before, deed, happening)
    step = "Say what came of it: `/ilab incident mitigate …`."
    return Answer(
        verdict=f"{incident.label}: `{words}` is written down, and nothing was asked for or changed.",
        evidence=(Lines(lines=(Line(title=step), Line(title=earnest))),),
        audience=Audience.PRIVATE,
    )
