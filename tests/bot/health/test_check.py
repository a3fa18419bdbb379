"""All checks at once, once for everybody who asks, and none of them able to stop the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from bot.errors import ProviderError
from bot.health.check import Check, Health, Report
from bot.health.readings import Finding, Group, Kind, State

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
OK = Finding(state=State.OK, reason="fine")
Probe = Callable[[], Awaitable[Finding]]


def check(name: str, run: Probe | None, *, kind: Kind = Kind.OWN, limit: float = 5, keep: float = 0) -> Check:
    """One check, of which a test says only what matters to it."""
    return Check(
        name=name, title=name.capitalize(), group=Group.PRODUCT, kind=kind, run=run, setting=f"ILAB_{name.upper()}",
        needs=("vercel.serving",), limit=limit, keep=keep,
    )  # fmt: skip


def health(*checks: Check, cache_seconds: float = 0) -> Health:
    """A service over these checks, at three in the morning."""
    return Health(checks, cache_seconds=cache_seconds, now=lambda: NOW)


class Counted:
    """A probe that counts its calls and answers when told to."""

    def __init__(self, *, open_gate: bool = True) -> None:
        """Answer at once, or wait for `gate`."""
        self.calls = 0
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        if open_gate:
            self.gate.set()

    async def __call__(self) -> Finding:
        """Count, wait, answer."""
        self.calls += 1
        self.begun.set()
        await self.gate.wait()
        return OK


async def fails() -> Finding:
    """A probe with a defect."""
    raise ZeroDivisionError("a defect of ours")


async def sleeps() -> Finding:
    """A probe of something that never answers."""
    await asyncio.sleep(3600)
    return OK


async def test_all_checks_run_at_the_same_time() -> None:
    """Each of fifteen waits until all fifteen have begun: one after the other they would wait for ever."""
    everybody = asyncio.Barrier(15)

    async def probe() -> Finding:
        await everybody.wait()
        return OK

    report = await health(*(check(f"probe{number}", probe) for number in range(15))).report()
    assert report.verdict.headline == "All well: 15 of 15 checks ok"


async def test_ten_at_once_cause_one_set_of_calls() -> None:
    """All ten get the same report, and the probe was asked once."""
    probe = Counted(open_gate=False)
    service = health(check("site", probe))
    asking = [asyncio.create_task(service.report(fresh=True)) for _ in range(10)]
    await probe.begun.wait()
    probe.gate.set()
    reports = await asyncio.gather(*asking)
    assert probe.calls == 1
    assert all(report is reports[0] for report in reports)


async def test_a_recent_report_answers_until_somebody_wants_a_fresh_one() -> None:
    """It is the same one, with its own time."""
    probe = Counted()
    service = health(check("site", probe), cache_seconds=60)
    first, second = await service.report(), await service.report()
    assert second is first
    assert probe.calls == 1
    assert await service.report(fresh=True) is not first
    assert probe.calls == 2


async def test_a_fresh_report_spares_vendors_with_limits() -> None:
    """A reading that is to be kept is used again, with the time at which it was really taken."""
    limited, free = Counted(), Counted()
    service = health(check("uptimerobot", limited, keep=60), check("site", free))
    await service.report(fresh=True)
    await service.report(fresh=True)
    assert (limited.calls, free.calls) == (1, 2)


async def test_a_vendor_that_had_too_many_requests_is_left_alone() -> None:
    """It is asked again when it said, not with the next report."""
    calls = 0

    async def limited() -> Finding:
        nonlocal calls
        calls += 1
        raise ProviderError("Too many.", provider="Acme", kind="rate_limited", status=429, retry_after=60)

    service = health(check("uptimerobot", limited, kind=Kind.WATCHER))
    await service.report(fresh=True)
    report = await service.report(fresh=True)
    assert calls == 1
    assert report.reading("uptimerobot").reason == "too many requests (429), again in 60 s"


async def test_each_check_has_its_own_time_limit() -> None:
    """What never answers is down after its own limit; the others are not touched by it."""
    service = health(check("site", sleeps, limit=0.02), check("page", sleeps, kind=Kind.PAGE, limit=0.02),
                     check("api", Counted()))  # fmt: skip
    report = await service.report()
    assert (report.reading("site").state, report.reading("site").reason) == (State.DOWN, "no answer within 0.02 s")
    assert report.reading("page").state is State.UNKNOWN
    assert report.reading("api").state is State.OK


async def test_a_defect_of_ours_is_logged_and_shown_as_not_checked() -> None:
    """The others go on, and the answer says where to look."""
    with capture_logs() as logs:
        report = await health(check("site", fails), check("api", Counted())).report()
    assert report.reading("site").state is State.UNKNOWN
    assert "log" in report.reading("site").reason
    assert [(entry["event"], entry["check"], entry["log_level"]) for entry in logs] == [
        ("health.probe_fault", "site", "error")
    ]


async def test_what_is_not_configured_says_what_to_set() -> None:
    """It is no failure, and no check."""
    report = await health(check("stripe", None), check("site", Counted()), check("api", Counted())).report()
    assert report.reading("stripe").state is State.NOT_CONFIGURED
    assert report.reading("stripe").reason == "set ILAB_STRIPE"
    assert report.verdict.headline == "All well: 2 of 2 checks ok"


async def test_progress_is_told_to_everybody_who_waits() -> None:
    """Step by step, and to everybody the same."""
    gates = [Counted(open_gate=False) for _ in range(3)]
    service = health(*(check(f"probe{number}", gate) for number, gate in enumerate(gates)))
    heard: list[asyncio.Queue[tuple[int, int]]] = [asyncio.Queue(), asyncio.Queue()]

    def listener(queue: asyncio.Queue[tuple[int, int]]) -> Callable[[int, int], Awaitable[None]]:
        async def progress(done: int, total: int) -> None:
            queue.put_nowait((done, total))

        return progress

    asking = [asyncio.create_task(service.report(progress=listener(queue))) for queue in heard]
    for step, gate in enumerate(gates[:2], start=1):
        gate.gate.set()
        assert [await queue.get() for queue in heard] == [(step, 3), (step, 3)]
    gates[2].gate.set()
    first, second = await asyncio.gather(*asking)
    assert first is second


async def test_a_broken_progress_hits_only_its_owner() -> None:
    """The message of one cannot be edited: the other still gets the report."""
    probes = [Counted(open_gate=False), Counted(open_gate=False)]
    service = health(*(check(f"probe{number}", probe) for number, probe in enumerate(probes)))

    async def broken(_: int, __: int) -> None:
        raise ZeroDivisionError

    asking = [asyncio.create_task(service.report(progress=broken)), asyncio.create_task(service.report())]
    for probe in probes:
        await probe.begun.wait()
    probes[0].gate.set()
    await asyncio.wait(asking[:1])
    probes[1].gate.set()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(outcomes[0], ZeroDivisionError)
    assert isinstance(outcomes[1], Report)


async def test_who_gives_up_waiting_does_not_stop_the_others() -> None:
    """The set of calls goes on for who still waits."""
    probe = Counted(open_gate=False)
    service = health(check("site", probe))
    leaver, stayer = asyncio.create_task(service.report()), asyncio.create_task(service.report())
    await probe.begun.wait()
    leaver.cancel()
    probe.gate.set()
    assert (await stayer).reading("site").state is State.OK
    with pytest.raises(asyncio.CancelledError):
        await leaver


async def test_closing_gives_up_what_is_under_way() -> None:
    """Nothing outlives the service."""
    probe = Counted(open_gate=False)
    service = health(check("site", probe))
    asking = asyncio.create_task(service.report())
    await probe.begun.wait()
    await service.close()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_red_is_down_or_beyond_an_alert_threshold() -> None:
    """Amber asks for no incident, an alert threshold does although nothing is down."""

    def answering(*, alert: bool) -> Probe:
        async def probe() -> Finding:
            return Finding(state=State.DEGRADED, reason="52 of 60", alert=alert)

        return probe

    assert not (await health(check("database", answering(alert=False))).report()).red
    assert (await health(check("database", answering(alert=True))).report()).red
