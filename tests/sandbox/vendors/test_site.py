"""InterviewLab's site: its health addresses, maintenance, the Stripe webhook, and what users do."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from bot.store.embedded import EmbeddedServer
from sandbox.product import ProductDatabase, company_of, seed
from sandbox.product.books import CASES, PASSWORD
from sandbox.vendors.stripe.api import signature
from sandbox.vendors.supabase.gateway import make_token
from sandbox.world import CREDENTIALS


@pytest.fixture(scope="module")
async def seeded(postgres: EmbeddedServer) -> AsyncIterator[tuple[str, str]]:
    """A small production database and its staging twin, shared by the tests of this file."""
    names = [f"site_{uuid.uuid4().hex[:8]}" for _ in range(2)]
    for name in names:
        await postgres.create_database(name, if_missing=False)
    production, staging = (postgres.conninfo(name) for name in names)
    await asyncio.to_thread(seed.create, production, datetime.now(UTC), size=300)
    await asyncio.to_thread(seed.create_staging, staging, datetime.now(UTC))
    yield production, staging
    for name in names:
        await postgres.drop_database(name)


@pytest.fixture
async def database(company: Any, seeded: tuple[str, str]) -> AsyncIterator[ProductDatabase]:
    """The site has the product's databases."""
    async with ProductDatabase(seeded[0]) as production, ProductDatabase(seeded[1]) as staging:
        await company_of(company.world).attach(production, staging)
        yield production


@pytest.fixture
def visitor(company: Any) -> httpx.AsyncClient:
    """Somebody who is not signed in."""
    return company.client("site")


async def signed_in(company: Any, case: str) -> dict[str, str]:
    """The header of a user, who signs in at Supabase."""
    client = company.client("supabase", apikey=CREDENTIALS["supabase.publishable_key"])
    body = {"email": CASES[case].lower(), "password": PASSWORD}
    answer = (await client.post("/auth/v1/token?grant_type=password", json=body)).json()
    return {"Authorization": f"Bearer {answer['access_token']}"}


def completed(user: Any, session: str, package: str = "starter") -> bytes:
    """The event of a paid checkout."""
    paid = {
        "id": session,
        "object": "checkout.session",
        "payment_status": "paid",
        "client_reference_id": str(user),
        "metadata": {"package": package},
        "amount_total": 1900,
    }
    event = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "data": {"object": paid}}
    return json.dumps(event).encode()


async def test_the_front_page_is_well(visitor: httpx.AsyncClient) -> None:
    """HEAD and GET answer 200 with a page of Vercel's."""
    for answer in (await visitor.head("/"), await visitor.get("/")):
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.headers["Server"] == "Vercel"


async def test_the_api_answers_401_in_its_own_words(visitor: httpx.AsyncClient) -> None:
    """Without a user: the app's JSON."""
    answer = await visitor.get("/api/user/entitlements")
    assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})
    forged = await visitor.get("/api/user/entitlements", headers={"Authorization": "Bearer a.b.c"})
    assert forged.status_code == 401


async def test_a_protected_site_answers_401_with_a_page(company: Any, visitor: httpx.AsyncClient) -> None:
    """Deployment protection hides the API's own answer: HTML, not JSON."""
    company.vendors["site"].set_switch("site", "protected")
    for path in ("/", "/api/user/entitlements"):
        answer = await visitor.get(path)
        assert answer.status_code == 401
        assert answer.headers["Content-Type"].startswith("text/html")


async def test_site_and_api_can_be_down(company: Any, visitor: httpx.AsyncClient) -> None:
    """The API alone, or all of it: 500."""
    company.vendors["site"].set_switch("api", "down")
    assert (await visitor.get("/")).status_code == 200
    assert (await visitor.get("/api/user/entitlements")).json() == {"error": "Internal Server Error"}
    company.vendors["site"].set_switch("api", "up")
    company.vendors["site"].set_switch("site", "down")
    assert (await visitor.head("/")).status_code == 500
    assert (await visitor.get("/api/user/entitlements")).status_code == 500


async def test_a_slow_site_takes_seconds(company: Any, visitor: httpx.AsyncClient) -> None:
    """And answers in the end, or at once when the sandbox closes."""
    company.vendors["site"].set_switch("site", "slow")
    started = time.monotonic()
    asyncio.get_running_loop().call_later(1.2, company.vendors["site"].close)
    assert (await visitor.get("/")).status_code == 200
    assert time.monotonic() - started >= 1


