"""What a rule makes of an alert: our own look first, then an incident, a page, or nothing. And what its end is told to.

A storm becomes one incident: what a rule would declare joins an incident that is open and young.
"""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.alerts.reading import Kind
from bot.alerts.rules import Look, payments, rule_for
from bot.alerts.taking import CALM, JUDGE, STORM_OVER, TELL_RECOVERED
from bot.context import ClockWork, Context, Duty, Place, Services, Surface, Transaction, no_progress
from bot.errors import ProviderError
from bot.health.readings import State
from bot.incidents import declaring
from bot.incidents.figures import Milestone
from bot.incidents.next_steps import well_again
from bot.incidents.telling import tell
from bot.incidents.timeline import Kind as Entry
from bot.operation import Answer, Mark
from bot.people import Actor, Role, Standing
from bot.settings import AlertRule, Settings
from bot.store import alerts, cards, clocks, incidents, milestones, timeline
from bot.store.alerts import Alert
from bot.store.incidents import Incident

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.alerts")

AGAIN: Final = timedelta(seconds=30)
LOOKS: Final = 10
"""How often a firing alert is looked at that our own look does not confirm."""
ITSELF: Final = "ilab"
"""Who declares where no person did."""
PAYMENTS_OF: Final = timedelta(minutes=15)
PAYMENT_SUCCESS: Final = 0.95


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when the clocks of alerts are due."""
    return {
        JUDGE: functools.partial(judge, duty.services),
        TELL_RECOVERED: functools.partial(tell_recovered, duty),
        STORM_OVER: functools.partial(end_storm, duty.services),
    }


def rules_of(settings: Settings) -> tuple[AlertRule, ...]:
    """The settings' rules, else the runbook's two P0s that need no person: the site down, and payments failing."""
    if settings.alerts.rules is not None:
        return settings.alerts.rules
    return (
        AlertRule(name="site down", kinds=(Kind.SITE_DOWN,), confirm="site"),
        AlertRule(name="payments failing", kinds=(Kind.PAYMENT_FAILED,), at_least=5, confirm="payments"),
    )


async def judge(services: Services, subject: str, due_at: datetime) -> None:
    """Apply the rule that the alert fits, once; where our own look denies it, look again while it fires."""
    alert = await services.database.call(lambda connection: alerts.get(connection, _id(subject)))
    if alert is None or alert.ended_at is not None or alert.incident is not None or alert.dismissed_by is not None:
        return
    rule = rule_for(rules_of(services.settings), kind=alert.kind, title=alert.title, link=alert.link, count=alert.count)
    if rule is None or alert.rule is not None:
        return
    look, said = await _look(services, rule)
    if look is Look.CONFIRMED:
        await _declare(services, alert, rule, said)
    elif look is Look.UNKNOWN:
        await _page(services, alert, rule, said)
    else:
        await _deny(services, alert, said, due_at)


async def _look(services: Services, rule: AlertRule) -> tuple[Look, str]:
    if rule.confirm == "site":
        report = await services.health().report(fresh=True)
        reading = report.reading("site")
        said = f"our own probe of the site: {reading.state.label} ({reading.reason})"
        if reading.state is State.DOWN:
            return Look.CONFIRMED, said
        return (Look.DENIED if reading.state in (State.OK, State.DEGRADED) else Look.UNKNOWN), said
    if rule.confirm == "payments":
        stripe = services.vendors().stripe
        if stripe is None:
            return Look.UNKNOWN, "Stripe is not configured"
        try:
            succeeded, failed = await stripe.payments_since(services.now() - PAYMENTS_OF)
        except ProviderError as error:
            return Look.UNKNOWN, error.what
        said = f"Stripe's last 15 minutes: {succeeded} payments succeeded, {failed} failed"
        return payments(succeeded=succeeded, failed=failed, alert_below=PAYMENT_SUCCESS), said
    return Look.CONFIRMED, "the rule asks for no look of our own"


async def _declare(services: Services, alert: Alert, rule: AlertRule, said: str) -> None:
    now = services.now()
    async with services.database.transaction() as transaction:
        await alerts.lock(transaction)
        fresh = await alerts.get(transaction, alert.id, lock=True)
        if fresh is None or fresh.incident is not None or fresh.rule is not None:
            return  # it was said again while we looked, and another job was quicker
        incident = await _young(services, transaction)
        if incident is None:
            incident = await _declared(services, transaction, alert, rule)
            verdict = f"declared INC-{incident.id}: {said}"
        else:
            verdict = f"joined INC-{incident.id}: {said}"
        await join(transaction, alert, incident, now=now, by=ITSELF)
        await alerts.judge(transaction, alert.id, rule=rule.name, verdict=verdict)
        await cards.raise_if_there(transaction, alert.subject)
    services.wake()
    log.info("alert judged", alert=alert.id, rule=rule.name, incident=incident.id)


async def _young(services: Services, transaction: Transaction) -> Incident | None:
    """An open incident, declared a short while ago, of which this is most likely a part. A private one is no part of it."""
    since = services.now() - timedelta(minutes=services.settings.alerts.join_minutes)
    for incident in await incidents.open_now(transaction):
        if incident.declared_at >= since and incident.drill is None and not incident.private:
            return incident
    return None


async def _declared(services: Services, transaction: Transaction, alert: Alert, rule: AlertRule) -> Incident:
    key = f"alert:{alert.id}"
    itself = Actor(id=ITSELF, name="ilab", standing=Standing.MEMBER, role=Role.RESPONDER, known_at=services.now())
    context = Context(
        actor=itself,
        place=Place(surface=Surface.ITSELF),
        request_id=key,
        services=services,
        progress=no_progress,
    )
    wanted = declaring.Declaration(severity=rule.severity, title=alert.title)
    await declaring.declare(wanted, context, transaction)
    incident = await incidents.by_key(transaction, key)
    assert incident is not None  # noqa: S101 -- it was just declared
    await incidents.of_an_alert(transaction, incident.id)
    return incident


async def join(transaction: Transaction, alert: Alert, incident: Incident, *, now: datetime, by: str) -> None:
    """The alert, with all that it stands for, belongs to the incident, whose timeline says so."""
    await alerts.join(transaction, alert.id, incident.id)
    await timeline.add(
        transaction,
        incident.id,
        Entry.ALERT,
        key=f"alert:{alert.id}",
        actor=by,
        said=f"{alert.vendor}: {alert.title}",
        at=alert.first_at,
        recorded_at=now,
        link=alert.link,
    )
    await _noticed(transaction, alert, incident, now=now, by=by)
    await cards.raise_if_there(transaction, alert.subject)


async def _noticed(transaction: Transaction, alert: Alert, incident: Incident, *, now: datetime, by: str) -> None:
    """Where no earlier moment is known, and none that contradicts it, it was noticed when the alert began."""
    known = await milestones.of(transaction, incident.id)
    detected, started = known.get(Milestone.DETECTED), known.get(Milestone.STARTED)
    earlier = alert.first_at < incident.declared_at and (detected is None or alert.first_at < detected)
    if not earlier or (started is not None and alert.first_at < started):
        return
    await milestones.put(
        transaction,
        incident.id,
        Milestone.DETECTED.value,
        key=f"alert:{alert.id}",
        at=alert.first_at,
        by=by,
        recorded_at=now,
        reason=f"alert {alert.id} of {alert.vendor} began then",
    )


async def _page(services: Services, alert: Alert, rule: AlertRule, said: str) -> None:
    """It could not be confirmed: whoever is on call looks. PagerDuty knows the alert's key, so that it pages once."""
    pager = services.vendors().pagerduty
    verdict = f"not confirmed ({said}): "
    if pager is None:
        verdict += "PagerDuty is not configured, nobody was paged"
    else:
        try:
            await pager.page(key=f"ilab-alert-{alert.id}", summary=f"Look at this: {alert.title}", source=alert.vendor)
            verdict += "the on-call is paged"
        except ProviderError as error:
            if error.transient:
                raise  # the job is tried again
            verdict += f"paging the on-call failed: {error.what}"
    async with services.database.transaction() as transaction:
        await alerts.judge(transaction, alert.id, rule=rule.name, verdict=verdict)
        await cards.raise_if_there(transaction, alert.subject)


