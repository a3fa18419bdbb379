"""Resend's stand-in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.product import company_of
from sandbox.product.books import CASES

MAIL = {"from": "Ops <ops@interviewlab.io>", "to": "ana@example.com", "subject": "Maintenance", "text": "Tonight."}


@pytest.fixture
def resend(company: Any) -> httpx.AsyncClient:
    """A client of Resend with valid credentials, for which the limit of requests is lifted."""
    company.world.rate_limits = False
    return company.client("resend")


async def test_an_email_is_sent_and_delivered(company: Any, resend: httpx.AsyncClient, matches_spec: Any) -> None:
    """It is queued, sent, then delivered, in the bot's time; it stands first in the list."""
    sent = matches_spec("resend", "POST", "/emails", await resend.post("/emails", json=MAIL))
    where = f"/emails/{sent['id']}"
    assert (await resend.get(where)).json()["last_event"] == "queued"
    company.world.clock.jump(2)
    assert (await resend.get(where)).json()["last_event"] == "sent"
    company.world.clock.jump(5)
    email = matches_spec("resend", "GET", "/emails/{email_id}", await resend.get(where))
    assert (email["last_event"], email["to"]) == ("delivered", ["ana@example.com"])
    listed = matches_spec("resend", "GET", "/emails", await resend.get("/emails"))
    assert listed["data"][0]["id"] == sent["id"]
    assert len(listed["data"]) == 20  # Auth has sent mails, too


async def test_the_same_key_sends_once(company: Any, resend: httpx.AsyncClient) -> None:
    """Same key and content: one e-mail, one answer; other content is 409; after a day the key is free."""
    headers = {"Idempotency-Key": "inc-1-announcement"}
    first = await resend.post("/emails", json=MAIL, headers=headers)
    second = await resend.post("/emails", json=MAIL, headers=headers)
    assert first.json() == second.json()
    assert len(company.vendors["resend"].emails) == 6
    other = await resend.post("/emails", json=MAIL | {"subject": "Other"}, headers=headers)
    assert (other.status_code, other.json()["name"]) == (409, "invalid_idempotent_request")
    company.world.clock.jump(86401)
    assert (await resend.post("/emails", json=MAIL, headers=headers)).json() != first.json()
    too_long = await resend.post("/emails", json=MAIL, headers={"Idempotency-Key": "x" * 257})
    assert too_long.status_code == 400


async def test_a_batch_is_all_or_nothing(company: Any, resend: httpx.AsyncClient, matches_spec: Any) -> None:
    """A batch sends each e-mail to its own recipient; one wrong e-mail and none goes; a key covers the batch."""
    batch = [MAIL | {"to": f"user{number}@example.com"} for number in range(3)]
    for _ in range(2):
        answer = await resend.post("/emails/batch", json=batch, headers={"Idempotency-Key": "batch-1"})
        assert len(matches_spec("resend", "POST", "/emails/batch", answer)["data"]) == 3
    assert len(company.vendors["resend"].emails) == 8
    assert (await resend.post("/emails/batch", json=[*batch, {"to": "x"}])).status_code == 422
    assert (await resend.post("/emails/batch", json={})).status_code == 422
    assert (await resend.post("/emails/batch", json=[MAIL] * 101)).status_code == 422
    assert len(company.vendors["resend"].emails) == 8


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"from": ""}, 422),
        ({"to": []}, 422),
        ({"to": "nobody"}, 422),
        ({"to": ["a@example.com"] * 51}, 422),
        ({"text": ""}, 422),
        ({"from": "ops@gmail.com"}, 403),
        ({"scheduled_at": "soon"}, 422),
    ],
)
async def test_a_wrong_email_is_refused(resend: httpx.AsyncClient, change: dict[str, Any], status: int) -> None:
    """The error has statusCode, name and message."""
    refused = await resend.post("/emails", json=MAIL | change)
    assert refused.status_code == status
    assert refused.json()["statusCode"] == status
    assert set(refused.json()) == {"statusCode", "name", "message"}


