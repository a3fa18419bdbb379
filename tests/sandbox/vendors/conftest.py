"""A real HTTP server with stand-ins, a client of each, and the vendors' specifications where they are at hand."""

from __future__ import annotations

import asyncio
import copy
import json
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.store.embedded import EmbeddedServer
from sandbox.faults import Faults
from sandbox.product import ProductDatabase, company_of, seed
from sandbox.vendors import every_vendor
from sandbox.vendors.vendor import Vendor
from sandbox.world import CREDENTIALS, World

SPECS = Path(__file__).resolve().parents[4] / "shared" / "specs"

HEADERS: dict[str, dict[str, str]] = {
    "vercel": {"Authorization": f"Bearer {CREDENTIALS['vercel.token']}"},
    "openai": {"Authorization": f"Bearer {CREDENTIALS['openai.api_key']}"},
    "uptimerobot": {"Authorization": f"Bearer {CREDENTIALS['uptimerobot.api_key']}"},
    "sentry": {"Authorization": f"Bearer {CREDENTIALS['sentry.token']}"},
    "pagerduty": {
        "Authorization": f"Token token={CREDENTIALS['pagerduty.api_key']}",
        "From": CREDENTIALS["pagerduty.from_email"],
    },
    "statuspage": {"Authorization": f"OAuth {CREDENTIALS['statuspage.api_key']}"},
    "resend": {"Authorization": f"Bearer {CREDENTIALS['resend.api_key']}"},
    "github": {"Authorization": f"Bearer {CREDENTIALS['github.token']}"},
}


class Company:
    """All stand-ins of one world behind one address."""

    def __init__(self, world: World, faults: Faults, vendors: dict[str, Vendor], server: TestServer) -> None:
        """Hold what a test needs."""
        self.world, self.faults, self.vendors, self.server = world, faults, vendors, server
        self.url = str(server.make_url("")).rstrip("/")
        self.clients: list[httpx.AsyncClient] = []

    def client(self, vendor: str, **headers: str) -> httpx.AsyncClient:
        """Return a client of one vendor with valid credentials; an empty header leaves one out."""
        sent = {key: value for key, value in {**HEADERS.get(vendor, {}), **headers}.items() if value}
        params = {"teamId": CREDENTIALS["vercel.team_id"]} if vendor == "vercel" else {}
        client = httpx.AsyncClient(base_url=f"{self.url}/{vendor}", headers=sent, params=params, timeout=5)
        self.clients.append(client)
        return client


@pytest.fixture
async def company() -> AsyncIterator[Company]:
    """Serve all stand-ins over real HTTP, in good health."""
    world, faults = World(), Faults()
    vendors = every_vendor(world, faults)
    app = web.Application()
    for vendor in vendors.values():
        vendor.add_routes(app.router)
    server = TestServer(app)
    await server.start_server()
    served = Company(world, faults, vendors, server)
    yield served
    for client in served.clients:
        await client.aclose()
    for vendor in vendors.values():
        vendor.close()
    await server.close()


@pytest.fixture(scope="module")
async def seeded(postgres: EmbeddedServer) -> AsyncIterator[str]:
    """A small production database, shared by the tests of a file: each uses people of its own."""
    name = f"product_{uuid.uuid4().hex[:8]}"
    await postgres.create_database(name, if_missing=False)
    await asyncio.to_thread(seed.create, postgres.conninfo(name), datetime.now(UTC), size=300)
    yield postgres.conninfo(name)
    await postgres.drop_database(name)


@pytest.fixture
async def database(company: Company, seeded: str) -> AsyncIterator[ProductDatabase]:
    """The stand-ins, the site and the books have the product's database."""
    async with ProductDatabase(seeded) as database:
        await company_of(company.world).attach(database)
        yield database


Check = Callable[[str, str, str, httpx.Response], Any]


@pytest.fixture
def matches_spec() -> Check:
    """Return a check of an answer against a vendor's specification; it skips where the specifications are not at hand."""
    if not SPECS.is_dir():
        pytest.skip("the vendors' specifications are not at hand (../shared/specs)")

    def check(spec: str, method: str, path: str, response: httpx.Response) -> Any:
        document = json.loads((SPECS / f"{spec}.json").read_text())
        responses = document["paths"][path][method.lower()]["responses"]
        documented = resolved(document, responses[str(response.status_code)])
        schema = next(iter(documented["content"].values()))["schema"]
        whole = as_json_schema({**copy.deepcopy(schema), "components": document["components"]})
        body = response.json()
        error = jsonschema.exceptions.best_match(jsonschema.Draft4Validator(whole).iter_errors(body))
        assert error is None, f"{error.json_path}: {error.message[:500]}"
        return body

    return check


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference inside a document."""
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def as_json_schema(node: Any) -> Any:
    """Return a schema of OpenAPI 3.0 as JSON Schema: `nullable` is a type, and `oneOf` (whose branches overlap) `anyOf`."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {
        {"oneOf": "anyOf"}.get(key, key): as_json_schema(value)
        for key, value in node.items()
        if key not in ("nullable", "example")
    }
    if node.get("nullable") is True:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain
