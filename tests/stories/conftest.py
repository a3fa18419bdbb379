"""A story has its own workspace, its own vendors, its own databases, and the real bot."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from runbook_table import commands_of
from staging import staged
from storytelling import Story

from bot.metrics import REQUESTS
from bot.store.embedded import EmbeddedServer
from sandbox.product import ProductDatabase, company_of, seed
from sandbox.world import World


@pytest.fixture(scope="session")
async def product_template(postgres: EmbeddedServer) -> str:
    """The name of a product database of 200 customers, to be copied; made once a worker."""
    name = f"product_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    await postgres.create_database(name)
    seed.create(postgres.conninfo(name), World().clock.now(), size=200)
    return name


@pytest.fixture
async def stage(
    tmp_path: Path, postgres: EmbeddedServer, make_database: Any, product_template: str
) -> AsyncIterator[Story]:
    """A workspace and a company, without a bot yet."""
    own = dict(part.split("=", 1) for part in (await make_database()).split())["dbname"].strip("'")
    product = f"{own}_product"
    await postgres.create_database(product, template=product_template)
    try:
        async with staged(tmp_path, postgres, own=own, product=product) as story:
            yield story
    finally:
        await postgres.drop_database(product)


@pytest.fixture
async def story(stage: Story) -> Story:
    """The same, with the bot in it, over Socket Mode."""
    await stage.start()
    return stage


@pytest.fixture(scope="session")
async def staging_template(postgres: EmbeddedServer) -> str:
    """The name of a staging database of few customers, to be copied; made once a worker that asks for it."""
    name = f"staging_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    await postgres.create_database(name)
    seed.create_staging(postgres.conninfo(name), World().clock.now())
    return name


@pytest.fixture
async def staging(stage: Story, postgres: EmbeddedServer, staging_template: str) -> AsyncIterator[str]:
    """Staging's database, which the company shares and the bot's settings name; its address."""
    name = f"{uuid.uuid4().hex[:12]}_staging"
    await postgres.create_database(name, template=staging_template)
    company = company_of(stage.sandbox.world)
    async with ProductDatabase(postgres.conninfo(name)) as database:
        company.staging = database
        stage.extra["ILAB_PRODUCT__STAGING_DATABASE_URL"] = postgres.conninfo(name)
        yield postgres.conninfo(name)
        company.staging = None
    await postgres.drop_database(name)


@pytest.fixture(autouse=True)
def proof(request: pytest.FixtureRequest) -> Iterator[None]:
    """A story that docs/runbook.md names ran the commands that it is named for."""
    named = commands_of(f"{request.path.name}::{request.function.__name__}")
    before = _asked()
    yield
    asked = {words for words, count in _asked().items() if count > before.get(words, 0)}
    assert named <= asked, f"docs/runbook.md says that this story runs {', '.join(sorted(named - asked))}"


def _asked() -> dict[str, float]:
    """How often each command was run and went well, by the bots of this process."""
    return {
        sample.labels["operation"]: sample.value
        for metric in REQUESTS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["outcome"] == "ok"
    }
