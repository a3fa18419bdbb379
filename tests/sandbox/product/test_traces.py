"""`ilab.traces`: every table in which a person has left something, and those that nobody could look into."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from sandbox.product.books import CASES

Connection = psycopg.AsyncConnection[Any]


@pytest.fixture
async def product(production: str) -> AsyncIterator[Connection]:
    """A connection to production; what a test does is rolled back."""
    async with await psycopg.AsyncConnection.connect(production) as connection:
        yield connection
        await connection.rollback()


async def traces(product: Connection, case: str) -> dict[str, tuple[str, int | None]]:
    """Kind and rows by table, of those that hold something, or may."""
    cursor = await product.execute(
        "select t.relation, t.kind, t.rows from auth.users u, ilab.traces(u.id, u.email) t"
        " where u.email = lower(%s) and t.rows is distinct from 0",
        [CASES[case]],
    )
    return {relation: (kind, rows) for relation, kind, rows in await cursor.fetchall()}


async def test_every_table_that_a_key_leads_to(product: Connection) -> None:
    """Over any number of tables: turns have no key to the account, and are counted by their sessions."""
    found = await traces(product, "many_sessions")
    assert found["sessions"] == ("goes", 5000)
    turns = await product.execute(
        "select count(*) from turns t join sessions s on s.id = t.session_id join auth.users u on u.id = s.user_id"
        " where u.email = %s",
        [CASES["many_sessions"]],
    )
    assert [("goes", row[0]) for row in await turns.fetchall()] == [found["turns"]]
    assert found["auth.identities"] == ("goes", 1)
    assert (await traces(product, "code_author"))["exemption_codes"] == ("holds", 3)


async def test_keys_of_every_kind(product: Connection) -> None:
    """Two columns, a table that refers to itself, set to null, restrict, and what goes by another key already."""
    await product.execute(
        "create table club (id int primary key, owner uuid references auth.users on delete cascade,"
        "  parent int references club on delete cascade, unique (id, owner));"
        "create table club_event (club int, owner uuid, foreign key (club, owner) references club (id, owner)"
        "  on delete cascade);"
        "create table visit (by uuid references auth.users on delete set null, club int references club);"
        "create table strict (by uuid references auth.users on delete restrict)"
    )
    await product.execute(
        "insert into club select n, u.id, nullif(n, 1) - 1 from auth.users u, generate_series(1, 3) n where email = %s",
        [CASES["plus"]],
    )
    await product.execute("insert into club_event select c.id, c.owner from club c, generate_series(1, 2)")
    await product.execute("insert into visit select id, null from auth.users where email = %s", [CASES["plus"]])
    await product.execute("insert into strict select id from auth.users where email = %s", [CASES["plus"]])
    found = await traces(product, "plus")
    assert found["club"] == ("goes", 3)
    assert found["club_event"] == ("goes", 6)
    assert found["visit"] == ("stays", 1)
    assert found["strict"] == ("holds", 1)
    await product.execute("insert into visit values (null, 2)")
    cursor = await product.execute("select count(*) from ilab.ways_to_accounts() where relation = 'visit'::regclass")
    assert ((await cursor.fetchone()) or (0,))[0] >= 2


async def test_the_address_alone(product: Connection) -> None:
    """In any case, in a column called like an e-mail, in Auth's own record; `_` and `%` in it stand for themselves."""
    await product.execute(
        "create table letters (id int, contact_email text, e_mail varchar(99), note text);"
        "create table auth.audit_log_entries (id uuid, payload json)"
    )
    await product.execute(
        "insert into letters values (1, 'SAM.plus+Interviews@example.com'), (2, null), (3, 'samxplus')"
    )
    await product.execute("insert into letters (note) values (%s)", [CASES["plus"]])
    await product.execute("insert into auth.audit_log_entries (payload) values (%s)", [f'{{"who": "{CASES["plus"]}"}}'])
    await product.execute(
        "insert into auth.audit_log_entries (payload) values (%s)", [f'{{"who": "x{CASES["plus"]}"}}']
    )
    found = await traces(product, "plus")
    assert found["letters"] == ("address", 1)
    assert found["auth.audit_log_entries"] == ("address", 1)
    await product.execute("update auth.users set email = 'a_b%%c@example.com' where email = %s", [CASES["plus"]])
    await product.execute("insert into letters (e_mail) values ('axbyyc@example.com')")
    cursor = await product.execute(
        "select count(*) from auth.users u, ilab.traces(u.id, u.email) t"
        " where u.email like 'a\\_b%%' and t.relation = 'letters' and t.rows > 0"
    )
    assert await cursor.fetchone() == (0,)


async def test_what_nobody_could_see(product: Connection) -> None:
    """A table that our role may not read, or of which row-level security hides rows, is not counted as empty."""
    await product.execute("create table secret (by uuid references auth.users on delete cascade)")
    cursor = await product.execute("select id from auth.users where email = %s", [CASES["plus"]])
    person = ((await cursor.fetchone()) or (None,))[0]
    await product.execute(
        "grant usage on schema ilab, auth to authenticated; grant select on auth.users to authenticated"
    )
    await product.execute("set local role authenticated")
    cursor = await product.execute("select relation, kind, rows from ilab.traces(%s, %s)", [person, CASES["plus"]])
    found = {relation: (kind, rows) for relation, kind, rows in await cursor.fetchall()}
    assert found["secret"] == ("hidden", None)
    assert found["sessions"] == ("hidden", None)
