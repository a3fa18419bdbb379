"""A file of the migrations folder, run on staging first, then on production: inside the window, or in an open P0 or P1."""

from __future__ import annotations

import asyncio
import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from psycopg.conninfo import conninfo_to_dict

from bot import windows
from bot.ages import age, span
from bot.context import Services
from bot.database_care.backups import TRANSACTION_POOLER
from bot.database_care.gauges import worded
from bot.database_care.migrating import Known, Ran, Target, apply, known
from bot.database_care.statements import Script, read
from bot.errors import NotConfiguredError, ProviderError, UserError
from bot.operation import Execution, Line, Offer, Outcome, Plan
from bot.settings import DatabaseAddress, ProductSettings
from bot.store import incidents

LARGEST: Final = 1024**2
"""Bytes of a migration's file."""
SHOWN: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """A file of the folder, read."""

    name: str
    sha256: str
    script: Script


async def plan(name: str, services: Services) -> Plan:
    """What would be run where. UserError where it cannot be, or where nothing is to be done now."""
    settings = _settings(services)
    found = await asyncio.to_thread(find, name, settings)
    staging, production = targets(settings)
    there = await known(staging, found.name)
    live = await known(production, found.name)
    for one, target in ((there, staging), (live, production)):
        if one is not None and one.state == "done" and one.sha256 != found.sha256:
            raise UserError(
                f"{found.name} was run on {target.name} with other content.",
                why=f"On {one.at:%a %d %b %Y}, with the hash {one.sha256[:12]}; the file has {found.sha256[:12]}.",
                todo="A migration that was run never changes: write a new one.",
            )
    if live is not None and live.state == "done":
        raise UserError(f"{found.name} is on production since {live.at:%a %d %b %Y, %H:%M} UTC, with this content.")
    why_open = await _open(services)
    staged = there is not None and there.state == "done"
    if staged and not why_open:
        raise UserError(
            f"Production's window is closed. {_when(settings, services.now())}",
            why=f"Staging has {found.name} already.",
            todo=f"`/ilab db migrate {found.name}` then; in an open P0 or P1 at once.",
        )
    names = [*(() if staged else ("staging",)), *(("production",) if why_open else ())]
    return Plan(
        effect=f"run {found.name} ({found.sha256[:12]}) on {' and then '.join(names)}",
        lines=_lines(found, there, live, why_open, settings, services.now()),
        decides={"name": found.name, "sha256": found.sha256, "targets": names},
    )


def _lines(
    found: Migration, there: Known | None, live: Known | None, why_open: str, settings: ProductSettings, now: datetime
) -> tuple[Line, ...]:
    script = found.script
    count = len(script.statements)
    how = "in one transaction: all of it, or nothing"
    if script.stepwise:
        how = "statement by statement, since one of them refuses a transaction: after an error what ran before it stays"
    lines = [
        Line(
            title="File", text=f"{found.name}, {count} statement{'' if count == 1 else 's'}, SHA-256 `{found.sha256}`"
        ),
        Line(title="How", text=how),
        Line(title="Staging", text=_stands(there, now) or "not yet: it goes first"),
        Line(title="Production", text=(_stands(live, now) + "; " if live else "") + (why_open or _when(settings, now))),
    ]
    lines += [Line(title=f"Line {one.line}", text=f"`{worded(one.head)}`") for one in script.statements[:SHOWN]]
    if count > SHOWN:
        lines.append(Line(title=f"… and {count - SHOWN} more"))
    if script.losing:
        lines.append(Line(title="Destroys", text=f"{', '.join(script.losing)}: a backup first (`/ilab db backup`)"))
    lines.append(Line(title="Undo", text="there is none: a new migration would have to take it back"))
    return tuple(lines)


def _stands(one: Known | None, now: datetime) -> str:
    if one is None:
        return ""
    if one.state == "done":
        return f"there since {age(one.at, now)}"
    return f"broken off {age(one.at, now)} ago after {one.applied} of {one.total} statements, to go on from there"


