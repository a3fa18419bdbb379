"""Taking a person out of our own tables, on the real database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.store import customers, erasure, offers
from bot.store.database import Database

AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
PERSON = "550e8400-e29b-41d4-a716-446655440000"


async def keep(database: Database, key: str, text: Any) -> None:
    """Something that came in."""
    async with database.connection() as connection:
        await connection.execute(
            "insert into inbox (key, kind, payload, received_at, claimed_until)"
            " values (%s, 'command', jsonb_build_object('text', %s::text), %s, %s)",
            [key, text, AT, AT],
        )


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("grant Ann+x@Example.com 3", "grant ••• 3"),
        ("<mailto:ann+x@example.com|ann+x@example.com>", "<mailto:•••|•••>"),
        ("user=ann+x@example.com&id=" + PERSON.upper(), "user=•••&id=•••"),
        ("say ann+x@example.com.", "say •••."),
        ("joann+x@example.com", "joann+x@example.com"),
        ("ann+x@example.com.au", "ann+x@example.com.au"),
        ("ann+x@example.community", "ann+x@example.community"),
        ("annyx@example.com", "annyx@example.com"),
        ('quoted "ann+x@example.com" \\ and ünï', 'quoted "•••" \\ and ünï'),
    ],
)
async def test_exactly_the_address(database: Database, said: str, left: str) -> None:
    """In every case and wrapping; another address that contains it, or looks like it, stays whole."""
    await keep(database, "k", said)
    async with database.transaction() as transaction:
        held = await erasure.sweep(
            transaction, ("ann+x@example.com", PERSON), masked="a•••@example.com", called="customer 1", about=()
        )
        row = await (await transaction.execute("select payload ->> 'text' from inbox")).fetchone()
    assert row == (left,)
    assert held == ({} if said == left else {"inbox": 1})


async def test_words_behind_buttons_go(database: Database) -> None:
    """The whole button: words without their address would mean somebody else."""
    async with database.transaction() as transaction:
        mine = await offers.add(transaction, "user show ann@example.com", at=AT)
        other = await offers.add(transaction, "user show joann@example.com", at=AT)
        await erasure.sweep(transaction, ("ann@example.com",), masked="a•••@example.com", called="c", about=())
        assert await offers.get(transaction, mine, now=AT) is None
        assert await offers.get(transaction, other, now=AT) is not None


async def test_a_customer_by_their_hash(database: Database) -> None:
    """Always the same while the key is there; forgotten, the next one is another, and the old leads nowhere."""
    async with database.transaction() as transaction:
        ref = await customers.refer(transaction, PERSON)
        assert await customers.refer(transaction, PERSON) == ref
        assert await customers.person_of(transaction, ref) == PERSON
        decides = {"person": PERSON, "items": [{"person": PERSON, "n": 1}], "reason": PERSON}
        veiled = await customers.veiled(transaction, decides)
        assert veiled == {"person": ref, "items": [{"person": ref, "n": 1}], "reason": PERSON}
        assert await customers.unveiled(transaction, veiled) == decides
        await customers.remember(transaction, PERSON, "ann@example.com")
        assert await customers.begun(transaction, "ann@example.com") == PERSON
        await customers.forget(transaction, PERSON)
        assert await customers.person_of(transaction, ref) is None
        assert await customers.refer(transaction, PERSON) != ref


async def test_what_is_append_only_stays_so(database: Database) -> None:
    """But for an erasure, and only until it has ended."""
    async with database.transaction() as transaction:
        await transaction.execute(
            "insert into incidents (key, severity, title, declared_by, declared_at, channel_name)"
            " values ('k', 'P2', 'ann@example.com cannot sign in', 'U1', %s, 'inc')",
            [AT],
        )
        await transaction.execute(
            "insert into timeline (incident, key, kind, actor, said, link, at, recorded_at)"
            " select id, 'k', 'note', 'U1', 'ann@example.com called', '', %s, %s from incidents",
            [AT, AT],
        )
        held = await erasure.sweep(transaction, ("ann@example.com",), masked="a•••@example.com", called="c", about=())
        assert held == {"incidents": 1, "timeline": 1}
    async with database.connection() as connection:
        row = await (await connection.execute("select said from timeline")).fetchone()
        assert row == ("••• called",)
        with pytest.raises(Exception, match="append-only"):
            await connection.execute("update timeline set said = 'x'")
