"""The product's database: the runbook's statements run on it, and its cases are in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from sandbox.product import ProductDatabase, seed
from sandbox.product.books import CASES

Connection = AsyncConnection[DictRow]


@pytest.fixture
async def product(production: str) -> AsyncIterator[Connection]:
    """A connection to production; what a test does is rolled back."""
    async with await AsyncConnection.connect(production, row_factory=dict_row) as connection:
        yield connection
        await connection.rollback()


async def one(connection: Connection, query: str, *parameters: Any) -> Any:
    """The first column of the first row."""
    row = await (await connection.execute(query, parameters)).fetchone()
    return None if row is None else next(iter(row.values()))


async def test_the_schema_can_be_applied_again(make_database: Callable[..., Awaitable[str]]) -> None:
    """Running every file a second time changes nothing and fails nowhere."""
    conninfo = await make_database(empty=True)
    await asyncio.to_thread(seed.apply_schema, conninfo)
    await asyncio.to_thread(seed.apply_schema, conninfo)
    async with await AsyncConnection.connect(conninfo, row_factory=dict_row) as connection:
        assert await one(connection, "select count(*) from pg_policies where schemaname = 'storage'") == 4


async def test_databases_can_get_the_schema_at_once(make_database: Callable[..., Awaitable[str]]) -> None:
    """Roles belong to the cluster: two databases that create them at the same time do not fail."""
    conninfos = [await make_database(empty=True) for _ in range(4)]
    await asyncio.gather(*(asyncio.to_thread(seed.apply_schema, conninfo) for conninfo in conninfos))


async def test_the_references_hold(product: Connection) -> None:
    """Rows were copied without checking, and none of them refers to nothing."""
    references = await (
        await product.execute(
            "select conrelid::regclass::text as child, confrelid::regclass::text as parent,"
            " (select attname from pg_attribute where attrelid = conrelid and attnum = conkey[1]) as key,"
            " (select attname from pg_attribute where attrelid = confrelid and attnum = confkey[1]) as target"
            " from pg_constraint where contype = 'f' and connamespace::regnamespace::text"
            " in ('auth', 'public', 'storage')"
        )
    ).fetchall()
    assert len(references) == 11
    for row in references:
        child, parent, key, target = row["child"], row["parent"], row["key"], row["target"]
        orphans = (
            f"select count(*) from {child} c where c.{key} is not null"  # noqa: S608 - names from the catalogue
            f" and not exists (select from {parent} p where p.{target} = c.{key})"
        )
        assert await one(product, orphans) == 0, child


async def test_the_runbook_checks_a_balance(product: Connection) -> None:
    """`Check user entitlements` shows who paid and got nothing, and who has nothing left."""
    query = (
        "SELECT u.email, e.tier, e.remaining_interviews, e.status FROM auth.users u"
        " LEFT JOIN entitlements e ON e.user_id = u.id WHERE u.email = %s"
    )
    paid = await (await product.execute(query, [CASES["paid_no_credits"]])).fetchall()
    assert [row["tier"] for row in paid] == [None]
    left = await (await product.execute(query, [CASES["nothing_left"]])).fetchall()
    assert [(row["remaining_interviews"], row["status"]) for row in left] == [(0, "used")]


async def test_the_runbook_lists_sessions_payments_and_activity(product: Connection) -> None:
    """The three other queries of the runbook run and have rows."""
    sessions = await product.execute(
        "SELECT s.id, s.created_at, s.mode, s.status, s.plan_tier, u.email FROM sessions s"
        " JOIN auth.users u ON u.id = s.user_id ORDER BY s.created_at DESC LIMIT 20"
    )
    assert len(await sessions.fetchall()) == 20
    payments = await product.execute(
        "SELECT eh.created_at, eh.action, eh.new_balance, u.email, e.tier FROM entitlement_history eh"
        " JOIN auth.users u ON u.id = eh.user_id JOIN entitlements e ON e.id = eh.entitlement_id"
        " WHERE eh.action = 'purchase' ORDER BY eh.created_at DESC LIMIT 50"
    )
    assert len(await payments.fetchall()) == 50
    activity = await product.execute(
        "SELECT s.created_at, s.mode, s.job_title, s.company_name, COUNT(t.id) as questions_answered FROM sessions s"
        " LEFT JOIN turns t ON t.session_id = s.id WHERE s.user_id = (select id from auth.users where email = %s)"
        " GROUP BY s.id ORDER BY s.created_at DESC",
        [CASES["many_sessions"]],
    )
    rows = await activity.fetchall()
    assert len(rows) == 5000
    assert rows[0]["questions_answered"] > 0


async def test_the_runbook_grants(product: Connection) -> None:
    """Both of its INSERTs run as they stand."""
    user = await one(product, "select id from auth.users where email = %s", CASES["paid_no_credits"])
    entitlement = await one(
        product,
        "INSERT INTO entitlements (user_id, type, status, tier, remaining_interviews, perks, stripe_session_id)"
        " VALUES (%s, 'interview_package', 'active', 'professional', 5,"
        """ '{"voice_mode": true, "multi_stage": true}', 'cs_test_...') returning id""",
        user,
    )
    await product.execute(
        "INSERT INTO entitlement_history (user_id, entitlement_id, action, new_balance, metadata) VALUES (%s, %s,"
        """ 'grant', 5, '{"manual": true, "reason": "webhook failure", "granted_by": "admin"}')""",
        [user, entitlement],
    )
    await product.execute(
        "INSERT INTO entitlements (user_id, type, status, remaining_interviews, perks)"
        """ VALUES (%s, 'interview_package', 'active', 3, '{"voice_mode": true}')""",
        [user],
    )


async def test_deleting_a_user_cascades_as_far_as_declared(product: Connection) -> None:
    """Sessions, turns, entitlements and history go with the user; the row of the file stays."""
    user = await one(product, "select id from auth.users where email = %s", CASES["upload_refused"])
    await product.execute("delete from auth.users where id = %s", [user])
    for table in ("sessions", "entitlements", "entitlement_history", "auth.identities", "auth.sessions"):
        counted = await one(product, f"select count(*) from {table} where user_id = %s", user)  # noqa: S608
        assert counted == 0, table
    assert await one(product, "select count(*) from storage.objects where owner_id = %s", str(user)) == 1


async def test_a_user_who_made_a_code_cannot_be_deleted(product: Connection) -> None:
    """One reference does not cascade, and the database refuses."""
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="exemption_codes"):
        await product.execute("delete from auth.users where email = %s", [CASES["code_author"]])


async def test_confirmed_at_cannot_be_written(product: Connection) -> None:
    """It is generated, and follows `email_confirmed_at`."""
    await product.execute("update auth.users set email_confirmed_at = now() where email = %s", [CASES["unconfirmed"]])
    confirmed = "select confirmed_at = email_confirmed_at from auth.users where email = %s"
    assert await one(product, confirmed, CASES["unconfirmed"]) is True
    with pytest.raises(psycopg.errors.GeneratedAlways):
        await product.execute("update auth.users set confirmed_at = now()")


async def test_files_cannot_be_deleted_by_sql(product: Connection) -> None:
    """The trigger refuses with 42501, unless the transaction says that it is the Storage API."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="Storage API"):
        await product.execute("delete from storage.objects")
    await product.rollback()
    await product.execute("set local storage.allow_delete_query = 'true'")
    assert (await product.execute("delete from storage.objects")).rowcount > 100


