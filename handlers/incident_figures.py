"""`incident figures`: how long incidents take, on the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Annotated, Final

from bot import plots
from bot.ages import span
from bot.context import Context
from bot.incidents.averages import MEANT, Average, Past, averages
from bot.incidents.states import State
from bot.operation import Answer, Arg, Args, Attachment, Audience, Line, Lines, Offer, Operation, Read
from bot.people import Role
from bot.store import incidents, milestones

BARS: Final = 12
"""Bars of each figure: more have no room for their names."""
LEFT_OUT: Final = "Left out are drills, private ones, and what was cancelled or merged."


@dataclass(frozen=True, kw_only=True, slots=True)
class FiguresArgs(Args):
    """Over which time, and whether to draw it."""

    since: Annotated[timedelta, Arg(help="Declared no longer ago than this, such as 90d.")] = timedelta(days=180)
    plot: Annotated[bool, Arg(help="Draw them, for everybody here.")] = False


async def figures(args: FiguresArgs, context: Context) -> Answer:
    """Return the mean and the median of each time, by month and severity."""
    async with context.services.database.connection() as connection:
        found = [
            incident
            for incident in await incidents.declared_since(connection, context.now - args.since)
            if incident.drill is None and not incident.private and incident.state not in (State.CANCELLED, State.MERGED)
        ]
        reached = await milestones.of_all(connection, [incident.id for incident in found])
    known = averages(
        Past(severity=one.severity, declared_at=one.declared_at, reached=reached.get(one.id, {})) for one in found
    )
    groups = tuple(
        Lines(heading=f"{month} {severity}", lines=tuple(_line(one) for one in some))
        for (month, severity), some in groupby(known, key=lambda one: (one.month, one.severity))
    )
    return Answer(
        verdict=f"{len(found)} incident{'' if len(found) == 1 else 's'} in the last {args.since.days} days."
        if found
        else f"No incident counts in the last {args.since.days} days.",
        evidence=(*groups, Lines(lines=(Line(title=LEFT_OUT),))),
        offers=() if args.plot or not known else (Offer(label="Plot", words=_plotted(args)),),
        audience=Audience.CHANNEL if args.plot else Audience.QUIET,
        attachments=await _drawn(known) if args.plot else (),
    )


def _plotted(args: FiguresArgs) -> str:
    return f"incident figures --since {args.since.days}d --plot"


def _line(one: Average) -> Line:
    counted = f"of {one.count} incident{'' if one.count == 1 else 's'}"
    means, middle = span(one.mean.total_seconds()), span(one.median.total_seconds())
    return Line(title=one.name, text=f"{means}, median {middle}, {counted}")


async def _drawn(known: Sequence[Average]) -> tuple[Attachment, ...]:
    panels = []
    for name, metric in MEANT.items():
        newest = [one for one in known if one.name == name][:BARS][::-1]
        if newest:
            panels.append(
                plots.Bars(
                    title=f"{name}: {metric.lower()}, mean",
                    unit="min",
                    labels=tuple(f"{one.month}\n{one.severity}, {one.count}" for one in newest),
                    values=tuple(one.mean.total_seconds() / 60 for one in newest),
                )
            )
    drawn = await plots.draw(panels) if panels else None
    return () if drawn is None else (Attachment(name="incidents.png", title="How long incidents take", content=drawn),)


OPERATIONS: Final[tuple[Operation, ...]] = (
    Read(
        words="incident figures",
        summary="MTTA, MTTM and MTTR, mean and median, by month and severity.",
        who=Role.VIEWER,
        args=FiguresArgs,
        examples=("incident figures", "incident figures --since 90d --plot"),
        read=figures,
    ),
)
