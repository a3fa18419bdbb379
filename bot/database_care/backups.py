"""Backups of the product's database: what there is, a dump of our own, its proof, and which of them are kept."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from psycopg.conninfo import conninfo_to_dict

from bot.context import Services
from bot.database_care import dumping, proving, tools
from bot.database_care.gauges import size
from bot.database_care.keeping import outdated
from bot.errors import NotConfiguredError, ProviderError, UserError
from bot.operation import Execution, Line, Offer, Outcome, Plan
from bot.product import product_of
from bot.settings import Settings
from bot.store import backups
from bot.store.backups import Backup

if TYPE_CHECKING:  # it imports httpx, which a terminal does without
    from bot.providers.supabase_backups import VendorBackups

TRANSACTION_POOLER: Final = "6543"
"""The port of Supabase's pooler in transaction mode, in which no dump can be made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What can be restored: Supabase's own backups, or why they could not be listed, and our dumps, newest first."""

    vendor: VendorBackups | str
    ours: tuple[Backup, ...]


async def listed(services: Services) -> Kept:
    """What there is."""
    ours = await services.database.call(backups.latest)
    vendors = services.vendors().supabase_backups
    if vendors is None:
        return Kept(vendor="Supabase's access token is not set (ILAB_SUPABASE__ACCESS_TOKEN)", ours=tuple(ours))
    try:
        vendor: VendorBackups | str = await vendors.kept()
    except ProviderError as error:
        vendor = error.what.rstrip(".") + (f" ({error.why})" if error.why else "")
    return Kept(vendor=vendor, ours=tuple(ours))


# a dump


async def plan(services: Services, *, prove: bool) -> Plan:
    """What would be dumped, with what, to where. UserError where that cannot work."""
    settings = services.settings
    conninfo = _source(settings)
    product = product_of(services)
    row = (await product.fetch("dump_size"))[0]
    chosen = await asyncio.to_thread(tools.find, row["version"] // 10000, named=settings.backups.tools)
    place = directory(services)
    free = await asyncio.to_thread(_free, place)
    if free < row["size"]:
        raise UserError(
            f"The disk has no room for a dump: {size(free)} free, and the database is {size(row['size'])}.",
            todo="Make room, or set ILAB_BACKUPS__DIRECTORY to a larger disk.",
        )
    if str(conninfo_to_dict(conninfo).get("port", "")) == TRANSACTION_POOLER:
        raise NotConfiguredError(
            "No dump can be made through a pooler in transaction mode.",
            why="It takes one session, whose snapshot it keeps.",
            todo="Set ILAB_BACKUPS__DATABASE_URL to the database itself, or to the pooler's port 5432.",
        )
    rule = settings.backups
    lines = [
        Line(title="Server", text=f"PostgreSQL {row['version_text']}, {size(row['size'])}"),
        Line(title="Tool", text=f"pg_dump {chosen.version}, custom format, without owners and rights"),
        Line(title="Where", text=f"on {socket.gethostname()}, {size(free)} free, readable by the bot alone"),
        Line(title="Kept", text=f"the newest {rule.keep}, none but the newest for more than {rule.keep_days:g} days"),
    ]
    if prove:
        lines.append(
            Line(title="Proof", text="restored into a scratch database, every table's rows counted, then dropped")
        )
    also = " and prove it" if prove else ""
    return Plan(effect=f"dump the product's database{also}", lines=tuple(lines), decides={"prove": prove})


def directory(services: Services) -> Path:
    """Where this copy keeps its dumps."""
    return services.settings.backups.directory or services.data_dir / "backups"


def _source(settings: Settings) -> str:
    """The address that is dumped. It holds a password."""
    chosen = settings.backups.database_url or (settings.product.database_url if settings.product else None)
    if chosen is None:
        raise NotConfiguredError("The product's database is not configured.", todo="Set ILAB_PRODUCT__DATABASE_URL.")
    return chosen.get_secret_value()


def _free(place: Path) -> int:
    there = next(one for one in (place, *place.parents) if one.exists())
    return shutil.disk_usage(there).free


async def always_true(decides: Mapping[str, Any], services: Services) -> str:
    """Nothing that it is decided by can change."""
    del decides, services
    return ""


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Make the dump, verify and keep it, and let the oldest go. Run again, the same request has the same dump."""
    services, request = execution.services, execution.request
    database, now = services.database, services.now()
    file = f"product-{now:%Y%m%d-%H%M%S}-r{request}.dump"
    async with database.transaction() as transaction:
        is_new = await backups.begin(transaction, request=request, host=socket.gethostname(), file=file, at=now)
    if is_new:
        try:
            await _made(request, file, execution)
        except (ProviderError, UserError) as error:
            # also where what it needs is silent: nothing is left half done, so it has failed, for certain
            why = error.sentences
            await database.call(
                lambda connection: backups.fail(connection, request=request, at=services.now(), reason=why[:300])
            )
            return Outcome(succeeded=False, said=f"No dump was made: {why}")
    made = await database.call(lambda connection: backups.by_request(connection, request))
    assert made is not None and made.bytes is not None  # noqa: S101, PT018 -- it is done
    removed = await prune(services)
    lines = [
        Line(title="File", text=f"`{made.file}` on {made.host}, {size(made.bytes)}"),
        Line(title="Holds", text=f"{len(made.counts or {})} tables, {made.rows:,} rows"),
        Line(title="SHA-256", text=f"`{made.sha256}`"),
    ]
    if removed:
        lines.append(Line(title="Removed", text=f"{len(removed)} older: {', '.join(one.file for one in removed)}"))
    said = f"Dump {made.id} is made and verified: {size(made.bytes)}, {made.rows:,} rows"
    if not decides["prove"]:
        prove = Offer(label="Prove it", words=f"db prove {made.id}")
        return Outcome(succeeded=True, said=f"{said}.", lines=tuple(lines), offers=(prove,))
    proof = await _proven(made, execution)
    lines.append(Line(title="Proof", text=proof.said))
    verdict = f"{said}, and proven." if proof.succeeded else f"{said}; the proof failed: {proof.said}"
    return Outcome(succeeded=proof.succeeded, said=verdict, lines=tuple(lines))


