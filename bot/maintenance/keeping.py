"""What a maintenance does by itself: it is announced, reminded of, begun, watched, completed, and its overrun is said.

While one is under way, alerts are folded and counted, but held back; a recovery passes. What still fires at its end is
named, and is an alert like any other from then on.
"""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.alerts.taking import JUDGE, channel_of
from bot.audit import Event
from bot.context import ClockWork, Duty, Services, Transaction
from bot.errors import ProviderError
from bot.maintenance import mode
from bot.maintenance.announcing import announce as tell_customers
from bot.maintenance.announcing import said
from bot.maintenance.states import State, Step, after
from bot.maintenance.texts import Occasion, spoken
from bot.operation import Answer, Line, Lines, Mark, Offer
from bot.store import alerts, audit, cards, clocks, maintenances
from bot.store.alerts import Alert
from bot.store.maintenances import Maintenance

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.maintenance")

ANNOUNCE: Final = "maintenance_announce"
REMIND: Final = "maintenance_remind"
BEGIN: Final = "maintenance_begin"
OPEN: Final = "maintenance_open"
OVERRUN: Final = "maintenance_overrun"
WATCHED: Final = "maintenance_watched"
CANCELLED: Final = "maintenance_cancelled"
MOVED: Final = "maintenance_moved"
AGAIN: Final = timedelta(seconds=30)
OVERRUN_EVERY: Final = timedelta(minutes=15)
ITSELF: Final = "ilab"


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when the clocks of a maintenance are due."""
    return {
        ANNOUNCE: functools.partial(_told, duty.services, Occasion.ANNOUNCED),
        CANCELLED: functools.partial(_told, duty.services, Occasion.CANCELLED),
        MOVED: functools.partial(_told, duty.services, Occasion.MOVED),
        REMIND: functools.partial(remind, duty.services),
        BEGIN: functools.partial(begin, duty.services),
        OPEN: functools.partial(open_site, duty.services),
        OVERRUN: functools.partial(overrun, duty.services),
        WATCHED: functools.partial(watched, duty.services),
    }


async def _get(services: Services, subject: str) -> Maintenance:
    number = int(subject.partition(":")[2])
    found = await services.database.call(lambda connection: maintenances.get(connection, number))
    assert found is not None  # noqa: S101 -- maintenances are never deleted
    return found


async def say(
    services: Services, transaction: Transaction, maintenance: Maintenance, *, key: str, answer: Answer
) -> None:
    """Say it in the thread under the maintenance's card, once for this key."""
    slack = services.settings.slack
    await services.announce(
        transaction,
        stream=maintenance.subject,
        key=f"{maintenance.subject}:{key}",
        channel=services.settings.maintenance.channel or (slack.incidents_channel if slack else ""),
        answer=answer,
        thread_of=maintenance.subject,
    )


async def _told(services: Services, occasion: Occasion, subject: str, _due_at: datetime) -> None:
    """Customers are told, and the thread reads whom it reached. Where a vendor is silent it goes on later."""
    maintenance = await _get(services, subject)
    try:
        told = await tell_customers(services, maintenance, occasion)
    except ProviderError as error:
        if not (error.transient or error.ambiguous):
            await _trouble(services, maintenance, f"announcing failed: {error.sentences}")
            return
        await _trouble(services, maintenance, f"the announcement waits: {error.what}")
        kind = {Occasion.ANNOUNCED: ANNOUNCE, Occasion.CANCELLED: CANCELLED, Occasion.MOVED: MOVED}[occasion]
        due_at = services.now() + AGAIN
        await services.database.call(lambda connection: clocks.start(connection, subject, kind, due_at=due_at))
        return
    wording = said(maintenance, occasion)
    async with services.database.transaction() as transaction:
        await maintenances.note(transaction, maintenance.id, "")
        await cards.raise_if_there(transaction, subject)
        moved = f":{maintenance.end_at:%H%M}" if occasion is Occasion.MOVED else ""
        await say(
            services,
            transaction,
            maintenance,
            key=f"told:{occasion}{moved}",
            answer=Answer(
                verdict=f"Told {told.sentence}: “{wording.subject}”",
                evidence=(Lines(lines=(Line(title=wording.body),)),),
            ),
        )


async def _trouble(services: Services, maintenance: Maintenance, said: str) -> None:
    log.warning("maintenance", maintenance=maintenance.id, trouble=said)
    async with services.database.transaction() as transaction:
        await maintenances.note(transaction, maintenance.id, said)
        await cards.raise_if_there(transaction, maintenance.subject)


