"""The product's database restored by Supabase: what is lost is said first, it is asked for once, and followed to its end.

It destroys what was written since, and the project is offline meanwhile. So: an open P0 that is no drill, the project's
reference typed, and a second person.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.ages import age, span
from bot.clocks import real_now
from bot.context import Services
from bot.errors import NotConfiguredError, ProviderError, UserError
from bot.operation import Execution, Line, Offer, Outcome, Plan
from bot.product import product_of
from bot.steps import CALL_ENDS_WITHIN
from bot.store import incidents, steps
from bot.store.incidents import Incident
from bot.words import duration

if TYPE_CHECKING:  # it imports httpx, which a terminal does without
    from bot.providers.supabase_backups import SupabaseBackups, VendorBackups

STEP: Final = "restore"
WELL: Final = "ACTIVE_HEALTHY"
FAILED: Final = ("RESTORE_FAILED", "INACTIVE", "REMOVED", "INIT_FAILED")
BEGUN_WITHIN: Final = timedelta(minutes=2)
"""A project that shows no restore so soon after its call was never asked: none is over that quickly."""
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """What is restored: one of Supabase's backups, or a moment within its window."""

    backup: int | None
    at: datetime

    @property
    def said(self) -> str:
        """In a few words."""
        when = f"{self.at:%a %d %b %Y, %H:%M} UTC"
        return f"backup {self.backup} of {when}" if self.backup else f"the state of {when}"


async def plan(to: str, confirm: str, services: Services) -> Plan:
    """What would be restored and lost. UserError without an open P0, or until the project's reference was typed."""
    vendor = _vendor(services)
    incident = await _incident(services)
    if incident is None:
        raise UserError(
            "A restore needs an open P0 that is no drill.",
            why="It destroys what was written since, and takes the product offline.",
            todo="`/ilab incident declare P0 …` first; `/ilab db backups` shows what there is.",
        )
    status = await vendor.status()
    if status == "RESTORING":
        raise UserError("Supabase is restoring the project already.", todo="`/ilab approvals` shows who asked for it.")
    point = chosen(to, await vendor.kept(), services.now())
    lost = await _lost(point, services)
    reference = vendor.settings.ref
    if confirm != reference:
        raise UserError(
            f"This destroys everything that was written since {point.at:%a %d %b %Y, %H:%M} UTC: {lost}.",
            why="The project is offline while Supabase restores it, for minutes to hours. Stored files stay as they are.",
            todo=f"To go on, type the project's reference: `/ilab db restore {to if ' ' not in to else repr(to)} {reference}`."
            + (f" (You typed “{confirm[:40]}”.)" if confirm else ""),
        )
    return Plan(
        effect=f"restore {point.said}: lose {lost}",
        lines=(
            Line(title="Restored", text=f"{point.said}, {age(point.at, services.now())} old"),
            Line(title="Lost", text=f"{lost}, and all else that was written since"),
            Line(
                title="Offline",
                text="sign-ins, interviews and payments fail while Supabase restores, for minutes to hours",
            ),
            Line(title="Kept", text="stored files, which the database may then no longer know; Stripe's payments"),
            Line(title="Afterwards", text="`payment sweep` gives what was paid since"),
            Line(title="Undo", text="there is none but another restore; `db backup` first, while the database answers"),
            Line(title="Incident", text=f"INC-{incident.id} {incident.severity}: {incident.title}"),
        ),
        decides={"backup": point.backup, "moment": int(point.at.timestamp()), "incident": incident.id},
    )


def _vendor(services: Services) -> SupabaseBackups:
    vendor = services.vendors().supabase_backups
    if vendor is None:
        raise NotConfiguredError("I cannot ask Supabase to restore.", todo="Set ILAB_SUPABASE__ACCESS_TOKEN.")
    return vendor


async def _incident(services: Services) -> Incident | None:
    """An open P0 that is no drill."""
    found = await services.database.call(incidents.open_now)
    return next((one for one in found if one.severity == "P0" and one.drill is None), None)


def chosen(to: str, kept: VendorBackups, now: datetime) -> Point:
    """What the words mean, among what Supabase keeps. UserError where it keeps no such thing. Pure."""
    moment = _moment(to, now)
    if moment is None and not to.isdecimal():
        raise UserError(
            f"“{to[:40]}” is neither a backup nor a time.",
            todo="`/ilab db restore 739945`, `/ilab db restore 2026-11-25T02:00` (UTC), or `/ilab db restore 30m`.",
        )
    if moment is not None:
        return _within(moment, kept, now)
    found = next((one for one in kept.daily if one.id == int(to) and one.status == "COMPLETED"), None)
    if found is None:
        why = "Point-in-time recovery is on: there are no daily backups." if kept.continuous else ""
        raise UserError(
            f"Supabase keeps no whole backup {to}.", why=why, todo="`/ilab db backups` lists what there is."
        )
    return Point(backup=found.id, at=found.at)


