"""`metrics`: the runbook's key metrics, each against its threshold, with its trend and its age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from bot import plots
from bot.context import Context
from bot.errors import UserError
from bot.figures.digest import figure_line
from bot.figures.kinds import FIGURES, Group, Level
from bot.figures.measuring import Measured, figure_of
from bot.figures.measuring import measure as measure_now
from bot.operation import Answer, Arg, Args, Attachment, Audience, Family, Line, Lines, Offer, Read
from bot.people import Role
from bot.store import figures
from bot.store.figures import Known

SECTION: Final = "Key Metrics to Watch"
POINTS: Final = 24
"""How many slices a trend has: as many signs fit on a phone."""
SPOKEN: Final = 3
"""Points without which a trend says nothing."""
DETAIL: Final = 200
LONGEST: Final = timedelta(days=90)
BARS: Final = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricsArgs(Args):
    """Over which time, and whether to draw it."""

    since: Annotated[timedelta, Arg(help="How far back the trend reaches, such as 6h or 7d.")] = timedelta(hours=24)
    plot: Annotated[bool, Arg(help="Draw them, as a picture.")] = False
    fresh: Annotated[bool, Arg(help="Measure now, whatever was measured a minute ago.")] = False


async def metrics(args: MetricsArgs, context: Context) -> Answer:
    """Return every figure: what was last measured, how it stands, and where it came from."""
    if not timedelta(minutes=5) <= args.since <= LONGEST:
        raise UserError("A trend reaches back five minutes at least, and 90 days at most.", todo="`metrics --since 7d`")
    services, now = context.services, context.now
    since = now - args.since
    async with services.database.connection() as connection:
        known = await figures.stands(connection)
        trends = await figures.trend(connection, since=since, until=now, points=DETAIL if args.plot else POINTS)
    shown = await measure_now(services) if args.fresh or not known else _kept(context, known)
    picture = await _drawn(shown, trends) if args.plot else ()
    return _answer(shown, known, trends, picture, plot=args.plot)


def _kept(context: Context, known: Mapping[str, Known]) -> dict[str, Measured]:
    return {
        name: Measured(
            figure=figure_of(context.services, name), value=known[name].value, why=known[name].why, at=known[name].at
        )
        for name in FIGURES
        if name in known
    }


def _answer(
    shown: Mapping[str, Measured],
    known: Mapping[str, Known],
    trends: Mapping[str, Sequence[tuple[datetime, float]]],
    picture: tuple[Attachment, ...],
    *,
    plot: bool,
) -> Answer:
    levels = [_level(found, known.get(name)) for name, found in shown.items()]
    bad, warned, unknown = (
        [found.figure.title for found, level in zip(shown.values(), levels, strict=True) if level is wanted]
        for wanted in (Level.ALERT, Level.WARN, Level.UNKNOWN)
    )
    parts = [
        f"{', '.join(titles)}: {said}"
        for titles, said in ((bad, "beyond the alert threshold"), (warned, "to be watched"))
        if titles
    ]
    verdict = "; ".join(parts) if parts else "Every figure that could be measured is within its thresholds"
    worst = next((level for level in (Level.ALERT, Level.WARN) if level in levels), Level.OK)
    if unknown:
        verdict += f"; could not measure {len(unknown)}"
        worst = Level.UNKNOWN if worst is Level.OK and len(unknown) == len(shown) else worst
    groups = tuple(
        Lines(
            heading=group.value,
            lines=tuple(
                _line(found, trends.get(name, ())) for name, found in shown.items() if found.figure.group is group
            ),
        )
        for group in Group
    )
    return Answer(
        verdict=f"{verdict}.",
        mark=worst.mark,
        evidence=tuple(lines for lines in groups if lines.lines),
        offers=(
            Offer(label="Measure now", words="metrics --fresh", replaces=True),
            *(() if plot else (Offer(label="Plot", words="metrics --plot"),)),
        ),
        audience=Audience.QUIET,
        attachments=picture,
    )


def _level(found: Measured, known: Known | None) -> Level:
    if found.value is None:
        return Level.UNKNOWN
    return known.stand.level if known and known.at == found.at else found.figure.level(found.value)


def _line(found: Measured, trend: Sequence[tuple[datetime, float]]) -> Line:
    line = figure_line(found)
    values = [value for _, value in trend]
    if len(values) < SPOKEN:
        return line
    return Line(title=line.title, text=f"{sparkline(values)}  {line.text}", mark=line.mark, at=line.at)


def sparkline(values: Sequence[float]) -> str:
    """A trend in signs of eight heights. Pure."""
    low, high = min(values), max(values)
    if high == low:
        return BARS[0] * len(values)
    return "".join(BARS[min(7, int(8 * (value - low) / (high - low)))] for value in values)


async def _drawn(
    shown: Mapping[str, Measured], trends: Mapping[str, Sequence[tuple[datetime, float]]]
) -> tuple[Attachment, ...]:
    panels = [
        plots.Series(
            title=found.figure.title,
            unit=found.figure.unit,
            times=tuple(at.timestamp() for at, _ in trends[name]),
            values=tuple(value for _, value in trends[name]),
            warn=found.figure.warn,
            alert=found.figure.alert,
        )
        for name, found in shown.items()
        if len(trends.get(name, ())) >= 2
    ]
    if not panels:
        return ()
    drawn = await plots.draw(panels)
    return () if drawn is None else (Attachment(name="metrics.png", title="Key metrics", content=drawn),)


FAMILY = Family(
    name="metrics",
    summary="The key metrics",
    operations=(
        Read(
            words="metrics",
            summary="Every key metric against its threshold, with its trend and age.",
            who=Role.VIEWER,
            args=MetricsArgs,
            examples=("metrics", "metrics --since 7d --plot", "metrics --fresh"),
            section=SECTION,
            read=metrics,
        ),
    ),
)
