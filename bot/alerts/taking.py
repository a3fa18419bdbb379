"""From a stored webhook to an alert: counted once, folded into what is known, its card shown, its rule looked at.

A thousand deliveries are a thousand short transactions on few rows; the cards follow at Slack's pace, since only their
wanted version is raised. Where more new alerts begin than people can read, one card stands for all.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from bot.alerts.folding import Fold, fold
from bot.alerts.reading import Course, Echo, Kind, Signal, read
from bot.context import Services, Transaction
from bot.incidents import elsewhere
from bot.incidents.elsewhere import Said
from bot.settings import Settings
from bot.store import alerts, cards, clocks, maintenances
from bot.store.alerts import STORM, Alert
from bot.store.inbox import Received

JUDGE: Final = "judge_alert"
STORM_OVER: Final = "storm_over"
CALM: Final = timedelta(minutes=10)
"""Without a new alert for so long, and with none of it firing, a storm is over."""
TELL_RECOVERED: Final = "tell_recovered"
MINUTE: Final = timedelta(minutes=1)


def stored(vendor: str, resource: str, body: Any, at: datetime) -> dict[str, Any]:
    """What is kept of a delivery, for `take`; `at` is the bot's own time."""
    return {"vendor": vendor, "resource": resource, "body": body, "at": at.isoformat()}


async def take(services: Services, received: Received) -> str:
    """Fold what a stored delivery says; return a word for how that ended. Run again, it counts nothing twice."""
    kept = received.payload
    body = kept["body"] if isinstance(kept["body"], dict) else {}
    found = read(kept["vendor"], kept["resource"], body, datetime.fromisoformat(kept["at"]))
    if not found:
        return "no alert"
    for one in found:
        if isinstance(one, Echo):
            return await _hear_echo(services, one, received.key)
    async with services.database.transaction() as transaction:
        await alerts.lock(transaction)
        if not await alerts.note_delivery(transaction, received.key, at=services.now()):
            return "counted before"
        for one in found:
            assert isinstance(one, Signal)  # noqa: S101 -- echoes come alone
            await note(services, transaction, one)
    services.wake()
    return "folded"


async def _hear_echo(services: Services, echo: Echo, key: str) -> str:
    """What somebody did at PagerDuty to an incident of ours is done here, too, soon; heard twice it is done once."""
    if not echo.by and echo.what == "acknowledged":
        return "our own"  # nobody but us acknowledges without being a person
    said = Said(what=echo.what, page=echo.key, at=echo.at, key=key, name=echo.by or elsewhere.ITSELF)
    async with services.database.transaction() as transaction:
        await clocks.start(transaction, said.subject, elsewhere.ECHO, due_at=services.now())
    services.wake()
    return "echo"


async def note(services: Services, transaction: Transaction, signal: Signal) -> None:
    """Fold one signal, in a transaction that holds the alerts' lock."""
    settings, now = services.settings, services.now()
    known = await alerts.newest(transaction, signal.fingerprint)
    flaps_within = timedelta(minutes=settings.alerts.flap_minutes)
    what = fold(known.standing if known else None, signal, flaps_within=flaps_within)
    if what is Fold.DROP:
        return
    if what is Fold.OPEN or known is None:
        known = await _open(settings, transaction, signal, now)
    elif what is Fold.REPEAT:
        await alerts.repeat(transaction, known.id, signal)
    elif what is Fold.RECOVER:
        await alerts.recover(transaction, known.id, at=signal.at)
        await clocks.start(transaction, f"alert:{known.id}", TELL_RECOVERED, due_at=now)
    else:
        await alerts.come_back(transaction, known.id, signal)
    if await alerts.muted(transaction, signal.fingerprint, now=now):
        return
    if known.held_by is not None:
        return  # its maintenance ends with a look at what still fires
    await cards.want(transaction, known.subject, channel=channel_of(settings))
    if signal.course is Course.FIRING and known.rule is None and known.incident is None:
        await clocks.start(transaction, f"alert:{known.id}", JUDGE, due_at=now)


async def _open(settings: Settings, transaction: Transaction, signal: Signal, now: datetime) -> Alert:
    storm = await _storm(settings, transaction, now)
    if storm is not None:
        await clocks.start(transaction, f"alert:{storm}", STORM_OVER, due_at=now + CALM)
    alert = await alerts.get(transaction, await alerts.open_(transaction, signal, storm=storm))
    assert alert is not None  # noqa: S101 -- it was just opened
    under_way = await maintenances.running(transaction)
    if under_way is None or signal.course is not Course.FIRING:
        return alert
    await alerts.hold(transaction, alert.id, under_way.id)
    await cards.raise_if_there(transaction, under_way.subject)
    return replace(alert, held_by=under_way.id)


async def _storm(settings: Settings, transaction: Transaction, now: datetime) -> int | None:
    """The alert that stands for many, while more begin than people can read."""
    if await alerts.opened_since(transaction, now - MINUTE) < settings.alerts.storm_after:
        return None
    running = await alerts.storm_now(transaction)
    if running is not None:
        return running.id
    begun = Signal(
        vendor=STORM, kind=Kind.OTHER, about="storm", title="Many alerts at once", course=Course.FIRING, at=now
    )
    return await alerts.open_(transaction, begun)


def channel_of(settings: Settings) -> str:
    """Where the cards of alerts stand."""
    return settings.alerts.channel or (settings.slack.incidents_channel if settings.slack else "")
