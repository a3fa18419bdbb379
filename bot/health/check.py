"""All checks at once: the whole takes as long as the slowest, and ten people asking cause one set of calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import structlog

from bot.errors import ProviderError
from bot.health.readings import Finding, Group, Kind, Reading, State, failure
from bot.health.verdict import Verdict, verdict

if TYPE_CHECKING:  # it imports the database's driver
    from bot.context import Now, Progress

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.health")

_LONGEST_WAIT: Final = 300.0
"""A vendor that wants to be left alone is, for no longer than this many seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing to ask. `run` is None where the settings lack it; `setting` then names what to set."""

    name: str
    title: str
    group: Group
    kind: Kind
    run: Callable[[], Awaitable[Finding]] | None
    setting: str
    what: str = ""
    """What a headline calls the part behind it, such as "Stripe"."""
    needs: tuple[str, ...] = ()
    symptom: bool = False
    limit: float = 5.0
    """Seconds of real time until no answer counts as such."""
    keep: float = 0.0
    """Seconds of real time for which a reading is used again even by who wants a fresh one: the vendor's limits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What all checks found. `taken_at` is in the bot's time, `took` in seconds of real time."""

    readings: tuple[Reading, ...]
    verdict: Verdict
    taken_at: datetime
    took: float

    @property
    def red(self) -> bool:
        """Whether anything is down, or beyond an alert threshold: what a *Declare incident* button waits for."""
        return any(reading.red for reading in self.readings)

    def reading(self, name: str) -> Reading:
        """Return the reading of that name. Raise KeyError where there is none."""
        for reading in self.readings:
            if reading.name == name:
                return reading
        raise KeyError(name)


@dataclass(kw_only=True, slots=True)
class _Flight:
    """One set of calls under way, and those who wait for it."""

    total: int
    done: int = 0
    waiting: list[asyncio.Event] = field(default_factory=list)

    def tick(self) -> None:
        for event in self.waiting:
            event.set()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kept:
    reading: Reading
    until: float


class Health:
    """The checks of one bot. Nothing is called before somebody asks."""

    def __init__(self, checks: Sequence[Check], *, cache_seconds: float, now: Now) -> None:
        """`cache_seconds` is real time, since it is there for the vendors' sake; `now` is the bot's time."""
        self.checks = tuple(checks)
        self._cache_seconds = cache_seconds
        self._now = now
        self._kept: dict[str, _Kept] = {}
        self._last: Report | None = None
        self._last_until = 0.0
        self._flight: _Flight | None = None
        self._task: asyncio.Task[Report] | None = None

    async def report(self, *, fresh: bool = False, progress: Progress | None = None) -> Report:
        """Return a report: a recent one, the one under way, or a new one. `fresh` refuses a recent one.

        `progress(done, total)` is called as checks end, as often as it can keep up with.
        """
        if not fresh and self._last is not None and time.monotonic() < self._last_until:
            return self._last
        if self._task is None or self._flight is None or self._task.done():
            self._flight = _Flight(total=len(self.checks))
            self._task = asyncio.create_task(self._run(self._flight), name="health")
        flight, task = self._flight, self._task
        if progress is not None:
            await _follow(flight, task, progress)
        return await asyncio.shield(task)

    async def some(self, *names: str) -> dict[str, Reading]:
        """Return the readings of these checks alone, by name: those of a recent report, or new ones."""
        if self._last is not None and time.monotonic() < self._last_until:
            return {reading.name: reading for reading in self._last.readings if reading.name in names}
        checks = [check for check in self.checks if check.name in names]
        readings = await asyncio.gather(*(self._reading(check) for check in checks))
        return {reading.name: reading for reading in readings}

    async def close(self) -> None:
        """Give up what is under way."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self, flight: _Flight) -> Report:
        started, taken_at = time.monotonic(), self._now()

        async def one(check: Check) -> Reading:
            reading = await self._reading(check)
            flight.done += 1
            flight.tick()
            return reading

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(check), name=f"health:{check.name}") for check in self.checks]
        finally:
            flight.tick()
        readings = tuple(task.result() for task in tasks)
        report = Report(
            readings=readings, verdict=verdict(readings), taken_at=taken_at, took=time.monotonic() - started
        )
        self._last, self._last_until = report, time.monotonic() + self._cache_seconds
        return report

    async def _reading(self, check: Check) -> Reading:
        kept = self._kept.get(check.name)
        if kept and time.monotonic() < kept.until:
            return replace(kept.reading, kept=True)
        started = time.monotonic()
        keep = check.keep
        if check.run is None:
            finding = Finding(state=State.NOT_CONFIGURED, reason=f"set {check.setting}")
        else:
            try:
                async with asyncio.timeout(check.limit):
                    finding = await check.run()
            except TimeoutError:
                finding = self._failure(check, _no_answer(check))
            except ProviderError as error:
                finding = self._failure(check, error)
                keep = max(keep, _held_off(error))
            except Exception:  # one probe's fault must neither stop the others nor be swallowed
                log.exception("health.probe_fault", check=check.name)
                finding = Finding(
                    state=State.UNKNOWN, reason="our own check failed: look in the log for health.probe_fault"
                )
        reading = _complete(check, finding, checked_at=self._now(), took=time.monotonic() - started)
        if keep:
            self._kept[check.name] = _Kept(reading=reading, until=time.monotonic() + keep)
        return reading

    @staticmethod
    def _failure(check: Check, error: ProviderError) -> Finding:
        return failure(error, kind=check.kind, what=check.what or check.title, setting=check.setting)


async def _follow(flight: _Flight, task: asyncio.Task[Report], progress: Progress) -> None:
    """Tell `progress` about every step that it can keep up with, until the flight ends."""
    step = asyncio.Event()
    flight.waiting.append(step)
    try:
        while not task.done() and flight.done < flight.total:
            await step.wait()
            step.clear()
            if not task.done():
                await progress(flight.done, flight.total)
    finally:
        flight.waiting.remove(step)


def _complete(check: Check, finding: Finding, *, checked_at: datetime, took: float) -> Reading:
    return Reading(
        name=check.name,
        title=check.title,
        group=check.group,
        kind=check.kind,
        needs=check.needs,
        symptom=check.symptom,
        state=finding.state,
        reason=finding.reason,
        phrase=finding.phrase,
        cause=finding.cause,
        alert=finding.alert,
        notice=finding.notice,
        reached=finding.reached,
        facts=finding.facts,
        troubles=finding.troubles,
        checked_at=checked_at,
        took=took,
    )


def _no_answer(check: Check) -> ProviderError:
    why = f"no answer within {check.limit:g} s"
    return ProviderError(f"{check.title} did not answer in time.", provider=check.title, kind="timeout", why=why)


def _held_off(error: ProviderError) -> float:
    """Seconds for which a vendor that had too many requests is not asked again."""
    if error.kind != "rate_limited":
        return 0.0
    return min(_LONGEST_WAIT, error.retry_after if error.retry_after is not None else 5.0)
