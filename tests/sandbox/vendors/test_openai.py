"""OpenAI's stand-in."""

from __future__ import annotations

from typing import Any

import pytest

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Ask me something"}]}


async def test_models_are_listed_and_found(company: Any) -> None:
    """The list names models as OpenAI does; one is found by its id, an unknown one is 404 `model_not_found`."""
    client = company.client("openai")
    response = await client.get("/v1/models")
    listed = response.json()
    assert listed["object"] == "list"
    assert {"id", "object", "created", "owned_by"} == set(listed["data"][0])
    assert response.headers["openai-processing-ms"]
    assert (await client.get("/v1/models/gpt-4o-mini")).json()["id"] == "gpt-4o-mini"
    unknown = await client.get("/v1/models/gpt-0")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")


async def test_a_wrong_key_is_shown_in_part_only(company: Any) -> None:
    """401 `invalid_api_key` hides most of the key; no key at all has no code."""
    wrong = await company.client("openai", Authorization="Bearer sk-abcdefghijklmnop").get("/v1/models")
    assert wrong.status_code == 401
    error = wrong.json()["error"]
    assert error["code"] == "invalid_api_key"
    assert "sk-************mnop" in error["message"]
    none = await company.client("openai", Authorization="").get("/v1/models")
    assert (none.status_code, none.json()["error"]["code"]) == (401, None)


async def test_a_chat_and_a_response_are_answered(company: Any) -> None:
    """Both generating calls answer in their own shapes, with the headers of the rate limit, and count down."""
    client = company.client("openai")
    chat = await client.post("/v1/chat/completions", json=CHAT)
    assert chat.json()["choices"][0]["message"]["role"] == "assistant"
    assert chat.headers["x-ratelimit-limit-requests"] == "5000"
    assert chat.headers["x-ratelimit-remaining-requests"] == "4999"
    answer = (await client.post("/v1/responses", json={"model": "gpt-4o-mini", "input": "Hello"})).json()
    assert answer["output"][0]["content"][0]["type"] == "output_text"
    assert (await client.post("/v1/chat/completions", json={"model": "gpt-0"})).status_code == 404
    assert (await client.post("/v1/chat/completions", json={"model": "gpt-4o"})).status_code == 400


@pytest.mark.parametrize(
    ("option", "status", "code"), [("rate_limited", 429, "rate_limit_exceeded"), ("down", 503, None)]
)
async def test_the_switch_refuses(company: Any, option: str, status: int, code: str | None) -> None:
    """`rate_limited` answers 429 with Retry-After, `down` 503, both in OpenAI's error shape."""
    company.vendors["openai"].set_switch("api", option)
    client = company.client("openai")
    for response in (await client.get("/v1/models"), await client.post("/v1/chat/completions", json=CHAT)):
        assert (response.status_code, response.json()["error"]["code"]) == (status, code)
        assert ("retry-after" in response.headers) is (status == 429)


async def test_slow_answers_late(company: Any) -> None:
    """`slow` answers right, but late."""
    company.vendors["openai"].slow_seconds = 0.2
    company.vendors["openai"].set_switch("api", "slow")
    response = await company.client("openai").get("/v1/models")
    assert response.status_code == 200
    assert response.elapsed.total_seconds() >= 0.2
