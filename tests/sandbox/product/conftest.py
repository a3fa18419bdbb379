"""One seeded production database for the tests that only read it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.store.embedded import EmbeddedServer
from sandbox.product import seed

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="session")
async def production(postgres: EmbeddedServer) -> AsyncIterator[str]:
    """The conninfo of a production database of the usual size, seeded as of `NOW`."""
    name = f"product_{uuid.uuid4().hex[:8]}"
    await postgres.create_database(name, if_missing=False)
    await asyncio.to_thread(seed.create, postgres.conninfo(name), NOW)
    yield postgres.conninfo(name)
    await postgres.drop_database(name)


@pytest.fixture
def now() -> datetime:
    """The moment as of which `production` was seeded."""
    return NOW
