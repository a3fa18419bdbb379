"""`status`: is it well, and if not, is it us or them. And `status watch`, which speaks only when that changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bot import watching
from bot.audit import Event
from bot.context import Context, Transaction
from bot.errors import UserError
from bot.health.check import Report
from bot.health.readings import Group, Reading, State
from bot.operation import Act, Answer, Arg, Args, Audience, Family, Line, Lines, Mark, Offer, Read
from bot.people import Role
from bot.store import audit


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusArgs(Args):
    """How to ask."""

    fresh: Annotated[bool, Arg(help="Ask everything again, whatever was found some seconds ago.")] = False
    deep: Annotated[bool, Arg(help="Show every check, also those that are well, with how long each took.")] = False
    share: Annotated[bool, Arg(help="Answer to the whole channel.")] = False


async def status(args: StatusArgs, context: Context) -> Answer:
    """Run every check at once and return the verdict, us or them, with what is not well."""
    report = await context.services.health().report(fresh=args.fresh, progress=context.progress)
    # in a thread everybody sees the answer already, and a direct message or the Home tab has nobody to share with
    place = context.place
    alone = not place.channel or place.is_direct or bool(place.thread_ts)
    return describe(report, deep=args.deep, share=args.share, may_share=not alone)


def describe(report: Report, *, deep: bool, share: bool, may_share: bool = True) -> Answer:
    """A report as an answer: the verdict, then what is not well and whose it is, then what is, in few lines. Pure."""
    if deep:
        evidence = tuple(
            Lines(heading=group.value, lines=tuple(_line(reading, report, took=True) for reading in _of(group, report)))
            for group in Group
        )
    else:
        trouble = tuple(_line(reading, report) for reading in report.readings if not _is_left_out(reading))
        evidence = (Lines(lines=trouble), Lines(lines=_well(report)))
    return Answer(
        verdict=report.verdict.headline,
        mark=report.verdict.state.mark,
        evidence=tuple(lines for lines in evidence if lines.lines),
        offers=(
            *((_declare(report),) if report.red else ()),
            *_promote(report),
            Offer(label="Recheck", words="status --fresh" + (" --deep" if deep else ""), replaces=True),
            *(() if deep else (Offer(label="Every check", words="status --deep", replaces=True),)),
            *((Offer(label="Share here", words="status --share"),) if may_share and not share else ()),
        ),
        audience=Audience.CHANNEL if share else Audience.QUIET,
        at=report.taken_at,
    )


def _declare(report: Report) -> Offer:
    """An incident, its title filled in."""
    title = report.verdict.headline.replace('"', "").replace("'", "’")
    return Offer(label="Declare incident", words=f'incident declare p0 "{title}"', style="danger")


def _promote(report: Report) -> tuple[Offer, ...]:
    """The way forward while later pushes are held: the newest that waits, or the list where none does."""
    facts = report.reading("vercel.deployment").facts
    if not facts.get("held"):
        return ()
    return (
        Offer(label="Promote…", words="deploy promote")
        if facts["staged"]
        else Offer(label="Deployments", words="deploy list"),
    )


def _of(group: Group, report: Report) -> list[Reading]:
    return [reading for reading in report.readings if reading.group is group]


def _is_well(reading: Reading) -> bool:
    return reading.state is State.OK and not reading.notice


def _is_left_out(reading: Reading) -> bool:
    return _is_well(reading) or reading.state is State.NOT_CONFIGURED


def _well(report: Report) -> tuple[Line, ...]:
    """What is well, a line a group, and what is not configured."""
    lines = []
    for group in Group:
        well = [reading for reading in _of(group, report) if _is_well(reading)]
        if well:
            titles = ", ".join(reading.title.removesuffix("'s status page") for reading in well)
            oldest = min(reading.checked_at for reading in well)
            lines.append(Line(title=group.value, text=titles, mark=Mark.OK, at=oldest))
    left_out = [reading.title for reading in report.readings if reading.state is State.NOT_CONFIGURED]
    if left_out:
        lines.append(Line(title=f"Not configured: {', '.join(left_out)}"))
    return tuple(lines)


def _line(reading: Reading, report: Report, *, took: bool = False) -> Line:
    said = reading.reason if reading.state is State.OK else f"{reading.state.label}: {reading.reason}"
    if whose := report.verdict.whose.get(reading.name):
        said += f" → {whose}"
    if took and reading.state is not State.NOT_CONFIGURED:
        said += f" ({reading.took:.1f} s)"
    return Line(title=reading.title, text=said, mark=reading.state.mark, at=reading.checked_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchArgs(Args):
    """For how long."""

    minutes: Annotated[
        float, Arg(help="How long to watch, at most a week.", positional=True, minimum=1, maximum=10080)
    ] = 60


async def watch(args: WatchArgs, context: Context, transaction: Transaction) -> Answer:
    """Begin to watch for this channel; asked again, move the end."""
    channel = _channel(context)
    report = await context.services.health().report()
    until = context.now + timedelta(minutes=args.minutes)
    extended = await watching.begin(
        transaction,
        report,
        channel=channel,
        person=context.actor.id,
        request=context.request_id,
        now=context.now,
        until=until,
    )
    await audit.add(
        transaction,
        Event.WATCH_STARTED,
        actor=context.actor.id,
        subject=channel,
        at=context.now,
        detail={"until": until.isoformat()},
    )
    form = "%H:%M" if until.date() == context.now.date() else "%a %d %b, %H:%M"
    doing = "Still watching" if extended else "Watching"
    return Answer(
        verdict=f"{doing} until {until:{form}} UTC. I speak here only when something changes.",
        evidence=(Lines(lines=(Line(title="Now", text=report.verdict.headline, mark=report.verdict.state.mark),)),),
        offers=(Offer(label="Stop watching", words="status unwatch"),),
        audience=Audience.CHANNEL,
    )


async def unwatch(args: Args, context: Context, transaction: Transaction) -> Answer:
    """End the watch of this channel."""
    del args
    channel = _channel(context)
    announced = await watching.stop(transaction, channel=channel, now=context.now)
    if announced is None:
        raise UserError("Nothing is being watched for this channel.", todo="`/ilab status watch` starts a watch.")
    await audit.add(transaction, Event.WATCH_STOPPED, actor=context.actor.id, subject=channel, at=context.now)
    return Answer(verdict=f"No longer watching: {watching.spoken(announced)}.", audience=Audience.CHANNEL)


def _channel(context: Context) -> str:
    if not context.place.channel:
        raise UserError("A watch needs a channel to speak in.", todo="Type `/ilab status watch` in a Slack channel.")
    return context.place.channel


FAMILY = Family(
    name="status",
    summary="Is it well, and if not, is it us or them",
    operations=(
        Read(
            words="status",
            summary="Every check at once: the verdict, us or them, and how old each finding is.",
            who=Role.VIEWER,
            args=StatusArgs,
            examples=("status", "status --deep", "status --fresh --share"),
            section=watching.SECTION,
            read=status,
        ),
        Act(
            words="status watch",
            summary="Speak in this channel when something changes, and only then.",
            who=Role.RESPONDER,
            args=WatchArgs,
            examples=("status watch", "status watch 120"),
            section=watching.SECTION,
            act=watch,
            slack_only=True,
            in_drills=True,
        ),
        Act(
            words="status unwatch",
            summary="Stop watching for this channel.",
            who=Role.RESPONDER,
            examples=("status unwatch",),
            section=watching.SECTION,
            act=unwatch,
            slack_only=True,
            in_drills=True,
        ),
    ),
)
