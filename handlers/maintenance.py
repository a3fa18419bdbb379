"""`maintenance`: windows in which the product is worked on, and the site's maintenance page, now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

from bot.audit import Event
from bot.context import Context, Services, Transaction
from bot.errors import UserError
from bot.maintenance import keeping, mode, scheduling
from bot.maintenance.card import MARKS, SECTION
from bot.maintenance.states import State, Step
from bot.maintenance.texts import spoken
from bot.operation import (
    Act,
    Answer,
    Arg,
    Args,
    Audience,
    Change,
    Execution,
    Family,
    Line,
    Lines,
    Offer,
    Outcome,
    Plan,
    Read,
)
from bot.people import Role
from bot.store import audit, cards, clocks, maintenances
from bot.store.maintenances import Maintenance
from bot.words import shorten

EARLY: Final = timedelta(minutes=15)
"""How long before its time a person may start a maintenance that was approved for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnArgs(Args):
    """What visitors read."""

    message: Annotated[str, Arg(help="What visitors read meanwhile.", positional=True, rest=True, personal=True)] = ""


async def plan_on(args: OnArgs, context: Context) -> Plan:
    """Say what visitors would read."""
    return await mode.plan(context.services, on=True, message=shorten(" ".join(args.message.split()), 300))


async def plan_off(args: Args, context: Context) -> Plan:
    """Say that the site would be open."""
    del args
    return await mode.plan(context.services, on=False, message="")


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleArgs(Args):
    """When, for how long, and what for."""

    start: Annotated[
        str, Arg(help="When, such as 2026-12-01T02:00, or next: the next recommended window.", positional=True)
    ]
    what: Annotated[str, Arg(help="What is done, in words that customers read.", rest=True)]
    lasts: Annotated[timedelta, Arg(help="How long, such as 90m or 2h.")] = timedelta(hours=2)
    stays_open: Annotated[bool, Arg(help="The site stays open: no maintenance page.")] = False
    migration: Annotated[str, Arg(help="A migration of the folder, to be run then.")] = ""


async def plan_schedule(args: ScheduleArgs, context: Context) -> Plan:
    """Say what would be announced to whom, and what speaks against the time."""
    what = shorten(" ".join(args.what.split()), 200)
    if not what:
        raise UserError("What is done then?", todo="`/ilab maintenance schedule next --what faster search`")
    return await scheduling.plan(
        context.services,
        start=args.start,
        lasts=args.lasts,
        what=what,
        offline=not args.stays_open,
        migration=args.migration,
    )


async def recheck_mode(decides: Mapping[str, Any], services: Services) -> str:
    """Return why the plan is no longer true, or nothing."""
    return await mode.recheck(decides, services)


