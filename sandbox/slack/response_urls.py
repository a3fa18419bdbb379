"""`response_url`: five uses in thirty minutes, ephemeral unless it says otherwise.

Source: Slack's page on handling user interaction. From a slash command there is no original message: `replace_original`
posts another one (bolt-js issue 2287, bolt-python issue 1268).
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sandbox.slack import blocks as block_kit
from sandbox.slack import payloads
from sandbox.slack.failing import drop, fail
from sandbox.slack.refusal import RefusedError
from sandbox.slack.state import Channel, Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

USES: Final = 5
SECONDS: Final = 1800.0


@dataclass(kw_only=True, slots=True)
class ResponseUrl:
    """Where an answer to one interaction may go. `source` is the ts of the message whose element was used."""

    user: str
    channel: str
    at: float
    source: str | None = None
    ephemeral: bool = False
    thread_ts: str | None = None
    uses: int = 0


class ResponseUrls:
    """All that were given out."""

    def __init__(self, workspace: Workspace) -> None:
        """Start with none."""
        self.given: dict[str, ResponseUrl] = {}
        self._workspace = workspace

    def issue(
        self,
        user: str,
        channel: str,
        *,
        source: str | None = None,
        ephemeral: bool = False,
        thread_ts: str | None = None,
    ) -> str:
        """Give one out and return its address."""
        token = secrets.token_urlsafe(18)
        self.given[token] = ResponseUrl(
            user=user, channel=channel, at=time.monotonic(), source=source, ephemeral=ephemeral, thread_ts=thread_ts
        )
        return f"{self._workspace.base_url}/slack/response/{token}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one POST."""
        workspace = self._workspace
        fault = workspace.faults.strike("slack", "response_url")
        if fault is not None:
            failed = await fail(fault, request)
            if failed is not None:
                workspace.log_call("response_url", {}, ok=False, error="fault", status=failed.status, fault=fault.kind)
                return failed
        if workspace.world.writes.begun("slack", "response_url"):
            drop(request)
            return web.Response(status=500)
        try:
            body = await request.json()
        except ValueError:
            body = None
        status, error = 200, ""
        try:
            self.use(request.match_info["token"], body)
        except RefusedError as refused:
            error = refused.code
            status = 404 if error in ("used_url", "expired_url", "invalid_url") else 400
        workspace.log_call(
            "response_url",
            body if isinstance(body, dict) else {},
            ok=not error,
            error=error,
            status=status,
            fault=fault.kind if fault else "",
        )
        struck = not error and workspace.world.writes.done("slack", "response_url")
        if struck or (fault is not None and fault.kind == "lost"):
            drop(request)
        if error:
            return web.json_response({"ok": False, "error": error}, status=status)
        return web.Response(text="ok")

    def use(self, token: str, body: Any) -> None:
        """Do what the answer says. Raise RefusedError as Slack does."""
        given = self.given.get(token)
        if given is None:
            raise RefusedError("invalid_url")
        if time.monotonic() - given.at > SECONDS:
            raise RefusedError("expired_url")
        if given.uses >= USES:
            raise RefusedError("used_url")
        given.uses += 1
        if not isinstance(body, dict):
            raise RefusedError("invalid_payload")
        self.respond(given, body)

    def respond(self, given: ResponseUrl, body: Json) -> None:
        """Put an answer where it belongs; an acknowledgement with a text does the same."""
        channel = self._workspace.channel(given.channel)
        if body.get("delete_original"):
            self._delete(given, channel)
            return
        parts = content(body)
        if body.get("replace_original") and given.source:
            self._replace(given, channel, parts)
            return
        message = payloads.bot_message(parts["text"], self._workspace.next_ts(), self._workspace.app.name)
        message |= {key: value for key, value in parts.items() if key != "text"}
        thread_ts = body.get("thread_ts") or given.thread_ts
        if thread_ts:
            message["thread_ts"] = thread_ts
        if body.get("response_type") == "in_channel":
            self._workspace.post(channel, message)
        else:
            self._workspace.post_ephemeral(channel, given.user, message)

    def _delete(self, given: ResponseUrl, channel: Channel) -> None:
        if given.ephemeral:
            channel.ephemerals = [held for held in channel.ephemerals if held["message"]["ts"] != given.source]
            self._workspace.push({"type": "messages", "channel": channel.id}, [given.user])
            return
        message = channel.message(given.source or "")
        if message is not None:
            self._workspace.remove(channel, message)

    def _replace(self, given: ResponseUrl, channel: Channel, parts: Json) -> None:
        if given.ephemeral:
            for held in channel.ephemerals:
                if held["message"]["ts"] == given.source:
                    for key in ("blocks", "attachments", "metadata"):
                        held["message"].pop(key, None)
                    held["message"].update(parts)
                    self._workspace.push_message(channel, held["message"], to=given.user)
            return
        message = channel.message(given.source or "")
        if message is not None:
            previous = dict(message)
            for key in ("blocks", "attachments"):
                message.pop(key, None)
            message.update(parts)
            self._workspace.change(channel, message, previous)


def content(args: Json) -> Json:
    """The checked text, blocks, attachments and metadata of a message. Raise RefusedError as Slack refuses them."""
    text = args.get("text")
    parts: Json = {"text": str(text) if text is not None else ""}
    if args.get("markdown_text") is not None:
        if args.get("blocks") or text:
            raise RefusedError("markdown_text_conflict")
        markdown = str(args["markdown_text"])
        if len(markdown) > 12_000:
            raise RefusedError("msg_too_long")
        parts["blocks"] = block_kit.message_blocks([{"type": "markdown", "text": markdown}])
        parts["text"] = markdown
    if args.get("blocks"):
        parts["blocks"] = block_kit.message_blocks(args["blocks"])
    if args.get("attachments"):
        attachments = block_kit.parsed(args["attachments"], "invalid_attachments")
        if not isinstance(attachments, list):
            raise RefusedError("invalid_attachments")
        if len(attachments) > 100:
            raise RefusedError("too_many_attachments")
        parts["attachments"] = attachments
    if not parts["text"] and "blocks" not in parts and "attachments" not in parts:
        raise RefusedError("no_text")
    if args.get("metadata") is not None:
        parts["metadata"] = metadata(args["metadata"])
    return parts


def metadata(value: Any) -> Json:
    """The checked metadata of a message, empty to take it away. Raise RefusedError as Slack refuses it."""
    given = block_kit.parsed(value, "invalid_metadata_format")
    if not isinstance(given, dict):
        raise RefusedError("invalid_metadata_format")
    if not given:
        return {}
    event_type, payload = given.get("event_type"), given.get("event_payload")
    if not isinstance(event_type, str) or not event_type or not isinstance(payload, dict):
        raise RefusedError("invalid_metadata_schema")
    if len(str(payload)) > 16_000:
        raise RefusedError("metadata_too_large")
    return {"event_type": event_type, "event_payload": payload}
