"""How Slack is heard: one catch-all listener a payload type, the same over Socket Mode and HTTP.

`process_before_response` makes Bolt answer when the listener returns: validate purely, store, ack. Bolt's own order
acks events before the listener runs, so a crash in between would lose one; and its runner looks for the ack of the
other types only every 10 ms. Source: slack_bolt 1.30, listener/asyncio_runner.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.metrics import ACKS
from bot.operation import Registry
from bot.slack import payloads
from bot.slack.blocks import form
from bot.slack.client import Slack, whoami
from bot.slack.inbox import Inbox
from bot.store.inbox import Received

log: structlog.stdlib.BoundLogger = structlog.get_logger("ilab.listeners")

_ANY: Final = re.compile(r"[\s\S]*")


def build(slack: Slack, inbox: Inbox, registry: Registry, *, command: str) -> AsyncApp:
    """The Bolt app with its listeners. `slack` knows who the bot is, so that Bolt need not ask per request.

    Signatures are checked in `bot.web`, before Bolt sees anything; Socket Mode has none.
    """

    async def authorize(**_: Any) -> AuthorizeResult:
        if slack.identity is None:  # it was silent when we started, and now it speaks
            await whoami(slack)
        return AuthorizeResult(
            enterprise_id=None,
            team_id=slack.team_id,
            bot_id=slack.bot_id,
            bot_user_id=slack.bot_user_id,
            bot_token=slack.quick.token,
        )

    app = AsyncApp(
        name="ilab",
        # without a token: Bolt warns of one that `authorize` makes needless
        client=AsyncWebClient(base_url=slack.quick.base_url, session=slack.session),
        authorize=authorize,
        process_before_response=True,
        request_verification_enabled=False,
        ssl_check_enabled=False,
        attaching_function_token_enabled=False,
    )
    listen = _Listeners(slack, inbox, registry)
    app.use(_NoticeRateLimit())
    app.command(command)(listen.command)
    app.action(_ANY)(listen.action)
    app.shortcut(_ANY)(listen.shortcut)
    app.view(_ANY)(listen.view)
    app.view_closed(_ANY)(listen.view_closed)
    app.event(_ANY)(listen.event)
    return app


class _Listeners:
    """The listeners, over one inbox."""

    def __init__(self, slack: Slack, inbox: Inbox, registry: Registry) -> None:
        self._slack = slack
        self._inbox = inbox
        self._registry = registry

    async def command(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._take("command", body, ack)

    async def action(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._take("action", body, ack)

    async def shortcut(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._take("shortcut", body, ack)

    async def view(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        view = body["view"]
        if view.get("callback_id") != form.CALLBACK:
            await ack()
            return
        understood = form.read(view, self._registry)
        if isinstance(understood, dict):
            await ack(response_action="errors", errors=understood)
            return
        await self._take("view", body, ack, response_action="update", view=form.working(understood.operation.words))

    async def view_closed(self, ack: AsyncAck) -> None:
        await ack()

    async def event(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        if body["event"].get("type") in ("app_uninstalled", "tokens_revoked"):
            log.error("slack took my rights away", reason=body["event"]["type"])
        if payloads.handled_event(body, self._slack.bot_user_id):
            await self._take("event", body, ack)
        else:
            await ack()

    async def _take(self, kind: str, body: dict[str, Any], ack: AsyncAck, **answer: Any) -> None:
        started = time.perf_counter()
        received = Received(
            key=payloads.key_of(kind, body),
            kind=kind,
            payload=payloads.storable(_without_token(body)),
            received_at=datetime.now(UTC),
        )
        new = await self._inbox.store(received)
        await ack(**answer)
        ACKS.labels(kind=kind).observe(time.perf_counter() - started)
        if new:
            self._inbox.start(received)


def _without_token(body: dict[str, Any]) -> dict[str, Any]:
    """The payload without Slack's old verification token: nothing reads it, and it is a secret."""
    return {key: value for key, value in body.items() if key != "token"}


class _NoticeRateLimit(AsyncMiddleware):
    """`app_rate_limited` comes as a body of its own, which no event listener matches.

    A middleware of Bolt's own kind: for a function Bolt gathers thirty arguments, at every request, before the ack.
    """

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 -- Bolt's own name
    ) -> BoltResponse | None:
        if req.body.get("type") == "app_rate_limited":
            log.error("slack holds events back", minute=req.body.get("minute_rate_limited"))
            return BoltResponse(status=200)
        return await next()
