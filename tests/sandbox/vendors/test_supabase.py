"""Supabase: keys, REST under row-level security, Auth's admin API, Storage, metrics, and the Management API."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sandbox.product import ProductDatabase, company_of
from sandbox.product.books import CASES, PASSWORD
from sandbox.world import CREDENTIALS

REF = CREDENTIALS["supabase.ref"]
PUBLIC = {"apikey": CREDENTIALS["supabase.publishable_key"]}
SECRET = {"apikey": CREDENTIALS["supabase.secret_key"]}
MANAGEMENT = {"Authorization": f"Bearer {CREDENTIALS['supabase.access_token']}"}
SERVICES = {"services": ["auth", "db", "rest", "storage", "pooler", "realtime"]}


@pytest.fixture
def public(company: Any) -> httpx.AsyncClient:
    """A browser's client."""
    return company.client("supabase", **PUBLIC)


@pytest.fixture
def secret(company: Any) -> httpx.AsyncClient:
    """A server's client."""
    return company.client("supabase", **SECRET)


@pytest.fixture
def management(company: Any) -> httpx.AsyncClient:
    """A client of the Management API for the project."""
    client = company.client("supabase_management", **MANAGEMENT)
    client.base_url = f"{company.url}/supabase_management/v1/projects/{REF}"
    return client


async def project(client: httpx.AsyncClient) -> httpx.Response:
    """The project itself."""
    return await client.get(str(client.base_url).rstrip("/"))


async def found(client: httpx.AsyncClient, case: str) -> dict[str, Any]:
    """The user of a case, by the admin API."""
    users = (await client.get("/auth/v1/admin/users", params={"filter": CASES[case].lower()})).json()["users"]
    return next(user for user in users if user["email"] == CASES[case].lower())