async def _made(request: int, file: str, execution: Execution) -> None:
    services, settings = execution.services, execution.services.settings
    row = (await product_of(services).fetch("dump_size"))[0]
    chosen = await asyncio.to_thread(tools.find, row["version"] // 10000, named=settings.backups.tools)
    place = directory(services)
    await asyncio.to_thread(_sweep, place, request)
    left_out = [part.strip() for part in settings.backups.left_out.split(",") if part.strip()]
    try:
        async with asyncio.timeout(settings.backups.timeout_minutes * 60):
            made = await dumping.dump(
                _source(settings), place / file, chosen, left_out=left_out, say=execution.progress
            )
    except TimeoutError:
        raise UserError(f"It did not end within {settings.backups.timeout_minutes:g} minutes.") from None
    except OSError as error:
        raise UserError(f"The dump cannot be written: {error.strerror}.") from error
    await services.database.call(
        lambda connection: backups.finish(
            connection,
            request=request,
            at=services.now(),
            server_version=made.server,
            tool_version=chosen.version,
            size=made.bytes,
            sha256=made.sha256,
            counts=made.counts,
        )
    )


def _sweep(place: Path, request: int) -> None:
    """What a process that died has left of this request is gone: no row knows its name."""
    for left in place.glob(f"product-*-r{request}.dump*"):
        left.unlink()


async def prune(services: Services) -> list[Backup]:
    """Let go what the rule keeps no longer, of this machine's; what went."""
    rule, now = services.settings.backups, services.now()
    mine = [one for one in await services.database.call(backups.kept) if one.host == socket.gethostname()]
    gone = outdated(mine, now, keep=rule.keep, keep_for=timedelta(days=rule.keep_days))
    for one, why in gone:
        await asyncio.to_thread(dumping.remove, directory(services) / one.file)
        await _removed(services, one, why, now)
    return [one for one, _ in gone]


async def _removed(services: Services, one: Backup, why: str, at: datetime) -> None:
    await services.database.call(lambda connection: backups.remove(connection, one.id, at=at, reason=why))


# its proof


async def plan_proof(backup_id: int, services: Services) -> Plan:
    """Which dump would be restored for a look. UserError where there is none of that number here."""
    found = await _kept(backup_id, services)
    return Plan(
        effect=f"prove dump {found.id}: restore it into a scratch database, and count",
        lines=(
            Line(title="File", text=f"`{found.file}`, {size(found.bytes or 0)}, {found.rows:,} rows"),
            Line(title="Where", text="a database made for it, and dropped after it; the product is not touched"),
        ),
        decides={"backup": found.id},
    )


async def _kept(backup_id: int, services: Services) -> Backup:
    found = await services.database.call(lambda connection: backups.get(connection, backup_id))
    if found is None or found.state != "done":
        state = f"It is {found.state}." if found else ""
        raise UserError(f"There is no dump {backup_id}.", why=state, todo="`/ilab db backups` lists them.")
    if found.host != socket.gethostname():
        raise UserError(f"Dump {found.id} is on {found.host}, and this copy runs elsewhere.")
    return found


async def execute_proof(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Restore it into a scratch database and count; that database is gone afterwards, whatever came of it."""
    return await _proven(await _kept(decides["backup"], execution.services), execution)


async def _proven(made: Backup, execution: Execution) -> Outcome:
    services, settings = execution.services, execution.services.settings.backups
    major = int(made.tool_version.split(".")[0])
    chosen = await asyncio.to_thread(tools.find, major, named=settings.tools)
    scratch = settings.scratch_database_url
    try:
        proof = await proving.prove(
            directory(services) / made.file,
            chosen,
            sha256=made.sha256 or "",
            counts=made.counts or {},
            server=scratch.get_secret_value() if scratch else services.database.conninfo,
            name=f"ilab_scratch_{made.id}",
            within=settings.timeout_minutes * 60,
            say=execution.progress,
        )
    except (ProviderError, UserError) as error:
        return Outcome(succeeded=False, said=f"Dump {made.id} could not be proven: {error.sentences}")
    at = services.now() if proof.holds else None
    await services.database.call(lambda connection: backups.prove(connection, made.id, at=at, proof=proof.said))
    said = f"Dump {made.id} {'is proven' if proof.holds else 'does not hold'}: {proof.said}."
    return Outcome(succeeded=proof.holds, said=said)