async def execute_mode(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Switch it, and see it."""
    return await mode.execute(decides, execution)


async def recheck_schedule(decides: Mapping[str, Any], services: Services) -> str:
    """Return why the plan is no longer true, or nothing."""
    return await scheduling.recheck(decides, services)


async def execute_schedule(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Schedule it."""
    return await scheduling.execute(decides, execution)


async def list_(args: Args, context: Context) -> Answer:
    """Return the maintenances that come, are under way, or were."""
    del args
    found = await context.services.database.call(maintenances.latest)
    coming = sorted(
        (one for one in found if one.state is State.SCHEDULED), key=lambda maintenance: maintenance.start_at
    )
    running = next((one for one in found if one.state is State.RUNNING), None)
    if running is not None:
        verdict = f"Maintenance {running.id} is under way: {running.what}"
    elif coming:
        verdict = f"The next one is on {spoken(coming[0].start_at, coming[0].end_at)}: {coming[0].what}"
    else:
        verdict = "No maintenance is scheduled."
    lines = tuple(
        Line(
            title=f"{one.id} {one.state.value}",
            text=f"{spoken(one.start_at, one.end_at)}: {one.what}",
            mark=MARKS[one.state],
        )
        for one in found
    )
    acting = [running] if running is not None else coming[:2]
    return Answer(
        verdict=verdict,
        evidence=(Lines(lines=lines),) if lines else (),
        offers=tuple(offer for one in acting for offer in keeping.offers(one))
        or (Offer(label="Schedule…", words="maintenance schedule"),),
        audience=Audience.QUIET,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class WhichArgs(Args):
    """Which maintenance."""

    id: Annotated[int, Arg(help="Its number.", positional=True, minimum=1, maximum=2**62)]


async def start(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Begin it now, within the quarter of an hour before its time."""
    maintenance = await _locked(args.id, transaction)
    early = maintenance.start_at - context.now
    if maintenance.state is State.SCHEDULED and early > EARLY:
        raise UserError(
            f"Maintenance {maintenance.id} was approved for {spoken(maintenance.start_at, maintenance.end_at)}.",
            todo="Cancel it and schedule another, or close the site now: `/ilab maintenance on`.",
        )
    await _moved(maintenance, Step.START, context, transaction)
    await clocks.start(transaction, maintenance.subject, keeping.BEGIN, due_at=context.now)
    await _audit(maintenance, context, transaction, "start")
    return _done(f"Maintenance {maintenance.id} begins now; its card says when the site was seen to obey.", context)


async def finish(args: WhichArgs, context: Context, transaction: Transaction) -> Answer:
    """Say that the work is done: the site opens, and is watched."""
    maintenance = await _locked(args.id, transaction)
    await _moved(maintenance, Step.FINISH, context, transaction)
    await clocks.stop(transaction, maintenance.subject, keeping.OVERRUN)
    await clocks.start(transaction, maintenance.subject, keeping.OPEN, due_at=context.now)
    await _audit(maintenance, context, transaction, "finish")
    return _done(f"Maintenance {maintenance.id}: the work is done. Now I open the site, and watch.", context)


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelArgs(Args):
    """Which one, and why."""

    id: Annotated[int, Arg(help="Its number.", positional=True, minimum=1, maximum=2**62)]
    reason: Annotated[str, Arg(help="Why; the team reads it.", positional=True, rest=True, personal=True)]


async def cancel(args: CancelArgs, context: Context, transaction: Transaction) -> Answer:
    """Take it back before it begins; whoever was told is told again."""
    maintenance = await _locked(args.id, transaction)
    reason = shorten(" ".join(args.reason.split()), 200)
    await _moved(maintenance, Step.CANCEL, context, transaction, reason=reason)
    await clocks.stop(transaction, maintenance.subject)
    await clocks.start(transaction, maintenance.subject, keeping.CANCELLED, due_at=context.now)
    await _audit(maintenance, context, transaction, "cancel")
    return _done(f"Maintenance {maintenance.id} is cancelled; whoever was told is told again.", context)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtendArgs(Args):
    """Which one, and by how much."""

    id: Annotated[int, Arg(help="Its number.", positional=True, minimum=1, maximum=2**62)]
    by: Annotated[timedelta, Arg(help="How much longer, such as 30m.", positional=True)] = timedelta(minutes=30)


async def extend(args: ExtendArgs, context: Context, transaction: Transaction) -> Answer:
    """Give it more time; the status page says so."""
    maintenance = await _locked(args.id, transaction)
    if maintenance.state is not State.RUNNING:
        raise UserError(f"Maintenance {maintenance.id} is not under way: it is {maintenance.state.value}.")
    if not timedelta(minutes=5) <= args.by <= timedelta(hours=6):
        raise UserError("It can be extended by five minutes to six hours.", todo="`30m`")
    end_at = max(context.now, maintenance.end_at) + args.by
    await maintenances.extend(transaction, maintenance.id, end_at=end_at)
    await clocks.start(transaction, maintenance.subject, keeping.OVERRUN, due_at=end_at)
    await clocks.start(transaction, maintenance.subject, keeping.MOVED, due_at=context.now)
    await cards.raise_if_there(transaction, maintenance.subject)
    await _audit(maintenance, context, transaction, "extend")
    return _done(f"Maintenance {maintenance.id} takes until {end_at:%H:%M} UTC; the status page says so.", context)


async def _locked(maintenance_id: int, transaction: Transaction) -> Maintenance:
    found = await maintenances.get(transaction, maintenance_id, lock=True)
    if found is None:
        raise UserError(f"There is no maintenance {maintenance_id}.", todo="`/ilab maintenance list` shows them.")
    return found


async def _moved(
    maintenance: Maintenance, step: Step, context: Context, transaction: Transaction, *, reason: str = ""
) -> None:
    moved = await keeping.moved(context.services, transaction, maintenance, step, by=context.actor.id, reason=reason)
    if moved is None:
        raise UserError(f"Maintenance {maintenance.id} is {maintenance.state.value}.")


async def _audit(maintenance: Maintenance, context: Context, transaction: Transaction, what: str) -> None:
    await audit.add(
        transaction,
        Event.MAINTENANCE_ASKED,
        actor=context.actor.id,
        subject=maintenance.subject,
        at=context.now,
        detail={"what": what, "surface": context.place.surface.value},
    )


def _done(verdict: str, context: Context) -> Answer:
    context.services.wake()
    return Answer(verdict=verdict, audience=Audience.PRIVATE)


FAMILY = Family(
    name="maintenance",
    summary="Maintenance windows",
    operations=(
        Read(
            words="maintenance list",
            summary="What is scheduled, under way, and was.",
            who=Role.VIEWER,
            examples=("maintenance list",),
            section=SECTION,
            read=list_,
        ),
        Change(
            words="maintenance schedule",
            summary="Schedule a maintenance: announced, begun, watched and completed by itself.",
            title="Schedule maintenance",
            submit="Ask for approval",
            who=Role.RESPONDER,
            args=ScheduleArgs,
            examples=(
                "maintenance schedule next --what faster search",
                "maintenance schedule 2026-12-01T02:00 --lasts 90m --stays-open --what new servers",
            ),
            section=SECTION,
            plan=plan_schedule,
            recheck=recheck_schedule,
            execute=execute_schedule,
        ),
        Change(
            words="maintenance on",
            summary="Show the site's maintenance page now, and see that it is shown.",
            who=Role.RESPONDER,
            args=OnArgs,
            examples=("maintenance on", "maintenance on We are back at 14:00 UTC."),
            section=SECTION,
            plan=plan_on,
            recheck=recheck_mode,
            execute=execute_mode,
            exclusive="maintenance_mode",
            break_glass=True,
        ),
        Change(
            words="maintenance off",
            summary="Open the site again, and see that it is open.",
            who=Role.RESPONDER,
            examples=("maintenance off",),
            section=SECTION,
            plan=plan_off,
            recheck=recheck_mode,
            execute=execute_mode,
            exclusive="maintenance_mode",
            break_glass=True,
        ),
        Act(
            words="maintenance start",
            summary="Begin an approved maintenance a little before its time.",
            title="Begin maintenance",
            submit="Begin",
            who=Role.RESPONDER,
            args=WhichArgs,
            examples=("maintenance start 3",),
            section=SECTION,
            act=start,
        ),
        Act(
            words="maintenance finish",
            summary="Say that the work is done: the site opens, and is watched for two hours.",
            title="Finish maintenance",
            submit="The work is done",
            who=Role.RESPONDER,
            args=WhichArgs,
            examples=("maintenance finish 3",),
            section=SECTION,
            act=finish,
        ),
        Act(
            words="maintenance extend",
            summary="Give a maintenance that is under way more time.",
            title="Extend maintenance",
            submit="Give it more time",
            who=Role.RESPONDER,
            args=ExtendArgs,
            examples=("maintenance extend 3 30m",),
            section=SECTION,
            act=extend,
        ),
        Act(
            words="maintenance cancel",
            summary="Take a scheduled maintenance back; whoever was told is told again.",
            title="Cancel maintenance",
            submit="Take it back",
            who=Role.RESPONDER,
            args=CancelArgs,
            examples=("maintenance cancel 3 the migration is not ready",),
            section=SECTION,
            act=cancel,
        ),
    ),
)
