"""Our own watcher: every figure measured on a schedule by one copy, kept, and told as an alert where it stays beyond.

What could not be measured for long is an alert, too.
"""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Final

from bot.alerts import taking
from bot.alerts.reading import Course, Kind, Signal
from bot.context import ClockWork, Duty, Services
from bot.figures.hysteresis import Stand, after
from bot.figures.kinds import Level
from bot.figures.measuring import Measured, measure
from bot.store import alerts, clocks, figures
from bot.store.figures import Known

SUBJECT: Final = "figures"
MEASURE: Final = "measure_figures"
VENDOR: Final = "ilab"
"""Whose alerts these are."""


def clock_work(duty: Duty) -> dict[str, ClockWork]:
    """What is done when it is time to measure."""
    return {MEASURE: functools.partial(look, duty.services)}


async def look(services: Services, _subject: str, _due_at: datetime) -> None:
    """Measure everything once, keep it, tell what crossed a threshold, and start the next clock."""
    measured = await measure(services)
    async with services.database.transaction() as transaction:
        await figures.lock(transaction)
        known = await figures.stands(transaction)
        signals = []
        for name, found in measured.items():
            before = known.get(name)
            stand = _after(services, before, found)
            if found.value is not None:
                await figures.sample(transaction, name, at=found.at, value=found.value)
            await figures.put(
                transaction, Known(figure=name, stand=stand, value=found.value, why=found.why, at=found.at)
            )
            signal = signal_of(found, before.stand.level if before else Level.OK, stand.level)
            if signal is not None:
                signals.append(signal)
        if signals:
            await alerts.lock(transaction)
            for signal in signals:
                await taking.note(services, transaction, signal)
        every = timedelta(seconds=services.settings.figures.measure_seconds)
        await clocks.start(transaction, SUBJECT, MEASURE, due_at=services.now() + every)
    services.wake()


def _after(services: Services, before: Known | None, found: Measured) -> Stand:
    level = Level.UNKNOWN if found.value is None else found.figure.level(found.value)
    silence = timedelta(minutes=services.settings.figures.unknown_minutes)
    stand = before.stand if before else Stand()
    if found.value is None and not_configured(found.why):
        return Stand(level=stand.level if stand.level is not Level.UNKNOWN else Level.OK)
    return after(stand, level, found.at, silence=silence)


def not_configured(why: str) -> bool:
    """What nobody set up, or paid for, is no alert: it is shown as not measured."""
    return (
        why.endswith("not configured") or why == "plan" or why.startswith(("too few", "no subscription", "the first"))
    )


def signal_of(found: Measured, before: Level, now: Level) -> Signal | None:
    """What is told of a figure whose level changed. Pure."""
    if before is now:
        return None
    about, title = found.figure.name, found.figure.title
    if now is Level.UNKNOWN:
        said = f"{title} could not be measured for long: {found.why}"
        about = f"{about}:unknown"
    elif before is Level.UNKNOWN:
        said, about = f"{title} can be measured again", f"{about}:unknown"
    elif found.value is None:
        return None
    else:
        said = f"{title}: {found.figure.spoken(found.value)} ({found.figure.bounds})"
    well = now is Level.OK or before is Level.UNKNOWN
    return Signal(
        vendor=VENDOR,
        kind=Kind.THRESHOLD,
        about=about,
        title=said,
        course=Course.RECOVERED if well else Course.FIRING,
        at=found.at,
    )