async def remind(services: Services, subject: str, _due_at: datetime) -> None:
    """The team reads that it is near."""
    maintenance = await _get(services, subject)
    if maintenance.state is not State.SCHEDULED:
        return
    async with services.database.transaction() as transaction:
        await say(
            services,
            transaction,
            maintenance,
            key="remind",
            answer=Answer(
                verdict=f"Maintenance {maintenance.id} begins soon: {spoken(maintenance.start_at, maintenance.end_at)}",
                offers=(Offer(label="Cancel…", words=f"maintenance cancel {maintenance.id}"),),
            ),
        )


async def begin(services: Services, subject: str, _due_at: datetime) -> None:
    """It is under way: the site is closed where that was approved, alerts are held back, the page says so.

    Run again, it goes on where it was: the flag is written only where it is not so, and the page only once.
    """
    maintenance = await _get(services, subject)
    if maintenance.state is State.SCHEDULED:
        maintenance = await _move(services, maintenance, Step.START, by=ITSELF)
    if maintenance.state is not State.RUNNING:
        return
    try:
        if maintenance.offline:
            await mode.switch(services, on=True, message=said(maintenance, Occasion.STARTED).body, say=_silently)
        await tell_customers(services, maintenance, Occasion.STARTED)
    except ProviderError as error:
        await _trouble(services, maintenance, f"beginning it: {error.sentences} I go on trying.")
        await services.database.call(
            lambda connection: clocks.start(connection, subject, BEGIN, due_at=services.now() + AGAIN)
        )
        return
    seen = "the site shows its maintenance page, as seen there" if maintenance.offline else "the site stays open"
    async with services.database.transaction() as transaction:
        await maintenances.note(transaction, maintenance.id, "")
        await cards.raise_if_there(transaction, subject)
        answer = Answer(
            verdict=f"Maintenance {maintenance.id} is under way: {seen}. Alerts are held back until it ends.",
            mark=Mark.DEGRADED,
            offers=offers(maintenance),
        )
        await say(services, transaction, maintenance, key="begun", answer=answer)


async def _silently(_: str) -> None:
    """Nobody reads how far it is: the card says when it is done."""


async def open_site(services: Services, subject: str, _due_at: datetime) -> None:
    """The work is done: the site is open again, as seen, and what still fires is named."""
    maintenance = await _get(services, subject)
    if maintenance.state is not State.WATCHING:
        return
    try:
        if maintenance.offline:
            await mode.switch(services, on=False, message="", say=_silently)
    except ProviderError as error:
        await _trouble(services, maintenance, f"opening the site: {error.sentences} I go on trying.")
        await services.database.call(
            lambda connection: clocks.start(connection, subject, OPEN, due_at=services.now() + AGAIN)
        )
        return
    report = await services.health().report(fresh=True)
    async with services.database.transaction() as transaction:
        await alerts.lock(transaction)
        still = await release(services, transaction, maintenance)
        await maintenances.note(transaction, maintenance.id, "")
        minutes = services.settings.maintenance.watch_minutes
        lines = [Line(title="Health", text=report.verdict.headline, mark=report.verdict.state.mark)]
        lines += [Line(title="Still failing", text=alert.title, mark=Mark.DOWN) for alert in still[:10]]
        answer = Answer(
            verdict=f"Maintenance {maintenance.id}: the work is done"
            + (", the site is open again, as seen there" if maintenance.offline else "")
            + f". I watch for {minutes:g} min.",
            mark=Mark.DOWN if still or report.red else Mark.OK,
            evidence=(Lines(lines=tuple(lines)),),
            offers=(Offer(label="Status", words="status --fresh"), Offer(label="Alerts", words="alert list")),
        )
        await say(services, transaction, maintenance, key="opened", answer=answer)
        await cards.raise_if_there(transaction, subject)
        due_at = services.now() + timedelta(minutes=minutes)
        await clocks.start(transaction, subject, WATCHED, due_at=due_at)
    services.wake()


async def release(services: Services, transaction: Transaction, maintenance: Maintenance) -> list[Alert]:
    """What was held back and still fires is an alert like any other from now on; returned for who must know."""
    still = [alert for alert in await alerts.held(transaction, maintenance.id) if alert.ended_at is None]
    await alerts.release(transaction, maintenance.id)
    for alert in still:
        await cards.want(transaction, alert.subject, channel=channel_of(services.settings))
        await clocks.start(transaction, f"alert:{alert.id}", JUDGE, due_at=services.now())
    return still


