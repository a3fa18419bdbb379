"""Offers, tokens, clocks and watches: one statement a function, on the real database."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from bot.clocks import tick
from bot.errors import UserError
from bot.people import Standing
from bot.store import clocks, offers, people, tokens, watches
from bot.store.clocks import Due
from bot.store.database import Connection, Database
from bot.store.people import Known
from bot.store.queries import statements
from sandbox.world import Clock

AT = datetime(2025, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
Plain = psycopg.AsyncConnection[Any]


@pytest.mark.parametrize(
    "family",
    [
        "acts",
        "audit",
        "backups",
        "clocks",
        "customers",
        "inbox",
        "milestones",
        "offers",
        "people",
        "posts",
        "timeline",
        "tokens",
        "watches",
    ],
)
async def test_every_statement_is_one_that_the_database_takes(family: str, connection: Plain) -> None:
    """Each can be planned, with every parameter a NULL."""
    found = statements(family)
    assert found
    for name, text in found.items():
        async with connection.transaction(force_rollback=True):
            marked = dict.fromkeys(re.findall(r"%\((\w+)\)s", text))
            body = text.rstrip().removesuffix(";")
            await connection.execute(f"explain {body}".encode(), marked)
            assert name


async def test_words_behind_a_button_are_kept_for_a_week(database: Database) -> None:
    """Under an id that cannot be guessed; then they are forgotten."""
    async with database.transaction() as transaction:
        one = await offers.add(transaction, "grant ann@example.com", at=AT)
        other = await offers.add(transaction, "grant ann@example.com", at=AT)
        assert one != other
        assert len(one) >= 16
        assert await offers.get(transaction, one, now=AT) == "grant ann@example.com"
        assert await offers.get(transaction, one, now=AT + offers.LIFE - timedelta(seconds=1)) is not None
        assert await offers.get(transaction, one, now=AT + offers.LIFE) is None
        assert await offers.get(transaction, "no such id", now=AT) is None
        assert await offers.purge(transaction, now=AT + offers.LIFE) == 0
        assert await offers.purge(transaction, now=AT + offers.LIFE + timedelta(seconds=1)) == 2
        assert await offers.get(transaction, one, now=AT) is None


async def issue(connection: Connection, request: str, person: str = "U1") -> tuple[int, str]:
    """A token."""
    return await tokens.issue(connection, person=person, label="laptop", request=request, at=AT)


async def test_a_token_is_good_until_it_is_revoked(database: Database) -> None:
    """It names its person, notes its use, and ends when its own person says so."""
    async with database.transaction() as transaction:
        token_id, secret = await issue(transaction, "r1")
        assert secret.startswith("ilab_")
        (listed,) = await tokens.living(transaction, "U1")
        assert (listed.id, listed.label, listed.created_at, listed.used_at) == (token_id, "laptop", AT, None)
        bearer = await tokens.use(transaction, secret, at=AT + HOUR)
        assert bearer is not None
        assert (bearer.id, bearer.person, bearer.label) == (token_id, "U1", "laptop")
        assert (await tokens.living(transaction, "U1"))[0].used_at == AT + HOUR
        assert await tokens.revoke(transaction, token_id, person="U2", at=AT) is None
        assert await tokens.use(transaction, secret, at=AT) is not None
        assert await tokens.revoke(transaction, token_id, person="U1", at=AT) == "laptop"
        assert await tokens.revoke(transaction, token_id, person="U1", at=AT) is None
        assert await tokens.use(transaction, secret, at=AT) is None
        assert await tokens.living(transaction, "U1") == []


async def test_only_the_hash_of_a_token_is_kept(database: Database, connection: Plain) -> None:
    """Nowhere in the table does the secret stand."""
    async with database.transaction() as transaction:
        _, secret = await issue(transaction, "r1")
    cursor = await connection.execute("select tokens::text, encode(hash, 'escape'), length(hash) from tokens")
    row = await cursor.fetchone()
    assert row is not None
    assert secret not in row[0]
    assert secret not in row[1]
    assert row[2] == 32


@pytest.mark.parametrize("secret", ["", "ilab_", "ilab_wrong", "x" * 10000, "'; drop table tokens --"])
async def test_other_words_are_no_token(database: Database, secret: str) -> None:
    """Whatever they are."""
    async with database.transaction() as transaction:
        await issue(transaction, "r1")
        assert await tokens.use(transaction, secret, at=AT) is None


async def test_a_person_has_ten_tokens_at_most(database: Database) -> None:
    """The eleventh is refused with what to do; another person's do not count, nor do revoked ones."""
    async with database.transaction() as transaction:
        ids = [(await issue(transaction, f"r{number}"))[0] for number in range(tokens.MOST)]
        with pytest.raises(UserError, match="You have 10 tokens already") as caught:
            await issue(transaction, "one more")
        assert "/ilab token" in caught.value.todo
        await issue(transaction, "hers", person="U2")
        await tokens.revoke(transaction, ids[3], person="U1", at=AT)
        await issue(transaction, "one more")