def _moment(to: str, now: datetime) -> datetime | None:
    ago = duration(to)
    if ago is not None:
        return now - ago
    if not _MOMENT.fullmatch(to):
        return None
    try:
        given = datetime.fromisoformat(to)
    except ValueError:
        return None
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def _within(moment: datetime, kept: VendorBackups, now: datetime) -> Point:
    if not kept.continuous or kept.earliest is None or kept.latest is None:
        older = next((one for one in kept.daily if one.at <= moment and one.status == "COMPLETED"), None)
        near = f"`/ilab db restore {older.id}` restores that of {age(older.at, now)} ago." if older else ""
        raise UserError(
            "No moment can be restored: point-in-time recovery is not on.",
            why=near,
            todo="`/ilab db backups` lists what there is.",
        )
    if not kept.earliest <= moment <= kept.latest:
        raise UserError(
            f"{moment:%a %d %b %Y, %H:%M} UTC cannot be restored.",
            why=f"The window is from {kept.earliest:%a %d %b, %H:%M} to {kept.latest:%a %d %b, %H:%M:%S} UTC.",
        )
    return Point(backup=None, at=moment)


async def _lost(point: Point, services: Services) -> str:
    try:
        row = (await product_of(services).fetch("written_since", {"since": point.at}))[0]
    except (ProviderError, NotConfiguredError):
        return "what cannot be counted, since the database does not answer"
    return ", ".join(f"{row[name]} {name}" for name in ("signups", "purchases", "grants", "interviews", "answers"))


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Why the plan is no longer true, or nothing."""
    if await _incident(services) is None:
        return "No P0 is open any more."
    kept, now = await _vendor(services).kept(), services.now()
    moment = datetime.fromtimestamp(decides["moment"], UTC)
    try:
        chosen(str(decides["backup"] or f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"), kept, now)
    except UserError as error:
        return error.sentences
    return ""


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Ask Supabase for it, once, and follow it to its end."""
    services, vendor = execution.services, _vendor(execution.services)
    asked_at, seen = await _begin(decides, execution, vendor)
    limit = services.settings.backups.restore_timeout_minutes * 60
    began, deadline = services.now(), time.monotonic() + limit
    while True:
        status = await _status(vendor)
        took = span((services.now() - began).total_seconds())
        # just after the call the project may still look as before
        if status == WELL and (seen or real_now() - asked_at > BEGUN_WITHIN):
            break
        seen = seen or status not in ("", WELL)
        if status in FAILED:
            return Outcome(succeeded=False, said=f"Supabase's restore failed after {took}: the project is {status}.")
        if time.monotonic() > deadline:
            return Outcome(
                succeeded=False, said=f"After {took} the project is still {status}: look at Supabase's dashboard."
            )
        said = status.replace("_", " ").lower() if status else "its status could not be asked"
        await execution.progress(f"Supabase restores it since {took} ({said}); the product is offline")
        await asyncio.sleep(services.settings.backups.poll_seconds)
    since = services.now() - datetime.fromtimestamp(decides["moment"], UTC)
    hours = min(720, max(1, round(since.total_seconds() / 3600 + 0.5)))
    said = f"Restored, and the project is healthy again after {took}."
    if not seen:
        said = (
            "Supabase took the request, and the project is healthy; I did not see it being restored: look at the data."
        )
    return Outcome(
        succeeded=True,
        said=said,
        lines=(Line(title="Next", text="look at the health, and give what was paid since"),),
        offers=(
            Offer(label="Database health", words="db health"),
            Offer(label="Sweep payments", words=f"payment sweep --since {hours}h"),
        ),
    )


async def _begin(decides: Mapping[str, Any], execution: Execution, vendor: SupabaseBackups) -> tuple[datetime, bool]:
    """When (real time) it was asked for, now or by an earlier try; and whether Supabase was seen restoring already."""
    database, subject = execution.services.database, f"request:{execution.request}"
    before = (await database.call(lambda connection: steps.all_of(connection, subject))).get(STEP)
    if before is not None and before.state == "done":
        return before.started_at, False
    if before is not None:
        status, passed = await vendor.status(), real_now() - before.started_at
        if status != "RESTORING" and passed < CALL_ENDS_WITHIN:
            raise _unclear("whether it has begun shows in some seconds")
        if status != "RESTORING" and passed > BEGUN_WITHIN:
            raise _unclear("it may have begun and ended meanwhile")
        if status == "RESTORING":
            await database.call(lambda connection: steps.finish(connection, subject, STEP, {"found": True}))
            return before.started_at, True
    asked_at = real_now()
    await database.call(lambda connection: steps.start(connection, subject, STEP, at=asked_at))
    if decides["backup"] is not None:
        await vendor.restore(decides["backup"])
    else:
        await vendor.restore_to(decides["moment"])
    await database.call(lambda connection: steps.finish(connection, subject, STEP, {"found": False}))
    return asked_at, False


def _unclear(why: str) -> ProviderError:
    return ProviderError(
        "Supabase's answer to the restore was lost.",
        provider="Supabase's Management API",
        kind="timeout",
        ambiguous=True,
        why=why,
    )


async def _status(vendor: SupabaseBackups) -> str:
    """The project's word, or nothing while it cannot be asked: it is asked again."""
    try:
        return await vendor.status()
    except ProviderError:
        return ""