async def _deny(services: Services, alert: Alert, said: str, due_at: datetime) -> None:
    """Our own look says that it is well: said on the card, and looked at again for some minutes."""
    async with services.database.transaction() as transaction:
        fresh = await alerts.get(transaction, alert.id, lock=True)
        if fresh is None or fresh.ended_at is not None or fresh.rule is not None:
            return
        await alerts.judge(transaction, alert.id, rule=None, verdict=f"not confirmed: {said}")
        if due_at - fresh.changed_at < LOOKS * AGAIN:
            await clocks.start(transaction, f"alert:{alert.id}", JUDGE, due_at=services.now() + AGAIN)
        await cards.raise_if_there(transaction, alert.subject)


async def tell_recovered(duty: Duty, subject: str, _due_at: datetime) -> None:
    """The thread of its incident reads that what fired is well again."""
    async with duty.services.database.connection() as connection:
        alert = await alerts.get(connection, _id(subject))
        incident = await incidents.get(connection, alert.incident) if alert is not None and alert.incident else None
    if alert is None or incident is None or alert.ended_at is None:
        return
    said = f"{alert.vendor} says it is well again: {alert.title}"
    key = f"recovered:{alert.id}:{alert.flaps}"
    answer = Answer(verdict=said, mark=Mark.OK, offers=well_again(incident, duty.services))
    async with duty.services.database.transaction() as transaction:
        await tell(duty.services, transaction, incident, key=key, channel=answer, thread=answer)
        await timeline.add(
            transaction,
            incident.id,
            Entry.ALERT,
            key=key,
            actor=ITSELF,
            said=said,
            at=alert.ended_at,
            recorded_at=duty.services.now(),
            link=alert.link,
        )


async def end_storm(services: Services, subject: str, _due_at: datetime) -> None:
    """A storm is over once nothing of it fires; until then it is looked at again."""
    async with services.database.transaction() as transaction:
        await alerts.lock(transaction)
        if any(alert.ended_at is None for alert in await alerts.in_storm(transaction, _id(subject))):
            await clocks.start(transaction, subject, STORM_OVER, due_at=services.now() + CALM)
            return
        await alerts.recover(transaction, _id(subject), at=services.now())
        await cards.raise_if_there(transaction, subject)


def _id(subject: str) -> int:
    return int(subject.partition(":")[2])