async def test_the_same_request_makes_one_token(database: Database) -> None:
    """Run again after a crash it shows a new secret for the same token, also where it was the last that is allowed."""
    async with database.transaction() as transaction:
        for number in range(tokens.MOST - 1):
            await issue(transaction, f"r{number}")
        first, unseen = await issue(transaction, "again")
        second, seen = await issue(transaction, "again")
        assert first == second
        assert len(await tokens.living(transaction, "U1")) == tokens.MOST
        assert await tokens.use(transaction, unseen, at=AT) is None
        assert await tokens.use(transaction, seen, at=AT) is not None


async def test_a_clock_is_due_when_its_time_has_come(database: Database) -> None:
    """Once; started again it runs again, stopped it does not."""
    async with database.transaction() as transaction:
        await clocks.start(transaction, "watch:1", "watch", due_at=AT)
        await clocks.start(transaction, "watch:1", "reminder", due_at=AT + HOUR)
        assert await clocks.take_due(transaction, now=AT - timedelta(microseconds=1)) == []
        assert await clocks.take_due(transaction, now=AT) == [Due(subject="watch:1", kind="watch", due_at=AT)]
        assert await clocks.take_due(transaction, now=AT) == []
        await clocks.start(transaction, "watch:1", "watch", due_at=AT)
        assert len(await clocks.take_due(transaction, now=AT)) == 1
        await clocks.start(transaction, "watch:1", "watch", due_at=AT)
        await clocks.stop(transaction, "watch:1", "watch")
        assert await clocks.take_due(transaction, now=AT) == []
        await clocks.start(transaction, "watch:1", "watch", due_at=AT)
        await clocks.stop(transaction, "watch:1")
        assert await clocks.take_due(transaction, now=AT + 2 * HOUR) == []


async def test_a_clock_started_again_has_its_new_time(database: Database) -> None:
    """There is one of a kind for a subject."""
    async with database.transaction() as transaction:
        await clocks.start(transaction, "watch:1", "watch", due_at=AT)
        await clocks.start(transaction, "watch:1", "watch", due_at=AT + HOUR)
        assert await clocks.take_due(transaction, now=AT) == []
        assert len(await clocks.take_due(transaction, now=AT + HOUR)) == 1


async def test_five_copies_take_each_clock_once(conninfo: str, database: Database, connection: Plain) -> None:
    """All tick at the same time; each clock is handed over by one of them, in the transaction that takes it."""
    await connection.execute(
        "insert into clocks (subject, kind, due_at) select 's' || n, 'watch', %s from generate_series(1, 100) as n",
        [AT],
    )
    await connection.execute("create table handed (subject text, kind text)")

    async def defer(transaction: Connection, due: Due) -> None:
        await transaction.execute("insert into handed values (%s, %s)", [due.subject, due.kind])

    async def copy() -> None:
        pool = Database(conninfo)
        await pool.open()
        while await tick(pool, lambda: AT, defer):
            pass
        await pool.close()

    await asyncio.gather(*(copy() for _ in range(5)))
    while await tick(database, lambda: AT, defer):
        pass
    cursor = await connection.execute("select count(*), count(distinct subject) from handed")
    assert await cursor.fetchone() == (100, 100)


