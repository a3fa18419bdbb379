"""The databases: ours and the product's, our rights in it, what of ours it lacks, and what a dump needs."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

import psycopg

from bot.database_care import tools
from bot.doctor.examining import Check, Ground
from bot.doctor.findings import Found, broken, ok
from bot.errors import UserError
from bot.product import ProductDatabase
from bot.store import cards, clocks, posts
from bot.store.migrate import pending

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from bot.store.database import Connection, Database

    Run = Callable[[], Awaitable[Found]] | None

OURS: Final = "Our own database"
PRODUCT: Final = "Product's database"
ADDRESS: Final = "check `ILAB_PRODUCT__DATABASE_URL`: supabase.com/dashboard → Connect → Session pooler"


def checks(ground: Ground) -> tuple[Check, ...]:
    """What to look at."""
    return (*_ours(ground), *_product(ground))


def _ours(ground: Ground) -> tuple[Check, ...]:
    database = ground.database
    setting = "`ILAB_DATABASE_URL`, or start `ilab serve`: no bot has run here yet"

    def check(title: str, run: Run) -> Check:
        return Check(title=title, group=OURS, run=run, setting=setting)

    return (
        check("Migrations", partial(_migrated, database) if database else None),
        check("Standing clocks", partial(_standing, database, ground.now()) if database else None),
        check("What Slack refused", partial(_parked, database) if database else None),
    )


async def _migrated(database: Database) -> Found:
    try:
        missing = await pending(database.conninfo)
        role, creates = await database.rights()
    except psycopg.Error:
        return broken("it does not answer, or refuses us", "check `ILAB_DATABASE_URL`, and that its server runs")
    if missing:
        return broken(f"{len(missing)} migrations are missing, first {missing[0]}", "type `ilab db migrate`")
    if not creates:
        return broken("our role may not create tables", f'as its owner: `grant create on schema public to "{role}"`')
    return ok("all applied")


async def _standing(database: Database, now: datetime) -> Found:
    from bot.duties import LOST_AFTER, STANDING  # noqa: PLC0415 -- it imports every duty

    async def lost(connection: Connection) -> list[str]:
        return [
            kind
            for subject, kind in STANDING
            if not await clocks.goes_on(connection, subject, kind, lost_before=now - LOST_AFTER)
        ]

    missing = await database.call(lost)
    if missing:
        return broken(f"not running: {', '.join(missing)}", "start `ilab serve`; they begin within 20 s")
    return ok(f"{len(STANDING)} run")


async def _parked(database: Database) -> Found:
    said, shown = await database.call(posts.parked), await database.call(cards.parked)
    if said or shown:
        return broken(
            f"{said} messages and {shown} cards were refused",
            "mend what this page says of channels and scopes; a card shows again with its next change",
        )
    return ok("nothing is parked")


def _product(ground: Ground) -> tuple[Check, ...]:
    product, settings = ground.product, ground.settings.product
    staging = None
    if settings is not None and settings.staging_database_url is not None:
        staging = ProductDatabase(settings.model_copy(update={"database_url": settings.staging_database_url}))

    def check(title: str, run: Run, setting: str = "ILAB_PRODUCT__DATABASE_URL") -> Check:
        fix = ADDRESS if setting == "ILAB_PRODUCT__DATABASE_URL" else f"check `{setting}`"
        return Check(title=title, group=PRODUCT, run=run, fix=fix, setting=f"`{setting}`")

    timeout = settings.statement_timeout_seconds if settings else 0
    return (
        check("Readable", partial(_readable, product, f"readable, {timeout:g} s a statement") if product else None),
        check("sql/product", partial(_scripts, product) if product else None),
        check("Our rights", partial(_rights, product) if product else None),
        check("Sessions granted twice", partial(_twice, product) if product else None),
        check(
            "Staging",
            partial(_readable, staging, "readable") if staging else None,
            "ILAB_PRODUCT__STAGING_DATABASE_URL",
        ),
        check("pg_dump", partial(_dump, ground) if product else None),
    )


async def _readable(product: ProductDatabase, said: str) -> Found:
    await product.connections()
    return ok(said)


async def _scripts(product: ProductDatabase) -> Found:
    row = (await product.fetch("applied_scripts"))[0]
    missing = [f"{name}.sql" for name, there in row.items() if not there]
    if missing:
        return broken(
            f"{', '.join(missing)} has not run",
            f"as the database's owner: `psql -v ON_ERROR_STOP=1 -f sql/product/{missing[0]}`, or paste it into "
            "Supabase's SQL Editor",
        )
    return ok("all applied")


async def _rights(product: ProductDatabase) -> Found:
    row = (await product.fetch("our_rights"))[0]
    if row["lacking"]:
        table, _, right = str(row["lacking"][0]).partition(": ")
        return broken(
            f"our role lacks {'; '.join(row['lacking'])}",
            f'as the owner: `grant {right.lower()} on {table} to "{row["role"]}"`',
        )
    return ok("a grant may be written")


async def _twice(product: ProductDatabase) -> Found:
    count = int((await product.fetch("granted_twice"))[0]["sessions"])
    if count:
        return broken(
            f"{count} Stripe session{' was' if count == 1 else 's were'} granted more than once",
            "`/ilab db query granted-twice` lists them; `/ilab payment trace <session>` shows one",
        )
    return ok("none")


async def _dump(ground: Ground) -> Found:
    settings = ground.settings
    assert ground.product is not None  # noqa: S101 -- asked only where there is one
    version = int((await ground.product.fetch("server_version"))[0]["major"])
    try:
        found = await asyncio.to_thread(tools.find, version, named=settings.backups.tools)
    except UserError as error:
        return broken(error.what.rstrip("."), error.todo.rstrip("."))
    return ok(f"{found.version} for PostgreSQL {version}")