async def test_one_storage_policy_is_missing_until_the_migration_is_run(product: Connection) -> None:
    """A stored CV cannot be replaced in production; 003 mends it, and can be run again."""
    user = await one(product, "select id from auth.users where email = %s", CASES["upload_refused"])
    upsert = (
        "insert into storage.objects (bucket_id, name, owner_id) values ('cvs', %s, 'me')"
        " on conflict (bucket_id, name) do update set version = 'new'"
    )

    async def as_the_user() -> None:
        await product.execute("select set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{user}"}}'])
        await product.execute("set local role authenticated")

    await product.execute("savepoint before")
    await as_the_user()
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        await product.execute(upsert, [f"{user}/cv.pdf"])
    await product.execute("rollback to before")
    policies = dict(seed.schema_files())["003_storage_policies.sql"]
    await product.execute(policies)
    await product.execute(policies)
    await as_the_user()
    assert (await product.execute(upsert, [f"{user}/cv.pdf"])).rowcount == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        await product.execute(upsert, ["somebody-else/cv.pdf"])


async def test_a_stranger_sees_no_rows(product: Connection) -> None:
    """Row-level security hides every row from `anon`, and the others' from a user."""
    await product.execute("set local role anon")
    for table in ("entitlements", "entitlement_history", "sessions", "turns", "exemption_codes", "storage.objects"):
        assert await one(product, f"select count(*) from {table}") == 0, table  # noqa: S608


async def test_the_database_knows_when_it_was_seeded(production: str, now: datetime) -> None:
    """Stripe's books are opened as of the same moment, after a restart too."""
    async with ProductDatabase(production) as database:
        assert await database.seeded() == (now, 3000)


async def test_a_database_that_is_not_there_is_said_soon() -> None:
    """A stand-in learns at once that the database is gone, and does not fail to open."""
    async with ProductDatabase("host=/nonexistent dbname=postgres") as database:
        started = time.monotonic()
        assert await database.seeded() is None
        assert time.monotonic() - started < 5


async def test_connections_survive_a_server_that_drops_them(production: str) -> None:
    """Kept connections that were ended by the server are replaced without anybody noticing."""
    async with ProductDatabase(production) as database, await AsyncConnection.connect(production) as other:
        await asyncio.gather(*(database.fetch("select pg_sleep(0.05)") for _ in range(9)))
        cursor = await other.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where application_name = 'sandbox' and datname = current_database()"
        )
        assert await cursor.fetchone() == (4,)
        assert await database.fetch("select 1 as n") == [{"n": 1}]