async def test_credentials_and_a_user_agent_are_needed(company: Any, resend: httpx.AsyncClient) -> None:
    """A missing key is 401, a wrong one 403, and a caller without a name is stopped before with 1010."""
    missing = await company.client("resend", Authorization="").get("/emails")
    assert (missing.status_code, missing.json()["name"]) == (401, "missing_api_key")
    wrong = await company.client("resend", Authorization="Bearer re_x").get("/emails")
    assert (wrong.status_code, wrong.json()["name"]) == (403, "invalid_api_key")
    request = resend.build_request("GET", "/emails")
    del request.headers["User-Agent"]
    nameless = await resend.send(request)
    assert nameless.status_code == 403
    assert "1010" in nameless.text


async def test_switches_bounce_and_use_the_quota_up(company: Any, resend: httpx.AsyncClient) -> None:
    """`bounced` lets e-mails bounce, `used_up` refuses with daily_quota_exceeded."""
    company.vendors["resend"].set_switch("delivery", "bounced")
    sent = (await resend.post("/emails", json=MAIL)).json()
    company.world.clock.jump(10)
    assert (await resend.get(f"/emails/{sent['id']}")).json()["last_event"] == "bounced"
    company.vendors["resend"].set_switch("quota", "used_up")
    refused = await resend.post("/emails", json=MAIL)
    assert (refused.status_code, refused.json()["name"]) == (429, "daily_quota_exceeded")


async def test_a_scheduled_email_waits_and_may_be_cancelled(company: Any, resend: httpx.AsyncClient) -> None:
    """Until its time it is scheduled; cancelled, it is never sent; a sent one cannot be cancelled."""
    later = company.world.clock.now().replace(year=company.world.clock.now().year + 1).isoformat()
    sent = (await resend.post("/emails", json=MAIL | {"scheduled_at": later})).json()
    where = f"/emails/{sent['id']}"
    assert (await resend.get(where)).json()["last_event"] == "scheduled"
    assert (await resend.post(f"{where}/cancel")).status_code == 200
    assert (await resend.get(where)).json()["last_event"] == "canceled"
    assert (await resend.post(f"{where}/cancel")).status_code == 422


async def test_the_list_is_paged_by_id(resend: httpx.AsyncClient) -> None:
    """`after` leads on through the list, newest first; an unknown id and a wrong limit are refused."""
    first = (await resend.get("/emails", params={"limit": 3})).json()
    assert (first["has_more"], len(first["data"])) == (True, 3)
    rest = (await resend.get("/emails", params={"limit": 100, "after": first["data"][-1]["id"]})).json()
    ids = [mail["id"] for mail in [*first["data"], *rest["data"]]]
    assert len(set(ids)) == len(ids) == 103
    dates = [mail["created_at"] for mail in [*first["data"], *rest["data"]]]
    assert dates == sorted(dates, reverse=True)
    back = (await resend.get("/emails", params={"limit": 3, "before": rest["data"][0]["id"]})).json()
    assert back["data"] == first["data"]
    for wrong in ({"after": "x"}, {"limit": "0"}):
        assert (await resend.get("/emails", params=wrong)).status_code == 422
    assert (await resend.get("/emails/unknown")).status_code == 404


async def test_what_auth_mails_is_there(company: Any, resend: httpx.AsyncClient) -> None:
    """Auth sends by way of this account: a new customer's confirmation, which bounces where the address is wrong."""
    address = CASES["mail_bounced"]
    listed = (await resend.get("/emails", params={"limit": 100})).json()["data"]
    (mail,) = [mail for mail in listed if mail["to"] == [address]]
    assert (mail["subject"], mail["last_event"]) == ("Confirm your e-mail address", "bounced")
    company_of(company.world).mails.append((company.world.clock.timestamp() - 60, address, "recovery"))
    newest = (await resend.get("/emails", params={"limit": 1})).json()["data"][0]
    assert (newest["to"], newest["subject"]) == ([address], "Reset your password")
    assert (await resend.get(f"/emails/{newest['id']}")).json()["html"] == "<p>Reset your password</p>"


async def test_the_sixth_request_of_a_second_is_refused(company: Any) -> None:
    """Five requests a second; every answer says what is left."""
    client = company.client("resend")
    answers = [await client.get("/emails") for _ in range(6)]
    assert answers[0].headers["ratelimit-remaining"] == "4"
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].headers["retry-after"] == "1"
