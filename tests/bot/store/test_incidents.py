"""Incidents, their timeline, their milestones, and requests that hold something for themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from bot.errors import UserError
from bot.incidents.timeline import Kind
from bot.store import incidents, milestones, requests, timeline
from bot.store.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_a_timeline_only_grows(database: Database) -> None:
    """An entry is written once a key, stands at the time when it happened, and can be neither changed nor deleted."""
    async with database.connection() as connection:
        incident = await incidents.add(connection, key="k1", severity="P0", title="x", by="U1", at=NOW)
        assert incident is not None
        for key, at in (("b", NOW), ("a", NOW - timedelta(minutes=5)), ("b", NOW)):
            await timeline.add(connection, incident, Kind.NOTE, key=key, actor="U1", said=key, at=at, recorded_at=NOW)
        assert [entry.key for entry in await timeline.of(connection, incident)] == ["a", "b"]
        found = await timeline.by_key(connection, incident, "a")
        assert found is not None
        assert (found.kind, found.at) == (Kind.NOTE, NOW - timedelta(minutes=5))
        for statement in ("update timeline set said = 'y'", "delete from timeline", "truncate timeline"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement)


async def test_the_newest_word_on_a_milestone_counts(database: Database) -> None:
    """A milestone is corrected by a newer row; told twice under one key, it is told once."""
    async with database.connection() as connection:
        incident = await incidents.add(connection, key="k1", severity="P0", title="x", by="U1", at=NOW)
        assert incident is not None
        for key, at in (("first", NOW), ("second", NOW - timedelta(minutes=9)), ("first", NOW)):
            await milestones.put(connection, incident, "started", key=key, at=at, by="U1", recorded_at=NOW)
        assert await milestones.of(connection, incident) == {"started": NOW - timedelta(minutes=9)}


async def test_open_incidents(database: Database) -> None:
    """What is neither resolved nor ended otherwise is open, newest first."""
    async with database.connection() as connection:
        for key in ("k1", "k2"):
            await incidents.add(connection, key=key, severity="P1", title=key, by="U1", at=NOW)
        assert [incident.title for incident in await incidents.open_now(connection)] == ["k2", "k1"]
        assert all(incident.is_open for incident in await incidents.open_now(connection))


async def test_one_open_request_holds_it(database: Database) -> None:
    """A second request for the same thing is refused while the first is open; other requests are not."""

    async def ask(key: str, exclusive: str | None) -> int | None:
        async with database.transaction() as transaction:
            return await requests.add(
                transaction,
                key=key,
                operation="rollback",
                requester="U1",
                channel="",
                plan={"effect": "", "lines": [], "decides": {}},
                quorum=1,
                at=NOW,
                expires_at=NOW,
                exclusive=exclusive,
            )

    assert await ask("k1", "production") is not None
    with pytest.raises(UserError, match="only one"):
        await ask("k2", "production")
    assert await ask("k3", None) is not None
    assert await ask("k1", "production") is None
