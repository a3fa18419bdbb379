"""`alert`: what vendors and our own watcher say, and what is made of it: an incident, silence, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Literal

from bot.alerts.card import MARKS, card
from bot.alerts.judging import join as join_incident
from bot.audit import Event
from bot.context import Context, Transaction
from bot.errors import UserError
from bot.incidents import declaring
from bot.operation import Act, Answer, Arg, Args, Audience, Family, Line, Lines, Offer, Read
from bot.people import Role
from bot.store import alerts, audit, cards, incidents
from bot.store.alerts import Alert

SECTION: Final = "Alert Configuration"
LONGEST_MUTE: Final = timedelta(days=7)


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertArgs(Args):
    """Which alert."""

    id: Annotated[int, Arg(help="The alert's number.", positional=True, minimum=1, maximum=2**62)]


async def list_(args: Args, context: Context) -> Answer:
    """Return what fires now, then what ended lately."""
    del args
    found = await context.services.database.call(lambda connection: alerts.latest(connection, most=20))
    firing = [alert for alert in found if alert.ended_at is None]
    lines = tuple(
        Line(title=f"{alert.id}", text=_said(alert), mark=MARKS[alert.state], at=alert.last_at)
        for alert in sorted(found, key=lambda alert: alert.ended_at is not None)
    )
    return Answer(
        verdict=f"{len(firing)} alert{'s' if len(firing) != 1 else ''} firing." if found else "No alert came in yet.",
        mark=MARKS["firing"] if firing else MARKS["news"],
        evidence=(Lines(lines=lines),) if lines else (),
        offers=tuple(Offer(label=f"Show {alert.id}", words=f"alert show {alert.id}") for alert in firing[:5]),
        audience=Audience.QUIET,
    )


def _said(alert: Alert) -> str:
    times = f" ({alert.count} times)" if alert.count > 1 else ""
    return f"{alert.vendor}: {alert.title}{times}"


async def show(args: AlertArgs, context: Context) -> Answer:
    """Return one alert as its card shows it."""
    async with context.services.database.connection() as connection:
        alert = await _found(await alerts.get(connection, args.id), args.id)
        incident = await incidents.get(connection, alert.incident) if alert.incident else None
        choices = [one for one in await incidents.open_now(connection) if not one.private and one.drill is None]
    return card(alert, incident, choices, now=context.now, by=alert.dismissed_by or alert.muted_by or "")


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclareArgs(Args):
    """Which alert, and how grave it is."""

    id: Annotated[int, Arg(help="The alert's number.", positional=True, minimum=1, maximum=2**62)]
    severity: Annotated[Literal["p0", "p1", "p2", "p3"], Arg(help="How grave it is.", positional=True)] = "p0"


async def declare(args: DeclareArgs, context: Context, transaction: Transaction) -> Answer:
    """Declare an incident of the alert, with its title, once."""
    asked_before = await incidents.by_key(transaction, context.request_id)
    alert = await (
        _found(await alerts.get(transaction, args.id), args.id) if asked_before else _open(args.id, transaction)
    )
    wanted = declaring.Declaration(severity=args.severity.upper(), title=alert.title)
    answer = await declaring.declare(wanted, context, transaction)
    incident = await incidents.by_key(transaction, context.request_id)
    if incident is not None and asked_before is None:
        await join_incident(transaction, alert, incident, now=context.now, by=context.actor.id)
        await audit.add(
            transaction,
            Event.ALERT_JOINED,
            actor=context.actor.id,
            subject=f"alert:{alert.id}",
            at=context.now,
            detail={"incident": incident.id},
        )
    return answer


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinArgs(Args):
    """Which alert, and which incident."""

    id: Annotated[int, Arg(help="The alert's number.", positional=True, minimum=1, maximum=2**62)]
    incident: Annotated[int, Arg(help="The incident's number.", positional=True, minimum=1, maximum=2**62)]


async def join(args: JoinArgs, context: Context, transaction: Transaction) -> Answer:
    """Say that the alert is part of an open incident."""
    alert = await _open(args.id, transaction)
    incident = await incidents.get(transaction, args.incident)
    if incident is None or not incident.is_open or incident.private:
        raise UserError(f"There is no open INC-{args.incident}.", todo="`/ilab incident list` shows them.")
    await join_incident(transaction, alert, incident, now=context.now, by=context.actor.id)
    await audit.add(
        transaction,
        Event.ALERT_JOINED,
        actor=context.actor.id,
        subject=f"alert:{alert.id}",
        at=context.now,
        detail={"incident": incident.id},
    )
    return Answer(verdict=f"Alert {alert.id} belongs to INC-{incident.id} now.", audience=Audience.PRIVATE)


@dataclass(frozen=True, kw_only=True, slots=True)
class MuteArgs(Args):
    """Which alert, and for how long."""

    id: Annotated[int, Arg(help="The alert's number.", positional=True, minimum=1, maximum=2**62)]
    time: Annotated[timedelta, Arg(help="How long, such as 30m or 4h; a week at most.", positional=True)] = timedelta(
        hours=1
    )


async def mute(args: MuteArgs, context: Context, transaction: Transaction) -> Answer:
    """Speak no more of this alert for a while, whatever it says; it is still counted."""
    if not timedelta() < args.time <= LONGEST_MUTE:
        raise UserError("A mute lasts a week at most.", todo=f"`/ilab alert mute {args.id} 4h`")
    alert = await _found(await alerts.get(transaction, args.id, lock=True), args.id)
    until = context.now + args.time
    await alerts.mute(transaction, alert.id, until=until, by=context.actor.id)
    await cards.raise_if_there(transaction, alert.subject)
    await audit.add(
        transaction,
        Event.ALERT_MUTED,
        actor=context.actor.id,
        subject=f"alert:{alert.id}",
        at=context.now,
        detail={"until": until.isoformat()},
    )
    return Answer(
        verdict=f"Alert {alert.id} is muted until {until:%a %H:%M} UTC. It is counted all the same.",
        audience=Audience.PRIVATE,
    )


async def dismiss(args: AlertArgs, context: Context, transaction: Transaction) -> Answer:
    """Say that there is nothing to do; no rule is applied to it any more."""
    alert = await _open(args.id, transaction)
    await alerts.dismiss(transaction, alert.id, by=context.actor.id)
    await cards.raise_if_there(transaction, alert.subject)
    await audit.add(
        transaction, Event.ALERT_DISMISSED, actor=context.actor.id, subject=f"alert:{alert.id}", at=context.now
    )
    return Answer(verdict=f"Noted: alert {alert.id} is not actionable.", audience=Audience.PRIVATE)


async def _open(alert_id: int, transaction: Transaction) -> Alert:
    alert = await _found(await alerts.get(transaction, alert_id, lock=True), alert_id)
    if alert.incident is not None:
        raise UserError(f"Alert {alert_id} belongs to INC-{alert.incident} already.")
    if alert.ended_at is not None:
        raise UserError(f"Alert {alert_id} fires no more.", todo="`/ilab alert list` shows what does.")
    return alert


async def _found(alert: Alert | None, alert_id: int) -> Alert:
    if alert is None:
        raise UserError(f"There is no alert {alert_id}.", todo="`/ilab alert list` shows them.")
    return alert


FAMILY = Family(
    name="alert",
    summary="What vendors and our own watcher say",
    operations=(
        Read(
            words="alert list",
            summary="What fires now, and what came in lately.",
            who=Role.VIEWER,
            examples=("alert list",),
            section=SECTION,
            read=list_,
        ),
        Read(
            words="alert show",
            summary="One alert, as its card shows it.",
            title="Alert",
            submit="Show it",
            who=Role.VIEWER,
            args=AlertArgs,
            examples=("alert show 3",),
            section=SECTION,
            read=show,
        ),
        Act(
            words="alert declare",
            summary="Declare an incident of an alert.",
            title="Declare of alert",
            submit="Declare",
            who=Role.VIEWER,
            args=DeclareArgs,
            examples=("alert declare 3", "alert declare 3 P1"),
            section=SECTION,
            act=declare,
        ),
        Act(
            words="alert join",
            summary="Say that an alert is part of an open incident.",
            title="Join alert",
            submit="Join",
            who=Role.RESPONDER,
            args=JoinArgs,
            examples=("alert join 3 12",),
            section=SECTION,
            act=join,
        ),
        Act(
            words="alert mute",
            summary="Speak no more of an alert for a while.",
            title="Mute alert",
            submit="Mute it",
            who=Role.RESPONDER,
            args=MuteArgs,
            examples=("alert mute 3", "alert mute 3 4h"),
            section=SECTION,
            act=mute,
        ),
        Act(
            words="alert dismiss",
            summary="Say that an alert is not actionable.",
            title="Dismiss alert",
            submit="Not actionable",
            who=Role.RESPONDER,
            args=AlertArgs,
            examples=("alert dismiss 3",),
            section=SECTION,
            act=dismiss,
        ),
    ),
)