async def test_maintenance_shows_its_message(company: Any, visitor: httpx.AsyncClient) -> None:
    """Pages answer 503 with the message, escaped; the API goes on; no interview is begun."""
    company.world.maintenance = True
    company.world.maintenance_message = "Back at 4 <soon>"
    page = await visitor.get("/")
    assert page.status_code == 503
    assert "Back at 4 &lt;soon&gt;" in page.text
    assert page.headers["Retry-After"] == "600"
    assert (await visitor.get("/api/user/entitlements")).status_code == 401
    company.world.maintenance = False
    assert (await visitor.get("/")).status_code == 200


async def test_a_webhook_must_be_signed(visitor: httpx.AsyncClient) -> None:
    """No signature, another secret, an old signature, another body: 400 each."""
    body = completed(uuid.uuid4(), "cs_test_unsigned")
    for header in (
        "",
        signature(body, secret="whsec_other"),
        signature(body, at=int(time.time()) - 600),
        signature(b"{}"),
        "t=soon,v1=ff",
    ):
        answer = await visitor.post("/api/stripe-webhook", content=body, headers={"Stripe-Signature": header})
        assert (answer.status_code, answer.json()) == (400, {"error": "Invalid signature"})


async def test_a_paid_session_is_granted_once(
    company: Any, visitor: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """Ten deliveries at once give one entitlement with one line of history."""
    user = company_of(company.world).books.cases["unconfirmed"].id
    body = completed(user, "cs_test_once")

    async def deliver() -> int:
        headers = {"Stripe-Signature": signature(body)}
        return (await visitor.post("/api/stripe-webhook", content=body, headers=headers)).status_code

    assert await asyncio.gather(*(deliver() for _ in range(10))) == [200] * 10
    rows = await database.fetch(
        "select e.tier, e.remaining_interviews, h.action, h.new_balance from entitlements e"
        " join entitlement_history h on h.entitlement_id = e.id where e.stripe_session_id = 'cs_test_once'"
    )
    assert rows == [{"tier": "starter", "remaining_interviews": 3, "action": "purchase", "new_balance": 3}]


async def test_a_webhook_that_cannot_be_written_fails(
    company: Any, visitor: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """An unknown user, an unknown package: 500, and a line in the server's log; other events are taken and ignored."""
    user = company_of(company.world).books.cases["canary"].id
    for body in (completed(uuid.uuid4(), "cs_test_nobody"), completed(user, "cs_test_nothing", "gold")):
        headers = {"Stripe-Signature": signature(body)}
        assert (await visitor.post("/api/stripe-webhook", content=body, headers=headers)).status_code == 500
    lines = company_of(company.world).server_lines(company.world.clock.timestamp() - 60)
    assert [line.level for line in lines if "[T134 Webhook]" in line.message] == ["error", "error"]
    other = json.dumps({"type": "customer.updated", "data": {"object": {"id": "cus_1"}}}).encode()
    answer = await visitor.post("/api/stripe-webhook", content=other, headers={"Stripe-Signature": signature(other)})
    assert answer.json() == {"received": True}


async def test_staging_has_an_endpoint_of_its_own(
    company: Any, visitor: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """A test event to staging leaves production as it was."""
    user = company_of(company.world).books.cases["canary"].id
    body = completed(user, "cs_test_staging")
    headers = {"Stripe-Signature": signature(body)}
    assert (await visitor.post("/staging/api/stripe-webhook", content=body, headers=headers)).status_code == 200
    count = "select count(*) as n from entitlements where stripe_session_id = 'cs_test_staging'"
    assert (await database.fetch(count))[0]["n"] == 0
    staging = company_of(company.world).staging
    assert staging is not None
    assert (await staging.fetch(count))[0]["n"] == 1


async def test_an_interview_takes_one_from_the_balance(
    company: Any, visitor: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """201 while something is left, 402 when nothing is, 503 in maintenance."""
    headers = await signed_in(company, "capitals")
    assert len((await visitor.get("/api/user/entitlements", headers=headers)).json()["entitlements"]) == 1
    begun = await visitor.post("/api/interview/start", json={"mode": "text", "job_title": "Nurse"}, headers=headers)
    assert begun.status_code == 201
    again = await visitor.post("/api/interview/start", json={}, headers=headers)
    assert (again.status_code, again.json()) == (402, {"error": "No interviews left"})
    company.world.maintenance = True
    assert (await visitor.post("/api/interview/start", json={}, headers=headers)).status_code == 503
    assert (await visitor.post("/api/interview/start", json={})).status_code == 401


async def test_a_second_cv_is_refused_while_the_policy_is_missing(
    company: Any, visitor: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """Who has one cannot replace it until 003 is run; who has none can upload."""
    pdf = {"Content-Type": "application/pdf"}
    refused = await signed_in(company, "upload_refused") | pdf
    answer = await visitor.post("/api/cv/upload", content=b"%PDF", headers=refused)
    assert (answer.status_code, answer.json()) == (500, {"error": "Failed to upload file"})
    first = await signed_in(company, "never_bought") | pdf
    assert (await visitor.post("/api/cv/upload", content=b"%PDF", headers=first)).status_code == 201
    await asyncio.to_thread(seed.apply_schema, database.conninfo)
    assert (await visitor.post("/api/cv/upload", content=b"%PDF", headers=refused)).status_code == 201


async def test_without_a_database_the_webhook_still_takes_payments(company: Any, visitor: httpx.AsyncClient) -> None:
    """A paid session is remembered, so that Stripe need not send it again."""
    body = completed(uuid.uuid4(), "cs_test_remembered")
    answer = await visitor.post("/api/stripe-webhook", content=body, headers={"Stripe-Signature": signature(body)})
    assert answer.status_code == 200
    assert company.vendors["site"].remembered == {"cs_test_remembered"}


async def test_a_database_that_is_down_fails_what_needs_it(company: Any, visitor: httpx.AsyncClient) -> None:
    """The webhook and a user's page fail with the app's 500; the front page does not."""
    headers = {"Authorization": f"Bearer {token_of(uuid.uuid4())}"}
    async with ProductDatabase("host=/nonexistent dbname=postgres") as gone:
        await company_of(company.world).attach(gone)
        body = completed(uuid.uuid4(), "cs_test_down")
        signed = {"Stripe-Signature": signature(body)}
        assert (await visitor.post("/api/stripe-webhook", content=body, headers=signed)).status_code == 500
        assert (await visitor.get("/api/user/entitlements", headers=headers)).status_code == 500
        assert (await visitor.get("/")).status_code == 200


def token_of(user: uuid.UUID) -> str:
    """A valid token of a user."""
    return make_token({"sub": str(user), "role": "authenticated", "exp": time.time() + 60})


@pytest.mark.parametrize(
    ("state", "status", "says"),
    [
        ("failing", 500, "failed: connection terminated unexpectedly"),
        ("wrong_secret", 400, "Invalid signature"),
        ("forgetful", 200, "received"),
    ],
)
async def test_the_webhook_breaks_in_each_way(
    company: Any, database: ProductDatabase, visitor: httpx.AsyncClient, state: str, status: int, says: str
) -> None:
    """Switched so, it answers so, writes it into the log, and gives nothing."""
    company.vendors["site"].set_switch("webhook", state)
    purchase = next(one for one in company_of(company.world).books.purchases if one.paid and not one.granted)
    session = {
        "id": purchase.session_id,
        "payment_status": "paid",
        "client_reference_id": str(purchase.customer.id),
        "metadata": {"package": purchase.package.key},
    }
    body = json.dumps({"type": "checkout.session.completed", "data": {"object": session}}).encode()
    answer = await visitor.post("/api/stripe-webhook", content=body, headers={"Stripe-Signature": signature(body)})
    assert answer.status_code == status
    assert any(says in line.message for line in company_of(company.world).server_log)
    query = "select count(*) as given from entitlements where stripe_session_id = %s"
    assert (await database.fetch(query, [purchase.session_id]))[0]["given"] == 0


async def test_the_log_tells_what_became_of_each_payment(company: Any, database: ProductDatabase) -> None:
    """Each fate of the books has its line, or, where nobody asked the server, none."""
    kept = company_of(company.world)
    lost = {one.fate: one for one in kept.books.purchases if one.paid and not one.granted}
    lines = kept.server_lines(0)
    about = {fate: [line for line in lines if one.session_id in line.message] for fate, one in lost.items()}
    assert [line.status for line in about["failed"]] == [500]
    assert [line.status for line in about["vanished"]] == [200]
    assert (about["unsent"], about["unheard"], about["badly_signed"]) == ([], [], [])
    assert any("Invalid signature" in line.message and line.status == 400 for line in lines)