async def test_a_clock_whose_hand_over_fails_is_due_again(database: Database, clock: Clock) -> None:
    """Taking and handing over are one transaction."""
    async with database.transaction() as transaction:
        await clocks.start(transaction, "watch:1", "watch", due_at=clock.now())

    async def fail(transaction: Connection, due: Due) -> None:
        raise ZeroDivisionError(due.subject, transaction)

    async def defer(transaction: Connection, due: Due) -> None:
        handed.append(due.subject)

    handed: list[str] = []
    with pytest.raises(ZeroDivisionError):
        await tick(database, clock.now, fail)
    assert await tick(database, clock.now, defer)
    assert not await tick(database, clock.now, defer)
    assert handed == ["watch:1"]


async def start(connection: Connection, request: str, *, until: datetime, channel: str = "C1") -> tuple[int, bool]:
    """A watch."""
    return await watches.start(
        connection, channel=channel, person="U1", request=request, at=AT, until=until, seen={"site": {"state": "ok"}}
    )


async def test_a_channel_has_one_watch(database: Database) -> None:
    """Asking again moves its end; another channel has its own; ended, a new one can begin."""
    async with database.transaction() as transaction:
        first, extended = await start(transaction, "r1", until=AT + HOUR)
        assert not extended
        again, extended = await start(transaction, "r2", until=AT + 2 * HOUR)
        assert (again, extended) == (first, True)
        other, _ = await start(transaction, "r3", until=AT + HOUR, channel="C2")
        assert other != first
        watch = await watches.get(transaction, first)
        assert watch is not None
        assert (watch.channel, watch.until, watch.changes) == ("C1", AT + 2 * HOUR, 0)
        assert watch.seen == {"site": {"state": "ok"}}
        await watches.note(transaction, first, seen={"site": {"state": "down"}}, announced=1)
        await watches.note(transaction, first, seen={"site": {"state": "down"}}, announced=0)
        assert await watches.end_in(transaction, "C1", at=AT) == (first, 1)
        assert await watches.end_in(transaction, "C1", at=AT) is None
        assert await watches.get(transaction, first) is None
        fresh, extended = await start(transaction, "r4", until=AT + HOUR)
        assert not extended
        assert fresh != first
        await watches.end(transaction, fresh, at=AT)
        assert await watches.get(transaction, fresh) is None


async def test_the_same_request_leaves_the_same_watch(database: Database) -> None:
    """Run again after a crash it changes nothing, even where the watch has ended meanwhile."""
    async with database.transaction() as transaction:
        first = await start(transaction, "r1", until=AT + HOUR)
        assert await start(transaction, "r1", until=AT + HOUR) == first
        await watches.end(transaction, first[0], at=AT)
        assert await start(transaction, "r1", until=AT + HOUR) == first
        assert await watches.get(transaction, first[0]) is None


async def test_the_newest_word_about_a_person_is_kept(database: Database) -> None:
    """An older answer that arrives late overwrites nothing."""
    known = Known(id="U1", name="ann", standing=Standing.MEMBER, member_of=frozenset({"S1", "S2"}), checked_at=AT)
    older = Known(id="U1", name="old", standing=Standing.GUEST, member_of=frozenset(), checked_at=AT - HOUR)
    newer = Known(id="U1", name="new", standing=Standing.DEACTIVATED, member_of=frozenset(), checked_at=AT + HOUR)
    async with database.transaction() as transaction:
        assert await people.get(transaction, "U1") is None
        await people.put(transaction, known)
        await people.put(transaction, older)
        assert await people.get(transaction, "U1") == known
        await people.put(transaction, newer)
        assert await people.get(transaction, "U1") == newer


async def test_a_standing_clock_is_kept_running(database: Database) -> None:
    """Started where there is none; left alone while it runs or its job has it; started anew where that was lost."""

    async def keep(now: datetime) -> None:
        async with database.transaction() as transaction:
            await clocks.keep(transaction, "figures", "measure", now=now, lost_before=now - timedelta(minutes=10))

    async def taken(now: datetime) -> list[Due]:
        async with database.transaction() as transaction:
            return await clocks.take_due(transaction, now=now)

    await keep(AT)
    await keep(AT + HOUR)
    assert [due.due_at for due in await taken(AT)] == [AT]
    await keep(AT + timedelta(minutes=9))
    assert await taken(AT + HOUR) == []
    await keep(AT + timedelta(minutes=11))
    assert [due.due_at for due in await taken(AT + HOUR)] == [AT + timedelta(minutes=11)]
