"""A stand-in for OpenAI's API: models, chat completions and responses. https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

import uuid
from typing import Any, Final

from aiohttp import web

from sandbox.faults import Faults
from sandbox.vendors.vendor import Allowance, RateLimit, RefusalError, Switch, Vendor, call
from sandbox.world import CREDENTIALS, World

_MODELS: Final = {
    "gpt-4o": 1715367049,
    "gpt-4o-mini": 1721172741,
    "gpt-4.1": 1744316542,
    "gpt-4.1-mini": 1744318173,
    "gpt-5": 1754425777,
    "gpt-5-mini": 1754425928,
    "text-embedding-3-small": 1705948997,
    "whisper-1": 1677532384,
    "tts-1": 1681940951,
    "omni-moderation-latest": 1731689265,
}
"""Model → when it was created, seconds since the epoch."""


class OpenAI(Vendor):
    """One project's key. `api` put to `slow` answers after `slow_seconds`, to `rate_limited` with 429, to `down` with 503."""

    name = "openai"
    title = "OpenAI"
    switches = (Switch(name="api", label="The API", options=("ok", "slow", "rate_limited", "down")),)

    def __init__(self, world: World, faults: Faults) -> None:
        """Start with an idle project of tier 3: 5,000 requests a minute."""
        super().__init__(world, faults)
        self.slow_seconds = 3.0
        """Real seconds that an answer takes while the API is slow."""
        self._requests = RateLimit(world, limit=5000, seconds=60)
        self._allowance: Allowance | None = None

    def authorized(self, request: web.Request) -> bool:
        """Ask for the key as a bearer token."""
        return request.headers.get("Authorization") == f"Bearer {CREDENTIALS['openai.api_key']}"

    def error(self, status: int, message: str, *, code: str = "") -> web.Response:
        """Answer `{"error": {"message", "type", "param", "code"}}`; the type follows from the status."""
        kinds = {429: "requests", 500: "server_error", 502: "server_error", 503: "server_error"}
        kind = kinds.get(status, "invalid_request_error")
        body = {"message": message, "type": kind, "param": None, "code": code or None}
        return web.json_response({"error": body}, status=status)

    def unauthorized(self, request: web.Request) -> web.Response:
        """Answer 401, with `invalid_api_key` where there was a key; it is shown only in part."""
        key = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if not key:
            return self.error(401, "You didn't provide an API key. You need to provide it in an Authorization header.")
        shown = f"{key[:3]}{'*' * max(0, len(key) - 7)}{key[-4:]}"
        return self.error(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")

    async def before(self, request: web.Request) -> web.Response | None:
        """Be slow, or out of service."""
        del request
        if self.state["api"] == "slow":
            await self.linger(self.slow_seconds)
        if self.state["api"] == "down":
            return self.error(503, "The engine is currently overloaded, please try again later")
        return None

    def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the headers of every answer; the rate limits stand only on those of generating calls."""
        response.headers["openai-organization"] = "interviewlab"
        response.headers["openai-version"] = "2020-10-01"
        response.headers["openai-processing-ms"] = "3000" if self.state["api"] == "slow" else "42"
        response.headers["x-request-id"] = f"req_{uuid.uuid4().hex}"
        if request.method == "POST" and self._allowance:
            response.headers["x-ratelimit-limit-requests"] = str(self._allowance.limit)
            response.headers["x-ratelimit-remaining-requests"] = str(self._allowance.remaining)
            response.headers["x-ratelimit-reset-requests"] = f"{self._allowance.reset:.3f}s"
            response.headers["x-ratelimit-limit-tokens"] = "4000000"
            response.headers["x-ratelimit-remaining-tokens"] = str(4_000_000 - 60)
            response.headers["x-ratelimit-reset-tokens"] = "1ms"

    def _within_limits(self, model: str) -> None:
        """Count a generating call. Raise RefusalError (429) beyond the limit, or while the switch says so."""
        self._allowance = self._requests.take()
        if self.state["api"] == "rate_limited" or not self._allowance.allowed:
            message = f"Rate limit reached for {model} in organization org-interviewlab on requests per min (RPM)."
            response = self.error(429, f"{message} Please try again in 20s.", code="rate_limit_exceeded")
            response.headers["retry-after"] = "20"
            raise RefusalError(response)

    def _model(self, name: object) -> str:
        if isinstance(name, str) and name in _MODELS:
            return name
        message = f"The model `{name}` does not exist or you do not have access to it."
        raise RefusalError(self.error(404, message, code="model_not_found"))

    @staticmethod
    def _described(name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": _MODELS[name], "owned_by": "system"}

    @call("GET", "/v1/models", "list models")
    async def list_models(self, request: web.Request) -> web.Response:
        """List the models that the key may use."""
        del request
        self._rate_limited_reads()
        return web.json_response({"object": "list", "data": [self._described(name) for name in _MODELS]})

    @call("GET", "/v1/models/{model}", "get model")
    async def get_model(self, request: web.Request) -> web.Response:
        """Return one model."""
        self._rate_limited_reads()
        return web.json_response(self._described(self._model(request.match_info["model"])))

    def _rate_limited_reads(self) -> None:
        """Refuse reads, too, while the switch says so: the key is over its limit."""
        if self.state["api"] == "rate_limited":
            self._within_limits("gpt-4o-mini")

    @call("POST", "/v1/chat/completions", "create chat completion", writes=False)
    async def chat(self, request: web.Request) -> web.Response:
        """Answer a chat with one sentence. Streaming is not offered here."""
        body = await self.json_object(request)
        model = self._model(body.get("model"))
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages or body.get("stream"):
            raise RefusalError(self.error(400, "Invalid type for 'messages': expected a non-empty array."))
        self._within_limits(model)
        prompt = sum(len(str(message)) // 4 for message in messages)
        completion = {
            "id": f"chatcmpl-{uuid.uuid4().hex[:29]}",
            "object": "chat.completion",
            "created": int(self.now()),
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": self._reply(), "refusal": None},
                    "finish_reason": "stop",
                    "logprobs": None,
                }
            ],
            "usage": {"prompt_tokens": prompt, "completion_tokens": 12, "total_tokens": prompt + 12},
            "service_tier": "default",
        }
        return web.json_response(completion)

    @call("POST", "/v1/responses", "create response", writes=False)
    async def respond(self, request: web.Request) -> web.Response:
        """Answer an input with one sentence, in the shape of the Responses API."""
        body = await self.json_object(request)
        model = self._model(body.get("model"))
        if "input" not in body or body.get("stream"):
            raise RefusalError(self.error(400, "Missing required parameter: 'input'."))
        self._within_limits(model)
        prompt = len(str(body["input"])) // 4
        text = {"type": "output_text", "text": self._reply(), "annotations": []}
        answer = {
            "id": f"resp_{uuid.uuid4().hex}",
            "object": "response",
            "created_at": int(self.now()),
            "status": "completed",
            "error": None,
            "model": model,
            "output": [
                {
                    "id": f"msg_{uuid.uuid4().hex}",
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": [text],
                }
            ],
            "usage": {"input_tokens": prompt, "output_tokens": 12, "total_tokens": prompt + 12},
        }
        return web.json_response(answer)

    @staticmethod
    def _reply() -> str:
        return "Tell me about a time when you had to change a plan at short notice."