async def watched(services: Services, subject: str, _due_at: datetime) -> None:
    """Two hours have passed: it is complete, and the same people are told as before."""
    maintenance = await _get(services, subject)
    if maintenance.state is State.WATCHING:
        maintenance = await _move(services, maintenance, Step.COMPLETE, by=ITSELF)
    if maintenance.state is not State.DONE:
        return
    try:
        told = await tell_customers(services, maintenance, Occasion.COMPLETED)
    except ProviderError as error:
        await _trouble(services, maintenance, f"telling that it is over: {error.what} I go on trying.")
        await services.database.call(
            lambda connection: clocks.start(connection, subject, WATCHED, due_at=services.now() + AGAIN)
        )
        return
    report = await services.health().report(fresh=True)
    async with services.database.transaction() as transaction:
        firing = await alerts.firing(transaction)
        await maintenances.note(transaction, maintenance.id, "")
        await cards.raise_if_there(transaction, subject)
        lines = [Line(title="Health", text=report.verdict.headline, mark=report.verdict.state.mark)]
        lines += [Line(title="Still failing", text=alert.title, mark=Mark.DOWN) for alert in firing[:10]]
        answer = Answer(
            verdict=f"Maintenance {maintenance.id} is complete; told {told.sentence}. "
            + ("Something still fails: is that well?" if firing or report.red else "Nothing fails."),
            mark=Mark.DOWN if firing or report.red else Mark.OK,
            evidence=(Lines(lines=tuple(lines)),),
            offers=(Offer(label="Status", words="status --fresh"),),
        )
        await say(services, transaction, maintenance, key="complete", answer=answer)


async def overrun(services: Services, subject: str, _due_at: datetime) -> None:
    """Its time is over and it is not: said every quarter of an hour until somebody finishes or extends it."""
    maintenance = await _get(services, subject)
    now = services.now()
    if maintenance.state is not State.RUNNING or now < maintenance.end_at:
        return
    async with services.database.transaction() as transaction:
        answer = Answer(
            verdict=f"Maintenance {maintenance.id} should have ended at {maintenance.end_at:%H:%M} UTC.",
            mark=Mark.DOWN,
            evidence=(Lines(lines=(Line(title="Customers were told that it is over by then."),)),),
            offers=(
                Offer(label="Finish", words=f"maintenance finish {maintenance.id}", style="primary"),
                Offer(label="30 minutes more", words=f"maintenance extend {maintenance.id} 30m"),
            ),
        )
        await say(services, transaction, maintenance, key=f"overrun:{now:%Y%m%d%H%M}", answer=answer)
        await clocks.start(transaction, subject, OVERRUN, due_at=now + OVERRUN_EVERY)


async def _move(services: Services, maintenance: Maintenance, step: Step, *, by: str) -> Maintenance:
    async with services.database.transaction() as transaction:
        locked = await maintenances.get(transaction, maintenance.id, lock=True)
        assert locked is not None  # noqa: S101 -- maintenances are never deleted
        return await moved(services, transaction, locked, step, by=by) or locked


async def moved(
    services: Services, transaction: Transaction, locked: Maintenance, step: Step, *, by: str, reason: str = ""
) -> Maintenance | None:
    """The (locked) maintenance after the step, audited; None where the step is not possible now."""
    state = after(locked.state, step)
    if state is None:
        return None
    now = services.now()
    await maintenances.move(
        transaction,
        locked,
        state,
        started_at=now if step is Step.START else None,
        finished_at=now if step is Step.FINISH else None,
        ended_at=now if state in (State.DONE, State.CANCELLED) else None,
        reason=reason,
    )
    await cards.raise_if_there(transaction, locked.subject)
    await audit.add(
        transaction,
        Event.MAINTENANCE_MOVED,
        actor=by,
        subject=locked.subject,
        at=now,
        detail={"state": state.value, "reason": reason},
    )
    return await maintenances.get(transaction, locked.id)


def offers(maintenance: Maintenance) -> tuple[Offer, ...]:
    """What can be done with it as it stands. Pure."""
    number = maintenance.id
    if maintenance.state is State.SCHEDULED:
        return (Offer(label="Cancel…", words=f"maintenance cancel {number}", style="danger"),)
    if maintenance.state is State.RUNNING:
        migrate = (
            (Offer(label="Migrate…", words=f"db migrate {maintenance.migration}"),) if maintenance.migration else ()
        )
        return (
            *migrate,
            Offer(label="Promote…", words="deploy promote"),
            Offer(label="Finish", words=f"maintenance finish {number}", style="primary"),
            Offer(label="30 minutes more", words=f"maintenance extend {number} 30m"),
        )
    return ()