def find(name: str, settings: ProductSettings) -> Migration:
    """The file that a name, or its beginning, names. UserError where none or several do."""
    folder = settings.migrations
    if folder is None or not folder.is_dir():
        raise NotConfiguredError(
            "I know no folder of migrations.",
            todo="Set ILAB_PRODUCT__MIGRATIONS to one, such as a checkout's db/migrations.",
        )
    # only what is listed can be meant: a path leads nowhere
    names = sorted(path.name for path in folder.iterdir() if path.suffix == ".sql" and path.is_file())
    chosen = [one for one in names if name in (one, one.removesuffix(".sql"))] or [
        one for one in names if name and one.startswith(name)
    ]
    if len(chosen) != 1:
        near = chosen or difflib.get_close_matches(name, names, n=3) or names[-3:]
        raise UserError(
            f"{'Several migrations begin' if chosen else 'No migration begins'} with “{name[:60]}”.",
            why=f"There {'are' if chosen else 'is'} {', '.join(near)}." if near else "The folder is empty.",
        )
    path: Path = folder / chosen[0]
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path.name} is larger than {LARGEST // 1024} kB: data is loaded otherwise.")
    raw = path.read_bytes()
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise UserError(f"{path.name} is not UTF-8.") from None
    return Migration(name=path.name, sha256=hashlib.sha256(raw).hexdigest(), script=read(text))


def targets(settings: ProductSettings) -> tuple[Target, Target]:
    """Staging and production. NotConfiguredError where there is no staging, or no session can be had."""
    if settings.staging_database_url is None:
        raise NotConfiguredError(
            "There is no staging to try it on.", todo="Set ILAB_PRODUCT__STAGING_DATABASE_URL: staging goes first."
        )
    owner = settings.owner_database_url or settings.database_url
    return _target("staging", settings.staging_database_url, settings), _target("production", owner, settings)


def _target(name: str, address: DatabaseAddress, settings: ProductSettings) -> Target:
    conninfo = address.get_secret_value()
    if str(conninfo_to_dict(conninfo).get("port", "")) == TRANSACTION_POOLER:
        raise NotConfiguredError(
            f"No migration runs through {name}'s pooler in transaction mode.",
            todo="Set ILAB_PRODUCT__OWNER_DATABASE_URL to the database itself, or to the pooler's port 5432.",
        )
    return Target(
        name=name,
        conninfo=conninfo,
        lock_timeout=settings.migration_lock_seconds,
        statement_timeout=settings.migration_timeout_minutes * 60,
    )


def _settings(services: Services) -> ProductSettings:
    if services.settings.product is None:
        raise NotConfiguredError("The product's database is not configured.", todo="Set ILAB_PRODUCT__DATABASE_URL.")
    return services.settings.product


async def _open(services: Services) -> str:
    """Why production may be migrated now; nothing where it may not."""
    settings = _settings(services)
    window = windows.covering(windows.parse(settings.migration_windows), services.now())
    if window is not None:
        return f"now: inside the window, {window.spoken} UTC"
    found = await services.database.call(incidents.open_now)
    grave = next((one for one in found if one.severity in ("P0", "P1") and one.drill is None), None)
    return f"now: INC-{grave.id} is an open {grave.severity}" if grave else ""


def _when(settings: ProductSettings, now: datetime) -> str:
    begins = windows.opening(windows.parse(settings.migration_windows), now)
    if begins is None:
        return "There is no window for it."
    return f"The next window begins {begins:%A %d %b, %H:%M} UTC, in {span((begins - now).total_seconds())}."


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Why the plan is no longer true, or nothing: the file, and whether production may be touched."""
    try:
        found = await asyncio.to_thread(find, decides["name"], _settings(services))
    except UserError as error:
        return error.sentences
    if found.sha256 != decides["sha256"]:
        return f"The file has changed: its hash is {found.sha256[:12]} now."
    if "production" in decides["targets"] and not await _open(services):
        return f"Production's window has closed. {_when(_settings(services), services.now())}"
    return ""


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Run it on each target in turn, up to the first error; what is there already is not run again."""
    services = execution.services
    settings = _settings(services)
    found = await asyncio.to_thread(find, decides["name"], settings)
    if found.sha256 != decides["sha256"]:
        return Outcome(succeeded=False, said=f"Nothing was run: {found.name} has changed since it was approved.")
    lines: list[Line] = []
    for target in targets(settings):
        if target.name not in decides["targets"]:
            continue
        await execution.progress(f"on {target.name}")
        try:
            ran = await apply(
                target,
                found.name,
                found.script,
                sha256=found.sha256,
                request=execution.key,
                at=services.now(),
                say=lambda said, name=target.name: execution.progress(f"on {name}: {said}"),  # type: ignore[misc]
            )
        except ProviderError:
            raise  # nobody answered: it is run again, and then says what is there
        except UserError as error:
            return Outcome(
                succeeded=False, said=f"It stopped before {target.name}: {error.sentences}", lines=tuple(lines)
            )
        lines.append(Line(title=target.name.capitalize(), text=_became(ran, found.script)))
        if ran.error:
            rest = "; production was not touched" if target.name == "staging" and len(decides["targets"]) > 1 else ""
            return Outcome(
                succeeded=False, said=f"{found.name} failed on {target.name}: {ran.error}{rest}.", lines=tuple(lines)
            )
    said = f"{found.name} is on {' and '.join(decides['targets'])}"
    if "production" in decides["targets"]:
        return Outcome(
            succeeded=True,
            said=f"{said}.",
            lines=tuple(lines),
            offers=(Offer(label="Database health", words="db health"),),
        )
    return Outcome(succeeded=True, said=f"{said}. {_when(settings, services.now())}", lines=tuple(lines))


def _became(ran: Ran, script: Script) -> str:
    if ran.before:
        return "was there already"
    if not ran.error:
        return f"all {ran.total} statements are there"
    if not script.stepwise:
        return "nothing of it is there: its transaction was rolled back"
    return f"{ran.applied} of {ran.total} statements are there; the rest was not run"