async def signed_in(client: httpx.AsyncClient, case: str) -> dict[str, str]:
    """The header of a case who signs in."""
    answer = await client.post(
        "/auth/v1/token?grant_type=password", json={"email": CASES[case].lower(), "password": PASSWORD}
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


# keys


async def test_without_a_key_nothing_is_answered(company: Any) -> None:
    """No key, a wrong key, a secret key from a browser, and a new key as bearer of another: 401 each."""
    bare = company.client("supabase")
    missing = await bare.get("/rest/v1/")
    assert missing.status_code == 401
    assert missing.json()["message"] == "No API key found in request"
    assert (await bare.get("/auth/v1/health", headers={"apikey": "wrong"})).status_code == 401
    browser = SECRET | {"User-Agent": "Mozilla/5.0"}
    assert (await bare.get("/auth/v1/health", headers=browser)).status_code == 401
    crossed = PUBLIC | {"Authorization": f"Bearer {SECRET['apikey']}"}
    assert (await bare.get("/rest/v1/sessions", headers=crossed)).status_code == 401
    same = SECRET | {"Authorization": f"Bearer {SECRET['apikey']}"}
    assert (await bare.get("/rest/v1/sessions", headers=same)).status_code == 200


async def test_the_rest_root_is_closed_to_a_public_key(public: httpx.AsyncClient, secret: httpx.AsyncClient) -> None:
    """Since April 2026 the root answers 401 to a publishable key, and describes the schema to a secret one."""
    assert (await public.get("/rest/v1/")).status_code == 401
    root = await secret.get("/rest/v1/")
    assert root.status_code == 200
    assert "/entitlements" in root.json()["paths"]


# REST


async def test_a_public_key_reads_no_rows_of_private_tables(
    public: httpx.AsyncClient, secret: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """200 for both keys: no rows for one, a row for the other."""
    assert (await public.get("/rest/v1/entitlements?select=id&limit=1")).json() == []
    rows = await secret.get("/rest/v1/entitlements?select=id,tier&limit=1")
    assert rows.status_code == 200
    assert set(rows.json()[0]) == {"id", "tier"}
    assert rows.headers["Content-Range"] == "0-0/*"
    assert (await public.head("/rest/v1/entitlements?select=id&limit=1")).status_code == 200


async def test_rest_filters_orders_and_counts(secret: httpx.AsyncClient, database: ProductDatabase) -> None:
    """Filters, order, paging and an exact count do what PostgREST's do."""
    user = await found(secret, "many_sessions")
    answer = await secret.get(
        "/rest/v1/sessions",
        params={
            "select": "created_at",
            "user_id": f"eq.{user['id']}",
            "order": "created_at.desc",
            "limit": 3,
            "offset": 1,
        },
        headers={"Prefer": "count=exact"},
    )
    times = [row["created_at"] for row in answer.json()]
    assert times == sorted(times, reverse=True)
    assert len(times) == 3
    assert answer.headers["Content-Range"] == "0-2/5000"
    nobody = await secret.get("/rest/v1/sessions?user_id=is.null&mode=in.(text,voice)")
    assert nobody.json() == []


async def test_rest_names_what_it_does_not_know(secret: httpx.AsyncClient, database: ProductDatabase) -> None:
    """An unknown table is 404 PGRST205, an unknown column 400 42703, a bad filter 400 PGRST100."""
    for path, status, code in (
        ("nothing", 404, "PGRST205"),
        ("sessions?select=nothing", 400, "42703"),
        ("sessions?mode=about.text", 400, "PGRST100"),
        ("sessions?user_id=eq.me", 400, "22P02"),
    ):
        answer = await secret.get(f"/rest/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (status, code), path


async def test_a_user_sees_their_own_rows(public: httpx.AsyncClient, database: ProductDatabase) -> None:
    """With a user's token, row-level security shows what is theirs."""
    headers = await signed_in(public, "plus")
    rows = (await public.get("/rest/v1/entitlements?select=remaining_interviews", headers=headers)).json()
    assert rows == [{"remaining_interviews": 3}]


async def test_the_database_switched_off_shows_in_every_service(
    company: Any, secret: httpx.AsyncClient, management: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """REST says 503 PGRST001, Auth 500, Storage 544; Auth's own health stays well; the Management API says which."""
    company.vendors["supabase"].set_switch("database", "down")
    rest = await secret.get("/rest/v1/entitlements?select=id&limit=1")
    assert (rest.status_code, rest.json()["code"]) == (503, "PGRST001")
    assert (await secret.get("/auth/v1/admin/users")).status_code == 500
    assert (await secret.get("/storage/v1/bucket/cvs")).status_code == 544
    assert (await secret.get("/auth/v1/health")).status_code == 200
    services = {row["name"]: row for row in (await management.get("health", params=SERVICES)).json()}
    assert services["db"]["status"] == services["rest"]["status"] == "UNHEALTHY"
    assert services["db"]["error"]
    assert services["auth"]["status"] == "ACTIVE_HEALTHY"
    assert (await project(management)).json()["status"] == "ACTIVE_UNHEALTHY"


async def test_a_database_that_is_really_gone_shows_the_same(
    company: Any, secret: httpx.AsyncClient, management: httpx.AsyncClient
) -> None:
    """No switch, but nobody answers at its address: 503 again, and UNHEALTHY."""
    async with ProductDatabase("host=/nonexistent dbname=postgres") as gone:
        await company_of(company.world).attach(gone)
        assert (await secret.get("/rest/v1/entitlements?select=id&limit=1", timeout=10)).status_code == 503
        services = (await management.get("health", params={"services": "db"}, timeout=10)).json()
        assert services[0]["status"] == "UNHEALTHY"


async def test_without_a_product_database_the_company_is_empty_and_well(
    public: httpx.AsyncClient, secret: httpx.AsyncClient
) -> None:
    """The probes are green, the lists empty, and nobody can sign in."""
    assert (await public.get("/rest/v1/entitlements?select=id&limit=1")).json() == []
    assert (await secret.get("/auth/v1/admin/users")).json() == {"users": [], "aud": "authenticated"}
    answer = await public.post("/auth/v1/token?grant_type=password", json={"email": "a@b", "password": PASSWORD})
    assert answer.json()["error_code"] == "invalid_credentials"
    assert (await public.post("/auth/v1/recover", json={"email": "a@b.c"})).status_code == 200


@pytest.mark.parametrize("service", ["auth", "rest", "storage"])
async def test_a_service_switched_off_answers_503(company: Any, secret: httpx.AsyncClient, service: str) -> None:
    """Each service can be down by itself."""
    paths = {"auth": "/auth/v1/health", "rest": "/rest/v1/sessions?limit=1", "storage": "/storage/v1/status"}
    company.vendors["supabase"].set_switch(service, "unhealthy")
    assert {name: (await secret.get(path)).status_code for name, path in paths.items()} == {
        name: 503 if name == service else 200 for name in paths
    }


# Auth


async def test_users_are_listed_by_page(secret: httpx.AsyncClient, database: ProductDatabase) -> None:
    """Newest first, with the total and the links in headers; `filter` is contained and case-sensitive."""
    page = await secret.get("/auth/v1/admin/users?page=2&per_page=40")
    assert page.headers["X-Total-Count"] == "300"
    assert 'rel="next"' in page.headers["Link"]
    users = page.json()["users"]
    assert len(users) == 40
    assert [user["created_at"] for user in users] == sorted((user["created_at"] for user in users), reverse=True)
    assert "encrypted_password" not in users[0]
    capitals = await secret.get("/auth/v1/admin/users", params={"filter": CASES["capitals"]})
    assert capitals.json()["users"] == []
    assert (await found(secret, "capitals"))["user_metadata"]["full_name"] == "Zoe Capitals"
    alexes = await secret.get("/auth/v1/admin/users", params={"filter": "alex", "per_page": 1000})
    assert alexes.headers["X-Total-Count"] == "75"


async def test_only_a_secret_key_may_see_users(public: httpx.AsyncClient, database: ProductDatabase) -> None:
    """401 for the public key, 403 for a user."""
    assert (await public.get("/auth/v1/admin/users")).json()["error_code"] == "no_authorization"
    answer = await public.get("/auth/v1/admin/users", headers=await signed_in(public, "plus"))
    assert (answer.status_code, answer.json()["error_code"]) == (403, "not_admin")


async def test_a_user_is_as_documented(secret: httpx.AsyncClient, database: ProductDatabase, matches_spec: Any) -> None:
    """List, user, and the error of an unknown one match the specification."""
    user = await found(secret, "subscriber")
    matches_spec(
        "supabase-auth", "get", "/admin/users/{userId}", await secret.get(f"/auth/v1/admin/users/{user['id']}")
    )
    matches_spec("supabase-auth", "get", "/admin/users", await secret.get("/auth/v1/admin/users"))
    matches_spec("supabase-auth", "get", "/health", await secret.get("/auth/v1/health"))


async def test_an_unknown_user_is_said_in_the_shape_asked_for(
    secret: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """404 user_not_found, in the old shape and in that of 2024."""
    for unknown in (uuid.uuid4(), "nonsense"):
        answer = await secret.get(f"/auth/v1/admin/users/{unknown}")
        assert answer.status_code == 404
        assert answer.json() == {"code": 404, "error_code": "user_not_found", "msg": "User not found"}
        assert answer.headers["x-sb-error-code"] == "user_not_found"
    new = {"X-Supabase-Api-Version": "2024-01-01"}
    answer = await secret.get(f"/auth/v1/admin/users/{uuid.uuid4()}", headers=new)
    assert answer.json() == {"code": "user_not_found", "message": "User not found"}


async def test_confirming_lets_a_user_sign_in(
    public: httpx.AsyncClient, secret: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """Before: email_not_confirmed. `email_confirm` sets both times, and the sign-in works and is remembered."""
    sign_in = {"email": CASES["unconfirmed"], "password": PASSWORD}
    before = await public.post("/auth/v1/token?grant_type=password", json=sign_in)
    assert (before.status_code, before.json()["error_code"]) == (400, "email_not_confirmed")
    user = await found(secret, "unconfirmed")
    assert "email_confirmed_at" not in user
    confirmed = (await secret.put(f"/auth/v1/admin/users/{user['id']}", json={"email_confirm": True})).json()
    assert confirmed["confirmed_at"] == confirmed["email_confirmed_at"]
    after = await public.post("/auth/v1/token?grant_type=password", json=sign_in)
    assert after.status_code == 200
    me = await public.get("/auth/v1/user", headers={"Authorization": f"Bearer {after.json()['access_token']}"})
    assert me.json()["email"] == CASES["unconfirmed"]
    assert (await found(secret, "unconfirmed"))["last_sign_in_at"]


async def test_wrong_passwords_and_bans_are_told_apart(
    public: httpx.AsyncClient, secret: httpx.AsyncClient, management: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """invalid_credentials, user_banned; lifting the ban works; the auth log knows both refusals."""
    token = "/auth/v1/token?grant_type=password"
    wrong = await public.post(token, json={"email": CASES["banned"], "password": "wrong"})
    assert wrong.json()["error_code"] == "invalid_credentials"
    right = {"email": CASES["banned"], "password": PASSWORD}
    assert (await public.post(token, json=right)).json()["error_code"] == "user_banned"
    user = await found(secret, "banned")
    bad = await secret.put(f"/auth/v1/admin/users/{user['id']}", json={"ban_duration": "soon"})
    assert bad.json()["error_code"] == "validation_failed"
    await secret.put(f"/auth/v1/admin/users/{user['id']}", json={"ban_duration": "none"})
    assert (await public.post(token, json=right)).status_code == 200
    log = await management.get(
        "analytics/endpoints/logs",
        params={"sql": "select event_message from logs where source = 'auth_logs' order by timestamp desc limit 5"},
    )
    messages = [row["event_message"] for row in log.json()["result"]]
    assert "400: Invalid login credentials" in messages
    assert "400: User is banned" in messages


async def test_mails_are_sent_at_most_once_a_minute(
    company: Any, public: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """A reset is answered 200 for anybody, mailed to who is known, and refused again within a minute."""
    mails = company_of(company.world).mails
    assert (await public.post("/auth/v1/recover", json={"email": "nobody@example.com"})).json() == {}
    assert not mails
    assert (await public.post("/auth/v1/recover", json={"email": CASES["capitals"]})).status_code == 200
    again = await public.post("/auth/v1/recover", json={"email": CASES["capitals"]})
    assert (again.status_code, again.json()["error_code"]) == (429, "over_email_send_rate_limit")
    company.world.clock.jump(61)
    assert (await public.post("/auth/v1/recover", json={"email": CASES["capitals"]})).status_code == 200
    assert [(to, kind) for _at, to, kind in mails] == [(CASES["capitals"].lower(), "recovery")] * 2


async def test_a_link_is_generated_and_no_mail_sent(
    company: Any, secret: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """The link comes back with the user; unknown addresses and unknown kinds are refused."""
    link = "/auth/v1/admin/generate_link"
    made = (await secret.post(link, json={"type": "recovery", "email": CASES["never_bought"]})).json()
    assert made["action_link"].startswith(f"https://{REF}.supabase.co/auth/v1/verify?token=")
    assert made["email"] == CASES["never_bought"]
    assert not company_of(company.world).mails
    assert (await secret.post(link, json={"type": "recovery", "email": "no@example.com"})).status_code == 404
    assert (await secret.post(link, json={"type": "magic", "email": CASES["plus"]})).status_code == 400


async def test_users_are_created_and_deleted(secret: httpx.AsyncClient, database: ProductDatabase) -> None:
    """A new user can be made once and deleted once; who is referred to cannot be deleted: 500, as GoTrue says it."""
    new = {"email": "New.Person@example.com", "password": "long enough", "email_confirm": True}
    made = await secret.post("/auth/v1/admin/users", json=new)
    assert made.json()["email"] == "new.person@example.com"
    assert made.json()["confirmed_at"]
    assert (await secret.post("/auth/v1/admin/users", json=new)).json()["error_code"] == "email_exists"
    gone = await secret.delete(f"/auth/v1/admin/users/{made.json()['id']}")
    assert (gone.status_code, gone.json()) == (200, {})
    assert (await secret.delete(f"/auth/v1/admin/users/{made.json()['id']}")).status_code == 404
    author = await found(secret, "code_author")
    refused = await secret.delete(f"/auth/v1/admin/users/{author['id']}")
    assert refused.status_code == 500
    assert refused.json()["msg"] == "Database error deleting user"
    assert await found(secret, "code_author")


async def test_a_soft_deletion_hides_the_address(secret: httpx.AsyncClient, database: ProductDatabase) -> None:
    """The row stays, without the address."""
    made = (await secret.post("/auth/v1/admin/users", json={"email": "soft@example.com"})).json()
    await secret.request("DELETE", f"/auth/v1/admin/users/{made['id']}", json={"should_soft_delete": True})
    left = (await secret.get(f"/auth/v1/admin/users/{made['id']}")).json()
    assert left["deleted_at"]
    assert "soft@example.com" not in str(left["email"])


# Storage


async def test_a_bucket_is_shown_to_the_secret_key(
    public: httpx.AsyncClient, secret: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """With its limit; to others, and where there is none, 400 with 404 in the body."""
    assert (await secret.get("/storage/v1/bucket/cvs")).json()["file_size_limit"] == 5_242_880
    for client, bucket in ((public, "cvs"), (secret, "nothing")):
        answer = await client.get(f"/storage/v1/bucket/{bucket}")
        assert (answer.status_code, answer.json()["statusCode"]) == (400, "404")


async def test_uploads_are_refused_for_their_reason(public: httpx.AsyncClient, database: ProductDatabase) -> None:
    """Somebody else's folder, the wrong type, a duplicate, and replacing under a missing policy."""
    headers = await signed_in(public, "upload_refused") | {"Content-Type": "application/pdf"}
    me = (await public.get("/auth/v1/user", headers=headers)).json()["id"]

    async def upload(name: str, **more: str) -> tuple[int, str]:
        answer = await public.post(f"/storage/v1/object/cvs/{name}", content=b"%PDF", headers=headers | more)
        return answer.status_code, answer.json().get("statusCode", "")

    assert await upload(f"{me}/second.pdf") == (200, "")
    assert await upload(f"{me}/second.pdf") == (400, "409")
    assert await upload("other/cv.pdf") == (400, "403")
    assert await upload(f"{me}/cv.txt", **{"Content-Type": "text/plain"}) == (400, "415")
    assert await upload(f"{me}/cv.pdf", **{"x-upsert": "true"}) == (400, "403")


async def test_files_are_listed_and_deleted(secret: httpx.AsyncClient, database: ProductDatabase) -> None:
    """Folders by name alone, files with their size; deletion answers what went, and finds nothing twice."""
    user = await found(secret, "upload_refused")
    folders = (await secret.post("/storage/v1/object/list/cvs", json={"prefix": "", "limit": 5})).json()
    assert len(folders) == 5
    assert all(folder["id"] is None for folder in folders)
    files = (await secret.post("/storage/v1/object/list/cvs", json={"prefix": user["id"]})).json()
    assert "cv.pdf" in [file["name"] for file in files]
    assert all(file["metadata"]["size"] > 0 for file in files)
    name = f"{user['id']}/cv.pdf"
    gone = await secret.request("DELETE", "/storage/v1/object/cvs", json={"prefixes": [name, "nothing"]})
    assert [row["name"] for row in gone.json()] == [name]
    assert (await secret.delete(f"/storage/v1/object/cvs/{name}")).json()["statusCode"] == "404"


# metrics


async def test_metrics_are_living_prometheus_text(company: Any, database: ProductDatabase) -> None:
    """By HTTP Basic alone; two scrapes a minute apart give the processor's load; the switch raises it."""
    client = company.client("supabase")
    path = "/customer/v1/privileged/metrics"
    assert (await client.get(path)).status_code == 401
    basic = httpx.BasicAuth("service_role", CREDENTIALS["supabase.secret_key"])

    async def scrape() -> dict[tuple[str, ...], float]:
        text = (await client.get(path, auth=basic)).text
        return {
            (sample.name, sample.labels.get("mode", "")): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def load() -> float:
        before = await scrape()
        company.world.clock.jump(60)
        after = await scrape()
        spent = {key[1]: after[key] - before[key] for key in after if key[0] == "node_cpu_seconds_total"}
        return 1 - spent["idle"] / sum(spent.values())

    first = await scrape()
    assert first[("pg_up", "")] == 1
    assert first[("auth_users_user_count", "")] >= 300
    assert first[("max_connections_connection_count", "")] == 60
    assert await load() == pytest.approx(0.22, abs=0.02)
    company.vendors["supabase"].set_switch("load", "overloaded")
    assert await load() == pytest.approx(0.97, abs=0.02)
    assert (await scrape())[("pg_stat_database_num_backends", "")] == 58


# Management


async def test_management_answers_match_the_specification(
    management: httpx.AsyncClient, database: ProductDatabase, matches_spec: Any
) -> None:
    """Everything that is read of the project has the documented shape."""
    matches_spec("supabase-management", "get", "/v1/projects/{ref}", await project(management))
    for path, query in (
        ("/health", SERVICES),
        ("/database/backups", {}),
        ("/config/disk/util", {}),
        ("/readonly", {}),
        ("/config/database/pooler", {}),
        ("/config/storage", {}),
        ("/storage/buckets", {}),
        ("/api-keys", {"reveal": "true"}),
        ("/billing/addons", {}),
        ("/restore", {}),
        ("/analytics/endpoints/usage.api-counts", {"interval": "1hr"}),
        ("/advisors/security", {}),
    ):
        answer = await management.get(path.lstrip("/"), params=query)
        assert answer.status_code == 200, path
        matches_spec("supabase-management", "get", f"/v1/projects/{{ref}}{path}", answer)


async def test_management_refuses_as_documented(company: Any, management: httpx.AsyncClient) -> None:
    """A wrong token is 401, another project 404, health without services 400."""
    wrong = company.client("supabase_management", Authorization="Bearer wrong")
    assert (await wrong.get(f"/v1/projects/{REF}")).json() == {"message": "Unauthorized"}
    other = company.client("supabase_management", **MANAGEMENT)
    assert (await other.get("/v1/projects/aaaaaaaaaaaaaaaaaaaa")).status_code == 404
    assert (await management.get("health")).status_code == 400
    assert (await management.get("health?services=auth,db")).status_code == 200


async def test_management_has_a_limit_of_120_a_minute(management: httpx.AsyncClient) -> None:
    """The headers count down, and the 121st call of a minute is 429."""
    first = await management.get("readonly")
    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("120", "119")
    for _ in range(119):
        assert (await management.get("readonly")).status_code == 200
    over = await management.get("readonly")
    assert over.status_code == 429
    assert 0 < int(over.headers["X-RateLimit-Reset"]) <= 60


async def test_backups_are_daily_or_a_window(company: Any, management: httpx.AsyncClient) -> None:
    """Point-in-time recovery turns daily backups off; the free plan has neither."""
    daily = (await management.get("database/backups")).json()
    assert len(daily["backups"]) == 7
    assert not daily["physical_backup_data"]
    company.vendors["supabase_management"].set_switch("backups", "pitr")
    window = (await management.get("database/backups")).json()
    assert window["backups"] == []
    assert window["physical_backup_data"]["latest_physical_backup_date_unix"] < company.world.clock.timestamp()
    company.vendors["supabase_management"].set_switch("backups", "none")
    assert (await management.get("database/backups")).json()["backups"] == []


async def test_a_restore_takes_the_project_away_for_a_while(
    company: Any, management: httpx.AsyncClient, public: httpx.AsyncClient
) -> None:
    """201; then the project restores, its services come up, its APIs are away; ten minutes later it is back."""
    unknown = await management.post("database/backups/restore", json={"id": 1})
    assert unknown.status_code == 404
    newest = (await management.get("database/backups")).json()["backups"][0]["id"]
    assert (await management.post("database/backups/restore", json={"id": newest})).status_code == 201
    assert (await project(management)).json()["status"] == "RESTORING"
    assert (await management.get("health?services=db")).json()[0]["status"] == "COMING_UP"
    assert (await public.get("/auth/v1/health")).status_code == 503
    assert (await management.post("database/backups/restore", json={"id": newest})).status_code == 409
    company.world.clock.jump(601)
    assert (await project(management)).json()["status"] == "ACTIVE_HEALTHY"
    assert (await public.get("/auth/v1/health")).status_code == 200


async def test_a_point_in_time_must_be_within_the_window(company: Any, management: httpx.AsyncClient) -> None:
    """Too old, in the future, or without the add-on: refused."""
    now = int(company.world.clock.timestamp())
    path = "database/backups/restore-pitr"
    assert (await management.post(path, json={"recovery_time_target_unix": now - 60})).status_code == 400
    company.vendors["supabase_management"].set_switch("backups", "pitr")
    for wrong in (now - 8 * 86_400, now + 3600, "now"):
        assert (await management.post(path, json={"recovery_time_target_unix": wrong})).status_code == 400
    assert (await management.post(path, json={"recovery_time_target_unix": now - 600})).status_code == 201
    assert company.vendors["supabase_management"].restores[0]["recovery_time_target_unix"] == now - 600


async def test_a_project_pauses_and_comes_back(management: httpx.AsyncClient, public: httpx.AsyncClient) -> None:
    """While paused it answers 540 and is INACTIVE."""
    assert (await management.post("pause")).status_code == 200
    assert (await public.get("/auth/v1/health")).status_code == 540
    assert (await project(management)).json()["status"] == "INACTIVE"
    assert (await management.post("restore")).status_code == 200
    assert (await public.get("/auth/v1/health")).status_code == 200


async def test_sql_is_run_with_the_rights_of_its_call(management: httpx.AsyncClient, database: ProductDatabase) -> None:
    """201 with rows; parameters as $1; a write is refused by the read-only call; an error is said with its code."""
    rows = await management.post(
        "database/query",
        json={"query": "select email from auth.users where email = $1", "parameters": [CASES["canary"]]},
    )
    assert (rows.status_code, rows.json()) == (201, [{"email": CASES["canary"]}])
    write = {"query": "update auth.users set updated_at = now()"}
    refused = await management.post("database/query/read-only", json=write)
    assert refused.status_code == 400
    assert "25006" in refused.json()["message"] or "42501" in refused.json()["message"]
    assert (await management.post("database/query", json=write | {"read_only": True})).status_code == 400
    count = await management.post("database/query/read-only", json={"query": "select count(*) from auth.users"})
    assert count.json()[0]["count"] >= 300
    wrong = await management.post("database/query", json={"query": "select * from storage.policies"})
    assert "42P01" in wrong.json()["message"]


async def test_logs_are_asked_in_sql(
    company: Any, management: httpx.AsyncClient, secret: httpx.AsyncClient, database: ProductDatabase
) -> None:
    """Errors of the gateway are found by status and time; what cannot be understood is said in `error`, with 200."""
    company.vendors["supabase"].set_switch("rest", "unhealthy")
    await secret.get("/rest/v1/sessions?limit=1")
    await secret.get("/auth/v1/health")
    now = datetime.fromtimestamp(company.world.clock.timestamp(), UTC)
    sql = (
        "select timestamp, event_message, log_attributes['request.path'] as path,"
        " toInt32OrZero(log_attributes['response.status_code']) as status from logs where source = 'edge_logs'"
        " and toInt32OrZero(log_attributes['response.status_code']) >= 500 order by timestamp desc limit 50"
    )
    query = {
        "sql": sql,
        "iso_timestamp_start": (now - timedelta(hours=1)).isoformat(),
        "iso_timestamp_end": (now + timedelta(seconds=1)).isoformat(),
    }
    answer = (await management.get("analytics/endpoints/logs", params=query)).json()
    assert answer["error"] is None
    assert [(row["path"], row["status"]) for row in answer["result"]] == [("/rest/v1/sessions", 503)]
    wrong = await management.get("analytics/endpoints/logs", params={"sql": "select * from edge_logs"})
    assert wrong.status_code == 200
    assert wrong.json()["error"]["message"]
    old = query | {"iso_timestamp_start": (now - timedelta(days=2)).isoformat()}
    assert (await management.get("analytics/endpoints/logs", params=old)).json()["error"]


async def test_signing_out_ends_this_session_alone(database: ProductDatabase, public: httpx.AsyncClient) -> None:
    """`scope=local` ends the session of the token, without a scope all of them end; without a token nothing does."""
    first, second = await signed_in(public, "granted_twice"), await signed_in(public, "granted_twice")
    counted = "select count(*) as n from auth.sessions s join auth.users u on u.id = s.user_id where u.email = %s"
    before = (await database.fetch(counted, [CASES["granted_twice"]]))[0]["n"]
    assert (await public.post("/auth/v1/logout?scope=local", headers=first)).status_code == 204
    assert (await database.fetch(counted, [CASES["granted_twice"]]))[0]["n"] == before - 1
    assert (await public.post("/auth/v1/logout", headers=second)).status_code == 204
    assert (await database.fetch(counted, [CASES["granted_twice"]]))[0]["n"] == 0
    refused = await public.post("/auth/v1/logout")
    assert (refused.status_code, refused.json()["error_code"]) == (401, "no_authorization")


async def test_the_redirects_of_auth(company: Any, management: httpx.AsyncClient) -> None:
    """They are those of the site beside this one, until the switch says otherwise."""
    site = f"{company.url}/site"
    right = (await management.get("/config/auth")).json()
    assert (right["site_url"], f"{site}/**" in right["uri_allow_list"].split(",")) == (site, True)
    company.vendors["supabase_management"].set_switch("redirects", "wrong_site")
    assert (await management.get("/config/auth")).json()["site_url"] == "http://localhost:3000"
    company.vendors["supabase_management"].set_switch("redirects", "not_listed")
    assert site not in (await management.get("/config/auth")).json()["uri_allow_list"]


async def test_refused_files_are_logged(company: Any, database: ProductDatabase, public: httpx.AsyncClient) -> None:
    """Too large, or of a wrong type: Storage writes which file it refused, and why."""
    headers = await signed_in(public, "granted_twice")
    person = company_of(company.world).books.cases["granted_twice"].id
    await database.fetch("update storage.buckets set file_size_limit = 10")
    where = f"/storage/v1/object/cvs/{person}/cv.pdf"
    await public.post(where, headers=headers | {"Content-Type": "application/pdf"}, content=b"x" * 11)
    await database.fetch("update storage.buckets set file_size_limit = 5242880")
    await public.post(where, headers=headers | {"Content-Type": "image/png"}, content=b"x")
    lines = [line for line in company_of(company.world).platform_log if line.source == "storage_logs"]
    assert [line.attributes["status"] for line in lines] == ["413", "415"]
    assert all(str(person) in line.attributes["path"] for line in lines)
